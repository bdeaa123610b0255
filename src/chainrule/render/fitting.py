"""How wide a formula is, about, and how it goes over several lines."""

from __future__ import annotations

import re
from collections.abc import Iterator

#: Signs that a line of a document holds, beside the number of a step.
LINE = 78
#: Columns of a line of plain text.
COLUMNS = 110
#: Rows that a page holds.
PAGE = 40

_MATRIX = re.compile(r"\\begin\{bmatrix\}(.*?)\\end\{bmatrix\}")
_FRACTION = re.compile(r"\\frac\{((?:[^{}]|\{[^{}]*\})*)\}\{((?:[^{}]|\{[^{}]*\})*)\}")
#: A binary sign, outside of all brackets, is where a formula may break.
_TOKEN = re.compile(r"\\left\b|\\right\b|\\begin\b|\\end\b|[{}]| (?:\+|-|\\cdot|\\odot) |.", re.S)
_OPENING = (r"\left", r"\begin", "{")
_CLOSING = (r"\right", r"\end", "}")
#: Where a line of plain text may break: before a sign, or after a comma.
_BREAK = re.compile(r"(?= (?:[-+·/@=<>≤≥≠&|%]|==) )|(?<=,)(?= )")


def wrapped(line: str) -> Iterator[str]:
    """Break a line of plain text that is too long: a formula at its signs, prose between words.

    Examples
    --------
    >>> *_, last = wrapped("  dz = " + " + ".join(["softmax(z)"] * 12))
    >>> last
    '      + softmax(z) + softmax(z) + softmax(z) + softmax(z)'
    """
    indent = len(line) - len(line.lstrip(" 0123456789"))
    if len(line) <= COLUMNS or line.lstrip().startswith("["):
        yield line
        return
    formula = " = " in line
    indent = indent + 4 if formula else len(line) - len(line.lstrip())
    while len(line) > COLUMNS:
        at = _best_break(line, indent + 8) if formula else line.rfind(" ", indent + 1, COLUMNS + 1)
        if at <= indent:
            break
        yield line[:at]
        line = " " * indent + line[at:].lstrip()
    yield line


def _best_break(line: str, first: int) -> int:
    """Return where a formula breaks: as far outside of brackets as can be, and then late."""
    best, outermost, depth, seen = 0, len(line), 0, 0
    for match in _BREAK.finditer(line, first):
        at = match.start()
        if at > COLUMNS:
            break
        between = line[seen:at]
        depth += sum(between.count(c) for c in "([{") - sum(between.count(c) for c in ")]}")
        seen = at
        if at > COLUMNS // 2 or not best:
            late = at > COLUMNS // 2
            if depth <= outermost or (late and best <= COLUMNS // 2):
                best, outermost = at, depth
    return best


def width(latex: str) -> int:
    r"""Return about how many signs wide a formula is when set.

    Examples
    --------
    >>> width(r"\mathrm{d}z \cdot \frac{\partial z}{\partial w}")
    5
    >>> width(r"\begin{bmatrix} 1 & 2 \\ 10 & 20 \end{bmatrix}")
    10
    """
    latex = _MATRIX.sub(lambda m: "x" * _matrix_width(m[1]), latex)
    latex = _FRACTION.sub(lambda m: max(m[1], m[2], key=width), latex)
    latex = re.sub(r"\\(?:left|right|mathrm|text|operatorname|displaystyle)\b", "", latex)
    latex = re.sub(r"\\(max|min|exp|ln|log|sin|cos|tan|tanh|sinh|cosh)\b", r"\1", latex)
    latex = re.sub(r"\\(?:[A-Za-z]+|.)", "x", latex)
    return len(re.sub(r"[{}_^&\s]", "", latex))


def _matrix_width(body: str) -> int:
    rows = [[width(cell) for cell in row.split("&")] for row in body.split(r"\\")]
    widest: list[int] = [max(column) + 2 for column in zip(*rows, strict=True)]
    return sum(widest) + 2


def fitted(latex: str) -> str:
    r"""Wrap a formula that is too wide or too high for a page in ``\fitted``."""
    too_high = any(body.count(r"\\") >= PAGE for body in _MATRIX.findall(latex))
    return rf"\fitted{{{latex}}}" if too_high or width(latex) > LINE else latex


def chain(left: str, rights: tuple[str, ...]) -> str:
    r"""Write equal formulas for ``align``: in one line where they fit, else under each other."""
    head = width(left) + 2
    whole = " = ".join(rights)
    if head + width(whole) <= LINE and fitted(whole) == whole:
        return f"  {left} &= {whole}"
    room = max(LINE - head, LINE // 2)
    lines = [
        ("= " if first else r"\quad ") + fitted(piece)
        for right in rights
        for first, piece in _pieces(right, room)
    ]
    return f"  {left} &" + " \\\\\n  &".join(lines)


def _pieces(latex: str, room: int) -> Iterator[tuple[bool, str]]:
    """Break a formula at its sums and products; say which piece is the first."""
    if width(latex) <= room:
        yield True, latex
        return
    first, line = True, ""
    for term in _terms(latex):
        if line and width(line + term) > room:
            yield first, line
            # The empty group keeps the space around a sign that begins a line.
            first, line = False, "{}" + term
        else:
            line += term
    yield first, line


def _terms(latex: str) -> Iterator[str]:
    """Split before each binary sign that stands outside of all brackets."""
    depth, term = 0, ""
    for token in _TOKEN.findall(latex):
        if depth == 0 and token.startswith(" ") and term:
            yield term
            term = ""
        depth += (token in _OPENING) - (token in _CLOSING)
        term += token
    yield term
