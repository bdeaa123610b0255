"""How wide a text is at most, whichever font of its family a machine has.

Nobody knows here which fonts will draw the picture, so every character gets the greatest advance
that it has in the usual fonts of its family. What no usual font holds is marked as doubtful: such
a text is drawn with its width given, and the browser fits it in.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

Family = Literal["mono", "serif"]


@dataclass(frozen=True, slots=True)
class Face:
    """A family of fonts at a size in pixels."""

    family: Family
    size: float
    italic: bool = False

    @property
    def ascent(self) -> float:
        """How far letters reach above the baseline, accents included."""
        return 0.95 * self.size

    @property
    def descent(self) -> float:
        """How far letters reach below the baseline."""
        return 0.27 * self.size


#: The parts of a picture that are written, and how.
FACES: dict[str, Face] = {
    "title": Face("serif", 18),
    "name": Face("serif", 14, italic=True),
    "detail": Face("mono", 10.5),
    "value": Face("mono", 12.5),
    "gradient": Face("mono", 12.5, italic=True),
    "local": Face("mono", 11.5),
    "frame": Face("serif", 13.5),
}

#: Characters of a name or value that are never drawn as they are: they would break the XML, or
#: turn the order of the letters around.
_TURNING = frozenset("\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff")
_NARROW = frozenset("ijltf.,:;'|!()[]{}`\"/\\ ·")
_WIDE = frozenset("mwMWQO@%&")
_SIGNS = frozenset("+=<>~^×÷−≤≥≠≈±")
#: Beside ASCII, what fonts with fixed advances hold: Latin, Greek and Cyrillic letters, and signs.
_COMMON = frozenset("×÷−±·…∂Σ∑√∞≤≥≠≈←→↑↓′″ᵀ⊙∘∈⟨⟩⁰¹²³⁴⁵⁶⁷⁸⁹⁻")
#: Marks on one letter beyond these are dropped: they pile up into the lines above and below.
_MARKS = 2


def plain(text: str) -> str:
    r"""Return a text as one line of characters that can be drawn and are legal in XML.

    Examples
    --------
    >>> plain("a\x00b\n\tc")
    'a␀b␊␉c'
    """
    return text if text.isascii() and text.isprintable() else _drawn(text)


@lru_cache(maxsize=4096)
def _drawn(text: str) -> str:
    drawn, marks = [], 0
    for char in text:
        code = ord(char)
        if code < 0x20:
            char = chr(0x2400 + code)
        elif code == 0x7F:
            char = "␡"
        elif (
            0x80 <= code < 0xA0
            or 0xD800 <= code < 0xE000
            or code & 0xFFFE == 0xFFFE
            or 0xFDD0 <= code <= 0xFDEF
            or char in _TURNING
            or char in "\u2028\u2029"
        ):
            char = "\ufffd"
        marks = marks + 1 if unicodedata.category(char) in ("Mn", "Me") else 0
        if marks <= _MARKS:
            drawn.append(char)
    return "".join(drawn)


@lru_cache(maxsize=4096)
def _advance(char: str, family: Family) -> float:
    """Return the greatest advance of a character, in units of the font's size."""
    if char < "\x7f" or char in _COMMON or "À" <= char <= "ӿ":
        if unicodedata.category(char) in ("Mn", "Me"):
            return 0.0
        if family == "mono":
            return 0.62 if char < "\x7f" else 0.66
        if char in _NARROW:
            return 0.42
        if char in _WIDE:
            return 1.1
        if char in _SIGNS:
            return 0.86
        return 0.84 if char.isupper() or char > "\x7f" else 0.67
    if unicodedata.category(char) in ("Mn", "Me", "Cf"):
        return 0.0
    return 1.08 if unicodedata.east_asian_width(char) in ("W", "F") else 1.0


def is_doubtful(text: str) -> bool:
    """Whether a text has characters whose widths differ widely from font to font."""
    return any(not (c < "\x7f" or c in _COMMON or "À" <= c <= "ӿ") for c in text)


def width(text: str, face: Face) -> float:
    """Return the most that a text can be wide, in pixels.

    Examples
    --------
    >>> width("-0.5", Face("mono", 10))
    24.8
    """
    total = sum(_advance(char, face.family) for char in text)
    slant = 0.12 if face.italic and text else 0.0  # an italic letter leans over its advance
    return round((total + slant) * face.size, 3)


def shortened(text: str, face: Face, most: float) -> str:
    """Return a text that is at most so wide; what is cut off is an ellipsis.

    Of a name with an index it is the name that is cut: the index tells it from its neighbours.

    Examples
    --------
    >>> shortened("a long name", Face("mono", 10), 45)
    'a long…'
    >>> shortened("a_long_name[0, 1]", Face("mono", 10), 80)
    'a_lon…[0, 1]'
    """
    text = plain(text)
    if width(text, face) <= most:
        return text
    name, bracket, index = text.rpartition("[")
    tail = bracket + index if name and index.find("]") == len(index) - 1 else ""
    if width(tail, face) > most / 2:
        tail = ""
    text = text.removesuffix(tail) if tail else text
    room = most - width("…" + tail, face)
    cut, used = 0, 0.0
    for char in text:
        used += _advance(char, face.family) * face.size
        if used > room:
            break
        cut += 1
    return f"{text[:cut].rstrip()}…{tail}"
