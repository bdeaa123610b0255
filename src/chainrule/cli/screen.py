"""What is printed: plain in a pipe, with a little colour in a terminal."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Sequence
from typing import Any

_HEADING = re.compile(
    r"\s*(Inputs|Forward pass|Backward pass|Gradients|Softmax both ways.*)$"
    r"|\d+\. |Where to go next$"
)
# The name before the equals sign of a step or a result: `12  dW1 = ...`, `db = ...`.
_TARGET = re.compile(r"^ *(?:\d+  )?(d?[^\W\d][\w.]*)(?:\[[\d, ]*\])?(?:\(\d+\))? =", re.MULTILINE)


#: The title of what a reader must not miss.
WARNINGS = "Look at this"
#: That of a matrix: a line of names, then one line a class.
CONFUSION = "Confusion matrix"


def prepare() -> None:
    """Let a terminal or pipe that knows no mathematical signs get them spelled, not an error."""
    for stream in (sys.stdout, sys.stderr):
        try:
            "∂·→".encode(getattr(stream, "encoding", None) or "utf-8")
        except UnicodeEncodeError:
            if hasattr(stream, "reconfigure"):
                stream.reconfigure(errors="backslashreplace")


def show(text: str) -> None:
    """Print text; where rich is installed, a terminal gets headings and gradients in colour."""
    text = text.rstrip("\n")
    if not sys.stdout.isatty() or os.environ.get("NO_COLOR"):
        print(text)
        return
    try:
        from rich.console import Console
        from rich.text import Text
    except ImportError:
        print(text)
        return
    console = Console(highlight=False, soft_wrap=True)
    red = gradients(text)
    for number, line in enumerate(text.splitlines()):
        styled = Text(line)
        if _HEADING.match(line) or (number == 0 and not line.startswith(" ")):
            styled.stylize("bold")
        elif line.lstrip().startswith("$ "):
            styled.stylize("dim")
        else:
            styled.highlight_regex(red, "red")
        console.print(styled)


def show_parts(parts: Sequence[tuple[str, Sequence[str]]]) -> None:
    """Print titles and the lines below each; with rich, a terminal gets them in colour.

    Parameters
    ----------
    parts : sequence of (str, sequence of str)
    """
    console = _console()
    for number, (title, lines) in enumerate(parts):
        if number:
            print()
        for row, line in enumerate((title, *(f"  {line}" for line in lines))):
            plain = "".join(c if c.isprintable() else " " for c in line)
            if console is None:
                print(plain)
            else:
                console.print(_styled(plain, title, row, len(lines)), soft_wrap=True)


def _console() -> Any:
    if not sys.stdout.isatty() or os.environ.get("NO_COLOR"):
        return None
    try:
        from rich.console import Console
    except ImportError:
        return None
    return Console(highlight=False)


def _styled(line: str, title: str, row: int, rows: int) -> Any:
    """Return a line in its colours: what is right in a matrix of confusions green, else red."""
    from rich.text import Text

    if row == 0:
        return Text(line, style="bold")
    styled = Text(line, style="yellow" if title == WARNINGS else "")
    if title == CONFUSION and row > 1:
        counts = list(re.finditer(r"(?<!\S)\d+(?!\S)", line))[1 - rows :]
        for column, found in enumerate(counts):
            right = column == row - 2
            if found[0] != "0":
                styled.stylize("green" if right else "red", *found.span())
    return styled


def gradients(text: str) -> re.Pattern[str]:
    """Return what matches the gradients in a text: dv of each v that it knows, and ∂s.

    Knowing the names keeps words such as `data` and `does` as they are.
    """
    names = set(_TARGET.findall(text))
    named = [re.escape(name) for name in names if name[0] == "d" and name[1:]]
    found = "|".join(sorted(named, key=len, reverse=True)) or r"(?!)"
    element = r"(?:\[[\d, ]*\])?"
    return re.compile(
        rf"(?<![\w.∂])(?:{found})(?!\w){element}|∂[\w.]+{element}(?:/∂[\w.]+{element})?"
    )
