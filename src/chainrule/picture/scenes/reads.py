"""Which single numbers a single number is computed from."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy as np

from chainrule.backward import fitted
from chainrule.explaining.elements import Index, pulled
from chainrule.graph import Node

#: What an operation reads is found by trying each number up to this many.
TRIED = 512


def aligned(index: Index, shape: tuple[int, ...]) -> Index:
    """Return where an operand that is repeated by broadcasting is read for an index."""
    tail = index[len(index) - len(shape) :]
    return tuple(0 if n == 1 else i for i, n in zip(tail, shape, strict=True))


def is_move(node: Node) -> bool:
    """Whether an operation only puts numbers at other places."""
    return node.op.view or node.op.origin is not None


class Reads:
    """What the numbers of one graph read, remembered."""

    def __init__(self) -> None:
        self._tried: dict[tuple[Node, int], Any] = {}
        self._moved: dict[Node, Any] = {}

    def of(self, node: Node, position: int, index: Index) -> Sequence[Index]:
        """Return the elements of an operand that one element of a result is computed from."""
        operand = node.inputs[position]
        if position in node.op.shape_only:
            return ()
        if node.op.elementwise:
            return (aligned(index, operand.shape),)
        if is_move(node):
            found = self.origin(node, index)
            return (found[1],) if found is not None and found[0] == position else ()
        if operand.abstract.dtype.kind not in "fc":
            return ()
        if node.op.fold is not None and position == 0 and "axis" in node.params:
            return _folded(node, index)
        reads = self._trial(node, position) if operand.abstract.size <= TRIED else None
        changed = np.ravel(row(node, position, index) != 0)
        mask = changed if reads is None else changed | reads[(slice(None), *index)]
        return [tuple(map(int, i)) for i in np.argwhere(mask.reshape(operand.shape))]

    def origin(self, node: Node, index: Index) -> tuple[int, Index] | None:
        """Return which operand, and where in it, a moved number comes from; None for neither."""
        if node not in self._moved:
            self._moved[node] = _labelled(node)
        code = int(self._moved[node][index])
        for position, operand in enumerate(node.inputs):
            start = _START * (position + 1)
            if start <= code < start + operand.abstract.size:
                place = np.unravel_index(code - start, operand.shape)
                return position, tuple(map(int, place))
        return None

    def _trial(self, node: Node, position: int) -> Any:
        """Make one number after the other much larger and much smaller, and look what changes."""
        key = (node, position)
        if key not in self._tried:
            operand = node.inputs[position]
            values = [i.value for i in node.inputs]
            base = np.array(operand.value)
            finite = np.abs(base[np.isfinite(base)])
            far = 2 * finite.max(initial=0.0) + 1
            reached = np.zeros((base.size, *node.shape), bool)
            for flat, number in product(range(base.size), (far, -far)):
                changed = base.copy()
                changed.flat[flat] = number
                values[position] = changed[()]
                try:
                    result = np.asarray(node.op.forward(*values, **node.params))
                except (ArithmeticError, ValueError, TypeError):
                    reached[flat] = True  # it cannot do without it
                    continue
                both_nan = np.isnan(result) & np.isnan(node.value)
                reached[flat] |= (result != node.value) & ~both_nan
            self._tried[key] = reached
        return self._tried[key]


def _folded(node: Node, index: Index) -> list[Index]:
    """Return what a reduction takes in for one element, along the axes that it goes through."""
    shape, axis = node.inputs[0].shape, node.params["axis"]
    axes = range(len(shape)) if axis is None else np.atleast_1d(axis) % max(len(shape), 1)
    along = {int(a) for a in axes}
    kept = [i for i in range(len(shape)) if i not in along]
    fixed = [index[i] for i in kept] if len(index) == len(shape) else index
    ranges: list[Sequence[int]] = [range(n) for n in shape]
    for i, at in zip(kept, fixed, strict=True):
        ranges[i] = (at,)
    return list(product(*ranges))


def row(node: Node, position: int, index: Index) -> Any:
    """Return how fast one element of a result changes with each element of an operand."""
    operand = node.inputs[position]
    unit = np.zeros(node.shape, node.abstract.dtype)
    unit[index] = 1
    try:
        return np.asarray(fitted(pulled(node, position, unit[()]), operand.value))
    except (ArithmeticError, ValueError):
        return np.zeros(operand.shape)


#: Numbers of the first operand are labelled from here on, of the second from twice this on.
_START = 1 << 40


def _labelled(node: Node) -> Any:
    """Move labels in place of numbers."""
    operands = [i.value for i in node.inputs]
    for position, operand in enumerate(node.inputs):
        if position == 0 or (operand.abstract.dtype.kind in "fc" and not node.op.view):
            size = operand.abstract.size
            labels = np.arange(size, dtype=np.int64) + _START * (position + 1)
            operands[position] = labels.reshape(operand.shape)[()]
    return np.asarray(node.op.forward(*operands, **node.params))


def terms(node: Node, index: Index) -> list[tuple[Index, ...]] | None:
    """Return the products that one element of an index sum adds up; None where it is none.

    Returns
    -------
    list of tuple of index
        For each product, where each of the factors stands in its operand.
    """
    spec = contraction(node)
    if spec is None:
        return None
    inputs, result = spec
    sizes: dict[str, int] = {}
    for letters, operand in zip(inputs, node.inputs, strict=True):
        for letter, n in zip(letters, operand.shape, strict=True):
            sizes[letter] = max(n, sizes.get(letter, 0)) if n != 0 else 0
    fixed = dict(zip(result, index, strict=True))
    summed = [letter for letter in sizes if letter not in fixed]
    found = []
    for place in np.ndindex(*(sizes[letter] for letter in summed)):
        at = {**fixed, **dict(zip(summed, place, strict=True))}
        found.append(
            tuple(
                tuple(at[c] if n != 1 else 0 for c, n in zip(letters, o.shape, strict=True))
                for letters, o in zip(inputs, node.inputs, strict=True)
            )
        )
    return found


def contraction(node: Node) -> tuple[list[str], str] | None:
    """Return the indices of the factors and of the result, for a sum of products."""
    if node.op.subscripts is None or len(node.inputs) < 2:
        return None
    spec = node.op.subscripts([i.shape for i in node.inputs], **node.params)
    if spec is None or "." in spec or "->" not in spec:
        return None
    left, result = spec.replace(" ", "").split("->")
    inputs = left.split(",")
    fits = len(inputs) == len(node.inputs) and len(result) == len(node.shape)
    if not fits or any(len(s) != len(i.shape) for s, i in zip(inputs, node.inputs, strict=True)):
        return None
    return inputs, result
