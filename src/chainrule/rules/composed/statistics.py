"""Means, deviations, norms."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.op import UnsupportedArgumentError
from chainrule.rules.reduce import normal_axis, normal_list


def _var(a: Any, axis: Any = None, *, ddof: float = 0, keepdims: bool = False) -> Any:
    deviations = a - np.mean(a, axis=axis, keepdims=True)
    if ddof == 0:
        return np.mean(np.square(deviations), axis=axis, keepdims=keepdims)
    axes = normal_axis(axis, np.ndim(a))
    sizes = [n for i, n in enumerate(np.shape(a)) if axes is None or i in axes]
    total = np.sum(np.square(deviations), axis=axis, keepdims=keepdims)
    return total / (int(np.prod(sizes)) - ddof)


def _std(a: Any, axis: Any = None, *, ddof: float = 0, keepdims: bool = False) -> Any:
    return np.sqrt(_var(a, axis, ddof=ddof, keepdims=keepdims))


def _average(a: Any, axis: Any = None, weights: Any = None, *, keepdims: bool = False) -> Any:
    if weights is None:
        return np.mean(a, axis=axis, keepdims=keepdims)
    if np.shape(weights) != np.shape(a):
        weights = _along(weights, np.shape(a), axis)
    total = np.sum(a * weights, axis=axis, keepdims=keepdims)
    return total / np.sum(weights, axis=axis, keepdims=keepdims)


def _along(weights: Any, shape: tuple[int, ...], axis: Any) -> Any:
    """Lay weights along the axes that they belong to, so that they broadcast to the shape."""
    if axis is None:
        raise TypeError("Axis must be specified when shapes of a and weights differ.")
    axes = normal_list(axis, len(shape))
    if np.shape(weights) != tuple(shape[i] for i in axes):
        raise ValueError("Shape of weights must be consistent with shape of a along the axis.")
    ordered = np.transpose(weights, [axes.index(i) for i in sorted(axes)])
    return np.reshape(ordered, [n if i in axes else 1 for i, n in enumerate(shape)])


def _norm(a: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    if ord not in (None, 2, "fro") or (ord == 2 and axis is None and np.ndim(a) != 1):
        raise UnsupportedArgumentError("ord")
    return np.sqrt(np.sum(np.square(a), axis=axis, keepdims=keepdims))


#: NumPy function -> the same in terms of others.
TABLE: dict[Any, Callable[..., Any]] = {
    np.var: _var,
    np.std: _std,
    np.ptp: lambda a, axis=None, keepdims=False: (
        np.max(a, axis=axis, keepdims=keepdims) - np.min(a, axis=axis, keepdims=keepdims)
    ),
    np.average: _average,
    np.linalg.norm: _norm,
}
