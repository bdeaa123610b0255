"""Calls of elementwise functions: remainders, signs, steps, roundings, comparisons, bits."""

import numpy as np

CONSTANTS = {
    "INTS": np.array([3, -1, 2, 0]),
    "GAPS": np.array([0.1, np.nan, 0.3, np.nan]),
    "HOLES": np.array([[1.0, np.nan, np.inf, 0.5]] * 3),
}

_BINARY = ("a p", "a q[0]", "s r", "a 0.8", "2 p", "s t", "[1.0,2.0,3.0,4.0] p")

CALLS = "\n".join(
    [
        *(
            f"np.{name}({', '.join(pair.split())})"
            for name in ["remainder", "mod", "fmod", "floor_divide"]
            for pair in _BINARY
        ),
        *(
            f"np.{name}({', '.join(pair.split())})"
            for name in ["fmax", "fmin", "logaddexp2", "copysign", "nextafter"]
            for pair in ("a b", "a w", "w a", "a s", "a 0.5", "0.5 a", "s t")
        ),
        *(
            f"np.{name}({x})"
            for name in [
                "sinc",
                "i0",
                "signbit",
                "spacing",
                "fix",
                "round",
                "around",
                "isposinf",
                "isneginf",
                "nan_to_num",
            ]
            for x in ("a", "s", "c", "v")
        ),
    ]
)
CALLS += """
np.fmax(a, GAPS)
np.fmin(GAPS, a)
np.float_power(p, [1.0, 2.0, 0.5, -1.0])
np.heaviside(a, 0.5)
np.heaviside(a, b)
np.heaviside(MASK - 1.0, w)
np.heaviside(s, t)
np.heaviside(INTS - 0.0, w)
np.ldexp(a, 2)
np.ldexp(a, INTS)
np.ldexp(s, -3)
np.ldexp(v, np.argmax(a, axis=0))
np.modf(a)[0]
np.modf(r)[1]
np.modf(-s)[0]
np.frexp(a)[0]
np.frexp(a)[1]
np.frexp(s)[0]
np.divmod(a, p)[0]
np.divmod(a, p)[1]
np.divmod(a, 0.75)[1]
np.divmod(2.0, p)[1]
np.round(v, 1)
np.round(a, decimals=-1)
np.around(t, 1)
np.nan_to_num(a, nan=1.0)
np.nan_to_num(a, True, 1.0, posinf=2.0, neginf=-2.0)
np.nan_to_num(a + HOLES, nan=1.0, posinf=2.0)
np.clip(a, w, w - 1)
np.clip(a, 1.0, -1.0)
np.clip(w, 1.0, a)
np.isclose(a, b)
np.isclose(a, a + 1e-9)
np.isclose(a, HOLES)
np.isclose(a, b, 0.5, 0.1)
np.isclose(a, b, rtol=0.1, atol=0.5)
np.isclose(a * HOLES, b * HOLES, equal_nan=True)
np.isclose(s, 1.0)
np.allclose(a, b)
np.allclose(a, a + 1e-9)
np.allclose(a, 0.0, atol=5.0)
np.array_equal(a, b)
np.array_equal(a, a)
np.array_equal(a * HOLES, a * HOLES, equal_nan=True)
np.array_equiv(a, a[:1])
np.array_equiv(v, v[None])
np.logical_xor(a > 0, b > 0)
np.logical_xor(a > 0, MASK)
np.bitwise_xor(a > 0, b > 0)
np.bitwise_xor(np.argmax(a, axis=1), 3)
np.left_shift(np.argmax(a, axis=1), 2)
np.bitwise_left_shift(np.argmax(a, axis=1), 1)
np.right_shift(np.argmax(a, axis=1), 1)
np.bitwise_right_shift(7, np.argmax(a, axis=1))
np.bitwise_count(np.argmax(a, axis=1))
np.gcd(np.argmax(a, axis=1), 6)
np.lcm(np.argmax(a, axis=1) + 1, 4)
np.floor_divide(np.argmax(a, axis=1), 2)
np.remainder(np.argmax(a, axis=1), 2)
"""
