"""The loss functions of the cases, over NumPy or a module like it: NumPy, jax.numpy, autograd.

``params`` is a list of arrays: weights and biases in turn, for a network of dense layers.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

Loss = Callable[..., Any]


def _scores(np: Any, params: list[Any], X: Any) -> Any:
    """Dense layers with ReLU between them; the last has none."""
    h = X
    for i in range(0, len(params) - 2, 2):
        h = np.maximum(h @ params[i] + params[i + 1], 0)
    return h @ params[-2] + params[-1]


def cross_entropy(np: Any, l2: float) -> Loss:
    def loss(params: list[Any], X: Any, y: Any) -> Any:
        z = _scores(np, params, X)
        z = z - np.max(z, axis=1, keepdims=True)
        log_p = z - np.log(np.sum(np.exp(z), axis=1, keepdims=True))
        return -np.mean(log_p[np.arange(len(y)), y])

    return loss


def logistic(np: Any, l2: float) -> Loss:
    def loss(params: list[Any], X: Any, y: Any) -> Any:
        z = _scores(np, params, X)[:, 0]
        return np.mean(np.logaddexp(0, z) - y * z)

    return loss


def squared(np: Any, l2: float) -> Loss:
    """An autoencoder: the input is also what is asked for."""

    def loss(params: list[Any], X: Any) -> Any:
        p = 1 / (1 + np.exp(-_scores(np, params, X)))
        return np.mean((p - X) ** 2)

    return loss


def hinge(np: Any, l2: float) -> Loss:
    def loss(params: list[Any], X: Any, y: Any) -> Any:
        margins = y * _scores(np, params, X)[:, 0]
        penalty = sum(np.sum(p * p) for p in params)
        return np.mean(np.maximum(1 - margins, 0)) + l2 * penalty

    return loss


def mixture(np: Any, l2: float) -> Loss:
    """Return the negative log-likelihood of a Gaussian mixture with diagonal covariances."""

    def loss(params: list[Any], X: Any) -> Any:
        logits, means, log_scales = params
        log_weights = logits - np.log(np.sum(np.exp(logits)))
        u = (X[:, None, :] - means) / np.exp(log_scales)
        joint = log_weights - np.sum(log_scales + 0.5 * u**2, axis=2)
        top = np.max(joint, axis=1, keepdims=True)
        each = top[:, 0] + np.log(np.sum(np.exp(joint - top), axis=1))
        return 0.5 * means.shape[1] * math.log(2 * math.pi) - np.mean(each)

    return loss


LOSSES: dict[str, Callable[[Any, float], Loss]] = {
    "cross_entropy": cross_entropy,
    "logistic": logistic,
    "squared": squared,
    "hinge": hinge,
    "mixture": mixture,
}
