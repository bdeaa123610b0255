"""A sigmoid, however it is written by hand, has the derivative p (1 - p); with labels, p - y."""

import numpy as np
import pytest

import chainrule as cr
from chainrule.cli import main
from chainrule.nn import functional
from chainrule.picture.scenes import scene

R = np.random.default_rng(0)
Z = R.normal(size=(4, 3))
Y = (R.normal(size=(4, 3)) > 0).astype(float)


def divided(z):
    return 1 / (1 + np.exp(-z))


def turned(z):
    return 1.0 / (np.exp(-1 * z) + 1)


def power(z):
    return (1 + np.exp(-z)) ** -1


def reciprocal(z):
    return np.reciprocal(1 + np.exp(-z))


def both(z):
    return np.exp(z) / (1 + np.exp(z))


SIGMOIDS = [divided, turned, power, reciprocal, both, functional.sigmoid]


def sure(f, *args):
    """Explain a function of z; what is shown is what the code gives as it is written."""
    s = cr.explain(f, *args, wrt="z")
    np.testing.assert_allclose(s.grads["z"], cr.grad(f)(*args), rtol=1e-9, atol=1e-15)
    return s


@pytest.mark.parametrize("sigmoid", SIGMOIDS)
def test_the_derivative_of_a_sigmoid(sigmoid):
    def f(z):
        p = sigmoid(z)
        return np.sum(p * Y)

    s = sure(f, Z)
    assert "through  p = sigmoid(z)" in s.text()
    assert "∂p/∂z = p · (1 - p) =" in s.text()
    assert "dz = Y * (p * (1 - p))" in s.code()


@pytest.mark.parametrize(
    "f",
    [
        lambda z: np.sum(2 / (1 + np.exp(-z))),
        lambda z: np.sum(1 / (2 + np.exp(-z))),
        lambda z: np.sum(1 / (1 - np.exp(-z))),
        lambda z: np.sum(1 / (1 + np.exp(z) + z)),
        lambda z: np.sum(1 / (1 + np.exp(np.minimum(-z, 2)))),
        lambda z: np.sum(np.exp(z) / (1 + np.exp(2 * z))),
        lambda z: np.sum((1 + np.exp(-z)) ** -2),
    ],
)
def test_what_is_no_sigmoid(f):
    assert "sigmoid(" not in sure(f, Z).text()


def likely(z, y):
    p = divided(z)
    return -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))


def each_with_its_sign(z, y):
    p = divided(z)
    return np.mean(-y * np.log(p) - (1 - y) * np.log(1 - p))


def negative_of_products(z, y):
    p = power(z)
    return np.mean(-(np.log(1 - p) * (1 - y)) - y * np.log(p))


def clipped(z, y):
    p = np.clip(divided(z), 1e-7, 1 - 1e-7)
    return -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))


@pytest.mark.parametrize("f", [likely, each_with_its_sign, negative_of_products, clipped])
def test_labels(f):
    s = sure(f, Z, Y)
    assert "= log_likelihood(y, z)" in s.text()
    name = "p" if f is not clipped else "t"
    assert f"∂z = y - {name}" in s.text()
    code = s.code()
    assert f"dz = ({'p' if f is not clipped else 't1'} - y) / " in code
    assert ("as long as clip changes none" in code) == (f is clipped)
    namespace = {}
    exec(code.split("if __name__")[0], namespace)
    np.testing.assert_allclose(namespace[f.__name__](Z, Y)[1], s.grads["z"], rtol=1e-12)


def test_labels_that_are_no_arguments():
    def f(z):
        p = divided(z)
        return -np.sum(Y * np.log(p) + (1 - Y) * np.log(1 - p))

    assert "dz = p - Y" in sure(f, Z).code()


@pytest.mark.parametrize(
    "f",
    [
        lambda z, y: np.sum(y * np.log(divided(z)) - (1 - y) * np.log(1 - divided(z))),
        lambda z, y: np.sum(y * np.log(divided(z)) + (2 - y) * np.log(1 - divided(z))),
        lambda z, y: np.sum(y * np.log(divided(z)) + (1 - y) * np.log(2 - divided(z))),
        lambda z, y: np.sum(y * np.log(divided(z)) + (1 - y) * np.log(1 - divided(2 * z))),
        lambda z, y: np.sum((1 - y) * np.log(divided(z)) + (1 - y) * np.log(1 - divided(z))),
    ],
)
def test_what_is_no_likelihood(f):
    assert "log_likelihood" not in sure(f, Z, Y).text()


def test_gradient_by_labels():
    p, s = divided(Z), cr.explain(likely, Z, Y)
    np.testing.assert_allclose(s.grads["y"], -Z / Z.size)
    np.testing.assert_allclose(s.grads["y"], (np.log(1 - p) - np.log(p)) / Z.size)


def test_where_one_less_p_would_lose_its_digits_the_lines_stay_as_they_are():
    """p is 1 to the last digit at 40, and its derivative is exp(-40) all the same."""
    s = sure(lambda z: np.sum(divided(z)), np.array([0.5, 40.0]))
    assert s.grads["z"][1] == pytest.approx(np.exp(-40), rel=1e-12)
    assert "sigmoid(" not in s.text()


def test_single_precision():
    s = cr.explain(likely, Z.astype(np.float32), Y.astype(np.float32), wrt="z")
    assert s.grads["z"].dtype == np.float32
    assert "y - p" in s.text()


def test_compiled_training_has_the_same_shortcut():
    def loss(w, x, y):
        p = divided(x @ w)
        return -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))

    x, w = R.normal(size=(8, 3)), R.normal(size=3)
    y = (x @ w > 0).astype(float)
    step = cr.compile(cr.value_and_grad(loss), executor="numpy")
    value, gradient = step(w, x, y)
    assert value == pytest.approx(loss(w, x, y))
    np.testing.assert_allclose(gradient, x.T @ (divided(x @ w) - y) / 8)
    assert "np.log" in step.code()  # the value comes by the lines themselves
    assert step.code().count("np.divide") == 2  # of the sigmoid, and by the number of samples


def test_second_derivatives():
    hessian = cr.hessian(lambda z: np.sum(likely(z, Y[0])))(Z[0])
    p = divided(Z[0])
    np.testing.assert_allclose(hessian, np.diag(p * (1 - p)) / 3, atol=1e-15)


def test_a_formula_says_sigmoid_in_one_step(capsys):
    assert (
        main(["explain", "y = sigmoid(w*x + b)", "--at", "w=2", "--at", "x=3", "--at", "b=1"]) == 0
    )
    out = capsys.readouterr().out
    assert "y = sigmoid(t2) = sigmoid(7) = 0.999089" in out
    assert "∂y/∂t2 = y · (1 - y) = 0.999089 · (1 - 0.999089)" in out
    assert "exp" not in out


def test_a_picture_has_one_box_of_a_sigmoid():
    def neuron(w, x, b):
        z = w * x + b
        p = divided(z)
        return (p - 1) ** 2

    boxes = scene(cr.explain(neuron, 2.0, 3.0, 1.0)._explanation, "tensors").boxes
    (box,) = [b for b in boxes if b.title == "sigmoid(·)"]
    assert box.name == "p"
    assert not box.aside
    assert [b.title for b in boxes if b.aside] == ["−·", "exp(·)", "1 + ·"]


def test_its_numbers_have_one_box_each():
    s = cr.explain(lambda z: np.sum(divided(z)), Z[0])
    boxes = scene(s._explanation, "scalars").boxes
    assert [b.title for b in boxes].count("sigmoid(·)") == 3
    assert "1 / ·" not in [b.title for b in boxes]
