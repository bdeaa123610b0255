"""Diagonals and triangles of matrices."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.notation import Notation, keywords
from chainrule.op import Op, Placing, Sample, viewing
from chainrule.rules.axes import along, inverse, normal_list
from chainrule.rules.index import SETITEM, Slot
from chainrule.rules.shape import moving


def offset(name: str) -> Notation:
    """Notation of ``np.name(a, k)``, where the main diagonal, k = 0, is not written."""
    return Notation(
        lambda a, k: f"np.{name}({a}{keywords(k=k or None)})",
        lambda a, k: f"{name}({a}{keywords(k=k or None)})",
        lambda a, k: rf"\operatorname{{{name}}}{f'_{{{k}}}' if k else ''}\left({a}\right)",
    )


def _diagonal_code(a: Any, offset: int, axis1: int, axis2: int) -> str:
    axes = (None, None) if (axis1, axis2) == (0, 1) else (axis1, axis2)
    return f"np.diagonal({a}{keywords(offset=offset or None, axis1=axes[0], axis2=axes[1])})"


def _triangle(function: Any) -> Op:
    """Make the row of a triangle, whose gradient is the triangle of the gradient."""
    name = function.__name__
    return moving(
        name,
        lambda a, k: function(a, k),
        (lambda g, out, a, k: function(g, k),),
        offset(name),
        (function,),
        lambda m, k=0: ((m,), {"k": int(k)}),
        viewing,
        (Sample(((3, 4),), {"k": 0}), Sample(((3,),), {"k": -1})),
        composition=lambda a, k: np.where(_triangular(function, a, k), a, np.zeros_like(a)),
    )


def _triangular(function: Any, a: Any, k: int) -> Any:
    """Return where a triangle is: above a vector it is one of the square of copies of it."""
    shape = np.shape(a)[-2:] if np.ndim(a) > 1 else 2 * np.shape(a)
    return function(np.ones(shape, bool), k)


def _diagonal_origin(index: Any, dims: Any, offset: int, axis1: int, axis2: int) -> Any:
    *rest, along = index
    place = {axis1: along + max(-offset, 0), axis2: along + max(offset, 0)}
    remaining = iter(rest)
    return tuple(place[k] if k in place else next(remaining) for k in range(len(dims)))


def _bind_diagonal(a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    rows, columns = normal_list([axis1, axis2], np.ndim(a))
    if rows == columns:
        raise ValueError("axis1 and axis2 cannot be the same")
    return (a,), {"offset": int(offset), "axis1": rows, "axis2": columns}


def _diagonal_vjp(g: Any, out: Any, a: Any, offset: int, axis1: int, axis2: int) -> Any:
    shape = np.shape(a)
    if len(shape) == 2 and axis1 < axis2 and len(set(shape)) == 1:
        return DIAGONAL_MATRIX(g, k=offset)
    order = [k for k in range(len(shape)) if k not in (axis1, axis2)] + [axis1, axis2]
    zeros = np.transpose(np.zeros_like(a), order)
    positions = np.nonzero(np.eye(shape[axis1], shape[axis2], offset))
    key = along(len(shape) - 2, Slot(0), Slot(1))
    placed = SETITEM(zeros, g, *positions, key=key)
    return np.transpose(placed, inverse(order))


#: A matrix with the given diagonal; what ``np.diag`` makes of a vector.
DIAGONAL_MATRIX: Op = moving(
    "diag",
    lambda a, k: np.diag(a, k),
    (lambda g, out, a, k: np.diagonal(g, k),),
    offset("diag"),
    (),
    None,
    viewing,
    (Sample(((3,),), {"k": 0}), Sample(((3,),), {"k": -2})),
    placing=Placing(
        lambda position, index, shapes, k: (index[0] + max(-k, 0), index[0] + max(k, 0)),
        background=lambda k: 0,
    ),
)


TABLE = (
    _triangle(np.tril),
    _triangle(np.triu),
    DIAGONAL_MATRIX,
    moving(
        "diagonal",
        lambda a, offset, axis1, axis2: np.diagonal(a, offset, axis1, axis2),
        (_diagonal_vjp,),
        Notation(
            _diagonal_code,
            lambda a, **params: f"diagonal({a})",
            lambda a, **params: rf"\operatorname{{diagonal}}\left({a}\right)",
        ),
        (np.diagonal,),
        _bind_diagonal,
        viewing,
        (
            Sample(((3, 3),), {"offset": 1, "axis1": 0, "axis2": 1}),
            Sample(((2, 3, 4),), {"offset": -1, "axis1": 2, "axis2": 0}),
        ),
        view=True,
        origin=_diagonal_origin,
    ),
)
