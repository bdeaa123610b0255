"""Whole numbers among the arguments of a function: they carry a gradient, and serve as indices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from chainrule.op import Op


class WholeFloat(float):
    """A float that was written as a Python int, and still serves as an index."""

    __slots__ = ()


def whole(op: Op, operands: Sequence[Any], params: Mapping[str, Any], result: Any) -> Any:
    """Return the result of an operation as a `WholeFloat` where plain Python would have an int.

    A stride is multiplied, and a length less a window divided by it, before they are an index.

    Examples
    --------
    >>> from chainrule.rules import TABLE
    >>> stride = WholeFloat(2)
    >>> for name, other in (("multiply", 3), ("floor_divide", 2), ("divide", 2), ("add", 0.5)):
    ...     op = TABLE[name]
    ...     print(name, type(whole(op, (stride, other), {}, op.forward(stride, other))).__name__)
    multiply WholeFloat
    floor_divide WholeFloat
    divide float64
    add float64
    """
    if not isinstance(result, float) or not all(type(o) in (WholeFloat, int) for o in operands):
        return result
    try:
        plain = op.forward(*map(int, operands), **params)
    except (TypeError, ValueError, ArithmeticError):  # as of a negative power
        return result
    is_whole = np.asarray(plain).dtype.kind == "i" and plain == result
    return WholeFloat(result) if is_whole else result
