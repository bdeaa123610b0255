"""Whether two expressions are the same, and whether an operation changes anything."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.graph import Node
from chainrule.rules import TABLE
from chainrule.rules.index import is_basic

#: How far back two expressions are compared for being the same.
_DEPTH = 4

_SAME_LAYOUT = frozenset(
    TABLE[name] for name in ("reshape", "expand_dims", "squeeze", "copy", "broadcast_to")
)


def padded_shape(shape: tuple[int, ...], ndim: int) -> tuple[int, ...]:
    """Return a shape with axes of length 1 before it, as broadcasting has it."""
    return (1,) * (ndim - len(shape)) + shape


def keeps_order(node: Node) -> bool:
    """Whether a node holds the elements of its first operand in their order, in another shape."""
    picks = node.op is TABLE["getitem"]
    if not (picks or node.op in _SAME_LAYOUT):
        return False
    if node.abstract.size != node.inputs[0].abstract.size:
        return False
    if picks:
        key = node.params["key"]
        return is_basic(key) and not any(isinstance(k, slice) and (k.step or 1) < 0 for k in key)
    return bool(node.params.get("order", "C") == "C")


def same_elements(a: Node, b: Node, depth: int = _DEPTH) -> bool:
    """Whether two nodes hold the same elements in the same order, whatever their shapes."""
    while keeps_order(a):
        a = a.inputs[0]
    while keeps_order(b):
        b = b.inputs[0]
    if a is b:
        return True
    if a.is_leaf or b.is_leaf or a.op is not b.op or not depth or len(a.inputs) != len(b.inputs):
        return False
    return _without_layout(a) == _without_layout(b) and all(
        equal(i, j, depth - 1) for i, j in zip(a.inputs, b.inputs, strict=True)
    )


def equal(a: Node, b: Node, depth: int = _DEPTH) -> bool:
    """Whether two nodes are equal: the same expression, computed twice."""
    return a is b or (a.shape == b.shape and same_elements(a, b, depth))


def _without_layout(node: Node) -> str:
    params = {k: v for k, v in node.params.items() if k != "keepdims"}
    return repr(sorted(params.items()))


def unshifted(z: Node, axis: tuple[int, ...], most: int = 8) -> tuple[Node, list[Node]]:
    """Take off what was subtracted from z and is the same along the axes."""
    shifts: list[Node] = []
    while z.op is TABLE["subtract"] and len(shifts) < most:
        inner, shift = z.inputs
        padded = padded_shape(shift.shape, len(z.shape))
        if inner.shape != z.shape or any(padded[a] != 1 for a in axis):
            break
        z = inner
        shifts.append(shift)
    return z, shifts


def changes_nothing(node: Node, values: Any) -> bool:
    """Whether bounds that are numbers hold none of the values that were let through."""
    bounds = [i.value for i in node.inputs[1:]]
    if values is None or not all(i.is_constant and i.shape == () for i in node.inputs[1:]):
        return False
    if node.op is TABLE["clip"]:
        return bool(np.all((values > bounds[0]) & (values < bounds[1])))
    if node.op is TABLE["maximum"]:
        return bool(np.all(values > bounds[0]))
    return node.op is TABLE["minimum"] and bool(np.all(values < bounds[0]))


def is_one_hot(labels: Any, axis: tuple[int, ...] | None) -> bool:
    """Whether there is a single 1 along the axes, and 0 elsewhere."""
    if labels is None:
        return False
    value = np.asarray(labels)
    return bool(np.all((value == 0) | (value == 1)) and np.all(np.sum(value, axis=axis) == 1))
