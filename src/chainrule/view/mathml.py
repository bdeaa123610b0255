"""LaTeX as MathML, which browsers set without any library.

Plain numbers and matrices of them are written at once: an edited value changes all of these, and
a page answers an edit within a few hundredths of a second. All else goes through latex2mathml,
and is remembered.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from chainrule.errors import MissingExtraError

_NUMBER = r"(-?)(\d+(?:\.\d+)?)(?: \\cdot 10\^\{(-?)(\d+)\})?"
_PLAIN = re.compile(_NUMBER)
_MATRIX = re.compile(r"\\begin\{bmatrix\} (.*) \\end\{bmatrix\}")
_UPRIGHT = re.compile(r"\\(?:mathrm|operatorname)\{([^{}]*)\}")

#: Stand for upright names while latex2mathml reads a formula, which would take them letter by
#: letter. No name holds them: they are for private use.
_FIRST, _MOST = 0xE000, 0x18FF

_MARKS = {
    r"\lbrace ": "{", r"\rbrace ": "}", r"\backslash ": "\\", r"\wedge ": "^", r"\sim ": "~",
    r"\_": "_", r"\#": "#", r"\%": "%", r"\&": "&", r"\$": "$",
}  # fmt: skip


def mathml(latex: str) -> str:
    """Return a formula as MathML.

    Parameters
    ----------
    latex : str
        As the steps have it.

    Raises
    ------
    MissingExtraError
        Where latex2mathml is not installed.

    Examples
    --------
    >>> mathml("-0.5")
    '<math><mrow><mo>−</mo><mn>0.5</mn></mrow></math>'
    """
    inner = _number(latex) or _matrix(latex)
    return f"<math>{inner}</math>" if inner else _converted(latex)


def _number(latex: str) -> str:
    found = _PLAIN.fullmatch(latex)
    if found is None:
        return ""
    sign, digits, low, power = found.groups()
    inner = f"<mn>{digits}</mn>"
    if power is not None:
        exponent = ("<mo>−</mo>" if low else "") + f"<mn>{power}</mn>"
        inner += f"<mo>·</mo><msup><mn>10</mn><mrow>{exponent}</mrow></msup>"
    return f"<mrow><mo>−</mo>{inner}</mrow>" if sign else f"<mrow>{inner}</mrow>"


def _matrix(latex: str) -> str:
    found = _MATRIX.fullmatch(latex)
    if found is None:
        return ""
    rows = []
    for row in found[1].split(r" \\ "):
        cells = [_number(cell) for cell in row.split(" & ")]
        if not all(cells):
            return ""
        rows.append("<mtr>" + "".join(f"<mtd>{cell}</mtd>" for cell in cells) + "</mtr>")
    return f"<mrow><mo>[</mo><mtable>{''.join(rows)}</mtable><mo>]</mo></mrow>"


@lru_cache(maxsize=4096)
def _converted(latex: str) -> str:
    names: list[str] = []

    def stands(found: re.Match[str]) -> str:
        if len(names) >= _MOST:
            return found[0]
        names.append(found[1])
        return f"{{{chr(_FIRST + len(names) - 1)}}}"

    prepared, convert = _UPRIGHT.sub(stands, latex), _convert()
    try:
        made = convert(prepared)
    except Exception:  # a formula that the converter does not know is shown as it is written
        return f"<math><mtext>{html.escape(latex)}</mtext></math>"
    body = re.sub(r"^<math[^>]*>|</math>$", "", made)
    for place, name in enumerate(names):
        code = _FIRST + place
        for found in re.findall(rf"<mi[^>]*>(?:&#x0*{code:X};|{chr(code)})</mi>", body):
            body = body.replace(found, _upright(name))
    return f"<math>{_signs(_readable(body))}</math>"


def _signs(body: str) -> str:
    """Set a sign close to its number, and a thin space after the name of an operator."""
    body = re.sub(
        r"((?:<mrow>|[=·+−]</mo>)<mrow><mi>[^<]{2,}</mi></mrow>)(?=<m[ins])",
        r'\1<mspace width="0.17em"/>', body,
    )  # fmt: skip
    signs = r"(<mo(?: [^>]*)?>(?:[(\[,=·]|&lt;|&gt;)</mo>)<mo>−</mo>"
    return re.sub(signs, r'\1<mo form="prefix">−</mo>', body)


def _named(element: str, _: re.Match[str]) -> str:
    return element


def _upright(name: str) -> str:
    for mark, character in _MARKS.items():
        name = name.replace(mark, character)
    attribute = ' mathvariant="normal"' if len(name) == 1 else ""
    return f"<mi{attribute}>{html.escape(name)}</mi>"


def _readable(body: str) -> str:
    """Write numbered characters as themselves, where they are no markup."""

    def character(found: re.Match[str]) -> str:
        return html.escape(chr(int(found[1], 16)), quote=False)

    return re.sub(r"&#x([0-9A-Fa-f]+);", character, body)


@lru_cache(maxsize=1)
def _convert() -> Callable[[str], Any]:
    try:
        from latex2mathml.converter import convert
    except ImportError as error:
        raise MissingExtraError(
            "A page needs latex2mathml, which sets its formulas.",
            instead="pip install 'chainrule[look]', or a file that ends in .md or .tex",
        ) from error
    return convert


def require() -> None:
    """Refuse at once where latex2mathml is missing.

    Raises
    ------
    MissingExtraError
    """
    _convert()
