"""A picture in which everything has its place: what the SVG and the PNG are drawn from.

Lengths are pixels, y grows downwards. A wire is a row of points: from one to the next it runs
level, or swings over in a curve whose ends are level.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from chainrule.picture.scene import Box, Edge, Group, Level

Role = Literal["title", "name", "detail", "value", "gradient", "local", "frame"]
Anchor = Literal["start", "middle", "end"]
Point = tuple[float, float]


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
