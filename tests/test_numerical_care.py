"""Awkward points: zero, infinity, branches not taken, saturation, the ends of the number range."""

import numpy as np
import pytest
from numeric import assert_gradients

import chainrule as cr
from chainrule.errors import NonFiniteError
from chainrule.rules import TABLE

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")

X = np.array([-1.0, 0.0, 4.0])
INF = np.inf


def both(f, *args, wrt=0):
    """The gradient by the fast way and by the worked solution: the same, and so is its code."""
    gradient = cr.grad(f, wrt=wrt)(*args)
    solution = cr.explain(f, *args, wrt=wrt)
    (shown,) = solution.grads.values()
    np.testing.assert_allclose(shown, gradient, rtol=1e-12, atol=0)
    assert solution.text()
    assert solution.code()
    return gradient


# -- branches that are not taken ---------------------------------------------------------

UNUSED = {
    "sqrt": (lambda x: np.sum(np.where(x > 0, np.sqrt(x), 0.0)), [0, 0, 0.25]),
    "log": (lambda x: np.sum(np.where(x > 0, np.log(x), 0.0)), [0, 0, 0.25]),
    "power": (lambda x: np.sum(np.where(x > 0, x**0.5, 0.0)), [0, 0, 0.25]),
    "quotient": (lambda x: np.sum(np.where(x == 0, 0.0, 1 / x)), [-1, 0, -0.0625]),
    "arccosh": (lambda x: np.sum(np.where(x > 1, np.arccosh(x), 0.0)), [0, 0, 15**-0.5]),
    "the other branch lives": (
        lambda x: np.sum(np.where(x > 0, np.log(x), -x)),
        [-1, -1, 0.25],
    ),
    "deep in the branch": (
        lambda x: np.sum(np.where(x > 0, np.exp(2 * np.log(x) + 1) * 3, 0.0)),
        [0, 0, 24 * np.e],
    ),
    "used twice": (
        lambda x: np.sum(np.where(x > 0, np.sqrt(x), 0.0) * x),
        [0, 0, 3.0],
    ),
    "reduced in the branch": (
        lambda x: np.where(np.sum(x) > 10, np.sum(np.log(x)), np.sum(x)),
        [1, 1, 1],
    ),
    "left out by a mask": (lambda x: np.sum(np.log(x)[x > 0]), [0, 0, 0.25]),
    "left out by an index": (lambda x: np.log(x)[2], [0, 0, 0.25]),
    "maximum before": (lambda x: np.sum(np.sqrt(np.maximum(x, 0.0))), [0, 0, 0.25]),
    "clip before": (lambda x: np.sum(np.log(np.clip(x, 0.5, 9.0))), [0, 0, 0.25]),
    "clip behind": (lambda x: np.sum(np.maximum(np.log(x[1:]), -5.0)), [0, 0, 0.25]),
    "times a mask": (lambda x: np.sum(np.sqrt(x[1:]) * (x[1:] > 0)), [0, 0, 0.25]),
    "within where": (
        lambda x: np.sum(np.where(x > 0, np.where(x > 1, np.log(x - 1), 0.0), 0.0)),
        [0, 0, 1 / 3],
    ),
}


@pytest.mark.parametrize(("f", "expected"), UNUSED.values(), ids=UNUSED)
def test_branch_that_is_not_taken(f, expected):
    np.testing.assert_allclose(both(f, X), expected, rtol=1e-14)


@pytest.mark.parametrize(("f", "expected"), UNUSED.values(), ids=UNUSED)
def test_branch_that_is_not_taken_in_float32(f, expected):
    gradient = cr.grad(f)(X.astype(np.float32))
    assert gradient.dtype == np.float32
    np.testing.assert_allclose(gradient, expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("f", "diagonal"),
    [
        (lambda x: np.sum(np.where(x > 0, np.sqrt(x), 0.0)), [0, 0, -1 / 32]),
        (lambda x: np.sum(np.where(x > 0, x * np.log(x), 0.0)), [0, 0, 0.25]),
        (lambda x: np.sum(np.where(x == 0, 0.0, 1 / x)), [-2, 0, 1 / 32]),
    ],
)
def test_branch_that_is_not_taken_to_second_order(f, diagonal):
    np.testing.assert_allclose(cr.hessian(f)(X), np.diag(diagonal), rtol=1e-12)


@pytest.mark.parametrize("kind", [float, np.float64, np.float32, np.array])
def test_branch_that_is_not_taken_of_one_number(kind):
    for f in (np.log, np.sqrt, lambda x: 1 / (x * x) if isinstance(x, np.ndarray) else np.log(x)):
        assert cr.grad(lambda x, f=f: np.where(x > 0, f(x), 0.0))(kind(0.0)) == 0.0


def test_code_of_a_branch_is_as_it_was_where_nothing_is_awkward():
    code = cr.explain(lambda x: np.sum(np.where(x > 2, np.sqrt(x), 0.0)), np.array([1.0, 4.0]))
    assert "== 0" not in code.code()


@pytest.mark.parametrize(
    "f",
    [
        lambda x: np.sqrt(x) ** 2,  # 1 in truth, and 0 · ∞ in numbers
        lambda x: np.exp(np.log(x)),
        lambda x: np.sqrt(x) * np.sqrt(x),
        lambda x: np.sqrt(x),
        lambda x: np.cbrt(x),
        lambda x: x**0.5,
        lambda x: np.arccos(1 - x),
        lambda x: np.where(x >= 0, np.sqrt(x), 0.0),
    ],
)
def test_what_is_infinite_or_unknown_is_refused(f):
    for zero in (0.0, np.float64(0.0), np.float32(0.0)):
        with pytest.raises(NonFiniteError):
            cr.grad(f)(zero)
        with pytest.raises(NonFiniteError):
            cr.explain(f, zero)


# -- conventions at points without a derivative ------------------------------------------

CONVENTIONS = {
    "hypot": (lambda x: np.hypot(x, 0.0), 0.0, 0.0),
    "hypot both": (lambda x: np.hypot(x, x), 0.0, 0.0),
    "arctan2": (lambda x: np.arctan2(x, x), 0.0, 0.0),
    "norm": (lambda x: np.linalg.norm(x * np.ones(3)), 0.0, 0.0),
    "std": (lambda x: np.std(x * np.ones(3)), 2.0, 0.0),
    "abs": (lambda x: np.abs(x), 0.0, 0.0),
    "copysign": (lambda x: np.copysign(x, -1.0), 0.0, 0.0),
    "sinc": (lambda x: np.sinc(x), 0.0, 0.0),
    "power 0": (lambda x: x**0, 0.0, 0.0),
    "power 0.0": (lambda x: x**0.0, 0.0, 0.0),
    "power 1": (lambda x: x**1, 0.0, 1.0),
    "power 2": (lambda x: x**2.0, 0.0, 0.0),
    "power 1.5": (lambda x: x**1.5, 0.0, 0.0),
    "by the exponent": (lambda x: 0.0**x, 2.0, 0.0),
    "by an exponent of 0.5": (lambda x: np.zeros(2)[0] ** x, 0.5, 0.0),
    "by the exponent of 1": (lambda x: 1.0**x, 2.0, 0.0),
    "negative base": (lambda x: x**3.0, -2.0, 12.0),
    "negative base, exponent below 0": (lambda x: x**-1.0, -2.0, -0.25),
    "logaddexp of -inf": (lambda x: np.logaddexp(x, -INF), 1.0, 1.0),
    "logaddexp of 1000": (lambda x: np.logaddexp(x, 1e3), 1e3, 0.5),
    "logaddexp far off": (lambda x: np.logaddexp(x, -1e3), 1e3, 1.0),
    "logaddexp2": (lambda x: np.logaddexp2(x, 1e4), 1e4, 0.5),
    "max of a tie": (lambda x: np.maximum(x, 0.0), 0.0, 0.0),
}


@pytest.mark.parametrize(("f", "at", "expected"), CONVENTIONS.values(), ids=CONVENTIONS)
def test_convention(f, at, expected):
    for kind in (float, np.float64, np.float32, np.array):
        np.testing.assert_allclose(cr.grad(f)(kind(at)), expected, rtol=1e-6)
    np.testing.assert_allclose(both(f, at), expected, rtol=1e-12)


def test_exponent_of_a_negative_base_is_refused_when_asked_for():
    f = lambda x, y: x**y  # noqa: E731
    assert cr.grad(f)(-2.0, 3.0) == 12.0
    with pytest.raises(NonFiniteError):
        cr.grad(f, wrt=1)(-2.0, 3.0)


def test_exponents_of_zero():
    base, exponent = np.zeros(3), np.array([0.5, 1.0, 2.0])
    gradient = cr.grad(lambda b: np.sum(base**b))(exponent)
    np.testing.assert_array_equal(gradient, 0.0)


# -- saturation --------------------------------------------------------------------------

FAR = np.array([-1000.0, -40.0, 0.0, 40.0, 1000.0])
SATURATED = {
    "sigmoid": (lambda x: 1 / (1 + np.exp(-x)), [0, np.exp(-40), 0.25, 0, 0], 4e-17),
    "tanh": (lambda x: np.tanh(x), [0, 0, 1, 0, 0], 1e-15),
    "softplus": (lambda x: np.logaddexp(0, x), [0, np.exp(-40), 0.5, 1, 1], 1e-15),
    "expm1": (lambda x: np.expm1(np.minimum(x, 1)), [0, np.exp(-40), 1, 0, 0], 1e-40),
    "logistic loss": (lambda x: -np.log(1 / (1 + np.exp(-np.abs(x)))), None, None),
    "arctan": (lambda x: np.arctan(x), 1 / (1 + FAR**2), 1e-20),
    "gauss": (lambda x: np.exp(-(x**2)), [0, 0, 0, 0, 0], 1e-20),
    "log1p of exp": (lambda x: np.log1p(np.exp(-np.abs(x))), None, None),
}


@pytest.mark.parametrize(("f", "expected", "tolerance"), SATURATED.values(), ids=SATURATED)
def test_saturation(f, expected, tolerance):
    gradient = both(lambda x: np.sum(f(x)), FAR)
    assert np.all(np.isfinite(gradient))
    if expected is not None:
        np.testing.assert_allclose(gradient, expected, rtol=1e-12, atol=tolerance)
    single = cr.grad(lambda x: np.sum(f(x)))(FAR.astype(np.float32))
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, gradient, rtol=1e-5, atol=1e-7)


def test_sigmoid_of_one_number():
    for kind in (float, np.float64, np.float32):
        assert cr.grad(lambda x: 1 / (1 + np.exp(-x)))(kind(-1000.0)) == 0.0


def test_overflow_that_reaches_the_result_is_refused_with_its_line():
    with pytest.raises(NonFiniteError, match="exp gave an infinity"):
        cr.grad(lambda x: np.log(1 + np.exp(x)))(1000.0)


def test_softmax_of_extremes():
    x = np.array([1e4, 0.0, -1e4])
    softmax = lambda x: np.exp(x - np.max(x)) / np.sum(np.exp(x - np.max(x)))  # noqa: E731
    np.testing.assert_array_equal(both(lambda x: softmax(x)[0], x), 0.0)


# -- the ends of the range ---------------------------------------------------------------

RANGE = {
    "sqrt": (np.sqrt, lambda x: 0.5 / np.sqrt(x)),
    "cbrt": (np.cbrt, lambda x: 1 / 3 / np.cbrt(x) ** 2),
    "log": (np.log, lambda x: 1 / x),
    "log2": (np.log2, lambda x: 1 / x / np.log(2)),
    "arcsinh": (np.arcsinh, lambda x: 1 / np.hypot(x, 1)),
    "hypot": (lambda x: np.hypot(x, x), lambda x: np.full(np.shape(x), np.sqrt(2))),
    "quotient": (lambda x: x / (2 * x) * x, lambda x: np.full(np.shape(x), 0.5)),
    "absolute": (np.abs, np.sign),
    "power": (lambda x: x**0.25, lambda x: 0.25 * x**-0.75),
    "sinc": (lambda x: np.sinc(np.minimum(x, 1e5)), None),
}
ENDS = np.array([1e-300, 1e-200, 1e-100, 1.0, 1e100, 1e200, 1e300])


@pytest.mark.parametrize(("f", "expected"), RANGE.values(), ids=RANGE)
def test_ends_of_the_range(f, expected):
    gradient = cr.grad(lambda x: np.sum(f(x)))(ENDS)
    assert np.all(np.isfinite(gradient))
    if expected is not None:
        np.testing.assert_allclose(gradient, expected(ENDS), rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize(("f", "expected"), RANGE.values(), ids=RANGE)
def test_ends_of_the_range_of_float32(f, expected):
    ends = np.array([1e-36, 1e-20, 1.0, 1e20, 1e36], np.float32)
    gradient = cr.grad(lambda x: np.sum(f(x)))(ends)
    assert gradient.dtype == np.float32
    assert np.all(np.isfinite(gradient))
    if expected is not None:
        np.testing.assert_allclose(gradient, expected(ends.astype(float)), rtol=1e-5, atol=1e-6)


def test_arctan2_at_the_ends_of_the_range():
    for scale in (1e-300, 1e300):
        a, b = np.array([scale, -scale]), np.array([2 * scale, scale])
        f = lambda t, a=a, b=b: np.sum(np.arctan2(a * (1 + t), b))  # noqa: E731
        np.testing.assert_allclose(cr.grad(f)(0.0), 0.4 - 0.5, rtol=1e-12)


NEAR = {
    "arcsin": (np.arcsin, 1 - 2.0**-20),
    "arccos": (np.arccos, -1 + 2.0**-20),
    "arctanh": (np.arctanh, 1 - 2.0**-20),
    "arccosh": (np.arccosh, 1 + 2.0**-20),
    "log1p": (np.log1p, -1 + 2.0**-20),
    "expm1": (np.expm1, -30.0),
    "logaddexp": (lambda x: np.logaddexp(x, 100.0), 100.0),
    "sinc": (np.sinc, 2.0**-12),
    "sinc at the seam": (np.sinc, 0.159),
    "i0": (np.i0, 2.0**-12),
    "log": (np.log, 2.0**-100),
    "sqrt": (np.sqrt, 2.0**-100),
}


@pytest.mark.parametrize(("f", "at"), NEAR.values(), ids=NEAR)
def test_float32_is_off_by_its_rounding_and_no_more(f, at):
    single = cr.grad(f)(np.float32(at))
    double = cr.grad(f)(np.float64(np.float32(at)))
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, double, rtol=16 * np.finfo(np.float32).eps)


DOMAINS = [
    pytest.param(row, id=name)
    for name, row in TABLE.items()
    if row.elementwise
    and row.differentiable
    and all(isinstance(o, tuple) for o in row.samples[0].operands)
]


@pytest.mark.parametrize("row", DOMAINS)
def test_every_elementwise_gradient_in_float32(row):
    rng = np.random.default_rng(7)
    operands = [
        rng.uniform(row.low, row.high, 500).astype(np.float32) for _ in row.samples[0].operands
    ]
    params = row.samples[0].params
    for position, rule in enumerate(row.vjp if isinstance(row.vjp, tuple) else ()):
        if rule is None:
            continue
        single = rule(np.float32(1), row(*operands, **params), *operands, **params)
        exact = [o.astype(np.float64) for o in operands]
        double = rule(1.0, row(*exact, **params), *exact, **params)
        # An error of one rounding in the operand is what the result may be off by.
        nudged = [np.nextafter(o, np.float32(9)).astype(np.float64) for o in operands]
        there = rule(1.0, row(*nudged, **params), *nudged, **params)
        bound = 16 * np.finfo(np.float32).eps * np.maximum(np.abs(double), 0.1)
        assert np.all(np.abs(single - double) <= bound + 8 * np.abs(there - double)), position


def test_sinc_and_i0_have_all_digits():
    x = np.concatenate([np.geomspace(1e-12, 50, 200), -np.geomspace(1e-3, 3, 20)])
    rng = np.random.default_rng(3)
    for f in (np.sinc, np.i0):
        gradient = cr.grad(lambda x, f=f: np.sum(f(x)))(x)
        near = np.abs(x) < 5
        total = lambda x, f=f: np.sum(f(x))  # noqa: E731
        assert_gradients(total, [x[near]], [gradient[near]], rng)
    np.testing.assert_allclose(cr.grad(np.sinc)(1e-12), -(np.pi**2) * 1e-12 / 3, rtol=1e-14)
    np.testing.assert_allclose(cr.grad(np.i0)(1e-12), 5e-13, rtol=1e-14)
    # I1(600) by its asymptotic series
    x = 600.0
    series = 1 - 3 / (8 * x) - 15 / (128 * x**2) - 105 / (1024 * x**3)
    np.testing.assert_allclose(
        cr.grad(np.i0)(x), np.exp(x) / np.sqrt(2 * np.pi * x) * series, rtol=1e-10
    )


@pytest.mark.parametrize("size", [3, 600, 5000])
def test_care_of_arrays_that_are_too_large_to_be_kept_as_a_whole(size):
    x = np.full(size, -1000.0)
    with np.errstate(over="ignore"):
        assert not cr.grad(lambda x: np.sum(1 / (1 + np.exp(-x))))(x).any()
        value, pullback = cr.vjp(lambda x: {"p": 1 / (1 + np.exp(-x)), "q": 2 * x}, x)
        (dx,) = pullback({"p": np.ones(size), "q": np.ones(size)})
    assert not value["p"].any()
    np.testing.assert_array_equal(dx, 2)
