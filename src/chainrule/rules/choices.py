"""Choices between numbers, and functions of two of them that are no arithmetic.

Conventions at points without a derivative, in this one place:

- ``maximum`` and ``minimum`` give the gradient of a tie to the second operand. A
  constant is always made the second operand when the function is traced, so that
  the derivative of ReLU at 0 is 0 whichever way it was written.
- ``clip`` has derivative 1 on its edges, ``fmax`` and ``fmin`` are as ``maximum`` and
  ``minimum``, ``copysign`` has derivative 0 at 0.
- ``hypot`` and ``arctan2`` have derivative 0 at the origin.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.notation import Notation, call
from chainrule.op import Op, Sample, Vjp
from chainrule.rules.elementwise import binary
from chainrule.rules.operands import without_zero


def _larger(a: Any, b: Any) -> Any:
    if type(a) is float and a == a and type(b) in (float, int):
        return a if a > b else float(b)
    return np.maximum(a, b)


def _smaller(a: Any, b: Any) -> Any:
    if type(a) is float and a == a and type(b) in (float, int):
        return a if a < b else float(b)
    return np.minimum(a, b)


def _condition_vjp(choice: Any) -> Vjp:
    return lambda g, out, condition, a, b: choice(condition, g)


def _bind_clip(
    a: Any, a_min: Any = None, a_max: Any = None, *, min: Any = None, max: Any = None
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    if (min is not None and a_min is not None) or (max is not None and a_max is not None):
        raise ValueError(
            "Passing `min` or `max` keyword argument when `a_min` and `a_max` are given"
        )
    low = a_min if min is None else min
    high = a_max if max is None else max
    return (a, -np.inf if low is None else low, np.inf if high is None else high), {}


def _greater_and_rest(a: Any, b: Any) -> Any:
    """Return ln(e^a + e^b) as the greater of the two, and what the other adds to it.

    The distance of two equal infinities is NaN, of which `fmax` makes one that adds nothing: unlike
    a choice between two results, that can be computed for many numbers at once.
    """
    return np.maximum(a, b) + np.log1p(np.exp(np.fmax(-np.abs(a - b), _FAR)))


def _over_square(side: Any, a: Any, b: Any) -> Any:
    """Return side / (a^2 + b^2), 0 at the origin; the square itself may be out of range."""
    distance = without_zero(np.hypot(a, b))
    return side / distance / distance


#: So far apart, the smaller of two exponents adds nothing in any precision.
_FAR = -1e4

TABLE = (
    binary(
        np.maximum,
        (lambda g, out, a, b: g * (a > b), lambda g, out, a, b: g * (a <= b)),
        "max passes the gradient to the greater of the two and none to the other",
        call("np.maximum", r"\max", "max", 2, "({0} if {0} > {1} or {0} != {0} else {1})"),
        forward=_larger,
        chooses=True,
        constant_last=True,
    ),
    binary(
        np.minimum,
        (lambda g, out, a, b: g * (a < b), lambda g, out, a, b: g * (a >= b)),
        "min passes the gradient to the smaller of the two and none to the other",
        call("np.minimum", r"\min", "min", 2, "({0} if {0} < {1} or {0} != {0} else {1})"),
        forward=_smaller,
        chooses=True,
        constant_last=True,
    ),
    Op(
        name="clip",
        forward=lambda a, low, high: np.minimum(np.maximum(a, low), high),
        vjp=(
            lambda g, out, a, low, high: g * ((a >= low) & (a <= high)),
            # Bounds that have changed places make the result the upper one.
            lambda g, out, a, low, high: g * ((a < low) & (low <= high)),
            lambda g, out, a, low, high: g * ((a > high) | (low > high)),
        ),
        notation=call("np.clip", arity=3, loop=""),
        reason="clip passes the gradient where the value is inside the bounds",
        numpy=(np.clip,),
        bind=_bind_clip,
        into=lambda out, a, low, high: (
            f"np.maximum({a}, {low}, out={out})\nnp.minimum({out}, {high}, out={out})"
        ),
        chooses=True,
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
            r"\begin{{cases}} {1} & \text{{if }} {0} \\ {2} & \text{{otherwise}} \end{{cases}}",
            loop="({1} if {0} else {2})",
        ),
        reason="where passes the gradient to the value that was chosen",
        numpy=(np.where,),
        chooses=True,
        elementwise=True,
        samples=(
            Sample((np.array([[True, False, True], [False, False, True]]), (2, 3), (2, 3))),
            Sample((np.array([True, False, True]), (2, 3), ())),
        ),
    ),
    binary(
        np.logaddexp,
        (
            lambda g, out, a, b: g * np.exp(-np.logaddexp(0, b - a)),
            lambda g, out, a, b: g * np.exp(-np.logaddexp(0, a - b)),
        ),
        "ln(e^a + e^b) changes with each term's share of the sum",
        call("np.logaddexp", arity=2, loop=""),
        composition=_greater_and_rest,
    ),
    binary(
        np.logaddexp2,
        (
            lambda g, out, a, b: g * np.exp2(-np.logaddexp2(0, b - a)),
            lambda g, out, a, b: g * np.exp2(-np.logaddexp2(0, a - b)),
        ),
        "log2(2^a + 2^b) changes with each term's share of the sum",
        call("np.logaddexp2", arity=2),
    ),
    binary(
        np.hypot,
        (
            lambda g, out, a, b: g * (a / without_zero(out)),
            lambda g, out, a, b: g * (b / without_zero(out)),
        ),
        "sqrt(a^2 + b^2) changes with each side's share of the root",
        call("np.hypot", arity=2),
        low=0.3,
    ),
    binary(
        np.arctan2,
        (
            lambda g, out, a, b: _over_square(g * b, a, b),
            lambda g, out, a, b: _over_square(-g * a, a, b),
        ),
        "an angle turns by the other side over the squared distance",
        call("np.arctan2", arity=2),
        low=0.3,
    ),
    binary(
        np.fmax,
        (
            lambda g, out, a, b: g * ((a > b) | np.isnan(b)),
            lambda g, out, a, b: g * ((a <= b) | np.isnan(a)),
        ),
        "max passes the gradient to the greater of the two and none to the other",
        call("np.fmax", arity=2, loop="({0} if {0} > {1} or {1} != {1} else {1})"),
        chooses=True,
        constant_last=True,
    ),
    binary(
        np.fmin,
        (
            lambda g, out, a, b: g * ((a < b) | np.isnan(b)),
            lambda g, out, a, b: g * ((a >= b) | np.isnan(a)),
        ),
        "min passes the gradient to the smaller of the two and none to the other",
        call("np.fmin", arity=2, loop="({0} if {0} < {1} or {1} != {1} else {1})"),
        chooses=True,
        constant_last=True,
    ),
    binary(
        np.copysign,
        (lambda g, out, a, b: g * np.sign(a) * np.copysign(1.0, b), None),
        "a copied sign turns the derivative where the sign has turned the value",
        call("np.copysign", arity=2),
        low=0.2,
    ),
    binary(
        np.heaviside,
        (None, lambda g, out, a, b: g * (a == 0)),
        "a step passes the gradient to its value at 0, there alone",
        call("np.heaviside", "H", arity=2, loop=""),
        chooses=True,
        composition=lambda a, b: np.where(a == 0, b, np.where(a > 0, 1, np.where(a < 0, 0, a))),
        samples=(Sample((np.array([-1, 0, 2], np.int8), (3,))), Sample(((3, 4), ()))),
    ),
)
