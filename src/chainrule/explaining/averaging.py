"""A mean that a computation ends in, and the sum in its place; or the reverse.

Found in the graph: from the output back through operations that give N times the result for N
times the operand, to the first reduction that is a mean or a sum. All that follows the
reduction, and every gradient, then differs by the number of terms, exactly.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from chainrule.backward import differentiate
from chainrule.graph import Graph, Node
from chainrule.op import Abstract, Op
from chainrule.rules import TABLE
from chainrule.rules.axes import all_axes

_FACTORS = (2.0, -1.0, 0.37)
#: So many terms are looked at for what they have in common.
_TERMS = 4


class NotAveragedError(Exception):
    """A computation that ends in no mean (or sum); the message says why."""


@dataclass(frozen=True)
class Averaged:
    """Where the mean or the sum is.

    Attributes
    ----------
    reduction : Node
    divided : Node or None
        The node that divides a sum by the number of its terms, where the mean is written so.
    count : int
        The number of terms.
    mean : bool
        Whether it is a mean.
    """

    reduction: Node
    divided: Node | None
    count: int
    mean: bool


def _is_total(op: Op) -> bool:
    return op.fold is not None and not op.fold.mean and _partner(op, mean=True) is not None


def _is_mean(op: Op) -> bool:
    return op.fold is not None and op.fold.mean


def _partner(op: Op, mean: bool) -> Op | None:
    """Return the operation that folds likewise, with or without the division in the end."""
    if op.fold is None:
        return None
    wanted = replace(op.fold, mean=mean)
    return next((other for other in TABLE.values() if other.fold == wanted), None)


def found_average(graph: Graph) -> Averaged:
    """Find the mean or the sum that the output depends on linearly.

    Raises
    ------
    NotAveragedError
    """
    chain: list[Node] = []
    varying = _varying(graph)
    node = graph.output
    while not (_is_mean(node.op) or _is_total(node.op)):
        step = _linear_in(node, varying)
        if step is None:
            raise NotAveragedError("the output is no multiple of a mean or a sum")
        chain.append(node)
        node = step
    if len(node.inputs) > 1:
        raise NotAveragedError("the mean or sum leaves out some terms, or starts from a number")
    count = _count(node)
    if count < 2:
        raise NotAveragedError("there is a single term, so that its mean is its sum")
    if _is_mean(node.op):
        return Averaged(node, None, count, mean=True)
    # Half of a sum of two terms is not told from their mean.
    divided = next((n for n in chain if count > 2 and _divides(n, count)), None)
    return Averaged(node, divided, count, mean=divided is not None)


def _varying(graph: Graph) -> set[Node]:
    """Return what depends on an argument."""
    varying: set[Node] = set()
    for node in graph.nodes:
        if node.is_input or any(i in varying for i in node.inputs):
            varying.add(node)
    return varying


def _linear_in(node: Node, varying: set[Node]) -> Node | None:
    """Return the one operand that varies, if the result is a multiple of it."""
    changing = [i for i in node.inputs if i in varying]
    if len(changing) != 1 or node.inputs.count(changing[0]) != 1:
        return None
    (operand,) = changing
    if operand.abstract.dtype.kind != "f" or operand.abstract.size > 100_000:
        return None
    for factor in _FACTORS:
        scaled = [np.multiply(i.value, factor) if i is operand else i.value for i in node.inputs]
        try:
            with np.errstate(all="ignore"):
                got = node.op.forward(*scaled, **node.params)
        except Exception:  # then it is none that goes on for other numbers
            return None
        if not np.allclose(got, np.multiply(node.value, factor), rtol=1e-5, atol=0):
            return None
    return operand


def _divides(node: Node, count: int) -> bool:
    """Whether a node divides by the number of terms."""
    constants = [i for i in node.inputs if i.shape == () and i.value == count]
    if len(node.inputs) != 2 or len(constants) != 1 or node.inputs[0] is constants[0]:
        return False
    return bool(np.allclose(np.multiply(node.value, count), node.inputs[0].value))


def _count(node: Node) -> int:
    operand = node.inputs[0]
    axes = all_axes(node.params["axis"], len(operand.shape))
    return int(np.prod([operand.shape[a] for a in axes], dtype=int))


def is_over_samples(found: Averaged, graph: Graph) -> bool:
    """Whether the terms have data of their own and share parameters, as samples do.

    Some number among the arguments and constants must go into several terms, and some array
    have a part that goes into one term and others that go into others.
    """
    terms = found.reduction.inputs[0]
    before = Graph(graph.nodes, [terms]).reachable()
    leaves = [
        n for n in before.nodes
        if n.is_leaf and n.abstract.dtype.kind == "f" and (n.is_input or n.shape != ())
    ]  # fmt: skip
    touched: dict[Node, list[Any]] = {leaf: [] for leaf in leaves}
    for place in _places(found.reduction, terms.shape):
        one = np.zeros(terms.shape, terms.abstract.dtype)
        one[place] = 1
        with np.errstate(all="ignore"):
            gradients = differentiate(before, leaves, one).gradients
        for leaf in leaves:
            touched[leaf].append(np.asarray(gradients[leaf].value) != 0)
    counts = [np.sum(masks, axis=0) for masks in touched.values() if masks]
    shared = any(np.any(n > 1) for n in counts)
    apart = any(np.any(n == 1) and not np.any(n > 1) for n in counts)
    return shared and apart


def _places(reduction: Node, shape: tuple[int, ...]) -> list[tuple[int, ...]]:
    """Return the first few terms that go into the first sum."""
    axes = all_axes(reduction.params["axis"], len(shape))
    first = max(axes, key=lambda a: shape[a])
    return [
        tuple(k if a == first else 0 for a in range(len(shape)))
        for k in range(min(shape[first], _TERMS))
    ]


def averaged(graph: Graph, mean: bool) -> tuple[Graph, dict[Node, Node]]:
    """Put a mean in the place of the sum that the output is a multiple of, or the reverse.

    Parameters
    ----------
    graph : Graph
        With values.
    mean : bool
        Whether a mean is wanted.

    Returns
    -------
    graph : Graph
    image : dict
        Node of the original -> node of the result.

    Raises
    ------
    NotAveragedError
    """
    found = found_average(graph)
    if found.mean is mean:
        raise NotAveragedError(f"the output is a {'mean' if mean else 'sum'} already")
    if mean and not is_over_samples(found, graph):
        raise NotAveragedError("the terms that are summed are no samples: what they share and "
                               "what each has of its own is not told apart")  # fmt: skip
    image: dict[Node, Node] = {}
    nodes: list[Node] = []
    for node in graph.nodes:
        if node is found.divided:
            image[node] = image[node.inputs[0]]
            if node.name and not image[node].name:
                image[node] = _renamed(nodes, image[node], node.name)
            continue
        image[node] = _recomputed(node, found, mean, image)
        nodes.append(image[node])
    return Graph(nodes, [image[o] for o in graph.outputs]), image


def _recomputed(node: Node, found: Averaged, mean: bool, image: dict[Node, Node]) -> Node:
    op = node.op
    if node is found.reduction and found.divided is None:
        other = _partner(op, mean)
        assert other is not None
        op = other
    inputs = tuple(image[i] for i in node.inputs)
    if op is node.op and all(a is b for a, b in zip(inputs, node.inputs, strict=True)):
        return node
    with np.errstate(all="ignore"):
        value = op.forward(*(i.value for i in inputs), **node.params)
    return Node(op, inputs, node.params, Abstract.of(value), value, node.name, node.where)


def _renamed(nodes: list[Node], node: Node, name: str) -> Node:
    """Give the last node a name that has become free."""
    made = Node(node.op, node.inputs, node.params, node.abstract, node.value, name, node.where)
    nodes[nodes.index(node)] = made
    return made
