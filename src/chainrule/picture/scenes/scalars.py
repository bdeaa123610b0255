"""Boxes and edges of single numbers, as one would write a layer on paper.

An element that is a sum of products has a box for each product and one for their sum.
Where numbers only move, as in a transpose, an edge leads past to where they come from.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from chainrule.explaining.elements import Index, Locals
from chainrule.explaining.gradient_names import gradient_name, gradient_text
from chainrule.explaining.why import element_name
from chainrule.graph import Node
from chainrule.picture.scene import Box, Edge, Known
from chainrule.picture.scenes import tensors
from chainrule.picture.scenes.numbers import brief, known, signed
from chainrule.picture.scenes.reads import Reads, is_move, row, terms
from chainrule.picture.scenes.shown import Line, Shown
from chainrule.picture.scenes.titles import is_folded, title

#: Of more numbers than this that one is computed from, a dozen are shown.
MANY, SHOWN = 40, 12


@dataclass(frozen=True, slots=True)
class Source:
    """Where a number comes from: a box, or no box for a constant.

    Attributes
    ----------
    box : str
        Empty for a constant.
    value : number
    steps : tuple of int
        Of the lines on which the number only moved.
    """

    box: str
    value: Any
    steps: tuple[int, ...] = ()


def element_id(shown: Shown, node: Node, index: Index) -> str:
    """Return the id of one element's box."""
    return f"{shown.id(node)}[{','.join(map(str, index))}]" if index else shown.id(node)


class Scalars:
    """Collects the boxes and edges of single numbers.

    Parameters
    ----------
    shown : Shown
    source : callable, optional
        ``source(node, index)``: where an element that is read comes from. Unless given, it has
        a box of its own, and what moves numbers is passed through.
    whole : callable, optional
        Node -> the box of its array. Where it is given, only the largest of many numbers that
        one number is computed from are shown, and how many others there are.
    """

    def __init__(
        self,
        shown: Shown,
        source: Callable[[Node, Index], Source] | None = None,
        whole: Callable[[Node], str] | None = None,
    ) -> None:
        self.shown = shown
        self.whole = whole
        self.reads = Reads()
        self.locals = Locals()
        self.source = source or self.origin
        self.boxes: list[Box] = []
        self._wholes: dict[Node, Box] = {}
        self.edges: dict[tuple[str, str, int], Edge] = {}
        self._factors: dict[tuple[str, str, int], float] = {}

    def element(self, node: Node, index: Index, parent: str = "") -> None:
        """Add the box of one element, with those of the products that it adds up."""
        products = terms(node, index) if not node.is_leaf else None
        if products is not None and len(products) > 1:
            self._sum(node, index, products, parent)
            return
        fixed: dict[Node, Any] = {}
        found: list[tuple[Line, Index, Source]] = []
        others: list[tuple[str, int]] = []
        for line in self.shown.operands(node):
            places = self.places(line, index, products)
            if self.whole is not None and len(places) > MANY:
                derivatives = row(line.reader, line.position, index)
                largest = set(_largest([derivatives[place] for place in places]))
                id_ = self._rest(node, index, [line], len(places) - len(largest), None, parent)
                others.append((id_, line.position))
                places = [place for k, place in enumerate(places) if k in largest]
            for place in places:
                source = self.source(line.source, place)
                if source.box:
                    found.append((line, place, source))
                elif node.op.elementwise or products is not None:
                    fixed[line.reader.inputs[line.position]] = source.value
        self.boxes.append(self.box(node, index, parent, fixed))
        for line, place, source in found:
            self.edge(line, place, source, index, element_id(self.shown, node, index))
        for id_, position in others:
            self.put(Edge("", id_, element_id(self.shown, node, index)), position)

    def places(
        self, line: Line, index: Index, products: Sequence[tuple[Index, ...]] | None
    ) -> Sequence[Index]:
        """Return what one element reads along a line."""
        if products is not None:
            return [factors[line.position] for factors in products]
        return self.reads.of(line.reader, line.position, index)

    def box(
        self, node: Node, index: Index, parent: str, fixed: dict[Node, Any] | None = None
    ) -> Box:
        """Return the box of one element."""
        whole = self._wholes.get(node)
        if whole is None:
            whole = self._wholes[node] = tensors.box(self.shown, node, parent)
        if not node.shape:
            return replace(whole, title=title(self.shown.done(node), fixed)) if fixed else whole
        label = element_name(self.shown.label(node), index)
        heading = label if node.is_input else title(self.shown.done(node), fixed)
        gradient = self.shown.gradient_of(node)
        return replace(
            whole, id=element_id(self.shown, node, index), title=heading,
            name="" if node.is_input or whole.equal else label, equal=label if whole.equal else "",
            detail="",
            value=known(_at(node.value, index), self.shown.known(node)),
            gradient=None if gradient is None or whole.gradient is None
            else known(_at(gradient[0], index), gradient[1]),
        )  # fmt: skip

    # -- edges -------------------------------------------------------------------------

    def edge(
        self, line: Line, place: Index, source: Source, index: Index, target: str,
        factors: Sequence[str] = (),
    ) -> None:  # fmt: skip
        """Add the edge of one element that is read by another, or by one of its products."""
        if not line.source.shape and not line.target.shape and not source.steps:
            whole = tensors.edge(self.shown, line)
            self.put(replace(whole, id="", source=source.box), line.position)
            return
        value = known(source.value, self.shown.known(line.source))
        plain = Edge("", source.box, target, value, steps=source.steps, aside=line.aside)
        if line.back is None:
            self.put(plain, line.position)
            return
        if self._is_complex(line):
            self.put(self._complex(line, place, plain), line.position)
            return
        derivative = self.locals.column(line.reader, line.position, place).get(index, 0.0)
        upstream = self.upstream(line, index)
        number = line.back.number
        # What is read twice at one place is read once, twice as much.
        key = (source.box, target, line.position)
        factor = self._factors[key] = self._factors.get(key, 0.0) + derivative
        self.put(
            replace(
                plain, gradient=known(product(upstream, factor), number),
                local=known(factor, number), symbols=self.symbols(line, place, index, factors),
                upstream=self.upstream_text(line, index),
                steps=tuple(sorted({*source.steps, number})),
            ), line.position,
        )  # fmt: skip

    def put(self, edge: Edge, position: int) -> None:
        """Add an edge, with its id."""
        key = (edge.source, edge.target, position)
        self.edges[key] = replace(edge, id=f"{edge.source}->{edge.target}:{position}")

    def upstream(self, line: Line, index: Index) -> Any:
        """Return the gradient of the element that reads."""
        return _at(self.shown.joint.gradients[line.reader].value, index)

    def upstream_text(self, line: Line, index: Index) -> str:
        """Write the gradient of the element that reads."""
        name = gradient_text(gradient_name(element_name(self.shown.label(line.target), index)))
        return f"{name} = {brief(self.upstream(line, index))}"

    def symbols(self, line: Line, place: Index, index: Index, factors: Sequence[str]) -> str:
        """Write the local derivative of one element, or of a product, by another."""
        if factors:
            others = [f for i, f in enumerate(factors) if i != line.position]
            return f"∂({' · '.join(factors)})/∂{factors[line.position]} = {' · '.join(others)}"
        of = element_name(self.shown.label(line.target), index)
        by = element_name(self.shown.label(line.source), place)
        if not line.reader.op.elementwise or line.back is None:
            return f"∂{of}/∂{by}"
        step = self.shown.step(line.back)
        return f"∂{of}/∂{by}" + (f" = {signed(step.local.symbols.text)}" if step.local else "")

    @staticmethod
    def _complex(line: Line, place: Index, plain: Edge) -> Edge:
        """Add what comes back where it is no product of two numbers."""
        assert line.back is not None
        number = line.back.number
        plain = replace(plain, steps=tuple(sorted({*plain.steps, number})))
        single = line.reader.op.elementwise and line.source.shape == line.target.shape
        gradient = known(_at(line.gradient, place), number) if single else None
        return replace(plain, gradient=gradient)

    @staticmethod
    def _is_complex(line: Line) -> bool:
        # A conjugate on the way back is no factor.
        return "c" in (line.source.abstract.dtype.kind, line.target.abstract.dtype.kind)

    # -- sums of products --------------------------------------------------------------

    def _sum(
        self, node: Node, index: Index, products: Sequence[tuple[Index, ...]], parent: str
    ) -> None:
        total = element_id(self.shown, node, index)
        kept: Sequence[int] = range(len(products))
        left: Any = None
        rest = ""
        if self.whole is not None and len(products) > MANY:
            values = [
                math.prod(_at(o.value, place) for o, place in zip(node.inputs, at, strict=True))
                for at in products
            ]
            kept = _largest(values)
            left = sum(values) - sum(values[k] for k in kept)
            lines = self.shown.operands(node)
            rest = self._rest(node, index, lines, len(products) - len(kept), left, parent)
        made = {k: self._term(node, index, products[k], f"{total}.{k}", parent) for k in kept}
        self.boxes.append(replace(self.box(node, index, parent), title="+"))
        for k, box in made.items():
            self.put(self._into_sum(node, index, box, total), k)
        if rest:
            value = known(left, self.shown.known(node))
            self.put(Edge("", rest, total, value, aside=self.shown.aside(node)), len(products))

    def _rest(
        self, node: Node, index: Index, lines: Sequence[Line], count: int, left: Any, parent: str
    ) -> str:
        """Add a box for the many numbers that are not shown one by one."""
        assert self.whole is not None
        id_ = f"{element_id(self.shown, node, index)}.rest{lines[0].position or ''}"
        value = None if left is None else known(left, self.shown.known(node))
        self.boxes.append(
            Box(id_, "operation", f"{count:,} more", value=value, where=node.where, parent=parent,
                aside=self.shown.aside(node))
        )  # fmt: skip
        for line in lines:
            if not line.source.is_constant:
                self.put(Edge("", self.whole(line.source), id_, aside=line.aside), line.position)
        return id_

    def _term(
        self, node: Node, index: Index, factors: tuple[Index, ...], id_: str, parent: str
    ) -> Box:
        lines = {line.position: line for line in self.shown.operands(node)}
        sources = [
            self.source(self.shown.stands(operand), place)
            for operand, place in zip(node.inputs, factors, strict=True)
        ]
        numbers = [brief(s.value) for s in sources if not s.box]
        names = [
            element_name(self.shown.label(self.shown.stands(o)), place) if s.box else brief(s.value)
            for o, place, s in zip(node.inputs, factors, sources, strict=True)
        ]
        value = math.prod([s.value for s in sources])
        steps = self.shown.steps_of(node)[:1]
        box = Box(
            id_, "operation", " ".join(["×", *numbers]), name=" · ".join(names),
            value=known(value, self.shown.known(node)), where=node.where, parent=parent,
            steps=steps, aside=self.shown.aside(node),
        )  # fmt: skip
        self.boxes.append(box)
        for position, (place, source) in enumerate(zip(factors, sources, strict=True)):
            if source.box and position in lines:
                self.edge(lines[position], place, source, index, id_, names)
        return box

    def _into_sum(self, node: Node, index: Index, box: Box, total: str) -> Edge:
        lines = [x for x in self.shown.operands(node) if x.back is not None]
        plain = Edge("", box.id, total, value=box.value, aside=self.shown.aside(node))
        if not lines:
            return plain
        steps = tuple(sorted(x.back.number for x in lines if x.back))
        return replace(
            plain, gradient=known(self.upstream(lines[0], index), steps[0]),
            local=Known("1", steps[0], "1"),
            symbols=f"∂{element_name(self.shown.label(node), index)}/∂({box.name}) = 1",
            upstream=self.upstream_text(lines[0], index), steps=steps,
        )  # fmt: skip

    # -- where numbers come from -------------------------------------------------------

    def origin(self, node: Node, index: Index) -> Source:
        """Follow a number back past the lines on which it only moved."""
        value, steps = _at(node.value, index), set[int]()
        while not node.is_leaf and is_move(node) and node is not self.shown.output:
            lines = {line.position: line for line in self.shown.operands(node)}
            found = self.reads.origin(node, index)
            if found is None or found[0] not in lines:
                return Source("", value)
            steps.update(self.shown.steps_of(node))
            line = lines[found[0]]
            if line.back is not None:
                steps.add(line.back.number)
            node, index = line.source, found[1]
        if node.is_constant or is_folded(node):
            return Source("", value)
        return Source(element_id(self.shown, node, index), value, tuple(sorted(steps)))


def product(upstream: Any, derivative: float) -> Any:
    """Multiply as the worked solution does: where nothing comes back, nothing is passed on."""
    return upstream * derivative if upstream else 0.0


def _at(value: Any, index: Index) -> Any:
    return np.asarray(value)[index]


def _largest(values: Sequence[Any]) -> Sequence[int]:
    """Return which numbers are largest, in their order."""
    sizes = np.nan_to_num(np.abs(np.asarray(values)), nan=np.inf)
    return sorted(np.argsort(-sizes, kind="stable")[:SHOWN].tolist())


def whole(shown: Shown) -> tuple[list[Box], list[Edge]]:
    """Return the boxes and edges of all single numbers."""
    scalars = Scalars(shown)
    for node in drawn(shown):
        for index in np.ndindex(node.shape):
            scalars.element(node, index)
    edges = list(scalars.edges.values())
    told = {n for b in scalars.boxes for n in b.steps} | {n for e in edges for n in e.steps}
    return _with_unread(scalars, told), edges


def _with_unread(scalars: Scalars, told: set[int]) -> list[Box]:
    """Let numbers tell the steps of ways on which nothing reads them, as where all is replaced."""
    shown, more = scalars.shown, dict[str, set[int]]()
    for line in shown.lines:
        steps = {*shown.steps_of(line.target), *([line.back.number] if line.back else ())} - told
        if steps:
            for index in np.ndindex(line.source.shape):
                more.setdefault(scalars.origin(line.source, index).box, set()).update(steps)
    return [
        replace(b, steps=tuple(sorted({*b.steps, *more[b.id]}))) if b.id in more else b
        for b in scalars.boxes
    ]


def drawn(shown: Shown) -> list[Node]:
    """Return the nodes whose elements have boxes: not those that only move numbers."""
    return [
        node
        for node in shown.drawn()
        if node is shown.output or not (node.is_constant or (not node.is_leaf and is_move(node)))
    ]


def count(shown: Shown) -> int:
    """Return how many boxes all single numbers would need."""
    total = 0
    for node in drawn(shown):
        size = node.abstract.size
        products = terms(node, (0,) * len(node.shape)) if size and not node.is_leaf else None
        total += size * (1 + (len(products) if products and len(products) > 1 else 0))
    return total
