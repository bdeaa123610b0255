"""Sliding windows: a view of an array in which each element is seen by many windows.

With it a convolution is an index sum: of windows and weights.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from chainrule.notation import Notation
from chainrule.op import (
    Abstract,
    Op,
    Placing,
    Sample,
    UnsupportedArgumentError,
    shape_of,
    stand_in,
    viewing,
)
from chainrule.rules.axes import normal_list

Sizes = tuple[int, ...]


def _bind(
    x: Any, window_shape: Any, axis: Any = None, *, subok: bool = False, writeable: bool = False
) -> Any:
    if writeable:
        raise UnsupportedArgumentError("writeable")
    if subok:
        raise UnsupportedArgumentError("subok")
    window = tuple(map(int, np.atleast_1d(window_shape)))
    axes = range(np.ndim(x)) if axis is None else normal_list(axis, np.ndim(x))
    if axis is None and len(window) != np.ndim(x):
        raise ValueError(
            "Since axis is None, must provide window_shape for all dimensions of `x`; "
            f"got {len(window)} window_shape elements and `x.ndim` is {np.ndim(x)}."
        )
    return (x,), {"window": window, "axis": tuple(axes)}


def _places(shape: Sizes, window: Sizes, axis: Sizes) -> Sizes:
    """Return in how many places the windows stand along each axis."""
    places = list(shape)
    for n, a in zip(window, axis, strict=True):
        places[a] -= n - 1
    return tuple(places)


def _add_windows(a: Any, g: Any, window: Sizes, axis: Sizes) -> Any:
    """Zeros like `a`, to which each window of g is added where it stands.

    The shorter of two loops: over the elements of a window, or over its places.
    """
    out = np.zeros(np.shape(a), np.asarray(g).dtype)
    places = _places(out.shape, window, axis)
    if len(set(axis)) == len(axis) and math.prod(window) > math.prod(places[i] for i in axis):
        for place in np.ndindex(*(places[i] for i in axis)):
            ends = range(out.ndim - len(axis), out.ndim)
            stands: list[Any] = [slice(None)] * out.ndim
            covers = list(stands)
            for i, n, at in zip(axis, window, place, strict=True):
                stands[i], covers[i] = at, slice(at, at + n)
            out[tuple(covers)] += np.moveaxis(g[tuple(stands)], ends, axis)
        return out
    for offsets in np.ndindex(*window):
        starts = [0] * out.ndim
        for i, offset in zip(axis, offsets, strict=True):
            starts[i] += offset
        covered = tuple(slice(s, s + n) for s, n in zip(starts, places, strict=True))
        out[covered] += g[(..., *offsets)]
    return out


def _written(window: Sizes, axis: Sizes) -> str:
    sizes, axes = (str(v[0]) if len(v) == 1 else str(v) for v in (window, axis))
    return f"{sizes}, axis={axes}"


def _latex_sizes(window: Sizes) -> str:
    return r" \times ".join(map(str, window))


def _added_code(a: Any, g: Any, window: Sizes, axis: Sizes, out: str = "") -> str:
    names = [f"{out}_{letter}" for letter in "ijklmnpq"[: len(window)]]
    head = names[0] if len(names) == 1 else ", ".join(names)
    loop = f"range({window[0]})" if len(names) == 1 else f"np.ndindex{window}"
    key = []
    for i in range(max(axis) + 1):
        start = " + ".join(name for name, at in zip(names, axis, strict=True) if at == i)
        key.append(f"{start} : {start} + {g:atom}.shape[{i}]" if start else ":")
    return (
        f"{out} = np.zeros_like({a})\nfor {head} in {loop}:\n"
        f"    {out}[{', '.join(key)}] += {g:atom}[..., {', '.join(names)}]"
    )


def _windows_in_jax(a: Any, window: Sizes, axis: Sizes, out: str = "") -> str:
    lines = [f"{out} = {a}"]
    for n, at in zip(window, axis, strict=True):
        part = f"{out}[{':, ' * at}_i : {out}.shape[{at}] + 1 - {n} + _i]"
        lines.append(f"{out} = np.stack([{part} for _i in range({n})], axis=-1)")
    return "\n".join(lines)


def _added_in_jax(a: Any, g: Any, window: Sizes, axis: Sizes, out: str = "") -> str:
    zeros, *_, added = _added_code(a, g, window, axis, out).splitlines()
    place, part = added.strip().split(" += ")
    lines = [zeros]
    for depth, (letter, n) in enumerate(zip("ijklmnpq", window, strict=False)):
        lines.append(f"{'    ' * depth}for {out}_{letter} in range({n}):")
    at = place.replace("[", ".at[", 1)
    return "\n".join([*lines, f"{'    ' * len(window)}{out} = {at}.add({part})"])


def _windows_origin(index: Any, dims: Any, window: Sizes, axis: Sizes) -> Any:
    """Return the sum of where a window stands and of the place in it."""
    place = list(index[: len(dims)])
    for at, inside in zip(axis, index[len(dims) :], strict=True):
        place[at] = place[at] + inside
    return tuple(place)


def _windows(a: Any, window: Sizes, axis: Sizes) -> Any:
    return sliding_window_view(a, window, axis)


def _added_infer(op: Op, operands: Sequence[Any], params: Mapping[str, Any]) -> Abstract:
    return Abstract(shape_of(operands[0]), np.asarray(stand_in(operands[1])).dtype)


_WINDOWS = Op(
    name="sliding_window_view",
    forward=_windows,
    vjp=(lambda g, out, a, **params: _ADDED(a, g, **params),),
    notation=Notation(
        lambda a, window, axis: (
            f"np.lib.stride_tricks.sliding_window_view({a}, {_written(window, axis)})"
        ),
        lambda a, window, axis: f"windows({a}, {_written(window, axis)})",
        lambda a, window, axis: (
            rf"\operatorname{{windows}}_{{{_latex_sizes(window)}}}\left({a}\right)"
        ),
        jax=_windows_in_jax,
    ),
    reason="an element gets the gradients of all windows that it is seen in",
    numpy=(sliding_window_view,),
    bind=_bind,
    infer=viewing,
    view=True,
    origin=_windows_origin,
    samples=(
        Sample(((5,),), {"window": (3,), "axis": (0,)}),
        Sample(((5, 4),), {"window": (2, 3), "axis": (0, 1)}),
        Sample(((2, 5, 4),), {"window": (4, 3), "axis": (2, 1)}),
        Sample(((6, 2),), {"window": (5,), "axis": (0,)}),
    ),
)

_ADDED: Op = Op(
    name="add_windows",
    forward=_add_windows,
    vjp=(None, lambda g, out, a, windows, **params: _WINDOWS(g, **params)),
    notation=Notation(
        _added_code,
        lambda a, g, window, axis, out="": f"sum of windows({g})",
        lambda a, g, window, axis, out="": rf"\operatorname{{windows}}^{{\top}}\left({g}\right)",
        statement=True,
        jax=_added_in_jax,
    ),
    reason="each window passes back what stands where it was added",
    infer=_added_infer,
    shape_only=(0,),
    placing=Placing(
        lambda position, index, shapes, **params: (
            _windows_origin(index, shapes[0], **params) if position else None
        ),
        background=lambda **params: 0,
        adds=True,
    ),
    samples=(
        Sample((np.zeros(5), (3, 3)), {"window": (3,), "axis": (0,)}),
        Sample((np.zeros((5, 4)), (4, 2, 2, 3)), {"window": (2, 3), "axis": (0, 1)}),
    ),
)

TABLE = (_WINDOWS, _ADDED)
