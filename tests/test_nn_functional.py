"""Activations: values and derivatives, far out and at 0, in every executor."""

import sys

import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import MissingExtraError
from chainrule.nn import functional

EXECUTORS = ("numpy", "numba", "jax")
#: Those of NumPy alone.
FUNCTIONS = {
    "relu": functional.relu,
    "leaky_relu": functional.leaky_relu,
    "elu": functional.elu,
    "gelu_by_tanh": lambda x: functional.gelu(x, approximate=True),
    "silu": functional.silu,
    "sigmoid": functional.sigmoid,
    "tanh": functional.tanh,
    "softplus": functional.softplus,
    "softmax": functional.softmax,
    "log_softmax": functional.log_softmax,
}
ALL = {**FUNCTIONS, "gelu": functional.gelu}
AT = [-1000.0, -50.0, -3.0, -0.5, 0.0, 0.5, 3.0, 50.0, 1000.0]


@pytest.fixture(params=ALL)
def f(request):
    if request.param == "gelu":
        pytest.importorskip("scipy")
    return ALL[request.param]


def weighted(f):
    def total(x, w):
        return np.sum(f(x) * w)

    return total


def test_single_precision_stays_and_does_not_overflow(f):
    x, w = np.array([AT, AT[::-1]], np.float32), np.linspace(0.5, 1, 9, dtype=np.float32)
    value, gradient = cr.value_and_grad(weighted(f))(x, w)
    exact, slope = cr.value_and_grad(weighted(f))(x.astype(float), w.astype(float))
    assert value.dtype == gradient.dtype == f(x).dtype == np.float32
    np.testing.assert_allclose(value, exact, rtol=1e-6)
    np.testing.assert_allclose(gradient, slope, rtol=1e-5, atol=1e-6)


def test_derivatives_are_differences(f):
    x, w = np.linspace(-3, 3, 12).reshape(2, 6), np.linspace(0.5, 1, 12).reshape(2, 6)
    total, h = weighted(f), 1e-6
    got = cr.grad(total)(x, w)
    for i in np.ndindex(*x.shape):
        e = np.zeros_like(x)
        e[i] = h
        assert got[i] == pytest.approx((total(x + e, w) - total(x - e, w)) / (2 * h), abs=1e-7)


@pytest.mark.parametrize(
    ("name", "slope"),
    [("relu", 0), ("leaky_relu", 0.01), ("elu", 1), ("sigmoid", 0.25), ("softplus", 0.5),
     ("silu", 0.5), ("gelu", 0.5), ("gelu_by_tanh", 0.5), ("tanh", 1)],
)  # fmt: skip
def test_derivatives_at_zero(name, slope):
    if name == "gelu":
        pytest.importorskip("scipy")
    assert cr.grad(ALL[name])(0.0) == pytest.approx(slope, rel=1e-12)


def test_small_probabilities_keep_their_digits():
    assert functional.sigmoid(np.float32(-60)) == pytest.approx(np.exp(-60.0), rel=1e-6)
    assert functional.sigmoid(-700.0) == pytest.approx(np.exp(-700.0), rel=1e-12)
    assert functional.softplus(-700.0) == pytest.approx(np.exp(-700.0), rel=1e-12)
    assert functional.log_softmax(np.array([0.0, 1000.0]))[0] == -1000


def test_softmax_of_other_axes():
    x = np.random.default_rng(0).normal(size=(2, 3, 4))
    for axis in (0, 1, -2, (1, 2)):
        np.testing.assert_allclose(functional.softmax(x, axis).sum(axis=axis), 1)
        np.testing.assert_allclose(
            functional.log_softmax(x, axis), np.log(functional.softmax(x, axis))
        )


def gradients(f, executor):
    """Compare a compiled function and its gradient with the function's own; return the report."""
    x = np.array([AT, AT[::-1]], np.float32)
    w = np.linspace(0.5, 1, 9, dtype=np.float32)
    both = cr.value_and_grad(weighted(f))
    compiled = cr.compile(both, executor)
    for rows in (x, x[:1]):
        value, gradient = compiled(rows, w)
        expected, slope = both(rows, w)
        assert gradient.dtype == np.float32
        np.testing.assert_allclose(value, expected, rtol=1e-5)
        np.testing.assert_allclose(gradient, slope, rtol=1e-5, atol=1e-6)
    return compiled.report()


@pytest.mark.parametrize("executor", EXECUTORS)
def test_executors(executor):
    if executor != "numpy":
        pytest.importorskip(executor)

    def all_of_them(x):
        return sum((i + 1) * f(x) for i, f in enumerate(FUNCTIONS.values()))

    assert gradients(all_of_them, executor).executor == executor


@pytest.mark.parametrize("executor", EXECUTORS)
def test_executors_of_the_exact_gelu(executor):
    for needed in {"scipy", executor}:
        pytest.importorskip(needed)
    assert gradients(functional.gelu, executor).executor == executor
    one = cr.compile(cr.value_and_grad(functional.gelu), executor)
    assert one(0.5) == pytest.approx(cr.value_and_grad(functional.gelu)(0.5))


def test_the_exact_gelu_says_what_it_needs(monkeypatch):
    monkeypatch.setitem(sys.modules, "scipy.special", None)
    with pytest.raises(MissingExtraError, match="approximate=True"):
        functional.gelu(1.0)


def test_a_users_name_is_that_of_the_result():
    def f(x):
        p = functional.log_softmax(x)
        return p[0]

    text = cr.explain(f, np.array([1.0, 2.0])).text()
    assert "through  p = log_softmax(x)" in text
    assert "p_" not in text
