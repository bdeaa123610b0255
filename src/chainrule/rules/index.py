"""Indexing: reading elements, and its two inverses, writing and scattering them.

A key is kept as a parameter in which a :class:`Slot` stands for each array of
positions; the arrays themselves are operands, so that labels stay inputs of the graph.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.errors import BranchError
from chainrule.notation import Notation
from chainrule.op import Abstract, Op, Sample, UnsupportedArgumentError, shape_of, stand_in
from chainrule.rules.infer import array_like
from chainrule.rules.operands import known

Key = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Slot:
    """The place in a key of the array of positions that is operand number `position`."""

    position: int


def filled(key: Key, positions: Sequence[Any]) -> Key:
    """Return the key that NumPy understands, with the arrays of positions put in."""
    return tuple(
        positions[k.position] if isinstance(k, Slot) else np.arange(k.start, k.stop, k.step)
        if is_range(k) else k
        for k in key
    )  # fmt: skip


def is_range(part: Any) -> bool:
    """Whether a part of a key counts, be it up to a number that varies with the sizes."""
    return hasattr(part, "stop") and not isinstance(part, slice)


def is_basic(key: Key) -> bool:
    """Whether the key picks a view, in which no element occurs twice."""
    return not any(isinstance(k, Slot) or is_range(k) for k in key)


def _names_once(key: Key) -> bool:
    """Whether no place can be named twice: not by a view, nor beside a range."""
    return is_basic(key) or any(map(is_range, key))


def _written_key(key: Key, positions: Sequence[Any]) -> str:
    def part(k: Any) -> str:
        if isinstance(k, Slot):
            return str(positions[k.position])
        if is_range(k):
            return f"range({k.stop})" if (k.start, k.step) == (0, 1) else repr(k)
        if k is Ellipsis:
            return "..."
        if isinstance(k, slice):
            ends = ["" if v is None else str(v) for v in (k.start, k.stop)]
            return ":".join(ends if k.step is None else [*ends, str(k.step)])
        return str(k)

    if not key:
        return "()"
    return ", ".join(map(part, key)) + ("," if len(key) == 1 and key[0] is None else "")


def _jax_key(key: Key, positions: Sequence[Any]) -> str:
    """Write a key as JAX takes it: a range is an array of positions."""

    def part(k: Any) -> Any:
        if isinstance(k, slice) or not hasattr(k, "stop"):
            return k
        ends = (k.stop,) if (k.start, k.step) == (0, 1) else (k.start, k.stop, k.step)
        return f"np.arange({', '.join(map(str, ends))})"

    return _written_key(tuple(map(part, key)), positions)


def _latex_key(key: Key, positions: Sequence[Any]) -> str:
    return _written_key(key, positions).replace("range", r"\mathrm{range}")


def _getitem(a: Any, *positions: Any, key: Key) -> Any:
    return a[filled(key, positions)]


def _scatter(a: Any, g: Any, *positions: Any, key: Key) -> Any:
    """Zeros like `a`, with g added at the key: an element that occurs twice gets both."""
    # A Python number gives way to the precision of arrays.
    out = np.zeros(np.shape(a), np.asarray(a if type(g) is float else g).dtype)
    if is_basic(key):
        out[key] = g
    else:
        np.add.at(out, filled(key, positions), g)
    return out


def _is_last(a: Any, *positions: Any, key: Key) -> Any:
    """Which of the values written at the key stay: where a place is named twice, the last."""
    order = np.zeros(np.shape(a), np.intp)
    index = filled(key, positions)
    count = np.arange(order[index].size).reshape(order[index].shape)
    order[index] = count
    return order[index] == count


def _chosen_by_mask(a: Any, value: Any, *positions: Any, key: Key) -> Any:
    """Compose what writes one number wherever a mask says so."""
    if len(key) != 1 or len(positions) != 1 or np.ndim(value):
        raise UnsupportedArgumentError("key")
    (mask,) = positions
    return np.where(
        np.reshape(mask, np.shape(mask) + (1,) * (np.ndim(a) - np.ndim(mask))), value, a
    )


def _setitem(a: Any, value: Any, *positions: Any, key: Key) -> Any:
    out = np.array(a)
    out[filled(key, positions)] = value
    return out


def written_out(key: Key, ndim: int) -> Key:
    """Return a key with a part for each axis of an array of `ndim` axes."""
    taken = sum(k is not None and k is not Ellipsis for k in key)
    rest = (slice(None),) * (ndim - taken)
    at = next((i for i, k in enumerate(key) if k is Ellipsis), len(key))
    return key[:at] + rest + key[at + 1 :]


def sliced(index: Any, part: slice, extent: int) -> Any:
    """Return where the element at an index of a slice stands along an axis."""
    step = 1 if part.step is None else part.step
    first = slice(part.start, None, step).indices(int(extent))[0]
    if part.start is not None and first == int(part.start):
        offset = part.start
    elif part.start is not None and first == int(extent) + int(part.start):
        offset = extent + part.start
    elif first == 0:
        offset = 0
    else:  # counted from the end, or no further than the end
        offset = extent + (first - int(extent))
    whole = step == 1 and first == 0 and part.stop in (None, extent)
    return index if whole else index * step + offset


def _getitem_origin(index: Any, dims: tuple[int, ...], key: Key) -> Any:
    """Tell where an element that a view shows stands, the ends of slices counted from the front."""
    if not is_basic(key):
        return None
    remaining, place, axis = iter(index), [], 0
    for k in written_out(key, len(dims)):
        if k is None:
            next(remaining)
            continue
        if isinstance(k, slice):
            place.append(sliced(next(remaining), k, dims[axis]))
        else:
            place.append(k if k >= 0 else dims[axis] + k)
        axis += 1
    return tuple(place)


def _getitem_vjp(g: Any, out: Any, a: Any, *positions: Any, key: Key) -> Any:
    return SCATTER(a, g, *positions, key=key)


def _written_vjp(g: Any, out: Any, a: Any, value: Any, *positions: Any, key: Key) -> Any:
    kept = GETITEM(g, *positions, key=key)
    if _names_once(key):
        return kept
    places = [known(p) for p in positions]
    if all(isinstance(p, np.ndarray) for p in places) and np.all(_is_last(out, *places, key=key)):
        return kept
    return kept * IS_LAST(out, *positions, key=key)


def _indexed(op: Op, operands: Sequence[Any], params: Mapping[str, Any]) -> Abstract:
    for operand in operands[1:]:
        if isinstance(operand, Abstract) and operand.dtype.kind == "b":
            raise BranchError(
                "How many elements a mask picks depends on its values, and only shapes are known.",
                instead="np.where(mask, a, 0), which keeps the shape",
            )
    array, *positions = (stand_in(o) for o in operands)
    # Position 0 is in range whatever the positions will be.
    anywhere = [np.zeros_like(p) if p.dtype.kind in "iu" else p for p in positions]
    return Abstract.of(array[filled(params["key"], anywhere)])


def _scatter_infer(op: Op, operands: Sequence[Any], params: Mapping[str, Any]) -> Abstract:
    g = stand_in(operands[1])
    return Abstract(
        shape_of(operands[0]), np.asarray(stand_in(operands[0]) if type(g) is float else g).dtype
    )


def _scatter_into(out: str, a: str, g: str, *positions: str, key: Key) -> str:
    place = _written_key(key, positions)
    if is_basic(key):
        return f"{out}.fill(0)\n{out}[{place}] = {g}"
    sliced = any(isinstance(k, slice) or k is Ellipsis for k in key)
    index = f"np.s_[{place}]" if sliced else f"({place},)"
    return f"{out}.fill(0)\nnp.add.at({out}, {index}, {g})"


def _scatter_code(a: Any, g: Any, *positions: Any, key: Key, out: str = "") -> str:
    written = _written_key(key, positions)
    if _names_once(key):
        return f"{out} = np.zeros_like({a})\n{out}[{written}] = {g}"
    sliced = any(isinstance(k, slice) or k is Ellipsis for k in key)
    index = written if len(key) == 1 else f"np.s_[{written}]" if sliced else f"({written})"
    return f"{out} = np.zeros_like({a})\nnp.add.at({out}, {index}, {g})"


def _getitem_in_jax(a: Any, *positions: Any, key: Key, out: str = "") -> str:
    written = _jax_key(key, positions)
    if is_basic(key):
        return f"{a:atom}[{written}]"
    # A position out of range gives NaN: JAX raises no error, and would take the nearest element.
    return f'{a:atom}.at[{written}].get(mode="fill")'


def _is_last_in_jax(a: Any, *positions: Any, key: Key, out: str = "") -> str:
    written = _jax_key(key, positions)
    picked = f"{a:atom}[{written}]"
    return (
        f"{out} = np.arange({picked}.size).reshape({picked}.shape)\n"
        f"{out} = np.zeros({a:atom}.shape, int).at[{written}].max({out})[{written}] == {out}"
    )


def _is_last_composed(a: Any, *positions: Any, key: Key) -> Any:
    picked = np.shape(GETITEM(a, *positions, key=key))
    count = np.arange(math.prod(picked)).reshape(picked)
    order = SETITEM(np.zeros_like(a, dtype=int), count, *positions, key=key)
    return GETITEM(order, *positions, key=key) == count


def _is_last_code(a: Any, *positions: Any, key: Key, out: str = "") -> str:
    place = f"{out}[{_written_key(key, positions)}]"
    count = f"np.arange({place}.size).reshape({place}.shape)"
    return f"{out} = np.zeros({a}.shape, int)\n{place} = {count}\n{out} = {place} == {count}"


_ROWS = np.array([0, 2, 2, 1])

GETITEM = Op(
    name="getitem",
    forward=_getitem,
    vjp=(_getitem_vjp,),
    notation=Notation(
        lambda a, *positions, key: f"{a:atom}[{_written_key(key, positions)}]",
        lambda a, *positions, key: f"{a:atom}[{_written_key(key, positions)}]",
        lambda a, *positions, key: f"{{{a:atom}}}_{{[{_latex_key(key, positions)}]}}",
        jax=_getitem_in_jax,
    ),
    reason="picking passes each gradient back to the element that was picked, and 0 to the rest",
    infer=_indexed,
    view=True,
    origin=_getitem_origin,
    samples=(
        Sample(((3, 4),), {"key": (1,)}),
        Sample(((3, 4),), {"key": (slice(None), slice(1, 3))}),
        Sample(((3, 4), _ROWS), {"key": (Slot(0),)}),
        Sample(((3, 4), np.array([1, 0, 3])), {"key": (range(3), Slot(0))}),
    ),
)

SCATTER = Op(
    name="scatter",
    forward=_scatter,
    vjp=(None, lambda g, out, a, value, *positions, key: GETITEM(g, *positions, key=key)),
    notation=Notation(
        _scatter_code,
        lambda a, g, *positions, key, out="": (
            f"{g} at [{_written_key(key, positions)}], 0 elsewhere"
        ),
        lambda a, g, *positions, key, out="": (
            rf"\operatorname{{scatter}}_{{[{_latex_key(key, positions)}]}}\left({g}\right)"
        ),
        level="any",
        latex_level="atom",
        statement=True,
        jax=lambda a, g, *positions, key, out="": (
            f"np.zeros_like({a}).at[{_jax_key(key, positions)}].add({g})"
        ),
    ),
    reason="scattering passes each gradient back from the place where the value was put",
    infer=_scatter_infer,
    into=_scatter_into,
    shape_only=(0,),
    samples=(
        Sample((np.zeros((3, 4)), (4,)), {"key": (1,)}),
        Sample((np.zeros((3, 4)), (4, 4), _ROWS), {"key": (Slot(0),)}),
    ),
)

IS_LAST = Op(
    name="is_last",
    forward=_is_last,
    vjp=None,
    notation=Notation(
        _is_last_code,
        lambda a, *positions, key, out="": f"last({_written_key(key, positions)})",
        lambda a, *positions, key, out="": (
            rf"\operatorname{{last}}\left({_latex_key(key, positions)}\right)"
        ),
        statement=True,
        jax=_is_last_in_jax,
    ),
    reason="which value was written last does not change where it does not jump",
    infer=lambda op, operands, params: Abstract(
        _indexed(op, operands, params).shape, np.dtype(bool)
    ),
    shape_only=(0,),
    composition=_is_last_composed,
    samples=(Sample((np.zeros((3, 4)), _ROWS), {"key": (Slot(0),)}),),
)

SETITEM: Op = Op(
    name="setitem",
    forward=_setitem,
    vjp=(
        lambda g, out, a, value, *positions, key: SETITEM(g, 0.0, *positions, key=key),
        _written_vjp,
    ),
    notation=Notation(
        lambda a, value, *positions, key, out="": (
            f"{out} = {a:atom}.copy()\n{out}[{_written_key(key, positions)}] = {value}"
        ),
        lambda a, value, *positions, key, out="": (
            f"{a} with [{_written_key(key, positions)}] = {value}"
        ),
        lambda a, value, *positions, key, out="": (
            rf"{a}\ \text{{with}}\ [{_written_key(key, positions)}] = {value}"
        ),
        level="any",
        statement=True,
        jax=lambda a, value, *positions, key, out="": (
            f"{a:atom}.at[{_jax_key(key, positions)}].set({value})"
        ),
    ),
    reason="what was overwritten gets no gradient; the new value gets that of its place",
    infer=array_like(0),
    composition=_chosen_by_mask,
    into=lambda out, a, value, *positions, key: (
        f"np.copyto({out}, {a})\n{out}[{_written_key(key, positions)}] = {value}"
    ),
    samples=(
        Sample(((3, 4), (4,)), {"key": (1,)}),
        Sample(((3, 4), (3,), np.array([1, 0, 3])), {"key": (range(3), Slot(0))}),
        Sample(((3, 4), (4, 4), _ROWS), {"key": (Slot(0),)}),
    ),
)

TABLE = (GETITEM, SCATTER, SETITEM, IS_LAST)
