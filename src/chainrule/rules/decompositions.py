"""Cholesky, QR, eigenvalue and singular value decompositions: one row a factor.

Sources: I. Murray, "Differentiation of the Cholesky decomposition" (2016), section 3; S. F.
Walter and L. Lehmann, "Algorithmic differentiation of linear algebra functions with
application in optimum experimental design" (2010), section 3.2, for QR; M. B. Giles,
"Collected matrix derivative results" (2008), sections 3.1 and 3.2, for eigenvalues and
singular values; J. Townsend, "Differentiating the singular value decomposition" (2016).

`cholesky` and `eigh` read one triangle of a matrix that they take to be Hermitian: their
gradients stand in that triangle, twice as large beside the diagonal as those of a matrix
whose two triangles move together.

Eigenvalues and singular values have a derivative even where several are equal (as sums over
those that are equal), and that of a singular value at 0 is 0. Single eigenvectors and
singular vectors have none there: their gradients are infinite. Where they are complex, the
derivative keeps the phase of an eigenvector (and of a right singular vector), which LAPACK
does not; a loss that depends on that phase has no gradient worth the name. A matrix that is
not symmetric may have complex eigenvalues: before NumPy 2.5, those of a real one are refused.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.errors import UnsupportedError
from chainrule.notation import Notation, keywords
from chainrule.op import Op, Sample
from chainrule.rules.complex import conjugated, is_complex
from chainrule.rules.matrices import TALL, Shape, adjoint, matrices, shaped, square, swap


def _eye(a: Any) -> Any:
    return np.eye(a.shape[-1], dtype=a.dtype)


def _lower(a: Any) -> Any:
    """Return the lower triangle, with half of the diagonal: Murray's Φ."""
    return np.tril(a) - a * _eye(a) / 2


def _read(s: Any, uplo: str) -> Any:
    """Return the gradient of the triangle that was read, from that of a Hermitian matrix."""
    both = s + adjoint(s)
    return _lower(both) if uplo == "L" else swap(_lower(swap(both)))


def _gaps(values: Any) -> Any:
    """Return the differences v[j] - v[i], with ones on the diagonal.

    What differs by rounding alone is equal: its gap is 0, not a number to divide by.
    """
    down, across = np.expand_dims(values, -2), np.expand_dims(values, -1)
    sizes = np.abs(down) + np.abs(across)
    apart = np.abs(down - across) > 16 * np.finfo(values.dtype).eps * sizes
    return np.where(apart, down - across, 0.0) + _eye(values)


def _off_diagonal(a: Any) -> Any:
    return a - a * _eye(a)


# -- Cholesky --------------------------------------------------------------------------


def _cholesky_vjp(g: Any, out: Any, a: Any, upper: bool) -> Any:
    if upper:
        g, out = adjoint(g), adjoint(out)
    turned = swap(out)
    inner = np.linalg.solve(turned, _lower(turned @ g))
    s = swap(np.linalg.solve(adjoint(out), swap(inner)))
    return _read(s, "U" if upper else "L")


# -- QR --------------------------------------------------------------------------------
# With a = q r and b the gradient of the rotation that q undergoes, all else follows; q^T q
# stays the identity, so that only half of b is free.


def _qr_product(b: Any, q: Any, r: Any, g: Any | None = None) -> Any:
    turned = conjugated(q) @ (_lower(b - adjoint(b)) - b)
    s = turned if g is None else g + turned
    return swap(np.linalg.solve(_without_rounding(r), swap(s)))


def _without_rounding(r: Any) -> Any:
    """Return a triangle with zeros in rows whose diagonal is 0 but for rounding.

    Its column depends on those before it, and there is no derivative: the equations with it
    are then refused as singular, and not solved to numbers without a meaning.
    """
    columns = np.sum(np.abs(r), axis=-2)
    diagonal = np.abs(np.diagonal(r, axis1=-2, axis2=-1))
    kept = diagonal > 16 * np.finfo(r.dtype).eps * columns
    return np.where(np.expand_dims(kept, -1), r, 0.0)


def _q_vjp(g: Any, out: Any, a: Any) -> Any:
    return _qr_product(swap(out) @ g, out, R(a), g)


def _r_vjp(g: Any, out: Any, a: Any) -> Any:
    return _qr_product(-g @ swap(out), Q(a), out)


def _tall(a: Shape) -> Shape:
    if matrices(a)[-2] < a[-1]:
        raise ValueError("the rule for QR is for matrices with at least as many rows as columns")
    return a


# -- Hermitian eigenvalues -------------------------------------------------------------


def _eigenvalues_vjp(g: Any, out: Any, a: Any, UPLO: str) -> Any:  # NumPy's name
    v = EIGENVECTORS(a, UPLO=UPLO)
    return _read((conjugated(v) * np.expand_dims(g, -2)) @ swap(v), UPLO)


def _eigenvectors_vjp(g: Any, out: Any, a: Any, UPLO: str) -> Any:
    w = EIGENVALUES(a, UPLO=UPLO)
    turned = _off_diagonal(swap(out) @ g / _gaps(w))
    return _read(conjugated(out) @ turned @ swap(out), UPLO)


# -- eigenvalues of any matrix ---------------------------------------------------------


#: NumPy 2.5 and newer give complex ones of every matrix, older ones go by their values.
_ALWAYS_COMPLEX = np.linalg.eigvals(np.ones((1, 1))).dtype.kind == "c"


def _eig(a: Any) -> Any:
    found = np.linalg.eig(a)
    if found.eigenvalues.dtype.kind == "c" != a.dtype.kind and not _ALWAYS_COMPLEX:
        raise UnsupportedError(
            "A real matrix has complex eigenvalues: only real ones of it can be traced.",
            instead="the same of a.astype(complex)",
        )
    return found


def _eig_values_vjp(g: Any, out: Any, a: Any) -> Any:
    rows = swap(EIG_VECTORS(a))
    return _real_of_real(np.linalg.solve(rows, np.expand_dims(g, -1) * rows), a)


def _eig_vectors_vjp(g: Any, out: Any, a: Any) -> Any:
    # Eigenvectors keep their length: what points along them is taken away.
    along = np.sum(g * out, axis=-2, keepdims=True)
    across = g - (np.real(along) if along.dtype.kind == "c" else along) * conjugated(out)
    rows = swap(out)
    turned = _off_diagonal(rows @ across / _gaps(EIG_VALUES(a)))
    return _real_of_real(np.linalg.solve(rows, turned @ rows), a)


def _real_of_real(product: Any, a: Any) -> Any:
    """Return what a matrix takes back: one that is real has no imaginary part to change."""
    return np.real(product) if is_complex(product) and not is_complex(a) else product


# -- singular values -------------------------------------------------------------------


def _svdvals_vjp(g: Any, out: Any, a: Any) -> Any:
    u, vh = U(a), VH(a)
    return (conjugated(u) * np.expand_dims(g * np.sign(out), -2)) @ conjugated(vh)


def _square_gaps(s: Any) -> Any:
    """Return s[j]^2 - s[i]^2 without cancellation, with ones on the diagonal."""
    sums = np.expand_dims(s, -2) + np.expand_dims(s, -1)
    return _off_diagonal(_gaps(s) * sums) + _eye(s)


def _turning(h: Any, s: Any) -> Any:
    """Return the gradient of the rotation of singular vectors, without the values' share."""
    k = _off_diagonal(h / _square_gaps(s))
    return k + adjoint(k)


def _u_vjp(g: Any, out: Any, a: Any) -> Any:
    s, vh = SVDVALS(a), VH(a)
    h, row = swap(out) @ g, np.expand_dims(s, -2)
    inner = _turning(h, s) * row
    if h.dtype.kind == "c":
        inner = inner + 1j * np.imag(h * _eye(h)) / row
    product = conjugated(out) @ inner @ conjugated(vh)
    if a.shape[-2] <= a.shape[-1]:
        return product
    return product + ((g - conjugated(out) @ h) / row) @ conjugated(vh)


def _vh_vjp(g: Any, out: Any, a: Any) -> Any:
    s, u = SVDVALS(a), U(a)
    h, column = conjugated(out) @ adjoint(g), np.expand_dims(s, -1)
    product = conjugated(u) @ (column * _turning(h, s)) @ conjugated(out)
    if a.shape[-2] >= a.shape[-1]:
        return product
    return product + conjugated(u) @ ((g - adjoint(h) @ conjugated(out)) / column)


# -- the table -------------------------------------------------------------------------


def _factor(
    name: str,
    code: str,
    symbol: str,
    vjp: Any,
    reason: str,
    shape: Any,
    samples: tuple[Any, ...],
    function: Any = None,
    compute: Any = None,
    bind: Any = None,
    jax: str | None = None,
    **params: Any,
) -> Op:
    """Make the row of one factor; `code` is NumPy's call, with its keywords at {keywords}."""

    def write(a: Any, **given: Any) -> str:
        shown = {k: v for k, v in given.items() if v != "L"}
        return code.format(a, keywords=keywords(**shown))

    def in_jax(a: Any, out: str = "", **given: Any) -> str:
        # Unlike NumPy, JAX takes the mean of both triangles unless it is told otherwise, and
        # never reads the upper one for a Cholesky factor.
        if given.get("upper"):
            a = f"np.conj(np.swapaxes({a}, -2, -1))"
        return code.format(a, keywords=keywords(**given) + ", symmetrize_input=False")

    return Op(
        name=name,
        forward=compute or function,
        vjp=(vjp,),
        notation=Notation(
            write,
            lambda a, **given: f"{name}({a})",
            lambda a, **given: rf"{symbol}\left({a}\right)",
            jax=in_jax if params and jax is None else jax,
        ),
        reason=reason,
        numpy=() if function is None else (function,),
        bind=bind,
        infer=shaped(lambda a, **given: shape(a)),
        samples=tuple(Sample((a,), params | more) for a in samples for more in _forms(params)),
    )


def _forms(params: dict[str, Any]) -> tuple[dict[str, Any], ...]:
    """Return the other values that parameters are tested with, after the default."""
    others = {"UPLO": "U", "upper": True}
    return ({}, *({name: others[name]} for name in params))


_POSITIVE = np.array([[2.0, 0.3, -0.4], [0.3, 1.5, 0.2], [-0.4, 0.2, 1.2]])
_SQUARE = np.array([[2.0, -0.5, 0.7], [0.4, 1.1, -0.6], [-0.3, 0.8, 0.6]])
_HERMITIAN = (_POSITIVE, np.stack([_POSITIVE, 2 * _POSITIVE + np.diag([0.0, 1.0, 3.0])]))
_STEPS = np.array([[1.0, 0.3, -0.2], [0.4, 2.5, 0.1], [0.2, -0.3, 4.0]])
_REAL_EIGENVALUES = (_STEPS, np.stack([_STEPS, 2 - _STEPS.T]))
_RECTANGLES = (TALL, TALL.T, _SQUARE, np.stack([TALL, 1.5 - TALL]))
_TALLS = (TALL, _SQUARE, np.stack([TALL, 1.5 - TALL]))

CHOLESKY = _factor(
    "cholesky",
    "np.linalg.cholesky({0}{keywords})",
    r"\operatorname{chol}",
    _cholesky_vjp,
    "the factor's change is half of what the matrix's change is, seen from the factor",
    square,
    _HERMITIAN,
    np.linalg.cholesky,
    bind=lambda a, /, *, upper=False: ((a,), {"upper": bool(upper)}),
    upper=False,
)
EIGENVALUES = _factor(
    "eigenvalues",
    "np.linalg.eigvalsh({0}{keywords})",
    r"\lambda",
    _eigenvalues_vjp,
    "an eigenvalue changes by what the matrix's change does along its eigenvector",
    lambda a: square(a)[:-1],
    _HERMITIAN,
    compute=np.linalg.eigvalsh,
    UPLO="L",
)
EIGENVECTORS = _factor(
    "eigenvectors",
    "np.linalg.eigh({0}{keywords}).eigenvectors",
    r"\operatorname{eigenvectors}",
    _eigenvectors_vjp,
    "an eigenvector turns to each other one by the matrix's change between them "
    "over the gap of their eigenvalues",
    square,
    _HERMITIAN,
    compute=lambda a, UPLO: np.linalg.eigh(a, UPLO).eigenvectors,
    UPLO="L",
)
EIG_VALUES = _factor(
    "eig_values",
    "np.linalg.eig({0}).eigenvalues",  # eigvals may have them in another order
    r"\lambda",
    _eig_values_vjp,
    "an eigenvalue changes by what the matrix's change does from its right eigenvector "
    "to its left one",
    lambda a: square(a)[:-1],
    _REAL_EIGENVALUES,
    np.linalg.eigvals,
    lambda a: _eig(a).eigenvalues,
    jax="",  # JAX has complex ones of any matrix, in an order of its own
)
EIG_VECTORS = _factor(
    "eig_vectors",
    "np.linalg.eig({0}).eigenvectors",
    r"\operatorname{eigenvectors}",
    _eig_vectors_vjp,
    "an eigenvector turns to each other one by the matrix's change between them "
    "over the gap of their eigenvalues",
    square,
    _REAL_EIGENVALUES,
    compute=lambda a: _eig(a).eigenvectors,
    jax="",
)
SVDVALS = _factor(
    "svdvals",
    "np.linalg.svdvals({0})",
    r"\sigma",
    _svdvals_vjp,
    "a singular value changes by what the matrix's change does from its right vector "
    "to its left one (0 at 0)",
    lambda a: (*matrices(a)[:-2], min(a[-2:])),
    _RECTANGLES,
    np.linalg.svdvals,
)
_TURNS = "a singular vector turns to each other one over the gap of their squared singular values"
U = _factor(
    "svd_u",
    "np.linalg.svd({0}, full_matrices=False).U",
    r"\operatorname{svd}_U",
    _u_vjp,
    _TURNS,
    lambda a: (*matrices(a)[:-1], min(a[-2:])),
    _RECTANGLES,
    compute=lambda a: np.linalg.svd(a, full_matrices=False).U,
)
VH = _factor(
    "svd_vh",
    "np.linalg.svd({0}, full_matrices=False).Vh",
    r"\operatorname{svd}_{V^H}",
    _vh_vjp,
    _TURNS,
    lambda a: (*matrices(a)[:-2], min(a[-2:]), a[-1]),
    _RECTANGLES,
    compute=lambda a: np.linalg.svd(a, full_matrices=False).Vh,
)
Q = _factor(
    "qr_q",
    "np.linalg.qr({0}).Q",
    r"\operatorname{qr}_Q",
    _q_vjp,
    "the columns turn as the matrix's change has it, and stay at right angles",
    _tall,
    _TALLS,
    compute=lambda a: np.linalg.qr(a).Q,
)
R = _factor(
    "qr_r",
    "np.linalg.qr({0}, mode='r')",
    r"\operatorname{qr}_R",
    _r_vjp,
    "the triangle takes up what of the matrix's change does not turn the columns",
    lambda a: (*_tall(a)[:-2], a[-1], a[-1]),
    _TALLS,
    compute=lambda a: np.linalg.qr(a, mode="r"),
)

TABLE = (CHOLESKY, EIGENVALUES, EIGENVECTORS, EIG_VALUES, EIG_VECTORS, SVDVALS, U, VH, Q, R)
