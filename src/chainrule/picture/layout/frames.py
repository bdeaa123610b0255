"""``draw``: give everything in a scene its place.

An open group is a picture of its own in a frame, and the frame is a box of the picture around it.
A wire into it is drawn in pieces, which meet at the border.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

from chainrule.picture.drawing import Area, Drawing, Frame, Placed, Point, Text, Wire
from chainrule.picture.layout.arrange import Arranged, Node, Way, arrange
from chainrule.picture.layout.layering import circle
from chainrule.picture.layout.parts import Part, box_part, edge_part, label_part, line, pill_height
from chainrule.picture.measure import FACES
from chainrule.picture.scene import Box, Edge, Scene

#: Around the whole picture, and between a frame and what is in it.
_MARGIN, _INSIDE = 16.0, 14.0
_HEAD = FACES["frame"].size * 1.5
#: A row is at most so wide: pages are a little wider.
_ROW = 1200.0
#: What the names of members begin with that are no boxes: a value's way into a frame, its way out
#: of one, and the end of the wire behind a box that nothing reads.
_IN, _OUT, _END = "\x00<", "\x00>", "\x00="
_NOTHING = Part(0.0, 0.0, 0.0)


def draw(scene: Scene) -> Drawing:
    """Give everything in a scene its place.

    Parameters
    ----------
    scene : Scene

    Returns
    -------
    Drawing
        The same for the same scene; no text lies on a box, a wire of another edge or a text.

    Examples
    --------
    >>> from chainrule.picture.scene import Box, Edge, Scene
    >>> x, y = Box("n0", "input", "x"), Box("n1", "operation", "exp")
    >>> drawing = draw(Scene("tensors", (x, y), (Edge("n0->n1:0", "n0", "n1"),)))
    >>> [placed.box.title for placed in drawing.boxes], len(drawing.wires)
    (['x', 'exp'], 1)
    """
    scene.validate()
    layout = _Layout(scene)
    while not layout.arranged():
        layout.dissolve()
    return layout.drawing()


class _Layout:
    """The frames of a scene, each arranged before the one around it."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.box = {box.id: box for box in scene.boxes}
        self.group = {group.id: group for group in scene.groups}
        self.flat: set[str] = set()  # groups that cannot have a frame
        self.out: dict[str, list[Edge]] = {}
        self.inlets: dict[str, int] = {}
        for edge in scene.edges:
            self.out.setdefault(edge.source, []).append(edge)
            self.inlets[edge.target] = self.inlets.get(edge.target, 0) + 1
        self.parts = {box.id: self._part(box) for box in scene.boxes}

    def _part(self, box: Box) -> Part:
        out = self.out.get(box.id, [])
        value = bool(out) and not any(edge.value for edge in out)
        several = len(out) > 1
        bare = bool(out) and not any(edge.gradient for edge in out)
        total = box.gradient if several or bare else None
        inlets = self.inlets.get(box.id, 0)
        return box_part(box, inlets, value=value, total=total, many=several)

    # -- frames --------------------------------------------------------------------------

    def _chain(self, box: Box) -> list[str]:
        """Return the frames around a box from the outermost, and the box."""
        chain, parent = [box.id], box.parent
        while parent:
            if parent not in self.flat:
                chain.append(parent)
            parent = self.group[parent].parent
        return ["", *reversed(chain)]

    def _collect(self) -> None:
        """Find what is in each frame, and the pieces of each edge."""
        self.members: dict[str, list[str]] = {"": []}
        for group in self.scene.groups:
            if group.id not in self.flat:
                self.members[group.id] = []
        self.ways: dict[str, dict[tuple[str, str, str], Part]] = {k: {} for k in self.members}
        self.pieces: dict[str, list[tuple[str, tuple[str, str, str]]]] = {}
        self.values: dict[str, dict[tuple[str, str, str], str]] = {k: {} for k in self.members}
        chains = {box.id: self._chain(box) for box in self.scene.boxes}
        for chain in chains.values():
            for frame, member in pairwise(chain):
                if member not in self.members[frame]:
                    self.members[frame].append(member)
        self.members = {k: found for k, found in self.members.items() if found or not k}
        for edge in self.scene.edges:
            self._cut(edge, chains[edge.source], chains[edge.target])
        for box in self.scene.boxes:
            ends = box.id not in self.out and (box.value or box.gradient)
            if ends or (box.kind == "output" and box.id not in self.out):
                frame, end = chains[box.id][-2], _END + box.id
                self.members[frame].append(end)
                self._add(frame, box.id, end, box.id, "", _NOTHING)

    def _cut(self, edge: Edge, source: list[str], target: list[str]) -> None:
        shared = 0
        while source[shared] == target[shared]:
            shared += 1
        pieces = []
        part = edge_part(edge)
        for at in range(len(source) - 2, shared - 1, -1):  # out of the frames around the source
            way = (source[at], source[at + 1], _OUT + edge.source)
            pieces.append(way)
        pieces.append((source[shared - 1], source[shared], target[shared]))
        for at in range(shared, len(target) - 1):
            pieces.append((target[at], _IN + edge.source, target[at + 1]))
        keys = []
        for frame, start, end in pieces:
            for member in (start, end):
                if member.startswith((_IN, _OUT)) and member not in self.members[frame]:
                    self.members[frame].append(member)
            last = end == edge.target
            label = part if last else _NOTHING
            key = self._add(frame, start, end, edge.source, edge.id if last else "", label)
            keys.append((frame, key))
        self.pieces[edge.id] = keys

    def _add(
        self, frame: str, start: str, end: str, value: str, edge: str, label: Part
    ) -> tuple[str, str, str]:
        key = (start, end, edge or value)
        self.ways[frame].setdefault(key, label)
        self.values[frame][key] = value
        return key

    def arranged(self) -> bool:
        """Arrange all frames, inner ones first; False where a frame is in a circle."""
        self._collect()
        self.done: dict[str, Arranged] = {}
        self.node: dict[str, Node] = {}
        self.index: dict[str, dict[str, int]] = {}
        for frame in reversed(list(self.members)):
            self.index[frame] = {m: i for i, m in enumerate(self.members[frame])}
            nodes = [self._node(member) for member in self.members[frame]]
            index = self.index[frame]
            ways = [
                Way(index[key[0]], index[key[1]], self.values[frame][key], label)
                for key, label in self.ways[frame].items()
            ]
            found = arrange(nodes, ways, _ROW - 2 * _INSIDE * self._depth(frame))
            if found is None:
                self.stuck = frame
                return False
            self.done[frame] = found
        return True

    def _depth(self, frame: str) -> int:
        depth = 0
        while frame:
            frame, depth = self.group[frame].parent, depth + 1
        return depth

    def dissolve(self) -> None:
        """Leave out frames that a value leaves and comes back to: no order has a place for them."""
        frame = self.stuck
        index = self.index[frame]
        links = [(index[start], index[end]) for start, end, _ in self.ways[frame]]
        members = self.members[frame]
        groups = {members[at] for at in circle(len(members), links)} & set(self.group)
        self.flat |= groups

    def _node(self, member: str) -> Node:
        if member.startswith((_IN, _OUT)):
            side = "left" if member.startswith(_IN) else "right"
            return Node(0.0, 4.0, 4.0, side=side)
        if member.startswith(_END):
            part = self._end(self.box[member.removeprefix(_END)])
            return Node(part.width, part.above, part.below, side="end")
        if member in self.box:
            part = self.parts[member]
            return Node(part.box, part.above, part.below, around=part.width, half=part.half)
        inner = self.done[member]
        title = self._title(member)
        width = max(inner.width + 2 * _INSIDE, title.width + 2 * _INSIDE)
        height = inner.height + _HEAD + 2 * _INSIDE
        enters, leaves = {}, {}
        for name, at in self.index[member].items():
            lift = inner.nodes[at][1] + _HEAD + _INSIDE - height / 2
            if name.startswith(_IN):
                enters[name.removeprefix(_IN)] = lift
            elif name.startswith(_OUT):
                leaves[name.removeprefix(_OUT)] = lift
        node = Node(width, height / 2, height / 2, enters=enters, leaves=leaves)
        self.node[member] = node
        return node

    def _title(self, group: str) -> Text:
        return line("frame", self.group[group].title, 0, 0, 420.0, "start")

    @staticmethod
    def _end(box: Box) -> Part:
        part = label_part(box.value, box.gradient, None)
        return Part(max(part.text + 14.0, 26.0), part.above, part.below, part.texts)

    # -- the drawing ---------------------------------------------------------------------

    def drawing(self) -> Drawing:
        origins = self._origins()
        tails: dict[str, tuple[Point, ...]] = {}
        labels: dict[str, tuple[float, float, float]] = {}
        routes: dict[tuple[str, tuple[str, str, str]], list[Point]] = {}
        for frame, found in self.done.items():
            left, top = origins[frame]
            for key, route, label in zip(self.ways[frame], found.routes, found.labels, strict=True):
                routes[frame, key] = [(x + left, y + top) for x, y in route]
                labels[key[2]] = (label[0] + left, label[1] + left, label[2] + top)
        boxes = []
        for frame, members in self.members.items():
            left, top = origins[frame]
            for member, (x, y) in zip(members, self.done[frame].nodes, strict=True):
                if member.startswith(_END):
                    name = member.removeprefix(_END)
                    end = (x + left + self._end(self.box[name]).width, y + top)
                    tails[name] = (*routes[frame, (name, member, name)], end)
        for frame, members in self.members.items():
            left, top = origins[frame]
            for member, (x, y) in zip(members, self.done[frame].nodes, strict=True):
                if member in self.box:
                    boxes.append(self._placed(member, x + left, y + top, tails.get(member, ())))
        order = {box.id: at for at, box in enumerate(self.scene.boxes)}
        boxes.sort(key=lambda placed: order[placed.box.id])
        wires = []
        for edge in self.scene.edges:
            points: list[Point] = []
            for piece in self.pieces[edge.id]:
                points += routes[piece]
            wires.append(self._wire(edge, points, labels[edge.id]))
        outer = self.done[""]
        return Drawing(
            self.scene.level, self.scene.title,
            round(outer.width + 2 * _MARGIN, 1), round(outer.height + 2 * _MARGIN, 1),
            tuple(boxes), tuple(wires), tuple(self._frames(origins)),
        )  # fmt: skip

    def _origins(self) -> dict[str, Point]:
        """Return where the inside of each frame begins."""
        origins = {"": (_MARGIN, _MARGIN)}
        for frame, members in self.members.items():
            left, top = origins[frame]
            for member, (x, y) in zip(members, self.done[frame].nodes, strict=True):
                if member in self.node:
                    node = self.node[member]
                    spare = (node.width - self.done[member].width) / 2
                    origins[member] = (left + x + spare, top + y - node.above + _HEAD + _INSIDE)
        return origins

    def _frames(self, origins: dict[str, Point]) -> Iterable[Frame]:
        for group in self.scene.groups:
            if group.id in self.node:
                node, (x, y) = self.node[group.id], origins[group.id]
                left = x - (node.width - self.done[group.id].width) / 2
                top = y - _HEAD - _INSIDE
                area = _area(left, top, node.width, node.above + node.below)
                title = self._title(group.id)
                text = _moved(title, left + _INSIDE, top + 6.0 + FACES["frame"].ascent)
                yield Frame(group, area, text)

    def _placed(self, member: str, x: float, y: float, tail: tuple[Point, ...]) -> Placed:
        part, box = self.parts[member], self.box[member]
        texts = [_moved(text, x + part.box / 2, y) for text in part.texts]
        if tail:
            end = self._end(box)
            texts += [
                _moved(text, tail[-1][0] - end.width / 2 - 4.0, tail[-1][1]) for text in end.texts
            ]
        return Placed(
            box, _area(x, y - part.half, part.box, 2 * part.half), tuple(texts), _tidy(tail)
        )

    @staticmethod
    def _wire(edge: Edge, points: list[Point], label: tuple[float, float, float]) -> Wire:
        middle, at_pill, y = label
        part = edge_part(edge)
        texts = [
            _moved(text, at_pill if text.role == "local" else middle, y) for text in part.texts
        ]
        pill = None
        if part.pill:
            tall = pill_height()
            pill = _area(at_pill - part.pill / 2, y - tall / 2, part.pill, tall)
        return Wire(edge, _tidy(points), tuple(texts), pill)


def _area(x: float, y: float, width: float, height: float) -> Area:
    return Area(round(x, 2), round(y, 2), round(width, 2), round(height, 2))


def _moved(text: Text, x: float, y: float) -> Text:
    return Text(
        text.role, text.text, round(text.x + x, 2), round(text.y + y, 2), text.anchor, text.width,
        text.full, text.step,
    )  # fmt: skip


def _tidy(points: Iterable[Point]) -> tuple[Point, ...]:
    """Leave out points that straight pieces of the way do not need."""
    kept: list[Point] = []
    for x, y in points:
        point = (round(x, 2), round(y, 2))
        if kept and point == kept[-1]:
            continue
        straight = len(kept) > 1 and any(kept[-1][i] == kept[-2][i] == point[i] for i in (0, 1))
        if straight:
            kept[-1] = point
        else:
            kept.append(point)
    return tuple(kept)
