"""Write ``operations.md``: NumPy's functions, and what chainrule does with each.

``python docs/operations.py`` writes it, ``--check`` tells whether it is up to date.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from chainrule.rules import BY_FUNCTION, COMPOSED
from chainrule.rules.refused import PLAIN, REFUSED, Reason
from chainrule.trace.functions import DESCRIPTIVE

TARGET = Path(__file__).with_name("operations.md")
MODULES = {"": np, "linalg": np.linalg, "fft": np.fft, "lib.stride_tricks": np.lib.stride_tricks}

HEAD = """\
# Operations

What chainrule does with each public function of NumPy {version}, written by
`python docs/operations.py` from the tables that it runs on. A *row* is an operation with a rule of
its own; a *composition* is written in terms of rows, and is explained as such. SciPy's special
functions, where SciPy is installed, are listed at the end.
"""


def public(module: Any) -> Iterator[tuple[str, Any]]:
    """Yield the functions of a module by name: no classes, no modules."""
    for name in sorted(dir(module)):
        value = getattr(module, name)
        if not name.startswith("_") and callable(value) and not isinstance(value, type):
            yield name, value


def functions() -> dict[str, Any]:
    """Return all public functions by their name below ``np.``."""
    return {
        f"{prefix}.{name}" if prefix else name: function
        for prefix, module in MODULES.items()
        for name, function in public(module)
    }


def place(name: str, function: Any) -> list[str]:
    """Return where a function stands: in exactly one place, if all is well."""
    found = []
    if function in BY_FUNCTION:
        found.append("row" if BY_FUNCTION[function].differentiable else "row without derivative")
    if function in COMPOSED:
        found.append("composition")
    if function in DESCRIPTIVE:
        found.append("asks for the shape or the type alone")
    for reasons in (PLAIN, REFUSED):
        found += [entry.why for entry in reasons if name in entry.names.split()]
    return found


def _list(names: list[str]) -> str:
    return " ".join(f"`{name}`" for name in names)


def _reasons(entries: tuple[Reason, ...]) -> Iterator[str]:
    for entry in entries:
        instead = f" Instead: {entry.instead}." if entry.instead else ""
        yield f"- {_list(sorted(entry.names.split()))}: {entry.why}.{instead}"


def page() -> str:
    """Return the text of the page."""
    from chainrule.rules.special import rows

    places = {name: place(name, function) for name, function in functions().items()}

    def those(where: str) -> list[str]:
        return [name for name, found in places.items() if found == [where]]

    lines = [HEAD.format(version=".".join(np.__version__.split(".")[:2]))]
    for where, title in (
        ("row", "Rows with a derivative"),
        ("composition", "Compositions"),
        ("row without derivative", "Rows without derivative: integers, truth values, steps"),
        ("asks for the shape or the type alone", "Questions about shape or type"),
    ):
        found = those(where)
        lines += [f"## {title} ({len(found)})", "", _list(found), ""]
    lines += ["## Refused, with the line and what to write instead", "", *_reasons(REFUSED), ""]
    lines += ["## Nothing to differentiate", "", *_reasons(PLAIN), ""]
    lines += ["## scipy.special", "", _list(sorted(n.split(".")[-1] for n in rows())), ""]
    return "\n".join(lines)


def main() -> int:
    """Return the exit status: 1 where the page is not up to date."""
    text = page()
    if "--check" in sys.argv[1:]:
        return int(TARGET.read_text(encoding="utf-8") != text)
    TARGET.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
