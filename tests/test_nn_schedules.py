"""Schedules: the learning rate as a function of the step."""

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn
from chainrule.errors import ArgumentError
from chainrule.nn.schedules import cosine, one_cycle, step, warm_up

ALL = {
    "step": step(0.1, every=3, factor=0.5),
    "cosine": cosine(0.1, 12, lowest=0.01),
    "warm-up of a number": warm_up(0.1, 4),
    "warm-up": warm_up(cosine(0.1, 8), 4),
    "one cycle": one_cycle(0.1, 16, rise=0.4, start=5.0, end=10.0),
}
EVERY = pytest.mark.parametrize("schedule", ALL.values(), ids=ALL)


def rates(schedule, steps=20):
    return np.array([schedule(float(t)) for t in range(steps)])


@EVERY
def test_a_rate_for_each_step(schedule):
    found = rates(schedule)
    assert found.max() == pytest.approx(0.1, rel=0.01)  # the top may lie between two steps
    assert np.all(found >= 0)
    assert len(set(found.round(12))) > 3


def test_step_falls_at_whole_multiples():
    t = np.array([0, 2, 3, 5, 6, 3 * 2**22 - 1, 3 * 2**22], np.float32)
    fallen = np.array([0, 0, 1, 1, 2, 2**22 - 1, 2**22])
    np.testing.assert_allclose(step(1.0, 3, 0.9999999)(t[:5]), 0.9999999 ** fallen[:5], rtol=1e-6)
    # A third is not a number of single precision; its whole part must be right all the same.
    np.testing.assert_array_equal(np.floor(t / 3), fallen)


def test_cosine_ends_where_it_is_told_and_stays_there():
    found = rates(cosine(0.1, 12, lowest=0.01))
    assert found[0] == 0.1
    assert found[6] == pytest.approx(0.055)
    np.testing.assert_allclose(found[12:], 0.01)
    assert np.all(np.diff(found[:13]) < 0)


def test_warm_up_rises_to_the_beginning_of_what_follows():
    after = cosine(0.1, 8)
    found = rates(warm_up(after, 4))
    np.testing.assert_allclose(found[:5], 0.1 * np.array([0.2, 0.4, 0.6, 0.8, 1.0]))
    np.testing.assert_allclose(found[4:], rates(after, 16))
    np.testing.assert_allclose(rates(warm_up(lambda t: 0.1 / (t + 1), 1))[1:3], [0.1, 0.05])


def test_one_cycle_rises_and_falls():
    found = rates(one_cycle(0.1, 21, rise=0.5, start=10.0, end=100.0), 23)
    # Its highest point is at 9.5 of 0 to 20.
    assert found[0] == pytest.approx(0.01)
    assert found[20] == pytest.approx(0.0001)
    np.testing.assert_allclose(found[20:], 0.0001)
    assert np.all(np.diff(found[:10]) > 0)
    assert np.all(np.diff(found[10:21]) < 0)


@EVERY
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("executor", ["numpy", "numba", "jax"])
def test_a_schedule_is_the_same_in_every_executor(schedule, dtype, executor):
    def count(t, x):
        return t + 1, schedule(t)

    x = np.zeros((20, 1), dtype)
    _, found = cr.epoch(count, executor)(np.zeros((), dtype), x, batch_size=1)
    assert found.dtype == dtype
    tolerance = 2e-6 if dtype == np.float32 else 1e-12
    np.testing.assert_allclose(found, rates(schedule), rtol=tolerance, atol=1e-8)


@EVERY
def test_a_config_makes_the_same_schedule_again(schedule):
    again = nn.from_config(schedule.config())
    assert again == schedule
    assert hash(again) == hash(schedule)
    np.testing.assert_array_equal(rates(again), rates(schedule))


def test_schedules_tell_what_they_are():
    assert repr(warm_up(step(0.1, 3), 4)) == (
        "warm_up(schedule=step(rate=0.1, every=3, factor=0.1), steps=4)"
    )
    assert step(0.1, 3) != step(0.1, 4)
    assert cosine(0.1, 3) != step(0.1, 3)
    with pytest.raises(ArgumentError, match="schedule of warm_up cannot be written"):
        warm_up(lambda t: 0.1, 3).config()


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: step(-1.0, 3), "rate"),
        (lambda: step(0.1, 0), "every"),
        (lambda: step(0.1, 2.5), "2.5"),
        (lambda: step(0.1, 3, factor=np.inf), "factor"),
        (lambda: cosine(0.1, 0), "steps"),
        (lambda: cosine("x", 10), "'x'"),
        (lambda: cosine(0.1, 10, lowest=-1.0), "lowest"),
        (lambda: warm_up(-0.1, 3), "rate"),
        (lambda: warm_up(0.1, True), "True"),
        (lambda: one_cycle(0.1, 1), "from 2"),
        (lambda: one_cycle(0.1, 10, rise=0.1), "rise"),
        (lambda: one_cycle(0.1, 10, rise=1.0), "rise"),
        (lambda: one_cycle(0.1, 10, rise="slow"), "rise"),
        (lambda: one_cycle(0.1, 10, start=0.0), "start"),
        (lambda: one_cycle(0.1, 10, end=0), "end"),
    ],
)
def test_schedules_that_cannot_be(make, says):
    with pytest.raises(ArgumentError, match=says):
        make()
