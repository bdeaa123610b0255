"""Arithmetic: sums, products, quotients, powers, remainders.

Conventions at points without a derivative: ``a ** b`` at a = 0 does not change with b, and
neither do quotients that are rounded, where they jump.
"""

from __future__ import annotations

import functools
import operator
from typing import Any

import numpy as np

from chainrule.notation import Notation, Written, call, infix
from chainrule.op import Op, Sample
from chainrule.rules.elementwise import PAIRS, binary
from chainrule.rules.operands import known, without_zero

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


#: What binds no tighter than a sum: a minus sign at its start belongs to a part of it.
_LOOSER = ("any", "compare", "or", "xor", "and", "sum")


def _sum_in_code(*terms: Written) -> str:
    rest = "".join(
        f" - {term.string[1:]}"
        if term.string.startswith("-") and term.level not in _LOOSER
        else f" + {term:product!}"
        for term in terms[1:]
    )
    return f"{terms[0]:sum}{rest}"


def _sum_in_mathematics(*terms: Written) -> str:
    return f"{terms[0]:sum}" + "".join(f" + {term:product!}" for term in terms[1:])


_SUM = Notation(_sum_in_code, _sum_in_mathematics, _sum_in_mathematics, "sum")

#: Dividends and divisors whose quotients are no whole numbers, nor close to one.
_BETWEEN_JUMPS = (
    Sample((np.array([[1.7, -2.2, 0.4], [0.9, -0.5, 3.1]]), np.array([0.7, -1.3, 0.9]))),
    Sample((np.array([[1.7], [-2.2]]), np.array([0.7, -1.3, 0.9, 1.0]))),
    Sample((np.array(1.7), np.array(0.7))),
)

DIVIDE = binary(
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
)


def _repeated_product(a: Any, b: Any) -> Any:
    """Compose a power of whole numbers, for an exponent that is known and small."""
    exponent = known(b)
    if exponent is None or np.ndim(exponent) or exponent not in range(1, 9):
        raise ValueError("the exponent is not known, or large")
    return functools.reduce(operator.mul, [a] * int(exponent))


def _remainder_towards_zero(a: Any, b: Any) -> Any:
    rest = np.remainder(np.abs(a), np.abs(b))
    return np.copysign(rest, a) if rest.dtype.kind == "f" else rest * np.sign(a)


TABLE = (
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
    binary(
        np.subtract,
        (lambda g, out, a, b: g, lambda g, out, a, b: -g),
        "a difference changes one for one with its first term and against its second",
        infix("-", "sum", "product"),
        forward=lambda a, b: a - b,
    ),
    binary(
        np.multiply,
        (lambda g, out, a, b: g * b, lambda g, out, a, b: g * a),
        "the derivative of a product with respect to one factor is the other factor",
        infix("*", "product", "unary", text="·", latex=r"\cdot"),
        forward=lambda a, b: a * b,
    ),
    DIVIDE,
    binary(
        np.power,
        (
            # A constant, a ** 0, stays one: its derivative is 0 at a = 0, too.
            lambda g, out, a, b: g * b * a ** (b - (b != 0)),
            # The logarithm of 0 is left out: 0 ** b stays 0 where b changes.
            lambda g, out, a, b: g * out * np.log(without_zero(a)),
        ),
        "a power's derivative is exponent · base^(exponent - 1)",
        Notation("{0:atom!} ** {1:power}", "{0:atom!}^{1:power}", "{0:atom!}^{{{1}}}", "power"),
        forward=_power,
        low=0.5,
        composition=_repeated_product,
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
    binary(
        np.remainder,
        (lambda g, out, a, b: g, lambda g, out, a, b: -g * np.floor_divide(a, b)),
        "a remainder changes one for one with the dividend, and by -(whole quotient) "
        "with the divisor",
        infix("%", "product", "unary", "mod", r"\bmod"),
        forward=lambda a, b: a % b,
        low=0.5,
        samples=_BETWEEN_JUMPS,
    ),
    binary(
        np.fmod,
        (lambda g, out, a, b: g, lambda g, out, a, b: -g * np.trunc(a / b)),
        "a remainder changes one for one with the dividend, and by -(whole quotient) "
        "with the divisor",
        call("np.fmod", arity=2, loop=""),
        composition=_remainder_towards_zero,
        low=0.5,
        samples=_BETWEEN_JUMPS,
    ),
    binary(
        np.ldexp,
        (lambda g, out, a, n: np.ldexp(g, n), None),
        "a number times a power of two changes by that power",
        Notation("np.ldexp({0}, {1})", "ldexp({0}, {1})", r"{0:product} \cdot 2^{{{1}}}"),
        samples=(Sample(((3, 4), np.array([1, -2, 0, 3]))), Sample(((2, 1), np.array([1, -2])))),
    ),
    binary(
        np.nextafter,
        (lambda g, out, a, b: g, None),
        "the next floating-point number moves along with its neighbour",
        call("np.nextafter", arity=2),
    ),
)
