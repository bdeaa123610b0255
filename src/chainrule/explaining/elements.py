"""Local derivatives between single numbers, from the rules alone.

A row of an operation's local Jacobian is its vjp with a one-hot upstream gradient. A
column is the same product the other way round: the vjp is linear in the upstream
gradient, so differentiating ⟨vjp(u), one-hot⟩ with respect to u transposes it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.backward import backpropagate, fitted
from chainrule.errors import ArgumentError
from chainrule.graph import Node
from chainrule.op import shape_of
from chainrule.trace import Tape, Traced, tracing

Index = tuple[int, ...]

#: Jacobians with more entries than this are not shown whole.
LARGEST_BLOCK = 4096


class Locals:
    """Local derivatives of the operations of one graph, remembered."""

    def __init__(self) -> None:
        self._diagonals: dict[tuple[Node, int], Any] = {}
        self._columns: dict[tuple[Node, int, Index], dict[Index, float]] = {}

    def column(self, consumer: Node, position: int, element: Index) -> dict[Index, float]:
        """Return ∂out[j]/∂in[element] for the output elements j where it is not zero.

        Parameters
        ----------
        consumer : Node
        position : int
            Which of its operands is meant by `in`.
        element : tuple of int
        """
        if consumer.op.elementwise:
            return self._elementwise(consumer, position, element)
        key = (consumer, position, element)
        if key not in self._columns:
            self._columns[key] = _column(consumer, position, element)
        return self._columns[key]

    def _elementwise(self, consumer: Node, position: int, element: Index) -> dict[Index, float]:
        key = (consumer, position)
        if key not in self._diagonals:
            ones = np.ones(consumer.shape, consumer.abstract.dtype)
            product = pulled(consumer, position, ones)
            self._diagonals[key] = np.broadcast_to(product, consumer.shape)
        diagonal = self._diagonals[key]
        shape = consumer.inputs[position].shape
        extra = len(consumer.shape) - len(shape)
        # The element stands wherever it was repeated to.
        spans: list[Any] = [range(n) for n in consumer.shape[:extra]]
        for i, n, m in zip(element, shape, consumer.shape[extra:], strict=True):
            spans.append(range(m) if n != m else (i,))
        return {j: float(diagonal[j]) for j in _product(spans) if diagonal[j] != 0}


def _product(spans: list[Any]) -> list[Index]:
    found: list[Index] = [()]
    for span in spans:
        found = [(*head, i) for head in found for i in span]
    return found


def pulled(consumer: Node, position: int, upstream: Any) -> Any:
    """Return the vjp of one operation for one operand, as the rule gives it."""
    pullback = consumer.op.pullback(position)
    if pullback is None:
        return np.zeros(consumer.inputs[position].shape)
    values = [i.value for i in consumer.inputs]
    with np.errstate(all="ignore"):  # where a branch was not taken it may be infinite
        return pullback(upstream, consumer.value, *values, **consumer.params)


def _column(consumer: Node, position: int, element: Index) -> dict[Index, float]:
    operand = consumer.inputs[position].value
    with tracing(Tape) as tape:
        upstream = tape.input(np.ones(consumer.shape, consumer.abstract.dtype)[()])
        product = pulled(consumer, position, upstream)
        if shape_of(product) != shape_of(operand):
            product = fitted(product, operand)
        if not (isinstance(product, Traced) and product._trace is tape):
            return {}
        unit = np.zeros(shape_of(operand), consumer.abstract.dtype)
        unit[element] = 1
        column = backpropagate(tape.records, {product.index: unit[()]}, (0,)).get(0)
    if column is None:
        return {}
    array = np.broadcast_to(column, consumer.shape)
    places = zip(*np.nonzero(array), strict=True) if array.ndim else [()] if array else []
    return {tuple(map(int, j)): float(array[tuple(j)]) for j in places}


def jacobian_block(consumer: Node, position: int) -> Any:
    """Return the whole local Jacobian of one operation with respect to one operand.

    Returns
    -------
    array
        Of the shape of the output followed by that of the operand.

    Raises
    ------
    ArgumentError
        When it has more than :data:`LARGEST_BLOCK` entries.
    """
    operand = consumer.inputs[position]
    size = int(np.prod(consumer.shape + operand.shape))
    if size > LARGEST_BLOCK:
        raise ArgumentError(
            f"The local Jacobian of {consumer.op.name} is too large to show.",
            expected=f"at most {LARGEST_BLOCK} entries",
            got=f"{size}",
        )
    out = np.zeros(consumer.shape + operand.shape)
    for j in np.ndindex(consumer.shape):
        unit = np.zeros(consumer.shape, consumer.abstract.dtype)
        unit[j] = 1
        product = pulled(consumer, position, unit[()])
        out[j] = fitted(product, operand.value)
    return out
