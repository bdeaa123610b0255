"""Random numbers: the published generator, uniform, the same wherever they are drawn."""

import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import ArgumentError
from chainrule.nn.random import _squares, uniform

_MASK = 2**64 - 1


def squares_of_the_paper(counter, key):
    """The C code of the paper, with Python's integers."""

    def halves_exchanged(x):
        return ((x >> 32) | (x << 32)) & _MASK

    x = y = counter * key & _MASK
    z = (y + key) & _MASK
    for added in (y, z, y):
        x = halves_exchanged((x * x + added) & _MASK)
    return ((x * x + z) & _MASK) >> 32


def test_the_generator_is_that_of_the_paper():
    key = 0xC8E4FD154CE32F6D
    counters = [*range(100), 2**32, 2**32 + 5, 2**62 + 12345]
    expected = [squares_of_the_paper(c, key) for c in counters]
    got = _squares(np.array(counters, np.int64), np.array([key - 2**64], np.int64))
    assert got.tolist() == expected


def assert_uniform(u):
    """The chi-squared statistic of 100 equal bins lies within five deviations of its mean."""
    counts, _ = np.histogram(u, 100, (0, 1))
    assert counts.sum() == u.size
    expected = u.size / 100
    statistic = np.sum((counts - expected) ** 2) / expected
    assert abs(statistic - 99) < 5 * np.sqrt(2 * 99)


def assert_unrelated(u, v):
    u, v = np.ravel(u).astype(float), np.ravel(v).astype(float)
    assert abs(np.corrcoef(u, v)[0, 1]) < 5 / np.sqrt(u.size)


DRAWS = {
    "places": lambda k: uniform(0, 0, 0, (4, 4096))[k],
    "places of a sample": lambda k: uniform(0, 0, 0, (4096, 4))[:, k],
    "steps": lambda k: np.array([uniform(0, s + k, 0, (1,))[0] for s in range(4096)]),
    "seeds": lambda k: np.array([uniform(s + k, 0, 0, (1,))[0] for s in range(4096)]),
    "layers": lambda k: np.array([uniform(0, 0, s + k, (1,))[0] for s in range(4096)]),
    "another step": lambda k: uniform(5, k, 1, (64, 64)),
    "another seed": lambda k: uniform(k, 3, 1, (64, 64)),
    "another layer": lambda k: uniform(5, 3, k, (64, 64)),
}


@pytest.mark.parametrize("draw", DRAWS.values(), ids=DRAWS)
def test_uniform_and_unrelated(draw):
    first, second = draw(0), draw(1)
    assert_uniform(first)
    assert_uniform(second)
    assert_unrelated(first, second)


def test_a_place_is_its_own_whatever_the_batch():
    whole = uniform(1, 2, 3, (10, 3, 2))
    np.testing.assert_array_equal(uniform(1, 2, 3, (4, 3, 2)), whole[:4])
    np.testing.assert_array_equal(uniform(1, 2, 3, (60,)), whole.ravel())
    assert uniform(1, 2, 3, ()) == whole[0, 0, 0]
    assert uniform(1, 2, 3, (0, 3)).shape == (0, 3)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_types(dtype):
    u = uniform(0, 0, 0, (50000,), dtype)
    assert u.dtype == dtype
    assert 0 <= u.min() < 0.001
    assert 0.999 < u.max() < 1
    np.testing.assert_allclose(u, uniform(0, 0, 0, (50000,), np.float64), atol=1e-3)


@pytest.mark.parametrize("step", [7, 7.0, np.float32(7), np.array(7.0), np.array(7)])
def test_kinds_of_steps_and_seeds(step):
    expected = uniform(4, 7, 1, (3, 2))
    np.testing.assert_array_equal(uniform(4, step, 1, (3, 2)), expected)
    for seed in (np.array(4), np.int32(4), np.array(4, np.uint32)):
        np.testing.assert_array_equal(uniform(seed, step, 1, (3, 2)), expected)


@pytest.mark.parametrize("executor", ["numpy", "numba", "jax"])
def test_executors(executor):
    if executor != "numpy":
        pytest.importorskip(executor)

    def draws(seed, step, x):
        return uniform(seed, step, 2, x.shape) + x, uniform(5, step, 0, x.shape, np.float64)

    compiled = cr.compile(draws, executor)
    for step, rows in ((0, 5), (3, 5), (2**20, 8)):
        args = np.array(4000000000), np.float32(step), np.zeros((rows, 3), np.float32)
        for got, expected in zip(compiled(*args), draws(*args), strict=True):
            assert got.dtype == expected.dtype
            np.testing.assert_array_equal(got, expected)
        assert compiled.report().executor == executor


@pytest.mark.parametrize("seed", [-1, 2**32])
def test_seeds_out_of_range_are_refused(seed):
    with pytest.raises(ArgumentError, match="4294967295"):
        uniform(seed, 0, 0, (1,))
