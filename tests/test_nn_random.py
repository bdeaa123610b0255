"""Random numbers: the published generator, uniform, the same wherever they are drawn."""

import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import ArgumentError
from chainrule.nn.random import _philox, folded, kept, uniform

#: Rounds, counter, key and result: the vectors for Philox4x32-7 that the authors' library
#: Random123 comes with.
KNOWN = (
    ("00000000 00000000 00000000 00000000", "00000000 00000000",
     "5f6fb709 0d893f64 4f121f81 4f730a48"),
    ("ffffffff ffffffff ffffffff ffffffff", "ffffffff ffffffff",
     "5207ddc2 45165e59 4d8ee751 8c52f662"),
    ("243f6a88 85a308d3 13198a2e 03707344", "a4093822 299f31d0",
     "4dfccaba 190a87f0 c47362ba b6b5242a"),
)  # fmt: skip


def words(text):
    return [int(word, 16) for word in text.split()]


@pytest.mark.parametrize(("counter", "key", "expected"), KNOWN)
def test_known_answers(counter, key, expected):
    found = _philox([np.array([word]) for word in words(counter)], tuple(words(key)))
    assert [int(word[0]) for word in found] == words(expected)


def philox_of_the_paper(counter, key):
    """The rounds as the paper has them, with Python's integers."""
    a, b, c, d = counter
    for k in range(7):
        first, second = key[0] + k * 0x9E3779B9, key[1] + k * 0xBB67AE85
        p, q = a * 0xD2511F53, c * 0xCD9E8D57
        a, b = (q >> 32) ^ b ^ first % 2**32, q % 2**32
        c, d = (p >> 32) ^ d ^ second % 2**32, p % 2**32
    return a, b, c, d


def test_which_word_is_for_which_place():
    u = uniform(7, 11, 3, (5, 2, 10), np.float64)
    for row, i, j in np.ndindex(5, 2, 10):
        quarter, place = divmod(j, 3)
        word = philox_of_the_paper((11, row, 7, 3 * i + place), (3, 0))[quarter]
        assert u[row, i, j] == word / 2**32


def assert_uniform(u):
    """The chi-squared statistic of 100 equal bins lies within five deviations of its mean."""
    counts, _ = np.histogram(u, 100, (0, 1))
    assert counts.sum() == u.size
    expected = u.size / 100
    statistic = np.sum((counts - expected) ** 2) / expected
    assert abs(statistic - 99) < 5 * np.sqrt(2 * 99)


def assert_moments(u):
    """Mean and variance lie within five deviations of those of the uniform distribution."""
    u = np.ravel(u).astype(float)
    assert abs(u.mean() - 1 / 2) < 5 * np.sqrt(1 / 12 / u.size)
    assert abs(u.var() - 1 / 12) < 5 * np.sqrt((1 / 80 - 1 / 144) / u.size)


def assert_unrelated(u, v):
    """Neither the numbers are correlated, nor which of them are small, nor any of 24 bits."""
    u, v = np.ravel(u).astype(float), np.ravel(v).astype(float)
    bound = 5 / np.sqrt(u.size)
    assert abs(np.corrcoef(u, v)[0, 1]) < bound
    assert abs(np.corrcoef(u < 0.2, v < 0.2)[0, 1]) < bound
    for bit in range(1, 25):
        same = np.mean((u * 2**bit).astype(int) % 2 == (v * 2**bit).astype(int) % 2)
        assert abs(2 * same - 1) < bound


DRAWS = {
    "samples": lambda k: uniform(0, 0, 0, (4, 4096))[k],
    "words of a sample": lambda k: uniform(0, 0, 0, (4096, 4))[:, k],
    "places of a sample": lambda k: uniform(0, 0, 0, (4096, 8))[:, k],
    "places side by side": lambda k: uniform(0, 0, 0, (2, 4096)).T[k : 2048 + k],
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
    assert_moments(first)
    assert_moments(second)
    assert_unrelated(first, second)


def test_a_place_is_its_own_whatever_the_batch():
    whole = uniform(1, 2, 3, (10, 3, 2))
    np.testing.assert_array_equal(uniform(1, 2, 3, (4, 3, 2)), whole[:4])
    np.testing.assert_array_equal(uniform(1, 2, 3, (4,)), uniform(1, 2, 3, (9,))[:4])
    np.testing.assert_array_equal(uniform(1, 2, 3, (9,)), uniform(1, 2, 3, (9, 1))[:, 0])
    assert uniform(1, 2, 3, ()) == uniform(1, 2, 3, (9,))[0]
    for shape in ((0, 3), (3, 0), (0,), (2, 0, 4)):
        assert uniform(1, 2, 3, shape).shape == kept(1, 2, 3, shape, 0.5).shape == shape


@pytest.mark.parametrize("width", range(1, 14))
def test_every_place_of_a_row_has_a_number_of_its_own(width):
    u = uniform(0, 0, 0, (50, width), np.float64)
    assert len(np.unique(u)) == u.size


@pytest.mark.parametrize("rate", [0.0, 1e-9, 0.2, 0.5, 0.999, 1.0])
@pytest.mark.parametrize("shape", [(), (7,), (200, 30), (3, 5, 4, 2)])
def test_what_is_kept(shape, rate):
    mask = kept(3, 4, 5, shape, rate)
    assert mask.dtype == bool
    np.testing.assert_array_equal(mask, uniform(3, 4, 5, shape, np.float64) >= rate)


def test_how_many_are_kept():
    mask = kept(0, 0, 0, (1000, 1000), 0.2)
    assert abs(mask.mean() - 0.8) < 5 * np.sqrt(0.2 * 0.8 / mask.size)
    rows = mask.mean(axis=1)
    assert abs(rows.std() / np.sqrt(0.2 * 0.8 / 1000) - 1) < 5 / np.sqrt(2 * 1000)


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
        return (
            uniform(seed, step, 2, x.shape) + x,
            uniform(5, step, 0, x.shape[:1], np.float64),
            kept(seed, step, 1, (*x.shape, 2), 0.3),
        )

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


def test_seeds_of_any_size_are_folded():
    assert folded(2**32 - 1) == 2**32 - 1
    seeds = {folded(seed) for seed in range(2**32, 2**32 + 1000)}
    assert len(seeds) == 1000
    assert all(0 <= seed < 2**32 for seed in seeds)
