"""The picture at each level, as the page shows it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from chainrule.errors import ArgumentError
from chainrule.explaining.explanation import Explanation
from chainrule.picture.layout import draw
from chainrule.picture.levels import scene
from chainrule.picture.scene import LEVELS, Edge, Known, Scene
from chainrule.picture.svg import to_svg

#: What one file holds of pictures with a group opened, in characters.
ROOM = 400_000

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


def all_pictures(explanation: Explanation) -> tuple[str, dict[str, Any]]:
    """Return the level to begin with, and the pictures that one file holds.

    Returns
    -------
    first : str
    pictures : dict
        Level -> its picture; ``level/group`` -> that with one group opened, while there is room.
    """
    first = picture(explanation)
    found = {first["level"]: first}
    for level in LEVELS:
        if level not in found:
            try:
                found[level] = picture(explanation, level)
            except ArgumentError:  # a graph without such parts, or with too many
                continue
    ordered = {level: found[level] for level in LEVELS if level in found}
    room = ROOM
    for level, closed in list(ordered.items()):
        for group in groups_of(closed["svg"]):
            opened = picture(explanation, level, (group,))
            room -= len(opened["svg"])
            if room < 0:
                return first["level"], ordered
            ordered[f"{level}/{group}"] = opened
    return first["level"], ordered


def groups_of(svg: str) -> list[str]:
    """Return the groups that a picture can open."""
    return list(dict.fromkeys(re.findall(r'data-opens="([^"]*)"', svg)))


def levels_of(explanation: Explanation) -> list[str]:
    """Return the levels that this graph can be shown at."""
    return list(LEVELS)
