"""What a model is trained on, checked before anything is computed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.errors import ArgumentError, DtypeError, ShapeError
from chainrule.nn.targets import check_targets

#: Bytes that are looked at at a time; data on disk are never read as a whole.
_BLOCK = 2**24


@dataclass(frozen=True)
class Data:
    """Rows to train or evaluate on: x, y, and the weights of samples if there are any."""

    arrays: tuple[np.ndarray, ...]

    @property
    def rows(self) -> int:
        """How many samples there are."""
        return len(self.arrays[0])

    def split(self, share: float) -> tuple[Data, Data]:
        """Return the first rows, and the last ones that make up a share.

        Raises
        ------
        ArgumentError
            When one of the two would be empty.
        """
        if not 0 < share < 1:
            raise ArgumentError(
                "validation_split is the share of rows that are held out.",
                expected="a number between 0 and 1", got=repr(share),
            )  # fmt: skip
        held = round(self.rows * share)
        if not 0 < held < self.rows:
            raise ArgumentError(
                "validation_split leaves nothing to train on, or to validate with.",
                expected="at least one row of each", got=f"{held} of {self.rows} rows held out",
            )  # fmt: skip
        kept = self.rows - held
        return Data(tuple(a[:kept] for a in self.arrays)), Data(
            tuple(a[kept:] for a in self.arrays)
        )


def features(x: Any, dtype: Any, name: str = "x") -> np.ndarray:
    """Return samples as an array with finite numbers of a floating type.

    An array on disk stays there, in its own type.

    Parameters
    ----------
    x : array, shape (n, ...)
    dtype : data type
    name : str
        What to call it in messages.

    Raises
    ------
    DtypeError
        When it does not hold numbers; names the column.
    ArgumentError
        When there are no rows, or one holds a NaN or an infinity; names row and column.
    """
    if hasattr(x, "toarray") and hasattr(x, "nnz"):
        raise DtypeError(
            f"{name} is a sparse matrix.", expected="an array", got=type(x).__name__,
            instead=f"{name}.toarray(), or chainrule.sklearn, which takes sparse matrices",
        )  # fmt: skip
    columns = [str(c) for c in getattr(x, "columns", ())]
    array = x if isinstance(x, np.memmap) else np.asarray(x)
    if array.dtype.kind not in "fiub":
        raise _no_numbers(array, columns, name)
    if array.ndim == 0:
        raise ShapeError(
            f"{name} is a single number.", expected="an array with a row for each sample",
            got=repr(x)[:80],
        )  # fmt: skip
    if not array.size:
        raise ArgumentError(
            f"{name} is empty.", expected="at least one row and one column",
            got=f"shape {array.shape}",
        )  # fmt: skip
    refuse_non_finite(array, columns, name)
    if isinstance(array, np.memmap):
        return array
    return np.ascontiguousarray(array, dtype)


def _no_numbers(array: np.ndarray, columns: list[str], name: str) -> DtypeError:
    got = f"an array of {array.dtype}"
    if array.ndim == 2 and array.dtype == object:
        for k in range(array.shape[1]):
            for row, value in enumerate(array[:, k]):
                if not isinstance(value, (int, float, np.number)):
                    column = columns[k] if k < len(columns) else str(k)
                    got = f"{value!r} in row {row} of column {column}"
                    return DtypeError(
                        f"{name} does not hold numbers only.", expected="an array of numbers",
                        got=got, instead="numbers for its categories: one column for each, 0 or 1",
                    )  # fmt: skip
        got = "an array of objects, all of them numbers"
        return DtypeError(
            f"{name} has no numeric type.", expected="an array of numbers", got=got,
            instead=f"np.asarray({name}, float)",
        )  # fmt: skip
    return DtypeError(f"{name} does not hold numbers.", expected="an array of numbers", got=got)


def refuse_non_finite(array: np.ndarray, columns: list[str], name: str) -> None:
    """Refuse the first NaN or infinity, by its row and column.

    Raises
    ------
    ArgumentError
    """
    if array.dtype.kind != "f":
        return
    step = max(1, _BLOCK // max(array[:1].nbytes, 1))
    for start in range(0, len(array), step):
        block = array[start : start + step]
        finite = np.isfinite(block)
        if finite.all():
            continue
        place = tuple(map(int, np.argwhere(~finite)[0]))
        value, row = block[place], start + place[0]
        column = ""
        if len(place) > 1:
            known = columns[place[1]] if place[1] < len(columns) else None
            column = f", column {known or ', '.join(map(str, place[1:]))}"
        raise ArgumentError(
            f"{name} holds {'a NaN' if np.isnan(value) else 'an infinity'}: row {row}{column}.",
            expected="finite numbers", got=f"{value} in row {row}{column}",
            instead="leave such rows out, or fill them: np.nan_to_num, or a SimpleImputer",
        )  # fmt: skip


def checked(
    x: Any,
    y: Any,
    weights: Any,
    *,
    loss: str | Callable[..., Any],
    shape_of_one: Callable[[tuple[int, ...]], tuple[int, ...]],
    dtype: Any,
    class_weights: Any = None,
    name: str = "",
) -> Data:
    """Return data in the form in which they are trained on, or refuse them.

    Parameters
    ----------
    x, y : array
    weights : array or None
        Of samples.
    loss : str or callable
    shape_of_one : callable
        Shape of a sample -> shape of what is predicted for it; refuses what does not fit.
    dtype : data type
        Of the parameters.
    class_weights : mapping or sequence, optional
        Weight of each label.
    name : str
        Which data they are, for messages.

    Raises
    ------
    ArgumentError, ShapeError, DtypeError
    """
    said = f" of the {name} data" if name else ""
    x = features(x, dtype, f"x{said}")
    if y is None:
        raise ArgumentError(f"y{said} is missing.", expected="a target for each row of x")
    predictions = (len(x), *shape_of_one(x.shape[1:]))
    targets = y if isinstance(y, np.memmap) else np.asarray(y)
    check_targets(loss, predictions, targets, weights=weights)
    if targets.dtype.kind in "bu":
        targets = targets.astype(np.int64)
    if targets.dtype.kind == "f" and not isinstance(targets, np.memmap):
        targets = targets.astype(dtype, copy=False)
    if weights is None and class_weights is None:
        return Data((x, targets))
    every = np.ones(len(x), dtype) if weights is None else np.asarray(weights, dtype)
    if class_weights is not None:
        by_class = weights_by_class(class_weights, targets)
        every = every * by_class.astype(dtype).reshape(-1, *(1,) * (every.ndim - 1))
    return Data((x, targets, np.ascontiguousarray(every)))


def weights_by_class(class_weights: Any, y: np.ndarray) -> np.ndarray:
    """Return the weight of each sample by its label.

    Parameters
    ----------
    class_weights : mapping of label to weight, or sequence with the weight of label k at place k
        Labels that a mapping does not have weigh 1. ``"balanced"`` gives all classes one weight
        together: n / (number of classes · rows of the class).
    y : array of int, shape (n,)

    Raises
    ------
    ArgumentError

    Examples
    --------
    >>> weights_by_class({1: 3.0}, np.array([0, 1, 1]))
    array([1., 3., 3.])
    """
    labels = y[:, 0] if y.ndim == 2 and y.shape[1] == 1 else y
    if labels.ndim != 1 or labels.dtype.kind not in "iuf":
        raise ArgumentError(
            "class_weights needs labels.", expected="y of shape (n,)",
            got=f"shape {y.shape}, {y.dtype}", instead="sample_weights",
        )  # fmt: skip
    classes, places, counts = np.unique(labels, return_inverse=True, return_counts=True)
    if isinstance(class_weights, str):
        if class_weights != "balanced":
            raise ArgumentError(
                "class_weights is not known.", expected="'balanced', or a weight for each label",
                got=repr(class_weights),
            )  # fmt: skip
        found = len(labels) / (len(classes) * counts)
    elif isinstance(class_weights, Mapping):
        unknown = [k for k in class_weights if k not in classes]
        if unknown:
            raise ArgumentError(
                f"class_weights has a label that does not occur in y: {unknown[0]!r}.",
                expected=f"some of {', '.join(map(str, classes[:10]))}", got=repr(unknown[0]),
            )  # fmt: skip
        found = np.array([class_weights.get(c.item(), 1.0) for c in classes], float)
    else:
        each = np.asarray(class_weights, float)
        if each.ndim != 1 or len(each) <= classes.max() or classes.min() < 0:
            raise ArgumentError(
                "class_weights has a weight for each label.",
                expected=f"{int(classes.max()) + 1} numbers", got=f"shape {each.shape}",
            )  # fmt: skip
        found = each[classes.astype(int)]
    if not (np.isfinite(found).all() and (found >= 0).all() and found.any()):
        raise ArgumentError(
            "A weight of a class is negative or not finite, or all are 0.",
            expected="numbers from 0", got=str(found),
        )  # fmt: skip
    return np.asarray(found[places.reshape(labels.shape)])
