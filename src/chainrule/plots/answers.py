"""What anything that predicts says about rows: probabilities of classes, or numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.errors import ArgumentError, ShapeError
from chainrule.nn import losses
from chainrule.nn.functional import sigmoid, softmax

#: More classes can be told apart by neither colour nor shape.
MOST_CLASSES = 20

Predict = Callable[[np.ndarray], np.ndarray]


def probabilities(model: Any, classes: np.ndarray) -> Predict:
    """Return a function from rows to a probability of each class.

    Parameters
    ----------
    model : object with ``predict_proba`` or ``predict``, or callable
    classes : array, shape (k,)
        Labels of the classes, where the model does not know them.
    """

    def predict(rows: np.ndarray) -> np.ndarray:
        given = _called(model, rows)
        if _known_classes(model) is None or hasattr(model, "predict_proba"):
            return _as_probabilities(given, classes, model)
        return _one_hot(given, classes)

    return predict


def numbers(model: Any) -> Predict:
    """Return a function from rows to one number each."""

    def predict(rows: np.ndarray) -> np.ndarray:
        given = np.asarray(_raw(model, rows))
        if given.size != len(rows) or given.dtype.kind not in "fiub":
            raise ShapeError(
                "A surface has one number for each row.", expected=f"shape ({len(rows)},)",
                got=f"{given.dtype} of shape {given.shape}",
            )  # fmt: skip
        return given.reshape(-1).astype(float)

    return predict


def classes_of(model: Any, y: np.ndarray) -> np.ndarray:
    """Return the labels of the classes: those that the model knows, or those in y.

    Raises
    ------
    ArgumentError
        When there are more than can be drawn.
    """
    known = _known_classes(model)
    classes = np.unique(y) if known is None else known
    if len(classes) > MOST_CLASSES:
        raise ArgumentError(
            "There are more classes than colours and shapes that can be told apart.",
            expected=f"at most {MOST_CLASSES} classes", got=str(len(classes)),
            instead="regression=True if y holds numbers, not classes",
        )  # fmt: skip
    return classes


def _known_classes(model: Any) -> np.ndarray | None:
    try:
        known = getattr(model, "classes_", None)
    except Exception:  # an estimator that is not fitted may raise anything
        return None
    return None if known is None else np.asarray(known)


def is_regression(model: Any, y: np.ndarray) -> bool:
    """Whether numbers are predicted, by what the model is, or else by what y holds."""
    if hasattr(model, "predict_proba") or _known_classes(model) is not None:
        return False
    loss = _loss(model)
    if loss in (losses.cross_entropy, losses.binary_cross_entropy, losses.hinge):
        return False
    if loss in (losses.mse, losses.mae, losses.huber):
        return True
    return y.dtype.kind == "f" and not (
        np.all(y == np.round(y)) and len(np.unique(y)) <= MOST_CLASSES
    )


def _loss(model: Any) -> Any:
    loss = getattr(model, "loss", None) if hasattr(model, "apply") else None
    return None if loss is None else losses.original(losses.found_loss(loss))


def _raw(model: Any, rows: np.ndarray) -> Any:
    method = getattr(model, "predict", None) or (model if callable(model) else None)
    if method is None:
        raise ArgumentError(
            "This cannot predict anything.", got=type(model).__name__,
            expected="an object with predict or predict_proba, or a function of rows",
        )  # fmt: skip
    return method(rows)


def _called(model: Any, rows: np.ndarray) -> np.ndarray:
    method = getattr(model, "predict_proba", None)
    return np.asarray(method(rows) if method is not None else _raw(model, rows))


def _as_probabilities(given: np.ndarray, classes: np.ndarray, model: Any) -> np.ndarray:
    if given.ndim == 0 or not len(given):
        raise _unfit(given, classes)
    if given.ndim == 2 and given.shape[1] > 1:
        if given.shape[1] < len(classes):
            raise _unfit(given, classes)
        return _rows_of(given)
    single = given.reshape(len(given), -1)
    if single.shape[1] != 1:
        raise _unfit(given, classes)
    return _of_one_number(single[:, 0], classes, _loss(model))


def _rows_of(given: np.ndarray) -> np.ndarray:
    """Return rows of probabilities, of rows of these or of logits."""
    given = given.astype(float)
    if np.all(given >= 0) and np.allclose(given.sum(axis=1), 1, atol=1e-4):
        return given
    return np.asarray(softmax(given))


def _of_one_number(given: np.ndarray, classes: np.ndarray, loss: Any) -> np.ndarray:
    """Return two probabilities of one number, or of labels those that are certain."""
    if loss is losses.binary_cross_entropy:
        positive = np.asarray(sigmoid(given.astype(float)))
    elif loss is losses.hinge:
        positive = (given > 0).astype(float)
    elif given.dtype.kind != "f" or np.all(np.isin(given, classes)):
        return _one_hot(given, classes)
    elif len(classes) == 2 and np.all((given >= 0) & (given <= 1)):
        positive = given.astype(float)
    else:
        raise _unfit(given, classes)
    return np.stack([1 - positive, positive], axis=1)


def _one_hot(given: np.ndarray, classes: np.ndarray) -> np.ndarray:
    given = given.reshape(len(given), -1)
    if given.shape[1] != 1 or not np.all(np.isin(given, classes)):
        raise _unfit(given, classes)
    return np.asarray(given == classes[None, :], float)


def _unfit(given: np.ndarray, classes: np.ndarray) -> ShapeError:
    return ShapeError(
        "What was predicted says nothing about the classes of y.",
        expected=f"one of {len(classes)} labels for each row, or their {len(classes)} "
        "probabilities or logits", got=f"{given.dtype} of shape {given.shape}",
        instead="regression=True if y holds numbers, not classes",
    )  # fmt: skip
