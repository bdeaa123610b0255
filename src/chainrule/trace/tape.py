"""The fast trace: values and a list of records, no graph.

A record is a tuple ``(op, parents, operands, params, out)``: `parents` are the indices
of the records that made the operands, -1 for a constant. Operations without
derivative leave no record; their results are plain numbers and arrays.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule.graph import INPUT, NO_PARAMS
from chainrule.op import Op
from chainrule.trace import memory
from chainrule.trace.base import Trace
from chainrule.trace.failure import explained
from chainrule.trace.traced import Traced, apply

Record = tuple[Op, Sequence[int], Sequence[Any], Any, Any]


class Tape(Trace):
    """Records what a gradient has to pass through.

    Attributes
    ----------
    records : list of Record
        In the order in which they were computed.
    """

    __slots__ = ("records",)
    #: Whether elements that the way back does not read are let go of.
    is_light = True

    def __init__(self, level: int) -> None:
        super().__init__(level)
        self.records: list[Record] = []

    def input(self, value: Any) -> Traced:
        """Add an argument to differentiate with respect to."""
        self.records.append((INPUT, (), (), NO_PARAMS, value))
        return Traced(self, len(self.records) - 1, value)

    def record(self, op: Op, operands: Sequence[Any], params: Any) -> Any:
        """Compute an operation and remember it."""
        if len(operands) == 1 and not params:
            (operand,) = operands
            if operand.__class__ is Traced and operand._trace is self and self.open:
                value = operand.value
                if value.__class__ is not Traced:
                    return self._record_one(op, operand.index, value)
        values = []
        parents = []
        nested = False
        for operand in operands:
            value, parent = operand, -1
            if operand.__class__ is Traced:
                if operand._trace is self:
                    value, parent = operand.value, operand.index
                nested = nested or value.__class__ is Traced
            parents.append(parent)
            values.append(value)
        if not self.open:
            self.check_open()
        try:
            if nested:
                out = apply(op, values, params)
            elif params:
                out = op.forward(*values, **params)
            else:
                out = op.forward(*values)
        except Exception as error:
            raise explained(error, op, values) from error
        if op.vjp is None:
            return out
        kept: Any = out
        large = out if op.elementwise else values[0]
        if large.__class__ is np.ndarray and large.nbytes >= memory.LARGE and self.is_light:
            operands, kept = memory.lightened(op, parents, values, out)
        else:
            operands = values
        records = self.records
        records.append((op, tuple(parents), tuple(operands), params, kept))
        return Traced(self, len(records) - 1, out)

    def _record_one(self, op: Op, parent: int, value: Any) -> Any:
        """Do the same for one operand and nothing else, as most functions have it."""
        try:
            out = op.forward(value)
        except Exception as error:
            raise explained(error, op, (value,)) from error
        if op.vjp is None:
            return out
        operands: Sequence[Any] = (value,)
        kept = out
        if value.__class__ is np.ndarray and value.nbytes >= memory.LARGE and self.is_light:
            operands, kept = memory.lightened(op, (parent,), operands, out)
        records = self.records
        records.append((op, (parent,), operands, NO_PARAMS, kept))
        return Traced(self, len(records) - 1, out)


class WholeTape(Tape):
    """A tape that keeps all elements, whether the way back reads them or not."""

    __slots__ = ()
    is_light = False
