"""The lines of a typed formula as source, so that each operation knows the line it stands in."""

from __future__ import annotations

import hashlib
import linecache
from collections import OrderedDict
from collections.abc import Callable, Sequence
from threading import Lock
from typing import Any

from chainrule.errors import Location
from chainrule.formula import Formula
from chainrule.trace import standing

#: What a formula is called where a file would be named.
NAME = "formula"
#: Texts whose lines are kept: more than there are explanations that are kept.
_KEPT = 512

_texts: OrderedDict[str, None] = OrderedDict()
_lock = Lock()


def lines_of(text: str) -> list[str]:
    r"""Return the lines of a text as they were typed.

    Examples
    --------
    >>> lines_of("z = w*x\r\ny = z**2")
    ['z = w*x', 'y = z**2']
    """
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")


def following(formula: Formula, values: Sequence[Any]) -> Callable[[], None]:
    """Tell a trace in which line of a formula it is; to be called after each statement.

    Parameters
    ----------
    formula : Formula
    values : sequence
        Of the arguments, traced.
    """
    file = _listed(formula.text)
    places = iter(
        Location(file, formula.text.count("\n", 0, statement.at) + 1, NAME)
        for statement in formula.statements
    )

    def go_on() -> None:
        where = next(places, None)
        if where is not None:
            standing(values, where)

    go_on()
    return go_on


def _listed(text: str) -> str:
    """Let Python's cache of lines have those of a text; return the name that it has there."""
    file = f"<{hashlib.sha256(text.encode('utf-8', 'replace')).hexdigest()[:16]}>/{NAME}"
    with _lock:
        if file not in linecache.cache:
            lines = [f"{line}\n" for line in lines_of(text)]
            linecache.cache[file] = (len(text), None, lines, file)
        _texts[file] = None
        _texts.move_to_end(file)
        if len(_texts) > _KEPT:
            linecache.cache.pop(_texts.popitem(last=False)[0], None)
    return file
