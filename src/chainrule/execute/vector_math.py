"""Exponentials and logarithms for loops, written so that a compiler makes vectors of them.

The mathematical library that comes with the system is called for one number at a time. These are
the series that textbooks have, after the argument was brought near zero by powers of two; they are
right to rounding, and keep infinities and NaN. They are compiled without leave to change the order
of sums, on which bringing near zero depends.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

_options = {"fastmath": {"contract"}, "error_model": "numpy", "inline": "never"}


def _reinterpreting(source: Any, target: Any, element: ir.Type) -> Any:
    """Return a function that takes the bits of one type for the other."""

    @intrinsic
    def reinterpreted(context: Any, value: Any) -> Any:  # pragma: no cover - compiled
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            return builder.bitcast(arguments[0], element)

        return target(source), generate

    return reinterpreted


_float_of = _reinterpreting(types.int32, types.float32, ir.FloatType())
_double_of = _reinterpreting(types.int64, types.float64, ir.DoubleType())
_int_of = _reinterpreting(types.float32, types.int32, ir.IntType(32))
_long_of = _reinterpreting(types.float64, types.int64, ir.IntType(64))


def _horner(coefficients: list[float], variable: str, kind: str) -> str:
    """Write a polynomial, its lowest coefficient first."""
    written = f"{kind}({coefficients[-1]!r})"
    for coefficient in reversed(coefficients[:-1]):
        written = f"({written} * {variable} + {kind}({coefficient!r}))"
    return written


#: (exp(r) - 1) / r and atanh(s) / s as series; the terms left out are below rounding
#: for r up to ln(2) / 2 and s up to (sqrt(2) - 1) / (sqrt(2) + 1).
_GROWTH = {32: [1 / math.factorial(k + 1) for k in range(8)],
           64: [1 / math.factorial(k + 1) for k in range(14)]}  # fmt: skip
_ATANH = {32: [1 / (2 * k + 1) for k in range(6)], 64: [1 / (2 * k + 1) for k in range(13)]}

_TEMPLATE = '''
def parts{bits}(x):
    """Return exp(r) - 1 and two factors whose product times exp(r) is exp(x)."""
    shifted = x * f({log2e!r}) + f({magic!r})
    k = shifted - f({magic!r})  # a whole number
    r = (x - k * f({ln2_high!r})) - k * f({ln2_low!r})
    n = i(k)
    half = n >> i(1)
    first = float_of((half + i({bias})) << i({mantissa}))
    second = float_of(((n - half) + i({bias})) << i({mantissa}))
    return r * {growth}, first, second


def exp{bits}(x):
    """Return the exponential."""
    x = f(x)
    inside = min(max(x, f({lowest!r})), f({highest!r}))
    growth, first, second = parts{bits}(inside)
    value = (growth + f(1.0)) * first * second
    value = f(0.0) if x < f({lowest!r}) else value
    value = f(np.inf) if x > f({highest!r}) else value
    return x if x != x else value


def expm1{bits}(x):
    """Return the exponential less 1."""
    x = f(x)
    inside = min(max(x, f({least!r})), f({highest!r}))
    growth, first, second = parts{bits}(inside)
    scale = first * second
    value = scale * growth + (scale - f(1.0))
    value = f(np.inf) if x > f({highest!r}) else value
    return x if x != x else value


def tanh{bits}(x):
    """Return the hyperbolic tangent."""
    x = f(x)
    inside = min(max(x + x, f(-60.0)), f(60.0))
    growth, first, second = parts{bits}(inside)
    scale = first * second
    grown = scale * growth + (scale - f(1.0))
    value = grown / (grown + f(2.0))
    return x if x != x else value


def log{bits}(x):
    """Return the natural logarithm."""
    x = f(x)
    small = x < f({smallest!r})
    scaled = x * f({up!r}) if small else x
    bits = int_of(scaled)
    # The exponent is taken so that what is left lies between sqrt(1/2) and sqrt(2).
    shifted = bits - i({root_half})
    n = shifted >> i({mantissa})
    m = float_of(bits - (n << i({mantissa})))
    s = (m - f(1.0)) / (m + f(1.0))
    square = s * s
    k = f(n) - (f({up_power!r}) if small else f(0.0))
    value = k * f({ln2_high!r}) + (f(2.0) * s * {atanh} + k * f({ln2_low!r}))
    value = f(np.inf) if x == f(np.inf) else value
    value = f(-np.inf) if x == f(0.0) else value
    return f(np.nan) if x < f(0.0) or x != x else value


def log1p{bits}(x):
    """Return the logarithm of 1 + x."""
    x = f(x)
    u = f(1.0) + x
    value = log{bits}(u) + (x - (u - f(1.0))) / u
    value = x if u == f(1.0) else value
    return log{bits}(u) if u == f(np.inf) or u <= f(0.0) else value
'''


def _split_ln2(kept: int) -> tuple[float, float]:
    """Return ln 2 as a number of few bits, so that its multiples are exact, and the rest."""
    high = math.floor(math.log(2) * 2**kept) / 2**kept
    # log(2) to twice the digits of a double: 0.693147180559945309417232121458176568
    rest = (0.693147180559945309417232121458176568 - high) + 2.3190468138462996e-17
    return high, rest


def _functions(bits: int) -> dict[str, Any]:
    single = bits == 32
    high, low = _split_ln2(12 if single else 32)
    mantissa = 23 if single else 52
    info = np.finfo(np.float32 if single else np.float64)
    root = np.sqrt(info.dtype.type(0.5))
    as_int = np.int32 if single else np.int64
    source = _TEMPLATE.format(
        bits=bits, log2e=1 / math.log(2), magic=1.5 * 2.0**mantissa, ln2_high=high, ln2_low=low,
        bias=127 if single else 1023, mantissa=mantissa,
        growth=_horner(_GROWTH[bits], "r", "f"), atanh=_horner(_ATANH[bits], "square", "f"),
        lowest=-104.0 if single else -746.0, least=-40.0 if single else -60.0,
        highest=float(np.log(info.max)), smallest=float(info.smallest_normal),
        up=2.0**(mantissa + 2), up_power=float(mantissa + 2),
        root_half=int(root.view(as_int)),
    )  # fmt: skip
    namespace: dict[str, Any] = {
        "__name__": __name__,  # compiled code that was kept asks for the module
        "np": np,
        "f": np.float32 if single else np.float64,
        "i": as_int,
        "float_of": _float_of if single else _double_of,
        "int_of": _int_of if single else _long_of,
    }
    exec(compile(source, f"<chainrule functions of {bits} bits>", "exec"), namespace)
    compiled: dict[str, Any] = {}
    for name in ("parts", "exp", "expm1", "tanh", "log", "log1p"):
        function = njit(fastmath={"contract"}, error_model="numpy")(namespace[f"{name}{bits}"])
        namespace[f"{name}{bits}"] = compiled[f"{name}{bits}"] = function
    return compiled


#: Name, with the number of bits, -> compiled function.
FUNCTIONS: dict[str, Any] = {**_functions(32), **_functions(64)}

globals().update(FUNCTIONS)
