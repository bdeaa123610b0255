"""How large the result of an operation will be, known from shapes before it is computed."""

from __future__ import annotations

import math
import operator
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from chainrule.errors import ArgumentError, ChainruleError, FormulaError
from chainrule.graphing import record
from chainrule.lab import limits
from chainrule.op import shape_of
from chainrule.trace import Traced

#: What a trace of shapes alone may raise where a shape depends on values, as of `unique`.
UNKNOWN = (
    *(ChainruleError, TypeError, ValueError, AttributeError, IndexError, ArithmeticError),
    RecursionError,
)


def soon() -> float:
    """Return the time, as by ``time.monotonic``, until which work that begins now may take."""
    return time.monotonic() + limits.WORK_SECONDS


class Meter:
    """Refuses an operation of a formula whose result would be too large, before it is run.

    Parameters
    ----------
    until : float
        Time, as by ``time.monotonic``, after which nothing more is begun.
    """

    def __init__(self, until: float) -> None:
        self._until = until
        self._numbers = 0
        self._operations = 0

    def admit(self, function: Callable[..., Any], operands: tuple[Any, ...]) -> None:
        """Refuse what is too late, or given too large a whole number.

        Raises
        ------
        FormulaError
        """
        if time.monotonic() > self._until:
            raise FormulaError(
                "the formula takes too long",
                expected=f"at most {limits.WORK_SECONDS:g} seconds",
                instead="write smaller arrays",
            )
        if _count(function, operands) > limits.MAX_COUNT:
            raise FormulaError(
                "a whole number is too large for a call",
                expected=f"at most {limits.MAX_COUNT:,}",
                instead="write a smaller number",
            )

    def measure(
        self, function: Callable[..., Any], operands: tuple[Any, ...], keywords: Mapping[str, Any]
    ) -> None:
        """Refuse what is too large or too late.

        Raises
        ------
        FormulaError
        """
        self.admit(function, operands)
        sizes = sizes_of(function, operands, keywords)
        self._operations += len(sizes)
        self._numbers += sum(sizes)
        if max(sizes, default=0) > limits.MAX_ELEMENTS:
            raise FormulaError(
                "the result would be too large to be explained",
                expected=f"at most {limits.MAX_ELEMENTS:,} numbers",
                got=f"{max(sizes):,}",
                instead="write smaller arrays",
            )
        if self._numbers > limits.MAX_TOTAL or self._operations > limits.MAX_OPERATIONS:
            raise FormulaError(
                "the formula comes to too much",
                expected=f"at most {limits.MAX_OPERATIONS:,} operations on "
                f"{limits.MAX_TOTAL:,} numbers",
                instead="write a shorter formula, or smaller arrays",
            )


def sizes_of(
    function: Callable[..., Any], operands: tuple[Any, ...], keywords: Mapping[str, Any]
) -> list[int]:
    """Return the sizes of all arrays that a call makes, from the shapes of its operands.

    The call is traced with shapes alone. Where its result depends on values, as that of
    `unique` does, it is taken for as large as its operands.

    Examples
    --------
    >>> import operator
    >>> sizes_of(operator.add, (np.ones((30, 1)), np.ones((1, 50))), {})
    [1500]
    """
    if function is operator.getitem:
        # What an index picks depends on its numbers, which no gradient goes through.
        try:
            index = _known(operands[1])
        except UNKNOWN:  # where shapes alone are traced, and nothing is computed
            return [math.prod(shape_of(operands[0]))]
        return sizes_of(lambda array: array[index], operands[:1], keywords)
    arrays = {i: o for i, o in enumerate(operands) if shape_of(o) != ()}
    if not arrays:
        return [1]

    def alone(*stand_ins: Any) -> Any:
        filled = dict(zip(arrays, stand_ins, strict=True))
        return function(*(filled.get(i, _plain(o)) for i, o in enumerate(operands)), **keywords)

    # One number each, at all places: nothing of their size is made.
    shapes = [np.broadcast_to(np.float64(1), shape_of(o)) for o in arrays.values()]
    try:
        graph = record(alone, tuple(shapes), {}, values=False, strict=False).graph
    except ArgumentError:
        return [1]  # a list or a pair of results, which the formula will be refused for
    except UNKNOWN:
        return [max(math.prod(shape_of(o)) for o in arrays.values())]
    return [math.prod(node.shape) for node in graph.nodes if not node.is_input]


def _plain(operand: Any) -> Any:
    """Return a number that stands for one that is traced elsewhere."""
    return operand if isinstance(operand, (int, float, bool, slice, tuple)) else 1.0


def _known(index: Any) -> Any:
    """Return an index with the numbers of what is traced in it."""
    if isinstance(index, tuple):
        return tuple(map(_known, index))
    if isinstance(index, slice):
        return slice(*map(_known, (index.start, index.stop, index.step)))
    if not isinstance(index, Traced):
        return index
    return np.asarray(index) if index.shape else operator.index(index)


def _count(function: Callable[..., Any], operands: tuple[Any, ...]) -> int:
    """Return the largest whole number that a call is given, which may be a length or a count."""
    if isinstance(function, np.ufunc) or not hasattr(function, "__name__"):
        return 0  # it works number by number, or is an operator
    return max((abs(o) for o in operands if type(o) is int), default=0)
