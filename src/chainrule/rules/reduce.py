"""Reductions over axes: sums, means, extremes, counts.

A tie in ``max`` or ``min`` shares the gradient evenly among the elements that are equal.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from chainrule.notation import Notation, keywords
from chainrule.op import Abstract, Op, Sample, stand_in

Axis = tuple[int, ...] | None

#: What np.sum calls in the end, without its detours.
_add_reduce: Any = np.add.reduce


def normal_axis(axis: Any, ndim: int) -> Axis:
    """Return axes as a tuple of numbers from 0, or None for all of them."""
    if axis is None:
        return None
    axes = axis if isinstance(axis, tuple) else (axis,)
    for a in axes:
        if not -ndim <= a < ndim:
            raise np.exceptions.AxisError(a, ndim)
    return tuple(sorted(int(a) % ndim for a in axes))


def normal_list(axes: Any, ndim: int) -> list[int]:
    """Return axes as a list of numbers from 0, in the order given."""
    return [range(ndim)[i] for i in (axes if isinstance(axes, (tuple, list)) else [axes])]


def _bind(a: Any, axis: Any = None, keepdims: bool = False) -> tuple[tuple[Any], dict[str, Any]]:
    axes = None if axis is None else normal_axis(axis, np.ndim(a))
    return (a,), {"axis": axes, "keepdims": bool(keepdims)}


def _reducing(op: Op, operands: Sequence[Any], params: Mapping[str, Any]) -> Abstract:
    (a,) = operands
    axis = params["axis"]
    shape = np.shape(stand_in(a))
    axes = range(len(shape)) if axis is None else axis
    if params["keepdims"]:
        kept = tuple(1 if i in axes else n for i, n in enumerate(shape))
    else:
        kept = tuple(n for i, n in enumerate(shape) if i not in axes)
    out = op.forward(stand_in(a, (1,) * len(shape)), **params)
    return Abstract(kept, np.asarray(out).dtype)


def _expand(g: Any, axis: Axis, keepdims: bool) -> Any:
    """Give the reduced axes back, with length 1, so that g broadcasts against the operand."""
    return g if keepdims or axis is None else np.expand_dims(g, axis)


def _notation(name: str, sign: str) -> Notation:
    def plain(prefix: str) -> Any:
        def write(a: Any, axis: Axis, keepdims: bool) -> str:
            return f"{prefix}{name}({a}{keywords(axis=axis, keepdims=keepdims)})"

        return write

    def latex(a: Any, axis: Axis, keepdims: bool) -> str:
        if axis is None:
            return rf"{sign} {a:power}"
        return rf"{sign}_{{\text{{axis {', '.join(map(str, axis))}}}}} {a:power}"

    return Notation(plain("np."), plain(""), latex, latex_level="product")


def _subscripts(shapes: Sequence[tuple[int, ...]], axis: Axis, keepdims: bool) -> str | None:
    letters = "ijklmnopq"[: len(shapes[0])]
    axes = range(len(letters)) if axis is None else axis
    return f"{letters}->{''.join(c for i, c in enumerate(letters) if i not in axes)}"


def _extreme_vjp(g: Any, out: Any, a: Any, axis: Axis, keepdims: bool) -> Any:
    ties = a == _expand(out, axis, keepdims)
    share = ties / np.sum(ties, axis=axis, keepdims=True)
    return _expand(g, axis, keepdims) * share


def _count(a: Any, out: Any, axis: Axis) -> Any:
    """How many elements go into one: a traced number, so that it follows the batch."""
    if axis is None:
        return np.size(a)
    return np.size(a, axis[0]) if len(axis) == 1 else np.size(a) / np.size(out)


def _axis_samples(shape: tuple[int, ...] = (3, 4)) -> tuple[Sample, ...]:
    return (
        Sample((shape,), {"axis": None, "keepdims": False}),
        Sample((shape,), {"axis": (0,), "keepdims": False}),
        Sample((shape,), {"axis": (1,), "keepdims": True}),
        Sample(((2, 3, 4),), {"axis": (0, 2), "keepdims": False}),
    )


def _mean(a: Any, axis: Axis, keepdims: bool) -> Any:
    if type(a) is float:
        return a
    total = _add_reduce(a, axis=axis, keepdims=keepdims)
    return total / (np.size(a) // (np.size(total) or 1))


def _reduction(
    name: str,
    forward: Any,
    vjp: Any,
    reason: str,
    sign: str,
    functions: tuple[Any, ...],
    subscripts: Any = None,
    bind: Any = _bind,
) -> Op:
    return Op(
        name=name,
        forward=forward,
        vjp=None if vjp is None else (vjp,),
        notation=_notation(name, sign),
        reason=reason,
        numpy=functions,
        bind=bind,
        infer=_reducing,
        subscripts=subscripts,
        samples=_axis_samples(),
    )


def _operator(name: str) -> str:
    return rf"\operatorname{{{name}}}"


def _argument(function: Any) -> Op:
    """Positions of an extreme: integers, so without derivative."""
    name = function.__name__

    def bind(a: Any, axis: Any = None, keepdims: bool = False) -> Any:
        params = {"axis": None if axis is None else int(axis) % np.ndim(a), "keepdims": keepdims}
        return (a,), params

    def infer(op: Op, operands: Sequence[Any], params: Mapping[str, Any]) -> Abstract:
        axis = params["axis"]
        reduced = {"axis": None if axis is None else (axis,), "keepdims": params["keepdims"]}
        return Abstract(_reducing(BY_NAME["any"], operands, reduced).shape, np.dtype(np.intp))

    return Op(
        name=name,
        forward=function,
        vjp=None,
        notation=Notation(
            lambda a, axis, keepdims: f"np.{name}({a}{keywords(axis=axis, keepdims=keepdims)})",
            lambda a, axis, keepdims: f"{name}({a}{keywords(axis=axis)})",
            lambda a, axis, keepdims: rf"{_operator(name)}\left({a}\right)",
        ),
        reason="a position does not change where it does not jump",
        numpy=(function,),
        bind=bind,
        infer=infer,
        samples=(Sample(((3, 4),), {"axis": 1, "keepdims": False}),),
    )


def _size_infer(op: Op, operands: Sequence[Any], params: Mapping[str, Any]) -> Abstract:
    return Abstract((), np.dtype(np.int64), weak=True)


def _size_code(a: Any, axis: int | None) -> str:
    return f"{a:atom}.size" if axis is None else f"{a:atom}.shape[{axis}]"


def _size_latex(a: Any, axis: int | None) -> str:
    return rf"\left|{a}\right|" if axis is None else rf"\left|{a}\right|_{{{axis}}}"


TABLE = (
    _reduction(
        "sum",
        lambda a, axis, keepdims: _add_reduce(a, axis=axis, keepdims=keepdims),
        lambda g, out, a, axis, keepdims: _expand(g, axis, keepdims),
        "a sum changes one for one with each of its terms",
        r"\sum",
        (np.sum,),
        _subscripts,
    ),
    _reduction(
        "mean",
        _mean,
        lambda g, out, a, axis, keepdims: _expand(g, axis, keepdims) / _count(a, out, axis),
        "a mean changes by 1/count with each of its terms",
        _operator("mean"),
        (np.mean,),
    ),
    _reduction(
        "max",
        lambda a, axis, keepdims: np.maximum.reduce(a, axis=axis, keepdims=keepdims),
        _extreme_vjp,
        "max passes the gradient to the greatest element (ties share it) and none to the others",
        r"\max",
        (np.max, np.amax),
    ),
    _reduction(
        "min",
        lambda a, axis, keepdims: np.minimum.reduce(a, axis=axis, keepdims=keepdims),
        _extreme_vjp,
        "min passes the gradient to the smallest element (ties share it) and none to the others",
        r"\min",
        (np.min, np.amin),
    ),
    _reduction(
        "any",
        lambda a, axis, keepdims: np.any(a, axis=axis, keepdims=keepdims),
        None,
        "a truth value does not change where it does not jump",
        _operator("any"),
        (np.any,),
    ),
    _reduction(
        "all",
        lambda a, axis, keepdims: np.all(a, axis=axis, keepdims=keepdims),
        None,
        "a truth value does not change where it does not jump",
        _operator("all"),
        (np.all,),
    ),
    _reduction(
        "count_nonzero",
        lambda a, axis, keepdims: np.count_nonzero(a, axis=axis, keepdims=keepdims),
        None,
        "a count does not change where it does not jump",
        _operator("count"),
        (np.count_nonzero,),
    ),
    _argument(np.argmax),
    _argument(np.argmin),
    Op(
        name="size",
        forward=lambda a, axis: np.size(a, axis),
        vjp=None,
        notation=Notation(_size_code, _size_code, _size_latex),
        reason="a count does not change with the values that are counted",
        numpy=(np.size,),
        bind=lambda a, axis=None: ((a,), {"axis": axis}),
        infer=_size_infer,
        samples=(Sample(((3, 4),), {"axis": None}), Sample(((3, 4),), {"axis": 1})),
    ),
)
BY_NAME = {row.name: row for row in TABLE}
