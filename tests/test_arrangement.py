"""Reductions, scans, sorting and arrangement at the points where they are easily wrong."""

import numpy as np
import pytest
from numeric import assert_gradients

import chainrule as cr
from chainrule.errors import BranchError, UnsupportedError
from chainrule.graphing import record

jax = pytest.importorskip("jax")
jnp = jax.numpy


pytestmark = pytest.mark.usefixtures("double_precision")


WEIGHTS = np.array([1.0, -2.0, 0.5, 3.0, 1.5])


# -- products with zeros among the factors ---------------------------------------------


@pytest.mark.parametrize("zeros", [(), (1,), (0, 3), (0, 2, 4), (0, 1, 2, 3, 4)])
@pytest.mark.parametrize("name", ["prod", "cumprod"])
def test_zeros_among_factors(name, zeros):
    x = np.array([1.5, -0.5, 2.0, 0.7, -1.2])
    x[list(zeros)] = 0.0

    def f(x):
        return np.sum(WEIGHTS * getattr(np, name)(x))

    def g(x):
        return jnp.sum(WEIGHTS * getattr(jnp, name)(x))

    np.testing.assert_allclose(cr.grad(f)(x), jax.grad(g)(x), rtol=1e-12, atol=1e-13)
    # JAX's own second derivative of cumprod divides; differences of the gradient do not.
    direction = np.random.default_rng(0).standard_normal(5)
    assert_gradients(
        lambda x: np.sum(direction * cr.grad(f)(x)),
        [x],
        [cr.grad(lambda x: np.sum(direction * cr.grad(f)(x)))(x)],
        np.random.default_rng(1),
    )


def test_third_derivative_of_a_product_of_zeros():
    def mixed(x):
        return cr.hessian(np.prod)(x)[0, 1]

    np.testing.assert_array_equal(cr.grad(mixed)(np.zeros(3)), [0.0, 0.0, 1.0])


@pytest.mark.parametrize("name", ["prod", "cumprod", "cumsum"])
def test_products_of_large_and_small_factors_stay_finite(name):
    x = np.array([1e200, 1e-200, 1e150, 1e-150])
    gradient = cr.grad(lambda x: np.ravel(getattr(np, name)(x))[-1])(x)
    expected = [1.0] * 4 if name == "cumsum" else 1 / x
    np.testing.assert_allclose(gradient, expected, rtol=1e-12)


# -- ties ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("f", "expected"),
    [
        (lambda x: np.sum(np.sort(x) * np.array([1.0, 2.0, 3.0])), [1.0, 2.0, 3.0]),
        (np.median, [0.0, 1.0, 0.0]),
        (lambda x: np.quantile(x, 0.25), [0.5, 0.5, 0.0]),
        (np.nanmax, [1 / 3, 1 / 3, 1 / 3]),
        (lambda x: np.max(x, initial=1.0), [0.25, 0.25, 0.25]),
        (lambda x: np.sum(np.unique(x)), [1.0, 0.0, 0.0]),
    ],
    ids=["sort", "median", "quantile", "nanmax", "initial", "unique"],
)
def test_ties(f, expected):
    np.testing.assert_allclose(cr.grad(f)(np.ones(3)), expected)


# -- nothing, and one number -----------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["prod", "cumsum", "cumprod", "sort", "unwrap", "nansum", "unique"]
)
def test_no_elements(name):
    gradient = cr.grad(lambda x: np.sum(getattr(np, name)(x)))(np.zeros(0))
    assert gradient.shape == (0,)


@pytest.mark.parametrize("name", ["prod", "cumsum", "cumprod", "median", "sort"])
@pytest.mark.parametrize("axis", [0, 1])
def test_no_rows(name, axis):
    if name == "median" and axis == 0:
        return  # the median of nothing is NaN, with NumPy's warning
    gradient = cr.grad(lambda x: np.sum(getattr(np, name)(x, axis=axis)))(np.zeros((0, 3)))
    assert gradient.shape == (0, 3)


@pytest.mark.parametrize("kind", [float, np.float64, np.array])
@pytest.mark.parametrize(
    "name", ["prod", "cumsum", "cumprod", "median", "nansum", "nanmean", "tile"]
)
def test_one_number(name, kind):
    rest = (1,) if name == "tile" else ()
    gradient = cr.grad(lambda x: np.sum(3.0 * getattr(np, name)(x, *rest)))(kind(2.0))
    assert np.shape(gradient) == ()
    assert gradient == 3.0


def test_nan_gets_no_gradient():
    x = np.array([1.0, np.nan, 3.0])
    for f in (np.nansum, np.nanmean, np.nanmax, np.nanmin, np.nanprod, np.nanvar, np.nanstd):
        gradient = cr.grad(f)(x)
        assert gradient[1] == 0.0
        assert np.all(np.isfinite(gradient))


# -- against JAX -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "call",
    [
        "{np}.sum({np}.sort(x, axis=0) * w)",
        "{np}.sum({np}.median(x, axis=1) ** 2)",
        "{np}.sum({np}.quantile(x, {np}.array([0.2, 0.65]), axis=1) ** 2)",
        "{np}.sum({np}.cumprod(x, axis=1) * w)",
        "{np}.sum({np}.cumsum(x, axis=0) ** 2)",
        "{np}.sum({np}.cov(x) ** 2)",
        "{np}.sum({np}.corrcoef(x) ** 2 * {np}.arange(16.0).reshape(4, 4))",
        "{np}.sum({np}.convolve(x[0], x[1, :3], 'same') ** 2)",
        "{np}.sum({np}.correlate(x[0], x[1, :3]) ** 2)",
        "{np}.sum({np}.pad(x, ((1, 2), (0, 3)), mode='reflect') ** 3)",
        "{np}.sum({np}.pad(x, 2, mode='wrap') ** 3)",
        "{np}.sum({np}.gradient(x, axis=1) ** 2 * w)",
        "{np}.trapezoid({np}.trapezoid(x, {np}.cumsum(w[0]), axis=1) ** 2)",
        "{np}.sum({np}.interp(x[0], {np}.cumsum(w[1]), x[2]) ** 2)",
        "{np}.sum({np}.diagonal(x, 1) ** 2)",
        "{np}.sum({np}.triu(x, -1) ** 3)",
        "{np}.sum({np}.rot90(x) * w.T) ** 2",
        "{np}.sum({np}.take(x, {np}.array([0, 3, 3]), axis=1) ** 2)",
        "{np}.sum({np}.polyval(x[0], w) ** 2)",
        "{np}.sum({np}.vander(x[0], 4) * {np}.arange(20.0).reshape(5, 4))",
        "{np}.prod(x, axis=(0, 1))",
    ],
)
def test_agrees_with_jax(call):
    rng = np.random.default_rng(3)
    x, w = rng.uniform(-1.5, 1.5, (4, 5)), rng.uniform(0.5, 1.5, (4, 5))
    mine = eval(f"lambda x, w: {call.format(np='np')}", {"np": np})
    theirs = eval(f"lambda x, w: {call.format(np='jnp')}", {"jnp": jnp})
    expected = jax.grad(theirs, argnums=(0, 1))(jnp.array(x), jnp.array(w))
    for got, want in zip(cr.grad(mine, wrt=(0, 1))(x, w), expected, strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-10, atol=1e-12)


# -- what is refused -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("f", "argument"),
    [
        (lambda x: np.sum(x, dtype=int), "dtype"),
        (lambda x: np.sum(x, where=np.ones((2, 3), bool)), "where"),
        (lambda x: np.reshape(x, 3, order="A"), "order"),
        (lambda x: np.reshape(x, 3, copy=True), "copy"),
        (lambda x: np.pad(x, 1, mode="mean"), "mode"),
        (lambda x: np.pad(x, 1, mode="reflect", reflect_type="odd"), "reflect_type"),
        (lambda x: np.quantile(x, x[0]), "q"),
        (lambda x: np.quantile(x, 0.5, method="inverted_cdf", weights=x), "weights"),
        (lambda x: np.unique(x, axis=0), "axis"),
        (lambda x: np.interp(x, x, x, period=3.0), "period"),
        (lambda x: np.sort(x, order="field"), "order"),
        (lambda x: np.take(x, [0], mode="sideways"), "mode"),
    ],
)
def test_arguments_that_are_refused(f, argument):
    for run in (cr.grad(lambda x: np.sum(f(x))), lambda x: cr.explain(f, x)):
        with pytest.raises(UnsupportedError, match=argument):
            run(np.array([1.0, 2.0, 3.0]))


@pytest.mark.parametrize(
    "f",
    [
        lambda x: x[np.nonzero(x > 1)],
        lambda x: np.compress(x > 1, x),
        lambda x: np.extract(x > 1, x),
        np.unique,
        lambda x: np.piecewise(x, [x > 1], [np.exp, np.sin]),
    ],
    ids=["nonzero", "compress", "extract", "unique", "piecewise"],
)
def test_shapes_that_depend_on_values_need_values(f):
    x = np.array([0.5, 1.5, 2.5])
    assert cr.grad(lambda x: np.sum(f(x)))(x).shape == (3,)
    with pytest.raises(BranchError):
        record(f, (x,), {}, values=False)


def test_bincount_of_unknown_numbers_is_refused():
    x = np.array([0.5, 1.5, 2.5])
    with pytest.raises(BranchError):
        record(lambda x: np.bincount(np.argsort(x), x), (x,), {}, values=False)


@pytest.mark.parametrize(
    ("f", "error"),
    [
        (lambda x: np.sum(x, axis=1), np.exceptions.AxisError),
        (lambda x: np.cumsum(x, axis=3), np.exceptions.AxisError),
        (lambda x: np.sort(x, axis=1), np.exceptions.AxisError),
        (lambda x: np.sum(x, axis=(0, 0)), ValueError),
        (lambda x: np.max(x, where=x > 0), ValueError),
        (lambda x: np.split(x, 2)[0], ValueError),
        (lambda x: np.vsplit(x, 3)[0], ValueError),
        (lambda x: np.select([], []), ValueError),
        (lambda x: np.convolve(x, np.zeros((2, 2))), ValueError),
        (lambda x: np.take_along_axis(x, np.array([[0]]), 0), ValueError),
        (lambda x: np.repeat(x, [1, 2]), ValueError),
    ],
)
def test_numpys_errors_stay(f, error):
    for run in (f, cr.grad(lambda x: np.sum(f(x)))):
        with pytest.raises((error, TypeError) if run is f else error):
            run(np.array([1.0, 2.0, 3.0]))
