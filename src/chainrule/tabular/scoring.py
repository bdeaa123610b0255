"""How right predictions are."""

from __future__ import annotations

import math

import numpy as np

#: A probability of the right class is taken to be no smaller than this, as by scikit-learn.
_EPS = float(np.finfo(float).eps)

#: Score -> whether more is better.
BETTER_LARGER = {
    "accuracy": True, "balanced accuracy": True, "log loss": False,
    "R²": True, "mean absolute error": False, "root mean squared error": False,
}  # fmt: skip


def of_classes(labels: np.ndarray, probabilities: np.ndarray) -> dict[str, float]:
    """Return accuracy, balanced accuracy and log loss.

    Parameters
    ----------
    labels : array of int, shape (n,)
    probabilities : array, shape (n, k)

    Returns
    -------
    dict of str to float
        Balanced accuracy is the mean over the classes that occur of the share found right.

    Examples
    --------
    >>> p = np.array([[0.9, 0.1], [0.8, 0.2], [0.4, 0.6], [0.7, 0.3]])
    >>> {k: round(v, 3) for k, v in of_classes(np.array([0, 0, 1, 1]), p).items()}
    {'accuracy': 0.75, 'balanced accuracy': 0.75, 'log loss': 0.511}
    """
    right = probabilities.argmax(axis=1) == labels
    found = [float(right[labels == label].mean()) for label in np.unique(labels)]
    own = probabilities[np.arange(len(labels)), labels].astype(float)
    return {
        "accuracy": float(right.mean()),
        "balanced accuracy": float(np.mean(found)),
        "log loss": float(-np.log(np.clip(own, _EPS, 1.0)).mean()),
    }


def of_values(y: np.ndarray, predicted: np.ndarray) -> dict[str, float]:
    """Return R², mean absolute error and root mean squared error.

    Parameters
    ----------
    y, predicted : array, shape (n,)

    Returns
    -------
    dict of str to float
        R² is NaN where all values are the same.

    Examples
    --------
    >>> of_values(np.array([0.0, 2.0]), np.array([0.0, 1.0]))["R²"]
    0.5
    """
    wrong = predicted - y
    spread = float(np.sum((y - y.mean()) ** 2))
    return {
        "R²": 1 - float(np.sum(wrong**2)) / spread if spread else float("nan"),
        "mean absolute error": float(np.abs(wrong).mean()),
        "root mean squared error": float(np.sqrt(np.mean(wrong**2))),
    }


def confusion(labels: np.ndarray, predicted: np.ndarray, classes: int) -> np.ndarray:
    """Return how often each class was taken for each.

    Parameters
    ----------
    labels, predicted : array of int, shape (n,)
    classes : int

    Returns
    -------
    array of int, shape (classes, classes)
        Rows are what is true, columns what was predicted.

    Examples
    --------
    >>> confusion(np.array([0, 0, 1]), np.array([0, 1, 1]), 2).tolist()
    [[1, 1], [0, 1]]
    """
    counts = np.zeros((classes, classes), dtype=int)
    np.add.at(counts, (labels, predicted), 1)
    return counts


def score_text(value: float, name: str) -> str:
    """Return a score: shares with three decimals, others with four digits.

    Examples
    --------
    >>> score_text(0.96667, "accuracy"), score_text(1234.56, "mean absolute error")
    ('0.967', '1,235')
    """
    if not math.isfinite(value):
        return "undefined"
    if name in ("accuracy", "balanced accuracy", "R²", "log loss"):
        return f"{value:.3f}"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"
