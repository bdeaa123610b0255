"""Elements that are picked, left out, counted or written by place or by condition."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from chainrule.errors import BranchError
from chainrule.op import UnsupportedArgumentError
from chainrule.rules.axes import along, one_axis
from chainrule.rules.index import GETITEM, SCATTER, Slot
from chainrule.rules.operands import (
    as_array,
    counts,
    flat,
    flat_or_along,
    is_traced,
    known,
    refuse_out,
)
from chainrule.rules.order import along_key


def picked(a: Any, places: Any, axis: int) -> Any:
    """Return the elements at places along an axis; a mask counts as the places that it names."""
    key = along(axis, Slot(0))
    places = as_array(places)
    if np.ndim(places) == 0 and not is_traced(places):
        return GETITEM(a, key=along(axis, int(places)))
    return GETITEM(a, places, key=key)


# -- by place --------------------------------------------------------------------------


def _places(indices: Any) -> Any:
    """Return indices as integers: np.take casts what indexing would refuse, or read as a mask."""
    if isinstance(indices, (list, tuple)):
        indices = np.asarray(counts(indices))
        return indices if indices.dtype.kind in "iu" else indices.astype(np.intp)
    whole = is_traced(indices) and indices.dtype.kind == "f" and not indices.shape
    indices = as_array(counts(indices) if whole else indices)
    return indices.astype(np.intp) if indices.dtype.kind == "b" else indices


def _take(
    a: Any, indices: Any, axis: int | None = None, out: Any = None, mode: str = "raise"
) -> Any:
    refuse_out(out)
    a, indices = as_array(a), _places(indices)
    a, axis = flat_or_along(a, axis)
    size = np.shape(a)[axis]
    if mode == "clip":
        indices = np.clip(indices, 0, size - 1)
    elif mode == "wrap":
        indices = np.mod(indices, size)
    elif mode != "raise":
        raise UnsupportedArgumentError("mode")
    return picked(a, indices, axis)


def _choose(a: Any, choices: Any, out: Any = None, mode: str = "raise") -> Any:
    refuse_out(out)
    if mode != "raise":
        a = np.clip(a, 0, len(choices) - 1) if mode == "clip" else np.mod(a, len(choices))
    elif not is_traced(a) and np.any((np.asarray(a) < 0) | (np.asarray(a) >= len(choices))):
        raise ValueError("invalid entry in choice array")
    shape = np.broadcast_shapes(np.shape(a), *map(np.shape, choices))
    dtype = np.result_type(*choices)
    whole = [np.broadcast_to(c, shape) for c in choices]
    stack = np.stack([c if c.dtype == dtype else c.astype(dtype) for c in whole])
    places = np.expand_dims(np.broadcast_to(as_array(a), shape), 0)
    return np.take_along_axis(stack, places, axis=0)[0]


def _put_along_axis(arr: Any, indices: Any, values: Any, axis: int | None) -> None:
    if axis is None:
        raise UnsupportedArgumentError("axis")
    _, positions = along_key(np.shape(arr), indices, one_axis(axis, np.ndim(arr)))
    arr[tuple(positions)] = values


def _partition(
    a: Any, kth: Any, axis: int | None = -1, kind: Any = "introselect", order: Any = None
) -> Any:
    a, axis = flat_or_along(a, axis)
    places = np.argpartition(a, kth, axis=axis, kind=kind, order=order)
    return np.take_along_axis(a, places, axis=axis)


# -- by condition ----------------------------------------------------------------------


def _compress(condition: Any, a: Any, axis: int | None = None, out: Any = None) -> Any:
    refuse_out(out)
    a, condition = as_array(a), as_array(condition)
    a, axis = flat_or_along(a, axis)
    if np.ndim(condition) != 1:
        raise ValueError("condition must be a 1-d array")
    missing = np.shape(a)[axis] - np.shape(condition)[0]
    mask = condition != 0
    if missing < 0:  # longer than the axis: right as long as what is beyond it is false
        return picked(a, np.flatnonzero(mask), axis)
    return picked(a, np.pad(mask, (0, missing)) if missing else mask, axis)


def _extract(condition: Any, arr: Any) -> Any:
    return _compress(flat(condition), flat(arr))


def _select(condlist: Sequence[Any], choicelist: Sequence[Any], default: Any = 0) -> Any:
    if len(condlist) != len(choicelist):
        raise ValueError("list of cases must be same length as list of conditions")
    if not condlist:
        raise ValueError("select with an empty condition list is not possible")
    for condition in condlist:
        if as_array(condition).dtype.kind != "b":
            raise TypeError("invalid entry in condlist: should be boolean ndarray")
    given = [*choicelist, default]
    dtype = np.result_type(*given)
    result = default
    for condition, choice in zip(condlist[::-1], choicelist[::-1], strict=True):
        result = np.where(condition, choice, result)
    return result if result.dtype == dtype else result.astype(dtype)


def _piecewise(x: Any, condlist: Any, funclist: Sequence[Any], *args: Any, **kw: Any) -> Any:
    single = np.ndim(x) == 0
    x = np.reshape(x, (1,)) if single else x
    if not isinstance(condlist, (list, tuple)) or (
        not isinstance(condlist[0], (list, tuple)) and np.ndim(condlist[0]) == 0 and not single
    ):
        condlist = [condlist]
    conditions = [
        as_array(c) if np.ndim(c) else np.broadcast_to(as_array(c), (1,)) for c in condlist
    ]
    if len(funclist) == len(conditions) + 1:
        some = conditions[0]
        for condition in conditions[1:]:
            some = some | condition
        conditions.append(~some)
    if len(funclist) != len(conditions):
        raise ValueError("with as many conditions, as many functions or one more are expected")
    out = np.zeros_like(x)
    for condition, function in zip(conditions, funclist, strict=True):
        if not callable(function):
            out = np.where(condition, function, out)
            continue
        part = x[condition]
        if 0 not in np.shape(part):
            out[condition] = function(part, *args, **kw)
    return np.reshape(out, ()) if single else out


def _nonzero(a: Any) -> Any:
    shape = np.shape(a)
    if not shape:
        raise ValueError("Calling nonzero on 0d arrays is not allowed.")
    mask = a != 0
    places = (
        np.broadcast_to(np.arange(n).reshape((-1,) + (1,) * (len(shape) - 1 - k)), shape)
        for k, n in enumerate(shape)
    )
    return tuple(GETITEM(p, mask, key=(Slot(0),)) for p in places)


def _flatnonzero(a: Any) -> Any:
    return _nonzero(flat(a))[0]


def _argwhere(a: Any) -> Any:
    return np.stack(_nonzero(a), axis=1)


def _copyto(dst: Any, src: Any, casting: str = "same_kind", where: Any = True) -> None:
    dst[...] = src if where is True else np.where(where, src, dst)


def _putmask(a: Any, mask: Any, values: Any) -> None:
    if np.ndim(values) and np.shape(values) != np.shape(a):
        raise UnsupportedArgumentError("values")
    mask = as_array(mask)
    if mask.shape != np.shape(a):  # as many are enough
        mask = np.reshape(mask, np.shape(a))
    a[...] = np.where(mask, values, a)


def _fill_diagonal(a: Any, val: Any, wrap: bool = False) -> None:
    if np.ndim(a) != 2 or wrap or np.ndim(val):
        raise UnsupportedArgumentError("wrap" if wrap else "val" if np.ndim(val) else "a")
    a[...] = np.where(np.eye(*np.shape(a)) == 1, val, a)


# -- counted, and told apart -----------------------------------------------------------


def _counted(x: Any) -> Any:
    """Return integers whose values a shape depends on."""
    values = known(x)
    if values is None or (is_traced(x) and x.dtype.kind not in "biu"):
        raise BranchError(
            "How many elements there are depends on values, and only shapes are known.",
            instead="integers that are not traced",
        )
    return np.asarray(values)


def _bincount(x: Any, weights: Any = None, minlength: int = 0) -> Any:
    places = _counted(x)
    if weights is None:
        return np.bincount(places, minlength=minlength)
    size = np.bincount(places, minlength=minlength).shape[0]
    if np.shape(weights) != places.shape:
        raise ValueError("The weights and list don't have the same length.")
    weights = weights.astype(np.float64) if weights.dtype != np.float64 else weights
    return SCATTER(np.zeros(size), weights, places, key=(Slot(0),))


def _unique(
    ar: Any, return_index: bool = False, return_inverse: bool = False, return_counts: bool = False,
    axis: Any = None, *, equal_nan: bool = True, sorted: bool = True,
) -> Any:  # fmt: skip
    if axis is not None or not sorted:
        raise UnsupportedArgumentError("axis" if sorted else "sorted")
    elements = flat(ar)
    order = np.argsort(elements, kind="stable")
    ordered = elements[order]
    new = ordered[1:] != ordered[:-1]
    if equal_nan:
        new = new & ~(np.isnan(ordered[1:]) & np.isnan(ordered[:-1]))
    first = np.concatenate([np.ones(min(1, np.shape(elements)[0]), bool), new])
    found = [ordered[first]]
    if return_index:
        found.append(order[first])
    if return_inverse:
        places = np.cumsum(first) - 1
        found.append(np.reshape(places[np.argsort(order)], np.shape(ar)))
    if return_counts:
        ends = np.concatenate([np.flatnonzero(first), [np.shape(elements)[0]]])
        found.append(np.diff(ends))
    return found[0] if len(found) == 1 else tuple(found)


#: NumPy function -> the same in terms of others.
TABLE: dict[Any, Callable[..., Any]] = {
    np.take: _take,
    np.choose: _choose,
    np.put_along_axis: _put_along_axis,
    np.partition: _partition,
    np.compress: _compress,
    np.extract: _extract,
    np.select: _select,
    np.piecewise: _piecewise,
    np.nonzero: _nonzero,
    np.flatnonzero: _flatnonzero,
    np.argwhere: _argwhere,
    np.copyto: _copyto,
    np.putmask: _putmask,
    np.fill_diagonal: _fill_diagonal,
    np.bincount: _bincount,
    np.unique: _unique,
}
