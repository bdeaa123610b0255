"""What is printed: plain in a pipe, with a little colour in a terminal."""

from __future__ import annotations

import os
import re
import sys

_GRADIENT = re.compile(r"(?<![\w∂])d[A-Za-z_]\w*(?:\[[^\]]*\])?(?=\s=|\s·|\sis)|∂\w+(?:\[[^\]]*\])?")


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
    for line in text.splitlines():
        styled = Text(line)
        if line and not line[0].isspace():
            styled.stylize("bold")
        elif line.lstrip().startswith("through"):
            styled.stylize("cyan")
        else:
            styled.highlight_regex(_GRADIENT, "red")
        console.print(styled)
