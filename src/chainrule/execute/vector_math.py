"""Exponentials and logarithms for loops, written so that a compiler makes vectors of them.

The mathematical library that comes with the system is called for one number at a time. These are
the series that textbooks have, after the argument was brought near zero by powers of two; they are
right to rounding, and keep infinities and NaN. They are compiled without leave to change the order
of sums, on which bringing near zero depends.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numba import types
from numba.extending import intrinsic

from chainrule.execute.native.values import Value


class _Precision:
    """What the series depend on, in single or double precision."""

    def __init__(
        self, dtype: Any, kept: int, terms: tuple[int, int], lowest: float, least: float
    ) -> None:
        info = np.finfo(dtype)
        whole = np.int32 if info.bits == 32 else np.int64
        self.kind: Any = types.float32 if info.bits == 32 else types.float64
        self.mantissa, self.bias = int(info.nmant), int(info.maxexp) - 1
        self.magic = 1.5 * 2.0**self.mantissa  # what is added to it becomes whole
        #: exp is 0 below, and infinite above; expm1 is -1 below the last.
        self.lowest, self.highest, self.least = lowest, float(np.log(info.max)), least
        #: Of ln 2 a number of few bits, so that its multiples are exact, and the rest.
        self.ln2_high = math.floor(math.log(2) * 2**kept) / 2**kept
        # log(2) to twice the digits of a double: 0.693147180559945309417232121458176568
        rest = 0.693147180559945309417232121458176568 - self.ln2_high
        self.ln2_low = rest + 2.3190468138462996e-17
        self.smallest = float(info.smallest_normal)
        self.root_half = int(np.sqrt(dtype(0.5)).view(whole))
        #: (exp(r) - 1) / r and atanh(s) / s as series; the terms left out are below rounding
        #: for r up to ln(2) / 2 and s up to (sqrt(2) - 1) / (sqrt(2) + 1).
        self.growth = [1 / math.factorial(k + 1) for k in range(terms[0])]
        self.atanh = [1 / (2 * k + 1) for k in range(terms[1])]


_PRECISIONS = {
    32: _Precision(np.float32, kept=12, terms=(8, 6), lowest=-104.0, least=-40.0),
    64: _Precision(np.float64, kept=32, terms=(14, 13), lowest=-746.0, least=-60.0),
}


def _polynomial(coefficients: Sequence[float], x: Value) -> Value:
    """Return a polynomial, its lowest coefficient first."""
    total = x.constant(coefficients[-1])
    for coefficient in reversed(coefficients[:-1]):
        total = total * x + coefficient
    return total


def _between(x: Value, low: float, high: float) -> Value:
    x = (x > low).where(x, low)
    return (x < high).where(x, high)


def _parts(x: Value, p: _Precision) -> tuple[Value, Value, Value]:
    """Return exp(r) - 1 and two factors whose product times exp(r) is exp(x)."""
    shifted = x * (1 / math.log(2)) + p.magic
    k = shifted - p.magic  # a whole number
    r = (x - k * p.ln2_high) - k * p.ln2_low
    n = k.whole()
    half = n >> 1
    first = ((half + p.bias) << p.mantissa).reinterpreted()
    second = ((n - half + p.bias) << p.mantissa).reinterpreted()
    return r * _polynomial(p.growth, r), first, second


def _exp(x: Value, p: _Precision) -> Value:
    growth, first, second = _parts(_between(x, p.lowest, p.highest), p)
    value = (growth + 1.0) * first * second
    value = (x < p.lowest).where(0.0, value)
    value = (x > p.highest).where(math.inf, value)
    return (x != x).where(x, value)


def _expm1(x: Value, p: _Precision) -> Value:
    growth, first, second = _parts(_between(x, p.least, p.highest), p)
    scale = first * second
    value = scale * growth + (scale - 1.0)
    value = (x > p.highest).where(math.inf, value)
    return (x != x).where(x, value)


def _tanh(x: Value, p: _Precision) -> Value:
    growth, first, second = _parts(_between(x + x, -60.0, 60.0), p)
    scale = first * second
    grown = scale * growth + (scale - 1.0)
    value = grown / (grown + 2.0)
    return (x != x).where(x, value)


def _log(x: Value, p: _Precision) -> Value:
    up = p.mantissa + 2
    small = x < p.smallest
    bits = small.where(x * 2.0**up, x).reinterpreted()
    # The exponent is taken so that what is left lies between sqrt(1/2) and sqrt(2).
    n = (bits - p.root_half) >> p.mantissa
    m = (bits - (n << p.mantissa)).reinterpreted()
    s = (m - 1.0) / (m + 1.0)
    k = n.floating()
    k = small.where(k - float(up), k)
    series = s * 2.0 * _polynomial(p.atanh, s * s)
    value = k * p.ln2_high + (series + k * p.ln2_low)
    value = (x == math.inf).where(math.inf, value)
    value = (x == 0.0).where(-math.inf, value)
    return ((x < 0.0) | (x != x)).where(math.nan, value)


def _log1p(x: Value, p: _Precision) -> Value:
    u = x + 1.0
    log = _log(u, p)
    value = log + (x - (u - 1.0)) / u
    value = (u == 1.0).where(x, value)
    return ((u == math.inf) | (u <= 0.0)).where(log, value)


def _callable(name: str, write: Callable[[Value, Any], Value], p: _Precision) -> Any:
    """Return what compiled code may call."""

    def typed(context: Any, x: Any) -> Any:  # pragma: no cover - compiled
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            return write(Value(builder, arguments[0]), p).value

        return p.kind(p.kind), generate

    typed.__name__ = typed.__qualname__ = name
    return intrinsic(typed)


#: Name, with the number of bits, -> what compiled code calls.
FUNCTIONS: dict[str, Any] = {
    f"{name}{bits}": _callable(f"{name}{bits}", write, p)
    for name, write in (
        ("exp", _exp), ("expm1", _expm1), ("tanh", _tanh), ("log", _log), ("log1p", _log1p)
    )
    for bits, p in _PRECISIONS.items()
}  # fmt: skip

globals().update(FUNCTIONS)
