"""A picture in which everything has its place: what the SVG and the PNG are drawn from.

Lengths are pixels, y grows downwards. A wire is a row of points: from one to the next it runs
level or upright, with round corners, or swings over in a curve whose ends are level.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from chainrule.picture.scene import Box, Edge, Group, Level

Role = Literal["title", "name", "detail", "value", "gradient", "local", "frame"]
Anchor = Literal["start", "middle", "end"]
Point = tuple[float, float]

#: How far the last of the sheets behind a closed group looks out.
SHEETS = 6.0


@dataclass(frozen=True, slots=True)
class Text:
    """A line of text.

    Attributes
    ----------
    role : str
        What it is, which decides how it looks.
    text : str
        What is drawn, shortened where it is long.
    x, y : float
        The anchor, on the baseline.
    anchor : {"start", "middle", "end"}
    width : float
        The most that it can be wide.
    full : str
        At full length.
    step : int
        It is known from this step on.
    """

    role: Role
    text: str
    x: float
    y: float
    anchor: Anchor = "middle"
    width: float = 0.0
    full: str = ""
    step: int = 0


@dataclass(frozen=True, slots=True)
class Area:
    """A rectangle: its left upper corner and its size."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Placed:
    """A box with its place, and what is written in it and at it."""

    box: Box
    area: Area
    texts: tuple[Text, ...]
    tail: tuple[Point, ...] = ()  # of a box that nothing reads: a wire that leads out

    @property
    def radius(self) -> float:
        """How round its corners are: an input is round, a constant nearly square."""
        return {"input": self.area.height / 2, "constant": 2.0}.get(self.box.kind, 7.0)

    @property
    def inner(self) -> Area | None:
        """The second line of an output."""
        if self.box.kind != "output":
            return None
        a = self.area
        return Area(a.x + 3, a.y + 3, a.width - 6, a.height - 6)

    @property
    def sheets(self) -> tuple[Area, ...]:
        """The sheets that lie behind a closed group: there is more inside."""
        if self.box.kind != "group":
            return ()
        a = self.area
        return tuple(Area(a.x + off, a.y - off, a.width, a.height) for off in (SHEETS, SHEETS / 2))


@dataclass(frozen=True, slots=True)
class Wire:
    """An edge with its way, and what is written at it."""

    edge: Edge
    points: tuple[Point, ...]
    texts: tuple[Text, ...]
    pill: Area | None = None  # around the local derivative


@dataclass(frozen=True, slots=True)
class Frame:
    """An open group with its place."""

    group: Group
    area: Area
    title: Text


@dataclass(frozen=True, slots=True)
class Drawing:
    """A scene in which everything has its place."""

    level: Level
    title: str
    width: float
    height: float
    boxes: tuple[Placed, ...]
    wires: tuple[Wire, ...]
    frames: tuple[Frame, ...] = ()


#: Length and half the width of the head of an arrow.
ARROW = (8.0, 3.6)
_CORNER = 8.0


def strokes(points: tuple[Point, ...]) -> tuple[Point, list[tuple[Point, ...]]]:
    """Return a wire as a start and strokes: to a point, or by two controls to a point.

    It ends where the head of its arrow begins.

    Examples
    --------
    >>> strokes(((0.0, 0.0), (20.0, 0.0), (48.0, 10.0)))
    ((0.0, 0.0), [((20.0, 0.0),), ((30.5, 0.0), (30.5, 10.0), (41.0, 10.0))])
    """
    way = [*points[:-1], (points[-1][0] - ARROW[0] + 1.0, points[-1][1])]
    drawn: list[tuple[Point, ...]] = []
    x, y = way[0]
    for at, (right, low) in enumerate(way[1:], 1):
        if low != y and right != x:
            middle = (x + right) / 2
            drawn.append(((middle, y), (middle, low), (right, low)))
            x, y = right, low
            continue
        turn = way[at + 1] if at + 1 < len(way) else None
        if turn is None or not _is_corner((x, y), (right, low), turn):
            drawn.append(((right, low),))
        else:
            near, far = _towards((right, low), (x, y)), _towards((right, low), turn)
            inner = (right + 0.45 * (near[0] - right), low + 0.45 * (near[1] - low))
            outer = (right + 0.45 * (far[0] - right), low + 0.45 * (far[1] - low))
            drawn += [(near,), (inner, outer, far)]
        x, y = (right, low) if len(drawn[-1]) == 1 else drawn[-1][-1]
        if len(drawn[-1]) == 3:
            way[at] = (x, y)
    return way[0], drawn


def _is_corner(start: Point, middle: Point, end: Point) -> bool:
    level = start[1] == middle[1] and middle[0] == end[0]
    upright = start[0] == middle[0] and middle[1] == end[1]
    return (level or upright) and start != middle != end


def _towards(corner: Point, other: Point) -> Point:
    """Return the point where the rounding of a corner begins, on the way to another point."""
    across, down = other[0] - corner[0], other[1] - corner[1]
    length = abs(across) + abs(down)
    share = min(_CORNER, length / 2) / length
    return (corner[0] + share * across, corner[1] + share * down)
