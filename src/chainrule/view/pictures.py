"""The picture at each level, as the page shows it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from chainrule.errors import ArgumentError
from chainrule.explaining.explanation import Explanation
from chainrule.picture.layout import draw
from chainrule.picture.scene import LEVELS, Edge, Known, Scene
from chainrule.picture.scenes import scalars, scene
from chainrule.picture.scenes.grouping import Grouping, parameters
from chainrule.picture.scenes.opened import MOST
from chainrule.picture.scenes.shown import Shown
from chainrule.picture.scenes.units import layers_of
from chainrule.picture.svg import to_svg

#: What one file holds of pictures with a group opened, in characters before they are packed.
ROOM = 500_000
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
        ``level``, ``open``, ``svg``, and ``edges``: id -> ``value``, ``local``, ``symbols``,
        ``upstream`` and ``gradient``, as text, and ``known``, the step that gives the gradient.

    Raises
    ------
    ArgumentError
        For a level that this graph does not have.
    """
    made = scene(explanation, level, tuple(open))
    return {
        "level": made.level,
        "open": list(open),
        "svg": without_style(to_svg(draw(made))),
        "edges": {edge.id: _edge(edge, made) for edge in made.edges},
    }


def without_style(svg: str) -> str:
    """Return a picture without its style sheet, which all pictures of a page share."""
    return re.sub(r"<style>.*?</style>\n?", "", svg, flags=re.DOTALL)


def _edge(edge: Edge, made: Scene) -> dict[str, Any]:
    names = {box.id: box.name or box.title for box in made.boxes}
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
    return "" if known is None else known.full or known.text


def all_pictures(explanation: Explanation, room: int = ROOM) -> tuple[str, dict[str, Any]]:
    """Return the level to begin with, and the pictures that one file holds.

    Parameters
    ----------
    explanation : Explanation
    room : int
        How many characters those with a group opened may have together.

    Returns
    -------
    first : str
    pictures : dict
        Level -> its picture; ``level/group`` -> that with one group opened, while there is room.
    """
    first, offered = levels_of(explanation)
    found: dict[str, Any] = {}
    for level in offered:
        try:
            found[level] = picture(explanation, level)
        except ArgumentError:  # too many single numbers
            continue
    for level in reversed(list(found)):  # whoever looks at layers opens them first
        for group in groups_of(found[level]["svg"]):
            if room <= 0:
                break
            try:
                opened = picture(explanation, level, (group,))
            except ArgumentError:  # too many single numbers
                continue
            room -= len(opened["svg"])
            found[f"{level}/{group}"] = opened
    return first, found


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
