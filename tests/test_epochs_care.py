"""0 · ∞ in compiled epochs: taken with care, as by `grad`, and told where care does not help."""

import warnings

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn
from chainrule.compiling import epochs
from chainrule.compiling.failure import StepError
from chainrule.errors import ExecutorWarning

EXECUTORS = ("numpy", "numba", "jax")
RNG = np.random.default_rng(0)
X = RNG.normal(size=(70, 3))
#: At a row of zeros the root is taken at 0, where its derivative is infinite.
ZEROS = X.copy()
ZEROS[[5, 17, 18, 66]] = 0
LONE = X.copy()
LONE[37] = 0


@pytest.fixture(autouse=True)
def infinities_without_warnings():
    with np.errstate(all="ignore"):
        yield


def loss(p, X):
    return np.mean(np.where(X[:, 0] != 0, np.sqrt(np.abs(X @ p["w"] * p["s"])), 0))


def step(carry, X):
    value, d = cr.value_and_grad(loss)(carry["p"], X)
    p = {k: carry["p"][k] - 0.1 * d[k] for k in d}
    return {"p": p, "t": carry["t"] + 1}, {"loss": value, "first": X[0]}


def start():
    return {"p": {"w": np.array([1.0, 2.0, 3.0]), "s": np.array(2.0)}, "t": np.array(0.0)}


def by_hand(carry, X, size):
    reports = []
    for first in range(0, len(X), size):
        carry, report = step(carry, X[first : first + size])
        reports.append(report)
    return carry, {k: np.array([r[k] for r in reports]) for k in reports[0]}


def assert_equal(got, expected, **tolerance):
    (carry, outputs), (other, others) = got, expected
    for name in ("w", "s"):
        np.testing.assert_allclose(carry["p"][name], other["p"][name], **tolerance)
    assert carry["t"] == other["t"]
    for name in ("loss", "first"):
        np.testing.assert_allclose(outputs[name], others[name], **tolerance)


@pytest.mark.parametrize("data", [ZEROS, LONE, LONE[37:38]], ids=["many", "one", "alone"])
@pytest.mark.parametrize("executor", EXECUTORS)
def test_care_is_taken(executor, data):
    if executor != "numpy":
        pytest.importorskip(executor)
    run = cr.epoch(step, executor)
    carry = start()
    got = run(carry, data, batch_size=16)
    assert_equal(got, by_hand(start(), data, 16), rtol=1e-10)
    np.testing.assert_array_equal(carry["p"]["w"], start()["p"]["w"])
    assert run.report().executor == executor
    again = run(got[0], data[::-1], batch_size=16)
    assert_equal(again, by_hand(got[0], data[::-1], 16), rtol=1e-10)


@pytest.mark.parametrize("executor", ["numpy", "numba"])
def test_what_a_step_gives_does_not_depend_on_the_others_in_the_call(executor):
    if executor != "numpy":
        pytest.importorskip(executor)
    run = cr.epoch(step, executor)
    whole = run(start(), ZEROS[:64], batch_size=16)
    carry, losses = start(), []
    for first in range(0, 64, 16):
        carry, outputs = run(carry, ZEROS[first : first + 16], batch_size=16)
        losses += outputs["loss"].tolist()
    assert losses == whole[1]["loss"].tolist()
    np.testing.assert_array_equal(carry["p"]["w"], whole[0]["p"]["w"])


def test_where_care_does_not_help_the_step_is_told():
    def infinite(p, X):
        return np.mean(np.sqrt(np.abs(X @ p["w"] * p["s"])) ** 2)

    def step(carry, X):
        value, d = cr.value_and_grad(infinite)(carry, X)
        return {k: carry[k] - 0.1 * d[k] for k in d}, value

    data = LONE.copy()
    data[20] = 0
    with pytest.raises(StepError, match=r"step 1 of 5.*NaN"):
        cr.epoch(step, "numpy")(start()["p"], data, batch_size=16)


def test_a_carry_that_was_given_up_cannot_be_taken_up_again():
    with pytest.raises(StepError, match="donate=False"):
        cr.epoch(step, "numpy", donate=True)(start(), ZEROS, batch_size=16)


def test_many_such_steps_are_told_once(monkeypatch):
    monkeypatch.setattr(epochs, "_MANY", 3)
    run = cr.epoch(step, "numpy")
    carry, _ = run(start(), LONE, batch_size=16)
    with pytest.warns(ExecutorWarning, match=r"^In 4 steps.*0 · ∞.*np.sqrt\(x \+ 1e"):
        carry, _ = run(carry, ZEROS, batch_size=16)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        run(carry, ZEROS, batch_size=16)


@pytest.mark.parametrize("executor", ["numpy", "numba"])
def test_fit_trains_where_grad_does(executor):
    if executor != "numpy":
        pytest.importorskip(executor)

    def far(p, y):
        return np.mean(np.sqrt(np.maximum(np.abs(p - y) - 0.5, 0)))

    model = nn.Sequential(nn.Dense(1))
    y = X @ np.array([[1.0], [-2.0], [0.5]])
    options = {"loss": far, "optimizer": nn.SGD(0.2), "dtype": np.float64, "executor": executor}
    history = model.fit(X, y, epochs=8, batch_size=16, **options)
    assert history["loss"][-1] < 0.9 * history["loss"][0]
