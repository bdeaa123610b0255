"""How the page of a notebook says that it is light or dark, and the picture's colours then.

A system that is light may run a notebook that is dark: what is shown in a notebook goes by it.
"""

from __future__ import annotations

from chainrule.picture.styles import COLOURS

#: Selectors of its body: JupyterLab's attribute, VS Code's, and marimo's classes.
DARK = (
    "[data-jp-theme-light=false],[data-vscode-theme-kind$=dark],"
    "[data-vscode-theme-kind$=high-contrast],.dark,.dark-theme"
)
LIGHT = "[data-jp-theme-light=true],[data-vscode-theme-kind$=light],.light,.light-theme"


def paint(*, dark: bool) -> str:
    """Return the declarations that give every picture below an element these colours."""
    return "".join(f"--cr-{name}:{pair[dark]};" for name, pair in COLOURS.items())
