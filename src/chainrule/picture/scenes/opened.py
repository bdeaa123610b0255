"""One operation opened into its single numbers, in a frame before its box.

Elements that it reads stand in the frame as well, each with an edge from the box of its array.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from chainrule.errors import ArgumentError
from chainrule.explaining.elements import Index
from chainrule.explaining.why import element_name
from chainrule.graph import Node
from chainrule.picture.scene import Box, Edge, Group, Known
from chainrule.picture.scenes.numbers import known, signed
from chainrule.picture.scenes.reads import terms
from chainrule.picture.scenes.scalars import Scalars, Source, element_id
from chainrule.picture.scenes.shown import Shown
from chainrule.picture.scenes.titles import is_folded
from chainrule.writing import symbol, write

#: More boxes than this are not drawn at once.
MOST = 400


def frame_id(shown: Shown, node: Node) -> str:
    """Return the id of the frame around an operation's single numbers."""
    return f"{shown.id(node)}:elements"


class Opened:
    """The frames of a scene, made one after the other in the order of computation.

    Parameters
    ----------
    shown : Shown
    place : callable
        Node -> id of the box that stands for it.
    """

    def __init__(self, shown: Shown, place: Callable[[Node], str]) -> None:
        self.shown = shown
        self.place = place
        self.scalars = Scalars(shown, self._source, place)
        self.groups: list[Group] = []
        self._there: set[str] = set()
        self._frame = ""
        self.collected: list[Edge] = []

    def open(self, node: Node, indices: Sequence[Index], parent: str, closes: str) -> list[Box]:
        """Open an operation, or some elements of it.

        Returns
        -------
        list of Box
            What stands in its frame.
        """
        shown = self.shown
        self._frame = frame_id(shown, node)
        formula = write(node, "text", lambda n: symbol(shown.label(n), "text")).string
        title = shown.label(node) + ("" if node.is_leaf else f" = {signed(formula)}")
        self.groups.append(Group(self._frame, title, parent, closes))
        first = len(self.scalars.boxes)
        for index in indices:
            if node.is_leaf:
                self._peek(node, index)
            else:
                self.scalars.element(node, index, self._frame)
                self._there.add(element_id(shown, node, index))
                self._collect(node, index)
            if len(self.scalars.boxes) > MOST:
                raise too_many(shown, node, len(self.scalars.boxes))
        return self.scalars.boxes[first:]

    def edges(self) -> list[Edge]:
        """Return the edges of all frames."""
        return [*self.scalars.edges.values(), *self.collected]

    def _source(self, node: Node, index: Index) -> Source:
        value = np.asarray(node.value)[index]
        if node.is_constant or is_folded(node):
            return Source("", value)
        if not node.shape:
            return Source(self.place(node), value)
        self._peek(node, index)
        return Source(element_id(self.shown, node, index), value)

    def _peek(self, node: Node, index: Index) -> None:
        """Show an element of an array that is not opened itself."""
        id_ = element_id(self.shown, node, index)
        if id_ in self._there:
            return
        self._there.add(id_)
        value = known(np.asarray(node.value)[index], self.shown.known(node))
        label = element_name(self.shown.label(node), index)
        gradient = self._gradient(node, index)
        self.scalars.boxes.append(
            Box(id_, "operation", label, value=value, gradient=gradient, where=node.where,
                parent=self._frame, aside=self.shown.aside(node))
        )  # fmt: skip
        source = self.place(node)
        self.collected.append(
            Edge(f"{source}->{id_}:{'.'.join(map(str, index))}", source, id_, value=value,
                 gradient=gradient, aside=self.shown.aside(node))
        )  # fmt: skip

    def _collect(self, node: Node, index: Index) -> None:
        """Lead an element into the box of its array."""
        source, target = element_id(self.shown, node, index), self.place(node)
        if source == target:
            return
        value = known(np.asarray(node.value)[index], self.shown.known(node))
        self.collected.append(
            Edge(f"{source}->{target}:{'.'.join(map(str, index))}", source, target, value=value,
                 gradient=self._gradient(node, index), aside=self.shown.aside(node))
        )  # fmt: skip

    def _gradient(self, node: Node, index: Index) -> Known | None:
        found = self.shown.gradient_of(node)
        return None if found is None else known(np.asarray(found[0])[index], found[1])


def too_many(shown: Shown, node: Node, count: int) -> ArgumentError:
    """Return the error for what is too large to be drawn number by number."""
    example = element_id(shown, node, (0,) * len(node.shape))
    return ArgumentError(
        f"{shown.label(node)} has too many single numbers to draw at once.",
        expected=f"at most {MOST} boxes",
        got=f"{count} or more",
        where=node.where,
        instead=f"open=({example!r},) for one of its numbers",
    )


def cost(node: Node) -> int:
    """Return how many boxes one element of an operation takes, with what it adds up."""
    products = terms(node, (0,) * len(node.shape)) if not node.is_leaf else None
    return 1 + (3 * len(products) if products and len(products) > 1 else 0)
