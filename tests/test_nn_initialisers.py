"""Weights before training: variances, types, seeds."""

import numpy as np
import pytest

from chainrule.errors import ArgumentError
from chainrule.nn.initialisers import INITIALISERS, initialiser, orthogonal

VARIANCES = {
    "zeros": 0,
    "he": 2 / 200,
    "he_uniform": 2 / 200,
    "glorot": 2 / 300,
    "glorot_uniform": 2 / 300,
    "lecun": 1 / 200,
    "lecun_uniform": 1 / 200,
    "orthogonal": 1 / 200,
}


@pytest.mark.parametrize("name", INITIALISERS)
def test_variance(name):
    w = initialiser(name)(np.random.default_rng(0), (200, 100), np.float64)
    assert w.shape == (200, 100)
    assert np.var(w) == pytest.approx(VARIANCES[name], rel=0.05)
    assert abs(np.mean(w)) <= 4 * np.std(w) / np.sqrt(w.size)
    if name.endswith("_uniform"):
        assert np.abs(w).max() == pytest.approx(np.sqrt(3 * VARIANCES[name]), rel=1e-3)
    elif VARIANCES[name]:
        assert np.abs(w).max() > 3 * np.std(w)


@pytest.mark.parametrize("name", INITIALISERS)
def test_the_seed_decides_whatever_the_type(name):
    init = initialiser(name)
    one, same = (init(np.random.default_rng(3), (5, 4), t) for t in (np.float32, np.float64))
    assert (one.dtype, same.dtype) == (np.float32, np.float64)
    np.testing.assert_array_equal(one, same.astype(np.float32))


def test_a_kernel_has_its_places_among_its_inputs():
    w = initialiser("he")(np.random.default_rng(0), (3, 3, 50, 20), np.float64)
    assert np.var(w) == pytest.approx(2 / 450, rel=0.05)
    w = initialiser("glorot")(np.random.default_rng(0), (3, 3, 50, 20), np.float64)
    assert np.var(w) == pytest.approx(2 / 630, rel=0.05)


@pytest.mark.parametrize("shape", [(6, 4), (4, 6), (2, 3, 4)])
def test_orthogonal(shape):
    w = orthogonal(np.random.default_rng(1), shape, np.float64).reshape(-1, shape[-1])
    gram = w @ w.T if w.shape[0] < w.shape[1] else w.T @ w
    np.testing.assert_allclose(gram, np.eye(len(gram)), atol=1e-14)


def test_orthogonal_is_as_likely_to_reflect():
    draws = [orthogonal(np.random.default_rng(s), (2, 2), float) for s in range(400)]
    assert np.mean([np.linalg.det(w) > 0 for w in draws]) == pytest.approx(0.5, abs=0.1)
    assert np.mean([w[0, 0] > 0 for w in draws]) == pytest.approx(0.5, abs=0.1)


def test_refused():
    with pytest.raises(ArgumentError, match="two axes"):
        orthogonal(np.random.default_rng(0), (3,), float)
    with pytest.raises(ArgumentError, match="no initialiser 'she'"):
        initialiser("she")
