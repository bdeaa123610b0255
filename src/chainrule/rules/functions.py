"""Functions of one number: exponentials, logarithms, roots, angles.

Each derivative is written in the form that keeps its digits: ``(1 - a) * (1 + a)`` where
``1 - a**2`` would lose them near 1, a hypotenuse where a square would overflow. ``abs`` has
derivative 0 at 0. Where the true one-sided derivative is infinite, as for ``sqrt`` at 0 or
``arccos`` at 1, it is infinite here, too, and whoever asked for it is told so.

Formulas: NIST Digital Library of Mathematical Functions, 4.7 (exponentials and logarithms),
4.20, 4.24, 4.34, 4.38 (circular and hyperbolic functions and their inverses), 10.32.3 (I1).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from chainrule.notation import Notation, call, keywords
from chainrule.op import Op, Sample, UnsupportedArgumentError
from chainrule.rules.complex import is_complex, modulus_vjp
from chainrule.rules.elementwise import unary
from chainrule.rules.infer import of_first


def _slope_of_sinc(y: Any) -> Any:
    """Return the derivative of sin(y)/y: its series near 0, where the quotient loses digits."""
    near = np.abs(y) < 0.5
    far = np.where(near, 1.0, y)
    square = np.square(np.where(near, y, 0.0))
    series: Any = 14 / math.factorial(15)
    for k in range(6, 0, -1):
        series = 2 * k / math.factorial(2 * k + 1) - series * square
    return np.where(near, -y * series, (np.cos(far) - np.sin(far) / far) / far)


#: cos t at the middles of equal parts of a quarter of a turn.
_COSINES = np.cos((np.arange(128) + 0.5) * (np.pi / 256))


def _i1(a: Any) -> Any:
    """Return the Bessel function I1: the mean of sinh(a cos t) cos t over a turn.

    The trapezoidal rule on a period gives all digits of it, and no two terms cancel.
    """
    cosines = _COSINES.astype(getattr(a, "dtype", np.float64))
    return np.mean(np.sinh(np.expand_dims(a, -1) * cosines) * cosines, axis=-1)


def _bind_nan_to_num(
    x: Any, copy: bool = True, nan: Any = 0.0, posinf: Any = None, neginf: Any = None
) -> Any:
    if not copy:
        raise UnsupportedArgumentError("copy")
    if any(np.ndim(v) for v in (nan, posinf, neginf) if v is not None):
        raise UnsupportedArgumentError("nan")
    return (x,), {"nan": nan, "posinf": posinf, "neginf": neginf}


def _numbers_alone(a: Any, nan: Any, posinf: Any, neginf: Any) -> Any:
    """Compose what puts numbers in the places of NaN and of infinities."""
    if a.dtype.kind != "f":
        return np.copy(a)
    info = np.finfo(a.dtype)
    high = info.max if posinf is None else posinf
    low = info.min if neginf is None else neginf
    finite = np.where(a == np.inf, high, np.where(a == -np.inf, low, a))
    return np.where(a != a, nan, finite)


TABLE = (
    unary(np.exp, lambda g, out, a: g * out, "exp is its own derivative", r"\exp", entire=True),
    unary(
        np.exp2,
        lambda g, out, a: g * out * np.log(2.0),
        "2^a grows by ln 2 times itself",
        entire=True,
    ),
    unary(
        np.expm1, lambda g, out, a: g * np.exp(a), "exp(a) - 1 has derivative exp(a)", entire=True
    ),
    unary(np.log, lambda g, out, a: g / a, "the derivative of ln(a) is 1/a", r"\ln", 0.3),
    unary(
        np.log2,
        lambda g, out, a: g / (a * np.log(2.0)),
        "the derivative of ln(a)/ln(2) is 1/(a ln 2)",
        r"\log_2",
        0.3,
    ),
    unary(
        np.log10,
        lambda g, out, a: g / (a * np.log(10.0)),
        "the derivative of ln(a)/ln(10) is 1/(a ln 10)",
        r"\log_{10}",
        0.3,
    ),
    unary(np.log1p, lambda g, out, a: g / (1 + a), "ln(1 + a) has derivative 1/(1 + a)", low=-0.7),
    unary(
        np.sqrt,
        lambda g, out, a: g / (2 * out),
        "the derivative of a square root is 1/(2 · root)",
        low=0.3,
        notation=Notation("np.sqrt({0})", "sqrt({0})", r"\sqrt{{{0}}}"),
    ),
    unary(
        np.cbrt,
        lambda g, out, a: g / (3 * out**2),
        "the derivative of a cube root is 1/(3 · root^2)",
        low=0.3,
        notation=Notation("np.cbrt({0})", "cbrt({0})", r"\sqrt[3]{{{0}}}"),
    ),
    unary(
        np.square,
        lambda g, out, a: g * (2 * a),
        "the derivative of a square is twice its base",
        notation=Notation(
            "{0:atom!} ** 2",
            "{0:atom!}^2",
            "{0:atom!}^{{2}}",
            "power",
            loop="({0:unary} * {0:unary})",
        ),
    ),
    unary(np.reciprocal, lambda g, out, a: -g * out**2, "1/a has derivative -1/a^2", low=0.4),
    unary(
        np.absolute,
        modulus_vjp,
        "an absolute value changes with the sign of its argument (0 at 0)",
        notation=Notation("np.abs({0})", "|{0}|", r"\left|{0}\right|"),
        also=(np.fabs,),
        low=0.2,
    ),
    unary(np.sin, lambda g, out, a: g * np.cos(a), "the derivative of sin is cos", r"\sin"),
    unary(np.cos, lambda g, out, a: -g * np.sin(a), "the derivative of cos is -sin", r"\cos"),
    unary(
        np.tan,
        lambda g, out, a: g * (1 + out**2),
        "tan has derivative 1 + tan^2",
        r"\tan",
        -1.2,
        1.2,
    ),
    unary(
        np.arcsin,
        lambda g, out, a: g / np.sqrt((1 - a) * (1 + a)),
        "arcsin has derivative 1/sqrt(1 - a^2)",
        r"\arcsin",
        -0.8,
        0.8,
    ),
    unary(
        np.arccos,
        lambda g, out, a: -g / np.sqrt((1 - a) * (1 + a)),
        "arccos has derivative -1/sqrt(1 - a^2)",
        r"\arccos",
        -0.8,
        0.8,
    ),
    unary(
        np.arctan, lambda g, out, a: g / (1 + a**2), "arctan has derivative 1/(1 + a^2)", r"\arctan"
    ),
    unary(
        np.sinh,
        lambda g, out, a: g * np.cosh(a),
        "the derivative of sinh is cosh",
        r"\sinh",
        entire=True,
    ),
    unary(
        np.cosh,
        lambda g, out, a: g * np.sinh(a),
        "the derivative of cosh is sinh",
        r"\cosh",
        entire=True,
    ),
    unary(
        np.tanh,
        lambda g, out, a: g * (1 - out**2),
        "the derivative of tanh is 1 - tanh^2",
        r"\tanh",
    ),
    unary(
        np.arcsinh,
        lambda g, out, a: g / (np.sqrt(a**2 + 1) if is_complex(a) else np.hypot(a, 1)),
        "arcsinh has derivative 1/sqrt(a^2 + 1)",
    ),
    unary(
        np.arccosh,
        lambda g, out, a: g / (np.sqrt(a - 1) * np.sqrt(a + 1)),
        "arccosh has derivative 1/sqrt(a^2 - 1)",
        low=1.3,
        high=3.0,
    ),
    unary(
        np.arctanh,
        lambda g, out, a: g / ((1 - a) * (1 + a)),
        "arctanh has derivative 1/(1 - a^2)",
        low=-0.7,
        high=0.7,
    ),
    unary(
        np.deg2rad,
        lambda g, out, a: g * (np.pi / 180),
        "a degree is pi/180 radians",
        also=(np.radians,),
    ),
    unary(
        np.rad2deg,
        lambda g, out, a: g * (180 / np.pi),
        "a radian is 180/pi degrees",
        also=(np.degrees,),
    ),
    unary(np.positive, lambda g, out, a: g, "a value changes one for one with itself"),
    unary(
        np.sinc,
        lambda g, out, a: g * np.pi * _slope_of_sinc(np.pi * a),
        "sin(pi a)/(pi a) has derivative (cos(pi a) - sinc(a))/a, and 0 at 0",
    ),
    unary(
        np.i0,
        lambda g, out, a: g * _i1(a),
        "the Bessel function I0 has derivative I1",
        notation=call("np.i0", "I_0", loop=""),
    ),
    Op(
        name="nan_to_num",
        forward=lambda a, nan, posinf, neginf: np.nan_to_num(
            a, nan=nan, posinf=posinf, neginf=neginf
        ),
        vjp=(lambda g, out, a, nan, posinf, neginf: np.where(np.isfinite(a), g, 0.0),),
        notation=Notation(
            lambda a, **params: f"np.nan_to_num({a}{keywords(**params)})",
            lambda a, **params: f"nan_to_num({a})",
            lambda a, **params: rf"\operatorname{{nan\_to\_num}}\left({a}\right)",
            loop="",
        ),
        composition=_numbers_alone,
        reason="finite numbers pass as they are; what replaces the others does not change",
        numpy=(np.nan_to_num,),
        bind=_bind_nan_to_num,
        infer=of_first,
        chooses=True,
        elementwise=True,
        samples=(Sample(((3, 4),), {"nan": 0.0, "posinf": None, "neginf": None}),),
    ),
)
