"""Determinants, their logarithms, signs and cofactors.

The derivative of ``det`` follows M. B. Giles, "Collected matrix derivative results for forward
and reverse mode algorithmic differentiation" (2008), section 2.2.4: it is the matrix of
cofactors. They are computed from singular values, as G. W. Stewart does in "On the adjugate
matrix" (1998), so that they are right where the matrix has no inverse. The second derivative
is stated by the inverse alone.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from chainrule.notation import Notation
from chainrule.op import Op
from chainrule.rules.matrices import SQUARES, shaped, square, swap


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
    samples=SQUARES,
)

LOGABSDET = Op(
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
    samples=SQUARES,
)

SIGNDET = replace(
    LOGABSDET,
    name="signdet",
    forward=lambda a: np.linalg.slogdet(a).sign,
    vjp=None,
    notation=Notation(
        "np.linalg.slogdet({0}).sign",
        "sign(det({0}))",
        r"\operatorname{{sign}}\left(\det {0:power}\right)",
    ),
    reason="a sign does not change where it does not jump",
)

TABLE = (
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
        samples=SQUARES,
    ),
    COFACTORS,
    LOGABSDET,
    SIGNDET,
)
