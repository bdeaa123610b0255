"""Classes as numbers that a network is trained on, and back."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.multiclass import check_classification_targets, type_of_target, unique_labels
from sklearn.utils.validation import column_or_1d

from chainrule.errors import ArgumentError


def checked_labels(y: Any) -> tuple[np.ndarray, bool]:
    """Return labels as an array, and whether each row has several.

    Parameters
    ----------
    y : array, shape (n,), (n, 1), or (n, labels) of 0 and 1
        The last may be sparse.

    Returns
    -------
    y : array, shape (n,) or (n, labels)
    is_multilabel : bool

    Raises
    ------
    ValueError
        When these are no classes.
    """
    y = y.toarray() if hasattr(y, "toarray") else np.asarray(y)
    if y.ndim == 2 and y.shape[1] == 1:
        y = column_or_1d(y, warn=True)
    check_classification_targets(y)
    kind = type_of_target(y, input_name="y")
    if kind.startswith("multiclass-multi"):
        raise ArgumentError(
            "y has several columns, which are not all of 0 and 1.",
            expected="classes of shape (n,), or 0 and 1 of shape (n, labels)",
            got=f"shape {y.shape}",
            instead="sklearn.multioutput.MultiOutputClassifier, with a network for each column",
        )
    return y, kind.startswith("multilabel")


def classes_of(y: np.ndarray, is_multilabel: bool) -> np.ndarray:
    """Return the classes that there are.

    Raises
    ------
    ArgumentError
        When there is one class only.
    """
    if is_multilabel:
        return np.arange(y.shape[1])
    classes: np.ndarray = unique_labels(y)
    check_several(classes, "y")
    return classes


def check_several(classes: np.ndarray, what: str) -> None:
    """Refuse one class: there is nothing to tell apart.

    Raises
    ------
    ArgumentError
    """
    if len(classes) < 2:
        raise ArgumentError(
            f"{what} has one class only, so there is nothing to tell apart.",
            expected="2 classes or more", got=", ".join(repr(c) for c in classes.tolist()),
        )  # fmt: skip


def check_known(y: np.ndarray, classes: np.ndarray, is_multilabel: bool) -> None:
    """Refuse labels that were not among the classes at first.

    Raises
    ------
    ArgumentError
        Names the labels and the row of the first.
    """
    if is_multilabel:
        if y.shape[1] != len(classes):
            raise ArgumentError(
                "y has another number of labels than before.",
                expected=f"{len(classes)} columns", got=f"{y.shape[1]} columns",
            )  # fmt: skip
        return
    unknown = ~np.isin(y, classes)
    if unknown.any():
        row = int(np.argmax(unknown))
        labels = ", ".join(repr(c) for c in np.unique(y[unknown]).tolist()[:5])
        raise ArgumentError(
            "`y` has classes that were not there at first.",
            expected=f"one of {', '.join(repr(c) for c in classes.tolist())}",
            got=f"{labels}, first in row {row}",
            instead="partial_fit(..., classes=all classes) at the first call",
        )


def encoded(y: np.ndarray, classes: np.ndarray, output: str, dtype: Any) -> np.ndarray:
    """Return labels as a network's loss takes them: class numbers for softmax, else 0 and 1.

    Returns
    -------
    array, shape (n,) or (n, outputs)
    """
    if y.ndim == 2:
        return np.asarray(y, dtype)
    numbers = np.searchsorted(classes, y)
    return np.asarray(numbers, np.int64) if output == "softmax" else numbers[:, None].astype(dtype)


def decoded(predicted: np.ndarray, classes: np.ndarray, output: str) -> np.ndarray:
    """Return the labels for a network's probabilities."""
    if output == "logistic" and predicted.shape[1] > 1:
        return (predicted > 0.5).astype(int)
    softmax = output == "softmax"
    chosen = np.argmax(predicted, axis=1) if softmax else (predicted[:, 0] > 0.5).astype(int)
    labels: np.ndarray = classes[chosen]
    return labels


def class_weights(
    class_weight: Any, y: np.ndarray, classes: np.ndarray, weights: np.ndarray | None, dtype: Any
) -> np.ndarray | None:
    """Return the weights of samples, with those of their classes.

    Parameters
    ----------
    class_weight : None, "balanced", or dict of class -> weight
        For several labels a row, a list of dicts; weights of a row's labels are multiplied.
    y : array, shape (n,) or (n, labels)
    classes : array
    weights : array, shape (n,), or None
    dtype : data type

    Returns
    -------
    array, shape (n,), or None
    """
    if class_weight is None:
        return weights
    if y.ndim == 2:
        own = compute_sample_weight(class_weight, y)
    else:
        own = _of_classes(class_weight, y, classes, weights)
    return np.asarray(own if weights is None else own * weights, dtype)


def _of_classes(
    class_weight: Any, y: np.ndarray, classes: np.ndarray, weights: np.ndarray | None
) -> np.ndarray:
    numbers = np.searchsorted(classes, y)
    if isinstance(class_weight, str):  # each class counts as much as any other that is there
        counts = np.bincount(numbers, weights, minlength=len(classes))
        each = counts.sum() / np.count_nonzero(counts) / np.where(counts > 0, counts, 1)
        return np.asarray(each[numbers])
    given = {c: class_weight.get(c) for c in classes.tolist()}
    unknown = [c for c in class_weight if c not in given]
    if unknown and None in given.values():
        raise ArgumentError(
            "class_weight names a class that is not in y.",
            expected=f"one of {', '.join(map(repr, given))}",
            got=", ".join(map(repr, unknown)),
        )
    return np.array([1.0 if w is None else w for w in given.values()])[numbers]
