"""Shapes and types of results that several families of rules share; more are in ``op``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from chainrule.op import Abstract, Infer, Op, shape_of, stand_in
from chainrule.rules.axes import reduced


def ones_for(operand: Any) -> Any:
    """Return an array of one element, with as many axes as an operand: it tells the type."""
    return stand_in(operand, (1,) * len(shape_of(operand)))


def dtype_of(op: Op, operands: Sequence[Any], params: Mapping[str, Any]) -> np.dtype[Any]:
    """Return the type of a result, computed from one element an operand."""
    dtype: np.dtype[Any] = np.asarray(op.forward(*map(ones_for, operands), **params)).dtype
    return dtype


def array_like(position: int) -> Infer:
    """Infer for operations whose result is an array like one of their operands."""

    def infer(op: Op, operands: Sequence[Any], params: Mapping[str, Any]) -> Abstract:
        operand = operands[position]
        return Abstract(shape_of(operand), np.asarray(stand_in(operand)).dtype)

    return infer


def of_first(op: Op, operands: Sequence[Any], params: Mapping[str, Any]) -> Abstract:
    """Infer for functions of one operand that keep its shape."""
    return Abstract(shape_of(operands[0]), dtype_of(op, operands[:1], params))


def reducing(op: Op, operands: Sequence[Any], params: Mapping[str, Any]) -> Abstract:
    """Infer for reductions of the first operand over ``axis``, with ``keepdims``."""
    kept = reduced(shape_of(operands[0]), params["axis"], params["keepdims"])
    return Abstract(kept, dtype_of(op, operands, params))
