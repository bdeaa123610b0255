"""Arrays joined, taken apart, and with elements put in or left out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from chainrule.rules.axes import along, one_axis
from chainrule.rules.composed.arrangement import at_least_1d, at_least_2d, at_least_3d
from chainrule.rules.composed.selecting import picked
from chainrule.rules.operands import as_array, cast, counts, flat_or_along


def _vstack(tup: Sequence[Any], *, dtype: Any = None) -> Any:
    return np.concatenate([at_least_2d(a) for a in tup], axis=0, dtype=dtype)


def _hstack(tup: Sequence[Any], *, dtype: Any = None) -> Any:
    parts = [at_least_1d(a) for a in tup]
    return np.concatenate(parts, axis=0 if np.ndim(parts[0]) == 1 else 1, dtype=dtype)


def _dstack(tup: Sequence[Any]) -> Any:
    return np.concatenate([at_least_3d(a) for a in tup], axis=2)


def _column_stack(tup: Sequence[Any]) -> Any:
    return np.concatenate([a if np.ndim(a) > 1 else np.reshape(a, (-1, 1)) for a in tup], axis=1)


def _block(arrays: Any) -> Any:
    def depth(part: Any) -> int:
        if isinstance(part, tuple):
            raise TypeError("arrays is a tuple. Only lists can be used to arrange blocks.")
        if not isinstance(part, list):
            return 0
        depths = set(map(depth, part))
        if len(depths) != 1:
            raise ValueError("List depths are mismatched, or a list is empty.")
        return 1 + depths.pop()

    def highest(part: Any) -> int:
        return max(map(highest, part)) if isinstance(part, list) else np.ndim(part)

    levels = depth(arrays)
    ndim = max(levels, highest(arrays))

    def joined(part: Any, level: int) -> Any:
        if isinstance(part, list):
            return np.concatenate([joined(p, level - 1) for p in part], axis=-level)
        shape = (1,) * (ndim - np.ndim(part)) + np.shape(part)
        return part if shape == np.shape(part) else np.reshape(part, shape)

    return joined(arrays, levels) if levels else np.copy(joined(arrays, 0))


# -- taken apart -----------------------------------------------------------------------


def _array_split(ary: Any, indices_or_sections: Any, axis: int = 0) -> list[Any]:
    axis = one_axis(axis, np.ndim(ary))
    size = np.shape(ary)[axis]
    if np.ndim(indices_or_sections):
        bounds = [0, *(int(i) for i in indices_or_sections), size]
        return [ary[along(axis, slice(lo, hi))] for lo, hi in pairwise(bounds)]
    parts = np.array_split(np.arange(size), counts(indices_or_sections))
    ends = np.cumsum([0, *(len(p) for p in parts)]).tolist()
    return [ary[along(axis, slice(lo, hi))] for lo, hi in pairwise(ends)]


def _split(ary: Any, indices_or_sections: Any, axis: int = 0) -> list[Any]:
    if np.ndim(indices_or_sections) == 0 and np.shape(ary)[axis] % indices_or_sections:
        raise ValueError("array split does not result in an equal division")
    return _array_split(ary, indices_or_sections, axis)


def _hsplit(ary: Any, indices_or_sections: Any) -> list[Any]:
    if np.ndim(ary) == 0:
        raise ValueError("hsplit only works on arrays of 1 or more dimensions")
    return _split(ary, indices_or_sections, axis=min(np.ndim(ary) - 1, 1))


def _vsplit(ary: Any, indices_or_sections: Any) -> list[Any]:
    if np.ndim(ary) < 2:
        raise ValueError("vsplit only works on arrays of 2 or more dimensions")
    return _split(ary, indices_or_sections, axis=0)


def _dsplit(ary: Any, indices_or_sections: Any) -> list[Any]:
    if np.ndim(ary) < 3:
        raise ValueError("dsplit only works on arrays of 3 or more dimensions")
    return _split(ary, indices_or_sections, axis=2)


def _unstack(x: Any, /, *, axis: int = 0) -> Any:
    if np.ndim(x) == 0:
        raise ValueError("Input array must be at least 1-d.")
    axis = one_axis(axis, np.ndim(x))
    return tuple(x[along(axis, i)] for i in range(np.shape(x)[axis]))


# -- put in, and left out --------------------------------------------------------------


def _append(arr: Any, values: Any, axis: int | None = None) -> Any:
    return np.concatenate([arr, values], axis=axis)


def _delete(arr: Any, obj: Any, axis: int | None = None) -> Any:
    arr, axis = flat_or_along(arr, axis)
    return picked(arr, np.delete(np.arange(np.shape(arr)[axis]), obj), axis)


def _insert(arr: Any, obj: Any, values: Any, axis: int | None = None) -> Any:
    """Join old and new, and pick them in the order that NumPy gives to their numbers."""
    arr, axis = flat_or_along(as_array(arr), axis)
    values = as_array(values)
    if values.dtype != arr.dtype:
        values = cast(values, arr.dtype)
    size = np.shape(arr)[axis]
    wanted = np.arange(size)[obj] if isinstance(obj, slice) else np.asarray(obj)
    if wanted.dtype == bool:
        wanted = np.flatnonzero(wanted)
    values = np.reshape(values, (1,) * (np.ndim(arr) - np.ndim(values)) + np.shape(values))
    if wanted.ndim == 0:
        values = np.moveaxis(values, 0, axis)
    count = np.shape(values)[axis] if wanted.size == 1 else wanted.size
    shape = (*np.shape(arr)[:axis], count, *np.shape(arr)[axis + 1 :])
    if np.shape(values) != shape:
        values = np.broadcast_to(values, shape)
    numbers = np.insert(np.arange(size), wanted, size + np.arange(count))
    return picked(np.concatenate([arr, values], axis=axis), numbers, axis)


#: NumPy function -> the same in terms of others.
TABLE: dict[Any, Callable[..., Any]] = {
    np.vstack: _vstack,
    np.hstack: _hstack,
    np.dstack: _dstack,
    np.column_stack: _column_stack,
    np.block: _block,
    np.array_split: _array_split,
    np.split: _split,
    np.hsplit: _hsplit,
    np.vsplit: _vsplit,
    np.dsplit: _dsplit,
    np.append: _append,
    np.delete: _delete,
    np.insert: _insert,
}
if hasattr(np, "unstack"):  # since NumPy 2.1
    TABLE[np.unstack] = _unstack
