"""Elementwise operations without derivative: comparisons, logic, signs, roundings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from chainrule.errors import UnsupportedError
from chainrule.notation import Notation, call, infix
from chainrule.op import Op, Sample
from chainrule.rules.elementwise import PAIRS
from chainrule.rules.infer import of_first


def _comparison(function: Any, symbol: str, text: str, latex: str, forward: Any) -> Op:
    return Op(
        name=function.__name__,
        forward=forward,
        vjp=None,
        notation=infix(symbol, "compare", "or", text, latex, left="or"),
        reason="a comparison does not change where it does not jump",
        numpy=(function,),
        elementwise=True,
        samples=PAIRS,
    )


def _step(function: Any, notation: Notation | None = None) -> Op:
    name = function.__name__
    return Op(
        name=name,
        forward=function,
        vjp=None,
        notation=notation or call(f"np.{name}", arity=function.nin),
        reason="a step function does not change where it does not jump",
        numpy=(function,),
        elementwise=True,
        samples=(Sample(((3, 4),) * getattr(function, "nin", 1)),),
    )


def _logic(function: Any, notation: Notation) -> Op:
    mask = np.array([[True, False, True], [False, False, True]])
    row = _step(function, notation)
    return replace(row, samples=(Sample((mask,) * function.nin),))


def _integer(function: Any, notation: Notation | None = None) -> Op:
    row = _step(function, notation)
    return replace(
        row, samples=(Sample((np.array([6, 4, 3]), np.array([2, 6, 1]))[: function.nin]),)
    )


_FLOOR_DIVIDE = Notation(
    "{0:product} // {1:power!}",
    "⌊{0:product} / {1:power!}⌋",
    r"\left\lfloor \frac{{{0}}}{{{1}}} \right\rfloor",
    "product",
    "atom",
)
_ROUND = Notation(
    lambda a, decimals: f"np.round({a}{f', {decimals}' if decimals else ''})",
    lambda a, decimals: f"round({a}{f', {decimals}' if decimals else ''})",
    lambda a, decimals: rf"\operatorname{{round}}\left({a}\right)",
)
_EXPONENT = Notation(
    "np.frexp({0})[1]",
    "exponent({0})",
    r"\operatorname{{exponent}}\left({0}\right)",
    loop="",
)


def _shifted(sign: str, far: str) -> Callable[[Any, Any], str]:
    """Write a shift; by a number of places that an integer has not, nothing is left in it.

    Both ways have the type of the integer: compilers make a float of a signed one beside an
    unsigned one.
    """

    def write(a: Any, places: Any) -> str:
        a = f"{a:atom}"
        shifted = f"{a} {sign} {places:atom}"
        if str(places).isdigit() and int(str(places)) < 64:
            return f"({shifted})"
        return f"({shifted} if 0 <= {places} < 64 else {far.format(a)})"

    return write


def _sign(a: Any) -> Any:
    if np.iscomplexobj(a):  # z / |z| is no step
        raise UnsupportedError(
            "np.sign of complex numbers has no rule.", instead="z / np.abs(z), away from 0"
        )
    return np.sign(a)


BINARY_EXPONENT = replace(
    _step(np.frexp, _EXPONENT),
    name="binary_exponent",
    forward=lambda a: np.frexp(a)[1],
    numpy=(),
    samples=(Sample(((3, 4),)),),
)

TABLE = (
    _comparison(np.greater, ">", ">", ">", lambda a, b: a > b),
    _comparison(np.greater_equal, ">=", "≥", r"\ge", lambda a, b: a >= b),
    _comparison(np.less, "<", "<", "<", lambda a, b: a < b),
    _comparison(np.less_equal, "<=", "≤", r"\le", lambda a, b: a <= b),
    _comparison(np.equal, "==", "==", "=", lambda a, b: a == b),
    _comparison(np.not_equal, "!=", "≠", r"\ne", lambda a, b: a != b),
    _logic(np.bitwise_and, infix("&", "and", "sum", "and", r"\wedge")),
    _logic(np.bitwise_or, infix("|", "or", "xor", "or", r"\vee")),
    _logic(np.invert, Notation("~{0:unary}", "not {0:unary}", r"\neg {0:unary}", "unary")),
    _integer(np.bitwise_xor, infix("^", "xor", "and", "xor", r"\oplus")),
    _integer(np.left_shift, call("np.left_shift", arity=2, loop=_shifted("<<", "{0} ^ {0}"))),
    _integer(
        np.right_shift,
        call(
            "np.right_shift", arity=2, loop=_shifted(">>", "({0} >> 63 if {0} < 0 else {0} ^ {0})")
        ),
    ),
    _integer(np.bitwise_count, call("np.bitwise_count", loop="")),
    _integer(np.gcd, call("np.gcd", r"\gcd", arity=2)),
    _integer(np.lcm),
    _step(np.logical_and),
    _step(np.logical_or),
    _step(np.logical_not),
    _step(np.logical_xor),
    replace(_step(np.sign), forward=_sign),
    _step(np.signbit),
    _step(np.spacing),
    _step(np.floor),
    _step(np.ceil),
    _step(np.rint),
    _step(np.trunc),
    _step(np.isnan),
    _step(np.isfinite),
    _step(np.isinf),
    Op(
        name="constant",
        forward=lambda a: a,
        vjp=None,
        notation=Notation("{0:atom}", "constant({0})", r"\overline{{{0}}}"),
        reason="a value that was declared constant passes no gradient",
        elementwise=True,
        samples=(Sample(((3, 4),)), Sample(((),))),
    ),
    replace(
        _step(np.floor_divide, _FLOOR_DIVIDE),
        forward=lambda a, b: a // b,
        low=0.5,
        samples=PAIRS,
    ),
    replace(
        _step(np.round, _ROUND),
        forward=lambda a, decimals: np.round(a, decimals),
        numpy=(np.round, np.around),
        bind=lambda a, decimals=0: ((a,), {"decimals": int(decimals)}),
        infer=of_first,
        samples=(Sample(((3, 4),), {"decimals": 0}), Sample(((3, 4),), {"decimals": 1})),
    ),
    BINARY_EXPONENT,
)
