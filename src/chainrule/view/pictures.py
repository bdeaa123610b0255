"""The picture at each level, as the page shows it."""

from __future__ import annotations

import heapq
import itertools
import re
from collections.abc import Mapping, Sequence
from typing import Any

from chainrule.errors import ArgumentError
from chainrule.explaining.explanation import Explanation
from chainrule.picture.layout import draw
from chainrule.picture.scene import LEVELS, Edge, Known
from chainrule.picture.scenes import scalars, scene
from chainrule.picture.scenes.grouping import Grouping, parameters
from chainrule.picture.scenes.opened import MOST
from chainrule.picture.scenes.shown import Shown
from chainrule.picture.scenes.units import layers_of
from chainrule.picture.svg import to_svg

#: What one file holds of pictures with groups opened, in characters before they are packed.
ROOM = 1_200_000
#: What it holds of them in each notation other than that which it begins with.
ROOM_OF_OTHERS = 240_000
#: So many pictures are made of layers opened together, before arrays are opened.
TOGETHER = 24
#: A graph of more nodes than this is shown as layers alone.
LARGE = 1500

TITLES = {"scalars": "Scalars", "neurons": "Neurons", "tensors": "Tensors", "layers": "Layers"}


def picture(
    explanation: Explanation, level: str = "auto", open: Sequence[str] = ()
) -> dict[str, Any]:
    """Return the picture at one level, with the numbers on its edges.

    Parameters
    ----------
    explanation : Explanation
    level : {"auto", "scalars", "neurons", "tensors", "layers"}
    open : sequence of str
        Groups to open, as `data-opens` of their boxes calls them.

    Returns
    -------
    dict
        ``level``, ``open``, ``svg``; ``edges``: id -> ``value``, ``local``, ``symbols``,
        ``upstream`` and ``gradient``, as text, and ``known``, the step that gives the gradient;
        ``frames``: id of an open group -> ``closes``, what to take out of `open` to close it, and
        ``parent``, the frame around it.

    Raises
    ------
    ArgumentError
        For a level that this graph does not have.
    """
    made = scene(explanation, level, tuple(open))
    names = {box.id: box.name or box.title for box in made.boxes}
    return {
        "level": made.level,
        "open": list(open),
        "svg": without_style(to_svg(draw(made))),
        "edges": {edge.id: _edge(edge, names) for edge in made.edges},
        "frames": {
            group.id: {"closes": group.closes or group.id, "parent": group.parent}
            for group in made.groups
        },
    }


def key(level: str, open: Sequence[str] = ()) -> str:
    """Return what a picture is kept under, whatever the order in which groups were opened.

    Examples
    --------
    >>> key("layers", ["g2", "g1"])
    'layers/g1/g2'
    """
    return "/".join([level, *sorted(set(open))])


def without_style(svg: str) -> str:
    """Return a picture without its style sheet, which all pictures of a page share."""
    return re.sub(r"<style>.*?</style>\n?", "", svg, flags=re.DOTALL)


def _edge(edge: Edge, names: Mapping[str, str]) -> dict[str, Any]:
    return {
        "from": names[edge.source],
        "to": names[edge.target],
        "value": _text(edge.value),
        "local": _text(edge.local),
        "symbols": edge.symbols,
        "upstream": edge.upstream,
        "gradient": _text(edge.gradient),
        "known": edge.gradient.step if edge.gradient is not None else 0,
    }


def _text(known: Known | None) -> str:
    if known is None:
        return ""
    # Columns that stand under each other in several lines are not needed in one.
    return re.sub(r"(?<=\[) +", "", " ".join((known.full or known.text).split()))


def all_pictures(explanation: Explanation, room: int = ROOM) -> tuple[str, dict[str, Any]]:
    """Return the level to begin with, and the pictures that one file holds.

    Parameters
    ----------
    explanation : Explanation
    room : int
        How many characters those with groups opened may have together.

    Returns
    -------
    first : str
    pictures : dict
        By :func:`key`: each level, and, while there is room, each with one group opened, with
        two, and so on.
    """
    first, offered = levels_of(explanation)
    found: dict[str, Any] = {}
    for level in offered:
        try:
            found[level] = picture(explanation, level)
        except ArgumentError:  # too many single numbers
            continue
    _open_groups(explanation, found, room)
    return first, found


def _open_groups(explanation: Explanation, found: dict[str, Any], room: int) -> None:
    """Add pictures with groups opened, those first that a reader comes to first."""
    order = itertools.count()
    levels = reversed(list(found))  # whoever looks at layers opens them first
    waiting: list[tuple[int, int, str, tuple[str, ...], frozenset[str]]]
    waiting = [(0, next(order), level, (), frozenset()) for level in levels]
    while waiting and room > 0:
        cost, _, level, open, before = heapq.heappop(waiting)
        if open and key(level, open) in found:
            continue
        shown = _opened(explanation, level, open) if open else found[level]
        if shown is None:
            continue
        if open:
            room -= len(shown["svg"])
            found[key(level, open)] = shown
        groups = groups_of(shown["svg"])
        for group in groups:
            # What has just come to light is opened first; then several layers together, as long
            # as there are not too many of them; then arrays into their numbers.
            more = 6
            if group.startswith("g"):
                more = 1 if group not in before else 2 if len(found) < TOGETHER else 6
            known = frozenset(groups)
            heapq.heappush(waiting, (cost + more, next(order), level, (*open, group), known))


def _opened(explanation: Explanation, level: str, open: Sequence[str]) -> dict[str, Any] | None:
    try:
        return picture(explanation, level, open)
    except ArgumentError:  # too many single numbers
        return None


def groups_of(svg: str) -> list[str]:
    """Return the groups that a picture can open."""
    return list(dict.fromkeys(re.findall(r'data-opens="([^"]*)"', svg)))


def levels_of(explanation: Explanation) -> tuple[str, list[str]]:
    """Return the level to begin with, and all at which the graph looks another way."""
    first = scene(explanation).level
    shown = Shown(explanation)
    small = len(explanation.derivation.graph.nodes) <= LARGE
    there = {
        "scalars": small
        and any(node.shape for node in shown.drawn())
        and scalars.count(shown) <= MOST,
        "neurons": small and bool(layers_of(shown, parameters(shown))),
        "tensors": small,
        "layers": bool(Grouping(shown).parts),
    }
    return first, [level for level in LEVELS if level == first or there[level]]
