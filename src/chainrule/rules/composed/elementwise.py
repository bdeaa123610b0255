"""Functions of single numbers with more than one result, and comparisons up to a tolerance."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.rules.operands import refuse_out
from chainrule.rules.stepwise import BINARY_EXPONENT


def _frexp(x: Any) -> tuple[Any, Any]:
    exponent = BINARY_EXPONENT(x)
    return np.ldexp(x, -exponent), exponent


def _isclose(
    a: Any, b: Any, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False
) -> Any:
    close = (np.abs(a - b) <= atol + rtol * np.abs(b)) & np.isfinite(b) | (a == b)
    return close | np.isnan(a) & np.isnan(b) if equal_nan else close


def _allclose(
    a: Any, b: Any, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False
) -> Any:
    return np.all(_isclose(a, b, rtol, atol, equal_nan))


def _array_equal(a1: Any, a2: Any, equal_nan: bool = False) -> Any:
    if np.shape(a1) != np.shape(a2):
        return False
    equal = np.equal(a1, a2)
    return np.all(equal | np.isnan(a1) & np.isnan(a2) if equal_nan else equal)


def _array_equiv(a1: Any, a2: Any) -> Any:
    try:
        np.broadcast_shapes(np.shape(a1), np.shape(a2))
    except ValueError:
        return False
    return np.all(np.equal(a1, a2))


def _infinite(x: Any, out: Any, sign: Any) -> Any:
    refuse_out(out)
    return np.isinf(x) & (sign * x > 0)


#: NumPy function -> the same in terms of others.
TABLE: dict[Any, Callable[..., Any]] = {
    np.divmod: lambda x1, x2: (np.floor_divide(x1, x2), np.remainder(x1, x2)),
    np.modf: lambda x: (np.fmod(x, 1.0), np.trunc(x)),
    np.frexp: _frexp,
    np.isclose: _isclose,
    np.allclose: _allclose,
    np.array_equal: _array_equal,
    np.array_equiv: _array_equiv,
    np.isposinf: lambda x, out=None: _infinite(x, out, 1),
    np.isneginf: lambda x, out=None: _infinite(x, out, -1),
}
if hasattr(np, "fix"):  # deprecated since NumPy 2.5
    TABLE[np.fix] = lambda x: np.trunc(x)
