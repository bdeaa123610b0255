"""The parts of a picture by themselves: how large a box or a label is, and what stands in it.

Places are relative: to the middle of a box, to the wire of a label.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from functools import lru_cache

from chainrule.picture.drawing import SHEETS, Anchor, Role, Text
from chainrule.picture.measure import FACES, plain, shortened, width
from chainrule.picture.scene import Box, Edge, Known

#: The most that texts may be wide, in pixels.
_MOST = {"title": 250.0, "name": 190.0, "detail": 190.0, "value": 200.0, "gradient": 200.0}
_MOST_LOCAL = 170.0
#: Names of products that are wider go over several lines.
_PRODUCT = 104.0
_SIDE = 12.0  # between the text of a box and its border
_LEAST_WIDTH, _LEAST_HEIGHT = 48.0, 40.0
#: Widths are multiples of it: boxes one below the other look alike.
_UNIT = 12.0
_LEADING = 1.32
#: Between a wire and the texts above and below it.
_OFF = 5.0
_PILL_SIDE = 7.0
#: Ways into a box are this far apart where it is high enough.
PITCH = 13.0


@dataclass(frozen=True, slots=True)
class Part:
    """A box or a label: its extent around its axis, its texts."""

    width: float
    above: float
    below: float
    texts: tuple[Text, ...] = ()
    half: float = 0.0  # of a box without the lines above and below it
    box: float = 0.0  # how wide it is without them
    pill: float = 0.0  # how wide the pill of a label is
    text: float = 0.0  # how wide its texts are


def line(
    role: Role, text: str, x: float, y: float, most: float, anchor: Anchor = "middle",
    *, step: int = 0, full: str = "",
) -> Text:  # fmt: skip
    """Return a line of text, shortened to fit."""
    shown, wide = _fitted(role, text, most)
    return Text(role, shown, x, y, anchor, wide, plain(full or text), step)


@lru_cache(maxsize=8192)
def _fitted(role: Role, text: str, most: float) -> tuple[str, float]:
    """Return a text shortened to fit, and its width: most stand in several pictures of a page."""
    face = FACES[role]
    shown = shortened(text, face, most)
    return shown, width(shown, face)


def known(role: Role, number: Known, y: float, most: float, before: str = "") -> Text:
    """Return a number as a line, centred."""
    return line(
        role, before + number.text, 0, y, most, step=number.step, full=number.full or number.text
    )


def gradient(number: Known, y: float, *, total: bool = False) -> Text:
    """Return a gradient as a line: the arrow says which way it flows."""
    return known("gradient", number, y, _MOST["gradient"], "Σ ← " if total else "← ")


def box_part(box: Box, inlets: int, *, value: bool, total: Known | None, many: bool) -> Part:
    """Return a box as a part.

    Parameters
    ----------
    box : Box
    inlets : int
        How many wires lead into it.
    value : bool
        Whether its value is to be written above it.
    total : Known or None
        The gradient to write below it.
    many : bool
        Whether that is the sum of several.
    """
    lines: list[tuple[Role, str]] = [("title" if box.kind != "constant" else "name", box.title)]
    if box.name and box.name != box.title:
        lines += [("name", piece) for piece in _factors(box.name)]
    if box.equal:
        lines.append(("name", f"= {box.equal}"))
    if box.detail:
        lines.append(("detail", box.detail))
    heights = [FACES[role].size * _LEADING for role, _ in lines]
    inner = sum(heights)
    height = max(_LEAST_HEIGHT, inner + 14.0, min(inlets - 1, 9) * PITCH + 18.0)
    if box.kind in ("input", "constant") and len(lines) == 1:
        height = 32.0
    texts: list[Text] = []
    top = -inner / 2
    for (role, content), tall in zip(lines, heights, strict=True):
        baseline = top + tall / 2 + 0.34 * FACES[role].size
        texts.append(line(role, content, 0, baseline, _MOST[role]))
        top += tall
    wide = max(text.width for text in texts) + 2 * _SIDE
    half, above, below = height / 2, height / 2, height / 2
    outside: list[Text] = []
    if value and box.value is not None:
        over = SHEETS if box.kind == "group" else 0.0
        outside.append(known("value", box.value, -half - _OFF - over, _MOST["value"]))
        above += _OFF + FACES["value"].ascent
    if total is not None:
        face = FACES["gradient"]
        outside.append(gradient(total, half + _OFF + face.ascent, total=many))
        below += _OFF + face.ascent + face.descent
    wide = _UNIT * math.ceil(max(_LEAST_WIDTH, wide) / _UNIT)
    if box.kind == "group":
        above += SHEETS
    around = max(
        [wide + (2 * SHEETS if box.kind == "group" else 0.0), *(text.width for text in outside)]
    )
    return Part(around, above, below, (*texts, *outside), half=half, box=wide)


def _factors(name: str) -> list[str]:
    """Break the name of a product after its signs: a column of products is as wide as its names.

    Examples
    --------
    >>> _factors("x[0] · w[0]"), _factors("inputs[0, 12] · weights[12, 0]")
    (['x[0] · w[0]'], ['inputs[0, 12] ·', 'weights[12, 0]'])
    """
    lines = [""]
    for factor in re.split(r"(?<= ·) ", name):
        longer = f"{lines[-1]} {factor}".lstrip()
        if lines[-1] and width(longer, FACES["name"]) > _PRODUCT:
            lines.append(factor)
        else:
            lines[-1] = longer
    return lines


def label_part(value: Known | None, back: Known | None, local: Known | None) -> Part:
    """Return what stands at a wire: value above, gradient below, local derivative upon it."""
    texts, above, below = [], 3.0, 3.0
    if value is not None:
        texts.append(known("value", value, -_OFF, _MOST["value"]))
        above = _OFF + FACES["value"].ascent
    if back is not None:
        face = FACES["gradient"]
        texts.append(gradient(back, _OFF + face.ascent - 1.0))
        below = _OFF + face.ascent + face.descent
    wide = max((text.width for text in texts), default=0.0)
    pill = 0.0
    if local is not None:
        face = FACES["local"]
        text = known("local", local, 0.34 * face.size, _MOST_LOCAL)
        texts.append(text)
        pill = text.width + 2 * _PILL_SIDE
        tall = pill_height() / 2
        above, below = max(above, tall), max(below, tall)
    return Part(wide + pill, above, below, tuple(texts), pill=pill, text=wide)


def edge_part(edge: Edge) -> Part:
    """Return what stands at an edge."""
    return label_part(edge.value, edge.gradient, edge.local)


def pill_height() -> float:
    """Return how high the pill around a local derivative is."""
    return FACES["local"].size + 8.0
