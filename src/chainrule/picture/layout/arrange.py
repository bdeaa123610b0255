"""Nodes and links of one frame in columns: where each stands, and which way each link takes.

Nodes stand in every other column. In between are those in which the labels have their places: a
label is a thing of its own there, as high as its texts, right before what its link leads to. On
its way past other columns a link takes a place in each of them. So nothing can lie on anything
else: whatever is in a column has its own heights, and links swing over between columns only.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from chainrule.picture.drawing import Point
from chainrule.picture.layout import rows
from chainrule.picture.layout.layering import layers
from chainrule.picture.layout.ordering import Link
from chainrule.picture.layout.parts import PITCH, Part
from chainrule.picture.layout.remembered import in_order, settled

#: Between things of one column: boxes and frames, or labels.
_GAP, _GAP_LABELS = 16.0, 10.875
#: Between columns where all wires run level, before a label and before a node.
_BEFORE_LABEL, _BEFORE_NODE = 12.0, 16.0
#: Between columns: the share of the greatest rise, and the most of it.
_RISE, _STEEPEST = 0.2, 40.0
_TEXT_TO_PILL = 8.0
#: Where a column is higher than this, rows may be so many times as wide.
_HIGH, _WIDER = 900.0, 1.25
#: What a wire needs that only passes by.
_PASSING = 4.0


@dataclass(slots=True)
class Node:
    """Something that links lead to and from: a box, a frame, or where a wire meets the frame."""

    width: float
    above: float
    below: float
    around: float = 0.0  # its width with what is written above and below it
    half: float = 0.0  # ways in are spread over this much above and below the axis
    enters: dict[str, float] | None = None  # heights of the ways in, where they are fixed
    leaves: dict[str, float] = field(default_factory=dict)
    side: str = ""  # "left" or "right" for what stands at the frame, "end" of a tail


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


def arrange(nodes: list[Node], ways: list[Way], most: float = 1200.0) -> Arranged | None:
    """Give nodes and links their places; None where the links form a circle.

    Parameters
    ----------
    nodes, ways : list
    most : float
        How wide a row should be at most.
    """
    layer = _layers(nodes, ways)
    if layer is None:
        return None
    return _Arrangement(nodes, ways, layer, most).placed()


def _layers(nodes: list[Node], ways: list[Way]) -> list[int] | None:
    layer = layers(len(nodes), [(way.source, way.target) for way in ways])
    if layer is None:
        return None
    last = max(layer, default=0)
    return [
        {"left": 0, "right": last}.get(node.side, at) for node, at in zip(nodes, layer, strict=True)
    ]


class _Arrangement:
    def __init__(self, nodes: list[Node], ways: list[Way], layer: list[int], most: float) -> None:
        self.nodes, self.ways, self.most = nodes, ways, most
        self.columns: list[list[int]] = [[] for _ in range(2 * max(layer, default=0) + 1)]
        self.above: list[float] = []
        self.below: list[float] = []
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
        self.order = in_order(self.columns, self.links)
        self._spread(self.order)
        self.y = self._heights(self.order, self.links, self.above, self.below)
        #: Where a wire enters a row: what it leaves, at which height, and the row's first column.
        self.entry: dict[tuple[int, float, int], float] = {}
        self._across()
        width, height = self._in_rows()
        places = []
        for item, node in enumerate(self.nodes):
            left, right = self._span(item)
            x = (left + right - node.width) / 2
            if node.side:
                x = {"left": 0.0, "right": width, "end": left}[node.side]
            places.append((x, self.y[item]))
        labels, routes = [], []
        for way, chain in zip(self.ways, self.chains, strict=True):
            at = self.column[chain[-2]]
            texts = self.lefts[at] + self.texts[at] / 2
            labels.append((texts, self.rights[at] - self.pills[at] / 2, self.y[chain[-2]]))
            routes.append(self._route(way, chain, places))
        return Arranged(width, height, places, routes, labels)

    def _heights(
        self, columns: list[list[int]], links: list[Link], above: list[float], below: list[float]
    ) -> list[float]:
        stiff = [item >= len(self.nodes) for item in range(len(above))]
        return settled(columns, links, above, below, (_GAP, _GAP_LABELS), stiff)

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
        self.enter = {(link.source, link.target): link.enter for link in self.links}

    def _across(self) -> None:
        """Find where each column begins and ends, and the gap before it."""
        count = len(self.columns)
        widths, self.texts, self.pills = [0.0] * count, [0.0] * count, [0.0] * count
        for node, at in zip(self.nodes, self.column, strict=False):
            widths[at] = max(widths[at], node.width, node.around)
        for way, chain in zip(self.ways, self.chains, strict=True):
            at = self.column[chain[-2]]
            self.texts[at] = max(self.texts[at], way.label.text)
            self.pills[at] = max(self.pills[at], way.label.pill)
        for at in range(1, count, 2):
            between = _TEXT_TO_PILL if self.texts[at] and self.pills[at] else 0.0
            widths[at] = self.texts[at] + between + self.pills[at]
        y, rise = self.y, [0.0] * count
        for link in self.links:
            at = self.column[link.target]
            leaves = self.entry.get((link.source, link.leave, at), y[link.source] + link.leave)
            change = abs(leaves - y[link.target] - link.enter)
            rise[at] = max(rise[at], change)
        self.lefts, self.rights = [0.0], [widths[0]]
        self.gaps = [_gap(at, rise[at]) for at in range(count)]
        for at in range(1, count):
            self.lefts.append(self.rights[-1] + self.gaps[at])
            self.rights.append(self.lefts[-1] + widths[at])

    # -- rows ----------------------------------------------------------------------------

    def _in_rows(self) -> tuple[float, float]:
        """Break the columns into rows where they get too long; return the width and height."""
        over = self._over()
        high = max(map(self._extent, self.columns), default=0.0)
        most = self.most * _WIDER if high > _HIGH else self.most
        counts = {at: len(found) for at, found in over.items()}
        starts = rows.breaks(self.lefts, self.rights, counts, most)
        self.keys = {start: sorted(over[start]) if start else [] for start in starts}
        self.moved = {start: self._inputs(start - 1) if start else [] for start in starts}
        self.carries: dict[tuple[int, float, int], rows.Carry] = {}
        self.spans: dict[int, tuple[float, float]] = {}  # of inputs that begin a row
        pieces = list(zip(starts, [*starts[1:], len(self.columns)], strict=True))
        if len(pieces) > 1:
            for start, end in pieces:
                self._settle(start, end)
            self._across()
        width = bottom = right = 0.0
        for start, end in pieces:
            right, bottom, most = self._placed_row(start, end, right, bottom)
            width = max(width, most)
        return width, bottom

    def _members(self, at: int) -> list[int]:
        """Return what of a column stays in its row: inputs may stand in the next one."""
        return [item for item in self.order[at] if item not in self.moved.get(at + 1, ())]

    def _settle(self, start: int, end: int) -> None:
        """Let heights settle in one row anew: nothing in another row pulls at them.

        What comes over from the row before enters in a column of its own, with the inputs that
        have moved there.
        """
        count = len(self.above)
        keys, inputs = self.keys[start], self.moved[start]
        enters = {key: count + at for at, key in enumerate(keys)}
        place = {item: at for at, item in enumerate(self.order[start - 1])} if start else {}
        first = [(place[item], leave, enters[item, leave]) for item, leave in keys]
        first += [(place[item], 0.0, item) for item in inputs]
        columns = [[item for _, _, item in sorted(first)]] if start else []
        columns += [self._members(at) for at in range(start, end)]
        there = {item for column in columns for item in column}
        links = []
        for link in self.links:
            came = enters.get((link.source, link.leave))
            if came is not None and self.column[link.target] == start:
                links.append(Link(came, link.target, 0.0, link.enter))
            elif link.source in there and link.target in there:
                links.append(link)
        extent = [_PASSING] * len(keys)
        y = self._heights(columns, links, [*self.above, *extent], [*self.below, *extent])
        for item in there:
            if item < count:
                self.y[item] = y[item]
        for (item, leave), at in enters.items():
            self.entry[item, leave, start] = y[at]

    def _placed_row(
        self, start: int, end: int, right: float, bottom: float
    ) -> tuple[float, float, float]:
        """Put a row below the one that ends at the right and at the bottom.

        Returns
        -------
        tuple of float
            Where it ends at the right and at the bottom, and how far its wires reach.
        """
        keys, inputs = self.keys[start], self.moved[start]
        items = [item for at in range(start, end) for item in self._members(at)] + inputs
        entering = [self.entry[*key, start] for key in keys]
        tops = [self.y[i] - self.above[i] for i in items] + [y - _PASSING for y in entering]
        top = (bottom + rows.room(len(keys)) if start else 0.0) - min(tops, default=0.0)
        for item in items:
            self.y[item] += top
        carries = []
        for (item, leave), height in zip(keys, entering, strict=True):
            carries.append(rows.Carry(self.y[item] + leave, height + top))
            self.carries[item, leave, start] = carries[-1]
        rows.route(carries, right, bottom)
        indent = rows.beside(len(keys)) if start else 0.0
        if inputs:
            wide = max(max(self.nodes[i].width, self.nodes[i].around) for i in inputs)
            self.spans.update(dict.fromkeys(inputs, (indent, indent + wide)))
            indent += wide
        indent += (self.gaps[start] if start else 0.0) - self.lefts[start]
        for at in range(start, end):
            self.lefts[at] += indent
            self.rights[at] += indent
        lowest = [self.y[i] + self.below[i] for i in items]
        lowest += [carry.enters + _PASSING for carry in carries]
        ends = self.rights[end - 1]
        return ends, max(lowest, default=bottom), max([ends, *(c.right for c in carries)])

    def _extent(self, column: list[int]) -> float:
        tops = [self.y[item] - self.above[item] for item in column]
        lows = [self.y[item] + self.below[item] for item in column]
        return max(lows, default=0.0) - min(tops, default=0.0)

    def _inputs(self, at: int) -> list[int]:
        """Return the nodes of a column that read nothing: they can stand in the next row, too."""
        inner = [i for i in self.columns[at] if i < len(self.nodes) and not self.nodes[i].side]
        return [i for i in inner if i not in self.enter_of]

    def _over(self) -> dict[int, dict[tuple[int, float], list[int]]]:
        """Return, for columns that a row may begin with, what leads into them and to where."""
        over: dict[int, dict[tuple[int, float], list[int]]] = {
            at: {} for at in range(1, len(self.columns), 2)
        }
        self.enter_of = {link.target for link in self.links}
        inputs = {i for at in range(0, len(self.columns), 2) for i in self._inputs(at)}
        for link in self.links:
            at = self.column[link.target]
            if at % 2 and link.source not in inputs:
                over[at].setdefault((link.source, link.leave), []).append(link.target)
        last = max((a for n, a in zip(self.nodes, self.column, strict=False) if n.side != "end"),
                   default=0)  # fmt: skip
        # Where a column has nothing but inputs, which move on, a row could be left empty; and the
        # ends of wires alone are no row.
        return {
            at: keys
            for at, keys in over.items()
            if at < last and not inputs.issuperset(self.columns[at - 1])
        }

    def _span(self, item: int) -> tuple[float, float]:
        """Return where the column of an item begins and ends."""
        at = self.column[item]
        return self.spans.get(item, (self.lefts[at], self.rights[at]))

    def _route(self, way: Way, chain: list[int], places: list[Point]) -> list[Point]:
        source, y = self.nodes[way.source], self.y
        leave = source.leaves.get(way.value, 0.0)
        points = [(places[way.source][0] + source.width, y[way.source] + leave)]
        points.append((self._span(way.source)[1], y[way.source] + leave))
        before = way.source
        for item in chain[1:-1]:
            left, right = self._span(item)
            key = (before, leave if before == way.source else 0.0, self.column[item])
            if key in self.carries:
                carry = self.carries[key]
                begin = left - self.gaps[self.column[item]]
                points += carry.points(self._span(before)[1], begin)
            points.append((left, y[item]))
            points.append((right, y[item]))
            before = item
        end = y[way.target] + self.enter[before, way.target]
        points.append((self._span(way.target)[0], end))
        points.append((places[way.target][0], end))
        return points


def _gap(column: int, rise: float) -> float:
    """Return how far a column is from the one before it: steep curves need room."""
    return (_BEFORE_LABEL if column % 2 else _BEFORE_NODE) + min(_STEEPEST, _RISE * rise)
