"""Makers of rows: elementwise operations on one operand and on two."""

from __future__ import annotations

from typing import Any

from chainrule.notation import Notation, call
from chainrule.op import Op, Sample, Vjp

#: Operands of operations that take two.
PAIRS = (Sample(((3, 4), (3, 4))), Sample(((3, 4), (4,))), Sample(((2, 1, 3), (4, 1))))


def unary(
    function: Any,
    derivative: Vjp | None,
    reason: str = "",
    latex: str | None = None,
    low: float = -2.0,
    high: float = 2.0,
    notation: Notation | None = None,
    also: tuple[Any, ...] = (),
    entire: bool = False,
) -> Op:
    """Make the row of a function of one number."""
    name = function.__name__
    return Op(
        name=name,
        forward=function,
        vjp=None if derivative is None else (derivative,),
        notation=notation or call(f"np.{name}", latex),
        reason=reason,
        numpy=(function, *also),
        elementwise=True,
        entire=entire,
        low=low,
        high=high,
        samples=(Sample(((3, 4),)), Sample(((),))),
    )


def binary(
    function: Any,
    vjp: tuple[Vjp | None, ...] | None,
    reason: str,
    notation: Notation,
    low: float = -2.0,
    high: float = 2.0,
    forward: Any = None,
    constant_last: bool = False,
    samples: tuple[Sample, ...] = PAIRS,
    chooses: bool = False,
    composition: Any = None,
) -> Op:
    """Make the row of an operation on two operands."""
    return Op(
        name=function.__name__,
        constant_last=constant_last,
        forward=forward or function,
        vjp=vjp,
        notation=notation,
        reason=reason,
        numpy=(function,),
        elementwise=True,
        chooses=chooses,
        composition=composition,
        low=low,
        high=high,
        samples=samples,
    )
