"""`cr.epoch`: many steps in one call, the same as one after the other."""

import numpy as np
import pytest
from test_compile import assert_equal
from training import adam, parameters, rows

import chainrule as cr
from chainrule.compiling import epochs
from chainrule.compiling.failure import StepError
from chainrule.errors import ArgumentError, DtypeError, NonFiniteError
from chainrule.execute import native, numba_executor

EXECUTORS = ("numpy", "numba", "jax")


def start(dtype=np.float64):
    p = parameters(dtype)
    zeros = {k: np.zeros_like(v) for k, v in p.items()}
    return {"p": p, "m": zeros, "v": zeros, "t": np.zeros((), dtype)}


def step(carry, X, y):
    new, m, v, t, value = adam(carry["p"], carry["m"], carry["v"], carry["t"], X, y)
    return {"p": new, "m": m, "v": v, "t": t}, {"loss": value, "largest": np.max(np.abs(X), axis=0)}


def by_hand(carry, X, y, order, size):
    reports = []
    for first in range(0, len(order), size):
        at = order[first : first + size]
        carry, report = step(carry, X[at], y[at])
        reports.append(report)
    return carry, {k: np.array([r[k] for r in reports]) for k in reports[0]}


@pytest.mark.parametrize("executor", EXECUTORS)
@pytest.mark.parametrize("count", [64, 70])
def test_an_epoch_is_its_steps(executor, count):
    X, y = rows(count, np.float64)
    order = np.random.default_rng(3).permutation(count)
    run = cr.epoch(step, executor)
    carry = start()
    got = run(carry, (X, y), order=order, batch_size=16)
    assert_equal(got, by_hand(start(), X, y, order, 16), rtol=1e-9)
    assert_equal(carry, start())  # what was given is as it was
    again = run(got[0], (X, y), order=order[::-1], batch_size=16)
    assert_equal(again, by_hand(got[0], X, y, order[::-1], 16), rtol=1e-9)
    assert run.report().executor == executor
    assert len([p for known in run._plans.plans.values() for p in known]) == 1


@pytest.mark.parametrize("executor", ["numpy", "numba"])
def test_single_precision_stays_single(executor):
    X, y = rows(40, np.float32)
    carry, report = cr.epoch(step, executor)(start(np.float32), (X, y), batch_size=8)
    assert report["loss"].dtype == np.float32
    assert carry["p"]["W1"].dtype == np.float32
    want = by_hand(start(np.float32), X, y, np.arange(40), 8)
    assert_equal((carry, report), want, rtol=2e-5)


@pytest.mark.parametrize("executor", EXECUTORS)
def test_batches_larger_than_the_data_and_no_data_at_all(executor):
    X, y = rows(10, np.float64)
    run = cr.epoch(step, executor)
    got = run(start(), (X, y), batch_size=1000)
    assert_equal(got, by_hand(start(), X, y, np.arange(10), 10), rtol=1e-9)
    carry, report = run(start(), (X, y), order=np.zeros(0, int))
    assert_equal(carry, start())
    assert report["loss"].shape == (0,)


def test_progress_is_told(monkeypatch):
    monkeypatch.setattr(epochs, "_PULSE", 1e-9)  # after every step
    seen = []

    def progress(done, steps, outputs):
        seen.append((done, steps, len(outputs[0])))

    X, y = rows(30, np.float64)
    cr.epoch(step, "numpy")(start(), (X, y), batch_size=10, progress=progress)
    assert seen == [(1, 3, 1), (2, 3, 2), (3, 3, 3)]


def test_a_team_of_threads_gives_the_same_epoch(monkeypatch):
    monkeypatch.setattr(numba_executor, "_LARGE_WORK", 0)
    X, y = rows(70, np.float64)
    run = cr.epoch(step, "numba")
    got = run(start(), (X, y), batch_size=16)
    assert_equal(got, by_hand(start(), X, y, np.arange(70), 16), rtol=1e-9)
    assert "low, high = part(" in run.code()


@pytest.mark.parametrize("executor", ["numpy", "numba"])
def test_a_parameter_that_others_read_is_not_overwritten_too_early(executor):
    def swap(carry, x):
        a, b = carry
        return (b + np.sum(x) * a, a * 2 + b[::-1]), a @ b

    carry = (np.array([1.0, 2.0, 3.0]), np.array([0.5, -1.0, 2.0]))
    x = np.linspace(0, 1, 12)
    got, products = cr.epoch(swap, executor)(carry, x, batch_size=4)
    want = []
    for first in range(0, 12, 4):
        carry, value = swap(carry, x[first : first + 4])
        want.append(value)
    assert_equal(got, carry, rtol=1e-12)
    np.testing.assert_allclose(products, want)


# -- what goes wrong -----------------------------------------------------------------------


@pytest.mark.parametrize("executor", ["numpy", "numba"])
def test_a_nan_in_the_data_is_told_with_its_row(executor):
    X, y = rows(40, np.float64)
    X[21, 2] = np.nan
    with pytest.raises(StepError, match=r"in step 2 of 5.*row 21 of array 0") as caught:
        cr.epoch(step, executor)(start(), (X, y), batch_size=8)
    error = caught.value
    assert error.step == 2
    want, _ = by_hand(start(), X, y, np.arange(16), 8)
    assert_equal(error.carry, want, rtol=1e-9)


@pytest.mark.parametrize("executor", ["numpy", "numba"])
def test_a_nan_that_arises_is_told_with_its_line(executor):
    def diverging(w, x):
        value, dw = cr.value_and_grad(lambda w: np.sum((w * x) ** 4))(w)
        return w - 10.0 * dw, np.log(np.abs(value))

    run = cr.epoch(diverging, executor)
    with np.errstate(all="ignore"), pytest.raises(StepError, match="A NaN or an inf") as caught:
        run(np.array([3.0, 2.0]), np.ones((40, 2)), batch_size=2)
    error = caught.value
    assert 1 < error.step < 20
    assert np.all(np.isfinite(error.carry))
    assert error.where is not None
    assert "test_epochs.py" in str(error)


@pytest.mark.parametrize("executor", ["numpy", "numba"])
def test_a_label_out_of_range_is_told(executor):
    X, y = rows(40, np.float64)
    y[33] = 3
    with pytest.raises(IndexError, match="out of bounds") as caught:
        cr.epoch(step, executor)(start(), (X, y), batch_size=8)
    assert any("step 4" in note for note in caught.value.__notes__)


def test_what_does_not_fit():
    X, y = rows(10, np.float64)
    run = cr.epoch(step, "numpy")
    with pytest.raises(ArgumentError, match="same number of rows"):
        run(start(), (X, y[:9]))
    with pytest.raises(ArgumentError, match="batch_size"):
        run(start(), (X, y), batch_size=0)
    with pytest.raises(ArgumentError, match="row that there is not"):
        run(start(), (X, y), order=[0, 10])
    with pytest.raises(ArgumentError, match="which row comes when"):
        run(start(), (X, y), order=[0.5])
    with pytest.raises(DtypeError, match="not numbers"):
        run(start(), (np.array([["a"]] * 10), y))
    with pytest.raises(ArgumentError, match="a carry and outputs"):
        cr.epoch(lambda w, x: w, "numpy")(1.0, X)
    with pytest.raises(ArgumentError, match="structure"):
        cr.epoch(lambda w, x: ((w, w), np.sum(x)), "numpy")(np.ones(2), X)
    with pytest.raises(ArgumentError, match=r"carry as another kind.*\n.*float32(.*\n)*.*float64"):
        cr.epoch(lambda w, x: (w + np.sum(x), np.sum(x)), "numpy")(np.ones(2, np.float32), X)
    with pytest.raises(ArgumentError, match="has not been called"):
        cr.epoch(step).report()


def test_a_step_that_depends_on_the_number_of_rows():
    def f(w, x):
        total = w
        for i in range(len(x)):
            total = total * 0.9 + x[i]
        return total, total

    x = np.arange(8.0)
    run = cr.epoch(f, "numpy")
    w, _ = run(np.array(1.0), x, batch_size=4)
    want = 1.0
    for v in x:
        want = want * 0.9 + v
    np.testing.assert_allclose(w, want)
    told = []
    # For the size of the last minibatch it is another function.
    w, outputs = run(
        np.array(1.0), x, batch_size=3, progress=lambda done, steps, out: told.append((done, steps))
    )
    np.testing.assert_allclose(w, want)
    assert len(outputs) == 3
    assert outputs[-1] == w
    assert told[-1] == (3, 3)
    assert "last minibatch, of 2 rows" in str(run.report())
    x[7] = np.nan
    with pytest.raises(NonFiniteError) as caught:
        run(np.array(1.0), x, batch_size=3)
    assert caught.value.step == 2


@pytest.mark.parametrize("executor", EXECUTORS)
def test_numbers_in_the_carry_may_be_pythons_own(executor):
    def f(carry, x):
        w, rate, name = carry["w"], carry["rate"], carry["name"]
        w = w - rate * np.mean(x) * w
        return {"w": w, "rate": rate * 0.5, "name": name}, np.sum(w)

    x = np.linspace(0, 1, 12, dtype=np.float32)
    carry = {"w": np.ones(3, np.float32), "rate": 0.1, "name": "plain"}
    got, sums = cr.epoch(f, executor)(carry, x, batch_size=4)
    for first in range(0, 12, 4):
        carry, _ = f(carry, x[first : first + 4])
    assert got["w"].dtype == np.float32
    assert sums.dtype == np.float32
    np.testing.assert_allclose(got["w"], carry["w"], rtol=1e-6)
    np.testing.assert_allclose(got["rate"], carry["rate"], rtol=1e-6)
    assert got["name"] == "plain"


# -- a carry that is given up ------------------------------------------------------------


@pytest.mark.parametrize("executor", EXECUTORS)
def test_a_carry_that_is_given_up_gives_the_same(executor):
    run, giving = cr.epoch(step, executor), cr.epoch(step, executor, donate=True)
    kept, given = start(), start()
    for _ in range(3):
        kept, want = run(kept, rows(40, np.float64), batch_size=16)
        given, got = giving(given, rows(40, np.float64), batch_size=16)
        assert_equal((given, got), (kept, want), rtol=1e-12)


def test_arrays_that_are_given_up_are_written_to():
    given = start()
    carry, _ = cr.epoch(step, "numba", donate=True)(given, rows(40, np.float64), batch_size=16)
    assert carry["p"]["W1"] is given["p"]["W1"]


def pair(carry, x):
    a, b = carry
    return (a + np.sum(x), b * 2.0), np.sum(a)


def shares():
    """Yield carries of which some arrays must not be written to, and the data."""
    x = np.ones((6, 3))
    a = np.arange(4.0)
    yield "one array twice", (a, a), x
    long = np.arange(6.0)
    yield "overlapping views", (long[:4], long[1:5]), x
    yield "an array of the data", (x[0, :], np.ones(3)), x
    fixed = np.arange(4.0)
    fixed.flags.writeable = False
    yield "not to be written to", (fixed, np.ones(4)), x
    yield "one number for all", (np.broadcast_to(1.0, 4), np.ones(4)), x
    yield "every other", (np.arange(8.0)[::2], np.ones(4)), x


@pytest.mark.parametrize(("carry", "x"), [pytest.param(c, x, id=n) for n, c, x in shares()])
def test_arrays_that_are_seen_elsewhere_are_not_given_up(carry, x):
    want = tuple(np.array(v) for v in carry)
    data = x.copy()
    for k in range(3):
        want, _ = pair(want, data[2 * k : 2 * k + 2])
    got, _ = cr.epoch(pair, "numba", donate=True)(carry, x, batch_size=2)
    assert_equal(got, want, rtol=1e-12)
    np.testing.assert_array_equal(x, data)


def test_a_nan_where_the_carry_was_given_up_is_told_with_its_step():
    def f(w, x):
        w = w * np.sum(x)
        return w, np.sum(w)

    x = np.full((6, 1), 1e200)
    with pytest.raises(StepError, match=r"step 1 of 3(.*\n)*.*donate=False") as caught:
        cr.epoch(f, "numba", donate=True)(np.ones(3), x, batch_size=2)
    assert caught.value.step == 1
    assert caught.value.carry is None


@pytest.mark.parametrize("team", [False, True])
@pytest.mark.parametrize("many", [False, True])
@pytest.mark.parametrize("spoiled", ["a", "b", "c"])
def test_a_carry_that_is_spoiled_by_the_last_step_is_noticed(spoiled, many, team, monkeypatch):
    if team:
        monkeypatch.setattr("chainrule.execute.numba_executor._LARGE_WORK", 0)
    if many:
        monkeypatch.setattr("chainrule.emit.loops.write.MOST_ARRAYS", 0)

    def f(carry, x):
        factor = 1 / np.min(x)
        new = {k: v * (factor.astype(v.dtype) if k == spoiled else 1) for k, v in carry.items()}
        new["count"] = carry["count"] + 1
        return new, np.sum(carry["a"])

    carry = {
        "a": np.ones((3, 2)), "count": np.array([1, 2]), "b": np.ones(5, np.float32),
        "c": np.float64(2.0), "d": np.zeros((2, 0, 3)),
    }  # fmt: skip
    x = np.ones((6, 1))
    run = cr.epoch(f, "numba")
    new, _ = run(carry, x, batch_size=2)
    assert_equal(new["count"], np.array([4, 5]))
    x[5] = 0
    with pytest.raises(StepError, match="step 2 of 3") as caught:
        run(carry, x, batch_size=2)
    assert_equal(caught.value.carry["a"], carry["a"])
    # Finite numbers of which the squares are not.
    x[5] = 1
    carry["a"] = np.full((3, 2), 1e200)
    assert_equal(run(carry, x, batch_size=2)[0]["a"], carry["a"])


@pytest.mark.parametrize("team", [False, True])
def test_what_an_update_makes_too_small_for_all_digits_is_zero(team, monkeypatch):
    if team:
        monkeypatch.setattr("chainrule.execute.numba_executor._LARGE_WORK", 0)
    tiny = np.float32(1e-40)

    def f(carry, x):
        w, m = carry
        small = tiny * np.sum(x)  # what is no update keeps its digits
        m = np.float32(0.9) * m + np.float32(0.1) * np.mean(x) * np.float32(0)
        return (w - m, m), small

    start = np.ones((3, 5), np.float32), np.full((3, 5), 1e-36, np.float32)
    (w, m), small = cr.epoch(f, "numba")(start, np.ones((60, 2), np.float32), batch_size=1)
    assert_equal(w, start[0])
    assert 0 < 0.9**60 * 1e-36 < np.finfo(np.float32).smallest_normal
    assert (m == 0).all() == native.IS_X86
    np.testing.assert_array_equal(small, np.full(60, tiny * np.float32(2)))
    assert tiny * np.float32(1) == tiny  # and Python goes on as before


def test_a_position_that_is_refused_in_an_update_leaves_tiny_numbers_alone():
    def f(w, x):
        at = np.sum(x, axis=1).astype(np.int64)
        return w - 0.1 * np.sum(w[at]), np.sum(x)

    x = np.ones((4, 2))
    run = cr.epoch(f, "numba")
    run(np.ones(5), x, batch_size=2)
    x[3] = 9
    with pytest.raises(IndexError):
        run(np.ones(5), x, batch_size=2)
    tiny = np.float32(1e-40)
    assert tiny * np.float32(1) == tiny
