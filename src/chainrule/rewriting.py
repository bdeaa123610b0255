"""The mechanics of rewriting a graph: node by node, merging what is equal."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from chainrule.graph import Graph, Node
from chainrule.op import Op
from chainrule.rules import TABLE
from chainrule.trace import Recorder, Traced

#: Operations whose two operands may change places, to the last bit.
_COMMUTATIVE = frozenset(TABLE[name] for name in ("add", "multiply"))


class Rewriter:
    """Builds a graph from another, node by node, merging what is equal.

    Parameters
    ----------
    values : bool
        Whether nodes hold values.
    loose : bool
        Let a replacement differ in dtype or shape: for formulas that are only shown.
    """

    def __init__(self, values: bool, loose: bool = False) -> None:
        self.loose = loose
        self.recorder = Recorder(values=values)
        self.image: dict[Node, Traced] = {}
        self._equal: dict[Any, Traced] = {}
        self._uses: dict[Node, int] = {}
        self._index: dict[Node, int] = {}

    def operands(self, traced: Any) -> tuple[Traced, ...]:
        """Return the operands of a traced value as traced values."""
        nodes = self.recorder.nodes
        for i in range(len(self._index), len(nodes)):
            self._index[nodes[i]] = i
        return tuple(self.recorder.handle(self._index[i]) for i in self.node(traced).inputs)

    def uses(self, node: Node) -> int:
        """Return how often a node of the original graph is read."""
        return self._uses.get(node, 0)

    def node(self, traced: Any) -> Node:
        """Return the node of a traced value."""
        return self.recorder.node(traced)

    def run(self, graph: Graph, rewrites: Mapping[Op, tuple[Callable[..., Any], ...]]) -> bool:
        """Rewrite a graph once; returns whether a rewrite applied."""
        for node in graph.nodes:
            for operand in node.inputs:
                self._uses[operand] = self._uses.get(operand, 0) + 1
        for output in graph.outputs:
            self._uses[output] = self._uses.get(output, 0) + 1
        changed = False
        for node in graph.nodes:
            if node.is_leaf:
                self.image[node] = self._merged(node, ())
                continue
            inputs = tuple(self.image[i] for i in node.inputs)
            replacement = None
            mark = len(self.recorder.nodes)
            for rewrite in rewrites.get(node.op, ()):
                replacement = rewrite(self, node, *inputs, **node.params)
                if replacement is not None and self._fits(node, replacement):
                    break
                replacement = None
            if replacement is None:
                self.image[node] = self._merged(node, inputs)
                continue
            changed = True
            if replacement.__class__ is Traced and replacement.index >= mark:
                self.recorder.credit(replacement, node)
            self.image[node] = replacement
        return changed

    def _fits(self, node: Node, replacement: Any) -> bool:
        got = self.node(replacement).abstract
        same = got.shape == node.shape and got.dtype == node.abstract.dtype
        return self.loose or same

    def _merged(self, node: Node, inputs: tuple[Traced, ...]) -> Traced:
        key = _identity(node, inputs)
        known = self._equal.get(key) if key is not None else None
        if known is not None and not (node.name and not self.node(known).name):
            return known
        nodes = tuple(self.node(i) for i in inputs)
        copy = node
        if nodes != node.inputs:
            copy = Node(
                node.op, nodes, node.params, node.abstract, node.value, node.name, node.where
            )
        traced = self.recorder.adopt([copy])[copy]
        if key is not None:
            self._equal[key] = traced
        return traced


def _identity(node: Node, inputs: tuple[Traced, ...]) -> Any:
    """Return what two nodes have in common when they compute the same."""
    if node.is_input:
        return None
    if node.is_constant:
        if node.abstract.shape or node.name:
            return None
        if node.value.__class__ is Traced:  # of a trace around this one: all look the same
            return "constant", id(node.value._trace), node.value.index
        return "constant", node.abstract.dtype, node.abstract.weak, repr(node.value)
    read = tuple(i.index for i in inputs)
    if node.op in _COMMUTATIVE and len(read) == 2:
        read = tuple(sorted(read))
    return node.op, read, repr(sorted(node.params.items(), key=str))
