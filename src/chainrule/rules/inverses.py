"""Inverses, linear systems and determinants.

The derivatives of ``inv``, ``solve`` and ``det`` follow M. B. Giles, "Collected matrix
derivative results for forward and reverse mode algorithmic differentiation" (2008),
sections 2.2.3, 2.3.1 and 2.2.4; that of ``pinv`` follows G. H. Golub and V. Pereyra, "The
differentiation of pseudo-inverses and nonlinear least squares problems whose variables
separate" (1973), section 4: it holds while the rank stays the same. That of ``lstsq`` is the
same, applied to the right side.

The derivative of a determinant is its matrix of cofactors. They are computed from singular
values, as G. W. Stewart does in "On the adjugate matrix" (1998), so that they are right
where the matrix has no inverse. The second derivative is stated by the inverse alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from chainrule.notation import Notation, keywords
from chainrule.op import Abstract, Infer, Op, Sample, UnsupportedArgumentError, shape_of, stand_in

Shape = tuple[int, ...]


def swap(a: Any) -> Any:
    """Transpose the last two axes."""
    return a.T if np.ndim(a) == 2 else np.swapaxes(a, -1, -2)


def conj(a: Any) -> Any:
    """Conjugate, where that changes anything: real formulas stay as they are in books."""
    return np.conj(a) if a.dtype.kind == "c" else a


def adjoint(a: Any) -> Any:
    """Conjugate transpose of the last two axes."""
    return swap(conj(a))


def shaped(shape: Callable[..., Shape]) -> Infer:
    """Infer for functions of matrices: `shape` of the operands' shapes and the parameters."""

    def infer(op: Op, operands: Sequence[Any], params: Mapping[str, Any]) -> Abstract:
        shapes = [shape_of(o) for o in operands]
        # A matrix of one element tells the type, and costs nothing.
        ones = [stand_in(o, (1,) * min(len(s), 2)) for o, s in zip(operands, shapes, strict=True)]
        out = shape(*shapes, **params)
        return Abstract(out, np.asarray(op.forward(*ones, **params)).dtype)

    return infer


def matrices(a: Shape) -> Shape:
    """Return the shape of matrices, or refuse as NumPy does."""
    if len(a) < 2:
        raise np.linalg.LinAlgError(
            f"{len(a)}-dimensional array given. Array must be at least two-dimensional"
        )
    return a


def square(a: Shape) -> Shape:
    """Return the shape of square matrices, or refuse as NumPy does."""
    if matrices(a)[-1] != a[-2]:
        raise np.linalg.LinAlgError("Last 2 dimensions of the array must be square")
    return a


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
    p, rows, columns = swap(out), adjoint(g), conj(out)
    inside = -p @ g @ p
    left = rows - conj(a @ out) @ rows
    right = rows - rows @ conj(out @ a)
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
        left_over = _times(conj(b - a @ out), p @ conj(right))
        unseen = _times(swap(p) @ conj(out), conj(g - swap(a) @ right))
        return inside + left_over + unseen

    return product


def _lstsq_shape(a: Shape, b: Shape) -> Shape:
    if len(a) != 2 or len(b) not in (1, 2):
        raise np.linalg.LinAlgError("lstsq: two matrices, or a matrix and a vector")
    if a[0] != b[0]:
        raise np.linalg.LinAlgError("Incompatible dimensions")
    return (a[1], *b[1:])


# -- determinants ----------------------------------------------------------------------


def _det_vjp(g: Any, out: Any, a: Any) -> Any:
    return _over_matrices(g, a) * COFACTORS(a)


def _over_matrices(g: Any, a: Any) -> Any:
    """Give one number a matrix the axes of the matrices."""
    return g if np.ndim(a) == 2 else np.expand_dims(g, (-2, -1))


def _cofactors(a: Any) -> Any:
    u, s, vt = np.linalg.svd(a)
    others = np.prod(np.where(np.eye(a.shape[-1], dtype=bool), 1, s[..., None, :]), axis=-1)
    turned = np.linalg.det(u @ vt)[..., None, None]
    return turned * (u.conj() * others[..., None, :]) @ vt.conj()


def _cofactors_in_code(a: Any, out: str = "") -> str:
    u, s, vt = (f"{out}_{part}" for part in ("u", "s", "vt"))
    only = f"np.eye({a:atom}.shape[-1], dtype=bool)"
    return (
        f"{u}, {s}, {vt} = np.linalg.svd({a})\n"
        f"{s} = np.prod(np.where({only}, 1, {s}[..., None, :]), axis=-1)\n"
        f"{out} = np.linalg.det({u} @ {vt})[..., None, None]"
        f" * ({u}.conj() * {s}[..., None, :]) @ {vt}.conj()"
    )


def _cofactors_vjp(g: Any, out: Any, a: Any) -> Any:
    along = np.sum(g * out, axis=(-2, -1), keepdims=True)
    return (along * out - out @ swap(g) @ out) / _over_matrices(np.linalg.det(a), a)


def _log_vjp(g: Any, out: Any, a: Any) -> Any:
    return _over_matrices(g, a) * swap(np.linalg.inv(a))


# -- the table -------------------------------------------------------------------------

_A = np.array([[2.0, -0.5, 0.7], [0.4, 1.5, -0.6], [-0.3, 0.8, 1.8]])
_STACK = np.stack([_A, _A.T @ _A, -_A + 0.1])
_SQUARES = (Sample((_A,)), Sample((_STACK,)))
_TALL = np.array([[1.0, 0.3], [-0.4, 1.2], [0.6, 0.9]])

COFACTORS = Op(
    name="cofactors",
    forward=_cofactors,
    vjp=(_cofactors_vjp,),
    notation=Notation(
        _cofactors_in_code,
        lambda a, out="": f"cofactors({a})",
        lambda a, out="": rf"\operatorname{{cof}}\left({a}\right)",
        statement=True,
    ),
    reason="a cofactor is a determinant too: it changes with the cofactors of its own matrix",
    infer=shaped(square),
    samples=_SQUARES,
)

_LOGABSDET = Op(
    name="logabsdet",
    forward=lambda a: np.linalg.slogdet(a).logabsdet,
    vjp=(_log_vjp,),
    notation=Notation(
        "np.linalg.slogdet({0}).logabsdet",
        "ln |det({0})|",
        r"\ln \left|\det {0:power}\right|",
        latex_level="product",
    ),
    reason="the logarithm of |det(a)| changes with the transposed inverse of a",
    infer=shaped(lambda a: square(a)[:-2]),
    samples=_SQUARES,
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
        samples=_SQUARES,
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
            Sample((_A, (3,))),
            Sample((_A, (3, 2))),
            Sample((_STACK, (3, 2))),
            Sample((_STACK, (3,))),
            Sample((_A, (2, 3, 1))),
        ),
    ),
    Op(
        name="det",
        forward=np.linalg.det,
        vjp=(_det_vjp,),
        notation=Notation(
            "np.linalg.det({0})", "det({0})", r"\det {0:power}", latex_level="product"
        ),
        reason="a determinant changes with each entry by the cofactor of that entry",
        numpy=(np.linalg.det,),
        infer=shaped(lambda a: square(a)[:-2]),
        samples=_SQUARES,
    ),
    COFACTORS,
    _LOGABSDET,
    replace(
        _LOGABSDET,
        name="signdet",
        forward=lambda a: np.linalg.slogdet(a).sign,
        vjp=None,
        notation=Notation(
            "np.linalg.slogdet({0}).sign",
            "sign(det({0}))",
            r"\operatorname{{sign}}\left(\det {0:power}\right)",
        ),
        reason="a sign does not change where it does not jump",
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
        samples=(Sample((_TALL,)), Sample((_TALL.T,)), Sample((_STACK[:, :2],)), Sample((_A,))),
    ),
    Op(
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
            Sample((_TALL, (3,))),
            Sample((_TALL, (3, 2))),
            Sample((_TALL.T, (2,))),
            Sample((_TALL.T, (2, 3))),
        ),
    ),
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
            Sample((_TALL,), {"tol": None, "hermitian": False, "rtol": None}),
            Sample((_STACK,), {"tol": 1.9, "hermitian": False, "rtol": None}),
        ),
    ),
)
