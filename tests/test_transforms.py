"""Derivatives as functions: nested, mixed, in and out of structures, and beside JAX's."""

import builtins
import dataclasses
import itertools
import threading
from collections import OrderedDict, namedtuple

import numpy as np
import pytest

import chainrule as cr
from chainrule import errors

jax = pytest.importorskip("jax")
jnp = jax.numpy


pytestmark = pytest.mark.usefixtures("double_precision")

X = np.array([0.3, 0.7, 1.1])
V = np.array([1.0, -2.0, 0.5])
A = np.array([[0.5, -1.0, 2.0], [1.5, 0.3, -0.7], [0.2, 0.9, 1.1]])

#: From three numbers to one, written for NumPy and for JAX alike.
SCALAR = {
    "sum of sines": lambda np, x: np.sum(np.sin(x) * x[::-1]),
    "network": lambda np, x: np.sum(np.tanh(A @ np.tanh(A @ x)) ** 2),
    "softmax": lambda np, x: -np.log(np.exp(x[1]) / np.sum(np.exp(x))),
    "matrix": lambda np, x: np.trace(np.linalg.inv(A + np.outer(x, x))),
    "choice": lambda np, x: np.sum(np.where(x > 0.5, x**3, np.exp(x))),
    "sorted": lambda np, x: np.sum(np.sort(-(x**3)) * V),
    "cumulated": lambda np, x: np.sum(np.cumsum(x**2) ** 2),
}

#: From three numbers to several.
ARRAY = {
    "matmul": lambda np, x: np.tanh(A @ x),
    "outer": lambda np, x: np.outer(x, x**2),
    "softmax": lambda np, x: np.exp(x) / np.sum(np.exp(x)),
    "slices": lambda np, x: np.concatenate([x[1:] * x[:-1], x[:1] ** 2]),
    "reduced": lambda np, x: np.max(np.outer(x, x), axis=1) * np.sum(x),
}


def mine(f):
    return lambda x: f(np, x)


def theirs(f):
    return lambda x: f(jnp, x)


def assert_same(got, expected, rtol=1e-9, atol=1e-11):
    if isinstance(expected, (tuple, list)):
        assert len(got) == len(expected)
        for g, e in zip(got, expected, strict=True):
            assert_same(g, e, rtol, atol)
        return
    assert np.shape(got) == np.shape(expected)
    np.testing.assert_allclose(got, expected, rtol=rtol, atol=atol)


# -- one derivative --------------------------------------------------------------------

OF_SCALARS = {
    "grad": (lambda f: cr.grad(f)(X), lambda f: jax.grad(f)(X)),
    "value_and_grad": (lambda f: cr.value_and_grad(f)(X), lambda f: jax.value_and_grad(f)(X)),
    "hessian": (lambda f: cr.hessian(f)(X), lambda f: jax.hessian(f)(X)),
    "jacobian": (lambda f: cr.jacobian(f)(X), lambda f: jax.jacrev(f)(X)),
    "jvp": (lambda f: cr.jvp(f, (X,), (V,)), lambda f: jax.jvp(f, (X,), (V,))),
    "vjp": (lambda f: cr.vjp(f, X)[1](2.0), lambda f: jax.vjp(f, X)[1](2.0)),
    "hvp": (
        lambda f: cr.hvp(f, (X,), (V,))[0],
        lambda f: jax.jvp(jax.grad(f), (X,), (V,))[1],
    ),
}

OF_ARRAYS = {
    "jacobian": (lambda f: cr.jacobian(f)(X), lambda f: jax.jacrev(f)(X)),
    "jvp": (lambda f: cr.jvp(f, (X,), (V,)), lambda f: jax.jvp(f, (X,), (V,))),
    "jvp of jvp": (
        lambda f: cr.jvp(lambda x: cr.jvp(f, (x,), (V,))[1], (X,), (X,)),
        lambda f: jax.jvp(lambda x: jax.jvp(f, (x,), (V,))[1], (X,), (X,)),
    ),
    "jvp along itself": (
        lambda f: cr.jacobian(lambda x: cr.jvp(f, (x,), (x * x,))[1])(X),
        lambda f: jax.jacrev(lambda x: jax.jvp(f, (x,), (x * x,))[1])(X),
    ),
    "vjp of the output": (
        lambda f: cr.vjp(f, X)[1](f(X))[0],
        lambda f: jax.vjp(f, X)[1](f(X))[0],
    ),
}

#: JAX takes seconds for these.
OF_FEW_ARRAYS = {
    "jacobian of jacobian": (
        lambda f: cr.jacobian(cr.jacobian(f))(X),
        lambda f: jax.jacrev(jax.jacrev(f))(X),
    ),
    "jacobian to third order": (
        lambda f: cr.jacobian(cr.jacobian(cr.jacobian(f)))(X),
        lambda f: jax.jacfwd(jax.jacrev(jax.jacrev(f)))(X),
    ),
}

OF_BOTH = {
    "grad of jvp": (
        lambda f: cr.grad(lambda x: cr.jvp(f, (x,), (x,))[1])(X),
        lambda f: jax.grad(lambda x: jax.jvp(f, (x,), (x,))[1])(X),
    ),
    "jvp of grad": (
        lambda f: cr.jvp(cr.grad(f), (X,), (V,)),
        lambda f: jax.jvp(jax.grad(f), (X,), (V,)),
    ),
    "grad of vjp": (
        lambda f: cr.grad(lambda x: np.sum(cr.vjp(f, x)[1](x[0])[0] * V))(X),
        lambda f: jax.grad(lambda x: jnp.sum(jax.vjp(f, x)[1](x[0])[0] * V))(X),
    ),
    "vjp of grad": (
        lambda f: cr.vjp(cr.grad(f), X)[1](V),
        lambda f: jax.vjp(jax.grad(f), X)[1](V),
    ),
    "grad of hvp": (
        lambda f: cr.grad(lambda x: np.sum(cr.hvp(f, (x,), (V,))[0]))(X),
        lambda f: jax.grad(lambda x: jnp.sum(jax.jvp(jax.grad(f), (x,), (V,))[1]))(X),
    ),
    "hvp along a gradient": (
        lambda f: cr.grad(lambda x: np.sum(cr.hvp(f, (x,), (cr.grad(f)(x),))[0]))(X),
        lambda f: jax.grad(lambda x: jnp.sum(jax.jvp(jax.grad(f), (x,), (jax.grad(f)(x),))[1]))(X),
    ),
    "hessian of a squared gradient": (
        lambda f: cr.hessian(lambda x: np.sum(cr.grad(f)(x) ** 2))(X),
        lambda f: jax.hessian(lambda x: jnp.sum(jax.grad(f)(x) ** 2))(X),
    ),
    "grad of a trace of the hessian": (
        lambda f: cr.grad(lambda x: np.trace(cr.hessian(f)(x)))(X),
        lambda f: jax.grad(lambda x: jnp.trace(jax.hessian(f)(x)))(X),
    ),
    "grad of a jacobian": (
        lambda f: cr.grad(lambda x: np.sum(cr.jacobian(cr.grad(f))(x) * A))(X),
        lambda f: jax.grad(lambda x: jnp.sum(jax.jacrev(jax.grad(f))(x) * A))(X),
    ),
    "grad of value_and_grad": (
        lambda f: cr.grad(lambda x: (lambda v, g: v * np.sum(g))(*cr.value_and_grad(f)(x)))(X),
        lambda f: jax.grad(lambda x: (lambda v, g: v * jnp.sum(g))(*jax.value_and_grad(f)(x)))(X),
    ),
    "a step of descent": (
        lambda f: cr.grad(lambda x: f(x - 0.1 * cr.grad(f)(x)))(X),
        lambda f: jax.grad(lambda x: f(x - 0.1 * jax.grad(f)(x)))(X),
    ),
    "elementwise grad": (
        lambda f: cr.grad(lambda x: np.sum(cr.elementwise_grad(np.sin)(x) * f(x)))(X),
        lambda f: jax.grad(lambda x: jnp.sum(jnp.cos(x) * f(x)))(X),
    ),
}


@pytest.mark.parametrize("name", OF_SCALARS)
@pytest.mark.parametrize("f", SCALAR.values(), ids=SCALAR)
def test_of_numbers(f, name):
    ours, other = OF_SCALARS[name]
    assert_same(ours(mine(f)), other(theirs(f)))


@pytest.mark.parametrize("name", OF_ARRAYS)
@pytest.mark.parametrize("f", ARRAY.values(), ids=ARRAY)
def test_of_arrays(f, name):
    ours, other = OF_ARRAYS[name]
    assert_same(ours(mine(f)), other(theirs(f)))


@pytest.mark.parametrize("name", OF_FEW_ARRAYS)
def test_jacobians_of_jacobians(name):
    f, (ours, other) = ARRAY["softmax"], OF_FEW_ARRAYS[name]
    assert_same(ours(mine(f)), other(theirs(f)), rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("name", OF_BOTH)
@pytest.mark.parametrize("function", ["sum of sines", "network"])
def test_mixed(function, name):
    f, (ours, other) = SCALAR[function], OF_BOTH[name]
    assert_same(ours(mine(f)), other(theirs(f)), rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_orders_of_one_number(order):
    f, g = (lambda x: x**5 * np.sin(x)), (lambda x: x**5 * jnp.sin(x))
    for _ in range(order):
        f, g = cr.grad(f), jax.grad(g)
    assert f(0.7) == pytest.approx(float(g(0.7)), rel=1e-10)


WAYS = {
    "grad": lambda f: cr.grad(f),
    "jvp": lambda f: lambda x: cr.jvp(f, (x,), (1.0,))[1],
    "vjp": lambda f: lambda x: cr.vjp(f, x)[1](1.0)[0],
    "jacobian": lambda f: cr.jacobian(f),
    "elementwise": lambda f: cr.elementwise_grad(f),
}


@pytest.mark.parametrize("ways", list(itertools.product(WAYS, repeat=3)), ids="-".join)
def test_any_three_derivatives_on_end(ways):
    def f(x):
        return x**4 * 0.5 + np.sin(x)

    for way in ways:
        f = WAYS[way](f)
    assert f(0.7) == pytest.approx(12 * 0.7 - np.cos(0.7), rel=1e-12)


def test_levels_are_kept_apart():
    assert cr.grad(lambda x: x * cr.grad(lambda y: x + y)(2.0))(3.0) == 1.0
    assert cr.grad(lambda x: x * cr.grad(lambda y: x * y)(2.0))(3.0) == 6.0
    assert cr.jvp(lambda x: x * cr.jvp(lambda y: x + y, (2.0,), (1.0,))[1], (3.0,), (1.0,))[1] == 1
    assert cr.grad(lambda x: cr.grad(lambda y: cr.grad(lambda z: x * y * z)(y) * y)(x))(3.0) == 12.0
    # A gradient by the outer variable inside the inner function.
    assert cr.grad(lambda x: cr.grad(lambda y: y * cr.grad(lambda z: z * x)(y))(x))(3.0) == 1.0


def test_a_pullback_used_more_than_once():
    _, pullback = cr.vjp(np.sin, X)
    first, second = pullback(np.ones(3))[0], pullback(2 * np.ones(3))[0]
    np.testing.assert_array_equal(second, 2 * first)
    first[:] = 0.0
    np.testing.assert_array_equal(pullback(np.ones(3))[0], np.cos(X))


def test_a_function_that_does_not_depend_on_its_argument():
    assert cr.grad(lambda x: 3.0)(2.0) == 0.0
    assert cr.jvp(lambda x: 3.0, (2.0,), (1.0,)) == (3.0, 0.0)
    np.testing.assert_array_equal(cr.hessian(lambda x: np.sum(x))(X), np.zeros((3, 3)))
    np.testing.assert_array_equal(cr.jacobian(lambda x: np.ones(2))(X), np.zeros((2, 3)))
    np.testing.assert_array_equal(cr.hvp(np.sum, (X,), (V,))[0], np.zeros(3))
    np.testing.assert_array_equal(cr.jvp(np.sign, (X,), (V,))[1], np.zeros(3))
    np.testing.assert_array_equal(cr.elementwise_grad(np.floor)(X), np.zeros(3))


def test_the_argument_itself_is_returned():
    np.testing.assert_array_equal(cr.vjp(lambda x: x, X)[1](V)[0], V)
    np.testing.assert_array_equal(cr.jvp(lambda x: x, (X,), (V,))[1], V)
    np.testing.assert_array_equal(cr.jacobian(lambda x: x)(X), np.eye(3))
    both = cr.vjp(lambda x: (x, x, x * 2), X)[1]((V, V, V))[0]
    np.testing.assert_array_equal(both, 4 * V)


# -- structures ------------------------------------------------------------------------

Pair = namedtuple("Pair", "w b")


@dataclasses.dataclass
class Layer:
    w: object
    b: object
    name: str = "dense"


@dataclasses.dataclass(frozen=True)
class Frozen:
    w: object
    b: object


class Plain:
    def __init__(self, w, b):
        self.w, self.b, self.label = w, b, "plain"


MAKERS = {
    "list": lambda w, b: [w, b],
    "tuple": lambda w, b: (w, b),
    "dict": lambda w, b: {"w": w, "b": b},
    "ordered dict": lambda w, b: OrderedDict(w=w, b=b),
    "namedtuple": Pair,
    "dataclass": Layer,
    "frozen dataclass": Frozen,
    "object": Plain,
    "nested": lambda w, b: {"layers": [Layer(w, None)], "rest": (Pair(None, [b]),)},
}
#: How to get at the two.
PARTS = {
    "list": lambda p: (p[0], p[1]),
    "tuple": lambda p: (p[0], p[1]),
    "dict": lambda p: (p["w"], p["b"]),
    "ordered dict": lambda p: (p["w"], p["b"]),
    "nested": lambda p: (p["layers"][0].w, p["rest"][0].b[0]),
}


def parts_of(kind, value):
    return PARTS.get(kind, lambda p: (p.w, p.b))(value)


@pytest.fixture(params=MAKERS)
def kind(request):
    return request.param


def test_gradients_of_structures(kind):
    def loss(p):
        w, b = parts_of(kind, p)
        return np.sum(w**2) * b

    given = MAKERS[kind](X, 2.0)
    value, gradient = cr.value_and_grad(loss)(given)
    assert type(gradient) is type(given)
    dw, db = parts_of(kind, gradient)
    np.testing.assert_allclose(dw, 4 * X)
    assert db == value / 2
    (pulled,) = cr.vjp(loss, given)[1](1.0)
    np.testing.assert_allclose(parts_of(kind, pulled)[0], 4 * X)


def test_directions_in_structures(kind):
    def loss(p):
        w, b = parts_of(kind, p)
        return np.sum(w**2) * b

    given, direction = MAKERS[kind](X, 2.0), MAKERS[kind](V, 0.5)
    value, tangent = cr.jvp(loss, (given,), (direction,))
    assert value == pytest.approx(2 * np.sum(X**2))
    assert tangent == pytest.approx(4 * np.sum(X * V) + 0.5 * np.sum(X**2))
    (change,) = cr.hvp(loss, (given,), (direction,))
    dw, db = parts_of(kind, change)
    np.testing.assert_allclose(dw, 4 * V + 2 * X * 0.5)
    assert db == pytest.approx(2 * np.sum(X * V))


def test_structures_out(kind):
    def f(x):
        return MAKERS[kind](x**2, x[0] * 3)

    value, pullback = cr.vjp(f, X)
    assert type(value) is type(f(X))
    np.testing.assert_array_equal(parts_of(kind, value)[0], X**2)
    (gradient,) = pullback(MAKERS[kind](V, 2.0))
    np.testing.assert_allclose(gradient, 2 * X * V + [6.0, 0.0, 0.0])
    value, tangent = cr.jvp(f, (X,), (V,))
    assert type(tangent) is type(value)
    dw, db = parts_of(kind, tangent)
    np.testing.assert_allclose(dw, 2 * X * V)
    assert db == pytest.approx(3 * V[0])


def test_second_derivatives_through_structures(kind):
    def loss(x):
        def inner(p):
            w, b = parts_of(kind, p)
            return np.sum(w**3) * b

        dw, db = parts_of(kind, cr.grad(inner)(MAKERS[kind](x, x[0])))
        return np.sum(dw) + db

    def other(x):
        dw, db = jax.grad(lambda w, b: jnp.sum(w**3) * b, argnums=(0, 1))(x, x[0])
        return jnp.sum(dw) + db

    np.testing.assert_allclose(cr.grad(loss)(X), jax.grad(other)(X), rtol=1e-12)


def test_what_is_no_number_has_none():
    given = {"w": X, "name": "dense", "none": None, "flag": True}
    gradient = cr.grad(lambda p: np.sum(p["w"] ** 2))(given)
    assert gradient["name"] is None
    assert gradient["none"] is None
    assert gradient["flag"] is None


def test_what_is_no_number_among_the_outputs():
    def f(x):
        return {"y": x**2, "count": 3, "name": "text", "none": None, "best": np.argmax(x)}

    value, tangent = cr.jvp(f, (X,), (V,))
    assert value["name"] == "text"
    assert value["none"] is None
    np.testing.assert_allclose(tangent["y"], 2 * X * V)
    assert tangent["name"] is None
    assert tangent["none"] is None
    assert not tangent["count"]
    assert not tangent["best"]
    upstream = {"y": V, "count": 0.0, "name": None, "none": None, "best": 0.0}
    np.testing.assert_allclose(cr.vjp(f, X)[1](upstream)[0], 2 * X * V)


# -- arguments -------------------------------------------------------------------------


def affine(x, *, k=2.0, b=0.0):
    return x * k**2 + b


def test_keyword_arguments():
    assert cr.grad(affine)(3.0, k=3.0) == 9.0
    assert cr.grad(affine, "k")(3.0, k=5.0) == 30.0
    assert cr.grad(affine, ("b", "x"))(3.0) == (1.0, 4.0)
    assert cr.value_and_grad(affine, ["k"])(3.0, k=5.0) == (75.0, (30.0,))
    assert cr.hessian(affine, "k")(3.0, k=5.0) == 6.0
    assert cr.jvp(affine, (3.0,), (2.0,), k=3.0) == (27.0, 18.0)
    assert cr.hvp(lambda x, *, k: x**3 * k, (3.0,), (2.0,), k=5.0) == (180.0,)
    assert cr.vjp(affine, 3.0, k=3.0)[1](2.0) == (18.0,)
    np.testing.assert_array_equal(cr.jacobian(affine, "b")(X, b=X), np.eye(3))
    np.testing.assert_array_equal(cr.elementwise_grad(affine, "k")(X, k=X), 2 * X**2)


def test_positions_of_any_kind():
    def f(a, b, *rest, c=1.0):
        return np.sum(a * b) * c + sum(rest)

    assert cr.grad(f, -1)(2.0, 3.0) == 6.0
    assert cr.grad(f, (1, 0))(2.0, 3.0) == (2.0, 3.0)
    assert cr.grad(f, "c")(2.0, 3.0) == 6.0
    assert cr.grad(f, 2)(2.0, 3.0, 4.0) == 1.0
    assert cr.grad(f, "rest")(2.0, 3.0, 4.0, 5.0) == (1.0, 1.0)
    assert cr.grad(lambda *a: a[0] * a[1], (0, 1))(2.0, 3.0) == (3.0, 2.0)


def test_tangents_that_are_none():
    def f(a, b, c):
        return np.sum(a**2 * b) * c

    value, tangent = cr.jvp(f, (X, V, 2.0), (V, None, None))
    assert tangent == pytest.approx(np.sum(4 * X * V * V))
    assert cr.hvp(f, (X, V, 2.0), (None, V, None))[::2] == (None, None)
    np.testing.assert_allclose(cr.hvp(f, (X, V, 2.0), (V, None, None))[0], 4 * V * V)
    assert cr.jvp(f, (X, V, 2.0), (None, None, None)) == (value, 0.0)
    assert cr.hvp(f, (X, V, 2.0), (None, None, None)) == (None, None, None)
    assert cr.jvp(lambda n, x: x**n, (3, 2.0), (None, 1.0)) == (8.0, 12.0)


def test_functions_keep_their_names():
    def loss(x):
        """Of a network."""
        return np.sum(x)

    for derivative in (cr.grad, cr.value_and_grad, cr.jacobian, cr.hessian, cr.elementwise_grad):
        assert derivative(loss).__name__ == "loss"
        assert derivative(loss).__doc__ == "Of a network."


# -- types of numbers ------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.longdouble])
def test_precision_is_kept(dtype):
    x, v = X.astype(dtype), V.astype(dtype)

    def f(x):
        return np.sum(np.sin(x) * x * 2.0)

    found = [
        cr.grad(f)(x),
        *cr.value_and_grad(f)(x),
        *cr.jvp(f, (x,), (v,)),
        *cr.jvp(np.sin, (x,), (v,)),
        cr.hvp(f, (x,), (v,))[0],
        cr.jacobian(np.sin)(x),
        cr.hessian(f)(x),
        cr.elementwise_grad(np.sin)(x),
        cr.vjp(np.sin, x)[1](v)[0],
        cr.grad(lambda x: np.sum(cr.grad(f)(x) ** 2))(x),
    ]
    assert {np.asarray(a).dtype for a in found} == {np.dtype(dtype)}


def test_python_numbers_stay_python_numbers():
    for found in (
        cr.grad(lambda x: x**2)(3.0),
        cr.grad(lambda x: x**2)(3),
        cr.hessian(lambda x: x**2)(3.0),
        cr.jacobian(lambda x: x**2)(3.0),
        cr.elementwise_grad(lambda x: x**2)(3.0),
        cr.vjp(lambda x: x**2, 3.0)[1](1.0)[0],
        cr.hvp(lambda x: x**2, (3.0,), (1.0,))[0],
    ):
        assert type(found) is float


def test_an_upstream_gradient_of_another_type():
    _, pullback = cr.vjp(np.sin, X)
    for upstream in (np.ones(3, int), np.ones(3, np.float32), np.ones((3,), bool)):
        np.testing.assert_allclose(pullback(upstream)[0], np.cos(X))
    (gradient,) = cr.vjp(np.sin, X.astype(np.float32))[1](np.ones(3))
    assert gradient.dtype == np.float32


Z = np.array([1 + 2j, 0.5 - 1j, -0.3 + 0.4j])
DZ = np.array([0.2 - 1j, 1j, 2.0 + 0j])

COMPLEX = {
    "square": lambda np, z: z * z,
    "conj": lambda np, z: np.conj(z) * z**2,
    "abs": lambda np, z: np.abs(z) ** 3,
    "parts": lambda np, z: np.real(z) * np.imag(z) + 1j * np.real(z),
    "exp": lambda np, z: np.exp(1j * z),
    "real": lambda np, z: np.real(np.exp(z)),
}


@pytest.mark.parametrize("f", COMPLEX.values(), ids=COMPLEX)
def test_complex_directions(f):
    assert_same(cr.jvp(mine(f), (Z,), (DZ,)), jax.jvp(theirs(f), (Z,), (DZ,)))


@pytest.mark.parametrize("f", COMPLEX.values(), ids=COMPLEX)
def test_complex_pullbacks(f):
    value, pullback = cr.vjp(mine(f), Z)
    _, other = jax.vjp(theirs(f), jnp.asarray(Z))
    upstream = DZ if np.iscomplexobj(value) else DZ.real
    assert_same(pullback(upstream), other(jnp.asarray(upstream)))


@pytest.mark.parametrize("name", ["exp", "parts", "square"])
def test_complex_functions_of_real_numbers(name):
    f = COMPLEX[name]

    def g(np, x):
        return f(np, x + 0.5j)

    assert_same(cr.jvp(mine(g), (X,), (V,)), jax.jvp(theirs(g), (X,), (V,)))
    assert_same(cr.jacobian(mine(g))(X), jax.jacfwd(theirs(g))(X))
    assert_same(cr.elementwise_grad(mine(g))(X), jnp.diagonal(jax.jacfwd(theirs(g))(X)))


def test_complex_hessians():
    def f(np, z):
        return np.sum(np.abs(z) ** 4 + np.real(z**3))

    (change,) = cr.hvp(mine(f), (Z,), (DZ,))
    h = 1e-6
    numeric = (cr.grad(mine(f))(Z + h * DZ) - cr.grad(mine(f))(Z - h * DZ)) / (2 * h)
    np.testing.assert_allclose(change, numeric, rtol=1e-7)
    assert_same(change, jax.jvp(jax.grad(theirs(f)), (Z,), (DZ,))[1])


def test_a_holomorphic_jacobian():
    np.testing.assert_allclose(cr.jacobian(lambda z: z**3)(Z), np.diag(3 * Z**2))
    np.testing.assert_allclose(cr.elementwise_grad(lambda z: z**3)(Z), 3 * Z**2)


# -- what is refused -------------------------------------------------------------------

REFUSED = {
    "upstream of another shape": lambda: cr.vjp(np.sin, X)[1](np.ones(2)),
    "upstream for a number": lambda: cr.vjp(np.sum, X)[1](np.ones(3)),
    "upstream too short": lambda: cr.vjp(lambda x: (x, x), X)[1]((X,)),
    "upstream too long": lambda: cr.vjp(lambda x: (x, x), X)[1]((X, X, X)),
    "upstream with another key": lambda: cr.vjp(lambda x: {"a": x}, X)[1]({"b": X}),
    "upstream with one key too many": lambda: cr.vjp(lambda x: {"a": x}, X)[1]({"a": X, "b": X}),
    "upstream without structure": lambda: cr.vjp(lambda x: {"a": x}, X)[1](X),
    "upstream with too much structure": lambda: cr.vjp(np.sin, X)[1]({"a": X}),
    "tangent of another shape": lambda: cr.jvp(np.sin, (X,), (np.ones(2),)),
    "tangent for a number": lambda: cr.jvp(np.sin, (2.0,), (np.ones(2),)),
    "tangent without structure": lambda: cr.jvp(lambda p: p["w"], ({"w": X},), (X,)),
    "tangent too long": lambda: cr.jvp(lambda p: p[0], ([X],), ([X, X],)),
    "too many tangents": lambda: cr.jvp(np.sin, (X,), (X, X)),
    "too few tangents": lambda: cr.jvp(np.add, (X, X), (X,)),
    "arguments that are no tuple": lambda: cr.jvp(np.sin, X, X),
    "tangents that are no tuple": lambda: cr.hvp(np.sum, (X,), X),
    "hvp of another shape": lambda: cr.hvp(np.sum, (X,), (np.ones(2),)),
    "hvp of an array": lambda: cr.hvp(np.sin, (X,), (X,)),
    "grad of an array": lambda: cr.grad(np.sin)(X),
    "grad of a structure": lambda: cr.grad(lambda x: (x, x))(1.0),
    "grad of text": lambda: cr.grad(lambda x: "text")(1.0),
    "grad of nothing": lambda: cr.grad(lambda x: None)(1.0),
    "grad of a complex number": lambda: cr.grad(lambda x: x * 1j)(1.0),
    "hessian of an array": lambda: cr.hessian(np.sin)(X),
    "hessian of a structure": lambda: cr.hessian(lambda p: p["w"] ** 2)({"w": 1.0}),
    "jacobian of structures": lambda: cr.jacobian(lambda x: (x, x**2))(X),
    "jacobian by a structure": lambda: cr.jacobian(lambda p: p["w"] * X)({"w": X}),
    "jacobian of text": lambda: cr.jacobian(lambda x: "text")(X),
    "jacobian of no elements": lambda: cr.jacobian(lambda x: x[:0])(X),
    "elementwise of text": lambda: cr.elementwise_grad(lambda x: "text")(X),
    "no arguments": lambda: cr.grad(lambda: 1.0)(),
    "nothing to differentiate": lambda: cr.vjp(lambda: 1.0),
    "text to differentiate": lambda: cr.grad(lambda s: 1.0)("text"),
    "an argument too many": lambda: cr.grad(lambda x: x)(1.0, 2.0),
    "wrt too large": lambda: cr.grad(lambda x: x, 1)(1.0),
    "wrt twice": lambda: cr.grad(lambda x: x, (0, "x"))(1.0),
    "wrt of another name": lambda: cr.grad(lambda x: x, "y")(1.0),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name):
    with pytest.raises(errors.ArgumentError) as caught:
        REFUSED[name]()
    message = str(caught.value)
    assert caught.value.expected or caught.value.instead or caught.value.got
    for internal in ("moved", "along", "upstream[", "directional.py", "expected: some of \n"):
        assert internal not in message


@pytest.mark.parametrize("value", [np.arange(3), np.array([True]), np.array(["a"]), np.int64(3)])
@pytest.mark.parametrize(
    "ask",
    [
        lambda v: cr.grad(np.sum)(v),
        lambda v: cr.vjp(np.sum, v),
        lambda v: cr.jvp(np.sum, (v,), (np.ones(np.shape(v)),)),
        lambda v: cr.hvp(np.sum, (v,), (np.ones(np.shape(v)),)),
        lambda v: cr.jacobian(np.sum)(v),
        lambda v: cr.hessian(np.sum)(v),
        lambda v: cr.elementwise_grad(np.sum)(v),
    ],
)
def test_integers_have_no_gradient(ask, value):
    with pytest.raises(errors.DtypeError):
        ask(value)


# -- nothing is left behind ------------------------------------------------------------


class OwnError(Exception):
    pass


def failing(x):
    y = max(x, 0.0) * 2
    raise OwnError(y)


NESTED = {
    "grad": lambda f: cr.grad(f)(1.0),
    "grad of grad": lambda f: cr.grad(cr.grad(f))(1.0),
    "jvp": lambda f: cr.jvp(f, (1.0,), (1.0,)),
    "hvp": lambda f: cr.hvp(f, (1.0,), (1.0,)),
    "vjp": lambda f: cr.vjp(f, 1.0),
    "jacobian": lambda f: cr.jacobian(f)(1.0),
    "hessian": lambda f: cr.hessian(f)(1.0),
    "grad of jvp": lambda f: cr.grad(lambda x: cr.jvp(f, (x,), (1.0,))[1])(1.0),
    "elementwise": lambda f: cr.elementwise_grad(f)(1.0),
    "explain": lambda f: cr.explain(f, 1.0),
}


@pytest.mark.parametrize("error", [OwnError, KeyboardInterrupt, GeneratorExit])
@pytest.mark.parametrize("name", NESTED)
def test_an_exception_leaves_nothing_behind(name, error):
    def f(x):
        y = max(x, 0.0) * 2
        raise error(str(y.ndim))

    originals = builtins.max, builtins.min
    with pytest.raises(error):
        NESTED[name](f)
    assert (builtins.max, builtins.min) == originals
    assert cr.grad(lambda x: max(x, 0.0) ** 2)(3.0) == 6.0
    assert cr.grad(cr.grad(lambda x: x**3))(2.0) == 12.0


def test_an_exception_caught_inside():
    def f(x):
        try:
            cr.grad(failing)(x)
        except OwnError:
            return max(x, 0.0) * cr.grad(lambda y: y**2)(x)
        raise AssertionError

    assert cr.grad(f)(3.0) == 12.0
    assert cr.grad(cr.grad(f))(3.0) == 4.0


def test_a_generator_left_open():
    def f(x):
        def numbers():
            yield x
            yield x * cr.grad(lambda y: y * x)(2.0)

        first = next(numbers())
        return first * x

    assert cr.grad(f)(3.0) == 6.0


def test_threads_at_once():
    wrong = []
    start = threading.Barrier(6)

    def work(k):
        start.wait()
        for i in range(40):
            x = X + k + i
            got = cr.grad(lambda x: np.sum(cr.grad(lambda y: np.sum(y**3))(x) * max(x[0], k)))(x)
            expected = 6 * x * max(x[0], k)
            expected[0] += np.sum(3 * x**2) * (x[0] > k)
            if not np.allclose(got, expected):
                wrong.append((k, i))
            h = cr.hvp(lambda x: np.sum(x**3), (x,), (V,))[0]
            if not np.allclose(h, 6 * x * V):
                wrong.append((k, i, "hvp"))

    threads = [threading.Thread(target=work, args=(k,)) for k in range(6)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not wrong


def test_a_traced_value_in_another_thread_is_followed_or_refused():
    found = []

    def f(x):
        def other():
            try:
                found.append(cr.grad(lambda y: y * x)(2.0))
            except errors.ChainruleError as error:
                found.append(error)

        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
        return x * x

    assert cr.grad(f)(3.0) == 6.0
    (result,) = found
    assert isinstance(result, errors.ChainruleError) or hasattr(result, "shape")


def test_a_traced_value_kept_too_long():
    kept = []
    cr.jvp(lambda x: kept.append(x) or x * x, (3.0,), (1.0,))
    cr.hvp(lambda x: kept.append(x) or x * x, (3.0,), (1.0,))
    for value in kept:
        with pytest.raises(errors.LeakError):
            value * 2


def test_arguments_are_left_alone():
    x, v = X.copy(), V.copy()

    def f(x):
        x[0] = x[1] * 2
        x *= 2
        return np.sum(x**2)

    for ask in (
        lambda: cr.grad(f)(x),
        lambda: cr.hvp(f, (x,), (v,)),
        lambda: cr.jvp(f, (x,), (v,)),
        lambda: cr.hessian(f)(x),
    ):
        ask()
        np.testing.assert_array_equal(x, X)
        np.testing.assert_array_equal(v, V)


OWN = {
    "grad": lambda x, v: cr.grad(np.sum)(x),
    "elementwise_grad": lambda x, v: cr.elementwise_grad(lambda x: x)(x),
    "jvp": lambda x, v: cr.jvp(lambda x: x, (x,), (v,))[1],
    "hvp": lambda x, v: cr.hvp(lambda x: 0.5 * np.sum(x**2), (x,), (v,))[0],
    "vjp": lambda x, v: cr.vjp(lambda x: x, x)[1](v)[0],
    "vjp of a sum": lambda x, v: cr.vjp(lambda x: x + 1.0, x)[1](v)[0],
    "vjp of a view": lambda x, v: cr.vjp(lambda x: x[:, None].T, x)[1](v[None])[0],
}


@pytest.mark.parametrize(
    "name",
    OWN,
)
def test_results_own_their_memory(name):
    x, v = X.copy(), V.copy()
    found = OWN[name](x, v)
    found[:] = 77.0
    np.testing.assert_array_equal(x, X)
    np.testing.assert_array_equal(v, V)


def test_the_sum_of_weights_has_the_type_of_the_average():
    """NumPy adds up weights of float32 in float64 where the array is of float64."""
    weights = np.array([1.0, 2.0], np.float32)
    a = np.array([[0.5, -1.0]])
    value, gradient = cr.value_and_grad(
        lambda a, w: np.sum(np.average(a, axis=1, weights=w, returned=True)[1]), wrt=1
    )(a, weights)
    assert value.dtype == np.float64
    assert gradient.dtype == np.float32
