"""Data as an estimator takes it: scikit-learn's checks, and where in the data a fault is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from sklearn.utils.validation import _check_sample_weight, validate_data

from chainrule.errors import ArgumentError

#: Types of numbers that are trained in; others become the first.
FLOATS = (np.float64, np.float32)

_OPTIONS: dict[str, Any] = {"accept_sparse": "csr", "dtype": FLOATS}


def features(estimator: Any, X: Any) -> Any:
    """Return X for predictions, dense or sparse by rows.

    Raises
    ------
    ValueError
        As from scikit-learn; for a NaN or an infinity with row and column.
    """
    with _placing(X):
        return validate_data(estimator, X, reset=False, **_OPTIONS)


def features_and_targets(estimator: Any, X: Any, y: Any, *, reset: bool, numeric: bool) -> Any:
    """Return X, dense or sparse by rows, and y.

    Parameters
    ----------
    estimator : object
        Gets `n_features_in_` and `feature_names_in_`, or is asked whether they still hold.
    X : array-like or sparse matrix, shape (n, features)
    y : array-like
    reset : bool
        Whether this is data to begin with.
    numeric : bool
        Whether `y` has to be numbers.

    Returns
    -------
    X, y

    Raises
    ------
    ValueError
        As from scikit-learn; for a NaN or an infinity with row and column.
    """
    options = {**_OPTIONS, "multi_output": True, "y_numeric": numeric, "reset": reset}
    with _placing(X, y):
        return validate_data(estimator, X, y, **options)


@contextmanager
def _placing(X: Any, y: Any = None) -> Iterator[None]:
    """Say where, when scikit-learn says that there is a NaN or an infinity."""
    try:
        yield
    except ValueError as error:
        where = _where(error, X, y)
        if where is None:
            raise
        first, *_ = str(error).splitlines()
        raise ArgumentError(
            first, expected="finite numbers", got=where,
            instead="rows without it, or make_pipeline(SimpleImputer(), ...)",
        ) from error  # fmt: skip


def weights_of(X: Any, sample_weight: Any) -> np.ndarray | None:
    """Return weights of samples in the type of X; None where there are none.

    Raises
    ------
    ValueError
        When there are not as many as rows, one is negative, or all are 0.
    """
    if sample_weight is None:
        return None
    weights: np.ndarray = _check_sample_weight(
        sample_weight, X, dtype=X.dtype, ensure_non_negative=True
    )
    if not weights.any():
        raise ArgumentError(
            "sample_weight leaves nothing to learn from.", expected="a weight above 0",
            got=f"{len(weights)} weights, all 0",
        )  # fmt: skip
    return weights


def _where(error: ValueError, X: Any, y: Any) -> str | None:
    """Return where the first NaN or infinity is that scikit-learn complained about."""
    said = str(error)
    if "NaN" not in said and "infinity" not in said:
        return None
    name, values = ("y", y) if said.startswith("Input y") else ("X", X)
    try:
        place = _first_not_finite(values)
    except (TypeError, ValueError):
        return None
    if place is None:
        return None
    row, *rest, number = place
    columns = getattr(values, "columns", None)
    column = "" if not rest else f", column {rest[0]}"
    if rest and columns is not None:
        column = f", column {columns[rest[0]]!r}"
    return f"{number} in {name}, row {row}{column} (counted from 0)"


def _first_not_finite(values: Any) -> tuple[Any, ...] | None:
    """Return row, column and number of the first element that is not finite."""
    if hasattr(values, "tocoo"):
        found = values.tocoo()
        bad = np.flatnonzero(~np.isfinite(found.data))
        if not len(bad):
            return None
        at = bad[np.lexsort((found.col[bad], found.row[bad]))[0]]
        return int(found.row[at]), int(found.col[at]), float(found.data[at])
    array = np.asarray(values, np.float64)
    # As large in single precision may be infinite: scikit-learn looked at X in its own type.
    bad_places = np.argwhere(~np.isfinite(array))
    if not len(bad_places):
        return None
    place = tuple(int(i) for i in bad_places[0])
    return (*place, float(array[place]))
