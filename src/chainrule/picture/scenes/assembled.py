"""Boxes, frames and edges of a graph whose groups are open or closed."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from functools import reduce
from operator import add

from chainrule.explaining.elements import Index
from chainrule.graph import Node
from chainrule.picture.scene import Box, Edge, Group, Known
from chainrule.picture.scenes import tensors
from chainrule.picture.scenes.grouping import Member, Part
from chainrule.picture.scenes.numbers import known
from chainrule.picture.scenes.opened import Opened
from chainrule.picture.scenes.shown import Line, Shown

#: Of more values than this between two boxes, one edge tells how many.
MOST_BETWEEN = 8


class Assembled:
    """Walks the groups once and collects what is to be seen.

    Parameters
    ----------
    shown : Shown
    members : sequence of Node or Part
        What there is at the top.
    open_parts : collection of Part
        Those that are open.
    elements : mapping
        Node -> its elements that are opened.
    """

    def __init__(
        self,
        shown: Shown,
        members: Sequence[Member],
        open_parts: Collection[Part],
        elements: Mapping[Node, Sequence[Index]],
    ) -> None:
        self.shown = shown
        self.open_parts = open_parts
        self.elements = elements
        #: Node -> the box that stands for it.
        self.place: dict[Node, str] = {}
        self.boxes: list[Box] = []
        self.groups: list[Group] = []
        self._closed: dict[str, tuple[Part, str]] = {}
        self.opened = Opened(shown, self.place.__getitem__)
        self._steps: dict[str, list[int]] = {}
        self._visit(members, "")
        self.edges = [*self._edges(), *self.opened.edges()]
        self.groups += self.opened.groups
        self.boxes = [self._with_steps(b) for b in self.boxes]

    def _visit(self, members: Sequence[Member], parent: str) -> None:
        for member in members:
            if isinstance(member, Node):
                self._node(member, parent)
            elif member in self.open_parts:
                self.groups.append(Group(member.id, member.title, parent))
                self._visit(member.members, member.id)
            else:
                self._close(member, parent)

    def _node(self, node: Node, parent: str) -> None:
        id_ = self.place[node] = self.shown.id(node)
        wanted = self.elements.get(node)
        whole = wanted is not None and len(wanted) == node.abstract.size
        if wanted is not None and not node.is_leaf:
            closes = id_ if whole else ""
            self.boxes += self.opened.open(node, wanted, parent, closes)
        opens = id_ if node.shape and node.abstract.size and not whole else ""
        self.boxes.append(tensors.box(self.shown, node, parent, opens))
        if wanted is not None and node.is_leaf:
            self.boxes += self.opened.open(node, wanted, parent, id_)

    def _close(self, part: Part, parent: str) -> None:
        shown = self.shown
        nodes = list(part.nodes())
        inside = [n for n in nodes if not n.is_leaf]
        end = inside[-1] if inside else nodes[-1]
        steps: list[int] = []
        for node in nodes:
            self.place[node] = part.id
            steps += shown.steps_of(node)
        self._steps[part.id] = steps
        gradient = shown.gradient_of(end) if end is shown.output else None
        count = len(inside) or len(nodes)
        what = ("operation" if inside else "argument") + ("" if count == 1 else "s")
        self.boxes.append(
            Box(
                part.id, "group", part.title, name=end.name or "" if inside else "",
                value=known(end.value, shown.known(end)) if inside else None,
                gradient=None if gradient is None else known(*gradient),
                detail=f"{count:,} {what}", where=inside[0].where if inside else None,
                parent=parent, opens=part.id, aside=all(shown.aside(n) for n in nodes),
            )
        )  # fmt: skip

    def _with_steps(self, box: Box) -> Box:
        steps = self._steps.get(box.id)
        return box if steps is None else replace(box, steps=tuple(sorted(steps)))

    # -- edges -------------------------------------------------------------------------

    def _edges(self) -> list[Edge]:
        edges: list[Edge] = []
        bundles: dict[tuple[str, str, Node], list[Line]] = {}
        for line in self.shown.lines:
            source, target = self.place[line.source], self.place[line.target]
            if source == target:
                if line.back is not None:
                    self._steps[source].append(line.back.number)
                continue
            if self._is_replaced(line):
                continue
            if source in self._steps or target in self._steps:
                bundles.setdefault((source, target, line.source), []).append(line)
            else:
                edges.append(tensors.edge(self.shown, line))
        count: dict[tuple[str, str], int] = {}
        between: dict[tuple[str, str], list[Line]] = {}
        for (source, target, _), lines in bundles.items():
            between.setdefault((source, target), []).extend(lines)
        many = {k for k, v in between.items() if len({x.source for x in v}) > MOST_BETWEEN}
        edges += [self._many(*k, lines) for k, lines in between.items() if k in many]
        for (source, target, node), lines in bundles.items():
            if (source, target) in many:
                continue
            number = count[source, target] = count.get((source, target), -1) + 1
            edges.append(self._bundle(f"{source}->{target}:{number}", source, target, node, lines))
        return edges

    def _is_replaced(self, line: Line) -> bool:
        """Whether all numbers go their own ways, through a frame."""
        wanted = self.elements.get(line.target)
        if wanted is None or len(wanted) < line.target.abstract.size or line.source.is_constant:
            return False
        return line.target.op.elementwise or line.source.abstract.dtype.kind in "fc"

    def _many(self, source: str, target: str, lines: list[Line]) -> Edge:
        """Return one edge for more values than can be told apart."""
        known_at = max(self.shown.known(line.source) for line in lines)
        numbers = sorted(line.back.number for line in lines if line.back is not None)
        text = f"{len({line.source for line in lines}):,} values"
        return Edge(
            f"{source}->{target}:0", source, target, value=Known(text, known_at, text),
            gradient=Known(text, numbers[-1], text) if numbers else None,
            steps=tuple(numbers), aside=all(line.aside for line in lines),
        )  # fmt: skip

    def _bundle(self, id_: str, source: str, target: str, node: Node, lines: list[Line]) -> Edge:
        """Return the edge of a value into, or out of, a closed group."""
        back = [line for line in lines if line.back is not None]
        numbers = sorted(line.back.number for line in back if line.back is not None)
        gradient = known(reduce(add, [x.gradient for x in back]), numbers[-1]) if back else None
        return Edge(
            id_, source, target, value=known(node.value, self.shown.known(node)),
            gradient=gradient, steps=tuple(numbers), aside=all(line.aside for line in lines),
        )  # fmt: skip
