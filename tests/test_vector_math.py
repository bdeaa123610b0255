"""Exponentials and logarithms of compiled loops, against NumPy's in more digits."""

import numpy as np
import pytest
from numba import njit

from chainrule.execute.vector_math import FUNCTIONS

AWKWARD = [0.0, -0.0, 1.0, -1.0, 1e-30, -1e-30, 1e-8, 88.0, -88.0, -103.0, 700.0, -740.0]
AWKWARD += [np.inf, -np.inf]


def compiled(function):
    return njit(lambda x: function(x))


@pytest.mark.parametrize("bits", [32, 64])
@pytest.mark.parametrize("name", ["exp", "expm1", "tanh", "log", "log1p"])
def test_right_to_a_few_units_in_the_last_place(name, bits):
    dtype = np.float32 if bits == 32 else np.float64
    r = np.random.default_rng(0)
    numbers = np.concatenate([r.normal(size=400) * 3, r.normal(size=100) * 1e-4, AWKWARD])
    if name.startswith("log"):
        numbers = np.concatenate([numbers, np.exp(r.normal(size=200) * 20)])
    f = compiled(FUNCTIONS[f"{name}{bits}"])
    for x in numbers.astype(dtype):
        got = dtype(f(x))
        with np.errstate(all="ignore"):
            want = getattr(np, name)(np.longdouble(x))
            rounded = dtype(want)
        if np.isnan(rounded) or np.isinf(rounded) or rounded == 0:
            assert np.isnan(got) if np.isnan(rounded) else got == rounded, x
        else:
            unit = max(np.spacing(np.abs(rounded)), np.finfo(dtype).smallest_subnormal)
            assert abs(np.longdouble(got) - want) <= 4 * unit, (x, got, want)


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_nan_stays_nan(name):
    assert np.isnan(compiled(FUNCTIONS[name])(np.float32(np.nan) if "32" in name else np.nan))
