"""The worked solution as a LaTeX document."""

from __future__ import annotations

import textwrap
import unicodedata
from collections.abc import Iterator
from itertools import groupby

from chainrule.emit import numpy_source_or_why_not
from chainrule.explaining.explanation import Explanation
from chainrule.render import page
from chainrule.render.fitting import chain, fitted
from chainrule.render.formulas import Equation, Heading, Item, Line, Sentence, Table, Through, items
from chainrule.writing import GREEK_LETTERS

#: \fitted shrinks what is wider than the line, or higher than the page.
_HEAD = r"""\documentclass{article}
\usepackage{amsmath, amssymb}
\usepackage[margin=2.2cm]{geometry}
\usepackage{graphicx, longtable}
\setlength{\parindent}{0pt}
\setlength{\parskip}{4pt}
\setlength{\LTleft}{0pt}
\setcounter{MaxMatrixCols}{64}
\allowdisplaybreaks
\newsavebox{\fittedbox}
\newcommand{\fitted}[1]{\sbox{\fittedbox}{$\displaystyle #1$}\vcenter{\hbox{%
  \ifdim\wd\fittedbox>.85\linewidth\resizebox{.85\linewidth}{!}{\usebox{\fittedbox}}%
  \else\ifdim\dimexpr\ht\fittedbox+\dp\fittedbox\relax>.8\textheight
  \resizebox*{!}{.8\textheight}{\usebox{\fittedbox}}\else\usebox{\fittedbox}\fi\fi}}}
"""

#: Characters of a line of code in \footnotesize.
_CODE_WIDTH = 108

_SIGNS = {
    "\\": r"\textbackslash{}", "_": r"\_", "#": r"\#", "%": r"\%", "&": r"\&", "$": r"\$",
    "{": r"\{", "}": r"\}", "^": r"\^{}", "~": r"\~{}", "<": r"\textless{}",
    ">": r"\textgreater{}", "|": r"\textbar{}",
}  # fmt: skip

#: Mark above a letter -> the command that sets it.
_ACCENTS = dict(
    zip("\u0300\u0301\u0302\u0303\u0308\u030a\u0327\u030c\u0304\u0306\u0307\u030b",
        "`'^~\"rcv=u.H", strict=True)
)  # fmt: skip

#: What pdflatex writes for a character that it does not know by itself.
_UNICODE = {
    "∂": r"\partial", "·": r"\cdot", "×": r"\times", "−": "-", "√": r"\surd", "∑": r"\sum",
    "∏": r"\prod", "∫": r"\int", "∇": r"\nabla", "∞": r"\infty", "‖": r"\|", "≥": r"\ge",
    "≤": r"\le", "≠": r"\ne", "≈": r"\approx", "→": r"\to", "←": r"\leftarrow", "∈": r"\in",
    "±": r"\pm", "ᵀ": r"^{\top}", "′": "'", "²": "^{2}", "³": "^{3}", "₀": "_{0}", "₁": "_{1}",
    "₂": "_{2}", "₃": "_{3}", "…": r"\ldots", "•": r"\bullet", "°": r"^{\circ}",
    **dict(zip("ΑΒΕΖΗΙΚΜΝΟΡΤΥΧο", "ABEZHIKMNOPTYXo", strict=True)),
    **{letter: rf"\{name}" for letter, name in GREEK_LETTERS.items()},
}  # fmt: skip


def to_latex(explanation: Explanation) -> str:
    r"""Return the worked solution as a document that pdflatex compiles.

    Examples
    --------
    >>> import chainrule as cr
    >>> print(cr.explain(lambda w, x: w * x, 2.0, 3.0).latex().splitlines()[0])
    \documentclass{article}
    """
    parts = [rf"\section*{{{escaped(page.call(explanation))}}}"]
    where = page.place(explanation)
    if where:
        parts.append(rf"\texttt{{{escaped(where)}}}")
    for together, group in groupby(items(explanation), key=lambda i: isinstance(i, Equation)):
        if together:
            parts.append(_equations([i for i in group if isinstance(i, Equation)]))
        else:
            parts.extend(block for item in group for block in _blocks(item))
    program = explanation.derivation.program
    parts += [r"\subsection*{As code}", _verbatim(numpy_source_or_why_not(program))]
    body = "\n".join(parts)
    begin, end = r"\begin{document}", r"\end{document}"
    return f"{_HEAD}{_declarations(body)}{begin}\n{body}\n{end}\n"


def _blocks(item: Item) -> Iterator[str]:
    if isinstance(item, Heading):
        yield rf"\subsection*{{{escaped(item.text)}}}"
    elif isinstance(item, Sentence):
        # The blank line stands before, so that equations belong to the sentence above them.
        yield "\n" + escaped(item.text)
    elif isinstance(item, Line):
        yield "\n" + _line(item)
    elif isinstance(item, Through):
        place = rf"\hfill\texttt{{{escaped(item.place)}}}" if item.place else ""
        yield "\n" + rf"\medskip\textbf{{Through}} ${fitted(item.latex)}$ {place}"
    elif isinstance(item, Table):
        yield from _table(item)


def _equations(equations: list[Equation]) -> str:
    r"""Write equations under each other, aligned at their equals signs."""
    chains = [
        chain(e.left, e.rights) + (rf" \tag*{{{e.step}}}" if e.step else "") for e in equations
    ]
    body = " \\\\[4pt]\n".join(chains)
    return f"\\begin{{align*}}\n{body}\n\\end{{align*}}"


def _table(table: Table) -> Iterator[str]:
    yield r"\begin{longtable}{@{}l@{\qquad}l@{}}"
    yield " & ".join(table.head) + r" \\ \hline \noalign{\vskip 4pt} \endhead"
    for name, value in table.rows:
        yield rf"\rule{{0pt}}{{14pt}}${name}$ & ${fitted(value)}$ \\[6pt]"
    yield r"\end{longtable}"


def _line(line: Line) -> str:
    """Write a line of the user's code as it is, with its place at the right margin."""
    place = rf"\hfill\texttt{{{escaped(line.place)}}}"
    free = next((sign for sign in "|!+/@;:?" if sign not in line.source), None)
    if free is None or len(line.source) + len(line.place) > _CODE_WIDTH - 10:
        return f"{place}\n{_verbatim(line.source)}"
    return rf"{{\small\verb{free}{line.source.expandtabs(4)}{free}}}{place}"


def _verbatim(text: str) -> str:
    """Write code as it is; a line that is too long goes on in the next."""
    lines: list[str] = []
    for line in text.replace(r"\end{verbatim}", r"\end {verbatim}").expandtabs(4).splitlines():
        indent = " " * (len(line) - len(line.lstrip()) + 8)
        lines += textwrap.wrap(
            line, _CODE_WIDTH, subsequent_indent=indent, break_on_hyphens=False
        ) if len(line) > _CODE_WIDTH else [line]  # fmt: skip
    inside = "\n".join(lines)
    return f"{{\\footnotesize\\begin{{verbatim}}\n{inside}\n\\end{{verbatim}}}}"


def _declarations(body: str) -> str:
    """Say how to write each character beyond those that pdflatex knows."""
    found: list[str] = []
    for sign in sorted(set(body) - set(map(chr, range(128)))):
        known = 0xC0 <= ord(sign) <= 0x17F and sign.isalpha() and sign not in "ÐðÞþĐđŊŋĸŦŧĦħ"
        if sign in "\u2028\u2029\x85":
            continue
        if known:
            # pdflatex knows them in text: in a formula they are text.
            base, *marks = list(unicodedata.normalize("NFD", sign))
            if len(marks) == 1 and marks[0] in _ACCENTS:
                shown = rf"\text{{\{_ACCENTS[marks[0]]}{{{base}}}}}"
                found.append(rf"\DeclareUnicodeCharacter{{{ord(sign):04X}}}{{{shown}}}" + "\n")
            continue
        shown = rf"\ensuremath{{{_UNICODE[sign]}}}" if sign in _UNICODE else f"[U+{ord(sign):04X}]"
        found.append(rf"\DeclareUnicodeCharacter{{{ord(sign):04X}}}{{{shown}}}" + "\n")
    return "".join(found)


def escaped(text: str) -> str:
    """Escape what LaTeX would take for markup, and write signs in ASCII."""
    return "".join(
        _SIGNS.get(c) or (rf"\ensuremath{{{_UNICODE[c]}}}" if c in _UNICODE else c) for c in text
    )
