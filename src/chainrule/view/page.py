"""One HTML file that needs nothing else: the document, the modules and the style sheet in it."""

from __future__ import annotations

import base64
import hashlib
import html
import re
from functools import lru_cache
from importlib.resources import files
from typing import Any

from chainrule.view.packing import packed

#: What a module of ours imports, one line each.
_IMPORT = re.compile(r'^import \{[^}]*\} from "\./(\w+)\.js";\n', re.MULTILINE)
_PART = re.compile(r'^@import "(\w+\.css)";\n', re.MULTILINE)
_EXPORT = re.compile(r"^export (?=(?:async )?function|const|class)", re.MULTILINE)

_START = """
const text = document.getElementById("data").textContent;
mount(document.getElementById("view"), await unpacked(text), { keys: document });
"""

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="generator" content="chainrule">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<style>{style}</style>
</head>
<body class="chainrule-page">
<main id="view"></main>
<noscript><p>This page steps through the solution with JavaScript.{text}</noscript>
<script type="text/plain" id="data">{data}</script>
<script type="module">{script}</script>
</body>
</html>
"""


def page(document: dict[str, Any], text: str = "") -> str:
    """Return a document as one HTML file.

    It loads nothing: a content security policy allows its own script and style sheet, by their
    hashes, and nothing else.

    Parameters
    ----------
    document : dict
        What :func:`~chainrule.view.document.document` returns for a page that stands alone.
    text : str
        The solution as plain text, for a browser without JavaScript; none where it is too long.
    """
    words = f" Without it, this is all of it as text.</p><pre>{_escaped(text)}</pre>"
    script, sheet = f"\n{_bundle('view', 'packed')}{_START}", f"\n{style()}"
    policy = (
        f"default-src 'none'; script-src '{_hash(script)}'; style-src '{_hash(sheet)}'; "
        "base-uri 'none'; form-action 'none'"
    )
    return _PAGE.format(
        policy=policy,
        title=_escaped(f"{document['call']}, worked by chainrule"),
        style=sheet,
        text=words if text else "</p>",
        data=packed(document),
        script=script,
    )


def _escaped(text: str) -> str:
    # A lone surrogate, which a name may hold, has no place in UTF-8, and would not be written.
    return html.escape(text.encode("utf-8", "replace").decode("utf-8"))


def module() -> str:
    """Return the view as one module of JavaScript, which exports ``mount``."""
    return f"{_bundle('view')}\nexport {{ mount }};\n"


def style() -> str:
    """Return the style sheet of the view."""
    return _PART.sub(lambda found: _read(found[1]), _read("view.css"))


@lru_cache(maxsize=2)
def _bundle(*names: str) -> str:
    """Put modules into one, each after those that it imports."""
    parts: dict[str, str] = {}

    def add(name: str) -> None:
        if name in parts:
            return
        parts[name] = ""  # its place is taken, should two import each other
        text = _read(f"{name}.js")
        for found in _IMPORT.finditer(text):
            add(found[1])
        del parts[name]
        parts[name] = _EXPORT.sub("", _IMPORT.sub("", text))

    for name in names:
        add(name)
    return "\n".join(parts.values())


@lru_cache(maxsize=64)
def _read(name: str) -> str:
    return (files("chainrule.view") / "static" / name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
