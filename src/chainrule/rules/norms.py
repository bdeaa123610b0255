"""Lengths of vectors, and the directions that are their derivatives.

The derivative of a length is the vector divided by it. At the zero vector it is 0, one of
its subgradients; there is no second derivative there. Where the squares of entries would
leave the range of floating-point numbers, at 1e-200 or 1e200, the vector is scaled first: the
one case in which the value is not NumPy's, which is 0 or infinite there.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from chainrule.notation import Notation, keywords
from chainrule.op import Op, Sample, UnsupportedArgumentError
from chainrule.rules.arithmetic import DIVIDE
from chainrule.rules.axes import Axis, expanded
from chainrule.rules.infer import array_like, reducing


def _only(axis: Axis) -> Any:
    return axis[0] if axis is not None and len(axis) == 1 else axis


def _plain(ord: float, axis: Axis) -> bool:
    """Whether `np.linalg.norm` takes it, or else `np.linalg.vector_norm`."""
    if ord == 2:
        return axis is None or len(axis) <= 2
    return axis is not None and len(axis) == 1


def _numpys_norm(a: Any, ord: float, axis: Axis, keepdims: bool) -> Any:
    with np.errstate(over="ignore"):
        if _plain(ord, axis):
            return np.linalg.norm(a, None if ord == 2 else ord, _only(axis), keepdims)
        given: Any = axis
        return np.linalg.vector_norm(a, axis=given, keepdims=keepdims, ord=ord)


@cache
def _range(dtype: np.dtype[Any], ord: float) -> tuple[Any, Any]:
    """Return the norms between which no power of an entry that matters loses digits."""
    info = np.finfo(dtype)
    return (info.tiny / info.eps) ** (1 / max(abs(ord), 1)), info.max


def _norm(a: Any, ord: float, axis: Axis, keepdims: bool) -> Any:
    out = _numpys_norm(a, ord, axis, keepdims)
    least, greatest = _range(out.dtype, ord)
    inside = (least <= out) & (out <= greatest)
    if inside if inside.ndim == 0 else inside.all():
        return out
    scale = np.max(np.abs(a), axis=axis, keepdims=True, initial=0)
    scalable = (scale > 0) & (scale <= greatest)
    scaled = _numpys_norm(np.divide(a, scale, out=np.array(a), where=scalable), ord, axis, True)
    with np.errstate(over="ignore"):
        again = np.where(scalable, scaled * scale, scaled)
    return np.where(inside, out, np.reshape(again, np.shape(out)))[()]


def _norm_in_code(a: Any, ord: float, axis: Axis, keepdims: bool) -> str:
    shown = keywords(axis=axis, keepdims=keepdims, ord=None if ord == 2 else ord)
    return f"np.linalg.{'' if _plain(ord, axis) else 'vector_'}norm({a}{shown})"


def _norm_in_latex(a: Any, ord: float, axis: Axis, keepdims: bool) -> str:
    return rf"\left\Vert {a} \right\Vert" + ("" if ord == 2 else f"_{{{ord}}}")


def _norm_vjp(g: Any, out: Any, a: Any, ord: float, axis: Axis, keepdims: bool) -> Any:
    g, out = expanded(g, axis, keepdims), expanded(out, axis, keepdims)
    if ord == 2:
        return g * DIRECTION(a, out)
    # |a| grows with the sign of a, and |a|^p by p |a|^(p - 1); p goes with the root.
    return g * np.sign(a) * DIRECTION(np.abs(a), out) ** (ord - 1)


def _scaled_norm(a: Any, ord: float, axis: Axis, keepdims: bool) -> Any:
    """Compose a norm of sums of powers, the greatest entry made 1: none leaves the range."""
    if not 0 < ord < np.inf:
        raise UnsupportedArgumentError("ord")
    greatest = np.max(np.abs(a), axis=axis, keepdims=True)
    scale = np.where((greatest > 0) & (greatest < np.inf), greatest, np.ones_like(greatest))
    parts = np.abs(a / scale)
    powers = parts * parts if ord == 2 else parts**ord
    total = np.sum(powers, axis=axis, keepdims=True)
    norm = scale * (np.sqrt(total) if ord == 2 else total ** (1 / ord))
    return norm if keepdims else np.squeeze(norm, axis=axis)


def _direction(a: Any, norm: Any) -> Any:
    if np.ndim(norm) == 0 and norm > 0:
        return a / norm
    return np.divide(a, norm, out=np.zeros_like(a), where=norm > 0)


def _direction_in_code(a: Any, norm: Any) -> str:
    return f"np.divide({a}, {norm}, out=np.zeros_like({a}), where={norm:or} > 0)"


#: A quotient, with 0 for 0 / 0.
DIRECTION = Op(
    name="direction",
    forward=_direction,
    vjp=DIVIDE.vjp,
    notation=Notation(
        _direction_in_code,
        lambda a, norm: f"({a:product} / {norm:power!})",
        lambda a, norm: rf"\frac{{{a}}}{{{norm}}}",
        latex_level="power",
        jax="np.where({1:or} > 0, {0:product} / {1:power!}, 0)",
    ),
    reason=DIVIDE.reason,
    infer=array_like(0),
    composition=lambda a, norm: np.where(norm > 0, a / norm, np.zeros_like(a)),
    low=0.5,
    samples=(
        Sample(((3, 4), (3, 1))),
        Sample(((3, 4), (1, 1))),
    ),
)

NORM = Op(
    name="norm",
    forward=_norm,
    vjp=(_norm_vjp,),
    notation=Notation(_norm_in_code, lambda a, ord, axis, keepdims: f"norm({a})", _norm_in_latex),
    reason="a length changes with each component by that component's share of it (0 at 0)",
    infer=reducing,
    composition=_scaled_norm,
    samples=(
        Sample(((4,),), {"ord": 2, "axis": None, "keepdims": False}),
        Sample(((3, 4),), {"ord": 2, "axis": (0, 1), "keepdims": True}),
        Sample(((3, 4),), {"ord": 2, "axis": (1,), "keepdims": False}),
        Sample(((3, 4),), {"ord": 3, "axis": (0,), "keepdims": True}),
        Sample(((2, 3, 4),), {"ord": 2.5, "axis": (0, 2), "keepdims": False}),
        Sample(((2, 3),), {"ord": 3, "axis": None, "keepdims": False}),
    ),
    low=0.3,
)

TABLE = (NORM, DIRECTION)
