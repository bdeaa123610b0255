"""Why a gradient is what it is: a sum over paths, each a product of local derivatives.

From one scalar, such as a single weight, the local derivatives lead element by element
to the output. The number of paths grows exponentially with the depth, so they are never
listed: sums over all of them come from one pass over the elements, and the k largest
from ranking the best ways to each element, after V. M. Jiménez and A. Marzal,
"Computing the K shortest paths" (1999). An element asks its predecessors for their next
best way only when it needs one, so that ties cost nothing.
"""

from __future__ import annotations

import heapq
import math
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from chainrule.backward import Joint
from chainrule.errors import ArgumentError
from chainrule.explain.local import Index, element, flat_index
from chainrule.explain.probe import Edges, Floats, Ints, edges
from chainrule.graph import Node

_EXACT = 2.0**62


@dataclass(frozen=True, slots=True)
class Link:
    """One scalar step of a path.

    Attributes
    ----------
    node : Node
        What the step arrives at; for the upstream gradient of the output, as the last
        factor, the node of that gradient.
    index : tuple of int
        Which element of it.
    derivative : float
        Its local derivative with respect to where the step came from.
    """

    node: Node
    index: Index
    derivative: float


@dataclass(frozen=True, slots=True)
class Path:
    """One chain of local derivatives from a scalar to the output.

    Attributes
    ----------
    links : tuple of Link
        In the order of the forward pass.
    product : float
        Of their derivatives.
    """

    links: tuple[Link, ...]
    product: float


@dataclass(frozen=True, slots=True)
class Paths:
    """The gradient of one scalar as a sum over paths.

    Attributes
    ----------
    node : Node
    index : tuple of int
        The scalar is this element of the node.
    gradient : float
        As the backward pass gives it.
    shown : tuple of Path
        Those with the largest products, largest first.
    rest : float
        The gradient less the products shown.
    count : int
        How many paths there are whose derivatives are all different from zero.
    total : float
        The sum over all paths, taken path by path.
    scale : float
        The sum of the magnitudes of all products: how much cancels is seen beside it.
    names : callable
        What each node is called.
    """

    node: Node
    index: Index
    gradient: float
    shown: tuple[Path, ...]
    rest: float
    count: int
    total: float
    scale: float
    names: Callable[[Node], str] = field(repr=False, compare=False)

    @property
    def hidden(self) -> int:
        """How many paths are not shown."""
        return self.count - len(self.shown)

    @property
    def agrees(self) -> bool:
        """Whether the sum over all paths is the gradient, up to rounding."""
        eps = float(np.finfo(self.node.abstract.dtype).eps)
        return abs(self.total - self.gradient) <= min(4096 * eps, 0.1) * self.scale


@dataclass(frozen=True, slots=True)
class ScalarTerm:
    """One scalar product of a gradient: upstream gradient times local derivative.

    Attributes
    ----------
    consumer : Node
        The operation that the scalar goes into.
    index : tuple of int
        The element of its result that changes.
    position : int
        As which operand the scalar goes into it.
    upstream : float
        Gradient of the output with respect to that element.
    derivative : float
        Local derivative of that element with respect to the scalar.
    """

    consumer: Node
    index: Index
    position: int
    upstream: float
    derivative: float

    @property
    def product(self) -> float:
        """The upstream gradient times the local derivative."""
        return self.upstream * self.derivative


def paths(
    joint: Joint,
    node: Node,
    index: int | Index = (),
    k: int = 10,
    *,
    label: Callable[[Node], str] | None = None,
) -> Paths:
    """Write the gradient with respect to one scalar as a sum over paths.

    Parameters
    ----------
    joint : Joint
        With values.
    node : Node
        Of the forward pass, with a gradient.
    index : int or tuple of int
        Which element of it.
    k : int
        How many paths to show, those with the largest magnitudes.
    label : callable, optional
        What each node is called; its name or operation unless given.

    Returns
    -------
    Paths
        The shown paths and the rest add up to the gradient. Paths through constants and
        through operations without derivative do not exist; an output that is an array is
        taken times its upstream gradient, and summed.

    Raises
    ------
    ArgumentError
        When there is no such element, no gradient of it, or too many scalar steps.
    NonFiniteError
        When a local derivative on the way is not finite.

    Examples
    --------
    >>> from chainrule.graphing import record
    >>> from chainrule.backward import differentiate
    >>> recording = record(lambda x: x * x + 3.0 * x, (2.0,), {})
    >>> joint = differentiate(recording.graph, recording.wrt_inputs())
    >>> why = paths(joint, recording.wrt_inputs()[0])
    >>> [path.product for path in why.shown], why.count, why.gradient
    ([3.0, 2.0, 2.0], 3, 7.0)
    """
    number = flat_index(node, index)
    if k < 0:
        raise ArgumentError("k counts paths.", expected="0 or more", got=str(k))
    gradient = gradient_at(joint, node, number)
    end = _flood(joint, node, number)
    shown = _Ranking(end).largest(k) if end is not None else []
    upstream = joint.gradients.get(joint.forward.output)
    found = [_path(chain, upstream) for chain in shown]
    found.sort(key=lambda path: -abs(path.product))
    return Paths(
        node, element(node, number), gradient, tuple(found),
        rest=math.fsum([gradient, *(-path.product for path in found)]),
        count=int(end.count[0]) if end is not None else 0,
        total=float(end.total[0]) if end is not None else 0.0,
        scale=float(end.scale[0]) if end is not None else 0.0,
        names=label or (lambda n: n.name or n.op.name),
    )  # fmt: skip


def scalar_terms(joint: Joint, node: Node, index: int | Index = ()) -> list[ScalarTerm]:
    """Open one element of a gradient into the scalar products that add up to it.

    Parameters
    ----------
    joint : Joint
        With values.
    node : Node
        Of the forward pass, with a gradient.
    index : int or tuple of int
        Which element of it.

    Returns
    -------
    list of ScalarTerm
        In the order of the forward pass. The gradient of the output itself is given, and
        has none.

    Raises
    ------
    ArgumentError, NonFiniteError
        As :func:`paths`.

    Examples
    --------
    >>> import numpy as np
    >>> from chainrule.graphing import record
    >>> from chainrule.backward import differentiate
    >>> X, W = np.array([[1.0, 2.0], [3.0, 4.0]]), np.ones((2, 2))
    >>> recording = record(lambda X, W: np.sum((X @ W) ** 2), (X, W), {}, wrt="W")
    >>> joint = differentiate(recording.graph, recording.wrt_inputs())
    >>> terms = scalar_terms(joint, recording.wrt_inputs()[0], (0, 1))
    >>> [(term.index, term.derivative, term.upstream) for term in terms]
    [((0, 1), 1.0, 6.0), ((1, 1), 3.0, 14.0)]
    """
    number = flat_index(node, index)
    gradient_at(joint, node, number)
    terms = []
    for consumer, position in joint.forward.consumers()[node]:
        if consumer not in joint.gradients:
            continue
        found = edges(consumer, position, np.array([number]))
        for target, value in sorted(zip(found.targets, found.values, strict=True)):
            upstream = gradient_at(joint, consumer, int(target))
            place = element(consumer, int(target))
            terms.append(ScalarTerm(consumer, place, position, upstream, float(value)))
    return terms


def gradient_at(joint: Joint, node: Node, number: int) -> float:
    """Return one element of a gradient, by its row-major number."""
    if node not in joint.gradients:
        raise ArgumentError(
            f"There is no gradient with respect to {node.name or node.op.name}.",
            expected="a value that lies between what was differentiated by and the output",
            instead="differentiate with respect to it: add it to wrt",
        )
    value = joint.gradients[node].value
    if value is None:
        raise ArgumentError(
            "The graph holds no values, so its gradients are no numbers.",
            instead="record the function with values=True",
        )
    return float(np.broadcast_to(np.asarray(value), node.shape).reshape(-1)[number])


# -- sums over all paths ---------------------------------------------------------------


class _Layer:
    """The elements of one node that the scalar reaches, and the edges into them.

    Edges are sorted by target; those into element i stand from ``starts[i]`` to
    ``starts[i + 1]``.
    """

    def __init__(self, node: Node | None, incoming: list[tuple[_Layer, Edges]]) -> None:
        self.node = node
        self.origins = [layer for layer, _ in incoming]
        targets = np.concatenate([e.targets for _, e in incoming])
        order = np.argsort(targets, kind="stable")

        def gathered(parts: list[Any]) -> Any:
            return np.concatenate(parts)[order]

        #: Row-major numbers of the elements.
        self.elements, starts = np.unique(targets[order], return_index=True)
        self.starts: list[int] = [*starts.tolist(), len(targets)]
        places = [np.searchsorted(layer.elements, e.sources) for layer, e in incoming]
        self.origin: Ints = gathered([np.full(len(p), i) for i, p in enumerate(places)])
        self.source: Ints = gathered(places)
        self.value: Floats = gathered([e.values for _, e in incoming])
        known = [(layer, place) for (layer, _), place in zip(incoming, places, strict=True)]
        totals = gathered([layer.total[p] for layer, p in known])
        scales = gathered([layer.scale[p] for layer, p in known])
        bests = gathered([layer.best[p] for layer, p in known])
        self.log: Floats = np.log(np.abs(self.value))
        self.score: Floats = bests + self.log
        with np.errstate(all="ignore"):
            self.total: Floats = np.add.reduceat(totals * self.value, starts)
            self.scale: Floats = np.add.reduceat(scales * np.abs(self.value), starts)
        self.best: Floats = np.maximum.reduceat(self.score, starts)
        counts = gathered([layer.count[p] for layer, p in known])
        if counts.dtype != object:
            bound = np.add.reduceat(counts.astype(np.float64), starts)
            counts = counts if np.max(bound) < _EXACT else counts.astype(object)
        self.count: Any = np.add.reduceat(counts, starts)

    @classmethod
    def start(cls, node: Node, number: int) -> _Layer:
        """Return the layer of the scalar itself: one empty path."""
        layer = cls.__new__(cls)
        layer.node, layer.origins, layer.starts = node, [], [0, 0]
        none = np.zeros(0, np.intp)
        layer.elements, layer.origin, layer.source = np.array([number]), none, none
        layer.value = layer.log = layer.score = np.zeros(0)
        layer.total, layer.scale, layer.best = np.ones(1), np.ones(1), np.zeros(1)
        layer.count = np.ones(1, np.int64)
        return layer


def _flood(joint: Joint, node: Node, number: int) -> _Layer | None:
    """Follow all paths at once, node by node; returns the end, None if none arrives."""
    output = joint.forward.output
    if output not in joint.gradients:
        return None
    consumers = joint.forward.consumers()
    incoming: dict[Node, list[tuple[_Layer, Edges]]] = {}
    reached: dict[Node, _Layer] = {node: _Layer.start(node, number)}
    for current in joint.forward.nodes:
        if current in incoming:
            reached[current] = _Layer(current, incoming.pop(current))
        layer = reached.get(current)
        if layer is None:
            continue
        if current is output:
            break
        for consumer, position in consumers[current]:
            if consumer in joint.gradients:
                found = edges(consumer, position, layer.elements)
                if len(found.values):
                    incoming.setdefault(consumer, []).append((layer, found))
    if output not in reached:
        return None
    elements = reached[output].elements
    upstream = np.asarray(joint.gradients[output].value, np.float64)
    weights = np.broadcast_to(upstream, output.shape).reshape(-1)[elements]
    given = weights != 0
    if not bool(np.any(given)):
        return None
    ones = np.zeros(int(np.count_nonzero(given)), np.intp)
    return _Layer(None, [(reached[output], Edges(elements[given], ones, weights[given]))])


def _path(chain: list[tuple[_Layer, int, float]], upstream: Node | None) -> Path:
    """Make a path of the elements that it passes, the end first."""
    links = []
    end: Index = ()
    for layer, place, value in reversed(chain):
        if layer.node is not None:
            end = element(layer.node, int(layer.elements[place]))
            links.append(Link(layer.node, end, value))
        elif value != 1.0 and upstream is not None:
            links.append(Link(upstream, end if upstream.shape else (), value))
    return Path(tuple(links), math.prod(link.derivative for link in links))


# -- the largest paths -----------------------------------------------------------------


class _Way:
    """The ways to one element that are known so far, the largest first."""

    __slots__ = ("candidates", "exhausted", "found", "layer", "place")

    def __init__(self, layer: _Layer, place: int) -> None:
        self.layer = layer
        self.place = place
        first, last = layer.starts[place], layer.starts[place + 1]
        self.exhausted = first == last
        self.candidates: list[tuple[float, int, int]] | None = None
        if self.exhausted:
            self.found = [(0.0, -1, -1)]
        else:
            edge = first + int(np.argmax(layer.score[first:last]))
            #: Logarithm of the magnitude, last edge, rank of the way to its source.
            self.found = [(float(layer.score[edge]), edge, 0)]

    def others(self) -> list[tuple[float, int, int]]:
        """Return the heap of what may come next, made when first asked for."""
        if self.candidates is None:
            first, last = self.layer.starts[self.place], self.layer.starts[self.place + 1]
            best = self.found[0][1]
            scores = self.layer.score[first:last].tolist()
            self.candidates = [
                (-s, e, 0) for e, s in enumerate(scores, first) if e != best
            ]  # fmt: skip
            heapq.heapify(self.candidates)
        return self.candidates


class _Ranking:
    """Ranks the paths to the one element of the last layer."""

    def __init__(self, end: _Layer) -> None:
        self.end = end
        self._ways: dict[tuple[int, int], _Way] = {}

    def way(self, layer: _Layer, place: int) -> _Way:
        key = id(layer), place
        if key not in self._ways:
            self._ways[key] = _Way(layer, place)
        return self._ways[key]

    def source(self, way: _Way, edge: int) -> _Way:
        layer = way.layer
        return self.way(layer.origins[layer.origin[edge]], int(layer.source[edge]))

    def largest(self, k: int) -> list[list[tuple[_Layer, int, float]]]:
        """Return the k largest paths as elements with the derivative into each."""
        end = self.way(self.end, 0)
        while len(end.found) < k and not end.exhausted:
            self.extend(end)
        return [self.chain(end, rank) for rank in range(min(k, len(end.found)))]

    def extend(self, end: _Way) -> None:
        """Find the next best way to an element, and those that it is made of."""
        pending = [end]
        while True:
            _, edge, rank = pending[-1].found[-1]
            before = self.source(pending[-1], edge)
            if before.exhausted or len(before.found) > rank + 1:
                break
            pending.append(before)
        for way in reversed(pending):
            _, edge, rank = way.found[-1]
            candidates = way.others()
            before = self.source(way, edge)
            if len(before.found) > rank + 1:
                score = before.found[rank + 1][0] + float(way.layer.log[edge])
                heapq.heappush(candidates, (-score, edge, rank + 1))
            if candidates:
                score, edge, rank = heapq.heappop(candidates)
                way.found.append((-score, edge, rank))
            else:
                way.exhausted = True

    def chain(self, way: _Way, rank: int) -> list[tuple[_Layer, int, float]]:
        """Follow one way back to the scalar; the end comes first."""
        steps = []
        while way.found[rank][1] >= 0:
            _, edge, rank = way.found[rank]
            steps.append((way.layer, way.place, float(way.layer.value[edge])))
            way = self.source(way, edge)
        return steps
