"""Elements in another order or place."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from chainrule.rules.reduce import normal_list


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
TABLE: dict[Any, Callable[..., Any]] = {
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
