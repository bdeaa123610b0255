"""Metrics: numbers beside the loss that say how good predictions are.

Each is the mean over the rows of a batch, in plain NumPy, so that it is computed in the same
compiled pass as the loss. Over several batches it is the mean weighted by their rows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from chainrule.arguments import name_of
from chainrule.errors import ArgumentError
from chainrule.nn import losses

Metric = Callable[[Any, Any], Any]


def accuracy(prediction: Any, target: Any) -> Any:
    """Share of rows whose largest prediction is that of the target.

    Parameters
    ----------
    prediction : array, shape (n, k)
        Logits or probabilities.
    target : array of int, shape (n,), or of shape (n, k)
        Labels from 0, or rows of which the largest counts.

    Returns
    -------
    scalar

    Examples
    --------
    >>> accuracy(np.array([[2.0, 1.0], [0.0, 3.0]]), np.array([0, 0]))
    np.float64(0.5)
    """
    labels = target if target.ndim == 1 else np.argmax(target, axis=1)
    return np.mean(np.argmax(prediction, axis=1) == labels)


def binary_accuracy(prediction: Any, target: Any) -> Any:
    """Share of predictions with the sign that the target asks for: above 0 for above 1/2.

    Parameters
    ----------
    prediction : array
        Before the sigmoid.
    target : array of the same shape, up to a last axis of length 1
        0 and 1, or -1 and 1.

    Returns
    -------
    scalar

    Examples
    --------
    >>> binary_accuracy(np.array([2.0, -1.0, 3.0]), np.array([1, 0, 0])).round(3)
    np.float64(0.667)
    """
    return np.mean((prediction > 0) == (np.reshape(target, prediction.shape) > 0.5))


#: What a metric is called -> the metric.
METRICS: dict[str, Metric] = {
    metric.__name__: metric for metric in (accuracy, binary_accuracy, losses.mse, losses.mae)
}

#: Losses of predictions whose sign decides: for them accuracy is another one.
_BY_SIGN = (losses.binary_cross_entropy, losses.hinge)


def found_metrics(
    metrics: str | Metric | Sequence[str | Metric], loss: Callable[..., Any]
) -> dict[str, Metric]:
    """Return metrics by name.

    Parameters
    ----------
    metrics : str, callable, or sequence of them
    loss : callable
        Which decides what ``"accuracy"`` is.

    Raises
    ------
    ArgumentError
        When there is no such metric.
    """
    several = [metrics] if isinstance(metrics, str) or callable(metrics) else list(metrics)
    found: dict[str, Metric] = {}
    for metric in several:
        if callable(metric):
            found[name_of(metric)] = metric
        elif metric in METRICS:
            by_sign = metric == "accuracy" and losses.original(loss) in _BY_SIGN
            found[metric] = binary_accuracy if by_sign else METRICS[metric]
        else:
            raise ArgumentError(
                f"There is no metric {metric!r}.",
                expected=f"one of {', '.join(METRICS)}, or a function of prediction and target",
                got=repr(metric),
            )
    if "loss" in found:
        raise ArgumentError("A metric is called 'loss', as the loss itself is.", got="'loss'")
    return found
