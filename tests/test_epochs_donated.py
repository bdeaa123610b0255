"""Who hands in what was returned last is recognised; who has changed it in between, too."""

import gc
import weakref

import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import ArgumentError

EXECUTORS = ["numpy", "numba"]


def loss(params, X, y):
    return np.mean((X @ params[0] + params[1] - y) ** 2)


def step(carry, X, y):
    params, m, t = carry["params"], carry["m"], carry["t"]
    value, gradients = cr.value_and_grad(loss)(params, X, y)
    m = [0.9 * a + g for a, g in zip(m, gradients, strict=True)]
    params = [p - 0.01 * a for p, a in zip(params, m, strict=True)]
    return {"params": params, "m": m, "t": t + 1.0}, value


def start():
    return {
        "params": [np.array([0.5, -0.5, 0.25]), np.zeros(1)],
        "m": [np.zeros(3), np.zeros(1)],
        "t": np.float64(0.0),
    }


def rows():
    r = np.random.default_rng(0)
    X = r.standard_normal((20, 3))
    return X, X @ np.array([1.0, 2.0, 3.0]) + 1.0


def copied(carry):
    return {
        "params": [p.copy() for p in carry["params"]],
        "m": [m.copy() for m in carry["m"]],
        "t": carry["t"],
    }


@pytest.fixture(params=EXECUTORS)
def both(request):
    """Return what gives its carry up, and what keeps it."""
    if request.param == "numba":
        pytest.importorskip("numba")
    return cr.epoch(step, request.param, donate=True), cr.epoch(step, request.param)


def assert_same(got, want):
    for a, b in zip(got["params"] + got["m"], want["params"] + want["m"], strict=True):
        np.testing.assert_array_equal(a, b)
    assert got["t"] == want["t"]


def trained(run, carry, data, times=3, size=4):
    for _ in range(times):
        carry, losses = run(carry, data, batch_size=size)
    return carry, losses


def test_call_after_call_is_the_same_as_with_copies(both):
    donated, kept = both
    data = rows()
    for size in (4, 8, 4):  # 8: the last minibatch is smaller
        got, losses = trained(donated, start(), data, size=size)
        want, others = trained(kept, start(), data, size=size)
        assert_same(got, want)
        np.testing.assert_array_equal(losses, others)
        assert type(got["t"]) is np.float64


def test_an_array_that_was_put_in_its_place_is_the_one_that_counts(both):
    donated, kept = both
    carry, _ = trained(donated, start(), rows())
    mine = np.array([9.0, 8.0, 7.0])
    carry["params"][0] = mine
    want, _ = kept(copied(carry), rows(), batch_size=4)
    carry, _ = donated(carry, rows(), batch_size=4)
    assert_same(carry, want)


def test_numbers_written_in_between_count(both):
    donated, kept = both
    data = rows()
    carry, _ = trained(donated, start(), data)
    carry["m"][0][:] = 0.0
    data[1][:5] += 1.0
    want, _ = kept(copied(carry), data, batch_size=4)
    assert_same(donated(carry, data, batch_size=4)[0], want)


def test_what_was_made_read_only_is_not_written_to(both):
    donated, _ = both
    data = rows()
    carry, _ = trained(donated, start(), data)
    best = carry["params"][0]
    best.setflags(write=False)
    before = best.copy()
    donated(carry, data, batch_size=4)
    np.testing.assert_array_equal(best, before)


def test_data_that_became_a_part_of_the_carry_are_not_written_to(both):
    donated, kept = both
    X, _ = rows()
    carry, _ = trained(donated, start(), (X, X[:, 0].copy()))
    y = np.concatenate([carry["params"][0]] * 7)[:20]
    held = copied(carry)
    memory = np.concatenate([carry["params"][0], y])
    carry["params"][0], shared = memory[:3], memory[2:22]
    held["params"][0] = memory[:3].copy()
    want, _ = kept(held, (X, shared.copy()), batch_size=4)
    before = shared.copy()
    assert_same(donated(carry, (X, shared), batch_size=4)[0], want)
    np.testing.assert_array_equal(shared, before)


@pytest.mark.filterwarnings("ignore:Setting the shape:DeprecationWarning")
def test_another_shape_of_the_same_array_is_refused(both):
    donated, _ = both
    carry, _ = trained(donated, start(), rows())
    carry["m"][0].shape = (3, 1)
    with pytest.raises(ArgumentError):
        donated(carry, rows(), batch_size=4)


def test_a_carry_that_nobody_holds_is_gone(both):
    donated, _ = both
    carry, _ = trained(donated, start(), rows())
    gone = weakref.ref(carry["params"][0])
    del carry
    gc.collect()
    assert gone() is None


def test_two_carries_in_turns(both):
    donated, kept = both
    data = rows()
    one, two = start(), start()
    two["params"][0] += 1.0
    wanted = [copied(one), copied(two)]
    for _ in range(3):
        one, _ = donated(one, data, batch_size=4)
        two, _ = donated(two, data, batch_size=4)
        wanted = [kept(carry, data, batch_size=4)[0] for carry in wanted]
    assert_same(one, wanted[0])
    assert_same(two, wanted[1])


def test_a_nan_is_noticed_whenever_it_comes(both):
    donated, _ = both
    data = rows()
    carry, _ = trained(donated, start(), data)
    data[0][7, 1] = np.nan
    with pytest.raises(cr.errors.NonFiniteError):
        donated(carry, data, batch_size=4)
