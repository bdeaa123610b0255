"""Calls of numpy.linalg, and of products of matrices and vectors."""

import numpy as np

OPERANDS = {
    "f": ((2, 3, 3), -1.0, 1.0),
    "l": ((3,), -2.0, 2.0),
    "i": ((2, 3), -2.0, 2.0),
    "j": ((2, 2, 2, 2), -1.0, 1.0),
}

CONSTANTS = {
    "EYE": np.eye(3, dtype=np.float32),
    "STEPS": np.diag(np.array([0, 12, 24], np.float32)),
    "CUBE": np.eye(4, dtype=np.float32).reshape(2, 2, 2, 2),
    "LINES": np.array([[1, 2, 3], [0, 1, -1]], np.float32),
    "inf": np.inf,
}

CALLS = """
np.linalg.inv(n + 5 * EYE)
np.linalg.inv(f + 3 * EYE)
np.linalg.inv(f[:, None] + 3 * EYE)
np.linalg.solve(n + 5 * EYE, l)
np.linalg.solve(n + 5 * EYE, n)
np.linalg.solve(n + 5 * EYE, [1.0, 2.0, 3.0])
np.linalg.solve(n + 5 * EYE, f)
np.linalg.solve(f + 3 * EYE, n)
np.linalg.solve(f + 3 * EYE, l)
np.linalg.solve(f + 3 * EYE, l[:, None])
np.linalg.solve(f + 3 * EYE, a)
np.linalg.solve(f[:, None] + 3 * EYE, f)
np.linalg.solve(3 * EYE, l)
np.linalg.det(n)
np.linalg.det(f)
np.linalg.det(np.stack([f, 2 * f]))
np.linalg.det(n[:1, :1])
np.linalg.slogdet(n).logabsdet
np.linalg.slogdet(n)[0]
np.linalg.slogdet(f).sign * np.linalg.slogdet(f)[1]
np.linalg.slogdet(f)[1]
np.linalg.cholesky(n + 6 * EYE)
np.linalg.cholesky(n @ n.T + EYE)
np.linalg.cholesky(n + 6 * EYE, upper=True)
np.linalg.cholesky(f + 4 * EYE)
np.linalg.cholesky(f + 4 * EYE, upper=True)
np.linalg.qr(a.T)[0]
np.linalg.qr(a.T)[1]
np.linalg.qr(a.T).R
np.linalg.qr(a).Q
np.linalg.qr(a).R
np.linalg.qr(n, mode="complete")[0]
np.linalg.qr(a, "complete")[1]
np.linalg.qr(a, mode="r")
np.linalg.qr(n, "r")
np.linalg.qr(d, mode="r")
np.linalg.qr(d)[0]
np.linalg.qr(c)[1]
np.linalg.qr(c)[0] @ np.linalg.qr(c)[1]
np.linalg.eigvalsh(n)
np.linalg.eigvalsh(n, UPLO="U")
np.linalg.eigvalsh(n + n.T, "l")
np.linalg.eigvalsh(f)
np.linalg.eigh(n)[0]
np.linalg.eigh(n).eigenvalues
np.linalg.eigh(n).eigenvectors ** 2
np.linalg.eigh(n, "U")[1] ** 2
np.linalg.eigh(f)[1]
np.linalg.eigvals(n + STEPS)
np.linalg.eigvals(f + STEPS)
np.linalg.eig(n + STEPS)[0]
np.linalg.eig(n + STEPS).eigenvectors
np.linalg.eig(f + STEPS)[1]
np.linalg.svd(a, full_matrices=False)[0] ** 2
np.linalg.svd(a, full_matrices=False).S
np.linalg.svd(a, full_matrices=False).Vh ** 2
np.linalg.svd(a.T, False)[0] ** 2
np.linalg.svd(a.T, False)[2] ** 2
np.linalg.svd(n)[0] * np.linalg.svd(n)[2].T
np.linalg.svd(a, compute_uv=False)
np.linalg.svd(c, full_matrices=True, compute_uv=False)
np.linalg.svd(d, full_matrices=False)[0] @ np.linalg.svd(d, full_matrices=False)[2]
np.linalg.svdvals(a)
np.linalg.svdvals(c)
np.linalg.norm(a, "nuc")
np.linalg.norm(a, 2)
np.linalg.norm(a, -2)
np.linalg.norm(a, 1)
np.linalg.norm(a, -1)
np.linalg.norm(a, inf)
np.linalg.norm(a, -inf)
np.linalg.norm(a, "nuc", keepdims=True)
np.linalg.norm(a, 1, keepdims=True)
np.linalg.norm(c)
np.linalg.norm(c, keepdims=True)
np.linalg.norm(c, axis=(0, 2))
np.linalg.norm(c, axis=(2, 0), keepdims=True)
np.linalg.norm(c, "fro", axis=(-1, 0))
np.linalg.norm(c, 1, axis=(2, 0))
np.linalg.norm(c, 1, axis=(0, 2))
np.linalg.norm(c, inf, axis=(-1, -2), keepdims=True)
np.linalg.norm(c, -1, axis=(1, 0))
np.linalg.norm(c, 2, axis=(2, 1))
np.linalg.norm(c, 2, axis=(1, 2), keepdims=True)
np.linalg.norm(c, -2, axis=(0, -1))
np.linalg.norm(c, "nuc", axis=(2, 0))
np.linalg.norm(v, 1)
np.linalg.norm(w, 1)
np.linalg.norm(w, 0)
np.linalg.norm(w, inf)
np.linalg.norm(w, -inf)
np.linalg.norm(w, 3)
np.linalg.norm(v, 0.5)
np.linalg.norm(v, -1)
np.linalg.norm(v, -2.5)
np.linalg.norm(w, keepdims=True)
np.linalg.norm(w, 3, keepdims=True)
np.linalg.norm(a, inf, axis=0)
np.linalg.norm(a, -inf, axis=-1, keepdims=True)
np.linalg.norm(a, 0, axis=0)
np.linalg.norm(a, 1, axis=1, keepdims=True)
np.linalg.norm(c, 3, axis=1)
np.linalg.norm(c, 1.5, axis=(-1,), keepdims=True)
np.linalg.norm(s)
np.linalg.norm(s * t)
np.linalg.vector_norm(a)
np.linalg.vector_norm(s)
np.linalg.vector_norm(a, axis=0)
np.linalg.vector_norm(c, axis=(0, -1))
np.linalg.vector_norm(c, axis=(2, 0), keepdims=True, ord=3)
np.linalg.vector_norm(c, ord=3)
np.linalg.vector_norm(c, ord=inf, axis=(0, 1))
np.linalg.vector_norm(a, ord=1)
np.linalg.vector_norm(a, ord=0, keepdims=True)
np.linalg.vector_norm(w, ord=-inf)
np.linalg.matrix_norm(a)
np.linalg.matrix_norm(c)
np.linalg.matrix_norm(c, keepdims=True)
np.linalg.matrix_norm(c, ord="nuc")
np.linalg.matrix_norm(c, ord=2, keepdims=True)
np.linalg.matrix_norm(c, ord=inf)
np.linalg.matrix_norm(c, ord=-1)
np.linalg.pinv(a)
np.linalg.pinv(a.T)
np.linalg.pinv(n)
np.linalg.pinv(c)
np.linalg.pinv(np.outer(l, w))
np.linalg.lstsq(a.T, w)[0]
np.linalg.lstsq(a.T, w)[1]
np.linalg.lstsq(a.T, m)[0]
np.linalg.lstsq(a.T, m, rcond=None)[1]
np.linalg.lstsq(a, l)[0]
np.linalg.lstsq(a, l)[1]
np.linalg.lstsq(n, l)[0]
np.linalg.lstsq(a.T, w)[2]
np.linalg.lstsq(a.T, w)[3]
np.linalg.lstsq(a.T, [1.0, 2.0, 3.0, 4.0])[0]
np.linalg.matrix_power(n, 0)
np.linalg.matrix_power(n, 1)
np.linalg.matrix_power(n, 2)
np.linalg.matrix_power(n, 3)
np.linalg.matrix_power(f, 7)
np.linalg.matrix_power(f + 3 * EYE, -1)
np.linalg.matrix_power(f + 3 * EYE, -3)
np.linalg.matrix_power(f, 0)
np.linalg.multi_dot([a, m])
np.linalg.multi_dot([n, a, m])
np.linalg.multi_dot([m.T, a.T, n, a, m])
np.linalg.multi_dot((l, a, m))
np.linalg.multi_dot([n, a, w])
np.linalg.multi_dot([l, n, a, w])
np.linalg.multi_dot([l, l])
np.linalg.multi_dot([LINES, n, a])
np.linalg.cond(n + 3 * EYE)
np.linalg.cond(a)
np.linalg.cond(c, 2)
np.linalg.cond(c, -2)
np.linalg.cond(n + 5 * EYE, 1)
np.linalg.cond(n + 5 * EYE, "fro")
np.linalg.cond(n + 5 * EYE, p="nuc")
np.linalg.cond(f + 3 * EYE, -inf)
np.linalg.matrix_rank(a)
np.linalg.matrix_rank(c)
np.linalg.matrix_rank(v)
np.linalg.matrix_rank(n, tol=1.0)
np.linalg.matrix_rank(n + n.T, hermitian=True)
np.linalg.matrix_rank(f, rtol=0.3)
np.linalg.tensorinv(j + 4 * CUBE)
np.linalg.tensorinv(np.reshape(n + 5 * EYE, (3, 3, 1)), ind=1)
np.linalg.tensorsolve(j + 4 * CUBE, m[:2])
np.linalg.tensorsolve(j + 4 * CUBE, m[:2], axes=(0, 2))
np.linalg.tensorsolve(n + 5 * EYE, l)
np.linalg.cross(i, l)
np.linalg.cross(n, n.T, axis=0)
np.linalg.diagonal(a)
np.linalg.diagonal(c, offset=1)
np.linalg.diagonal(c, offset=-1)
np.linalg.matmul(a, m)
np.linalg.matmul(LINES, n)
np.linalg.outer(l, w)
np.linalg.tensordot(a, b)
np.linalg.tensordot(a, m, axes=1)
np.linalg.tensordot(c, d, axes=((-1, 0), (1, 0)))
np.linalg.trace(n)
np.linalg.trace(c)
np.linalg.trace(c, offset=1)
np.linalg.vecdot(a, b)
np.linalg.vecdot(a, w)
np.linalg.vecdot(a, b, axis=0)
np.linalg.matrix_transpose(a)
np.linalg.matrix_transpose(c)
np.matrix_transpose(c)
np.kron(a, m)
np.kron(v, w)
np.kron(v, m)
np.kron(m, v)
np.kron(c, l)
np.kron(s, a)
np.kron(a, 2.0)
np.kron(LINES, n)
np.kron(n, [1.0, 2.0])
np.cross(l, n[0])
np.cross(n, l)
np.cross(i, LINES)
np.cross(l, [1.0, 2.0, 3.0])
np.cross(n, i[:, None])
np.cross(i.T, i, axisa=0)
np.cross(i, i[::-1].T, axisb=0, axisc=0)
np.cross(n, n.T, axis=0)
np.cross(n, l, axisc=0)
np.cross(d, l)
np.vecdot(v, w)
np.vecdot(a, b)
np.vecdot(a, w)
np.vecdot(a, b, axis=0)
np.vecdot(c, a)
np.vecdot(a, [1.0, 2.0, 3.0, 4.0])
"""

if hasattr(np, "matvec"):  # since NumPy 2.2
    CALLS += """
np.matvec(a, w)
np.matvec(c, w)
np.matvec(f, i)
np.matvec(n, i)
np.matvec(LINES, l)
np.vecmat(l, a)
np.vecmat(l, c)
np.vecmat(i, f)
np.vecmat(i, n)
"""
