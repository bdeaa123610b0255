"""Functions that bring their own derivative, and values that have none."""

import linecache
import math
import subprocess
import sys
import types

import numpy as np
import pytest

import chainrule as cr
from chainrule import errors
from chainrule.evaluate import evaluate
from chainrule.graphing import record
from chainrule.rules import TABLE

X = np.array([0.3, 0.7, 1.1])
W = np.array([1.0, -2.0, 3.0])
SCALE = 3.0


@cr.custom(vjp=lambda g, y, x: g * (1 - y**2), elementwise=True)
def squash(x):
    """Squash."""
    return np.tanh(x)


@cr.custom(vjp=lambda g, y, a, b: (g * b, g * a), text="{0} times {1}", latex=r"{0} \star {1}")
def times(a, b):
    return a * b


@cr.custom(vjp=lambda g, y, x, *, n=2: g * n * x ** (n - 1))
def raised(x, *, n=2):
    return x**n


@cr.custom(vjp=lambda g, y, a, *, w: g * w)
def weighed(a, *, w):
    return a * w


@cr.custom(vjp=lambda g, y, x: g * SCALE)
def scaled(x):
    return SCALE * x


def runs_alone(code, tmp_path, names=()):
    """What emitted code prints in a fresh interpreter."""
    file = tmp_path / "emitted.py"
    file.write_text(code, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-I", str(file)], capture_output=True, text=True, check=True
    )
    for name in names:
        assert f"{name} = " in done.stdout
    return done.stdout


def emitted(f, *args):
    """Results of the code for a function, which is run by itself."""
    names = {"__name__": "emitted"}
    exec(cr.explain(f, *args).code("numpy"), names)
    *_, last = (v for v in names.values() if isinstance(v, types.FunctionType))
    return last(*args)


# -- derivatives -----------------------------------------------------------------------


def test_the_derivative_is_the_users():
    np.testing.assert_allclose(cr.grad(lambda x: np.sum(squash(x)))(X), 1 - np.tanh(X) ** 2)
    wrong = cr.custom(lambda x: x * 2, vjp=lambda g, y, x: g * 100.0)
    assert cr.grad(wrong)(1.0) == 100.0


def test_on_plain_values_it_is_the_function_itself():
    np.testing.assert_array_equal(squash(X), np.tanh(X))
    assert squash(0.5) == np.tanh(0.5)
    np.testing.assert_array_equal(squash([0.1, 0.2]), np.tanh([0.1, 0.2]))
    assert squash.__name__ == "squash"
    assert squash.__doc__ == "Squash."
    assert raised(3.0, n=3) == 27.0


@pytest.mark.parametrize("order", [1, 2, 3])
def test_higher_orders_come_from_the_vjp(order):
    mine, other = squash, np.tanh
    for _ in range(order):
        mine, other = cr.grad(mine), cr.grad(other)
    assert mine(0.3) == pytest.approx(other(0.3), rel=1e-12)


def test_other_transforms():
    def f(x):
        return np.sum(squash(x) * x[::-1])

    def g(x):
        return np.sum(np.tanh(x) * x[::-1])

    v = np.array([1.0, -1.0, 0.5])
    np.testing.assert_allclose(cr.hessian(f)(X), cr.hessian(g)(X))
    np.testing.assert_allclose(cr.hvp(f, (X,), (v,))[0], cr.hvp(g, (X,), (v,))[0])
    np.testing.assert_allclose(cr.jvp(squash, (X,), (v,))[1], (1 - np.tanh(X) ** 2) * v)
    np.testing.assert_allclose(cr.jacobian(squash)(X), np.diag(1 - np.tanh(X) ** 2))
    np.testing.assert_allclose(cr.elementwise_grad(squash)(X), 1 - np.tanh(X) ** 2)
    value, pullback = cr.vjp(times, X, W)
    np.testing.assert_array_equal(value, X * W)
    for gradient, expected in zip(pullback(v), (v * W, v * X), strict=True):
        np.testing.assert_array_equal(gradient, expected)


def test_float32_is_kept():
    value, gradient = cr.value_and_grad(lambda x: np.sum(squash(x)))(X.astype(np.float32))
    assert value.dtype == gradient.dtype == np.float32


def test_several_operands_and_scalars():
    mul = cr.custom(lambda a, b: a * b, vjp=lambda g, y, a, b: (g * b, np.sum(g * a)))
    da, db = cr.grad(lambda a, b: np.sum(mul(a, b) * W), wrt=(0, 1))(X, 2.0)
    np.testing.assert_allclose(da, 2 * W)
    assert db == pytest.approx(np.sum(X * W))
    assert isinstance(db, float)
    assert cr.hessian(lambda b: np.sum(mul(X, b) ** 2))(2.0) == pytest.approx(2 * np.sum(X**2))


def test_none_is_no_gradient():
    gated = cr.custom(lambda a, b: a * b, vjp=lambda g, y, a, b: (g * b, None))
    da, db = cr.grad(lambda a, b: np.sum(gated(a, b)), wrt=(0, 1))(X, W)
    np.testing.assert_array_equal(da, W)
    np.testing.assert_array_equal(db, 0 * X)
    s = cr.explain(lambda a, b: np.sum(gated(a, b)), X, W)
    np.testing.assert_array_equal(s.grads["b"], 0 * X)
    alone = cr.custom(lambda a: a * 2, vjp=lambda g, y, a: None)
    np.testing.assert_array_equal(cr.grad(lambda a: np.sum(alone(a)))(X), 0 * X)
    assert "da = [0, 0, 0]" in cr.explain(lambda a: np.sum(alone(a)), X).text()


def test_only_some_operands_are_traced():
    np.testing.assert_array_equal(cr.grad(lambda b: np.sum(times(X, b)))(W), X)
    np.testing.assert_array_equal(cr.grad(lambda a: np.sum(times(a, W)))(X), W)


@pytest.mark.parametrize("given", [{"n": 3}, {"n": 2}, {}])
def test_keywords(given):
    n = given.get("n", 2)
    np.testing.assert_allclose(cr.grad(lambda a: np.sum(raised(a, **given)))(X), n * X ** (n - 1))
    np.testing.assert_allclose(
        cr.hessian(lambda a: np.sum(raised(a, **given)))(X), np.diag(n * (n - 1) * X ** (n - 2))
    )


def test_an_array_as_a_keyword():
    def f(a):
        return np.sum(weighed(a, w=np.array([1.0, -2.0, 3.0])))

    np.testing.assert_array_equal(cr.grad(f)(X), W)
    value, da = emitted(f, X)
    assert value == pytest.approx(np.sum(X * W))
    np.testing.assert_array_equal(da, W)


def test_positions_left_to_their_defaults():
    f = cr.custom(lambda a, n=2: a**n, vjp=lambda g, y, a, n=2: g * n * a ** (n - 1))
    np.testing.assert_allclose(cr.grad(lambda a: np.sum(f(a)))(X), 2 * X)


def test_a_list_of_traced_numbers():
    gradient = cr.grad(lambda a: np.sum(squash([a[0], a[1]])))(X)
    np.testing.assert_allclose(gradient, [*(1 - np.tanh(X[:2]) ** 2), 0.0])


def test_a_method():
    class Layer:
        slope = 3.0

        def __init__(self):
            self.apply = cr.custom(lambda x: self.slope * x, vjp=lambda g, y, x: g * self.slope)

    assert cr.grad(lambda x: Layer().apply(x))(2.0) == 3.0


@pytest.mark.parametrize(
    ("forward", "derivative"),
    [
        (math.sin, np.cos),
        (lambda x: math.erf(x), lambda x: 2 / np.sqrt(np.pi) * np.exp(-(x**2))),
        (lambda x: float(str(x)) ** 2, lambda x: 2 * x),
        (lambda x: math.fsum([x] * 5), lambda x: 5.0),
    ],
    ids=["sin", "erf", "text", "fsum"],
)
def test_a_forward_pass_that_numpy_cannot_trace(forward, derivative):
    f = cr.custom(forward, vjp=lambda g, y, x: g * derivative(x))
    assert cr.grad(lambda x: f(x) * 2)(0.7) == pytest.approx(2 * derivative(0.7))
    assert cr.explain(lambda x: f(x) * x, 0.7).grads["x"] == pytest.approx(
        forward(0.7) + 0.7 * derivative(0.7)
    )
    assert cr.grad(cr.grad(lambda x: f(x) * x))(0.7) == pytest.approx(
        2 * derivative(0.7) + 0.7 * float(cr.grad(lambda x: derivative(x) + 0 * x)(0.7))
    )


def test_a_vjp_that_cannot_be_traced_serves_the_first_order():
    f = cr.custom(math.exp, vjp=lambda g, y, x: g * math.exp(x))
    assert cr.grad(f)(1.0) == pytest.approx(math.e)
    for ask in (lambda: cr.explain(lambda x: f(x), 1.0), lambda: cr.grad(cr.grad(f))(1.0)):
        with pytest.raises(errors.ConversionError, match="math") as caught:
            ask()
        assert caught.value.where.file == __file__


def test_loops_over_elements():
    def running_maximum(x):
        out = [x[0]]
        for v in x[1:]:
            out.append(v if v > out[-1] else out[-1])
        return np.array(out)

    def vjp(g, y, x):
        first = np.argmax(y[:, None] == x[None, :], axis=1)
        return np.bincount(first, g, minlength=len(x))

    f = cr.custom(running_maximum, vjp=vjp)
    x = np.array([1.0, 3.0, 2.0, 4.0])
    np.testing.assert_array_equal(cr.grad(lambda x: np.sum(f(x)))(x), [1.0, 2.0, 0.0, 1.0])
    np.testing.assert_array_equal(cr.explain(lambda x: np.sum(f(x)), x).grads["x"], [1, 2, 0, 1])


# -- abstract tracing ------------------------------------------------------------------


def test_shapes_alone():
    def f(x, w):
        return np.sum(times(squash(x), w))

    recording = record(f, (X, W), {}, values=False)
    graph = recording.graph.validate()
    assert graph.output.shape == ()
    inputs = {n.name: v for n, v in zip(graph.inputs, (X, W), strict=True)}
    assert evaluate(graph, inputs)[0] == pytest.approx(np.sum(np.tanh(X) * W))
    shapes = record(lambda x: squash(x[None]), (X.astype(np.float32),), {}, values=False)
    assert shapes.graph.output.shape == (1, 3)
    assert shapes.graph.output.abstract.dtype == np.float32


# -- explanations ----------------------------------------------------------------------


def product(a, b):
    y = times(a + b, a)
    return np.sum(y)


def test_formulas_are_the_users():
    s = cr.explain(product, X, W)
    assert "y = t1 times a" in s.text()
    assert r"t_{1} \star a" in s.latex()
    assert r"\star" in s.markdown()
    assert "times(" in s.code("numpy")
    assert s.json()
    assert s.grads["a"] == pytest.approx(cr.grad(product)(X, W))


def test_without_formulas_it_is_called_by_name():
    s = cr.explain(lambda x: np.sum(squash(x)), X)
    assert "squash(x)" in s.text()
    assert r"\operatorname{squash}" in s.latex()
    assert "Squash brings its own derivative." in s.text()
    assert "1 - t1^2" in s.text()  # elementwise: the local derivative by itself


def test_the_reason_is_the_users():
    f = cr.custom(lambda x: x * 2, vjp=lambda g, y, x: g * 2, reason="twice as fast")
    assert "Twice as fast." in cr.explain(lambda x: f(x), 3.0).text()


def test_why_goes_through():
    s = cr.explain(lambda x, w: np.sum(squash(x) * w), X, W)
    assert s.why("x[0]").gradient == pytest.approx(1 - np.tanh(0.3) ** 2)


def test_code_runs_alone(tmp_path):
    def f(x, w):
        h = squash(x)
        return np.sum(times(h, w) + raised(x, n=3))

    code = cr.explain(f, X, W).code("numpy")
    assert "def squash(x):" in code
    assert "chainrule" not in code
    assert "@" not in code
    out = runs_alone(code, tmp_path, ["output", "dx", "dw"])
    assert f"{np.sum(np.tanh(X) * W + X**3):.6f}"[:7] in out


PAGES = ["text", "markdown", "latex", "json"]


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize(
    "f",
    [lambda x: np.sum(scaled(x)), lambda x: np.sum(cr.custom(abs, vjp=lambda g, y, x: g)(x))],
    ids=["reads a global", "built-in"],
)
def test_pages_without_code_where_it_cannot_stand_alone(f, page):
    assert getattr(cr.explain(f, X), page)()


@pytest.mark.parametrize(
    ("f", "word"),
    [
        (lambda x: np.sum(scaled(x)), "SCALE"),
        (lambda x: np.sum(cr.custom(lambda x: x * 2, vjp=lambda g, y, x: g * 2)(x)), ""),
        (lambda x: np.sum(cr.custom(np.linalg.inv, vjp=lambda g, y, x: g)(x)), ""),
        (lambda x: cr.custom(math.floor, vjp=lambda g, y, x: g)(x[0, 0]) * 1.0, ""),
    ],
    ids=["a global", "a lambda", "a function of a library", "a built-in"],
)
def test_code_that_cannot_stand_alone_is_refused(f, word):
    with pytest.raises(errors.EmitError) as caught:
        cr.explain(f, np.eye(2)).code("numpy")
    assert word in str(caught.value)
    assert "def" in caught.value.instead


# -- names that collide ----------------------------------------------------------------


def named(name, factor=2.0):
    """Return a custom function of some name, with source of its own."""
    source = f"def {name}(x):\n    return x * {factor!r}\n"
    scope = {}
    file = f"<{name} {factor}>"
    linecache.cache[file] = (len(source), None, source.splitlines(True), file)
    exec(compile(source, file, "exec"), scope)
    return cr.custom(scope[name], vjp=lambda g, y, x: g * factor)


#: Names that the program has for something else: refused, if only in code.
CLASHING = ("np", "x", "f")


@pytest.mark.parametrize(
    "name",
    [
        *(n for n in TABLE if n.isidentifier()),
        "np",
        "dx",
        "t1",
        "output",
        "x",
        "sum",
        "f",
        "results",
        "f_",
    ],
)
def test_any_name_will_do(name):
    custom = named(name)

    def f(x):
        y = custom(x)
        return np.sum(np.exp(y) * x)

    gradient = np.exp(2 * X) * (1 + 2 * X)
    np.testing.assert_allclose(cr.grad(f)(X), gradient)
    s = cr.explain(f, X)
    np.testing.assert_allclose(s.grads["x"], gradient)
    assert s.text()
    try:
        value, dx = emitted(f, X)
    except errors.EmitError as error:
        if name not in CLASHING or name not in error.what:
            raise
        return
    assert value == pytest.approx(np.sum(np.exp(2 * X) * X))
    np.testing.assert_allclose(dx, gradient)


def test_two_functions_of_one_name():
    first, second = named("twice", 2.0), named("twice", 5.0)

    def f(x):
        return np.sum(first(x) * second(x))

    np.testing.assert_allclose(cr.explain(f, X).grads["x"], 20 * X)
    with pytest.raises(errors.EmitError, match="twice"):
        emitted(f, X)


def test_the_custom_function_by_itself():
    assert cr.explain(squash, 0.3).grads["x"] == pytest.approx(1 - np.tanh(0.3) ** 2)
    value, dx = emitted(squash, 0.3)
    assert value == np.tanh(0.3)
    assert dx == pytest.approx(1 - np.tanh(0.3) ** 2)


def test_a_variable_of_its_name():
    module = types.SimpleNamespace(squash=squash)

    def argument(squash):
        y = module.squash(squash)
        return y * squash

    def variable(x):
        squash = module.squash(x)
        return squash * x

    value, d = emitted(variable, 0.3)
    assert value == pytest.approx(0.3 * np.tanh(0.3))
    assert d == pytest.approx(np.tanh(0.3) + 0.3 * (1 - np.tanh(0.3) ** 2))
    with pytest.raises(errors.EmitError, match="squash"):
        emitted(argument, 0.3)


# -- what is refused -------------------------------------------------------------------


WRONG = {
    "too few": (lambda g, y, a, b: g * b, "2 gradients"),
    "too many": (lambda g, y, a, b: (g, g, g), "2 gradients"),
    "a number for an array": (lambda g, y, a, b: (g * b, np.sum(g * a)), "shape ()"),
    "too many axes": (lambda g, y, a, b: ((g * b)[None], g * a), "shape (1, 3)"),
}


@pytest.mark.parametrize("ask", ["grad", "explain"])
@pytest.mark.parametrize("name", WRONG)
def test_gradients_that_do_not_fit(name, ask):
    vjp, word = WRONG[name]
    f = cr.custom(lambda a, b: a * b, vjp=vjp)

    def total(a, b):
        return np.sum(f(a, b))

    with pytest.raises(errors.ArgumentError) as caught:
        cr.grad(total, wrt=(0, 1))(X, W) if ask == "grad" else cr.explain(total, X, W)
    assert word in str(caught.value)
    assert caught.value.where.file == __file__
    assert caught.value.where.line == vjp.__code__.co_firstlineno
    assert caught.value.instead


def test_a_traced_keyword_is_no_leak():
    def f(a, n):
        return np.sum(raised(a, n=n))

    np.testing.assert_allclose(cr.grad(f)(X, 3), 3 * X**2)
    with pytest.raises(errors.ArgumentError, match="keyword"):
        cr.grad(f, wrt=(0, 1))(X, 3.0)


def test_an_array_for_a_number_does_not_fit():
    f = cr.custom(lambda a, b: a * b, vjp=lambda g, y, a, b: (g * b, g * a))
    with pytest.raises(errors.ArgumentError, match=r"np.sum") as caught:
        cr.grad(lambda b: np.sum(f(X, b)))(2.0)
    assert "shape (3,)" in caught.value.got


def test_a_count_handed_on_as_a_keyword_is_explained():
    def f(a, n):
        return np.sum(raised(a, n=n))

    np.testing.assert_allclose(cr.explain(f, X, 3, wrt="a").grads["a"], 3 * X**2)


class OwnError(Exception):
    pass


def failing(*args):
    raise OwnError


@pytest.mark.parametrize(
    "f",
    [cr.custom(failing, vjp=lambda g, y, x: g), cr.custom(lambda x: x * 1.0, vjp=failing)],
    ids=["forward", "vjp"],
)
def test_the_users_exceptions_pass(f):
    for ask in (cr.grad(lambda x: f(x)), lambda x: cr.explain(lambda x: f(x), x)):
        with pytest.raises(OwnError):
            ask(1.0)
    assert cr.grad(lambda x: max(x, 0.0) ** 2)(3.0) == 6.0


def test_a_nan_from_the_vjp_is_named():
    f = cr.custom(lambda x: x * 1.0, vjp=lambda g, y, x: g * np.nan)
    with pytest.raises(errors.NonFiniteError, match="derivative"):
        cr.grad(lambda x: f(x))(1.0)


@pytest.mark.parametrize("out", [(1.0, 2.0), "text", {"a": 1.0}, object()])
def test_a_forward_pass_that_returns_no_array(out):
    f = cr.custom(lambda x: out, vjp=lambda g, y, x: g)
    for ask in (lambda: cr.grad(lambda x: f(x))(1.0), lambda: cr.explain(lambda x: f(x), 1.0)):
        with pytest.raises((errors.ChainruleError, TypeError)):
            ask()


def test_vjp_has_to_be_given():
    with pytest.raises(TypeError, match="vjp"):
        cr.custom(lambda x: x)


# -- constants -------------------------------------------------------------------------


def test_no_gradient_passes_through_a_constant():
    assert cr.grad(lambda x: x * cr.constant(x))(3.0) == 3.0
    assert cr.grad(lambda x: cr.constant(x) ** 2)(3.0) == 0.0
    np.testing.assert_array_equal(cr.grad(lambda x: np.sum(x * cr.constant(x * 2)))(X), 2 * X)


def test_a_constant_of_plain_values_is_themselves():
    given = {"a": X, "b": [1.0, "text", None], "c": np.arange(3)}
    found = cr.constant(given)
    np.testing.assert_array_equal(found["a"], X)
    assert found["b"] == [1.0, "text", None]
    assert found["c"].dtype.kind == "i"
    assert cr.constant(3.0) == 3.0


def test_a_constant_of_a_structure():
    def f(p):
        fixed = cr.constant(p)
        return np.sum(p["w"] * fixed["w"]) + p["b"][0] * fixed["b"][0]

    gradient = cr.grad(f)({"w": X, "b": [2.0]})
    np.testing.assert_array_equal(gradient["w"], X)
    assert gradient["b"] == [2.0]


def test_constants_in_nested_gradients():
    assert cr.grad(cr.grad(lambda x: x**2 * cr.constant(x**2)))(3.0) == 18.0
    inner_is_fixed = cr.grad(lambda x: cr.grad(lambda y: cr.constant(y) * y)(x))
    assert inner_is_fixed(3.0) == 0.0  # fixed is fixed at every level
    assert cr.grad(lambda x: cr.grad(lambda y: cr.constant(x) * y)(1.0) * x)(3.0) == 3.0
    np.testing.assert_array_equal(
        cr.hessian(lambda x: np.sum(x * cr.constant(x)))(X), np.zeros((3, 3))
    )


def test_a_constant_explained(tmp_path):
    def f(x):
        target = cr.constant(x)
        return np.sum((x - target) ** 2 + x * target)

    s = cr.explain(f, X)
    np.testing.assert_allclose(s.grads["x"], X)
    assert "target = constant(x)" in s.text()
    assert s.latex()
    assert s.markdown()
    runs_alone(s.code("numpy"), tmp_path, ["output", "dx"])


def test_a_constant_where_shapes_alone_are_known():
    graph = record(lambda x: np.sum(x * cr.constant(x)), (X,), {}, values=False).graph.validate()
    assert evaluate(graph, {"x": X})[0] == pytest.approx(np.sum(X**2))
