"""Which values have no statement of their own: they are written out where they are read.

An expression over elements is one line, as a person writes it. So is what is computed from two
arrays before a loop over a third could start, which otherwise would have to be kept.
"""

from __future__ import annotations

from chainrule.emit.kernel import Kernel
from chainrule.graph import Node

#: Operations in one line.
_LONGEST = 12


def woven(kernel: Kernel) -> frozenset[Node]:
    """Return the elementwise results that a single other element is computed from, once each.

    Values that the user gave a name keep a line of their own.
    """
    graph = kernel.graph
    consumers = graph.consumers()
    outputs = set(graph.outputs)
    found: dict[Node, int] = {}
    for node in graph.nodes:
        if not node.op.elementwise or node.is_leaf or node in outputs or node.name:
            continue
        weight = 1 + sum(found.get(_seen(i), 0) for i in node.inputs)
        if weight <= _LONGEST and _is_read_once(node, consumers, outputs):
            found[node] = weight
    return frozenset(found)


def _seen(node: Node) -> Node:
    """Return what a view shows."""
    while node.op.origin is not None and node.inputs:
        node = node.inputs[0]
    return node


def _is_read_once(
    node: Node, consumers: dict[Node, list[tuple[Node, int]]], outputs: set[Node]
) -> bool:
    """Whether each element of a value is written out once, wherever it is read."""
    size = node.abstract.size
    while True:
        if len(consumers[node]) != 1:
            return False
        ((reader, position),) = consumers[node]
        if reader.op.origin is None:
            break
        if position != 0 or reader in outputs or reader.abstract.size != size:
            return False
        node = reader
    op = reader.op
    if op.elementwise:
        template = op.notation.loop
        twice = isinstance(template, str) and template.count(f"{{{position}") > 1
        return reader.abstract.size == size and not twice
    return op.fold is not None and op.fold.step.count("{1}") == 1 and len(reader.inputs) == 1
