"""Linear algebra: against JAX in batches, on complex numbers, and at its awkward points."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

import chainrule as cr
from chainrule.errors import NonFiniteError, UnsupportedError
from chainrule.graphing import record
from chainrule.rules import TABLE

RNG = np.random.default_rng(7)
SQUARES = RNG.uniform(-1, 1, (2, 4, 3, 3)) + 2 * np.eye(3)
POSITIVE = SQUARES @ np.swapaxes(SQUARES, -1, -2)
TALL = RNG.uniform(-1, 1, (2, 5, 3))
SIDES = RNG.uniform(-1, 1, (4, 3, 2))
VECTOR = RNG.uniform(-1, 1, 3)


# -- against JAX -----------------------------------------------------------------------


@pytest.fixture
def jax(double_precision):
    return double_precision


def both_triangles(a, xp):
    return (a + xp.swapaxes(a, -1, -2)) / 2


AGAINST_JAX = {
    "inv": (lambda a, xp: xp.linalg.inv(a), SQUARES),
    "inv of an inv": (lambda a, xp: xp.linalg.inv(xp.linalg.inv(a)), SQUARES),
    "det": (lambda a, xp: xp.linalg.det(a), SQUARES),
    "logabsdet": (lambda a, xp: xp.linalg.slogdet(a)[1], -SQUARES),
    "solve": (lambda a, b, xp: xp.linalg.solve(a, b), SQUARES, SIDES),
    "solve, a vector": (lambda a, b, xp: xp.linalg.solve(a, b), SQUARES[0, 0], VECTOR),
    "cholesky": (lambda a, xp: xp.linalg.cholesky(both_triangles(a, xp)), POSITIVE),
    "cholesky, upper": (
        lambda a, xp: xp.linalg.cholesky(both_triangles(a, xp), upper=True), POSITIVE,
    ),
    "eigvalsh": (lambda a, xp: xp.linalg.eigvalsh(both_triangles(a, xp)), POSITIVE),
    "eigh": (
        lambda a, xp: xp.concatenate(
            [xp.square(v) if v.ndim == 4 else v[..., None] for v in
             xp.linalg.eigh(both_triangles(a, xp))], axis=-1,
        ),
        POSITIVE,
    ),
    "svdvals": (lambda a, xp: xp.linalg.svd(a, compute_uv=False), TALL),
    "svd": (lambda a, xp: svd_by_itself(a, xp), TALL),
    "svd, square": (lambda a, xp: svd_by_itself(a, xp), SQUARES),
    "svd, wide": (lambda a, xp: svd_by_itself(xp.swapaxes(a, -1, -2), xp), TALL),
    "qr": (lambda a, xp: (lambda q, r: xp.concatenate([q, r], axis=-2))(*xp.linalg.qr(a)), TALL),
    "pinv": (lambda a, xp: xp.linalg.pinv(a), TALL),
    "lstsq": (lambda a, b, xp: xp.linalg.lstsq(a, b)[0], TALL[0], RNG.uniform(-1, 1, (5, 2))),
    "matrix_power": (lambda a, xp: xp.linalg.matrix_power(a, -5), SQUARES),
    "nuclear": (lambda a, xp: xp.linalg.norm(a, "nuc", axis=(1, 2)), TALL),
    "spectral": (lambda a, xp: xp.linalg.norm(a, 2, axis=(1, 2)), TALL),
    "frobenius": (lambda a, xp: xp.linalg.norm(a, axis=(1, 2)), TALL),
    "p": (lambda a, xp: xp.linalg.norm(a, 3, axis=1), TALL),
    "cond": (lambda a, xp: xp.linalg.cond(a), SQUARES[0]),
    "multi_dot": (
        lambda a, b, c, xp: xp.linalg.multi_dot([b, a, a, c]), SQUARES[0, 0], VECTOR, SIDES[0],
    ),
    "kron": (lambda a, b, xp: xp.kron(a, b), SQUARES[0, 0], SIDES[0]),
    "cross": (lambda a, b, xp: xp.cross(a, b), SQUARES, VECTOR),
}  # fmt: skip


def svd_by_itself(a, xp):
    u, s, vh = xp.linalg.svd(a, full_matrices=False)
    return xp.matmul(u * xp.exp(s)[..., None, :], vh) + xp.matmul(xp.square(u), xp.square(vh))


@pytest.mark.parametrize("name", AGAINST_JAX)
def test_against_jax(jax, name):
    f, *operands = AGAINST_JAX[name]
    out = f(*operands, np)
    weights = np.random.default_rng(1).uniform(0.5, 1.5, np.shape(out))

    def loss(xp):
        names = [f"x{i}" for i in range(len(operands))]
        wrapped = eval(f"lambda {', '.join(names)}: f({', '.join(names)})",
                       {"f": lambda *args: xp.sum(weights * f(*args, xp))})  # fmt: skip
        return wrapped

    every = tuple(range(len(operands)))
    expected = jax.jit(jax.grad(loss(jax.numpy), every))(*operands)
    found = cr.grad(loss(np), wrt=every)(*operands)
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, np.asarray(b), rtol=1e-9, atol=1e-10)


# -- complex numbers -------------------------------------------------------------------
# The rules are plain NumPy: on complex arrays they hold g with d(loss) = Re(sum(g * dz)).


def complex_like(shape, seed):
    rng = np.random.default_rng(seed)
    return rng.uniform(-1, 1, shape) + 1j * rng.uniform(-1, 1, shape)


MATRIX = complex_like((3, 3), 1) + 2 * np.eye(3)
HERMITIAN = MATRIX @ MATRIX.conj().T


def slope(f, step=1e-3):
    wide, narrow = ((f(h) - f(-h)) / (2 * h) for h in (2 * step, step))
    return (4 * narrow - wide) / 3


def assert_complex(loss, value, gradient, seed=5):
    for k in range(3):
        direction = complex_like(value.shape, seed + k)
        numeric = slope(lambda h, d=direction: loss(value + h * d))
        assert np.sum(gradient * direction).real == pytest.approx(numeric, rel=1e-7, abs=1e-8)


def gradients(row, g, operands, params):
    out = row.forward(*operands, **params)
    return [row.pullback(i)(g, out, *operands, **params) for i in range(len(operands))]


@pytest.mark.parametrize(
    ("name", "operands", "params"),
    [
        ("inv", (MATRIX,), {}),
        ("solve", (MATRIX, complex_like((3, 2), 2)), {}),
        ("solve", (MATRIX, complex_like((3,), 2)), {}),
        ("det", (MATRIX,), {}),
        ("cofactors", (MATRIX,), {}),
        ("logabsdet", (MATRIX,), {}),
        ("pinv", (complex_like((4, 3), 3),), {}),
        ("pinv", (complex_like((2, 3), 3),), {}),
        ("lstsq", (complex_like((4, 3), 3), complex_like((4,), 4)), {}),
        ("lstsq", (complex_like((2, 3), 3), complex_like((2, 2), 4)), {}),
        ("cholesky", (HERMITIAN,), {"upper": False}),
        ("cholesky", (HERMITIAN,), {"upper": True}),
        ("eigenvalues", (HERMITIAN,), {"UPLO": "L"}),
        ("eigenvalues", (HERMITIAN,), {"UPLO": "U"}),
        ("eig_values", (MATRIX,), {}),
        ("svdvals", (complex_like((4, 3), 3),), {}),
        ("qr_q", (complex_like((4, 3), 3),), {}),
        ("qr_r", (complex_like((4, 3), 3),), {}),
        ("qr_q", (MATRIX,), {}),
        ("qr_r", (MATRIX,), {}),
    ],
)
def test_complex_rules(name, operands, params):
    row = TABLE[name]
    out = row.forward(*operands, **params)
    g = complex_like(np.shape(out), 9) if np.iscomplexobj(out) else complex_like(out.shape, 9).real
    for i, gradient in enumerate(gradients(row, g, operands, params)):

        def loss(z, i=i):
            moved = [z if j == i else o for j, o in enumerate(operands)]
            return np.sum(g * row.forward(*moved, **params)).real

        assert_complex(loss, operands[i], gradient)


@pytest.mark.parametrize(
    ("name", "params", "a"),
    [
        ("eigenvectors", {"UPLO": "L"}, HERMITIAN),
        ("eigenvectors", {"UPLO": "U"}, HERMITIAN),
        ("eig_vectors", {}, MATRIX),
    ],
)
def test_complex_eigenvectors(name, params, a):
    """A loss that does not see the phase of an eigenvector."""
    row, c, w = TABLE[name], complex_like((3,), 3), np.array([1.0, -0.5, 2.0])
    g = 2 * np.outer(c, w * np.conj(c @ row.forward(a, **params)))
    (gradient,) = gradients(row, g, (a,), params)

    def loss(a):
        return np.sum(w * np.abs(c @ row.forward(a, **params)) ** 2)

    assert_complex(loss, a, gradient)


@pytest.mark.parametrize("shape", [(4, 3), (3, 3), (2, 3)])
def test_complex_singular_vectors(shape):
    """A loss that does not see the phase that a pair of singular vectors has in common."""
    a, w = complex_like(shape, 3), np.array([1.0, -0.5, 2.0])[: min(shape)]
    c = complex_like(shape, 4)
    u, _, vh = np.linalg.svd(a, full_matrices=False)
    (left,) = gradients(TABLE["svd_u"], c @ (w[:, None] * vh).T, (a,), {})
    (right,) = gradients(TABLE["svd_vh"], (u * w).T @ c, (a,), {})

    def loss(a):
        u, _, vh = np.linalg.svd(a, full_matrices=False)
        return np.sum(c * ((u * w) @ vh)).real

    assert_complex(loss, a, left + right)


# -- determinants ----------------------------------------------------------------------


def cofactors_by_minors(a):
    n = len(a)
    minors = [
        [np.linalg.det(np.delete(np.delete(a, i, 0), j, 1)) for j in range(n)] for i in range(n)
    ]
    return np.array(minors) * (-1.0) ** np.add.outer(np.arange(n), np.arange(n))


@pytest.mark.parametrize("rank", [0, 1, 2, 3, 4])
def test_determinant_of_any_rank(rank):
    a = RNG.uniform(-1, 1, (4, rank)) @ RNG.uniform(-1, 1, (rank, 4))
    np.testing.assert_allclose(cr.grad(np.linalg.det)(a), cofactors_by_minors(a), atol=1e-14)


def test_determinant_of_whole_numbers_without_inverse():
    a = np.arange(1.0, 10.0).reshape(3, 3)
    expected = [[-3, 6, -3], [6, -12, 6], [-3, 6, -3]]
    np.testing.assert_allclose(cr.grad(np.linalg.det)(a), expected, rtol=1e-13)


def test_determinant_in_code():
    a = np.array([[1.0, 2.0], [2.0, 4.0]])
    solution = cr.explain(lambda a: np.linalg.det(a) ** 2 + np.linalg.det(a), a)
    names = {}
    exec(solution.code("numpy").split("if __name__")[0], names)
    (function,) = (v for v in names.values() if callable(v) and v.__module__ != "numpy")
    np.testing.assert_allclose(function(a)[1], solution.grads["a"])
    np.testing.assert_allclose(solution.grads["a"], [[4, -2], [-2, 1]], rtol=1e-14)


# -- norms -----------------------------------------------------------------------------

ORDERS = [None, 1, 2, 3, 1.5, np.inf]


@pytest.mark.parametrize("order", ORDERS)
def test_norm_of_nothing(order):
    zero = np.zeros(3)
    np.testing.assert_array_equal(cr.grad(lambda x: np.linalg.norm(x, order))(zero), 0.0)
    rows = np.array([[0.0, 0.0], [3.0, 4.0]])
    gradient = cr.grad(lambda x: np.sum(np.linalg.norm(x, order, axis=1)))(rows)
    np.testing.assert_array_equal(gradient[0], 0.0)
    assert np.all(gradient[1] >= 0)
    assert gradient[1, 1] > 0


@pytest.mark.parametrize("order", [None, "fro", "nuc", 2, 1, np.inf])
def test_matrix_norm_of_nothing(order):
    np.testing.assert_array_equal(
        cr.grad(lambda x: np.linalg.norm(x, order))(np.zeros((2, 3))), 0.0
    )


@pytest.mark.filterwarnings("ignore:overflow:RuntimeWarning")
@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("size", [1e-310, 1e-200, 1e-160, 1e-120, 1e120, 1e200, 1e307])
def test_norm_of_any_size(size, order):
    x = np.array([3.0, -4.0, 1.0])

    def norms(x):
        return np.sum(np.linalg.norm(x, order, axis=-1))

    expected = cr.grad(norms)(x)
    np.testing.assert_allclose(cr.grad(norms)(size * x), expected, rtol=1e-12)
    # Rows of every size, side by side.
    rows = np.stack([x, size * x, 0 * x])
    np.testing.assert_allclose(cr.grad(norms)(rows), [expected, expected, 0 * x], rtol=1e-12)


@pytest.mark.filterwarnings("ignore:overflow:RuntimeWarning")
@pytest.mark.parametrize("size", [1e-44, 1e-30, 1e-10, 1e10, 1e30])
def test_norm_of_any_size_in_float32(size):
    x = np.array([3.0, -4.0, 0.0], np.float32)
    gradient = cr.grad(np.linalg.norm)(np.float32(size) * x)
    assert gradient.dtype == np.float32
    np.testing.assert_allclose(gradient, [0.6, -0.8, 0.0], rtol=0.2 if size == 1e-44 else 1e-6)


def test_norm_is_written_as_people_write_it():
    x = np.array([3.0, 4.0])
    solution = cr.explain(lambda x: np.linalg.norm(x), x)
    assert "np.linalg.norm(x)" in solution.code("numpy")
    np.testing.assert_allclose(solution.grads["x"], [0.6, 0.8])


# -- decompositions --------------------------------------------------------------------


def test_equal_eigenvalues():
    """Each sum over equal eigenvalues has a derivative: that of the whole trace is 1."""
    gradient = cr.grad(lambda a: np.sum(np.linalg.eigvalsh(a)))(np.eye(3))
    np.testing.assert_allclose(gradient, np.eye(3), atol=1e-15)
    gradient = cr.grad(lambda a: np.sum(np.linalg.svdvals(a)))(np.eye(3))
    np.testing.assert_allclose(gradient, np.eye(3), atol=1e-15)


@pytest.mark.filterwarnings("ignore:divide by zero:RuntimeWarning")
@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
def test_equal_eigenvectors_are_refused():
    with pytest.raises(NonFiniteError):
        cr.grad(lambda a: np.sum(np.linalg.eigh(a)[1]))(np.eye(3))


def test_one_triangle_is_read():
    """As NumPy reads them: what stands in the other triangle changes nothing."""
    a = POSITIVE[0, 0]
    for f in (np.linalg.cholesky, np.linalg.eigvalsh):
        gradient = cr.grad(lambda a, f=f: np.sum(f(a) ** 3))(a)
        np.testing.assert_array_equal(gradient, np.tril(gradient))
    gradient = cr.grad(lambda a: np.sum(np.linalg.eigvalsh(a, "U") ** 3))(a)
    np.testing.assert_array_equal(gradient, np.triu(gradient))


def test_results_are_numpys_own():
    def f(a):
        assert type(np.linalg.eigh(a)) is type(np.linalg.eigh(np.eye(2)))
        assert type(np.linalg.svd(a)) is type(np.linalg.svd(np.eye(2)))
        assert type(np.linalg.qr(a)) is type(np.linalg.qr(np.eye(2)))
        assert type(np.linalg.slogdet(a)) is type(np.linalg.slogdet(np.eye(2)))
        u, s, vh = np.linalg.svd(a)
        return np.sum((u * s) @ vh)

    np.testing.assert_allclose(cr.grad(f)(SQUARES[0, 0]), 1.0)


def test_least_squares_of_dependent_columns():
    a = np.array([[1.0, 2.0], [2.0, 4.0], [3.0, 6.0]])
    b = np.array([1.0, 0.0, 2.0])

    def f(b):
        x, residuals, rank, _ = np.linalg.lstsq(a, b)
        assert residuals.shape == (0,)
        assert rank == 1
        return np.sum(x)

    np.testing.assert_allclose(cr.grad(f)(b), np.sum(np.linalg.pinv(a), axis=0), atol=1e-14)


@pytest.mark.parametrize("name", ["inv", "det", "cholesky", "eigvalsh", "svdvals", "norm"])
def test_no_matrices_at_all(name):
    nothing = np.zeros((0, 3, 3))
    gradient = cr.grad(lambda a: np.sum(getattr(np.linalg, name)(a)))(nothing)
    assert gradient.shape == nothing.shape


# -- refused ---------------------------------------------------------------------------


def _moved(a, place, by):
    moved = a.copy()
    moved[place] += by
    return moved


def _turning(a):
    return np.sum(np.abs(np.linalg.eigvals(a[:2, :2] * 0.1 + [[0, 1], [-1, 0]])) ** 2)


def test_complex_eigenvalues_of_a_real_matrix_are_numpys_or_refused():
    """From NumPy 2.5 on they are complex whatever their values; before, a type goes by values."""
    if np.linalg.eigvals(np.eye(2)).dtype.kind == "c":
        a, turned = TALL[0], np.zeros_like(TALL[0])
        for place in np.ndindex(a.shape):
            turned[place] = slope(lambda t, at=place: _turning(_moved(a, at, t)))
        assert_allclose(cr.grad(_turning)(a), turned, rtol=1e-6, atol=1e-9)
    else:
        with pytest.raises(UnsupportedError, match="complex eigenvalues"):
            cr.grad(_turning)(TALL[0])


@pytest.mark.parametrize(
    ("f", "word"),
    [
        (lambda a: np.linalg.svd(a)[0], "full_matrices"),
        (lambda a: np.linalg.qr(a, mode="complete")[0], "complete"),
        (lambda a: np.linalg.qr(a, mode="raw")[0], "mode"),
        (lambda a: np.linalg.svd(a[:2, :2], hermitian=True)[1], "hermitian"),
        (lambda a: np.linalg.pinv(a, rcond=0.1), "rcond"),
        (lambda a: np.linalg.pinv(a, rtol=0.1), "rtol"),
        (lambda a: np.linalg.pinv(a[:2, :2], hermitian=True), "hermitian"),
        (lambda a: np.linalg.lstsq(a, a[:, 0], rcond=0.1)[0], "rcond"),
        (lambda a: np.cross(a[0, :2], a[1, :2]), "two components"),
    ],
)
def test_refused(f, word):
    with pytest.raises(UnsupportedError, match=word):
        cr.grad(lambda a: np.sum(f(a)))(TALL[0])


@pytest.mark.parametrize(
    ("f", "error"),
    [
        (lambda a: np.linalg.inv(a), np.linalg.LinAlgError),
        (lambda a: np.linalg.det(a[0]), np.linalg.LinAlgError),
        (lambda a: np.linalg.solve(a[:3], a[:2]), ValueError),
        (lambda a: np.linalg.norm(a, "nope"), ValueError),
        (lambda a: np.linalg.norm(a, "nuc", axis=0), ValueError),
        (lambda a: np.linalg.norm(a, axis=(0, 0)), ValueError),
        (lambda a: np.linalg.norm(a[None], 2), ValueError),
        (lambda a: np.linalg.norm(a, axis=2), np.exceptions.AxisError),
        (lambda a: np.linalg.matrix_power(a, 2), np.linalg.LinAlgError),
        (lambda a: np.linalg.matrix_power(a[:3], 0.5), TypeError),
        (lambda a: np.linalg.multi_dot([a]), ValueError),
        (lambda a: np.linalg.eigvalsh(a[:3], UPLO="X"), ValueError),
        (lambda a: np.linalg.tensorinv(a, ind=0), ValueError),
        (lambda a: np.linalg.cross(a[:, :2], a[:, :2]), ValueError),
        (lambda a: np.linalg.outer(a, a), ValueError),
        (lambda a: np.vecdot(a, a[:, :1]), ValueError),
    ],
)
@pytest.mark.parametrize("values", [True, False], ids=["values", "shapes"])
def test_errors_are_numpys(f, error, values):
    with pytest.raises(error):
        f(TALL[0])
    # A trace turns what NumPy says about shapes into a ShapeError, with the user's line.
    with pytest.raises(ValueError if error is np.linalg.LinAlgError else error):
        record(f, (TALL[0],), {}, values=values)


def test_singular_values_that_differ_by_rounding_alone_are_equal():
    """Divided by, their difference would give numbers without a meaning, and no error."""
    turn, _ = np.linalg.qr(np.random.default_rng(1).normal(size=(3, 3)))
    a = turn @ np.diag([2.0, 0.4, 0.4]) @ turn.T
    with np.errstate(all="ignore"), pytest.raises(NonFiniteError):
        cr.hvp(lambda m: np.linalg.cond(m, p="nuc"), (a,), (np.eye(3)[::-1],))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_columns_that_depend_on_each_other_have_no_derivative_of_qr(dtype):
    """The last number on the diagonal of R is then rounding, and nothing to divide by."""
    a = np.array([[0.4, 0.4, 0.2], [0.4, 0.1, -0.3], [0.3, 0.3, 0.3]], dtype)
    with pytest.raises(np.linalg.LinAlgError):
        cr.grad(lambda m: np.sum(np.linalg.qr(m[:, [2, 1, 2]]).R))(a)
