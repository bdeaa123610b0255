"""Nodes and links of one frame in columns: where each stands, and which way each link takes.

Nodes stand in every other column. In between are those in which the labels have their places: a
label is a thing of its own there, as high as its texts, right before what its link leads to. On
its way past other columns a link takes a place in each of them. So nothing can lie on anything
else: whatever is in a column has its own heights, and links swing over between columns only.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from chainrule.picture.coordinates import heights
from chainrule.picture.drawing import Point
from chainrule.picture.layering import layers
from chainrule.picture.ordering import Link, ordered
from chainrule.picture.parts import PITCH, Part

#: Between things of one column.
_GAP = 12.0
#: Between columns where all wires run level, before a label and before a node.
_BEFORE_LABEL, _BEFORE_NODE = 12.0, 16.0
#: Between columns: the share of the greatest rise, and the most of it.
_RISE, _STEEPEST = 0.2, 64.0
_TEXT_TO_PILL = 8.0
#: What a wire needs that only passes by.
_PASSING = 4.0


@dataclass(slots=True)
class Node:
    """Something that links lead to and from: a box, a frame, or where a wire meets the frame."""

    width: float
    above: float
    below: float
    half: float = 0.0  # ways in are spread over this much above and below the axis
    enters: dict[str, float] | None = None  # heights of the ways in, where they are fixed
    leaves: dict[str, float] = field(default_factory=dict)
    side: str = ""  # "left" or "right" for what stands at the frame


@dataclass(slots=True)
class Way:
    """A link between two nodes, with the value that it carries and its label."""

    source: int
    target: int
    value: str
    label: Part


@dataclass(slots=True)
class Arranged:
    """Nodes and links with their places; the left upper corner is (0, 0)."""

    width: float
    height: float
    nodes: list[Point]  # the left end of each axis
    routes: list[list[Point]]
    labels: list[tuple[float, float, float]]  # middle of the texts, middle of the pill, height


def arrange(nodes: list[Node], ways: list[Way]) -> Arranged | None:
    """Give nodes and links their places; None where the links form a circle."""
    layer = _layers(nodes, ways)
    if layer is None:
        return None
    return _Arrangement(nodes, ways, layer).placed()


def _layers(nodes: list[Node], ways: list[Way]) -> list[int] | None:
    layer = layers(len(nodes), [(way.source, way.target) for way in ways])
    if layer is None:
        return None
    last = max(layer, default=0)
    return [
        {"left": 0, "right": last}.get(node.side, at) for node, at in zip(nodes, layer, strict=True)
    ]


class _Arrangement:
    def __init__(self, nodes: list[Node], ways: list[Way], layer: list[int]) -> None:
        self.nodes, self.ways = nodes, ways
        self.columns: list[list[int]] = [[] for _ in range(2 * max(layer, default=0) + 1)]
        self.above, self.below = [], []
        self.column: list[int] = []
        self.links: list[Link] = []
        self.chains: list[list[int]] = []  # of each way: its items from source to target
        for node, at in zip(nodes, layer, strict=True):
            self._item(2 * at, node.above, node.below)
        passing: dict[tuple[int, str, int], int] = {}
        for way in ways:
            chain, before = [way.source], way.source
            lift = nodes[way.source].leaves.get(way.value, 0.0)
            end = 2 * layer[way.target]
            for at in range(2 * layer[way.source] + 1, end):
                key = (way.source, way.value, at)
                item = passing.get(key) if at < end - 1 else None
                if item is None:
                    above, below = way.label.above, way.label.below
                    item = (
                        self._item(at, above, below)
                        if at == end - 1
                        else self._item(at, _PASSING, _PASSING)
                    )
                    if at < end - 1:
                        passing[key] = item
                    self.links.append(Link(before, item, lift if before == way.source else 0.0))
                chain.append(item)
                before = item
            enters = nodes[way.target].enters
            fixed = 0.0 if enters is None else enters[way.value]
            self.links.append(Link(before, way.target, 0.0, fixed))
            self.chains.append([*chain, way.target])

    def _item(self, column: int, above: float, below: float) -> int:
        self.columns[column].append(len(self.above))
        self.above.append(above)
        self.below.append(below)
        self.column.append(column)
        return len(self.above) - 1

    def placed(self) -> Arranged:
        order = ordered(self.columns, self.links)
        self._spread(order)
        stiff = [item >= len(self.nodes) for item in range(len(self.above))]
        y = heights(order, self.links, self.above, self.below, _GAP, stiff)
        top = min((y[i] - self.above[i] for i in range(len(y))), default=0.0)
        y = [height - top for height in y]
        height = max((y[i] + self.below[i] for i in range(len(y))), default=0.0)
        lefts, rights = self._across(y)
        places = [
            (
                (lefts[at] + rights[at] - node.width) / 2
                if not node.side
                else (0.0 if node.side == "left" else rights[-1]),
                y[item],
            )
            for item, (node, at) in enumerate(zip(self.nodes, self.column, strict=False))
        ]
        labels, routes = [], []
        for way, chain in zip(self.ways, self.chains, strict=True):
            at = self.column[chain[-2]]
            right, pill = rights[at], self.pills[at]
            texts = lefts[at] + self.texts[at] / 2
            labels.append((texts, right - pill / 2, y[chain[-2]]))
            routes.append(self._route(way, chain, y, lefts, rights, places))
        return Arranged(rights[-1], height, places, routes, labels)

    def _spread(self, order: list[list[int]]) -> None:
        """Let links enter a box one below the other, in the order in which they come."""
        place = {item: at for column in order for at, item in enumerate(column)}
        into: dict[int, list[Link]] = {}
        for link in self.links:
            if link.target < len(self.nodes) and self.nodes[link.target].enters is None:
                into.setdefault(link.target, []).append(link)
        for target, links in into.items():
            links.sort(key=lambda link: place[link.source])
            room = max(0.0, 2 * self.nodes[target].half - 16.0)
            pitch = min(PITCH, room / max(1, len(links) - 1))
            for at, link in enumerate(links):
                link.enter = (at - (len(links) - 1) / 2) * pitch

    def _across(self, y: list[float]) -> tuple[list[float], list[float]]:
        """Return where each column begins and ends."""
        count = len(self.columns)
        widths, self.texts, self.pills = [0.0] * count, [0.0] * count, [0.0] * count
        for node, at in zip(self.nodes, self.column, strict=False):
            widths[at] = max(widths[at], node.width)
        for way, chain in zip(self.ways, self.chains, strict=True):
            at = self.column[chain[-2]]
            self.texts[at] = max(self.texts[at], way.label.text)
            self.pills[at] = max(self.pills[at], way.label.pill)
        for at in range(1, count, 2):
            between = _TEXT_TO_PILL if self.texts[at] and self.pills[at] else 0.0
            widths[at] = self.texts[at] + between + self.pills[at]
        rise = [0.0] * count
        for link in self.links:
            at = self.column[link.target]
            change = abs(y[link.source] + link.leave - y[link.target] - link.enter)
            rise[at] = max(rise[at], change)
        lefts, rights = [0.0], [widths[0]]
        for at in range(1, count):
            base = _BEFORE_LABEL if at % 2 else _BEFORE_NODE
            gap = base + min(_STEEPEST, _RISE * rise[at])
            lefts.append(rights[-1] + gap)
            rights.append(lefts[-1] + widths[at])
        return lefts, rights

    def _route(
        self,
        way: Way,
        chain: list[int],
        y: list[float],
        lefts: list[float],
        rights: list[float],
        places: list[Point],
    ) -> list[Point]:
        source, target = self.nodes[way.source], self.nodes[way.target]
        start = y[way.source] + source.leaves.get(way.value, 0.0)
        points = [(places[way.source][0] + source.width, start)]
        points.append((rights[self.column[way.source]], start))
        for item in chain[1:-1]:
            points.append((lefts[self.column[item]], y[item]))
            points.append((rights[self.column[item]], y[item]))
        enter = self._enter[chain[-2], way.target]
        end = y[way.target] + enter
        points.append((lefts[self.column[way.target]], end))
        points.append((places[way.target][0], end))
        return points

    @property
    def _enter(self) -> dict[tuple[int, int], float]:
        if not hasattr(self, "_entering"):
            self._entering = {(link.source, link.target): link.enter for link in self.links}
        return self._entering
