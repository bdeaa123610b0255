"""Targets checked before training, where their values are known: the row and value that cannot be.

A loss itself sees shapes and types alone once it is compiled; a label that is out of range would
then pick what there is not.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from chainrule.calling import public
from chainrule.errors import ArgumentError, ShapeError
from chainrule.nn.losses import LOSSES, Loss, found_loss, original

#: How far the probabilities of a row may be from adding up to 1.
_ROUNDING = 1e-3


@public
def check_targets(
    loss: str | Loss, prediction_shape: Sequence[int], y: Any, *, weights: Any = None
) -> None:
    """Refuse targets, and weights of samples, that a loss cannot be taken of.

    Parameters
    ----------
    loss : str or callable
        A key of `LOSSES`, or a loss. Of a loss of the user's own nothing is known but that it
        needs a target for each row.
    prediction_shape : sequence of int
        Shape of all predictions, with the samples along the first axis.
    y : array
        All targets.
    weights : array, optional
        Of samples or elements, as the loss takes them.

    Raises
    ------
    ArgumentError
        When there is no such loss, or a value cannot be; names the row and the value.
    ShapeError
        When the shapes do not belong together.

    Examples
    --------
    >>> check_targets("cross_entropy", (3, 4), np.array([0, 3, 1]))
    >>> check_targets("cross_entropy", (3, 4), np.array([0, 4, 1]))
    Traceback (most recent call last):
        ...
    chainrule.errors.ArgumentError: A label is out of range: y[1] is 4.
      expected: labels from 0 to 3
      got:      4 in row 1
      instead:  a last layer with 5 units, or labels numbered from 0
    """
    name = _name_of(loss)
    shape, targets = tuple(prediction_shape), np.asarray(y)
    if targets.ndim == 0 or len(targets) != shape[0]:
        raise ShapeError(
            "There has to be a target for each sample.",
            expected=f"{shape[0]} rows in y",
            got=f"{len(targets)} rows" if targets.ndim else "a single value",
        )
    if name is not None:
        _check_numbers(targets)
        _CHECKS[name](shape, targets)
    if weights is not None:
        by_sample = name == "cross_entropy"
        _check_weights(shape[:1] if by_sample else shape, np.asarray(weights))


def _name_of(loss: str | Loss) -> str | None:
    """Return the key of a loss, or None for one of the user's own."""
    known = original(found_loss(loss))
    return next((name for name, each in LOSSES.items() if each is known), None)


# -- values ----------------------------------------------------------------------------


def _check_numbers(y: np.ndarray) -> None:
    """Refuse what is not a number, or not finite."""
    if y.dtype.kind not in "fiub":
        first = repr(y.ravel()[:1].tolist()[0]) if y.size else ""
        raise ArgumentError(
            "The targets are not numbers.", expected="an array of numbers",
            got=f"an array of {y.dtype}; y[0] is {first}" if first else f"{y.dtype}",
            instead="np.unique(y, return_inverse=True)[1], which numbers the classes",
        )  # fmt: skip
    _refuse(~np.isfinite(y), y, "A target is not finite", "finite numbers")


def _refuse(
    wrong: np.ndarray, y: np.ndarray, what: str, expected: str, instead: str | None = None,
    name: str = "y",
) -> None:  # fmt: skip
    """Refuse the first element that is wrong, by its row and value."""
    if not wrong.any():
        return
    place = tuple(map(int, np.argwhere(wrong)[0]))
    at = ", ".join(map(str, place))
    raise ArgumentError(
        f"{what}: {name}[{at}] is {y[place]}.", expected=expected,
        got=f"{y[place]} in row {place[0]}", instead=instead,
    )  # fmt: skip


def _check_shape(shape: tuple[int, ...], y: np.ndarray) -> None:
    if y.shape == shape or (*y.shape, 1) == shape or y.shape == (*shape, 1):
        return
    raise ShapeError(
        "The targets do not have the shape of the predictions.",
        expected=f"y of shape {shape}", got=f"shape {y.shape}",
        instead="a last layer with as many units as y has columns",
    )  # fmt: skip


def _check_binary(shape: tuple[int, ...], y: np.ndarray) -> None:
    _check_shape(shape, y)
    _refuse(
        (y < 0) | (y > 1), y, "A target of binary_cross_entropy is not from 0 to 1",
        "0, 1 or probabilities",
        "(y + 1) / 2 for labels -1 and 1; cross_entropy for more than two classes",
    )  # fmt: skip


def _check_hinge(shape: tuple[int, ...], y: np.ndarray) -> None:
    _check_shape(shape, y)
    signs = y.astype(float)  # booleans have no absolute value
    _refuse(
        np.abs(signs) != 1, y, "A target of hinge is neither -1 nor 1", "labels -1 and 1",
        "2 * y - 1 for labels 0 and 1",
    )  # fmt: skip


def _check_classes(shape: tuple[int, ...], y: np.ndarray) -> None:
    if len(shape) != 2:
        raise ShapeError(
            "cross_entropy takes a row of logits for each sample.",
            expected="predictions of shape (n, k)", got=f"shape {shape}",
        )  # fmt: skip
    classes = shape[1]
    if classes == 1:
        raise ShapeError(
            "With one logit there is one class, of which the cross-entropy is always 0.",
            expected="predictions with a column for each class", got=f"shape {shape}",
            instead="a last layer with 2 units, or binary_cross_entropy with 1",
        )  # fmt: skip
    if y.ndim == 1:
        _check_labels(classes, y)
    elif y.shape == shape:
        _check_probabilities(y)
    else:
        raise ShapeError(
            "The targets of cross_entropy do not belong to the predictions.",
            expected=f"labels of shape {shape[:1]}, or probabilities of shape {shape}",
            got=f"shape {y.shape}",
            instead="y[:, 0], where y holds labels" if y.shape == (shape[0], 1) else None,
        )


def _check_labels(classes: int, y: np.ndarray) -> None:
    if y.dtype.kind == "f":
        _refuse(
            y != np.rint(y), y, "A label is not whole", f"integers from 0 to {classes - 1}",
            "binary_cross_entropy for probabilities of two classes; rows of shape (n, k) for more",
        )  # fmt: skip
    if y.dtype.kind not in "iu":
        raise ArgumentError(
            "Labels are integers.", expected=f"integers from 0 to {classes - 1}",
            got=f"an array of {y.dtype}; y[0] is {y[0]}" if len(y) else f"an array of {y.dtype}",
            instead="y.astype(int)",
        )  # fmt: skip
    most = int(y.max(initial=0))
    _refuse(
        (y < 0) | (y >= classes), y, "A label is out of range", f"labels from 0 to {classes - 1}",
        f"a last layer with {most + 1} units, or labels numbered from 0"
        if most >= classes else "labels numbered from 0",
    )  # fmt: skip


def _check_probabilities(y: np.ndarray) -> None:
    _refuse(
        (y < 0) | (y > 1), y, "A target probability is not from 0 to 1",
        "rows of probabilities that add up to 1", "labels of shape (n,), where y holds labels",
    )  # fmt: skip
    totals = y.sum(axis=1)
    wrong = np.abs(totals - 1) > _ROUNDING
    if wrong.any():
        row = int(np.argmax(wrong))
        raise ArgumentError(
            f"The target probabilities of row {row} do not add up to 1.",
            expected="rows of probabilities that add up to 1",
            got=f"{totals[row]:g} in row {row}: {y[row]}",
            instead="y / y.sum(axis=1, keepdims=True); binary_cross_entropy where several "
            "classes can be true at once",
        )


def _check_weights(shape: tuple[int, ...], weights: np.ndarray) -> None:
    if weights.shape not in (shape, shape[:1]):
        raise ShapeError(
            "There has to be a weight for each sample.", expected=f"shape {shape[:1]}",
            got=f"shape {weights.shape}",
        )  # fmt: skip
    if weights.dtype.kind not in "fiub":
        raise ArgumentError(
            "The weights are not numbers.", expected="an array of numbers",
            got=f"an array of {weights.dtype}",
        )  # fmt: skip
    bad = ~np.isfinite(weights) | (weights < 0)
    _refuse(bad, weights, "A weight is negative or not finite", "numbers from 0", name="weights")
    if not weights.any():
        raise ArgumentError("All weights are 0, so that there is no mean.", expected="some above 0")


_CHECKS: dict[str, Callable[[tuple[int, ...], np.ndarray], None]] = {
    **dict.fromkeys(LOSSES, _check_shape),
    "binary_cross_entropy": _check_binary,
    "cross_entropy": _check_classes,
    "hinge": _check_hinge,
}
