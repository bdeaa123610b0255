"""Plans kept on disk: what they save, and what they must never change."""

import os
import pickle
import shutil
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import chainrule as cr
from chainrule.compiling import kept
from chainrule.compiling.plans import Call
from chainrule.compiling.tracing import kinds_of
from chainrule.errors import ArgumentError
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
    many = [np.ones(1 << 14) + k for k in range(9)]  # each is small, all of them are not
    assert kept.key_of([outline(lambda x: sum(x * c for c in many[:8]), (1 << 14,))])
    assert not kept.key_of([outline(lambda x: sum(x * c for c in many), (1 << 14,))])


def test_no_place_to_keep_anything(empty_cache, monkeypatch):
    empty_cache.write_text("a file where the directory should be")
    assert cache.read("key", "plan.pickle") is None
    assert cache.write("key", "plan.pickle", b"") is None
    x, w = np.arange(4.0), np.float64(0.5)
    assert cr.compile(scaled, "numba")(x, w) == pytest.approx(scaled(x, w))


# -- what else a cache has in it ---------------------------------------------------------------


def told(f, *calls):
    """Return what can be seen of a compiled function: results, source and report."""
    compiled = cr.compile(f, "numba")
    seen = []
    for arguments in calls:
        seen.append(np.asarray(compiled(*arguments)).tobytes())
        seen += [compiled.code(), str(compiled.report())]
    return seen


def named(f):
    f.__name__ = "f"
    return f


ALIKE_FOR_FOUR = {
    "len": named(lambda x: np.tanh(x) / len(x)),
    "number": named(lambda x: np.tanh(x) / 4),
    "last": named(lambda x: np.tanh(x) / (4 if len(x) < 9 else 9)),
    "fails": named(lambda x: np.tanh(x) / [0, 0, 0, 0, 4][len(x)]),
}


@pytest.mark.parametrize("before", ALIKE_FOR_FOUR)
@pytest.mark.parametrize("name", ["len", "number"])
def test_what_others_left_changes_nothing(name, before, tmp_path, monkeypatch):
    four, nine = (np.arange(4.0),), (np.arange(9.0),)
    alone = told(ALIKE_FOR_FOUR[name], four, nine, four)
    monkeypatch.setenv("CHAINRULE_CACHE", str(tmp_path / "shared"))
    told(ALIKE_FOR_FOUR[before], four)
    assert told(ALIKE_FOR_FOUR[name], four, nine, four) == alone
    assert told(ALIKE_FOR_FOUR[name], four, nine, four) == alone  # and once more, all of it kept


def test_a_function_is_traced_as_often_with_a_full_cache_as_with_an_empty_one():
    def noisy(x):
        times.append(len(x))
        return np.sum(np.tanh(x))

    counts = []
    for _ in range(2):
        times = []
        cr.compile(noisy, "numba")(np.arange(4.0))
        counts.append(times)
    assert counts[0] == counts[1]


def test_a_refused_carry_is_told_with_its_own_line():
    def narrowed(w, x):
        return (w * np.mean(x)).astype(np.float32), np.sum(w)

    lines = []
    for shift in (0, 3):
        moved = narrowed.__code__.replace(co_firstlineno=narrowed.__code__.co_firstlineno + shift)
        narrowed.__code__ = moved
        with pytest.raises(ArgumentError) as error:
            cr.epoch(narrowed, "numba")(np.ones(2), np.ones((8, 2)), batch_size=4)
        lines.append(error.value.where.line)
    assert lines == [lines[0], lines[0] + 3]


ZEROS = [0.0, -0.0]
CONSTANTS = [
    *ZEROS, True, 1, 1.0, np.float64(1), np.float32(1), np.int32(1), np.int64(1), np.array(1.0),
    np.array(1), np.ones(1), np.ones(4), np.ones(4, np.float32), np.ones(4, ">f8"),
    np.ones(4, np.int32), np.ones(4, bool), np.zeros(4), -np.zeros(4), np.full(4, np.nan),
]  # fmt: skip


def test_constants_that_only_look_the_same():
    keys = [kept.key_of([outline(lambda x, c=c: np.arctan2(c, x))]) for c in CONSTANTS]
    assert all(keys)
    assert len(set(keys)) == len(keys)


def test_a_constant_that_changes_its_sign_alone_with_the_size():
    def f(x):
        return np.arctan2(0.0 if len(x) < 9 else -0.0, -x)

    compiled = cr.compile(f, "numba")
    for count in (4, 9, 5):
        x = np.arange(1.0, count + 1)
        np.testing.assert_array_equal(np.signbit(compiled(x)), np.signbit(f(x)))


def test_a_slice_without_an_end_for_some_sizes():
    def f(x):
        return x[: len(x) - 1 if len(x) < 7 else None] * 2

    compiled = cr.compile(f, "numba")
    for count in (4, 5, 9):
        np.testing.assert_array_equal(compiled(np.arange(float(count))), f(np.arange(float(count))))


def test_an_array_that_is_changed_in_place():
    scale = np.ones(4)

    def scaled(x):
        return x * scale

    for factor in (1.0, 3.0):
        scale *= factor
        got = cr.compile(scaled, "numba")(np.arange(4.0))
        np.testing.assert_array_equal(got, np.arange(4.0) * factor)


def test_a_function_of_the_users_is_no_part_of_a_key():
    with pytest.raises(pickle.PicklingError):
        kept._pickled(scaled)
    assert kept._pickled(np.sum)


# -- entries that are broken, of others, or too many ------------------------------------------


def flipped(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 3] ^= 0x40
    path.write_bytes(content)


@pytest.mark.parametrize("pattern", ["plan.pickle", "kernel.py", "*.nbi", "*.nbc", "digest"])
@pytest.mark.parametrize("harm", [flipped, lambda path: path.write_bytes(path.read_bytes()[:40])])
def test_a_file_that_is_damaged_is_made_anew(pattern, harm, empty_cache):
    x, w = np.arange(4.0), np.float64(0.5)
    want = cr.compile(scaled, "numba")(x, w)
    (path,) = empty_cache.rglob(pattern)
    harm(path)
    damaged = path.read_bytes()
    assert cr.compile(scaled, "numba")(x, w) == want
    (path,) = empty_cache.rglob(pattern)
    made = path.read_bytes()
    assert made != damaged
    # What was made is whole: it is read from then on, and not made once more.
    assert cr.compile(scaled, "numba")(x, w) == want
    assert path.read_bytes() == made


def test_a_plan_in_the_place_of_another(empty_cache):
    x, w = np.arange(4.0), np.float64(0.5)
    cr.compile(scaled, "numba")(x, w)
    (first,) = entries(empty_cache)
    cr.compile(scaled_by_four, "numba")(x, w)
    (second,) = {*entries(empty_cache)} - {first}
    second.write_bytes(first.read_bytes())
    assert cr.compile(scaled_by_four, "numba")(x, w) == pytest.approx(scaled_by_four(x, w))
    assert second.read_bytes() != first.read_bytes()


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="a system without owners of files")
def test_what_another_user_can_write_is_not_read(empty_cache, monkeypatch):
    x, w = np.arange(4.0), np.float64(0.5)
    want = cr.compile(scaled, "numba")(x, w)
    (entry,) = entries(empty_cache)
    key = entry.parent.name
    assert cache.read(key, "plan.pickle")
    entry.parent.chmod(0o777)
    assert cache.read(key, "plan.pickle") is None
    assert cache.write(key, "plan.pickle", b"") is None
    assert cr.compile(scaled, "numba")(x, w) == want
    entry.parent.chmod(0o700)
    entry.parent.rename(empty_cache / "elsewhere")
    entry.parent.symlink_to(empty_cache / "elsewhere")
    assert cache.read(key, "plan.pickle") is None
    entry.parent.unlink()
    (empty_cache / "elsewhere").rename(entry.parent)
    owner = entry.parent.stat().st_uid
    if owner:  # what is root's is anybody's to read
        monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
        assert cache.read(key, "plan.pickle") is None


def test_old_entries_make_room_and_nothing_else_does(empty_cache, monkeypatch):
    monkeypatch.setattr(cache, "_MOST", 10)
    keys = [f"{k:032x}" for k in range(25)]
    (empty_cache / "a user's own").mkdir(parents=True)
    for age, key in enumerate(keys):
        assert cache.write(key, "file", b"content")
        os.utime(empty_cache / key, (age, age))
        if age:
            assert cache.read(keys[0], "file")  # asked for again and again
    left = {p.name for p in empty_cache.iterdir()}
    assert {keys[0], keys[-1], "a user's own"} <= left
    assert len(left) <= 11


def test_a_cache_that_vanishes(empty_cache):
    x, w = np.arange(4.0), np.float64(0.5)
    compiled = cr.compile(scaled, "numba")
    want = compiled(x, w)
    shutil.rmtree(empty_cache)
    assert compiled(x, w) == want
    assert cr.compile(scaled, "numba")(x, w) == want
    assert len(entries(empty_cache)) == 1


def test_files_of_an_editor_beside_those_of_chainrule(tmp_path):
    (tmp_path / "module.py").write_text("")
    (tmp_path / ".#module.py").symlink_to("user@host.1")  # a link to nothing marks what is open
    assert [path for path, *_ in kept._facts(str(tmp_path))] == [str(tmp_path / "module.py")]


def test_threads_that_fill_a_cache_at_once():
    x, w = np.arange(4.0), np.float64(0.5)
    with ThreadPoolExecutor(4) as pool:
        got = list(pool.map(lambda _: cr.compile(scaled, "numba")(x, w), range(4)))
    assert len(set(got)) == 1
