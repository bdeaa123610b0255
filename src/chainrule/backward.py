"""The backward pass: upstream gradients times local derivatives, summed over the ways out.

:func:`backpropagate` is the engine. It walks records from the output back, asks each
rule for its product, fits the product to the operand's shape and adds it up, so that
rules never do. It does not care whether the records hold numbers or traced values: on
numbers it yields gradients, on traced values the graph that computes them
(:func:`differentiate`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.careful import Guard
from chainrule.collector import slowed_down
from chainrule.graph import Graph, Node
from chainrule.op import Abstract, shape_of
from chainrule.rules import TABLE
from chainrule.trace import Recorder, Traced

#: Told of each product: ``(index of the operation, position of the operand, product)``.
Observe = Callable[[int, int, Any], None]


_DOUBLE = np.dtype(np.float64)
#: Results that are real at first sight.
_REAL = (float, np.float64, np.float32)


def backpropagate(
    records: Sequence[Any],
    seeds: Mapping[int, Any],
    keep: Sequence[int] = (),
    needed: Sequence[bool] | None = None,
    observe: Observe | None = None,
    guard: Guard | None = None,
) -> dict[int, Any]:
    """Run the backward pass over records.

    Parameters
    ----------
    records : sequence of (op, parents, operands, params, out)
        In the order in which they were computed; a parent of -1 is a constant.
    seeds : mapping
        Upstream gradient of each output, by its index.
    keep : sequence of int
        Records whose gradients are asked for.
    needed : sequence of bool, optional
        Records that lie on a way from what is asked for; others are passed over.
    observe : callable, optional
    guard : Guard, optional
        Puts 0 for products that are 0 in truth and NaN in numbers.

    Returns
    -------
    dict
        Gradient by index, for those kept that the output depends on.
    """
    gradients: list[Any] = [None] * len(records)
    for index, upstream in seeds.items():
        gradients[index] = upstream
    wanted = set(keep)
    kept: dict[int, Any] = {}
    for index in range(max(seeds), -1, -1):
        g = gradients[index]
        if g is None:
            continue
        gradients[index] = None
        if index in wanted:
            kept[index] = g
        op, parents, operands, params, out = records[index]
        vjp = op.vjp
        if vjp is None:
            continue
        if out.__class__ is np.ndarray or out.__class__ is Traced:
            kind = out.dtype
            complex_ = kind is not _DOUBLE and kind.kind == "c"
        else:
            complex_ = out.__class__ not in _REAL and np.iscomplexobj(out)
        one_by_one = vjp.__class__ is tuple
        products: Any = None if one_by_one else vjp(g, out, *operands, **params)
        # Where nobody looks on, the last operand comes first: a product that needs a copy of the
        # first operand, as of windows, is then computed before the gradient of it is held.
        order = range(len(parents)) if observe is not None else range(len(parents) - 1, -1, -1)
        for position in order:
            parent = parents[position]
            if parent < 0 or (needed is not None and not needed[parent]):
                continue
            if one_by_one:
                rule = vjp[position] if position < len(vjp) else None
                if rule is None:
                    continue
                product = (
                    rule(g, out, *operands, **params)
                    if guard is None
                    else guard.product(rule, index, position, g)
                )
            else:
                product = products(position)
                if product is None:
                    continue
                if guard is not None:
                    product = guard.guarded(product, index, position, g)
            operand = operands[position]
            if complex_ and not np.iscomplexobj(operand):
                product = product.real  # of a real operand, the gradient is real
            if product.__class__ is not float or operand.__class__ is not float:
                product = fitted(product, operand)
            if observe is not None:
                observe(index, position, product)
            before = gradients[parent]
            gradients[parent] = product if before is None else before + product
    return kept


def fitted(gradient: Any, operand: Any) -> Any:
    """Fit a gradient to the shape of the operand that it belongs to.

    Axes along which the operand was repeated are summed; axes along which the
    gradient is the same for all elements are filled.
    """
    have, want = shape_of(gradient), shape_of(operand)
    if have == want:
        return gradient
    extra = len(have) - len(want)
    if extra > 0:
        gradient = np.add.reduce(gradient, axis=tuple(range(extra)))
        have = have[extra:]
        if have == want:
            return gradient
    repeated = tuple(i for i, (n, m) in enumerate(zip(have, want, strict=False)) if m == 1 != n)
    if extra >= 0 and repeated:
        gradient = np.add.reduce(gradient, axis=repeated, keepdims=True)
    if shape_of(gradient) != want:
        if hasattr(gradient, "__apply_op__") or hasattr(operand, "__apply_op__"):
            gradient = TABLE["broadcast_to"](gradient, operand)
        else:
            # A Python number gives way to the precision of arrays.
            like = operand if gradient.__class__ is float else np.asarray(gradient)
            filled = np.empty(want, like.dtype)
            filled[...] = gradient
            gradient = filled
    return gradient


@dataclass(frozen=True, slots=True)
class Contribution:
    """One product of the chain rule: what an operation passes back to one operand.

    Attributes
    ----------
    consumer : Node
        The operation, a node of the forward pass.
    position : int
        Which of its operands.
    node : Node
        Upstream gradient times local derivative, a node of the joint graph.
    """

    consumer: Node
    position: int
    node: Node

    @property
    def operand(self) -> Node:
        """The operand that it belongs to."""
        return self.consumer.inputs[self.position]


@dataclass(frozen=True, slots=True)
class Joint:
    """A forward pass and its backward pass in one graph.

    Attributes
    ----------
    graph : Graph
        Its outputs are the output of the forward pass, then the gradients asked for.
    forward : Graph
    gradients : dict
        Node of the forward pass -> node of its gradient.
    contributions : list of Contribution
        In the order of the backward pass.
    wrt : tuple of Node
        What was differentiated with respect to.
    """

    graph: Graph
    forward: Graph
    gradients: dict[Node, Node]
    contributions: list[Contribution]
    wrt: tuple[Node, ...]


@slowed_down()
def differentiate(
    graph: Graph,
    wrt: Sequence[Node],
    upstream: Any = None,
    values: bool = True,
    name: str | None = None,
) -> Joint:
    """Extend a graph by its backward pass.

    Parameters
    ----------
    graph : Graph
        With one output.
    wrt : sequence of Node
        Nodes to differentiate with respect to.
    upstream : number or array, optional
        Gradient of whatever follows with respect to the output: an input of the joint
        graph. Unless given, it is the constant 1.
    values : bool
        Whether the graph holds values, and the backward pass is to be computed along.
    name : str, optional
        What the output is called, where the graph does not say.

    Returns
    -------
    Joint
    """
    joint = _extended(graph, wrt, upstream, values, name, careful=False)
    if values and not all(_is_finite(c.node.value) for c in joint.contributions):
        joint = _extended(graph, wrt, upstream, values, name, careful=True)
    return joint


def _extended(
    graph: Graph,
    wrt: Sequence[Node],
    upstream: Any,
    values: bool,
    name: str | None,
    careful: bool,
) -> Joint:
    recorder = Recorder(values=values)
    nodes = graph.nodes
    # Everything by position: a large graph looks up each node once.
    handles = list(recorder.adopt(nodes).values())
    position = {node: i for i, node in enumerate(nodes)}
    parents = [tuple(position[i] for i in node.inputs) for node in nodes]
    needed = _on_the_way(nodes, parents, wrt)
    output = graph.output
    name = f"d{name or output.name or 'output'}"
    seed = (
        recorder.constant(_ones(output), name)
        if upstream is None
        else recorder.input(name, upstream, Abstract.of(upstream))
    )
    records = [
        (node.op, above, [handles[i] for i in above], node.params, handle)
        for node, above, handle in zip(nodes, parents, handles, strict=True)
    ]
    found: list[tuple[Node, int, Any]] = []

    def observe(consumer: int, position: int, product: Any) -> None:
        found.append((nodes[consumer], position, product))

    kept: dict[int, Any] = {}
    end = position[output]
    if needed[end]:
        every = [i for i, flag in enumerate(needed) if flag]
        guard = Guard(records, {end}, needed) if careful else None
        kept = backpropagate(records, {end: seed}, every, needed, observe, guard)
    gradients = {nodes[i]: recorder.node(g) for i, g in kept.items()}
    for node in wrt:
        if node not in gradients:
            zero = np.zeros(node.shape, node.abstract.dtype)
            gradients[node] = recorder.node(zero if node.shape else zero[()])
    contributions = [Contribution(c, p, recorder.node(product)) for c, p, product in found]
    joint = Graph(recorder.nodes, (output, *(gradients[node] for node in wrt)))
    return Joint(joint, graph, gradients, contributions, tuple(wrt))


def _is_finite(value: Any) -> bool:
    if value.__class__ is float:
        return math.isfinite(value)
    return bool(np.all(np.isfinite(value)))


def _ones(output: Node) -> Any:
    # A Python number gives way to the precision of the arrays that it meets.
    if output.shape == ():
        return 1.0
    return np.ones(output.shape, output.abstract.dtype)[()]


def _on_the_way(
    nodes: Sequence[Node], parents: Sequence[Sequence[int]], wrt: Sequence[Node]
) -> list[bool]:
    """Tell for each node whether a gradient has to reach it."""
    ends = set(wrt)
    needed: list[bool] = []
    for node, above in zip(nodes, parents, strict=True):
        needed.append(node in ends or (node.carries_gradient and any(needed[i] for i in above)))
    return needed
