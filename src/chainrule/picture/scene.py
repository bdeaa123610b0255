"""What a picture shows, before anything has a place: boxes, edges and groups.

The grammar::

    Scene ::= level, boxes: Box*, edges: Edge*, groups: Group*   boxes stand after all they read;
                                                                 ids differ
    Edge  ::= source, target: ids of boxes                       source stands before target
    Group ::= id, title, parent                                  an open group; parents stand first
    Known ::= text, step                                         a number, from that step on

A step is the number of a step of the worked solution, 0 for what is there at the start. So one
picture serves every moment: what becomes known later is left out, or hidden.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from chainrule.errors import Location

Level = Literal["scalars", "neurons", "tensors", "layers"]

#: From the finest to the coarsest.
LEVELS: tuple[Level, ...] = ("scalars", "neurons", "tensors", "layers")

Kind = Literal["input", "constant", "operation", "output", "group"]


@dataclass(frozen=True, slots=True)
class Known:
    """A number, or a summary of an array, and the step from which on it is known.

    Attributes
    ----------
    text : str
        Short: it is drawn on one line.
    step : int
    full : str
        At full length, for whoever points at it.
    """

    text: str
    step: int
    full: str = ""


@dataclass(frozen=True, slots=True)
class Box:
    """An operation, an argument or a closed group.

    Attributes
    ----------
    id : str
        The same in every picture of the graph that shows it.
    kind : {"input", "constant", "operation", "output", "group"}
    title : str
        What stands in it: ``×``, ``max(·, 0)``, ``w[0]``, ``layer 1``.
    name : str
        The user's name for its value; empty where the title is all there is.
    value : Known or None
        Its value; drawn where no edge shows it.
    gradient : Known or None
        The sum of the gradients of all ways out.
    detail : str
        A second line: a shape, how many operations a group holds.
    where : Location or None
        The user's line.
    parent : str
        The open group that it lies in; empty outside of all.
    opens : str
        What opens it, for `open` of a scene; empty where there is nothing inside.
    steps : tuple of int
        The steps that it stands for.
    aside : bool
        Computed by the user's lines, and not passed on the way back.
    equal : str
        In place of a name, that of another box whose value it has, too: what the user wrote in
        several lines, and chainrule recognised as one operation.
    """

    id: str
    kind: Kind
    title: str
    name: str = ""
    value: Known | None = None
    gradient: Known | None = None
    detail: str = ""
    where: Location | None = None
    parent: str = ""
    opens: str = ""
    steps: tuple[int, ...] = ()
    aside: bool = False
    equal: str = ""


@dataclass(frozen=True, slots=True)
class Edge:
    """A value on its way into an operation, and the gradient on its way back.

    Attributes
    ----------
    id, source, target : str
    value : Known or None
        What flows forward.
    gradient : Known or None
        What flows back along this edge: upstream times local.
    local : Known or None
        The local derivative of the target with respect to the source.
    symbols : str
        The local derivative in symbols, ``∂y/∂z = z > 0``.
    upstream : str
        The upstream gradient with its number, for the product.
    steps : tuple of int
        The steps that it stands for.
    aside : bool
    """

    id: str
    source: str
    target: str
    value: Known | None = None
    gradient: Known | None = None
    local: Known | None = None
    symbols: str = ""
    upstream: str = ""
    steps: tuple[int, ...] = ()
    aside: bool = False


@dataclass(frozen=True, slots=True)
class Group:
    """An open group: a frame around its boxes.

    Attributes
    ----------
    id, title : str
    parent : str
        The open group that it lies in.
    closes : str
        What to take out of `open` of a scene to close it; the id unless given.
    """

    id: str
    title: str
    parent: str = ""
    closes: str = ""


@dataclass(frozen=True, slots=True)
class Scene:
    """Everything that a picture shows."""

    level: Level
    boxes: tuple[Box, ...]
    edges: tuple[Edge, ...]
    groups: tuple[Group, ...] = ()
    title: str = ""

    def validate(self) -> Scene:
        """Check the grammar.

        Returns
        -------
        Scene
            Itself.

        Raises
        ------
        ValueError
            Naming what breaks it.
        """
        groups: set[str] = set()
        for group in self.groups:
            if group.id in groups or (group.parent and group.parent not in groups):
                raise ValueError(f"The group {group.id} stands twice, or before its parent.")
            groups.add(group.id)
        place: dict[str, int] = {}
        for box in self.boxes:
            if box.id in place or (box.parent and box.parent not in groups):
                raise ValueError(f"The box {box.id} stands twice, or in no open group.")
            place[box.id] = len(place)
        seen: set[str] = set()
        for edge in self.edges:
            if edge.id in seen:
                raise ValueError(f"The edge {edge.id} stands twice.")
            seen.add(edge.id)
            if place.get(edge.source, len(place)) >= place.get(edge.target, -1):
                raise ValueError(f"The edge {edge.id} does not lead from a box to a later one.")
        return self
