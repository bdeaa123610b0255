"""The worked solution as Markdown, with formulas in LaTeX between dollars."""

from __future__ import annotations

import re
from collections.abc import Iterator

from chainrule.emit import numpy_code, verified
from chainrule.explaining.explanation import Explanation
from chainrule.render import page
from chainrule.render.formulas import Equation, Heading, Item, Sentence, Through, items


def to_markdown(explanation: Explanation) -> str:
    """Return the worked solution as Markdown that GitHub, Jupyter and most editors render."""
    parts = [f"# {escaped(page.title(explanation))}"]
    parts.extend(block for item in items(explanation) for block in _blocks(item))
    program = explanation.derivation.program
    parts += ["## As code", f"```python\n{verified(program, numpy_code(program))}```"]
    return "\n\n".join(parts) + "\n"


def _blocks(item: Item) -> Iterator[str]:
    if isinstance(item, Heading):
        yield f"## {item.text}"
    elif isinstance(item, Sentence):
        yield escaped(item.text)
    elif isinstance(item, Through):
        place = f" ({escaped(item.place)})" if item.place else ""
        yield f"**Through** ${item.latex}${place}"
    elif isinstance(item, Equation):
        number = rf"\text{{{item.step}.}}\quad " if item.step else ""
        yield f"$$ {number}{item.left} = {' = '.join(item.rights)} $$"


def escaped(text: str) -> str:
    """Escape what Markdown would take for markup."""
    return re.sub(r"([*_<>\[\]`$])", r"\\\1", text)
