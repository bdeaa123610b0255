"""The backward pass in numbers, product by product: the first that is not finite."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.backward import backpropagate
from chainrule.explaining.elements import pulled
from chainrule.graph import Graph, Node
from chainrule.nn.health.origin import Index, Origin, at, is_finite, label, signed, told


@dataclass(frozen=True)
class Product:
    """What an operation passes back to one of its operands: upstream times local derivative."""

    consumer: Node
    position: int
    value: Any


@dataclass(frozen=True)
class Backward:
    """A backward pass in numbers, as compiled code takes it: without care for 0 · ∞.

    Attributes
    ----------
    gradients : dict of Node to array
    products : list of Product
        In the order in which they arise.
    """

    gradients: dict[Node, Any]
    products: list[Product]

    def origins(self, wrt: Iterable[Node]) -> tuple[Origin, Origin | None] | None:
        """Return the first product that is not finite, and the one that made a NaN of it.

        None where all gradients asked for are finite.
        """
        if all(is_finite(self.gradients.get(node, 0.0)) for node in wrt):
            return None
        bad = [p for p in self.products if not is_finite(p.value)]
        if not bad:
            return None
        first = self._origin(bad[0])
        nan = next((p for p in bad if np.isnan(p.value).any()), None)
        if nan is None or nan is bad[0]:
            return first, None
        return first, self._origin(nan)

    def _origin(self, product: Product) -> Origin:
        consumer = product.consumer
        operand = consumer.inputs[product.position]
        value = np.asarray(product.value)
        bad = np.isnan(value) if np.isnan(value).any() else ~np.isfinite(value)
        element = tuple(map(int, np.argwhere(bad)[0]))
        result = float(value[element])
        upstream = self.gradients[consumer]
        name = label(operand, product.position)
        if not consumer.op.elementwise or consumer.shape != value.shape:
            size = float(np.max(np.abs(upstream)))
            text = (
                f"the derivative of {consumer.op.name} passes back {told(result)}, of upstream "
                f"gradients up to {told(size)}"
            )
            return Origin(consumer, element, {"upstream": size}, result, text)
        arriving = at(upstream, consumer.shape, element)
        local = _local(consumer, product.position, element)
        there = at(operand.value, consumer.shape, element)
        text = (
            f"upstream · local = {told(arriving)} · {signed(local)} = {told(result)}, where "
            f"{consumer.op.name} is taken at {told(there)}"
        )
        numbers = {"upstream": arriving, "local": local, name: there}
        return Origin(consumer, element, numbers, result, text)


def backward(graph: Graph, wrt: Iterable[Node]) -> Backward:
    """Take the backward pass of a graph with values.

    Parameters
    ----------
    graph : Graph
        Of a single number.
    wrt : iterable of Node
    """
    nodes = graph.nodes
    place = {node: k for k, node in enumerate(nodes)}
    parents = [tuple(place[i] for i in node.inputs) for node in nodes]
    ends = set(wrt)
    needed: list[bool] = []
    for node, above in zip(nodes, parents, strict=True):
        needed.append(node in ends or (node.carries_gradient and any(needed[i] for i in above)))
    records = [
        (node.op, above, [i.value for i in node.inputs], node.params, node.value)
        for node, above in zip(nodes, parents, strict=True)
    ]
    products: list[Product] = []

    def observe(consumer: int, position: int, value: Any) -> None:
        products.append(Product(nodes[consumer], position, value))

    every = [k for k, flag in enumerate(needed) if flag]
    kept: dict[int, Any] = {}
    if needed[place[graph.output]]:
        seed = np.ones((), graph.output.abstract.dtype)[()]
        kept = backpropagate(records, {place[graph.output]: seed}, every, needed, observe)
    return Backward({nodes[k]: value for k, value in kept.items()}, products)


def _local(consumer: Node, position: int, element: Index) -> float:
    """Return the local derivative of an elementwise operation at one place."""
    ones = np.ones(consumer.shape, consumer.abstract.dtype)
    return at(pulled(consumer, position, ones), consumer.shape, element)
