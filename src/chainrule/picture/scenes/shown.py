"""What of a graph is drawn: the user's lines, what recognition added, and the steps of each.

What recognition copied from the user's lines, so that the gradient passes through what it
recognised, is the same line and has one box.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from chainrule.explaining.derivation import Derivation
from chainrule.explaining.explanation import Explanation
from chainrule.explaining.step import Planned, Step
from chainrule.graph import Node
from chainrule.picture.scenes.titles import is_folded


@dataclass(frozen=True, slots=True)
class Line:
    """A value on its way into an operation.

    Attributes
    ----------
    source, target : Node
    position : int
        Which of the operands.
    reader : Node
        The node that reads it: the target, or its copy that recognition made.
    back : Planned or None
        The step of the gradient on its way back; None where none passes.
    aside : bool
        On a way that no gradient takes, since another one was recognised.
    """

    source: Node
    target: Node
    position: int
    reader: Node
    back: Planned | None
    aside: bool

    @property
    def gradient(self) -> Any:
        """The gradient along this line."""
        assert self.back is not None
        assert self.back.contribution is not None
        return self.back.contribution.node.value


def places(derivation: Derivation) -> dict[Node, int]:
    """Give a number to each node that is shown: the user's lines, then what was recognised."""
    added = derivation.joint.forward.reachable().nodes
    return {n: i for i, n in enumerate(dict.fromkeys((*derivation.graph.nodes, *added)))}


class Shown:
    """The nodes that are drawn, what they read, and the steps that they stand for.

    Parameters
    ----------
    explanation : Explanation

    Attributes
    ----------
    nodes : tuple of Node
        Each after all that it reads.
    place : dict of Node to int
    """

    def __init__(self, explanation: Explanation) -> None:
        self.explanation = explanation
        self.derivation = explanation.derivation
        self.joint = self.derivation.joint
        self.place = places(self.derivation)
        self._twin = dict(self.derivation.same)
        #: Copy made by recognition -> the user's line that it is a copy of, and back.
        self._original = self._copies()
        self._copy = {original: copy for copy, original in self._original.items()}
        self._plan()
        self.nodes = self._ordered()
        self._aside = self._passed_by()

    def stands(self, node: Node) -> Node:
        """Return the node whose box is that of a node."""
        return self._original.get(node, node)

    def id(self, node: Node) -> str:
        """Return the id of a node's box."""
        return f"n{self.place[self.stands(node)]}"

    def done(self, node: Node) -> Node:
        """Return the node that says what is done in a box: what was recognised, if it was."""
        return self._copy.get(node, node)

    def label(self, node: Node) -> str:
        """Return what a node is called."""
        return self.derivation.label(node)

    def is_equal_to_another(self, node: Node) -> bool:
        """Whether it was recognised in lines that have a box, and so a name, of their own."""
        twin = self._twin.get(node)
        return twin in self.place and self.stands(node) is node

    def _copies(self) -> dict[Node, Node]:
        twin = self._twin
        found: dict[Node, Node] = {}
        for copy, original in self.derivation.same:
            if copy in self.place and original in self.place and _is_copy(copy, original, twin):
                found[copy] = original
        return found

    # -- order and operands ------------------------------------------------------------

    def _variants(self, node: Node) -> tuple[Node, ...]:
        copy = self._copy.get(node)
        return (node,) if copy is None else (copy, node)

    def _ordered(self) -> tuple[Node, ...]:
        """Put what was added before the first that reads it."""
        order: dict[Node, None] = {}
        for start in self.place:
            stack = [self.stands(start)]
            while stack:
                node = stack[-1]
                missing = [
                    self.stands(i)
                    for v in self._variants(node)
                    for i in v.inputs
                    if self.stands(i) not in order
                ]
                if missing and node not in order:
                    stack.extend(missing)
                    continue
                order.setdefault(stack.pop())
        return tuple(order)

    def _passed_by(self) -> set[Node]:
        """Find the lines that another way to the output was recognised for, or none leads to."""
        needed = {self.stands(self.joint.forward.output)}
        for node in reversed(self.nodes):
            if node in needed:
                needed.update(self.stands(i) for i in self._variants(node)[0].inputs)
        wrt = set(self.joint.wrt)
        return {n for n in self.nodes if n not in needed and n not in wrt}

    def aside(self, node: Node) -> bool:
        """Whether a node is passed by on the way back."""
        return node in self._aside

    def operands(self, node: Node) -> list[Line]:
        """Return what a node reads, but for single constants, which its title tells."""
        lines: dict[tuple[Node, int], Line] = {}
        for reader in self._variants(node):
            for position, operand in enumerate(reader.inputs):
                source = self.stands(operand)
                back = self.back.get((reader, position))
                if (source, position) in lines or is_folded(source):
                    continue
                lines[source, position] = Line(
                    source, node, position, reader, back,
                    back is None and (node in self._aside or source in self._aside),
                )  # fmt: skip
        return list(lines.values())

    @cached_property
    def lines(self) -> tuple[Line, ...]:
        """All that is read, in order."""
        return tuple(line for node in self.nodes for line in self.operands(node))

    @cached_property
    def readers(self) -> Mapping[Node, list[Line]]:
        """Map each node to the lines that lead out of it."""
        found: dict[Node, list[Line]] = {node: [] for node in self.nodes}
        for line in self.lines:
            found[line.source].append(line)
        return found

    def drawn(self) -> Iterable[Node]:
        """Return the nodes that have a box: all but constants in titles."""
        output = self.output
        return (n for n in self.nodes if not is_folded(n) or n is output)

    @property
    def output(self) -> Node:
        """The output of the forward pass, on the way that the gradient takes."""
        return self.stands(self.joint.forward.output)

    # -- steps -------------------------------------------------------------------------

    def _plan(self) -> None:
        self.forward: dict[Node, Planned] = {}
        self.back: dict[tuple[Node, int], Planned] = {}
        self._sums: dict[Node, Planned] = {}
        self._arrives: dict[Node, Planned] = {}
        self.upstream: Planned | None = None
        for planned in self.explanation.plan:
            node = planned.node
            if planned.kind == "forward":
                self.forward[node] = planned
                continue
            if planned.kind == "input":
                continue
            self._arrives[self.stands(node)] = planned
            if planned.kind == "upstream":
                self.upstream = planned
            elif planned.kind == "sum":
                self._sums[self.stands(node)] = planned
            elif planned.contribution is not None:
                self.back[planned.contribution.consumer, planned.contribution.position] = planned

    def step(self, planned: Planned) -> Step:
        """Return the step itself, with its formulas."""
        return self.explanation.written(planned)

    @cached_property
    def _known(self) -> dict[Node, int]:
        known: dict[Node, int] = {}
        for node in self.nodes:
            planned = self.forward.get(node) or self.forward.get(self._twin.get(node, node))
            known[node] = (
                planned.number
                if planned is not None
                else max((known[self.stands(i)] for i in node.inputs), default=0)
            )
        return known

    def known(self, node: Node) -> int:
        """Return the step from which on a value is known."""
        return self._known[node]

    def gradient_of(self, node: Node) -> tuple[Any, int] | None:
        """Return the gradient of a node and the step that it is complete with, if it has one."""
        for variant in self._variants(node):
            if variant in self.joint.gradients:
                planned = self._arrives.get(node) or self.upstream
                number = 0 if planned is None else planned.number
                return self.joint.gradients[variant].value, number
        return None

    def several(self, node: Node) -> bool:
        """Whether a gradient reaches a node on several ways."""
        return node in self._sums

    def steps_of(self, node: Node) -> tuple[int, ...]:
        """Return the steps that are about a node itself."""
        found = [self.forward.get(node), self._sums.get(node)]
        if self.upstream is not None and self.stands(self.upstream.node) is node:
            found.append(self.upstream)
        return tuple(sorted(p.number for p in found if p is not None))


def _is_copy(copy: Node, original: Node, twin: Mapping[Node, Node]) -> bool:
    """Whether a node does what another does, with operands that are equal to its own.

    What is done to each number alone has no box beside that of the line whose result it is.
    """
    if copy.op.elementwise and copy.op is not original.op and not original.is_leaf:
        return True
    return (
        copy.op is original.op
        and len(copy.inputs) == len(original.inputs)
        and all(
            a is b or twin.get(a) is b for a, b in zip(copy.inputs, original.inputs, strict=True)
        )
        and copy.params.keys() == original.params.keys()
        and all(v is original.params[k] for k, v in copy.params.items())
    )
