"""NumPy functions that are written in terms of others: they need no rule of their own.

Each is plain NumPy over whatever it is given, like the function that it stands for.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from chainrule.op import UnsupportedArgumentError
from chainrule.rules.reduce import normal_axis


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


def _strong(a: Any) -> Any:
    """Return a Python number as NumPy's, whose precision does not give way."""
    return np.asarray(a)[()] if isinstance(a, (int, float)) else a


def _dot(a: Any, b: Any) -> Any:
    n, m = np.ndim(a), np.ndim(b)
    if n == 0 or m == 0:
        return _strong(a) * _strong(b)
    if n <= 2 and m <= 2:
        return np.matmul(a, b)
    return _tensordot(a, b, ((n - 1,), (max(m - 2, 0),)))


def _inner(a: Any, b: Any) -> Any:
    if np.ndim(a) == 0 or np.ndim(b) == 0:
        return _strong(a) * _strong(b)
    return _tensordot(a, b, ((np.ndim(a) - 1,), (np.ndim(b) - 1,)))


def _tensordot(a: Any, b: Any, axes: Any = 2) -> Any:
    if isinstance(axes, int):
        left = tuple(range(np.ndim(a) - axes, np.ndim(a)))
        right = tuple(range(axes))
    else:
        left, right = (((x,) if isinstance(x, int) else tuple(x)) for x in axes)
    a_axes = [range(np.ndim(a))[i] for i in left]
    b_axes = [range(np.ndim(b))[i] for i in right]
    letters = iter("abcdefghijklmnopqrstuvwxyz")
    a_term = [next(letters) for _ in range(np.ndim(a))]
    b_term = [next(letters) for _ in range(np.ndim(b))]
    for i, j in zip(a_axes, b_axes, strict=True):
        b_term[j] = a_term[i]
    out = [c for i, c in enumerate(a_term) if i not in a_axes]
    out += [c for j, c in enumerate(b_term) if j not in b_axes]
    return np.einsum(f"{''.join(a_term)},{''.join(b_term)}->{''.join(out)}", a, b)


def _trace(a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    planes = _moveaxis(a, (axis1, axis2), (-2, -1))
    rows, columns = np.shape(planes)[-2:]
    diagonal = np.eye(rows, columns, offset).nonzero()
    return np.sum(planes[(..., *diagonal)], axis=-1)


def _swapaxes(a: Any, axis1: int, axis2: int) -> Any:
    order = list(range(np.ndim(a)))
    order[axis1], order[axis2] = order[axis2], order[axis1]
    return np.transpose(a, order)


def _moveaxis(a: Any, source: Any, destination: Any) -> Any:
    ndim = np.ndim(a)
    sources = normal_list(source, ndim)
    order = [i for i in range(ndim) if i not in sources]
    for target, origin in sorted(zip(normal_list(destination, ndim), sources, strict=True)):
        order.insert(target, origin)
    return np.transpose(a, order)


def normal_list(axes: Any, ndim: int) -> list[int]:
    """Return axes as a list of numbers from 0, in the order given."""
    return [range(ndim)[i] for i in (axes if isinstance(axes, (tuple, list)) else [axes])]


def _vstack(arrays: Sequence[Any]) -> Any:
    return np.concatenate([_at_least_2d(a) for a in arrays], axis=0)


def _hstack(arrays: Sequence[Any]) -> Any:
    parts = [np.reshape(a, (-1,)) if np.ndim(a) == 0 else a for a in arrays]
    return np.concatenate(parts, axis=0 if np.ndim(parts[0]) == 1 else 1)


def _at_least_2d(a: Any) -> Any:
    return a if np.ndim(a) >= 2 else np.reshape(a, (1, -1))


def _tile(a: Any, reps: Any) -> Any:
    counts = (reps,) if isinstance(reps, int) else tuple(reps)
    counts = (1,) * (np.ndim(a) - len(counts)) + counts
    out = np.reshape(a, (1,) * (len(counts) - np.ndim(a)) + np.shape(a))
    for axis, count in enumerate(counts):
        out = np.concatenate([out] * count, axis=axis) if count != 1 else out
    return out


def _take(a: Any, indices: Any, axis: int | None = None) -> Any:
    if axis is None:
        return np.reshape(a, (-1,))[indices]
    return a[(slice(None),) * range(np.ndim(a))[axis] + (indices,)]


def _diff(a: Any, n: int = 1, axis: int = -1) -> Any:
    lead = (slice(None),) * range(np.ndim(a))[axis]
    for _ in range(n):
        a = a[(*lead, slice(1, None))] - a[(*lead, slice(None, -1))]
    return a


def _split(a: Any, indices_or_sections: Any, axis: int = 0) -> list[Any]:
    size = np.shape(a)[axis]
    bounds = np.split(np.arange(size), indices_or_sections)
    lead = (slice(None),) * range(np.ndim(a))[axis]
    starts = np.cumsum([0, *(len(b) for b in bounds)]).tolist()
    return [a[(*lead, slice(lo, hi))] for lo, hi in pairwise(starts)]


def _double(a: Any) -> Any:
    array = a if hasattr(a, "astype") else np.asarray(a)
    return array.astype(np.result_type(array.dtype, np.float64))


#: NumPy function -> the same in terms of others.
COMPOSED: dict[Any, Callable[..., Any]] = {
    np.var: _var,
    np.std: _std,
    np.ptp: lambda a, axis=None, keepdims=False: (
        np.max(a, axis=axis, keepdims=keepdims) - np.min(a, axis=axis, keepdims=keepdims)
    ),
    np.average: _average,
    np.linalg.norm: _norm,
    np.dot: _dot,
    np.vdot: lambda a, b: np.matmul(np.reshape(a, (-1,)), np.reshape(b, (-1,))),
    np.inner: _inner,
    np.tensordot: _tensordot,
    np.trace: _trace,
    np.swapaxes: _swapaxes,
    np.moveaxis: _moveaxis,
    np.ravel: lambda a, order="C": np.reshape(a, (-1,)),
    np.vstack: _vstack,
    np.hstack: _hstack,
    np.atleast_1d: lambda a: np.reshape(a, (1,)) if np.ndim(a) == 0 else a,
    np.atleast_2d: _at_least_2d,
    np.tile: _tile,
    np.take: _take,
    np.diff: _diff,
    np.split: _split,
    np.full_like: lambda a, fill_value: np.zeros_like(a) + fill_value,
    np.flipud: lambda a: np.flip(a, 0),
    np.fliplr: lambda a: np.flip(a, 1),
    np.float_power: lambda a, b: np.power(_double(a), _double(b)),
}
