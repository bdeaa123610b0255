"""``cr.check``: every form of a hand-written pass, what is found in it, and how it is told."""

import inspect
import json
import re

import numpy as np
import pytest
from passes.stacks import Dense, ReLU, SoftmaxAndLoss

import chainrule as cr
from chainrule.checking.mistakes import MISTAKES
from chainrule.checking.naming import gradient_of
from chainrule.checking.script import examine_script, examine_source
from chainrule.errors import ArgumentError

RNG = np.random.default_rng(3)
X, W, B = RNG.normal(size=(4, 3)), RNG.normal(size=(3, 2)), RNG.normal(size=2)
Y = np.array([0, 1, 1, 0])


def here(function, text):
    """The number of the line of a function that has a text in it."""
    lines, start = inspect.getsourcelines(function)
    return start + next(i for i, line in enumerate(lines) if text in line)


# -- two functions ---------------------------------------------------------------------------


def dense(x, w, b):
    z = x @ w + b
    a = np.tanh(z)
    return a


def dense_right(da, x, w, b):
    a = np.tanh(x @ w + b)
    dz = da * (1 - a**2)
    dw = x.T @ dz
    db = dz.sum(axis=0)
    dx = dz @ w.T
    return dx, dw, db


def dense_wrong(da, x, w, b):
    z = x @ w + b
    dz = da * (1 - z**2)
    dw = x.T @ dz
    db = dz.sum(axis=0)
    dx = dz @ w.T
    return dx, dw, db


def dense_two_mistakes(da, x, w, b):
    a = np.tanh(x @ w + b)
    dz = da * (1 - a**2)
    dw = x.T @ dz / 4
    db = dz.sum(axis=1)
    dx = dz @ w.T
    return dx, dw, db


def test_a_right_pair_of_functions():
    report = cr.check(dense, dense_right, X, W, B)
    assert report.ok
    assert report.first_wrong is None
    assert [f.name for f in report.findings] == ["dw", "db", "dx"]
    assert {f.verdict for f in report.findings} == {"right"}
    assert report.method == "traced derivative"


def test_the_first_wrong_line_the_mistake_and_the_repair():
    report = cr.check(dense, dense_wrong, X, W, B)
    assert not report.ok
    first = report.first_wrong
    assert (first.name, first.of) == ("dz", "z")
    assert first.where.line == here(dense_wrong, "dz =")
    assert first.line == "dz = da * (1 - z**2)"
    assert first.mistake == "derivative-at-input"
    assert first.repair.after == "dz = da * (1 - np.tanh(z) ** 2)" or "a" in first.repair.after


def test_later_gradients_that_carry_the_error_are_marked():
    report = cr.check(dense, dense_wrong, X, W, B)
    verdicts = {f.name: f.verdict for f in report.findings}
    assert verdicts == {"dz": "wrong", "dw": "carried", "db": "carried", "dx": "carried"}


def test_two_mistakes_are_two_findings():
    report = cr.check(dense, dense_two_mistakes, X, W, B)
    verdicts = {f.name: f.verdict for f in report.findings}
    assert verdicts == {"dz": "right", "dw": "wrong", "db": "wrong", "dx": "right"}
    assert report.first_wrong.mistake == "scale"


def test_an_upstream_of_another_shape_is_refused():
    with pytest.raises(ArgumentError, match="shape of the output"):
        cr.check(dense, dense_right, X, W, B, upstream=np.ones(2))


def scalar_loss(w, x, y):
    p = x @ w
    loss = np.mean((p - y) ** 2)
    return loss


def test_a_loss_needs_no_upstream():
    y = RNG.normal(size=4)

    def backward(w, x, y):
        return 2 * x.T @ (x @ w - y) / len(y)

    def without_n(w, x, y):
        return 2 * x.T @ (x @ w - y)

    assert cr.check(scalar_loss, backward, RNG.normal(size=3), X, y).ok
    report = cr.check(scalar_loss, without_n, RNG.normal(size=3), X, y)
    assert report.first_wrong.mistake == "scale"
    assert (
        "len(y)" in report.first_wrong.repair.after or ".shape" in report.first_wrong.repair.after
    )


def test_ones_hide_what_another_upstream_shows():
    """Given ones, a pass that ignores them looks right; it is tested with others as well."""

    def backward(da, x, w, b):
        dz = 1 - np.tanh(x @ w + b) ** 2
        return dz @ w.T, x.T @ dz, dz.sum(axis=0)

    report = cr.check(dense, backward, X, W, B, upstream=np.ones((4, 2)))
    assert report.first_wrong.mistake == "upstream-ignored"


def test_the_kinds_of_returns():
    def named(da, x, w, b):
        dx, dw, db = dense_right(da, x, w, b)
        return {"dw": dw, "db": db, "dx": dx}

    def plain(da, x, w, b):
        dx, dw, db = dense_right(da, x, w, b)
        return {"w": dw, "b": db, "x": dx}

    def in_another_order(da, x, w, b):
        dx, dw, db = dense_right(da, x, w, b)
        return dw, db, dx

    def some(da, x, w, b):
        _, dw, db = dense_right(da, x, w, b)
        return dw, db

    for backward in (named, plain, in_another_order, some):
        report = cr.check(dense, backward, X, W, B)
        assert report.ok, report
        assert {f.of for f in report.findings} >= {"w", "b"}


def test_nested_parameters():
    def forward(params, x):
        return x @ params["W"] + params["b"]

    def backward(dout, params, x):
        return {"W": x.T @ dout, "b": dout.sum(axis=0)}

    def wrong(dout, params, x):
        grads = {}
        grads["W"] = x.T @ dout
        grads["b"] = dout.mean(axis=0)
        return grads

    params = {"W": W, "b": B}
    assert cr.check(forward, backward, params, X).ok
    first = cr.check(forward, wrong, params, X).first_wrong
    assert first.mistake == "sum-for-mean"
    assert first.where.line == here(wrong, 'grads["b"]')


# -- objects and stacks ----------------------------------------------------------------------


class RightLoss:
    """Cross-entropy that clips, and passes nothing back where it clipped."""

    def forward(self, y_pred, y_true):
        self.clipped = np.clip(y_pred, 1e-7, 1 - 1e-7)
        return -np.log(self.clipped[range(len(y_true)), y_true])

    def backward(self, dvalues, y_true):
        one_hot = np.eye(dvalues.shape[1])[y_true]
        inside = (dvalues > 1e-7) & (dvalues < 1 - 1e-7)
        self.dinputs = -one_hot / self.clipped * inside / len(y_true)


class ForgetfulLoss(RightLoss):
    def backward(self, dvalues, y_true):
        one_hot = np.eye(dvalues.shape[1])[y_true]
        self.dinputs = -one_hot / dvalues
        self.dinputs = self.dinputs / len(y_true)


def test_layers_activations_and_losses():
    p = np.array([[0.3, 0.7], [0.6, 0.4], [0.5, 0.5], [0.9, 0.1]])
    for report in (
        cr.check(Dense(RNG, 3, 2), X),
        cr.check(ReLU(), X),
        cr.check(SoftmaxAndLoss(), X[:, :2], y_true=Y),
        cr.check(RightLoss(), p, y_true=Y),
    ):
        assert report.ok, report
        assert report.findings


def test_a_clip_whose_zero_gradient_is_forgotten():
    sure = np.array([[1e-9, 1 - 1e-9], [0.4, 0.6], [0.7, 0.3], [0.2, 0.8]])
    assert cr.check(RightLoss(), sure, y_true=Y).ok
    first = cr.check(ForgetfulLoss(), sure, y_true=Y).first_wrong
    assert first.mistake == "clip-forgotten"
    assert first.where.line == here(ForgetfulLoss.backward, "-one_hot / dvalues")


def test_a_stack_is_checked_link_by_link():
    layers = [Dense(RNG, 3, 5), ReLU(), Dense(RNG, 5, 2), SoftmaxAndLoss()]
    assert cr.check(layers, X, y_true=Y).ok

    class Wrong(ReLU):
        def backward(self, dvalues):
            self.dinputs = dvalues * self.inputs

    report = cr.check([Dense(RNG, 3, 5), Wrong(), Dense(RNG, 5, 2), SoftmaxAndLoss()], X, y_true=Y)
    assert report.first_wrong.name == "self.dinputs of layer 1, Wrong"
    assert [f.verdict for f in report.findings].count("wrong") == 1


def test_the_object_is_left_as_it_was():
    layer = Dense(RNG, 3, 2)
    before = {k: v.copy() for k, v in vars(layer).items()}
    cr.check(layer, X)
    assert vars(layer).keys() == before.keys()
    for name, value in before.items():
        np.testing.assert_array_equal(getattr(layer, name), value)


# -- numbers worked out by hand --------------------------------------------------------------


def neuron(x, w, b):
    xw0 = x[0] * w[0]
    xw1 = x[1] * w[1]
    xw2 = x[2] * w[2]
    z = xw0 + xw1 + xw2 + b
    y = max(z, 0)
    return y


NEURON = ([1.0, -2.0, 3.0], [-3.0, -1.0, 2.0], 1.0)


def test_a_table_of_numbers():
    table = {"dz": 1, "dxw0": 1.0, "x": [-3, -1, 2], "dw": [1, -2, 3], "db": 1, "dw1": -2}
    assert cr.check(neuron, *NEURON, gradients=table).ok
    report = cr.check(neuron, *NEURON, gradients={**table, "dw": [2, -4, 6], "dw1": 2})
    assert {f.name: f.mistake for f in report.findings if f.verdict == "wrong"} == {
        "dw": "scale",
        "dw1": "sign",
    }


def two_layers(x, w1, w2, target):
    h = 1 / (1 + np.exp(-(x @ w1)))
    p = h @ w2
    loss = 0.5 * np.sum((p - target) ** 2)
    return loss


def test_numbers_are_as_exact_as_they_are_written():
    args = (np.array([0.05, 0.1]), np.array([[0.15, 0.25], [0.2, 0.3]]), np.array([0.4, 0.5]), 0.01)
    exact = cr.explain(two_layers, *args, wrt=["w1", "w2"]).grads
    h = 1 / (1 + np.exp(-(args[0] @ args[1])))
    rounded = {
        "dp": round(float(h @ args[2]) - 0.01, 3),
        "w2": np.round(exact["w2"], 3),
        "w1": np.round(exact["w1"], 5),
    }
    report = cr.check(two_layers, *args, gradients=rounded)
    assert report.ok, report
    off = {**rounded, "w2": np.round(exact["w2"] + 0.002, 3)}
    assert cr.check(two_layers, *args, gradients=off).first_wrong.name == "w2"


def test_a_name_that_is_nothing_is_refused():
    with pytest.raises(ArgumentError, match="gradient of nothing"):
        cr.check(neuron, *NEURON, gradients={"dq": 1.0})
    with pytest.raises(ArgumentError, match="shape"):
        cr.check(neuron, *NEURON, gradients={"dx": [1.0, 2.0]})


def test_two_mistakes_that_fit_equally_are_both_said():
    """At x = 2, the square of x is as much as its double."""

    def square(x):
        y = x * x
        z = y * 3.0
        return z

    report = cr.check(square, 2.0, gradients={"dy": 3.0, "dx": 6.0})
    (wrong,) = (f for f in report.findings if f.verdict == "wrong")
    assert len(wrong.mistakes) > 1
    assert all(d.apart for d in wrong.mistakes)


# -- scripts and notebooks -------------------------------------------------------------------

SCRIPT = """\
import numpy as np

x = np.array([[1.0, -2.0], [0.5, 3.0], [-1.5, 0.25]])
w = np.array([[0.5, -1.0], [2.0, 0.75]])
print("forward")
z = x @ w
a = np.tanh(z)
loss = np.mean(a**2)

da = 2 * a / a.size
dz = da * (1 - a**2)
dw = x.T @ dz
dx = dz @ w.T
"""


def test_a_script_right_and_wrong(tmp_path, capsys):
    path = tmp_path / "homework.py"
    path.write_text(SCRIPT)
    report = examine_script(str(path))
    assert report.ok, report
    assert {f.of for f in report.findings} >= {"w", "x"}
    path.write_text(SCRIPT.replace("1 - a**2", "1 - z**2"))
    first = examine_script(str(path)).first_wrong
    assert (first.name, first.where.line, first.mistake) == ("dz", 11, "derivative-at-input")
    assert first.repair.after == "dz = da * (1 - a ** 2)"
    assert capsys.readouterr().out == ""


def test_a_notebook(tmp_path):
    first, second = SCRIPT.split("\n\nda")
    cells = [
        {"cell_type": "markdown", "source": ["# Homework"]},
        {"cell_type": "code", "source": ["%matplotlib inline\n", *first.splitlines(keepends=True)]},
        {"cell_type": "code", "source": "da" + second.replace("x.T @ dz", "x @ dz")},
    ]
    path = tmp_path / "homework.ipynb"
    path.write_text(json.dumps({"cells": cells}))
    with pytest.raises(ArgumentError, match="ValueError"):
        examine_script(str(path))  # it does not run, and says so
    cells[2]["source"] = "da" + second.replace("x.T @ dz", "-x.T @ dz")
    path.write_text(json.dumps({"cells": cells}))
    first = examine_script(str(path)).first_wrong
    assert first.mistake == "sign"
    assert first.where.short == "homework.ipynb, cell 2:3"
    assert first.where.source == "dw = -x.T @ dz"


def test_a_script_with_a_function():
    source = """
import numpy as np

def f(x, w):
    z = x @ w
    return np.sum(z**2)

x = np.array([1.0, 2.0, 3.0])
w = np.array([0.5, -1.0, 2.0])
dz = 2 * (x @ w)
dw = dz * x
dx = dz * x
"""
    report = examine_source(source, "f")
    verdicts = {f.of: f.verdict for f in report.findings}
    assert verdicts == {"z": "right", "w": "right", "x": "wrong"}
    assert report.first_wrong.repair.after == "dx = dz * w"
    with pytest.raises(ArgumentError, match="no function 'g'"):
        examine_source(source, "g")
    with pytest.raises(ArgumentError, match="called a gradient of its inputs"):
        examine_source("x = 1.0\ny = x * 2\n")


# -- the truth -------------------------------------------------------------------------------


def test_a_forward_pass_that_cannot_be_traced_is_differentiated_numerically():
    def forward(x):
        return np.array([float(v) ** 3 for v in x])

    def right(dy, x):
        return 3 * dy * x**2

    def wrong(dy, x):
        return 2 * dy * x**2

    report = cr.check(forward, right, X[0])
    assert report.ok
    assert report.method in ("extrapolated differences", "complex step")
    assert any("cannot be traced" in note for note in report.notes)
    assert cr.check(forward, wrong, X[0]).first_wrong.mistake == "scale"


@pytest.mark.parametrize("compare", ["<=", "<"])
def test_at_a_kink_nearby_points_are_tested(compare):
    scope = {"np": np}
    exec(
        f"def backward(dy, x):\n    dx = dy.copy()\n    dx[x {compare} 0] = 0\n    return dx\n",
        scope,
    )
    x = np.array([0.0, 1.0, -1.0])
    report = cr.check(lambda x: np.maximum(x, 0), scope["backward"], x)
    assert report.ok
    at_kink = compare == "<"  # the derivative of ReLU at 0 is 0 here, by convention
    assert any("kink" in note for note in report.notes) == at_kink


def test_single_precision_is_judged_by_its_own_rounding():
    def forward(x, w):
        return np.tanh(x.astype(np.float32) @ w.astype(np.float32))

    def backward(dy, x, w):
        x, w = x.astype(np.float32), w.astype(np.float32)
        dz = dy * (1 - np.tanh(x @ w) ** 2)
        return dz @ w.T, x.T @ dz

    def slightly_off(dy, x, w):
        dx, dw = backward(dy, x, w)
        return dx, dw * 1.001

    x, w = X.astype(np.float32), W.astype(np.float32)
    assert cr.check(forward, backward, x, w).ok
    assert not cr.check(forward, slightly_off, x, w).ok


def test_a_tiny_wrong_gradient_beside_large_ones_is_wrong():
    def forward(x, scale):
        return np.sum(x * scale)

    def backward(x, scale):
        dx = scale.copy()
        dx[0] *= 2
        return dx, x

    assert not cr.check(forward, backward, np.ones(3), np.array([1e-7, 1.0, 1e6])).ok


def test_the_sweep_over_step_sizes(tmp_path):
    report = cr.check(dense, dense_right, X, W, B)
    sweep = report.sweep()
    assert np.min(sweep.errors["central"]) < 1e-7
    assert "step" in sweep.text()


# -- names and words -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "of"),
    [
        ("dz", "z"), ("d_z", "z"), ("grad_z", "z"), ("z_grad", "z"), ("dL_dz", "z"), ("dLdz", "z"),
        ("delta_z", "z"), ("gradient_z", "z"), ("self.dW", "self.W"), ("self.grads['W']", "self.W"),
        ("dw0", "w[0]"), ("dloss_dw", "w"), ("data", None), ("dq", None), ("dz_dw", None),
    ],
)  # fmt: skip
def test_what_a_name_is_the_gradient_of(name, of):
    assert gradient_of(name, ["z", "w", "self.W"], ["loss"]) == of


def test_every_mistake_has_its_words():
    for kind, row in MISTAKES.items():
        assert re.fullmatch(r"[a-z-]+", kind)
        assert row.title
        assert row.remedy


def test_assert_backward():
    from chainrule.testing import assert_backward

    assert assert_backward(dense, dense_right, X, W, B).ok
    with pytest.raises(AssertionError, match=re.escape("dz = da * (1 - z**2)")):
        assert_backward(dense, dense_wrong, X, W, B)


def test_the_worked_steps_of_the_right_gradient():
    solution = cr.check(dense, dense_wrong, X, W, B).solution
    assert "dz" in {step.target for step in solution.steps}
    assert set(solution.grads) == {"x", "w", "b"}
    worked = cr.check(dense, dense_wrong, X, W, B).worked
    assert "∂a/∂z = 1 - a^2" in worked
    assert worked == solution.text(of="dz")
    assert cr.check(dense, dense_right, X, W, B).worked == ""
    with pytest.raises(ArgumentError, match="no step for 'dq'"):
        solution.text(of="dq")


@pytest.mark.parametrize("wrong", ["-(dy * (x > 0))", "dy", "2 * dy * (x > 0)", "dy * (dy > 0)"])
def test_a_kink_in_one_place_hides_nothing_elsewhere(wrong):
    x = np.array([[0.0, 1.0, -1.0], [2.0, -0.5, 0.3]])
    scope = {"np": np}
    exec(f"def backward(dy, x):\n    return {wrong}\n", scope)
    assert not cr.check(lambda x: np.maximum(x, 0), scope["backward"], x).ok


def test_zeros_are_moved_as_well():
    def wrong(dy, x):
        return -dy * (x > 0)

    report = cr.check(lambda x: np.maximum(x, 0), wrong, np.zeros(3))
    assert not report.ok


def test_a_mask_of_minus_infinity_is_no_bad_input():
    mask = np.where(np.tri(4) > 0, 0.0, -np.inf)

    def forward(s, mask):
        e = np.exp(s + mask)
        p = e / e.sum(axis=1, keepdims=True)
        return p

    def backward(dp, s, mask):
        p = forward(s, mask)
        ds = p * (dp - np.sum(dp * p, axis=1, keepdims=True))
        return ds, None

    s = np.random.default_rng(0).normal(size=(4, 4))
    assert cr.check(forward, backward, s, mask).ok
    s[0, 0] = np.nan
    with pytest.raises(ArgumentError, match="NaN"):
        cr.check(forward, backward, s, mask)


def test_a_factor_that_is_a_number_or_a_size():
    """With two samples, a factor two too many and a mean forgotten are the same."""

    def loss(w, x, t):
        p = x @ w
        return np.mean((p - t) ** 2)

    def backward(w, x, t):
        dp = 2 * (x @ w - t)
        return x.T @ dp

    report = cr.check(loss, backward, np.ones(3), X[:2], np.ones(2))
    said = report.first_wrong.mistakes
    assert len(said) == 2
    assert all("another size" in d.apart for d in said)
    assert len(cr.check(loss, backward, np.ones(3), X, np.ones(4)).first_wrong.mistakes) == 1


def chained(x, w, b):
    z = x[0] * w[0] + x[1] * w[1] + b
    y = z**2
    return y


def test_a_table_with_local_derivatives_over_several_steps_and_numbers_by_their_place():
    at = [1.0, 2.0], [3.0, 4.0], 1.0
    table = {"dy_dz": 24, "dz_dw": [1, 2], "dz_dx1": 4, "w0": 24, "dw1": 48}
    assert cr.check(chained, *at, gradients=table).ok
    report = cr.check(chained, *at, gradients=table | {"dz_dw": [1, 3], "dz_dx1": 3})
    assert {f.name for f in report.findings if f.verdict == "wrong"} == {"dz_dw", "dz_dx1"}
    assert "It should be" in str(report)
