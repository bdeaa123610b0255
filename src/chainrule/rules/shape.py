"""Operations that move elements, or see them in another shape, without changing them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from chainrule.notation import Notation, keywords
from chainrule.op import (
    Abstract,
    Infer,
    Op,
    Placing,
    Sample,
    UnsupportedArgumentError,
    like,
    shape_of,
    stand_in,
    viewing,
)
from chainrule.rules.axes import all_axes, along, inverse, normal_axis, normal_list
from chainrule.rules.calls import by_position
from chainrule.rules.infer import array_like
from chainrule.rules.operands import counts, refuse_device

_MOVED = "moving elements does not change them: each gradient moves back to where it came from"


def _sizes(shape: Any) -> tuple[int, ...]:
    """Return a shape, which may be a single number, as a tuple."""
    return tuple(int(n) for n in ((shape,) if np.ndim(shape) == 0 else shape))


def _bind_reshape(a: Any, shape: Any, order: str = "C", *, copy: Any = None) -> Any:
    if copy is not None:
        raise UnsupportedArgumentError("copy")
    if order not in ("C", "F"):  # the others ask how the array lies in memory
        raise UnsupportedArgumentError("order")
    wanted = _sizes(shape)
    if np.ndim(a) == 0:
        wanted = tuple(1 if n == -1 else n for n in wanted)
    params: dict[str, Any] = {"shape": wanted}
    return (a,), params if order == "C" else params | {"order": order}


def _reshape_code(a: Any, shape: tuple[int, ...], order: str = "C") -> str:
    extra = keywords(order=None if order == "C" else order)
    if all(n == 1 for n in shape):  # of a single number, which may be Python's, without methods
        return f"np.reshape({a}, {shape}{extra})"
    return f"{a:atom}.reshape({', '.join(map(str, shape))}{extra})"


def aligned(index: Any, dims: tuple[int, ...]) -> Any:
    """Return the place of an element in an array that is broadcast to more axes, or longer ones."""
    kept = index[len(index) - len(dims) :]
    return tuple(0 if n == 1 else i for i, n in zip(kept, dims, strict=True))


def _reshape_origin(index: Any, dims: tuple[int, ...], shape: Any, order: str = "C") -> Any:
    """Tell where an element stood, where only axes of length 1 come and go."""
    long = [i for i, n in zip(index, shape, strict=True) if n != 1]
    if [n for n in shape if n != 1] != [n for n in dims if n != 1] or -1 in shape:
        return None
    remaining = iter(long)
    return tuple(0 if n == 1 else next(remaining) for n in dims)


def _squeeze_origin(index: Any, dims: tuple[int, ...], axis: Any) -> Any:
    remaining = iter(index)
    gone = [k for k, n in enumerate(dims) if n == 1] if axis is None else axis
    return tuple(0 if k in gone else next(remaining) for k in range(len(dims)))


def _bind_transpose(a: Any, axes: Any = None) -> Any:
    ndim = np.ndim(a)
    order = range(ndim)[::-1] if axes is None else normal_list(tuple(axes), ndim)
    return (a,), {"axes": tuple(order)}


def _bind_axis(a: Any, axis: Any = None) -> Any:
    return (a,), {"axis": normal_axis(axis, np.ndim(a))}


def _bind_expand(a: Any, axis: Any) -> Any:
    axes = axis if isinstance(axis, tuple) else (axis,)
    return (a,), {"axis": normal_axis(axes, np.ndim(a) + len(axes))}


def _transpose_vjp(g: Any, out: Any, a: Any, axes: tuple[int, ...]) -> Any:
    return np.transpose(g, inverse(axes))


def _is_reversal(axes: tuple[int, ...]) -> bool:
    return axes == tuple(range(len(axes)))[::-1]


def _transpose_subscripts(shapes: Sequence[Any], axes: tuple[int, ...]) -> str:
    letters = "ijklmnopq"[: len(axes)]
    return f"{letters}->{''.join(letters[i] for i in axes)}"


def _bind_flip(a: Any, axis: Any = None) -> Any:
    return (a,), {"axis": all_axes(normal_axis(axis, np.ndim(a)), np.ndim(a))}


def _astype_infer(op: Op, operands: Sequence[Any], params: Mapping[str, Any]) -> Abstract:
    return Abstract(shape_of(operands[0]), params["dtype"])


def _filled_infer(op: Op, operands: Sequence[Any], params: Mapping[str, Any]) -> Abstract:
    (a,) = operands
    return Abstract(
        params.get("shape", shape_of(a)), params["dtype"] or np.asarray(stand_in(a)).dtype
    )


def _bind_filled(
    a: Any, dtype: Any = None, order: str = "K", subok: bool = True, shape: Any = None,
    *, device: Any = None,
) -> Any:  # fmt: skip
    refuse_device(device)
    if order not in ("K", "C", "A"):
        raise UnsupportedArgumentError("order")
    params: dict[str, Any] = {"dtype": None if dtype is None else np.dtype(dtype)}
    if shape is not None:
        params["shape"] = _sizes(shape)
    return (a,), params


def _filled(function: Any, digit: str) -> Op:
    name = function.__name__
    return Op(
        name=name,
        forward=lambda a, dtype, shape=None: function(a, dtype=dtype, shape=shape),
        vjp=(None,),  # not None: the array may be written to, and carry gradients then
        notation=Notation(
            lambda a, dtype, shape=None: (
                f"np.{name}({a}"
                f"{f', dtype=np.{dtype.name}' if dtype else ''}{keywords(shape=shape)})"
            ),
            lambda a, dtype, shape=None: digit,
            lambda a, dtype, shape=None: digit,
            loop=lambda a, dtype, shape=None: digit,
        ),
        reason="a constant does not change",
        numpy=(function,),
        bind=_bind_filled,
        infer=_filled_infer,
        shape_only=(0,),
        samples=(
            Sample(((3, 4),), {"dtype": None}),
            Sample(((3, 4),), {"dtype": None, "shape": (2, 2)}),
        ),
    )


def moving(
    name: str, forward: Any, vjp: Any, notation: Notation, functions: tuple[Any, ...], bind: Any,
    infer: Infer, samples: tuple[Sample, ...], subscripts: Any = None, view: bool = False,
    origin: Any = None, placing: Placing | None = None, composition: Any = None,
) -> Op:  # fmt: skip
    """Make the row of an operation that moves elements."""
    return Op(
        name=name, forward=forward, vjp=vjp, notation=notation, reason=_MOVED, numpy=functions,
        bind=bind, infer=infer, subscripts=subscripts, view=view, samples=samples, origin=origin,
        placing=placing, composition=composition,
    )  # fmt: skip


def _bind_roll(a: Any, shift: Any, axis: Any = None) -> Any:
    shift, axis = counts(shift), counts(axis)
    if axis is None:
        shifts = sum(int(n) for n in np.ravel(shift))
        return (a,), {"shift": shifts, "axis": None}
    pairs = np.broadcast(np.asarray(shift), np.asarray(normal_list(axis, np.ndim(a))))
    moves = [(int(n), int(k)) for n, k in pairs]
    return (a,), {"shift": tuple(n for n, _ in moves), "axis": tuple(k for _, k in moves)}


def _roll_vjp(g: Any, out: Any, a: Any, shift: Any, axis: Any) -> Any:
    back = tuple(-n for n in shift) if isinstance(shift, tuple) else -shift
    return np.roll(g, back, axis)


def _rolled(a: Any, shift: Any, axis: Any) -> Any:
    """Put together what is moved beyond the end, in front, and the rest."""
    if axis is None:
        return np.reshape(_rolled(np.reshape(a, (-1,)), (shift,), (0,)), np.shape(a))
    for n, k in zip(shift, axis, strict=True):
        length = np.shape(a)[k]
        cut = (length - n) % (length or 1)
        parts = [a[along(k, slice(cut, None))], a[along(k, slice(None, cut))]]
        a = np.concatenate(parts, axis=k)
    return a


def _columns_first(a: Any, shape: Any, order: str = "C") -> Any:
    """Take columns before rows: the same for the transposed array, rows before columns."""
    if order == "C":
        raise UnsupportedArgumentError("order")
    return np.transpose(np.reshape(np.transpose(a), np.shape(a.reshape(shape))[::-1]))


def _transpose_notation() -> Notation:
    def code(a: Any, axes: tuple[int, ...]) -> str:
        return f"{a:atom}.T" if _is_reversal(axes) else f"np.transpose({a}, {axes})"

    def text(a: Any, axes: tuple[int, ...]) -> str:
        return code(a, axes).removeprefix("np.")

    def latex(a: Any, axes: tuple[int, ...]) -> str:
        return f"{a:atom}^{{\\top}}"

    return Notation(code, text, latex, latex_level="power")


def _broadcast_forward(a: Any, like: Any = None, *, shape: tuple[int, ...] | None = None) -> Any:
    if type(a) is float and hasattr(like, "dtype"):
        a = np.asarray(a, like.dtype)  # a Python number gives way to the precision of arrays
    return np.broadcast_to(a, np.shape(like) if shape is None else shape)


def _broadcast_infer(op: Op, operands: Sequence[Any], params: Mapping[str, Any]) -> Abstract:
    shape = params.get("shape") or shape_of(operands[-1])
    np.broadcast_shapes(shape_of(operands[0]), shape)
    one = stand_in(operands[0])
    like = stand_in(operands[-1]) if len(operands) > 1 else one
    dtype = np.asarray(like if type(one) is float else one).dtype
    return Abstract(tuple(shape), dtype)


def _bind_broadcast(a: Any, shape: Any) -> Any:
    return (a,), {"shape": _sizes(shape)}


_BROADCAST = Notation(
    lambda a, like=None, shape=None: (
        f"np.broadcast_to({a}, {shape})" if like is None else f"np.broadcast_to({a}, {like}.shape)"
    ),
    lambda a, like=None, shape=None: f"broadcast({a})",
    lambda a, like=None, shape=None: rf"\operatorname{{broadcast}}\left({a}\right)",
)


TABLE = (
    moving(
        "reshape",
        lambda a, shape, order="C": np.reshape(a, shape, order),
        (lambda g, out, a, shape, order="C": np.reshape(g, np.shape(a), order),),
        Notation(
            _reshape_code,
            lambda a, shape, order="C": f"reshape({a}, {shape})",
            lambda a, shape, order="C": rf"\operatorname{{reshape}}\left({a}\right)",
        ),
        (np.reshape,),
        _bind_reshape,
        viewing,
        (Sample(((3, 4),), {"shape": (2, 6)}), Sample(((3, 4),), {"shape": (2, 6), "order": "F"})),
        view=True,
        origin=_reshape_origin,
        composition=_columns_first,
    ),
    moving(
        "transpose",
        lambda a, axes: np.transpose(a, axes),
        (_transpose_vjp,),
        _transpose_notation(),
        (np.transpose,),
        _bind_transpose,
        viewing,
        (Sample(((3, 4),), {"axes": (1, 0)}), Sample(((2, 3, 4),), {"axes": (2, 0, 1)})),
        _transpose_subscripts,
        view=True,
        origin=lambda index, dims, axes: tuple(index[axes.index(k)] for k in range(len(axes))),
    ),
    moving(
        "expand_dims",
        lambda a, axis: np.expand_dims(a, axis),
        (lambda g, out, a, axis: np.squeeze(g, axis=axis),),
        by_position("expand_dims", "axis"),
        (np.expand_dims,),
        _bind_expand,
        viewing,
        (Sample(((3, 4),), {"axis": (1,)}),),
        view=True,
        origin=lambda index, dims, axis: tuple(i for k, i in enumerate(index) if k not in axis),
    ),
    moving(
        "squeeze",
        lambda a, axis: np.squeeze(a, axis=axis),
        (lambda g, out, a, axis: np.reshape(g, np.shape(a)),),
        Notation(
            lambda a, axis: f"np.squeeze({a}{keywords(axis=axis)})",
            lambda a, axis: f"squeeze({a}{keywords(axis=axis)})",
            lambda a, axis: rf"\operatorname{{squeeze}}\left({a}\right)",
        ),
        (np.squeeze,),
        _bind_axis,
        viewing,
        (Sample(((3, 1, 2),), {"axis": (1,)}),),
        view=True,
        origin=_squeeze_origin,
    ),
    Op(
        name="broadcast_to",
        forward=_broadcast_forward,
        vjp=(lambda g, out, a, like=None, shape=None: g,),
        notation=_BROADCAST,
        reason="each copy passes its gradient back, and they add up",
        numpy=(np.broadcast_to,),
        bind=_bind_broadcast,
        infer=_broadcast_infer,
        view=True,
        shape_only=(1,),
        origin=lambda index, dims, **params: aligned(index, dims),
        samples=(Sample(((4,),), {"shape": (3, 4)}),),
    ),
    moving(
        "flip",
        lambda a, axis: np.flip(a, axis),
        (lambda g, out, a, axis: np.flip(g, axis),),
        by_position("flip", "axis"),
        (np.flip,),
        _bind_flip,
        viewing,
        (Sample(((3, 4),), {"axis": (1,)}),),
        view=True,
        origin=lambda index, dims, axis: tuple(
            i * -1 + (n - 1) if k in axis else i
            for k, (i, n) in enumerate(zip(index, dims, strict=True))
        ),
    ),
    moving(
        "roll",
        lambda a, shift, axis: np.roll(a, shift, axis),
        (_roll_vjp,),
        by_position("roll", "shift", "axis"),
        (np.roll,),
        _bind_roll,
        array_like(0),
        (
            Sample(((3, 4),), {"shift": 2, "axis": None}),
            Sample(((3, 4),), {"shift": (1, -1), "axis": (0, 1)}),
        ),
        composition=_rolled,
    ),
    Op(
        name="astype",
        forward=lambda a, dtype: np.asarray(a).astype(dtype),
        vjp=(lambda g, out, a, dtype: g,),
        notation=Notation(
            lambda a, dtype: f"{a:atom}.astype(np.{dtype.name})",
            "{0}",
            "{0}",
            loop=lambda a, dtype: f"np.{dtype.name}({a})",
        ),
        reason="a change of precision passes the gradient on",
        infer=_astype_infer,
        into=lambda out, a, dtype: f'np.copyto({out}, {a}, casting="unsafe")',
        samples=(Sample(((3, 4),), {"dtype": np.dtype(np.float64)}),),
    ),
    Op(
        name="copy",
        forward=np.copy,
        vjp=(lambda g, out, a: g,),
        notation=Notation("{0:atom}.copy()", "{0}", "{0}", loop="{0:atom}"),
        reason="a copy changes one for one with its original",
        numpy=(np.copy,),
        bind=lambda a, order="K", subok=False: ((a,), {}),  # the order of memory is all one
        infer=like(0),
        into=lambda out, a: f"np.copyto({out}, {a})",
        samples=(Sample(((3, 4),)),),
    ),
    _filled(np.ones_like, "1"),
    _filled(np.zeros_like, "0"),
)
