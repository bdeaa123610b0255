"""Inverses and linear systems.

The derivatives of ``inv`` and ``solve`` follow M. B. Giles, "Collected matrix derivative
results for forward and reverse mode algorithmic differentiation" (2008), sections 2.2.3 and
2.3.1; that of ``pinv`` follows G. H. Golub and V. Pereyra, "The differentiation of
pseudo-inverses and nonlinear least squares problems whose variables separate" (1973), section
4: it holds while the rank stays the same. That of ``lstsq`` is the same, applied to the right
side.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.notation import Notation, keywords
from chainrule.op import Op, Sample, UnsupportedArgumentError
from chainrule.rules.complex import conjugated
from chainrule.rules.matrices import (
    REGULAR,
    SQUARES,
    STACK,
    TALL,
    Shape,
    adjoint,
    matrices,
    shaped,
    square,
    swap,
)

# -- inverses --------------------------------------------------------------------------


def _inv_vjp(g: Any, out: Any, a: Any) -> Any:
    transposed = swap(out)
    return -transposed @ g @ transposed


def _solved(a: Shape, b: Shape) -> Shape:
    right = b if len(b) > 1 else (*b, 1)
    if square(a)[-1] != right[-2]:
        raise ValueError(f"solve: shapes {a} and {b} do not match")
    batch = np.broadcast_shapes(a[:-2], right[:-2])
    return (*batch, a[-1], *right[-1:]) if len(b) > 1 else (*batch, a[-1])


def _solve_vjp(g: Any, out: Any, a: Any, b: Any) -> Any:
    vector = np.ndim(b) == 1
    if vector and np.ndim(a) > 2:
        right = np.linalg.solve(swap(a), np.expand_dims(g, -1))[..., 0]
    else:
        right = np.linalg.solve(swap(a), g)

    def product(position: int) -> Any:
        if position == 1:
            return right
        if vector and np.ndim(a) == 2:
            return -np.outer(right, out)
        if vector:
            return -np.expand_dims(right, -1) * np.expand_dims(out, -2)
        return -right @ swap(out)

    return product


def _pinv_vjp(g: Any, out: Any, a: Any) -> Any:
    # Three ways in which a enters: itself, its columns' space and its rows' space.
    p, rows, columns = swap(out), adjoint(g), conjugated(out)
    inside = -p @ g @ p
    left = rows - conjugated(a @ out) @ rows
    right = rows - rows @ conjugated(out @ a)
    return inside + left @ columns @ p + p @ columns @ right


def _bind_pinv(a: Any, rcond: Any = None, hermitian: bool = False, **rtol: Any) -> Any:
    # Where singular values are cut off, the result is no pseudo-inverse of `a`.
    for name, value in {"rcond": rcond, "hermitian": hermitian or None, **rtol}.items():
        if value is not None or name not in ("rcond", "hermitian"):
            raise UnsupportedArgumentError(name)
    return (a,), {}


def _times(u: Any, v: Any) -> Any:
    """Multiply a column by a row, or matrices of them."""
    return np.outer(u, v) if np.ndim(u) == 1 else u @ swap(v)


def _lstsq_vjp(g: Any, out: Any, a: Any, b: Any) -> Any:
    p = np.linalg.pinv(a)
    right = swap(p) @ g

    def product(position: int) -> Any:
        if position == 1:
            return right
        inside = -_times(right, out)
        left_over = _times(conjugated(b - a @ out), p @ conjugated(right))
        unseen = _times(swap(p) @ conjugated(out), conjugated(g - swap(a) @ right))
        return inside + left_over + unseen

    return product


def _lstsq_shape(a: Shape, b: Shape) -> Shape:
    if len(a) != 2 or len(b) not in (1, 2):
        raise np.linalg.LinAlgError("lstsq: two matrices, or a matrix and a vector")
    if a[0] != b[0]:
        raise np.linalg.LinAlgError("Incompatible dimensions")
    return (a[1], *b[1:])


# -- the table -------------------------------------------------------------------------


LSTSQ = Op(
    name="lstsq",
    forward=lambda a, b: np.linalg.lstsq(a, b)[0],
    vjp=_lstsq_vjp,
    notation=Notation(
        "np.linalg.lstsq({0}, {1})[0]",
        "lstsq({0}, {1})",
        r"{0:atom}^{{+}}\, {1:unary!}",
        latex_level="product",
    ),
    reason="the best solution changes as a solution does, and with what it leaves over",
    infer=shaped(_lstsq_shape),
    samples=(
        Sample((TALL, (3,))),
        Sample((TALL, (3, 2))),
        Sample((TALL.T, (2,))),
        Sample((TALL.T, (2, 3))),
    ),
)

TABLE = (
    Op(
        name="inv",
        forward=np.linalg.inv,
        vjp=(_inv_vjp,),
        notation=Notation("np.linalg.inv({0})", "inv({0})", "{0:atom}^{{-1}}"),
        reason="an inverse changes by -inverse · change · inverse",
        numpy=(np.linalg.inv,),
        infer=shaped(square),
        samples=SQUARES,
    ),
    Op(
        name="solve",
        forward=np.linalg.solve,
        vjp=_solve_vjp,
        notation=Notation(
            "np.linalg.solve({0}, {1})",
            "solve({0}, {1})",
            r"{0:atom}^{{-1}}\, {1:unary!}",
            latex_level="product",
        ),
        reason="the solution changes with the right side as the transposed system has it, "
        "and against the matrix times the solution",
        numpy=(np.linalg.solve,),
        infer=shaped(_solved),
        samples=(
            Sample((REGULAR, (3,))),
            Sample((REGULAR, (3, 2))),
            Sample((STACK, (3, 2))),
            Sample((STACK, (3,))),
            Sample((REGULAR, (2, 3, 1))),
        ),
    ),
    Op(
        name="pinv",
        forward=np.linalg.pinv,
        vjp=(_pinv_vjp,),
        notation=Notation("np.linalg.pinv({0})", "pinv({0})", "{0:atom}^{{+}}"),
        reason="a pseudo-inverse changes as an inverse does, "
        "and as the spaces of rows and columns turn",
        numpy=(np.linalg.pinv,),
        bind=_bind_pinv,
        infer=shaped(lambda a: (*matrices(a)[:-2], a[-1], a[-2])),
        samples=(Sample((TALL,)), Sample((TALL.T,)), Sample((STACK[:, :2],)), Sample((REGULAR,))),
    ),
    LSTSQ,
    Op(
        name="matrix_rank",
        forward=np.linalg.matrix_rank,
        vjp=None,
        notation=Notation(
            lambda a, **params: f"np.linalg.matrix_rank({a}{keywords(**params)})",
            lambda a, **params: f"rank({a})",
            lambda a, **params: rf"\operatorname{{rank}}\left({a}\right)",
        ),
        reason="a rank does not change where it does not jump",
        numpy=(np.linalg.matrix_rank,),
        bind=lambda A, tol=None, hermitian=False, *, rtol=None: (  # NumPy's name
            (A,),
            {"tol": tol, "hermitian": hermitian, "rtol": rtol},
        ),
        infer=shaped(lambda a, **params: a[:-2]),
        samples=(
            Sample((TALL,), {"tol": None, "hermitian": False, "rtol": None}),
            Sample((STACK,), {"tol": 1.9, "hermitian": False, "rtol": None}),
        ),
    ),
)
