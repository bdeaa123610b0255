"""Elementwise operations: arithmetic, functions of one number, choices.

Conventions at points without a derivative, in this one place:

- ``maximum`` and ``minimum`` give the gradient of a tie to the second operand. A
  constant is always made the second operand when the function is traced, so that
  the derivative of ReLU at 0 is 0 whichever way it was written.
- ``abs`` has derivative 0 at 0, ``clip`` has derivative 1 on its edges.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.notation import Notation, Written, call, infix
from chainrule.op import Op, Sample, Vjp
from chainrule.rules.complex import modulus_vjp

#: Operands of operations that take two.
PAIRS = (Sample(((3, 4), (3, 4))), Sample(((3, 4), (4,))), Sample(((2, 1, 3), (4, 1))))


def _unary(
    function: Any,
    derivative: Vjp | None,
    reason: str = "",
    latex: str | None = None,
    low: float = -2.0,
    high: float = 2.0,
    notation: Notation | None = None,
    also: tuple[Any, ...] = (),
) -> Op:
    name = function.__name__
    return Op(
        name=name,
        forward=function,
        vjp=None if derivative is None else (derivative,),
        notation=notation or call(f"np.{name}", latex),
        reason=reason,
        numpy=(function, *also),
        elementwise=True,
        low=low,
        high=high,
        samples=(Sample(((3, 4),)), Sample(((),))),
    )


def _binary(
    function: Any,
    vjp: tuple[Vjp | None, ...] | None,
    reason: str,
    notation: Notation,
    low: float = -2.0,
    high: float = 2.0,
    forward: Any = None,
    constant_last: bool = False,
) -> Op:
    return Op(
        name=function.__name__,
        constant_last=constant_last,
        forward=forward or function,
        vjp=vjp,
        notation=notation,
        reason=reason,
        numpy=(function,),
        elementwise=True,
        low=low,
        high=high,
        samples=PAIRS,
    )


# Operators work on Python numbers as fast as on arrays, and keep them Python numbers.


def _add(a: Any, b: Any, *rest: Any) -> Any:
    total = a + b
    for term in rest:
        total = total + term
    return total


def _power(a: Any, b: Any) -> Any:
    # On arrays NumPy answers everything; Python's numbers raise, or turn complex.
    try:
        out = a**b
    except ZeroDivisionError:
        return float("inf")
    if out.__class__ is complex and complex not in (a.__class__, b.__class__):
        return float("nan")
    return out


def _larger(a: Any, b: Any) -> Any:
    if type(a) is float and a == a and type(b) in (float, int):
        return a if a > b else float(b)
    return np.maximum(a, b)


def _smaller(a: Any, b: Any) -> Any:
    if type(a) is float and a == a and type(b) in (float, int):
        return a if a < b else float(b)
    return np.minimum(a, b)


def _sum_in_code(*terms: Written) -> str:
    rest = "".join(
        f" - {term.string[1:]}"
        if term.string.startswith("-") and term.level != "sum"
        else f" + {term:product!}"
        for term in terms[1:]
    )
    return f"{terms[0]:sum}{rest}"


def _sum_in_mathematics(*terms: Written) -> str:
    return f"{terms[0]:sum}" + "".join(f" + {term:product!}" for term in terms[1:])


_SUM = Notation(_sum_in_code, _sum_in_mathematics, _sum_in_mathematics, "sum")

ARITHMETIC = (
    Op(
        name="add",
        forward=_add,
        vjp=lambda g, out, *terms: lambda i: g,
        notation=_SUM,
        reason="a sum changes one for one with each of its terms",
        numpy=(np.add,),
        elementwise=True,
        samples=(*PAIRS, Sample(((3, 4), (3, 4), (4,)))),
    ),
    _binary(
        np.subtract,
        (lambda g, out, a, b: g, lambda g, out, a, b: -g),
        "a difference changes one for one with its first term and against its second",
        infix("-", "sum", "product"),
        forward=lambda a, b: a - b,
    ),
    _binary(
        np.multiply,
        (lambda g, out, a, b: g * b, lambda g, out, a, b: g * a),
        "the derivative of a product with respect to one factor is the other factor",
        infix("*", "product", "unary", text="·", latex=r"\cdot"),
        forward=lambda a, b: a * b,
    ),
    _binary(
        np.divide,
        (lambda g, out, a, b: g / b, lambda g, out, a, b: -g * out / b),
        "a quotient changes by 1/denominator with its numerator, "
        "and by -quotient/denominator with its denominator",
        Notation(
            "{0:product} / {1:power!}",
            "{0:product} / {1:power!}",
            r"\frac{{{0}}}{{{1}}}",
            "product",
            "power",
        ),
        forward=lambda a, b: a / b,
        low=0.5,
    ),
    _binary(
        np.power,
        (
            # A constant, a ** 0, stays one: its derivative is 0 at a = 0, too.
            lambda g, out, a, b: g * b * a ** (b - (b != 0)),
            lambda g, out, a, b: g * out * np.log(a),
        ),
        "a power's derivative is exponent · base^(exponent - 1)",
        Notation("{0:atom!} ** {1:power}", "{0:atom!}^{1:power}", "{0:atom!}^{{{1}}}", "power"),
        forward=_power,
        low=0.5,
    ),
    Op(
        name="negative",
        forward=lambda a: -a,
        vjp=(lambda g, out, a: -g,),
        notation=Notation("-{0:unary}", "-{0:power}", "-{0:power}", "unary"),
        reason="a negated value changes against its original",
        numpy=(np.negative,),
        elementwise=True,
        samples=(Sample(((3, 4),)), Sample(((),))),
    ),
)

FUNCTIONS = (
    _unary(np.exp, lambda g, out, a: g * out, "exp is its own derivative", r"\exp"),
    _unary(np.exp2, lambda g, out, a: g * out * np.log(2.0), "2^a grows by ln 2 times itself"),
    _unary(np.expm1, lambda g, out, a: g * (out + 1), "exp(a) - 1 has derivative exp(a)"),
    _unary(np.log, lambda g, out, a: g / a, "the derivative of ln(a) is 1/a", r"\ln", 0.3),
    _unary(np.log2, lambda g, out, a: g / (a * np.log(2.0)), "ln(a)/ln(2)", r"\log_2", 0.3),
    _unary(np.log10, lambda g, out, a: g / (a * np.log(10.0)), "ln(a)/ln(10)", r"\log_{10}", 0.3),
    _unary(np.log1p, lambda g, out, a: g / (1 + a), "ln(1 + a) has derivative 1/(1 + a)", low=-0.7),
    _unary(
        np.sqrt,
        lambda g, out, a: g / (2 * out),
        "the derivative of a square root is 1/(2 · root)",
        low=0.3,
        notation=Notation("np.sqrt({0})", "sqrt({0})", r"\sqrt{{{0}}}"),
    ),
    _unary(
        np.cbrt,
        lambda g, out, a: g / (3 * out**2),
        "the derivative of a cube root is 1/(3 · root^2)",
        low=0.3,
        notation=Notation("np.cbrt({0})", "cbrt({0})", r"\sqrt[3]{{{0}}}"),
    ),
    _unary(
        np.square,
        lambda g, out, a: g * (2 * a),
        "the derivative of a square is twice its base",
        notation=Notation("{0:atom!} ** 2", "{0:atom!}^2", "{0:atom!}^{{2}}", "power"),
    ),
    _unary(np.reciprocal, lambda g, out, a: -g * out**2, "1/a has derivative -1/a^2", low=0.4),
    _unary(
        np.absolute,
        modulus_vjp,
        "an absolute value changes with the sign of its argument (0 at 0)",
        notation=Notation("np.abs({0})", "|{0}|", r"\left|{0}\right|"),
        also=(np.fabs,),
        low=0.2,
    ),
    _unary(np.sin, lambda g, out, a: g * np.cos(a), "the derivative of sin is cos", r"\sin"),
    _unary(np.cos, lambda g, out, a: -g * np.sin(a), "the derivative of cos is -sin", r"\cos"),
    _unary(
        np.tan,
        lambda g, out, a: g * (1 + out**2),
        "tan has derivative 1 + tan^2",
        r"\tan",
        -1.2,
        1.2,
    ),
    _unary(
        np.arcsin,
        lambda g, out, a: g / np.sqrt(1 - a**2),
        "1/sqrt(1 - a^2)",
        r"\arcsin",
        -0.8,
        0.8,
    ),
    _unary(
        np.arccos,
        lambda g, out, a: -g / np.sqrt(1 - a**2),
        "-1/sqrt(1 - a^2)",
        r"\arccos",
        -0.8,
        0.8,
    ),
    _unary(np.arctan, lambda g, out, a: g / (1 + a**2), "1/(1 + a^2)", r"\arctan"),
    _unary(np.sinh, lambda g, out, a: g * np.cosh(a), "the derivative of sinh is cosh", r"\sinh"),
    _unary(np.cosh, lambda g, out, a: g * np.sinh(a), "the derivative of cosh is sinh", r"\cosh"),
    _unary(
        np.tanh,
        lambda g, out, a: g * (1 - out**2),
        "the derivative of tanh is 1 - tanh^2",
        r"\tanh",
    ),
    _unary(np.arcsinh, lambda g, out, a: g / np.sqrt(a**2 + 1), "1/sqrt(a^2 + 1)"),
    _unary(np.arccosh, lambda g, out, a: g / np.sqrt(a**2 - 1), "1/sqrt(a^2 - 1)", None, 1.3, 3.0),
    _unary(np.arctanh, lambda g, out, a: g / (1 - a**2), "1/(1 - a^2)", None, -0.7, 0.7),
    _unary(np.deg2rad, lambda g, out, a: g * (np.pi / 180), "pi/180", also=(np.radians,)),
    _unary(np.rad2deg, lambda g, out, a: g * (180 / np.pi), "180/pi", also=(np.degrees,)),
    _unary(np.positive, lambda g, out, a: g, "a value changes one for one with itself"),
)


def _condition_vjp(choice: Any) -> Vjp:
    return lambda g, out, condition, a, b: choice(condition, g)


def _bind_clip(
    a: Any, a_min: Any = None, a_max: Any = None, *, min: Any = None, max: Any = None
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    low = a_min if min is None else min
    high = a_max if max is None else max
    return (a, -np.inf if low is None else low, np.inf if high is None else high), {}


CHOICES = (
    _binary(
        np.maximum,
        (lambda g, out, a, b: g * (a > b), lambda g, out, a, b: g * (a <= b)),
        "max passes the gradient to the greater of the two and none to the other",
        call("np.maximum", r"\max", "max", 2),
        forward=_larger,
        constant_last=True,
    ),
    _binary(
        np.minimum,
        (lambda g, out, a, b: g * (a < b), lambda g, out, a, b: g * (a >= b)),
        "min passes the gradient to the smaller of the two and none to the other",
        call("np.minimum", r"\min", "min", 2),
        forward=_smaller,
        constant_last=True,
    ),
    Op(
        name="clip",
        forward=lambda a, low, high: np.minimum(np.maximum(a, low), high),
        vjp=(
            lambda g, out, a, low, high: g * ((a >= low) & (a <= high)),
            lambda g, out, a, low, high: g * (a < low),
            lambda g, out, a, low, high: g * (a > high),
        ),
        notation=call("np.clip", arity=3),
        reason="clip passes the gradient where the value is inside the bounds",
        numpy=(np.clip,),
        bind=_bind_clip,
        elementwise=True,
        samples=(Sample(((3, 4), -0.5, 0.7)),),
    ),
    Op(
        name="where",
        forward=np.where,
        vjp=(
            None,
            _condition_vjp(lambda condition, g: np.where(condition, g, 0.0)),
            _condition_vjp(lambda condition, g: np.where(condition, 0.0, g)),
        ),
        notation=Notation(
            "np.where({0}, {1}, {2})",
            "where({0}, {1}, {2})",
            r"\begin{{cases}} {1} & {0} \\ {2} & \text{{otherwise}} \end{{cases}}",
        ),
        reason="where passes the gradient to the value that was chosen",
        numpy=(np.where,),
        elementwise=True,
        samples=(
            Sample((np.array([[True, False, True], [False, False, True]]), (2, 3), (2, 3))),
            Sample((np.array([True, False, True]), (2, 3), ())),
        ),
    ),
    _binary(
        np.logaddexp,
        (
            lambda g, out, a, b: g * np.exp(a - out),
            lambda g, out, a, b: g * np.exp(b - out),
        ),
        "ln(e^a + e^b) changes with each term's share of the sum",
        call("np.logaddexp", arity=2),
    ),
    _binary(
        np.hypot,
        (lambda g, out, a, b: g * a / out, lambda g, out, a, b: g * b / out),
        "sqrt(a^2 + b^2) changes with each side's share of the root",
        call("np.hypot", arity=2),
        low=0.3,
    ),
    _binary(
        np.arctan2,
        (
            lambda g, out, a, b: g * b / (a**2 + b**2),
            lambda g, out, a, b: -g * a / (a**2 + b**2),
        ),
        "an angle turns by the other side over the squared distance",
        call("np.arctan2", arity=2),
        low=0.3,
    ),
)


TABLE = ARITHMETIC + FUNCTIONS + CHOICES
