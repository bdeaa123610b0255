"""Why a gradient is what it is: a sum over paths of products of local derivatives.

The largest paths are found best-first. A first sweep from the output back gives, for each
number that the chosen one reaches, the largest product that any path from there can
still bring; with it as the bound, paths come out in the order of their size, and as many
are built as are shown. Paths are counted, never listed.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from typing import Any

import numpy as np

from chainrule.backward import Joint
from chainrule.errors import ArgumentError
from chainrule.explaining.elements import Index, Locals
from chainrule.explaining.gradient_names import gradient_name, gradient_text
from chainrule.graph import Node
from chainrule.writing import scalar_text

#: A single number of the forward pass.
Scalar = tuple[Node, Index]


@dataclass(frozen=True, slots=True)
class Link:
    """One local derivative of a path.

    Attributes
    ----------
    node, index
        The number that it leads to.
    derivative : float
        How fast that number changes with the one before it.
    """

    node: Node
    index: Index
    derivative: float


@dataclass(frozen=True, slots=True)
class Path:
    """A way from a number to the output.

    Attributes
    ----------
    links : tuple of Link
    upstream : float
        The upstream gradient of the output element where it ends.
    product : float
        Product of the local derivatives and the upstream gradient.
    """

    links: tuple[Link, ...]
    upstream: float
    product: float


@dataclass(frozen=True)
class Paths:
    """A gradient as a sum over paths.

    Attributes
    ----------
    node, index
        The number asked about.
    gradient : float
    shown : tuple of Path
        The largest, largest first.
    rest : float
        What all other paths add up to: ``gradient`` less those shown.
    count : int
        How many paths there are whose derivatives are not zero.
    label : callable
        What nodes are called.
    """

    node: Node
    index: Index
    gradient: float
    shown: tuple[Path, ...]
    rest: float
    count: int
    label: Callable[[Node], str]

    def text(self) -> str:
        """Return the sum, one path a line."""
        name = element_name(self.label(self.node), self.index)
        ways = "over 1 path" if self.count == 1 else f"over {self.count:,} paths"
        if not self.count:
            ways = f"no path of {name} carries anything"
        gradient = gradient_text(gradient_name(name))
        lines = [f"{gradient} = {scalar_text(self.gradient)}, {ways}"]
        for path in self.shown:
            stops = [name, *(element_name(self.label(s.node), s.index) for s in path.links)]
            factors = [scalar_text(link.derivative) for link in path.links]
            if path.upstream != 1 or not factors:
                factors.append(scalar_text(path.upstream))
            product = " · ".join(f"({f})" if f.startswith("-") else f for f in factors)
            lines.append(f"  {scalar_text(path.product):>12} = {product}")
            lines.append(f"  {'':>12}   {' -> '.join(stops)}")
        hidden = self.count - len(self.shown)
        if hidden:
            others = "1 other path" if hidden == 1 else f"{hidden:,} other paths"
            lines.append(f"  {scalar_text(self.rest):>12}   from {others}")
        return "\n".join(lines)

    def __str__(self) -> str:
        return self.text()


def element_name(label: str, index: Index) -> str:
    """Return what one element of an array is called."""
    return f"{label}[{', '.join(map(str, index))}]" if index else label


class Reached:
    """What numbers reach the output by, remembered for all numbers that are asked about.

    Attributes
    ----------
    ways : dict
        Number -> the numbers that it goes into, each with the derivative.
    bound : dict
        Number -> the largest product that a path from there can bring.
    number : dict
        Number -> how many paths there are from there.
    """

    def __init__(self, joint: Joint) -> None:
        self._joint = joint
        self._consumers = joint.forward.consumers()
        self._derivatives = Locals()
        self.ways: dict[Scalar, list[tuple[Scalar, float]]] = {}
        self.bound: dict[Scalar, float] = {}
        self.number: dict[Scalar, int] = {}

    def end(self, scalar: Scalar) -> float:
        """Return the upstream gradient where a path may end, else 0."""
        node, index = scalar
        if node is not self._joint.forward.output:
            return 0.0
        return float(np.asarray(self._joint.gradients[node].value)[index])

    def follow(self, start: Scalar) -> None:
        """Find all that one number reaches, each after those that it leads to."""
        stack = [(start, False)]
        while stack:
            scalar, ready = stack.pop()
            if scalar in self.bound:
                continue
            if not ready:
                self.ways[scalar] = list(self._onwards(scalar))
                stack.append((scalar, True))
                stack.extend((to, False) for to, _ in self.ways[scalar] if to not in self.bound)
                continue
            end, ways = self.end(scalar), self.ways[scalar]
            self.bound[scalar] = max([abs(end), *(abs(d) * self.bound[to] for to, d in ways)])
            self.number[scalar] = (end != 0) + sum(self.number[to] for to, _ in ways)

    def _onwards(self, scalar: Scalar) -> Iterator[tuple[Scalar, float]]:
        node, index = scalar
        for consumer, position in self._consumers[node]:
            if consumer not in self._joint.gradients or consumer.op.pullback(position) is None:
                continue
            for j, derivative in self._derivatives.column(consumer, position, index).items():
                yield (consumer, j), derivative


def refuse_complex(joint: Joint) -> None:
    """Refuse to take a gradient apart that passes through complex numbers.

    A conjugate on the way is not a factor, so that there is no product to show.
    """
    for node in joint.forward.nodes:
        if node.abstract.dtype.kind == "c" and node in joint.gradients:
            raise ArgumentError(
                "A gradient through complex numbers cannot be taken apart into products.",
                got=f"{node.name or node.op.name}, of {node.abstract.dtype}",
                where=node.where,
                instead="arguments for the real and the imaginary part, put together as x + 1j * y",
            )


def paths(
    joint: Joint,
    node: Node,
    index: Index = (),
    k: int = 10,
    label: Callable[[Node], str] | None = None,
    reached: Reached | None = None,
) -> Paths:
    """Write the gradient of one number as a sum over paths.

    Parameters
    ----------
    joint : Joint
        With values.
    node : Node
        Of the forward pass.
    index : tuple of int
        Which element of it.
    k : int
        How many paths to show.
    label : callable, optional
        What nodes are called in the text.
    reached : Reached, optional
        What is known of `joint` from numbers asked about before.

    Returns
    -------
    Paths
    """
    refuse_complex(joint)
    start = (node, index)
    reached = reached or Reached(joint)
    reached.follow(start)
    count = reached.number[start]
    gradient = float(np.asarray(joint.gradients[node].value)[index])
    shown = tuple(_best_first(reached, start, k))
    rest = gradient - math.fsum(path.product for path in shown)
    if len(shown) == count and abs(rest) <= 1e-9 * abs(gradient):
        rest = 0.0  # what is left of the rounding when all paths are shown
    return Paths(
        node, index, gradient, shown, rest, count, label or (lambda n: n.name or n.op.name)
    )


def _best_first(reached: Reached, start: Scalar, k: int) -> list[Path]:
    """Build the k largest paths: those that promise most are extended first.

    Of equal promises the one made last comes first, so that a path is followed to its
    end before another one just as good is begun.
    """
    ticket = count()
    # (-promise, -ticket, number, product so far, links as a linked list, whether it has ended)
    waiting: list[Any] = []

    def wait(promise: float, scalar: Scalar, product: float, links: Any, ended: bool) -> None:
        if promise > 0:
            entry = (-_rounded(promise), -next(ticket), scalar, product, links, ended)
            heapq.heappush(waiting, entry)

    bound = reached.bound
    wait(bound[start], start, 1.0, None, False)
    found: list[Path] = []
    while waiting and len(found) < k:
        _, _, scalar, product, links, ended = heapq.heappop(waiting)
        if ended:
            found.append(Path(_unrolled(links), reached.end(scalar), product))
            continue
        end = reached.end(scalar)
        wait(abs(product * end), scalar, product * end, links, True)
        for to, derivative in reached.ways[scalar]:
            further = product * derivative
            wait(abs(further) * bound[to], to, further, (Link(*to, derivative), links), False)
    return sorted(found, key=lambda path: -abs(path.product))


def _rounded(promise: float) -> float:
    """Round to ten digits or so, since equal products differ by their rounding."""
    mantissa, exponent = math.frexp(promise)
    return math.ldexp(round(mantissa, 10), exponent)


def _unrolled(links: Any) -> tuple[Link, ...]:
    out = []
    while links is not None:
        link, links = links
        out.append(link)
    return tuple(reversed(out))


@dataclass(frozen=True, slots=True)
class ScalarTerm:
    """One product that the gradient of one number is the sum of.

    Attributes
    ----------
    node, index
        The number that it passes through, next on the way to the output.
    upstream, derivative, product : float
        ``product = upstream * derivative``.
    """

    node: Node
    index: Index
    upstream: float
    derivative: float
    product: float


def scalar_terms(joint: Joint, node: Node, index: Index = ()) -> list[ScalarTerm]:
    """Open the gradient of one number into its products, which add up to it.

    Parameters
    ----------
    joint : Joint
        With values.
    node : Node
        Of the forward pass.
    index : tuple of int

    Returns
    -------
    list of ScalarTerm
        In the order of the operations that read the number.
    """
    refuse_complex(joint)
    derivatives = Locals()
    terms = []
    for consumer, position in joint.forward.consumers()[node]:
        if consumer not in joint.gradients or consumer.op.pullback(position) is None:
            continue
        upstream = np.asarray(joint.gradients[consumer].value)
        for j, derivative in sorted(derivatives.column(consumer, position, index).items()):
            g = float(upstream[j])
            terms.append(ScalarTerm(consumer, j, g, derivative, g * derivative if g else 0.0))
    return terms
