"""Linear algebra: decompositions as NumPy returns them, and all that follows from them."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from chainrule.errors import UnsupportedError
from chainrule.op import UnsupportedArgumentError
from chainrule.rules.complex import conjugated
from chainrule.rules.decompositions import EIG_VECTORS, EIGENVALUES, EIGENVECTORS, VH, Q, R, U
from chainrule.rules.determinants import LOGABSDET, SIGNDET
from chainrule.rules.inverses import LSTSQ
from chainrule.rules.matrices import adjoint, swap
from chainrule.rules.operands import as_array, known

_ONE = np.eye(1)
_EigResult: Any = type(np.linalg.eig(_ONE))
_EighResult: Any = type(np.linalg.eigh(_ONE))
_SVDResult: Any = type(np.linalg.svd(_ONE))
_QRResult: Any = type(np.linalg.qr(_ONE))
_SlogdetResult: Any = type(np.linalg.slogdet(_ONE))


# -- decompositions --------------------------------------------------------------------


def _uplo(letter: str) -> str:
    if letter.upper() not in ("L", "U"):
        raise ValueError("UPLO argument must be 'L' or 'U'")
    return letter.upper()


def _eigvalsh(a: Any, UPLO: str = "L") -> Any:  # NumPy's name
    return EIGENVALUES(a, UPLO=_uplo(UPLO))


def _eigh(a: Any, UPLO: str = "L") -> Any:
    return _EighResult(_eigvalsh(a, UPLO), EIGENVECTORS(a, UPLO=_uplo(UPLO)))


def _svd(
    a: Any, full_matrices: bool = True, compute_uv: bool = True, hermitian: bool = False
) -> Any:
    if hermitian:
        raise UnsupportedArgumentError("hermitian")
    values = np.linalg.svdvals(a)
    if not compute_uv:
        return values
    if full_matrices and a.shape[-1] != a.shape[-2]:
        raise UnsupportedError(
            "The full singular vectors of a matrix that is not square have no derivative: "
            "those beyond its singular values may be turned at will.",
            instead="np.linalg.svd(a, full_matrices=False)",
        )
    return _SVDResult(U(a), values, VH(a))


def _qr(a: Any, mode: str = "reduced") -> Any:
    rows, columns = a.shape[-2:]
    if mode not in ("reduced", "complete", "r"):
        raise UnsupportedArgumentError("mode")
    if mode == "complete" and rows > columns:
        raise UnsupportedError(
            "The complete Q of a matrix with more rows than columns has no derivative: "
            "its last columns may be turned at will.",
            instead="np.linalg.qr(a)",
        )
    # Of a wide matrix the first columns decide: q, and with it the other columns of r.
    first = a[..., :rows] if columns > rows else a
    q = Q(first) if mode != "r" or columns > rows else None
    r = R(first)
    if columns > rows:
        r = np.concatenate([r, adjoint(q) @ a[..., rows:]], axis=-1)
    return r if mode == "r" else _QRResult(q, r)


def _slogdet(a: Any) -> Any:
    if a.dtype.kind == "c":
        raise UnsupportedError(
            "The sign of a complex determinant turns with the matrix: slogdet has no rule for it.",
            instead="np.log(np.linalg.det(a))",
        )
    return _SlogdetResult(SIGNDET(a), LOGABSDET(a))


# -- what follows from them ------------------------------------------------------------


def _lstsq(a: Any, b: Any, rcond: float | None = None) -> Any:
    if rcond is not None:
        raise UnsupportedArgumentError("rcond")
    a, b = as_array(a), as_array(b)
    x = LSTSQ(a, b)
    rows, columns = a.shape
    # NumPy computes in double precision, and cuts off at its rounding.
    rank = np.linalg.matrix_rank(a, rtol=np.finfo(np.float64).eps * max(rows, columns))
    rank = rank.astype(np.int32)
    values = np.linalg.svdvals(a if a.dtype == x.dtype else a.astype(x.dtype))
    residuals: Any = np.array([], values.dtype)
    # Where shapes alone are known, the columns are taken to be independent.
    if rows > columns and known(rank) in (None, columns):
        left = b - a @ x
        residuals = np.sum(np.square(np.abs(left)), axis=0, keepdims=b.ndim == 1)
    return x, residuals, rank, values


def _cond(x: Any, p: Any = None) -> Any:
    with np.errstate(all="ignore"):
        if p in (None, 2, -2):
            values = np.linalg.svdvals(x)
            greatest, least = values[..., 0], values[..., -1]
            return least / greatest if p == -2 else greatest / least
        inverse = np.linalg.inv(x)
        return np.linalg.norm(x, p, axis=(-2, -1)) * np.linalg.norm(inverse, p, axis=(-2, -1))


def _matrix_power(a: Any, n: Any) -> Any:
    try:
        n = operator.index(n)
    except TypeError:
        raise TypeError("exponent must be an integer") from None
    if a.ndim < 2 or a.shape[-1] != a.shape[-2]:
        raise np.linalg.LinAlgError("Last 2 dimensions of the array must be square")
    if n == 0:
        return np.zeros_like(a) + np.eye(a.shape[-1], dtype=a.dtype)
    power, result = np.linalg.inv(a) if n < 0 else a, None
    n = abs(n)
    while True:
        n, odd = divmod(n, 2)
        if odd:
            result = power if result is None else result @ power
        if n == 0:
            return result
        power = power @ power


def _multi_dot(arrays: Sequence[Any]) -> Any:
    parts = [as_array(a) for a in arrays]
    if len(parts) < 2:
        raise ValueError("Expecting at least two arrays.")
    if len(parts) == 2:
        return np.dot(*parts)
    # A vector at either end is a row, or a column, whose axis is taken off again.
    first, last = parts[0].ndim == 1, parts[-1].ndim == 1
    if first:
        parts[0] = np.expand_dims(parts[0], 0)
    if last:
        parts[-1] = np.expand_dims(parts[-1], 1)
    for part in parts:
        if part.ndim != 2:
            raise np.linalg.LinAlgError(
                f"{part.ndim}-dimensional array given. Array must be two-dimensional"
            )
    product = _chain(parts, _cheapest([parts[0].shape[0], *(p.shape[1] for p in parts)]))
    return product[(0 if first else slice(None), 0 if last else slice(None))]


def _cheapest(sizes: list[int]) -> dict[tuple[int, int], int]:
    """Where to part each run of a chain of matrices so that the products cost least.

    T. H. Cormen et al., "Introduction to algorithms", section "Matrix-chain multiplication".
    """
    count = len(sizes) - 1
    cost = {(i, i): 0 for i in range(count)}
    cut: dict[tuple[int, int], int] = {}
    for length in range(1, count):
        for i in range(count - length):
            j = i + length
            cost[i, j], cut[i, j] = min(
                (cost[i, k] + cost[k + 1, j] + sizes[i] * sizes[k + 1] * sizes[j + 1], k)
                for k in range(i, j)
            )
    return cut


def _chain(parts: list[Any], cut: dict[tuple[int, int], int]) -> Any:
    def product(i: int, j: int) -> Any:
        return parts[i] if i == j else product(i, cut[i, j]) @ product(cut[i, j] + 1, j)

    return product(0, len(parts) - 1)


def _tensorinv(a: Any, ind: int = 2) -> Any:
    if ind <= 0:
        raise ValueError("Invalid ind argument.")
    size = int(np.prod(a.shape[ind:]))
    return np.reshape(np.linalg.inv(np.reshape(a, (size, -1))), a.shape[ind:] + a.shape[:ind])


def _tensorsolve(a: Any, b: Any, axes: Any = None) -> Any:
    a, b = as_array(a), as_array(b)
    if axes is not None:
        order = list(range(np.ndim(a)))
        for axis in axes:
            order.remove(axis)
            order.append(axis)
        a = np.transpose(a, order)
    shape = a.shape[b.ndim :]
    size = int(np.prod(shape))
    if a.size != size**2:
        raise np.linalg.LinAlgError(
            "Input arrays must satisfy the requirement "
            "prod(a.shape[b.ndim:]) == prod(a.shape[:b.ndim])"
        )
    solution = np.linalg.solve(np.reshape(a, (size, size)), np.reshape(b, (-1,)))
    return np.reshape(solution, shape)


# -- products --------------------------------------------------------------------------


def _kron(a: Any, b: Any) -> Any:
    a, b = as_array(a), as_array(b)
    n = max(np.ndim(a), np.ndim(b))
    if np.ndim(a) == 0 or np.ndim(b) == 0:
        return np.multiply(a, b)
    left, right = ((1,) * (n - np.ndim(x)) + np.shape(x) for x in (a, b))
    spread = np.reshape(a, [m for k in left for m in (k, 1)]) * np.reshape(
        b, [m for k in right for m in (1, k)]
    )
    return np.reshape(spread, [k * m for k, m in zip(left, right, strict=True)])


def _cross(
    a: Any, b: Any, axisa: int = -1, axisb: int = -1, axisc: int = -1, axis: int | None = None
) -> Any:
    if axis is not None:
        axisa = axisb = axisc = axis
    a, b = (np.moveaxis(as_array(x), i, -1) for x, i in ((a, axisa), (b, axisb)))
    sizes = {a.shape[-1], b.shape[-1]}
    if not sizes <= {2, 3}:
        raise ValueError("incompatible dimensions for cross product\n(dimension must be 2 or 3)")
    if 2 in sizes:  # deprecated in NumPy 2.0
        raise UnsupportedArgumentError("a vector of two components")
    (a0, a1, a2), (b0, b1, b2) = ([x[..., i] for i in range(3)] for x in (a, b))
    parts = [a1 * b2 - a2 * b1, a2 * b0 - a0 * b2, a0 * b1 - a1 * b0]
    return np.stack(parts, axis=axisc)


def _linalg_cross(x1: Any, x2: Any, /, *, axis: int = -1) -> Any:
    if as_array(x1).shape[axis] != 3 or as_array(x2).shape[axis] != 3:
        raise ValueError("Both input arrays must be (arrays of) 3-dimensional vectors")
    return _cross(x1, x2, axis=axis)


def _vecdot(x1: Any, x2: Any, /, *, axis: int = -1, keepdims: bool = False) -> Any:
    a, b = (np.moveaxis(as_array(x), axis, -1) for x in (x1, x2))
    if a.shape[-1] != b.shape[-1]:
        raise ValueError(f"vecdot: vectors of {a.shape[-1]} and {b.shape[-1]} components")
    out = np.sum(conjugated(a) * b, axis=-1)
    return np.expand_dims(out, axis) if keepdims else out


def _matvec(x1: Any, x2: Any, /) -> Any:
    a, v = as_array(x1), as_array(x2)
    return np.matmul(a, v) if v.ndim == 1 else np.matmul(a, np.expand_dims(v, -1))[..., 0]


def _vecmat(x1: Any, x2: Any, /) -> Any:
    v, a = conjugated(as_array(x1)), as_array(x2)
    return np.matmul(v, a) if v.ndim == 1 else np.matmul(np.expand_dims(v, -2), a)[..., 0, :]


def _linalg_outer(x1: Any, x2: Any, /) -> Any:
    if np.ndim(x1) != 1 or np.ndim(x2) != 1:
        raise ValueError("Input arrays must be one-dimensional")
    return np.outer(x1, x2)


def _diagonal(x: Any, /, *, offset: int = 0) -> Any:
    return np.diagonal(x, offset, -2, -1)


def _matrix_transpose(x: Any, /) -> Any:
    if np.ndim(x) < 2:
        raise ValueError(f"Input array must be at least 2-dimensional, but it is {np.ndim(x)}")
    return swap(x)


#: NumPy function -> the same in terms of others.
TABLE: dict[Any, Callable[..., Any]] = {
    np.linalg.eigvalsh: _eigvalsh,
    np.linalg.eigh: _eigh,
    np.linalg.eig: lambda a: _EigResult(np.linalg.eigvals(a), EIG_VECTORS(a)),
    np.linalg.svd: _svd,
    np.linalg.qr: _qr,
    np.linalg.slogdet: _slogdet,
    np.linalg.lstsq: _lstsq,
    np.linalg.cond: _cond,
    np.linalg.matrix_power: _matrix_power,
    np.linalg.multi_dot: _multi_dot,
    np.linalg.tensorinv: _tensorinv,
    np.linalg.tensorsolve: _tensorsolve,
    np.linalg.cross: _linalg_cross,
    np.linalg.diagonal: _diagonal,
    np.linalg.matmul: lambda x1, x2, /: np.matmul(x1, x2),
    np.linalg.outer: _linalg_outer,
    np.linalg.tensordot: lambda x1, x2, /, *, axes=2: np.tensordot(x1, x2, axes),
    np.linalg.trace: lambda x, /, *, offset=0: np.trace(x, offset, -2, -1),
    np.linalg.vecdot: _vecdot,
    np.linalg.matrix_transpose: _matrix_transpose,
    np.matrix_transpose: _matrix_transpose,
    np.kron: _kron,
    np.cross: _cross,
    np.vecdot: _vecdot,
}
for _name, _composition in (("matvec", _matvec), ("vecmat", _vecmat)):
    if hasattr(np, _name):  # since NumPy 2.2
        TABLE[getattr(np, _name)] = _composition
