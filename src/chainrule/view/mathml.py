r"""LaTeX as MathML, which browsers set without any library.

It reads what formulas of a worked solution are made of, and the usual rest; a formula with a
command that it does not know is shown as it is written::

    row     ::= scripted*
    scripted::= atom (_ group | ^ group)*
    atom    ::= number | letter | sign | { row } | \left( row \right) | \frac group group | ...

Spaces follow from the classes of neighbours, as in TeX: a minus after an operator is a sign and
stands close to its number; the argument of a function stands close in parentheses, and apart
without; a comma is followed by a space, but in subscripts.
"""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from chainrule.view.symbols import (
    ACCENTS,
    ALPHABETS,
    FENCES,
    SIGNS,
    SPACES,
    TABLES,
    in_alphabet,
    plain,
)

_NUMBER = re.compile(r"(-?)(\d+(?:\.\d+)?)(?: \\cdot 10\^\{(-?)(\d+)\})?")
_MATRIX = re.compile(r"\\begin\{bmatrix\} (.*) \\end\{bmatrix\}")
_TOKEN = re.compile(r"\\(?:[A-Za-z]+|.)|\S", re.DOTALL)
_BLANK = re.compile(r"\s*")

#: A row ends before these.
_ENDS = ("", "}", r"\right", "&", r"\\", r"\end")
#: What is as high as a line: parentheses around all else need not grow.
_TALL = ("<mfrac", "<mtable", "<munder", "<mover", "<msqrt", "<mroot")
#: A minus after one of these is a sign.
_OPEN = ("", "binary", "relation", "opening", "punctuation", "function", "large", "prefix")
#: Names of functions need a space after these, and before what is none of those below.
_SOLID = ("letter", "number", "closing", "fence", "inner")
_TIGHT = ("binary", "relation", "closing", "punctuation", "space")

_APPLIED = "<mo>\u2061</mo>"
_THIN = '<mspace width="0.17em"/>'


class _UnknownError(Exception):
    """A formula with something that is not read here."""


class _Atom(NamedTuple):
    kind: str
    xml: str


@lru_cache(maxsize=8192)
def mathml(latex: str) -> str:
    """Return a formula as MathML.

    Parameters
    ----------
    latex : str
        As the steps have it.

    Examples
    --------
    >>> mathml("-0.5")
    '<math><mrow><mo>−</mo><mn>0.5</mn></mrow></math>'
    """
    inner = _number(latex) or _matrix(latex)
    return f"<math>{inner or _set(latex)}</math>"


def _set(latex: str) -> str:
    try:
        reader = _Reader(latex)
        atoms = reader.row()
        if reader.peek():
            raise _UnknownError(reader.peek())
    except (_UnknownError, RecursionError):
        return f"<mtext>{html.escape(latex)}</mtext>"
    return f"<mrow>{_spaced(atoms)}</mrow>"


# -- plain numbers, which are most of what a page shows --------------------------------------


def _number(latex: str) -> str:
    found = _NUMBER.fullmatch(latex)
    if found is None:
        return ""
    inner = _digits(found)
    return f"<mrow><mo>−</mo>{inner}</mrow>" if found[1] else f"<mrow>{inner}</mrow>"


def _digits(found: re.Match[str]) -> str:
    _, digits, low, power = found.groups()
    inner = f"<mn>{digits}</mn>"
    if power is not None:
        exponent = ("<mo>−</mo>" if low else "") + f"<mn>{power}</mn>"
        # Closer than a product: it is one number.
        times = '<mo lspace="0.1em" rspace="0.1em">·</mo>'
        inner += f"{times}<msup><mn>10</mn><mrow>{exponent}</mrow></msup>"
    return inner


def _matrix(latex: str) -> str:
    found = _MATRIX.fullmatch(latex)
    if found is None:
        return ""
    rows = []
    for row in found[1].split(r" \\ "):
        cells = [_number(cell) for cell in row.split(" & ")]
        if not all(cells):
            return ""
        rows.append(cells)
    return _fenced("[", _table(rows), "]")


def _table(rows: Sequence[Sequence[str]], name: str = "") -> str:
    kind = f' class="{name}"' if name else ""
    written = "".join(f"<mtr>{''.join(f'<mtd>{cell}</mtd>' for cell in row)}</mtr>" for row in rows)
    return f"<mtable{kind}>{written}</mtable>"


def _fenced(left: str, inner: str, right: str) -> str:
    grows = "true" if any(tall in inner for tall in _TALL) else "false"

    def fence(sign: str, form: str) -> str:
        if not sign:
            return ""
        return f'<mo form="{form}" stretchy="{grows}">{html.escape(sign)}</mo>'

    return f"<mrow>{fence(left, 'prefix')}{inner}{fence(right, 'postfix')}</mrow>"


# -- neighbours ------------------------------------------------------------------------------


def _spaced(atoms: Sequence[_Atom]) -> str:
    """Put atoms beside each other, with the spaces that their classes ask for."""
    written, before = [], ""
    for i, (kind, xml) in enumerate(atoms):
        after = atoms[i + 1].kind if i + 1 < len(atoms) else ""
        if kind == "binary" and before in _OPEN:
            kind, xml = "prefix", xml.replace("<mo>", '<mo form="prefix">', 1)
        if kind == "function" and before in _SOLID:
            xml = _THIN + xml
        if kind == "function" and after in ("fence", "opening"):
            xml += _APPLIED
        elif kind == "function" and after and after not in _TIGHT:
            xml += _THIN
        written.append(xml)
        before = kind
    return "".join(written)


def _one(atoms: Sequence[_Atom]) -> str:
    """Return atoms as one element, as scripts and fractions have them."""
    xml = _spaced(atoms)
    return xml if len(atoms) == 1 and xml == atoms[0].xml else f"<mrow>{xml}</mrow>"


# -- reading ---------------------------------------------------------------------------------


class _Reader:
    """A formula and how far it is read."""

    def __init__(self, text: str) -> None:
        self.text, self.at = text, 0
        self.scripts = 0

    def peek(self) -> str:
        blank = _BLANK.match(self.text, self.at)
        self.at = blank.end() if blank else self.at
        found = _TOKEN.match(self.text, self.at)
        return found[0] if found else ""

    def take(self, wanted: str = "") -> str:
        token = self.peek()
        if not token or (wanted and token != wanted):
            raise _UnknownError(token)
        self.at += len(token)
        return token

    def raw(self) -> str:
        """Return the text in braces as it is."""
        self.take("{")
        depth, start = 1, self.at
        for found in re.finditer(r"\\.|[{}]", self.text[start:], re.DOTALL):
            depth += {"{": 1, "}": -1}.get(found[0], 0)
            if not depth:
                self.at = start + found.end()
                return self.text[start : start + found.start()]
        raise _UnknownError("{")

    def row(self) -> list[_Atom]:
        atoms = []
        while self.peek() not in _ENDS:
            atoms.append(self.scripted())
        return atoms

    def group(self) -> list[_Atom]:
        """Return what stands in braces, or the one atom that comes next."""
        if self.peek() != "{":
            return [self.atom()]
        self.take("{")
        atoms = self.row()
        self.take("}")
        return atoms

    def scripted(self) -> _Atom:
        base = self.atom() if self.peek() not in ("_", "^") else _Atom("letter", "<mrow></mrow>")
        found: dict[str, str] = {}
        while (sign := self.peek()) in ("_", "^"):
            if sign in found:  # no LaTeX, and still readable
                base, found = _with_scripts(base, found), {}
            self.take()
            self.scripts += 1
            found[sign] = _one(self.group())
            self.scripts -= 1
        return _with_scripts(base, found) if found else base

    def atom(self) -> _Atom:
        number = _NUMBER.match(self.text, self.at) if self.peek().isdigit() else None
        if number is not None:
            self.at = number.end()
            inner = _digits(number)
            return _Atom("number", f"<mrow>{inner}</mrow>" if number[4] else inner)
        if self.peek() == "{":
            return _Atom("letter", _one(self.group()))
        token = self.take()
        if token in SIGNS:
            return self.sign(*SIGNS[token])
        if token in SPACES:
            return _Atom("space", f'<mspace width="{SPACES[token]}em"/>')
        if token in ACCENTS:
            accent = f'<mo stretchy="true">{ACCENTS[token]}</mo>'
            over = f'<mover accent="true">{_one(self.group())}{accent}</mover>'
            return _Atom("letter", over)
        if token in ALPHABETS:
            return _Atom("letter", f"<mi>{html.escape(in_alphabet(token, self.raw()))}</mi>")
        if not token.startswith("\\"):
            return _Atom("letter", f"<mi>{html.escape(token)}</mi>")
        known = _COMMANDS.get(token)
        if known is None:
            raise _UnknownError(token)
        return known(self)

    def sign(self, kind: str, xml: str) -> _Atom:
        if kind == "punctuation":
            after = "0.05em" if self.scripts else "0.25em"
            xml = xml.replace("<mo>", f'<mo lspace="0" rspace="{after}">')
        return _Atom(kind, xml)

    # -- commands ------------------------------------------------------------------------

    def fence(self) -> _Atom:
        left = FENCES.get(self.take())
        inner = _spaced(self.row())
        self.take(r"\right")
        right = FENCES.get(self.take())
        if left is None or right is None:
            raise _UnknownError("fence")
        return _Atom("fence" if left in ("(", "[", "{") else "inner", _fenced(left, inner, right))

    def fraction(self) -> _Atom:
        return _Atom("inner", f"<mfrac>{_one(self.group())}{_one(self.group())}</mfrac>")

    def root(self) -> _Atom:
        if self.peek() != "[":
            return _Atom("inner", f"<msqrt>{_spaced(self.group())}</msqrt>")
        self.take("[")
        degree = []
        while self.peek() != "]":
            degree.append(self.scripted())
        self.take("]")
        return _Atom("inner", f"<mroot>{_one(self.group())}{_one(degree)}</mroot>")

    def name(self) -> _Atom:
        text = plain(self.raw())
        upright = ' mathvariant="normal"' if len(text) == 1 else ""
        return _Atom("letter", f"<mi{upright}>{html.escape(text)}</mi>")

    def operator(self) -> _Atom:
        return _Atom("function", self.name().xml)

    def words(self) -> _Atom:
        text = html.escape(plain(self.raw()))
        return _Atom("letter", f"<mtext>{text.replace(' ', chr(0xA0))}</mtext>")

    def table(self) -> _Atom:
        name = self.raw()
        if name not in TABLES:
            raise _UnknownError(name)
        rows: list[list[str]] = [[]]
        while True:
            rows[-1].append(_spaced(self.row()))
            sign = self.take()
            if sign == r"\\":
                rows.append([])
            elif sign != "&":
                break
        if sign != r"\end" or self.raw() != name:
            raise _UnknownError(sign)
        left, right = TABLES[name]
        kind = name if name in ("cases", "aligned") else ""
        return _Atom("inner", _fenced(left, _table(rows, kind), right))

    def styled(self) -> _Atom:
        return _Atom("space", "")


_COMMANDS = {
    r"\left": _Reader.fence,
    r"\frac": _Reader.fraction,
    r"\dfrac": _Reader.fraction,
    r"\tfrac": _Reader.fraction,
    r"\sqrt": _Reader.root,
    r"\mathrm": _Reader.name,
    r"\mathit": _Reader.name,
    r"\operatorname": _Reader.operator,
    r"\text": _Reader.words,
    r"\begin": _Reader.table,
    r"\displaystyle": _Reader.styled,
    r"\limits": _Reader.styled,
}


def _with_scripts(base: _Atom, found: dict[str, str]) -> _Atom:
    below, above = found.get("_", ""), found.get("^", "")
    if base.kind == "large":
        tag = "munderover" if below and above else "munder" if below else "mover"
    else:
        tag = "msubsup" if below and above else "msub" if below else "msup"
    return _Atom(base.kind, f"<{tag}>{base.xml}{below}{above}</{tag}>")
