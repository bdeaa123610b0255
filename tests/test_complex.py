"""Complex numbers: gradients as JAX has them, and what an explanation says of them."""

import numpy as np
import pytest

import chainrule as cr
from chainrule import errors
from chainrule.backward import differentiate
from chainrule.graphing import record

jax = pytest.importorskip("jax")
jnp = pytest.importorskip("jax.numpy")

pytestmark = pytest.mark.usefixtures("double_precision")

RNG = np.random.default_rng(5)
Z = RNG.normal(size=(3, 3)) + 1j * RNG.normal(size=(3, 3))
X = RNG.uniform(0.5, 1.5, (3, 3))

FUNCTIONS = {
    "product": lambda np, z, x: np.sum(np.real(z * z) * x),
    "matmul": lambda np, z, x: np.sum(np.imag(np.exp(z) @ (z * x))),
    "modulus": lambda np, z, x: np.sum(np.real(np.conj(z) * z) * x),
    "absolute": lambda np, z, x: np.sum(np.abs(z * x) ** 3),
    "real to complex": lambda np, z, x: np.sum(np.imag((x + 2j) * np.sin(x) * z)),
    "real, complex, real, complex": lambda np, z, x: np.sum(
        np.real(np.exp(1j * np.real(z * x) * np.imag(z)) * z)
    ),
    "holomorphic": lambda np, z, x: np.real(np.sum(np.tanh(z) / (z + 3)) * np.mean(z**2)),
    "einsum": lambda np, z, x: np.sum(np.real(np.einsum("ij,jk->ik", z, x + 1j * z))),
    "roots": lambda np, z, x: np.sum(np.real(np.sqrt(z) * np.log(z * x))),
    "powers": lambda np, z, x: np.sum(np.real(z**2.5 + x**z + z**x)),
    "angle": lambda np, z, x: np.sum(np.angle(z) * x),
    "indices": lambda np, z, x: np.real(z[0, 1] * np.conj(z[1]).sum() * x.T[0].sum()),
    "means": lambda np, z, x: np.abs(np.mean(z * x)) + np.sum(np.var(z, axis=0)),
    "vdot": lambda np, z, x: np.real(np.vdot(z, z * x)),
    "norm": lambda np, z, x: np.linalg.norm(z) * np.linalg.norm(x + 1j * x),
    "where": lambda np, z, x: np.sum(np.real(np.where(x > 1, z * 1j, x))),
    "stacked": lambda np, z, x: np.sum(np.imag(np.stack([z, x + 0j]) ** 2)),
}


@pytest.fixture(params=FUNCTIONS.values(), ids=FUNCTIONS)
def function(request):
    return request.param


def expected(function):
    return jax.grad(lambda z, x: function(jnp, z, x), argnums=(0, 1))(Z, X)


def test_gradients_are_jaxs(function):
    gradients = cr.grad(lambda z, x: function(np, z, x), wrt=(0, 1))(Z, X)
    for gradient, other, value in zip(gradients, expected(function), (Z, X), strict=True):
        assert gradient.dtype == value.dtype
        np.testing.assert_allclose(gradient, other, rtol=1e-10, atol=1e-12)


def test_a_graph_has_the_same_gradients(function):
    recording = record(lambda z, x: function(np, z, x), (Z, X), {})
    joint = differentiate(recording.graph.validate(), recording.wrt_inputs())
    joint.graph.validate()
    for node, gradient in joint.gradients.items():
        assert node.abstract.dtype.kind == "c" or gradient.abstract.dtype.kind == "f"
    for node, other in zip(joint.wrt, expected(function), strict=True):
        np.testing.assert_allclose(joint.gradients[node].value, other, rtol=1e-10, atol=1e-12)


def test_a_change_is_the_real_part_of_gradient_times_change(function):
    def f(z, x):
        return function(np, z, x)

    gz, gx = cr.grad(f, wrt=(0, 1))(Z, X)
    dz, dx = RNG.normal(size=Z.shape) + 1j * RNG.normal(size=Z.shape), RNG.normal(size=X.shape)
    h = 1e-6
    change = (f(Z + h * dz, X + h * dx) - f(Z - h * dz, X - h * dx)) / (2 * h)
    assert change == pytest.approx(np.real(np.sum(gz * dz)) + np.sum(gx * dx), rel=1e-6, abs=1e-6)


def test_second_derivatives_are_jaxs(function):
    def twice(np, grad):
        return lambda z, x: np.sum(np.abs(grad(lambda w: function(np, w, x))(z)) ** 2)

    ours = cr.grad(twice(np, cr.grad))(Z, X)
    theirs = jax.grad(twice(jnp, jax.grad))(Z, X)
    np.testing.assert_allclose(ours, theirs, rtol=1e-8, atol=1e-9)


def test_a_python_number():
    assert cr.grad(lambda z: (z * z).real)(1 + 2j) == 2 + 4j
    assert cr.grad(lambda z: abs(z))(3 + 4j) == pytest.approx(0.6 - 0.8j)
    assert cr.grad(lambda x: ((x + 1j) ** 2).imag)(3.0) == 2.0


def test_the_absolute_value_of_zero_has_derivative_zero():
    assert cr.grad(lambda z: np.sum(np.abs(z)))(np.array([0j, 1j]))[0] == 0


def test_jacobian_of_a_holomorphic_function():
    z = np.array([1 + 2j, 3.0])
    np.testing.assert_allclose(cr.jacobian(lambda z: z**2)(z), np.diag(2 * z))
    assert cr.jacobian(lambda z: z * z)(1 + 2j) == 2 + 4j


def test_explained_stepped_and_emitted():
    def f(z, x):
        w = z * x
        loss = np.sum(np.real(w * np.conj(w)))
        return loss

    z, x = np.array([1 + 2j, 3 - 1j]), np.array([0.5, 2.0])
    s = cr.explain(f, z, x)
    np.testing.assert_allclose(s.grads["z"], 2 * np.conj(z) * x**2)
    text = s.text()
    assert "dw(2) = conj(dt1) = [0.5 - 1i, 6 + 2i]" in text
    assert "np.real(dw * z)" in s.code("numpy")
    assert r"\overline" in s.latex()
    assert '"imag"' in s.json()
    update = s.step(lr=1e-4)
    assert update.actual == pytest.approx(update.predicted, rel=1e-2)
    with pytest.raises(errors.ArgumentError, match="complex"):
        s.why("x[0]")


def test_the_sign_of_complex_numbers_is_refused_and_says_what_to_write():
    with pytest.raises(errors.UnsupportedError) as refused:
        cr.grad(lambda x: np.sum(np.real(np.sign(x * Z[0]))))(X[0])
    assert "np.sign" in str(refused.value)
    assert "z / np.abs(z)" in refused.value.instead
    assert np.all(np.isfinite(cr.grad(lambda x: np.sum(np.real(x * Z[0] / np.abs(x))))(X[0])))
