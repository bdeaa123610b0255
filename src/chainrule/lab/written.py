"""The text of a formula as people write it, and its lines as source.

People paste what they have: with comments, with a ``print`` here and there, with their arrays in
``np.array(...)`` and with the values at the top. What is no part of a formula becomes blanks before
the parser sees it, as many as there were characters: every place in the text stays where it is.
"""

from __future__ import annotations

import hashlib
import linecache
import re
from collections import Counter, OrderedDict
from collections.abc import Callable, Sequence
from contextlib import suppress
from threading import Lock
from typing import Any

from chainrule.errors import FormulaError, Location
from chainrule.formula import FUNCTIONS, Formula, parse, parse_value
from chainrule.trace import standing

#: What a formula is called where a file would be named.
NAME = "formula"
#: Texts whose lines are kept: more than there are explanations that are kept.
_KEPT = 512
#: A comment, or a line that prints.
_SAID = re.compile(r"#[^\n]*|^[ \t]*print[ \t]*\([^\n]*\)[ \t]*$", re.MULTILINE)
#: What makes a list an array, before its bracket.
_ARRAY = re.compile(r"\b(?:np|numpy)[ \t]*\.[ \t]*array[ \t]*(?=\()")

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


def bare(text: str) -> str:
    r"""Return a text with blanks for what is no part of a formula.

    Examples
    --------
    >>> bare("w = np.array([1, 2])  # weights\nprint(w)\ny = w*x")
    'w =         ([1, 2])           \n        \ny = w*x'
    """
    plain = _SAID.sub(_blank, "\n".join(lines_of(text)))
    return _ARRAY.sub(_blank, plain)


def _blank(found: re.Match[str]) -> str:
    return " " * len(found.group())


def opened(formula: Formula) -> tuple[Formula, dict[str, Any]]:
    r"""Take the values that are written in a formula out of it, as its variables.

    Parameters
    ----------
    formula : Formula

    Returns
    -------
    formula : Formula
    values : dict
        None where no value is written as a statement of its own.

    Examples
    --------
    >>> import numpy as np
    >>> formula, values = opened(parse("w = 2\nx = [1, 3]\ny = sum(w*x)", FUNCTIONS))
    >>> formula.names, values["x"].tolist()
    (('w', 'x'), [1.0, 3.0])
    """
    counts, text = Counter(s.name for s in formula.statements), formula.text
    values: dict[str, Any] = {}
    whole: dict[str, Any] = {}
    for statement, following in zip(formula.statements, formula.statements[1:], strict=False):
        if statement.name is None or counts[statement.name] > 1:
            continue
        written = formula.text[statement.at : following.at]
        value = written.partition("=")[2].strip(" \t\n;")
        try:
            values[statement.name] = parse_value(value)
        except FormulaError:
            continue
        with suppress(FormulaError):
            whole[statement.name] = parse_value(value, whole=True)
        blank = re.sub(r"[^\n]", " ", written)
        text = text[: statement.at] + blank + text[following.at :]
    if not values:
        return formula, values
    without = parse(text, FUNCTIONS)
    return without, {**values, **{n: whole[n] for n in without.indices if n in whole}}


# -- lines -------------------------------------------------------------------------------------


def following(formula: Formula, typed: str, values: Sequence[Any]) -> Callable[[], None]:
    """Tell a trace in which line of a formula it is; to be called after each statement.

    Parameters
    ----------
    formula : Formula
    typed : str
        Its text as it was typed.
    values : sequence
        Of the arguments, traced.
    """
    file = _listed(typed)
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
        while len(_texts) > _KEPT:
            linecache.cache.pop(_texts.popitem(last=False)[0], None)
    return file
