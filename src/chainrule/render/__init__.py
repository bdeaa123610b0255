"""Views of one list of steps: text, Markdown, LaTeX and JSON.

A renderer is a function from an :class:`~chainrule.explaining.explanation.Explanation` to a
string; :data:`RENDERERS` has them by name.
"""

from __future__ import annotations

from collections.abc import Callable

from chainrule.explaining.explanation import Explanation
from chainrule.render.json import to_json
from chainrule.render.latex import to_latex
from chainrule.render.markdown import to_markdown
from chainrule.render.text import to_text

#: Name of a format -> its renderer.
RENDERERS: dict[str, Callable[[Explanation], str]] = {
    "text": to_text,
    "markdown": to_markdown,
    "latex": to_latex,
    "json": to_json,
}

#: File suffix -> name of a format.
SUFFIXES = {".txt": "text", ".md": "markdown", ".tex": "latex", ".json": "json"}

__all__ = ["RENDERERS", "SUFFIXES", "to_json", "to_latex", "to_markdown", "to_text"]
