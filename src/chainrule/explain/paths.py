"""Why a gradient is what it is: a sum over paths, each a product of local derivatives.

From one scalar, such as a single weight, the local derivatives lead element by element
to the output. The number of paths grows exponentially with the depth, so they are never
listed: sums over all of them come from one pass over the elements, and the largest from
a ranking (:mod:`chainrule.explain.ranking`).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from chainrule.backward import Joint
from chainrule.errors import ArgumentError
from chainrule.explain.local import Index, element, flat_index
from chainrule.explain.probe import Edges, edges
from chainrule.explain.ranking import Layer, Ranking
from chainrule.graph import Node
from chainrule.writing import scalar_text

Label = Callable[[Node], str]


@dataclass(frozen=True, slots=True)
class Link:
    """One scalar step of a path.

    Attributes
    ----------
    node : Node
        What the step arrives at.
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
    upstream : float
        The upstream gradient of the element of the output where it ends.
    product : float
        Of all derivatives and the upstream gradient.
    """

    links: tuple[Link, ...]
    upstream: float
    product: float

    @property
    def factors(self) -> tuple[float, ...]:
        """What the product is made of: the derivatives, and the upstream unless it is 1."""
        derivatives = tuple(link.derivative for link in self.links)
        return derivatives if derivatives and self.upstream == 1 else (*derivatives, self.upstream)


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
        The sum over all paths, independently of the backward pass.
    scale : float
        The sum of the magnitudes of all products: how much cancels is seen beside it.
    label : callable
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
    label: Label = field(repr=False, compare=False)

    @property
    def hidden(self) -> int:
        """How many paths are not shown."""
        return self.count - len(self.shown)

    @property
    def agrees(self) -> bool:
        """Whether the sum over all paths is the gradient, up to rounding."""
        eps = float(np.finfo(self.node.abstract.dtype).eps)
        return abs(self.total - self.gradient) <= min(4096 * eps, 0.1) * self.scale

    def text(self) -> str:
        """Return the sum as text, two lines a path."""
        name = element_name(self.label(self.node), self.index)
        ways = "1 path" if self.count == 1 else f"{self.count:,} paths"
        lines = [f"d{name} = {scalar_text(self.gradient)}, over {ways}"]
        for path in self.shown:
            stops = [name, *(element_name(self.label(s.node), s.index) for s in path.links)]
            factors = map(scalar_text, path.factors)
            product = " · ".join(f"({f})" if f.startswith("-") else f for f in factors)
            lines.append(f"  {scalar_text(path.product):>12} = {product}")
            lines.append(f"  {'':>12}   {' -> '.join(stops)}")
        if self.hidden:
            others = "1 other path" if self.hidden == 1 else f"{self.hidden:,} other paths"
            lines.append(f"  {scalar_text(self.rest):>12}   from {others}")
        return "\n".join(lines)

    def __str__(self) -> str:
        return self.text()


@dataclass(frozen=True, slots=True)
class ScalarTerm:
    """One scalar product of a gradient: upstream gradient times local derivative.

    Attributes
    ----------
    node : Node
        The operation that the scalar goes into.
    index : tuple of int
        The element of its result that changes.
    upstream : float
        Gradient of the output with respect to that element.
    derivative : float
        Local derivative of that element with respect to the scalar.
    product : float
        ``upstream * derivative``.
    """

    node: Node
    index: Index
    upstream: float
    derivative: float
    product: float


def element_name(label: str, index: Index) -> str:
    """Return what one element of an array is called: ``W[0, 1]``."""
    return f"{label}[{', '.join(map(str, index))}]" if index else label


def paths(
    joint: Joint, node: Node, index: int | Index = (), k: int = 10, label: Label | None = None
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
    found = [] if end is None else [_path(chain) for chain in Ranking(end).largest(k)]
    found.sort(key=lambda path: -abs(path.product))
    count = 0 if end is None else int(end.count[0])
    rest = math.fsum([gradient, *(-path.product for path in found)])
    if len(found) == count and abs(rest) <= 1e-12 * abs(gradient):
        rest = 0.0  # nothing but rounding is left of all paths
    return Paths(
        node, element(node, number), gradient, tuple(found), rest, count,
        total=0.0 if end is None else float(end.total[0]),
        scale=0.0 if end is None else float(end.scale[0]),
        label=label or (lambda n: n.name or n.op.name),
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
        In the order of the operations that read the scalar. The gradient of the output
        itself is given, and has none.

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
            upstream, local = gradient_at(joint, consumer, int(target)), float(value)
            place = element(consumer, int(target))
            terms.append(ScalarTerm(consumer, place, upstream, local, upstream * local))
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


def _flood(joint: Joint, node: Node, number: int) -> Layer | None:
    """Follow all paths at once, node by node; returns the end, None if none arrives."""
    output = joint.forward.output
    if output not in joint.gradients:
        return None
    consumers = joint.forward.consumers()
    incoming: dict[Node, list[tuple[Layer, Edges]]] = {}
    reached: dict[Node, Layer] = {node: Layer.start(node, number)}
    for current in joint.forward.nodes:
        if current in incoming:
            reached[current] = Layer(current, incoming.pop(current))
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
    one = np.zeros(int(np.count_nonzero(given)), np.intp)
    return Layer(None, [(reached[output], Edges(elements[given], one, weights[given]))])


def _path(chain: list[tuple[Layer, int, float]]) -> Path:
    """Make a path of the elements that it passes, the end of all first."""
    upstream = chain[0][2]
    links = tuple(
        Link(layer.node, element(layer.node, int(layer.elements[place])), value)
        for layer, place, value in reversed(chain)
        if layer.node is not None
    )
    return Path(links, upstream, math.prod(link.derivative for link in links) * upstream)
