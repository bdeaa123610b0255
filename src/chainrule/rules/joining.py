"""Operations that join arrays, or put elements beside them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import accumulate
from typing import Any

import numpy as np

from chainrule.notation import Notation, keywords
from chainrule.op import Abstract, Op, Placing, Sample, shape_of, stand_in
from chainrule.rules.axes import along, one_axis
from chainrule.rules.calls import by_position
from chainrule.rules.index import GETITEM, SCATTER, Slot
from chainrule.rules.infer import dtype_of
from chainrule.rules.operands import cast, flat, flat_or_along, refuse_out
from chainrule.rules.shape import moving


def _joined_infer(op: Op, operands: Sequence[Any], params: Mapping[str, Any]) -> Abstract:
    """Infer for concatenate: sizes add along the axis; dtypes as NumPy joins them."""
    shapes = [shape_of(o) for o in operands]
    axis = params["axis"]
    dtype = dtype_of(op, operands, params)
    rest = {s[:axis] + s[axis + 1 :] for s in shapes}
    if len(rest) != 1:
        raise ValueError("all the input array dimensions except for the joined axis must match")
    first = shapes[0]
    return Abstract((*first[:axis], sum(s[axis] for s in shapes), *first[axis + 1 :]), dtype)


def _cast(parts: tuple[Any, ...], out: Any, dtype: Any) -> tuple[Any, ...]:
    refuse_out(out)
    return parts if dtype is None else tuple(cast(p, dtype) for p in parts)


def _bind_concatenate(
    arrays: Any, axis: int | None = 0, out: Any = None, *, dtype: Any = None
) -> Any:
    parts = _cast(tuple(arrays), out, dtype)
    if axis is None:
        parts, axis = tuple(map(flat, parts)), 0
    return parts, {"axis": one_axis(axis, np.ndim(parts[0]))}


def _concatenate_vjp(g: Any, out: Any, *parts: Any, axis: int) -> Any:
    ends = list(accumulate((shape_of(p)[axis] for p in parts), initial=0))
    return lambda i: g[along(axis, slice(ends[i], ends[i + 1]))]


def _stack_vjp(g: Any, out: Any, *parts: Any, axis: int) -> Any:
    return lambda i: g[along(axis, i)]


def _bind_stack(arrays: Any, axis: int = 0, out: Any = None, *, dtype: Any = None) -> Any:
    parts = _cast(tuple(arrays), out, dtype)
    return parts, {"axis": one_axis(axis, np.ndim(parts[0]) + 1)}


def _stack_infer(op: Op, operands: Sequence[Any], params: Mapping[str, Any]) -> Abstract:
    shapes = {shape_of(o) for o in operands}
    if len(shapes) != 1:
        raise ValueError("all input arrays must have the same shape")
    (shape,) = shapes
    axis = params["axis"]
    dtype = dtype_of(op, operands, params)
    return Abstract((*shape[:axis], len(operands), *shape[axis:]), dtype)


def _after_others(position: int, index: Any, shapes: Any, axis: int) -> Any:
    """Return where an element of a part goes: behind the parts before it."""
    before = sum((shape[axis] for shape in shapes[:position]), start=0)
    return (*index[:axis], index[axis] + before, *index[axis + 1 :])


def _beside_others(position: int, index: Any, shapes: Any, axis: int) -> Any:
    return (*index[:axis], position, *index[axis:])


def _joined(name: str) -> Notation:
    def code(*parts: Any, axis: int) -> str:
        return f"np.{name}([{', '.join(map(str, parts))}]{keywords(axis=axis or None)})"

    def text(*parts: Any, axis: int) -> str:
        return code(*parts, axis=axis).removeprefix("np.")

    def latex(*parts: Any, axis: int) -> str:
        return r"\left[" + r",\ ".join(map(str, parts)) + r"\right]"

    return Notation(code, text, latex)


def _pad_vjp(g: Any, out: Any, a: Any, pad_width: Any, constant_values: Any) -> Any:
    inside = (slice(lo, lo + n) for (lo, _), n in zip(pad_width, np.shape(a), strict=True))
    return g[tuple(inside)]


def _pad_infer(op: Op, operands: Sequence[Any], params: Mapping[str, Any]) -> Abstract:
    (a,) = operands
    shape = tuple(lo + n + hi for n, (lo, hi) in zip(shape_of(a), params["pad_width"], strict=True))
    return Abstract(shape, stand_in(a).dtype)


def _padded_by_side(a: Any, pad_width: Any, constant_values: Any) -> Any:
    """Pad with another constant on each side, one side after the other."""
    ndim = np.ndim(a)
    constants = np.broadcast_to(constant_values, (ndim, 2)).tolist()
    for axis, (widths, values) in enumerate(zip(pad_width, constants, strict=True)):
        for side in (0, 1):
            width = tuple(n if k == side else 0 for k, n in enumerate(widths))
            around = tuple(width if k == axis else (0, 0) for k in range(ndim))
            a = PAD(a, pad_width=around, constant_values=values[side])
    return a


#: Zeros or other constants around an array; other ways to pad are compositions.
PAD: Op = moving(
    "pad",
    lambda a, pad_width, constant_values: np.pad(a, pad_width, constant_values=constant_values),
    (_pad_vjp,),
    Notation(
        lambda a, pad_width, constant_values: (
            f"np.pad({a}, {pad_width}{keywords(constant_values=constant_values or None)})"
        ),
        lambda a, pad_width, constant_values: f"pad({a}, {pad_width})",
        lambda a, pad_width, constant_values: rf"\operatorname{{pad}}\left({a}\right)",
    ),
    (),
    None,
    _pad_infer,
    (
        Sample(((3, 2),), {"pad_width": ((1, 0), (2, 1)), "constant_values": 0}),
        Sample(((2,),), {"pad_width": ((1, 2),), "constant_values": ((1.5, -2.0),)}),
    ),
    placing=Placing(
        lambda position, index, shapes, pad_width, constant_values: tuple(
            i + low for i, (low, _) in zip(index, pad_width, strict=True)
        ),
        background=lambda pad_width, constant_values: (
            constant_values if np.ndim(constant_values) == 0 else None
        ),
    ),
    composition=_padded_by_side,
)


def _bind_repeat(a: Any, repeats: Any, axis: int | None = None) -> Any:
    a, axis = flat_or_along(a, axis)
    counts = int(repeats) if np.ndim(repeats) == 0 else tuple(int(n) for n in repeats)
    if isinstance(counts, tuple) and len(counts) == 1:
        (counts,) = counts
    return (a,), {"repeats": counts, "axis": axis}


def _repeat_vjp(g: Any, out: Any, a: Any, repeats: Any, axis: int) -> Any:
    shape = np.shape(a)
    if isinstance(repeats, tuple):
        origins = np.repeat(np.arange(shape[axis]), repeats)
        return SCATTER(a, g, origins, key=along(axis, Slot(0)))
    return np.sum(np.reshape(g, (*shape[: axis + 1], repeats, *shape[axis + 1 :])), axis=axis + 1)


def _repeated(a: Any, repeats: Any, axis: int) -> Any:
    shape = np.shape(a)
    if isinstance(repeats, tuple):
        origins = np.repeat(np.arange(shape[axis]), repeats)
        return GETITEM(a, origins, key=along(axis, Slot(0)))
    copies = (*shape[: axis + 1], repeats, *shape[axis + 1 :])
    beside = np.broadcast_to(np.expand_dims(a, axis + 1), copies)
    return np.reshape(beside, (*shape[:axis], shape[axis] * repeats, *shape[axis + 1 :]))


def _repeat_in_jax(a: Any, repeats: Any, axis: int, out: str = "") -> str:
    if not isinstance(repeats, tuple):
        return f"np.repeat({a}, {repeats}, {axis})"
    origins = [i for i, n in enumerate(repeats) for _ in range(n)]
    return f"np.take({a}, np.array({origins}, int), {axis})"


def _repeat_infer(op: Op, operands: Sequence[Any], params: Mapping[str, Any]) -> Abstract:
    (a,) = operands
    axis, shape, repeats = params["axis"], shape_of(a), params["repeats"]
    if isinstance(repeats, tuple) and len(repeats) != shape[axis]:
        raise ValueError("repeats must be one count, or one an element")
    size = sum(repeats) if isinstance(repeats, tuple) else shape[axis] * repeats
    return Abstract((*shape[:axis], size, *shape[axis + 1 :]), np.asarray(stand_in(a)).dtype)


TABLE = (
    moving(
        "concatenate",
        lambda *parts, axis: np.concatenate(parts, axis=axis),
        _concatenate_vjp,
        _joined("concatenate"),
        (np.concatenate,),
        _bind_concatenate,
        _joined_infer,
        (Sample(((2, 4), (3, 4)), {"axis": 0}), Sample(((2, 4), (2, 1)), {"axis": 1})),
        placing=Placing(_after_others),
    ),
    moving(
        "stack",
        lambda *parts, axis: np.stack(parts, axis=axis),
        _stack_vjp,
        _joined("stack"),
        (np.stack,),
        _bind_stack,
        _stack_infer,
        (
            Sample(((4,), (4,)), {"axis": 0}),
            Sample(((2, 3), (2, 3)), {"axis": 1}),
            Sample(((), (), ()), {"axis": 0}),
        ),
        placing=Placing(_beside_others),
    ),
    PAD,
    moving(
        "repeat",
        lambda a, repeats, axis: np.repeat(a, repeats, axis=axis),
        (_repeat_vjp,),
        replace(by_position("repeat", "repeats", "axis"), jax=_repeat_in_jax),
        (np.repeat,),
        _bind_repeat,
        _repeat_infer,
        (
            Sample(((3, 4),), {"repeats": 2, "axis": 1}),
            Sample(((2, 3),), {"repeats": (2, 0, 1), "axis": 1}),
        ),
        composition=_repeated,
    ),
)
