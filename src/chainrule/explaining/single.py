"""One operation by itself: what its rule gives, in terms of operands that go by their names."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from chainrule.explaining.gradient_names import gradient_name
from chainrule.graph import Graph, Node
from chainrule.op import Vjp
from chainrule.simplify import simplify
from chainrule.trace import Recorder, Traced


class Single:
    """An operation whose operands, result and upstream gradient are inputs of a graph of its own.

    It serves for all operands: a sum of n terms is set up once, not n times.

    Parameters
    ----------
    consumer : Node
        The operation, a node of the forward pass.
    labels : mapping
        Names of the nodes of the forward pass.
    upstream : number or array
        Value of the upstream gradient.
    known : iterable of (Node, str)
        Operations on its operands, and what their results are called: a rule that asks for one
        of them again is written by its name.

    Attributes
    ----------
    consumer : Node
    upstream : Node
        What stands for the upstream gradient in a product.
    """

    def __init__(
        self,
        consumer: Node,
        labels: Mapping[Node, str],
        upstream: Any,
        known: Iterable[tuple[Node, str]] = (),
    ) -> None:
        self.consumer = consumer
        self._recorder = Recorder()
        stands: dict[Node, Traced] = {}
        for node in dict.fromkeys((*consumer.inputs, consumer)):
            if node.is_constant:
                stands[node] = self._recorder.constant(node.value)
            else:
                stands[node] = self._recorder.input(labels[node], node.value)
        self._same: list[tuple[Node, Node]] = []
        for node, name in known:
            value = self._recorder.input(name, node.value)
            again = node.op(*(stands[i] for i in node.inputs), **node.params)
            self._same.append((self._recorder.node(again), self._recorder.node(value)))
        self._operands = [stands[i] for i in consumer.inputs]
        self._out = stands[consumer]
        self._upstream = self._recorder.input(gradient_name(labels[consumer]), upstream)
        self.upstream = self._recorder.node(self._upstream)
        #: What a rule for all operands at once has answered, with the upstream gradient and with 1.
        self._answers: dict[bool, Callable[[int], Any]] = {}

    def local(self, position: int) -> Node:
        """Return the local derivative by one operand, simplified: what is passed back of 1."""
        return self._simplified(self._pulled(position, local=True))

    def product(self, position: int) -> Node:
        """Return what is passed back to one operand of the upstream gradient, simplified."""
        return self._simplified(self._pulled(position, local=False))

    def _pulled(self, position: int, local: bool) -> Any:
        vjp = self.consumer.op.vjp
        assert vjp is not None
        if isinstance(vjp, tuple):
            rule = vjp[position]
            assert rule is not None
            return self._asked(rule, local)
        if local not in self._answers:
            self._answers[local] = self._asked(vjp, local)
        return self._answers[local](position)

    def _asked(self, rule: Vjp, local: bool) -> Any:
        upstream = 1.0 if local else self._upstream
        return rule(upstream, self._out, *self._operands, **self.consumer.params)

    def _simplified(self, pulled: Any) -> Node:
        output = self._recorder.node(pulled)
        whole = Graph(self._recorder.nodes, [output]) if self._same else Graph.behind([output])
        graph, _ = simplify(whole, self._same, loose=True)
        return graph.output


def is_single(value: Any) -> bool:
    """Whether a value is one number, which a formula shows; an empty array holds none."""
    return np.size(value) == 1


def holds_single_numbers(node: Node) -> bool:
    """Whether a node and all that it is computed from are single numbers."""
    return all(is_single(n.value) for n in Graph.behind([node]).nodes)
