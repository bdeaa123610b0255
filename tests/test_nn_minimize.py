"""minimize: known minima, one compilation, and what is refused or diverges."""

import builtins
import dataclasses
import warnings

import numpy as np
import pytest

import chainrule as cr
from chainrule.compiling.plans import planned
from chainrule.errors import (
    ArgumentError,
    BranchError,
    DtypeError,
    MissingExtraError,
    NonFiniteError,
)
from chainrule.nn import DivergedError, minimize


class Plain:
    """Gradient descent with momentum, written to the interface of optimizers."""

    def __init__(self, lr, momentum=0.0):
        self.lr, self.momentum = lr, momentum

    def init(self, params):
        return {k: np.zeros_like(v) for k, v in params.items()}

    def apply(self, params, gradients, state):
        state = {k: self.momentum * state[k] + gradients[k] for k in params}
        return {k: params[k] - self.lr * state[k] for k in params}, state


def bowl(p):
    return np.sum((p["a"] - 3) ** 2) + 2 * (p["b"] + 1) ** 2


def rosenbrock(x):
    return np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


BOWL = {"a": np.zeros(2), "b": 0.0}


# -- known minima ----------------------------------------------------------------------


@pytest.mark.parametrize("executor", ["numpy", "numba", "jax", "auto"])
@pytest.mark.parametrize("optimizer", [Plain(0.1, 0.5), "l-bfgs"])
def test_bowl(executor, optimizer, double_precision):
    found = minimize(bowl, BOWL, optimizer=optimizer, tolerance=1e-9, executor=executor)
    np.testing.assert_allclose(found.params["a"], [3, 3], atol=1e-9)
    np.testing.assert_allclose(found.params["b"], -1, atol=1e-9)
    assert found.converged
    assert found.value == pytest.approx(bowl(found.params), abs=1e-15)
    assert found.values[0] == bowl(BOWL) == 20
    assert found.values[-1] == found.value
    assert len(found.values) == found.steps + 1
    assert isinstance(found.value, float)
    assert BOWL["b"] == 0.0
    assert not BOWL["a"].any()


def test_steps_are_those_of_the_optimizer():
    """Where it stops, and each value on the way, is what plain steps in Python give."""
    found = minimize(bowl, BOWL, optimizer=Plain(0.1, 0.5), tolerance=1e-6, executor="numpy")
    optimizer, p = Plain(0.1, 0.5), {"a": np.zeros(2), "b": np.float64(0)}
    state, values = optimizer.init(p), []
    for _ in range(found.steps + 1):
        value, g = cr.value_and_grad(bowl)(p)
        values.append(value)
        if max(np.max(np.abs(v)) for v in g.values()) <= 1e-6:
            break
        last, (p, state) = p, optimizer.apply(p, g, state)
    np.testing.assert_allclose(found.values, values, rtol=1e-9)
    np.testing.assert_allclose(found.params["a"], p["a"], rtol=1e-12)
    assert not np.allclose(found.params["a"], last["a"], rtol=1e-12)


def test_steps_end():
    for steps in (1, 2, 3, 10):
        found = minimize(bowl, BOWL, optimizer=Plain(0.01), steps=steps, executor="numpy")
        assert (found.steps, found.converged, len(found.values)) == (steps, False, steps + 1)
        np.testing.assert_allclose(found.params["a"], 3 * (1 - 0.98**steps))
        assert found.value == pytest.approx(bowl(found.params))
    found = minimize(rosenbrock, np.zeros(4), optimizer="l-bfgs", steps=3)
    assert (found.steps, found.converged) == (3, False)
    assert found.value == rosenbrock(found.params)


def test_a_start_at_the_minimum():
    for optimizer in (Plain(0.1), "l-bfgs"):
        found = minimize(bowl, {"a": np.full(2, 3.0), "b": -1.0}, optimizer=optimizer)
        assert (found.steps, found.converged, found.value) == (0, True, 0)
        np.testing.assert_array_equal(found.params["a"], [3, 3])


@pytest.mark.parametrize("n", [2, 10])
def test_rosenbrock(n):
    start = np.tile([-1.2, 1.0], n // 2)
    found = minimize(rosenbrock, start, optimizer="l-bfgs", tolerance=1e-9, executor="numpy")
    assert found.converged
    np.testing.assert_allclose(found.params, 1, atol=1e-8)
    assert found.value < 1e-15
    assert found.steps < 40 * n


@pytest.mark.parametrize("optimizer", [Plain(0.3, 0.9), "l-bfgs"])
def test_network(optimizer):
    r = np.random.default_rng(0)
    X = r.normal(size=(60, 2))
    y = (X[:, 0] * X[:, 1] > 0).astype(float)

    def loss(p):
        h = np.tanh(X @ p["hidden"]["W"] + p["hidden"]["b"])
        z = h @ p["out"]["W"] + p["out"]["b"]
        return np.mean(np.logaddexp(0, z) - y * z)

    start = {
        "hidden": {"W": r.normal(size=(2, 8)), "b": np.zeros(8)},
        "out": {"W": r.normal(size=8), "b": 0.0},
    }
    found = minimize(loss, start, optimizer=optimizer, steps=1000)
    assert found.values[0] > 0.6
    assert found.value < 0.05
    assert found.params["hidden"]["W"].shape == (2, 8)
    assert list(found.params) == ["hidden", "out"]


def test_gaussian_mixture():
    """Maximum likelihood finds the components that the data were drawn from."""
    r = np.random.default_rng(1)
    x = np.concatenate([r.normal(-2, 0.5, 1000), r.normal(1, 1.0, 3000)])

    def negative_log_likelihood(p):
        log_share = p["logits"] - np.log(np.sum(np.exp(p["logits"])))
        z = (x[:, None] - p["means"]) / np.exp(p["log_widths"])
        terms = log_share - p["log_widths"] - 0.5 * z**2 - 0.5 * np.log(2 * np.pi)
        top = np.max(terms, axis=1, keepdims=True)
        return -np.mean(top[:, 0] + np.log(np.sum(np.exp(terms - top), axis=1)))

    start = {"logits": np.zeros(2), "means": np.array([-1.0, 0.5]), "log_widths": np.zeros(2)}
    precise = minimize(negative_log_likelihood, start, optimizer="l-bfgs")
    plain = minimize(negative_log_likelihood, start, optimizer=Plain(0.5, 0.9), tolerance=1e-5)
    for found in (precise, plain):
        assert found.converged
        share = np.exp(found.params["logits"])
        np.testing.assert_allclose(share / share.sum(), [0.25, 0.75], atol=0.03)
        np.testing.assert_allclose(found.params["means"], [-2, 1], atol=0.1)
        np.testing.assert_allclose(np.exp(found.params["log_widths"]), [0.5, 1], atol=0.1)
    assert plain.value == pytest.approx(precise.value, rel=1e-7)


# -- structures and types --------------------------------------------------------------


@dataclasses.dataclass
class Line:
    slope: float
    offset: np.ndarray


@pytest.mark.parametrize(
    ("start", "f", "best"),
    [
        (1.0, lambda p: (p - 2) ** 2, 2.0),
        (1, lambda p: (p - 2) ** 2, 2.0),
        (np.ones(2), lambda p: np.sum((p - 2) ** 2), np.full(2, 2.0)),
        ([1.0, (2.0, np.ones(1))], lambda p: p[0] ** 2 + p[1][0] ** 2 + p[1][1][0] ** 2,
         [0.0, (0.0, np.zeros(1))]),
        (Line(1.0, np.ones(2)), lambda p: p.slope**2 + np.sum(p.offset**2), None),
    ],
)  # fmt: skip
@pytest.mark.parametrize("optimizer", [Plain(0.2), "l-bfgs"])
def test_structures(start, f, best, optimizer):
    found = minimize(f, start, optimizer=optimizer, executor="numpy")
    assert found.converged
    assert found.value == pytest.approx(0, abs=1e-10)
    if best is None:
        assert isinstance(found.params, Line)
        assert found.params.offset.shape == (2,)
    else:
        flat = cr.compiling.arguments.flatten
        mine, theirs = [], []
        flat(found.params, mine), flat(best, theirs)
        for a, b in zip(mine, theirs, strict=True):
            np.testing.assert_allclose(a, b, atol=1e-5)


@pytest.mark.parametrize("optimizer", [Plain(0.1), "l-bfgs"])
def test_single_precision_stays(optimizer):
    start = {"a": np.zeros(2, np.float32), "b": np.float32(0)}
    data = np.array([2.0, 4.0])  # double
    found = minimize(
        lambda p: np.sum((p["a"] - data) ** 2) + p["b"] ** 2, start,
        optimizer=optimizer, executor="numpy", tolerance=1e-4,
    )  # fmt: skip
    assert found.converged
    assert found.params["a"].dtype == found.params["b"].dtype == np.float32
    np.testing.assert_allclose(found.params["a"], data, atol=1e-4)


def test_adam_is_the_default():
    pytest.importorskip("chainrule.nn.optimizers")
    found = minimize(bowl, BOWL, steps=3000)
    np.testing.assert_allclose(found.params["a"], 3, atol=1e-3)


# -- compiled once ---------------------------------------------------------------------


@pytest.fixture
def compilations(monkeypatch, tmp_path):
    monkeypatch.setenv("CHAINRULE_CACHE", str(tmp_path))  # an earlier run has kept its plans
    made = []

    def counting(*args, **kwargs):
        made.append(args)
        return planned(*args, **kwargs)

    monkeypatch.setattr("chainrule.compiling.compiled.planned", counting)
    return made


@pytest.mark.parametrize("executor", ["numpy", "numba"])
@pytest.mark.parametrize("optimizer", [Plain(0.01), "l-bfgs"])
def test_compiled_once(compilations, executor, optimizer):
    calls = []

    def f(p):
        calls.append(None)
        return rosenbrock(p["x"]) * 1e-3

    found = minimize(f, {"x": np.zeros(5)}, optimizer=optimizer, steps=700, executor=executor)
    assert found.steps > 20
    assert len(compilations) == 1
    assert len(calls) <= 4  # the value at the start, and traces


# -- callback --------------------------------------------------------------------------


@pytest.mark.parametrize("optimizer", [Plain(1e-4), "l-bfgs"])
def test_callback_sees_and_stops(optimizer):
    seen = []

    def callback(step, value):
        seen.append((step, value))
        return len(seen) == 4

    found = minimize(
        rosenbrock, np.zeros(6), optimizer=optimizer, callback=callback, executor="numpy"
    )
    assert len(seen) == 4
    assert not found.converged
    assert found.steps - seen[-1][0] in (0, 1)
    for step, value in seen:
        assert found.values[step] == value
    assert found.value == pytest.approx(rosenbrock(found.params), rel=1e-12)


# -- what diverges ---------------------------------------------------------------------


def assert_last_good(error, f):
    value = f(error.params)
    assert np.isfinite(value)
    assert error.value == pytest.approx(float(value), rel=1e-6)
    assert error.step > 0


@pytest.mark.parametrize("executor", ["numpy", "numba"])
@pytest.mark.parametrize("scale", [1.0, 1e-3, 1e3])
def test_too_large_a_rate(executor, scale):
    def f(p):
        return np.sum((scale * p["x"] - 1) ** 4)

    with pytest.raises(DivergedError, match="came to a NaN") as caught:
        minimize(
            f, {"x": np.full(3, 5.0 / scale)}, optimizer=Plain(1.0 / scale**2), executor=executor
        )
    assert_last_good(caught.value, f)
    # One more step, and it is lost.
    with np.errstate(all="ignore"):
        p = caught.value.params
        g = cr.grad(f)(p)["x"] if np.isfinite(f(p)) else None
        assert not np.isfinite(f({"x": p["x"] - g / scale**2}))


@pytest.mark.parametrize("start", np.geomspace(1e-9, 1.0, 19))
def test_the_last_good_parameters(start):
    """They are those of plain steps in Python, in whatever block of steps they are."""

    def f(w):
        return -np.exp(100 * w**2)

    w, steps = np.float64(start), 0
    with np.errstate(all="ignore"):
        while np.isfinite(f(w)):
            good, w, steps = w, w + 1e-3 * 200 * w * np.exp(100 * w**2), steps + 1
    with pytest.raises(DivergedError) as caught:
        minimize(f, start, optimizer=Plain(1e-3), tolerance=0, executor="numpy")
    assert caught.value.step == steps - 1
    assert caught.value.params == pytest.approx(good, rel=1e-9)
    assert caught.value.value == pytest.approx(f(good), rel=1e-6)


def test_a_step_out_of_the_domain():
    with pytest.raises(DivergedError) as caught:
        minimize(lambda w: w - np.log(w), 0.1, optimizer=Plain(5.0), executor="numpy")
    assert_last_good(caught.value, lambda w: w - np.log(w))
    assert caught.value.where.source.startswith("minimize(lambda w: w - np.log(w)")


def test_line_search_comes_back_into_the_domain():
    """The first step of L-BFGS leads to where the logarithm is NaN."""
    for start in (0.01, 1e-4, 100.0):
        found = minimize(lambda w: w - np.log(w), start, optimizer="l-bfgs", executor="numpy")
        assert found.converged
        assert found.params == pytest.approx(1, abs=1e-5)


def test_lbfgs_diverges():
    with pytest.raises(DivergedError) as caught:
        minimize(lambda w: np.log(w), 1.0, optimizer="l-bfgs", executor="numpy")
    assert np.isfinite(np.log(caught.value.params))
    assert caught.value.value == pytest.approx(np.log(caught.value.params))


# -- refused ---------------------------------------------------------------------------


@pytest.mark.parametrize("optimizer", [Plain(0.1), "l-bfgs"])
@pytest.mark.parametrize(
    ("error", "says", "f", "start"),
    [
        (ArgumentError, r"params\['a'\]\[1\]", bowl, {"a": np.array([1, np.nan]), "b": 0.0}),
        (ArgumentError, r"params\['b'\]\.", bowl, {"a": np.ones(2), "b": np.inf}),
        (DtypeError, r"params\['a'\] holds integers", bowl, {"a": np.array([1, 2]), "b": 0.0}),
        (DtypeError, r"params holds booleans", np.sum, np.array([True])),
        (DtypeError, r"params\[0\] is complex", lambda p: abs(p[0]), [1j]),
        (ArgumentError, r"params\['n'\] is no number", bowl, {"a": np.ones(2), "n": "three"}),
        (ArgumentError, r"no parameters", lambda p: 0.0, {}),
        (ArgumentError, r"no parameters", np.sum, np.zeros(0)),
        (ArgumentError, r"(?s)one real number.*\(2,\).*np.sum", lambda p: p**2, np.ones(2)),
        (ArgumentError, r"(?s)one real number.*\(1,\)", lambda p: p**2, np.ones(1)),
        (ArgumentError, r"(?s)one real number.*tuple", lambda p: (p, p), 1.0),
        (ArgumentError, r"(?s)one real number.*NoneType", lambda p: None, 1.0),
        (ArgumentError, r"(?s)one real number.*complex", lambda p: p + 0j, np.float64(1)),
        (NonFiniteError, r"(?s)not finite at the start.*log", lambda p: np.log(p), -1.0),
        (NonFiniteError, r"(?s)not finite at the start", lambda p: p / 0.0, np.float64(1.0)),
    ],
)
def test_refused(optimizer, error, says, f, start):
    with pytest.raises(error, match=says):
        minimize(f, start, optimizer=optimizer, executor="numpy")


@pytest.mark.parametrize("optimizer", [Plain(0.1), "l-bfgs"])
def test_a_gradient_that_is_not_finite_at_the_start(optimizer):
    with pytest.raises(NonFiniteError):
        minimize(lambda w: np.sqrt(w), 0.0, optimizer=optimizer, executor="numpy")


@pytest.mark.parametrize("optimizer", [Plain(0.1), "l-bfgs"])
def test_a_branch_on_values_is_refused_with_its_line(optimizer):
    def f(w):
        if w > 0:
            return w**2
        return -w

    with pytest.raises(BranchError, match="if w > 0"):
        minimize(f, 1.0, optimizer=optimizer)


@pytest.mark.parametrize(
    ("says", "options"),
    [
        ("no such optimizer(?s:.*)'l-bfgs'", {"optimizer": "lbfgs"}),
        (r"no such optimizer(?s:.*)Adam", {"optimizer": 3}),
        ("steps", {"optimizer": Plain(0.1), "steps": 0}),
        ("steps", {"optimizer": Plain(0.1), "steps": 1.5}),
        ("tolerance", {"optimizer": Plain(0.1), "tolerance": -1}),
        ("tolerance", {"optimizer": Plain(0.1), "tolerance": float("nan")}),
        ("executor", {"optimizer": Plain(0.1), "executor": "cuda"}),
    ],
)
def test_options_are_refused(says, options):
    with pytest.raises(ArgumentError, match=says):
        minimize(bowl, BOWL, **options)


def test_without_scipy(monkeypatch):
    real = builtins.__import__

    def without(name, *args, **kwargs):
        if name.startswith("scipy"):
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingExtraError, match=r"(?s)SciPy.*chainrule\[fast\]"):
        minimize(bowl, BOWL, optimizer="l-bfgs", executor="numpy")
    assert minimize(bowl, BOWL, optimizer=Plain(0.1), executor="numpy").converged


def test_no_warnings_on_the_way_to_an_error():
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        with pytest.raises(DivergedError):
            minimize(lambda w: w**4, 10.0, optimizer=Plain(1.0), executor="numpy")
    assert not seen
