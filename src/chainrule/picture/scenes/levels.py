"""From an explanation to a scene, at the level and with the parts open that are asked for."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import cast

import numpy as np

from chainrule.errors import ArgumentError
from chainrule.explaining.elements import Index
from chainrule.explaining.explanation import Explanation
from chainrule.graph import Node
from chainrule.picture.scene import LEVELS, Level, Scene
from chainrule.picture.scenes import scalars
from chainrule.picture.scenes.assembled import Assembled
from chainrule.picture.scenes.grouping import LIMIT, Grouping, Part
from chainrule.picture.scenes.neurons import Neurons
from chainrule.picture.scenes.opened import MOST, cost, too_many
from chainrule.picture.scenes.shown import Shown
from chainrule.render.page import call


def scene(explanation: Explanation, level: str = "auto", open: Iterable[str] = ()) -> Scene:
    """Return what a picture of an explanation shows.

    Parameters
    ----------
    explanation : Explanation
    level : {"auto", "scalars", "neurons", "tensors", "layers"}
        ``auto`` takes tensors, and layers where there are more than about forty boxes.
    open : iterable of str
        What is opened, by what boxes say opens them: groups, ``g2``, whole operations into their
        single numbers, ``n4``, or one of these, ``n4[0,1]``. What a level shows in another way,
        as scalars and neurons do, is passed over.

    Returns
    -------
    Scene

    Raises
    ------
    ArgumentError
        For another level, for what cannot be opened, and for more than 400 single numbers.

    Examples
    --------
    >>> import chainrule as cr
    >>> s = cr.explain(lambda w, x: max(w * x, 0), 2.0, 3.0)
    >>> [box.title for box in scene(s._explanation).boxes]
    ['w', 'x', '×', 'max(·, 0)']
    """
    if level != "auto" and level not in LEVELS:
        raise ArgumentError(
            f"There is no level {level!r}.", expected=f"'auto' or one of {', '.join(LEVELS)}"
        )
    with np.errstate(all="ignore"):
        return _made(Shown(explanation), level, (open,) if isinstance(open, str) else tuple(open))


def _made(shown: Shown, level: str, open: tuple[str, ...]) -> Scene:
    if level == "auto":
        level = "tensors" if sum(1 for _ in shown.drawn()) <= LIMIT else "layers"
    title = call(shown.explanation)
    if level == "scalars":
        _check_size(shown)
        boxes, edges = scalars.whole(shown)
        return Scene("scalars", tuple(boxes), tuple(edges), title=title)
    if level == "neurons":
        neurons = Neurons(shown)
        if neurons.sample:
            title += ", units for the first sample, gradients of weights summed over all"
        return Scene("neurons", tuple(neurons.boxes), tuple(neurons.edges), title=title)
    grouping = Grouping(shown) if level == "layers" else None
    members = grouping.members if grouping is not None else list(shown.drawn())
    parts, elements = _asked(shown, grouping, open)
    made = Assembled(shown, members, parts, elements)
    return Scene(
        cast("Level", level), tuple(made.boxes), tuple(made.edges), tuple(made.groups), title
    )


def _check_size(shown: Shown) -> None:
    count = scalars.count(shown)
    if count > MOST:
        largest = max(scalars.drawn(shown), key=lambda n: n.abstract.size * cost(n))
        first = scalars.element_id(shown, largest, (0,) * len(largest.shape))
        raise ArgumentError(
            "There are too many single numbers to draw at once.",
            expected=f"at most {MOST} boxes",
            got=f"{count:,}, most of them of {shown.label(largest)}",
            instead=f"level='tensors', open=({first!r},)",
        )


def _asked(
    shown: Shown, grouping: Grouping | None, open: tuple[str, ...]
) -> tuple[set[Part], dict[Node, list[Index]]]:
    """Find what is to be opened, with the groups around it."""
    nodes = {shown.id(node): node for node in shown.drawn()} if open else {}
    parts: set[Part] = set()
    elements: dict[Node, list[Index]] = {}
    for text in open:
        inside: Part | None = None
        if grouping is not None and text in grouping.parts:
            inside = grouping.parts[text]
        else:
            node, indices = _elements(shown, nodes, text, grouping)
            known = elements.setdefault(node, [])
            known += [i for i in indices if i not in known]
            inside = None if grouping is None else grouping.owner.get(node)
        while inside is not None:
            parts.add(inside)
            inside = inside.parent
    return parts, elements


def _elements(
    shown: Shown, nodes: dict[str, Node], text: str, grouping: Grouping | None
) -> tuple[Node, list[Index]]:
    base, bracket, inside = text.partition("[")
    node = nodes.get(base)
    if node is None or (bracket and not re.fullmatch(r"\d+(, ?\d+)*\]", inside)):
        known = [*(grouping.parts if grouping is not None else ()), *nodes]
        raise ArgumentError(
            f"There is nothing to open called {text!r}.",
            expected=f"one of {', '.join(known[:12])}{', ...' if len(known) > 12 else ''}, "
            "or an element such as n4[0,1]",
        )
    if not bracket:
        if node.abstract.size * cost(node) > MOST:
            raise too_many(shown, node, node.abstract.size * cost(node))
        return node, list(np.ndindex(node.shape))
    index = tuple(int(i) for i in inside[:-1].split(","))
    if len(index) != len(node.shape) or any(i >= n for i, n in zip(index, node.shape, strict=True)):
        raise ArgumentError(
            f"{text!r} is no element of {shown.label(node)}.",
            expected=f"{len(node.shape)} indices below {node.shape}",
        )
    return node, [index]
