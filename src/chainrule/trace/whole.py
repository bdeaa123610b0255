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
    >>> def is_whole(name, *numbers):
    ...     result = TABLE[name].forward(*numbers)
    ...     return isinstance(whole(TABLE[name], numbers, {}, result), WholeFloat)
    >>> stride = WholeFloat(2)
    >>> is_whole("multiply", stride, 3), is_whole("floor_divide", 7, stride)
    (True, True)
    >>> is_whole("divide", stride, 2), is_whole("add", stride, 0.5)
    (False, False)
    """
    if not isinstance(result, float) or not all(type(o) in (WholeFloat, int) for o in operands):
        return result
    try:
        plain = op.forward(*map(int, operands), **params)
    except (TypeError, ValueError, ArithmeticError):  # as of a negative power
        return result
    is_whole = np.asarray(plain).dtype.kind == "i" and plain == result
    return WholeFloat(result) if is_whole else result
