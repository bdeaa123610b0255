"""Losses: one number that says how wrong predictions are.

All are plain NumPy over arrays or traced values, and keep the type of the predictions. A target
may have one axis of length 1 more or fewer at its end than the prediction; nothing else is
broadcast, since a prediction of shape (n, 1) beside a target of shape (n,) would silently become
n² differences.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.calling import public
from chainrule.errors import ArgumentError, ShapeError
from chainrule.nn.functional import log_softmax
from chainrule.trace import named


@public
def mse(prediction: Any, target: Any, *, weights: Any = None) -> Any:
    """Mean squared error: mean of (p - t)².

    Parameters
    ----------
    prediction : array, shape (n, ...)
    target : array of the same shape
    weights : array, shape (n,) or the shape of the prediction, optional
        With them the mean is sum(w · loss) / sum(w).

    Returns
    -------
    scalar
        Of the type of the prediction.

    Raises
    ------
    ShapeError
        When target or weights do not belong to the prediction.

    Examples
    --------
    >>> mse(np.array([1.0, 4.0]), np.array([1.0, 2.0]))
    np.float64(2.0)
    >>> mse(np.array([1.0, 4.0]), np.array([1.0, 2.0]), weights=[3.0, 1.0])
    np.float64(1.0)
    """
    prediction, target = _paired(prediction, target, "mse")
    return _mean((prediction - target) ** 2, weights)


@public
def mae(prediction: Any, target: Any, *, weights: Any = None) -> Any:
    """Mean absolute error: mean of |p - t|, with derivative 0 where p = t.

    Parameters
    ----------
    prediction, target, weights
        As for :func:`mse`.

    Returns
    -------
    scalar

    Examples
    --------
    >>> mae(np.array([1.0, 4.0]), np.array([1.0, 2.0]))
    np.float64(1.0)
    """
    prediction, target = _paired(prediction, target, "mae")
    return _mean(np.abs(prediction - target), weights)


@public
def huber(prediction: Any, target: Any, *, delta: float = 1.0, weights: Any = None) -> Any:
    """Huber loss: d² / 2 for |d| up to `delta`, delta · (|d| - delta / 2) beyond; d = p - t.

    Computed as c · (d - c / 2) with c = d clipped to ±delta, which is both and never squares a
    large d.

    Parameters
    ----------
    prediction, target, weights
        As for :func:`mse`.
    delta : float
        Above 0.

    Returns
    -------
    scalar

    References
    ----------
    P. J. Huber, "Robust Estimation of a Location Parameter", Annals of Mathematical Statistics
    35 (1964), p. 73-101.

    Examples
    --------
    >>> huber(np.array([0.0, 4.0]), np.array([1.0, 1.0]))
    np.float64(1.5)
    """
    if _is_plain(delta) and not delta > 0:
        raise ArgumentError(
            "delta is the distance from which on the Huber loss is linear.",
            expected="a number above 0", got=f"delta={delta!r}",
        )  # fmt: skip
    prediction, target = _paired(prediction, target, "huber")
    distance = prediction - target
    clipped = np.clip(distance, -delta, delta)
    return _mean(clipped * (distance - 0.5 * clipped), weights)


@public
def binary_cross_entropy(logits: Any, target: Any, *, weights: Any = None) -> Any:
    """Binary cross-entropy of logits: mean of -t · ln σ(z) - (1 - t) · ln(1 - σ(z)).

    Computed as (1 - t) · z + ln(1 + exp(-z)) where z > 0, and as -t · z + ln(1 + exp(z)) elsewhere:
    nothing overflows, nothing cancels, and derivatives of any order are right at 0 as well.

    Parameters
    ----------
    logits : array, shape (n, ...)
        Not yet passed through a sigmoid.
    target : array of the same shape
        0 or 1, or a probability.
    weights : array, optional
        As for :func:`mse`.

    Returns
    -------
    scalar

    References
    ----------
    I. Goodfellow, Y. Bengio, A. Courville, "Deep Learning", 2016, section 6.2.2.2.

    Examples
    --------
    >>> binary_cross_entropy(np.array([0.0, 1000.0]), np.array([1, 1])).round(4)
    np.float64(0.3466)
    """
    logits, target = _paired(logits, target, "binary_cross_entropy")
    positive = logits > 0
    linear = np.where(positive, 1 - target, -target) * logits
    return _mean(linear + np.log1p(np.exp(np.where(positive, -logits, logits))), weights)


@public
def cross_entropy(
    logits: Any,
    target: Any,
    *,
    weights: Any = None,
    label_smoothing: float = 0.0,
    class_weights: Any = None,
) -> Any:
    """Cross-entropy of logits: mean over the rows of -ln softmax(z)[label].

    With target probabilities q, a row's loss is -sum(q · ln softmax(z)).

    Parameters
    ----------
    logits : array, shape (n, k)
        Not yet passed through a softmax.
    target : array of int, shape (n,), or array, shape (n, k)
        Labels from 0 to k - 1, or one-hot rows or probabilities.
    weights : array, shape (n,), optional
        Of samples.
    label_smoothing : float
        From 0 to 1: the share of each target that is spread evenly over all classes.
    class_weights : array, shape (k,), optional
        The term of each class is multiplied by its weight. With labels, the mean divides by the
        sum of the weights of the labels; with probabilities, by the number of rows (or the sum of
        `weights`). So does PyTorch.

    Returns
    -------
    scalar

    Raises
    ------
    ShapeError
        When shapes do not belong together.
    ArgumentError
        When labels are not integers, or label_smoothing is not from 0 to 1.

    References
    ----------
    I. Goodfellow, Y. Bengio, A. Courville, "Deep Learning", 2016, section 6.2.2.3. Label smoothing:
    C. Szegedy et al., "Rethinking the Inception Architecture for Computer Vision", 2015, section 7.

    Examples
    --------
    >>> cross_entropy(np.array([[0.0, 0.0], [1000.0, 0.0]]), np.array([1, 0])).round(4)
    np.float64(0.3466)
    """
    logits, target = _array(logits), _array(target)
    _check_classes(logits, target, label_smoothing)
    rows, classes = logits.shape
    log_p = named(log_softmax(logits), "log_p")
    if class_weights is not None:
        class_weights = _like(class_weights, logits)
        if class_weights.shape != (classes,):
            raise ShapeError(
                "class_weights has one weight for each class.",
                expected=f"shape ({classes},)", got=f"shape {class_weights.shape}",
            )  # fmt: skip
    smooth = not (_is_plain(label_smoothing) and label_smoothing == 0)
    if target.ndim == 2:
        target = _like(target, logits)
        if smooth:
            target = (1 - label_smoothing) * target + label_smoothing / classes
        terms = target * log_p if class_weights is None else target * class_weights * log_p
        return _mean(-np.sum(terms, axis=1), weights)
    losses = named(-log_p[np.arange(rows), target], "losses")
    if smooth:
        spread = log_p if class_weights is None else class_weights * log_p
    if class_weights is not None:
        chosen = np.take_along_axis(class_weights, target, 0)
        losses = chosen * losses
    if smooth:
        losses = (1 - label_smoothing) * losses - label_smoothing / classes * np.sum(spread, axis=1)
    if class_weights is None:
        return _mean(losses, weights)
    if weights is None:
        return np.sum(losses) / np.sum(chosen)
    weights = _sample_weights(weights, losses)
    return np.sum(weights * losses) / np.sum(weights * chosen)


@public
def hinge(prediction: Any, target: Any, *, weights: Any = None) -> Any:
    """Hinge loss: mean of max(0, 1 - t · p), with derivative 0 at the corner.

    Parameters
    ----------
    prediction : array, shape (n, ...)
        Of either sign; not yet passed through a sigmoid.
    target : array of the same shape
        Labels -1 and 1.
    weights : array, optional
        As for :func:`mse`.

    Returns
    -------
    scalar

    References
    ----------
    C. Cortes, V. Vapnik, "Support-Vector Networks", Machine Learning 20 (1995), p. 273-297.

    Examples
    --------
    >>> hinge(np.array([0.5, 2.0]), np.array([-1, 1]))
    np.float64(0.75)
    """
    prediction, target = _paired(prediction, target, "hinge")
    return _mean(np.maximum(1 - target * prediction, 0), weights)


#: ``loss(prediction, target)``, and a keyword `weights` where it can be weighted.
Loss = Callable[..., Any]

#: What a loss is called -> the loss.
LOSSES: dict[str, Loss] = {
    loss.__name__: loss for loss in (mse, mae, huber, binary_cross_entropy, cross_entropy, hinge)
}


def found_loss(loss: str | Loss) -> Loss:
    """Return a loss by its name, or the one that is given.

    Raises
    ------
    ArgumentError
    """
    if isinstance(loss, str):
        if loss not in LOSSES:
            raise ArgumentError(
                f"There is no loss {loss!r}.", got=repr(loss),
                expected=f"one of {', '.join(LOSSES)}, or a function of prediction and target",
            )  # fmt: skip
        return LOSSES[loss]
    if not callable(loss):
        raise ArgumentError(
            "A loss is a name or a function.", expected=f"one of {', '.join(LOSSES)}",
            got=repr(loss)[:80],
        )  # fmt: skip
    return loss


def original(loss: Loss) -> Loss:
    """Return the loss of which one with some options set is made by ``functools.partial``."""
    while isinstance(loss, functools.partial):
        loss = loss.func
    return loss


# -- shapes and types ------------------------------------------------------------------


def _array(value: Any) -> Any:
    """Return what has a shape and a type: lists become arrays."""
    return value if hasattr(value, "dtype") else np.asarray(value)


def _is_plain(option: Any) -> bool:
    """Whether an option is a number to look at, rather than traced."""
    return isinstance(option, (int, float))


def _like(value: Any, prediction: Any) -> Any:
    """Return a value in the type of a prediction, so that float32 stays float32."""
    value = _array(value)
    if prediction.dtype.kind == "f" and value.dtype != prediction.dtype:
        return value.astype(prediction.dtype)
    return value


def _paired(prediction: Any, target: Any, name: str) -> tuple[Any, Any]:
    """Return a prediction and its target in one shape and type."""
    prediction = _array(prediction)
    target = _like(target, prediction)
    if target.shape == prediction.shape:
        return prediction, target
    if (*target.shape, 1) != prediction.shape and target.shape != (*prediction.shape, 1):
        raise ShapeError(
            f"The target of {name} does not have the shape of the prediction.",
            expected=f"shape {prediction.shape}",
            got=f"shape {target.shape}",
        )
    return prediction, np.reshape(target, prediction.shape)


def _mean(losses: Any, weights: Any) -> Any:
    """Return the mean of losses, weighted by sample or by element."""
    if weights is None:
        return np.mean(losses)
    weights = _sample_weights(weights, losses)
    if weights.shape != losses.shape:
        losses = np.mean(losses, axis=tuple(range(1, losses.ndim)))
    return np.sum(weights * losses) / np.sum(weights)


def _sample_weights(weights: Any, losses: Any) -> Any:
    weights = _like(weights, losses)
    if weights.shape not in (losses.shape, losses.shape[:1]):
        allowed = dict.fromkeys([f"shape {losses.shape[:1]}", f"shape {losses.shape}"])
        raise ShapeError(
            "weights does not belong to the losses.",
            expected=" or ".join(allowed),
            got=f"shape {weights.shape}",
        )
    return weights


def _check_classes(logits: Any, target: Any, label_smoothing: Any) -> None:
    """Refuse what has no cross-entropy, by shapes and types alone."""
    if _is_plain(label_smoothing) and not 0 <= label_smoothing <= 1:
        raise ArgumentError(
            "label_smoothing is a share.", expected="a number from 0 to 1",
            got=f"label_smoothing={label_smoothing!r}",
        )  # fmt: skip
    if logits.ndim != 2:
        raise ShapeError(
            "cross_entropy takes a row of logits for each sample.", expected="shape (n, k)",
            got=f"shape {logits.shape}",
        )  # fmt: skip
    if target.shape not in (logits.shape[:1], logits.shape):
        raise ShapeError(
            "The target of cross_entropy does not belong to the logits.",
            expected=f"labels of shape {logits.shape[:1]}, or probabilities of {logits.shape}",
            got=f"shape {target.shape}",
        )
    if target.ndim == 1 and target.dtype.kind not in "iu":
        raise ArgumentError(
            "Labels are integers.", expected=f"integers from 0 to {logits.shape[1] - 1}",
            got=f"an array of {target.dtype}", instead="y.astype(int), where y holds labels",
        )  # fmt: skip
