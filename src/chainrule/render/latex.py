"""The worked solution as a LaTeX document."""

from __future__ import annotations

from collections.abc import Iterator

from chainrule.emit import numpy_code, verified
from chainrule.explaining.explanation import Explanation
from chainrule.render import page
from chainrule.render.formulas import Equation, Heading, Item, Sentence, Through, items

_HEAD = r"""\documentclass{article}
\usepackage{amsmath, amssymb}
\usepackage[margin=2.2cm]{geometry}
\setlength{\parindent}{0pt}
\setlength{\parskip}{4pt}
\allowdisplaybreaks
\begin{document}
"""

#: A chain of formulas that is longer than this goes over several lines.
_LONG = 60

_SIGNS = {
    "\\": r"\textbackslash{}", "_": r"\_", "#": r"\#", "%": r"\%", "&": r"\&", "$": r"\$",
    "{": r"\{", "}": r"\}", "^": r"\^{}", "~": r"\~{}", "<": r"\textless{}",
    ">": r"\textgreater{}", "∂": r"$\partial$", "·": r"$\cdot$", "ᵀ": r"$^{\top}$",
    "Σ": r"$\Sigma$", "‖": r"$\|$", "≥": r"$\ge$", "≤": r"$\le$", "≠": r"$\ne$",
}  # fmt: skip


def to_latex(explanation: Explanation) -> str:
    """Return the worked solution as a document that pdflatex compiles."""
    parts = [_HEAD, rf"\section*{{{escaped(page.title(explanation))}}}"]
    parts.extend(block for item in items(explanation) for block in _blocks(item))
    program = explanation.derivation.program
    # Code is as wide as it is; small type keeps most of it inside the margins.
    code = verified(program, numpy_code(program))
    parts += [
        r"\subsection*{As code}",
        rf"{{\footnotesize\begin{{verbatim}}{chr(10)}{code}\end{{verbatim}}}}",
    ]
    return "\n".join([*parts, r"\end{document}", ""])


def _blocks(item: Item) -> Iterator[str]:
    if isinstance(item, Heading):
        yield rf"\subsection*{{{escaped(item.text)}}}"
    elif isinstance(item, Sentence):
        yield escaped(item.text) + "\n"
    elif isinstance(item, Through):
        place = rf"\hfill\texttt{{{escaped(item.place)}}}" if item.place else ""
        yield rf"\medskip\textbf{{Through}} ${item.latex}$ {place}" + "\n"
    elif isinstance(item, Equation):
        tag = rf" \tag*{{{item.step}}}" if item.step else ""
        long = sum(map(len, item.rights)) > _LONG
        between = " \\\\\n  &= " if long else " = "
        chain = f"  {item.left} &= {between.join(item.rights)}{tag}"
        yield f"\\begin{{align*}}\n{chain}\n\\end{{align*}}"


def escaped(text: str) -> str:
    """Escape what LaTeX would take for markup."""
    return "".join(_SIGNS.get(c, c) for c in text)
