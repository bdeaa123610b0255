"""The worked solution as Markdown, with formulas in LaTeX between dollars."""

from __future__ import annotations

import re
from collections.abc import Iterator

from chainrule.emit import numpy_source_or_why_not
from chainrule.explaining.explanation import Explanation
from chainrule.render import page
from chainrule.render.formulas import Equation, Heading, Item, Line, Sentence, Table, Through, items

#: GitHub reads a formula as Markdown first, which takes the backslash off a punctuation mark:
#: rows of a matrix would run together. These say the same in letters.
_IN_LETTERS = {
    "\\": r"\cr ", ",": r"\thinspace ", "_": r"\underline{\enspace}", ";": r"\thickspace ",
    ":": r"\medspace ", "!": r"\negthinspace ", "{": r"\lbrace ", "}": r"\rbrace ",
    "|": r"\Vert ", "#": "＃", "%": "％", "&": "＆", "$": "＄",
}  # fmt: skip


def to_markdown(explanation: Explanation) -> str:
    r"""Return the worked solution as Markdown that GitHub, Jupyter and most editors render.

    Examples
    --------
    >>> import chainrule as cr
    >>> text = cr.explain(lambda w, x: w * x, 2.0, 3.0).markdown()
    >>> print(text.split("## ")[4].splitlines()[4])
    | $\mathrm{d}w$ | $3$ |
    """
    parts = [f"# {escaped(page.call(explanation))}"]
    where = page.place(explanation)
    if where:
        parts.append(code(where))
    parts.extend(block for item in items(explanation) for block in _blocks(item))
    program = explanation.derivation.program
    parts += ["## As code", fenced(numpy_source_or_why_not(program))]
    return "\n\n".join(parts) + "\n"


def _blocks(item: Item) -> Iterator[str]:
    if isinstance(item, Heading):
        yield f"## {item.text}"
    elif isinstance(item, Sentence):
        yield escaped(item.text)
    elif isinstance(item, Line):
        yield f"{code(item.source)} ({escaped(item.place)})"
    elif isinstance(item, Through):
        place = f" ({escaped(item.place)})" if item.place else ""
        yield f"**Through** ${protected(item.latex)}${place}"
    elif isinstance(item, Equation):
        number = rf"\text{{{item.step}.}}\quad " if item.step else ""
        yield f"$$ {number}{protected(' = '.join((item.left, *item.rights)))} $$"
    elif isinstance(item, Table):
        yield "\n".join(_table(item))


def _table(table: Table) -> Iterator[str]:
    yield f"| {' | '.join(table.head)} |"
    yield "| :-- | :-- |"
    for row in table.rows:
        yield f"| {' | '.join(f'${protected(cell)}$' for cell in row)} |"


def protected(latex: str) -> str:
    r"""Write a formula so that Markdown finds nothing in it to change.

    Examples
    --------
    >>> print(protected(r"\mathrm{a\_b}\, W_{1} \\ 2"))
    \mathrm{a\underline{\enspace}b}\thinspace  W _{1} \cr  2
    """
    latex = re.sub(r"\\([^A-Za-z\s])", lambda m: _IN_LETTERS.get(m[1], m[0]), latex)
    latex = latex.replace("`", "'").replace("|", r"\vert ")
    # An underscore after a space cannot end what Markdown takes for emphasis.
    return re.sub(r"(?<!\s)_", " _", latex)


def escaped(text: str) -> str:
    """Escape what Markdown would take for markup."""
    return re.sub(r"([\\*_<>\[\]`$|~&])", r"\\\1", text)


def code(text: str) -> str:
    """Write code within a line, between more backticks than it holds in a row."""
    ticks = "`" * (_longest(text) + 1)
    space = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{ticks}{space}{text}{space}{ticks}"


def fenced(text: str) -> str:
    """Write lines of Python, between more backticks than they hold in a row."""
    ticks = "`" * max(3, _longest(text) + 1)
    return f"{ticks}python\n{text}{ticks}"


def _longest(text: str) -> int:
    return max(map(len, re.findall(r"`+", text)), default=0)
