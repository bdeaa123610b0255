"""Elements in another order or shape, or repeated."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.op import UnsupportedArgumentError
from chainrule.rules.axes import line, normal_list, one_axis
from chainrule.rules.composed.selecting import picked
from chainrule.rules.diagonals import DIAGONAL_MATRIX
from chainrule.rules.joining import PAD
from chainrule.rules.operands import as_array, cast, flat, is_traced

# -- axes ------------------------------------------------------------------------------


def _swapaxes(a: Any, axis1: int, axis2: int) -> Any:
    order = list(range(np.ndim(a)))
    first, second = normal_list((axis1, axis2), np.ndim(a))
    order[first], order[second] = second, first
    return np.transpose(a, order)


def _moveaxis(a: Any, source: Any, destination: Any) -> Any:
    ndim = np.ndim(a)
    sources, targets = normal_list(source, ndim), normal_list(destination, ndim)
    if len(sources) != len(targets):
        raise ValueError(
            "`source` and `destination` arguments must have the same number of elements"
        )
    order = [i for i in range(ndim) if i not in sources]
    for target, origin in sorted(zip(targets, sources, strict=True)):
        order.insert(target, origin)
    return np.transpose(a, order)


def _rollaxis(a: Any, axis: int, start: int = 0) -> Any:
    ndim = np.ndim(a)
    axis = one_axis(axis, ndim)
    start = range(ndim + 1)[start + ndim if start < 0 else start]
    order = [i for i in range(ndim) if i != axis]
    order.insert(start - (axis < start), axis)
    return np.transpose(a, order)


def _rot90(m: Any, k: int = 1, axes: Any = (0, 1)) -> Any:
    first, second = normal_list(tuple(axes), np.ndim(m))
    if first == second:
        raise ValueError("Axes must be different.")
    quarter = k % 4
    if quarter == 0:
        return m[:]  # a view, as in NumPy
    if quarter == 2:
        return np.flip(m, (first, second))
    if quarter == 1:
        return np.swapaxes(np.flip(m, second), first, second)
    return np.flip(np.swapaxes(m, first, second), second)


def _flipud(m: Any) -> Any:
    if np.ndim(m) < 1:
        raise ValueError("Input must be >= 1-d.")
    return np.flip(m, 0)


def _fliplr(m: Any) -> Any:
    if np.ndim(m) < 2:
        raise ValueError("Input must be >= 2-d.")
    return np.flip(m, 1)


def _ravel(a: Any, order: Any = "C") -> Any:
    return np.reshape(a, (-1,), order)


def _each(function: Callable[[Any], Any]) -> Callable[..., Any]:
    """Apply to one array, or to several and return a tuple, as ``np.atleast_1d`` does."""

    def apply(*arys: Any) -> Any:
        return function(arys[0]) if len(arys) == 1 else tuple(map(function, arys))

    return apply


def at_least_1d(a: Any) -> Any:
    """Give a number one axis."""
    return a if np.ndim(a) >= 1 else np.reshape(a, (1,))


def at_least_2d(a: Any) -> Any:
    """Give a vector a first axis, and a number two."""
    return a if np.ndim(a) >= 2 else np.reshape(a, (1, -1))


def at_least_3d(a: Any) -> Any:
    """Give a matrix a last axis, a vector one on either side."""
    if np.ndim(a) >= 3:
        return a
    return np.expand_dims(a, -1) if np.ndim(a) == 2 else np.reshape(a, (1, -1, 1))


# -- diagonals -------------------------------------------------------------------------


def _diag(v: Any, k: int = 0) -> Any:
    if np.ndim(v) == 1:
        return DIAGONAL_MATRIX(v, k=int(k))
    if np.ndim(v) == 2:
        return np.diagonal(v, k)
    raise ValueError("Input must be 1- or 2-d.")


def _diagflat(v: Any, k: int = 0) -> Any:
    return DIAGONAL_MATRIX(flat(v), k=int(k))


# -- repetition ------------------------------------------------------------------------


def _tile(A: Any, reps: Any) -> Any:
    counts = tuple(int(n) for n in np.ravel(np.asarray(reps, dtype=int)))
    ndim = max(np.ndim(A), len(counts))
    counts = (1,) * (ndim - len(counts)) + counts
    shape = (1,) * (ndim - np.ndim(A)) + np.shape(A)
    if all(n == 1 for n in counts):
        return np.copy(A) if shape == np.shape(A) else np.copy(np.reshape(A, shape))
    apart = [m for n in shape for m in (1, n)]
    spread = [m for count, n in zip(counts, shape, strict=True) for m in (count, n)]
    tiles = np.broadcast_to(np.reshape(A, apart), spread)
    return np.reshape(tiles, [count * n for count, n in zip(counts, shape, strict=True)])


def _resize(a: Any, new_shape: Any) -> Any:
    elements = flat(a)
    return picked(elements, np.resize(np.arange(np.shape(elements)[0]), new_shape), 0)


def _broadcast_arrays(*args: Any, subok: bool = False) -> Any:
    shape = np.broadcast_shapes(*map(np.shape, args))
    return tuple(a if np.shape(a) == shape else np.broadcast_to(a, shape) for a in args)


def _meshgrid(*xi: Any, copy: bool = True, sparse: bool = False, indexing: str = "xy") -> Any:
    if indexing not in ("xy", "ij"):
        raise ValueError("Valid values for `indexing` are 'xy' and 'ij'.")
    order = list(range(len(xi)))
    if indexing == "xy" and len(xi) > 1:
        order[:2] = [1, 0]
    grids = [np.reshape(x, line(k, len(xi))) for x, k in zip(xi, order, strict=True)]
    if not sparse:
        grids = list(np.broadcast_arrays(*grids))
    return tuple(np.copy(g) for g in grids) if copy else tuple(grids)


# -- padding ---------------------------------------------------------------------------

#: Modes in which each new element is a copy of an old one, at a place that NumPy knows.
_COPYING = ("edge", "reflect", "symmetric", "wrap")


def _widths(pad_width: Any, ndim: int) -> tuple[tuple[int, int], ...]:
    if isinstance(pad_width, dict):
        widths = [(0, 0)] * ndim
        for axis, width in pad_width.items():
            low, high = np.broadcast_to(width, (2,))
            widths[axis] = (int(low), int(high))
        return tuple(widths)
    pairs = np.broadcast_to(np.asarray(pad_width), (ndim, 2))
    if np.any(pairs < 0):
        raise ValueError("index can't contain negative values")
    return tuple((int(low), int(high)) for low, high in pairs)


def _pad(array: Any, pad_width: Any, mode: Any = "constant", **kwargs: Any) -> Any:
    widths = _widths(pad_width, np.ndim(array))
    allowed = {
        "constant": "constant_values",
        "reflect": "reflect_type",
        "symmetric": "reflect_type",
    }
    for name in kwargs:
        if name != allowed.get(mode):
            raise UnsupportedArgumentError(name)
    if mode == "constant":
        return _pad_constant(array, widths, kwargs.get("constant_values", 0))
    if mode not in _COPYING:
        raise UnsupportedArgumentError("mode")
    if kwargs.get("reflect_type", "even") != "even":
        raise UnsupportedArgumentError("reflect_type")
    for axis, width in enumerate(widths):
        if any(width):
            places = np.pad(np.arange(np.shape(array)[axis]), width, mode)
            array = picked(array, places, axis)
    return array if any(map(any, widths)) else np.copy(array)


def _pad_constant(array: Any, widths: Any, values: Any) -> Any:
    if is_traced(values):
        if np.ndim(values):
            raise UnsupportedArgumentError("constant_values")
        inside = np.pad(np.ones(np.shape(array), bool), widths)
        padded = PAD(array, pad_width=widths, constant_values=0)
        filled = np.where(inside, padded, values)
        return filled if filled.dtype == padded.dtype else cast(filled, padded.dtype)
    values = np.asarray(values)
    if values.ndim == 0:
        fixed = values.item()
    else:
        fixed = tuple(map(tuple, np.broadcast_to(values, (len(widths), 2)).tolist()))
    return PAD(array, pad_width=widths, constant_values=fixed)


# -- filling ---------------------------------------------------------------------------


def _full_like(
    a: Any, fill_value: Any, dtype: Any = None, order: str = "K", subok: bool = True,
    shape: Any = None,
) -> Any:  # fmt: skip
    if order not in ("K", "C", "A"):
        raise UnsupportedArgumentError("order")
    zeros = np.zeros_like(a, dtype=dtype, shape=shape)
    filled = zeros + fill_value
    return filled if filled.dtype == zeros.dtype else cast(filled, zeros.dtype)


def _double(a: Any) -> Any:
    array = as_array(a)
    return array.astype(np.result_type(array.dtype, np.float64))


#: NumPy function -> the same in terms of others.
TABLE: dict[Any, Callable[..., Any]] = {
    np.swapaxes: _swapaxes,
    np.moveaxis: _moveaxis,
    np.rollaxis: _rollaxis,
    np.rot90: _rot90,
    np.flipud: _flipud,
    np.fliplr: _fliplr,
    np.ravel: _ravel,
    np.atleast_1d: _each(at_least_1d),
    np.atleast_2d: _each(at_least_2d),
    np.atleast_3d: _each(at_least_3d),
    np.diag: _diag,
    np.diagflat: _diagflat,
    np.tile: _tile,
    np.resize: _resize,
    np.broadcast_arrays: _broadcast_arrays,
    np.meshgrid: _meshgrid,
    np.pad: _pad,
    np.full_like: _full_like,
    np.float_power: lambda a, b: np.power(_double(a), _double(b)),
}
