"""Makers of rows: elementwise operations on one operand and on two."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from chainrule.notation import Notation, call
from chainrule.op import Abstract, Op, Sample, Vjp, shape_of, stand_in

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
        low=low,
        high=high,
        samples=samples,
    )


def of_first(op: Op, operands: Sequence[Any], params: Mapping[str, Any]) -> Abstract:
    """Infer for functions of one number that have parameters."""
    a = operands[0]
    out = op.forward(stand_in(a, (1,)), **params)
    return Abstract(shape_of(a), np.asarray(out).dtype)
