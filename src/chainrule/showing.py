"""Who shows a solution live in a notebook: the package's entry names it, a solution asks it.

The widget stands above the solution that it shows, so that a solution cannot import it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

_makers: list[Callable[[Any], Any]] = []


def register(make: Callable[[Any], Any]) -> None:
    """Take note of who makes a live view of a solution; the last one counts."""
    _makers[:] = [make]


def live(solution: Any) -> Any:
    """Return a live view of a solution.

    Raises
    ------
    MissingExtraError
        Where what it needs is not installed.
    """
    return _makers[-1](solution)


def in_notebook() -> bool:
    """Whether a kernel runs this: IPython with somebody at the other end who shows widgets."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return getattr(shell, "kernel", None) is not None


class Html:
    """Text that a notebook shows as HTML."""

    def __init__(self, text: str) -> None:
        self.text = text

    def _repr_html_(self) -> str:
        return self.text
