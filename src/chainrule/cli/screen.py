"""What is printed: plain in a pipe, with a little colour in a terminal."""

from __future__ import annotations

import os
import re
import sys

_HEADING = re.compile(
    r"\s*(Inputs|Forward pass|Backward pass|Gradients|Softmax both ways.*)$"
    r"|\d+\. |Where to go next$"
)
# The name before the equals sign of a step or a result: `12  dW1 = ...`, `db = ...`.
_TARGET = re.compile(r"^ *(?:\d+  )?(d?[^\W\d][\w.]*)(?:\[[\d, ]*\])?(?:\(\d+\))? =", re.MULTILINE)


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
