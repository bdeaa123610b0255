"""Plans kept on disk: what they save, and what they must never change."""

import numpy as np
import pytest

import chainrule as cr
from chainrule.compiling import kept
from chainrule.compiling.plans import Call
from chainrule.compiling.tracing import kinds_of
from chainrule.execute import cache
from tests.test_epochs import rows, start, step

pytest.importorskip("numba")


@pytest.fixture(autouse=True)
def empty_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("CHAINRULE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def forbid_planning(monkeypatch):
    """Return what makes whoever makes a plan from then on fail."""

    def refuse(*args):
        raise AssertionError("planned anew")

    return lambda: monkeypatch.setattr("chainrule.compiling.compiled.planned", refuse)


def entries(directory):
    return sorted(directory.rglob("plan.pickle"))


def scaled(x, w):
    return np.sum(np.tanh(x * w)) / len(x)


def scaled_by_four(x, w):
    return np.sum(np.tanh(x * w)) / 4


scaled_by_four.__name__ = "scaled"


def test_a_plan_is_found_again(empty_cache, forbid_planning):
    x, w = np.arange(4.0), np.float64(0.5)
    want = cr.compile(scaled, "numba")(x, w)
    assert len(entries(empty_cache)) == 1
    forbid_planning()
    again = cr.compile(scaled, "numba")
    assert again(x, w) == want
    for count in (2, 7):  # sizes for which nothing was asked before
        x = np.arange(float(count))
        assert again(x, w) == pytest.approx(scaled(x, w), rel=1e-14)


def test_an_epoch_is_found_again_and_writes_to_what_it_is_given(forbid_planning):
    given = start()
    want, reports = cr.epoch(step, "numba")(given, rows(40, np.float64), batch_size=16)
    forbid_planning()
    carry, again = cr.epoch(step, "numba", donate=True)(given, rows(40, np.float64), batch_size=16)
    np.testing.assert_array_equal(again["loss"], reports["loss"])
    for name, value in want["p"].items():
        np.testing.assert_array_equal(carry["p"][name], value)
        assert carry["p"][name] is given["p"][name]


@pytest.mark.parametrize(("first", "then"), [(scaled, scaled_by_four), (scaled_by_four, scaled)])
def test_functions_that_are_the_same_for_one_size_alone(first, then):
    w = np.float64(0.5)
    compiled = cr.compile(first, "numba")
    x = np.arange(4.0)
    assert compiled(x, w) == pytest.approx(first(x, w), rel=1e-14)
    other = cr.compile(then, "numba")
    for count in (4, 9, 3):
        x = np.arange(float(count))
        assert other(x, w) == pytest.approx(then(x, w), rel=1e-14)


def outline(f, shape=(4,), dtype=np.float64):
    x = np.ones(shape, dtype)
    return Call(f, (x,), {}).outline(kinds_of([x]))


def test_what_tells_plans_apart():
    base = outline(lambda x: np.sum(x * 2.0))
    key = kept.key_of([base], "numba", (0,))
    assert key == kept.key_of([outline(lambda x: np.sum(x * 2.0))], "numba", (0,))
    others = [
        (outline(lambda x: np.sum(x * 3.0)), "numba", (0,)),
        (outline(lambda x: np.sum(x + 2.0)), "numba", (0,)),
        (outline(lambda x: np.sum(x * 2.0), (5,)), "numba", (0,)),
        (outline(lambda x: np.sum(x * 2.0), (4,), np.float32), "numba", (0,)),
        (outline(lambda x: np.sum(x * 2.0, keepdims=True)), "numba", (0,)),
        (outline(lambda x: np.sum(x * np.arange(4.0))), "numba", (0,)),
        (outline(lambda x: np.sum(x * np.arange(1, 5.0))), "numba", (0,)),
        (base, "numpy", (0,)),
        (base, "numba", ()),
    ]
    keys = [key, *(kept.key_of([one], *asked) for one, *asked in others)]
    assert all(keys)
    assert len(set(keys)) == len(keys)


def test_another_chainrule_finds_nothing(empty_cache, monkeypatch):
    x, w = np.arange(4.0), np.float64(0.5)
    cr.compile(scaled, "numba")(x, w)
    monkeypatch.setattr(kept, "_written_by", lambda: "a later one")
    cr.compile(scaled, "numba")(x, w)
    assert len(entries(empty_cache)) == 2


@pytest.mark.parametrize("content", [b"", b"\x80\x05.", b"cos\nsystem_\n.", b"\x80\x05K\x01."])
def test_a_broken_plan_costs_only_time(content, empty_cache):
    x, w = np.arange(4.0), np.float64(0.5)
    want = cr.compile(scaled, "numba")(x, w)
    (entry,) = entries(empty_cache)
    entry.write_bytes(content)
    assert cr.compile(scaled, "numba")(x, w) == want
    assert entry.read_bytes() != content  # made anew


def test_an_operation_of_the_users_own_is_not_kept():
    squared = cr.custom(lambda x: x * x, vjp=lambda g, out, x: g * 2 * x)
    assert kept.key_of([outline(lambda x: np.sum(squared(x)))]) == ""
    assert kept.key_of([outline(lambda x: np.sum(x * x))])


def test_large_constants_are_not_kept(empty_cache):
    large = np.ones(1 << 18)
    compiled = cr.compile(lambda x: np.sum(x * large), "numba")
    assert compiled(np.ones(1 << 18)) == 1 << 18
    assert not entries(empty_cache)


def test_no_place_to_keep_anything(empty_cache, monkeypatch):
    empty_cache.write_text("a file where the directory should be")
    assert cache.read("key", "plan.pickle") is None
    assert cache.write("key", "plan.pickle", b"") is None
    x, w = np.arange(4.0), np.float64(0.5)
    assert cr.compile(scaled, "numba")(x, w) == pytest.approx(scaled(x, w))
