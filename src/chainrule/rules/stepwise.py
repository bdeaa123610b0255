"""Elementwise operations without derivative: comparisons, logic, signs, roundings."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from chainrule.notation import Notation, call, infix
from chainrule.op import Op, Sample
from chainrule.rules.elementwise import PAIRS


def _comparison(function: Any, symbol: str, text: str, latex: str, forward: Any) -> Op:
    return Op(
        name=function.__name__,
        forward=forward,
        vjp=None,
        notation=infix(symbol, "compare", "bits", text, latex, left="bits"),
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
        samples=(Sample(((3, 4),) * function.nin),),
    )


def _logic(function: Any, notation: Notation) -> Op:
    mask = np.array([[True, False, True], [False, False, True]])
    row = _step(function, notation)
    return replace(row, samples=(Sample((mask,) * function.nin),))


TABLE = (
    _comparison(np.greater, ">", ">", ">", lambda a, b: a > b),
    _comparison(np.greater_equal, ">=", "≥", r"\ge", lambda a, b: a >= b),
    _comparison(np.less, "<", "<", "<", lambda a, b: a < b),
    _comparison(np.less_equal, "<=", "≤", r"\le", lambda a, b: a <= b),
    _comparison(np.equal, "==", "=", "=", lambda a, b: a == b),
    _comparison(np.not_equal, "!=", "≠", r"\ne", lambda a, b: a != b),
    _logic(np.bitwise_and, infix("&", "bits", "sum", "and", r"\wedge")),
    _logic(np.bitwise_or, infix("|", "bits", "sum", "or", r"\vee")),
    _logic(np.invert, Notation("~{0:unary}", "not {0:unary}", r"\neg {0:unary}", "unary")),
    _step(np.logical_and),
    _step(np.logical_or),
    _step(np.logical_not),
    _step(np.sign),
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
)
