"""What is refused from the characters of a formula alone, before ``ast.parse`` sees it.

Scanning comes first for three reasons: mistakes that Python's grammar answers with "invalid
syntax" (``2x``, ``x²``, ``a ^ b``) get an answer of their own; strings, comments, keywords and
private names never reach the parser, so that nothing in the text can make it warn; and nesting
is bounded before a recursive parser, written in C, sees it.
"""

from __future__ import annotations

import ast
import keyword
import re
import unicodedata
from dataclasses import dataclass

from chainrule.errors import FormulaError
from chainrule.formula.limits import MAX_DEPTH, MAX_DIGITS
from chainrule.formula.source import Source

_SYMBOLS = ("**", "<=", ">=", "==", "!=", *"+-*/@()[],.:;=<>")

_REFUSED = {
    "^": "write ** for powers, as in x**2",
    "//": "write floor(a / b)",
    "%": "write a - b * floor(a / b)",
    "&": "write (a > 0) * (b > 0)",
    "&&": "write (a > 0) * (b > 0)",
    "|": "write where(a > 0, 1, b > 0)",
    "||": "write where(a > 0, 1, b > 0)",
    "~": "write the opposite comparison, as in a <= 0 for a > 0",
    "!": "write != for 'not equal'",
    "<<": "write x * 2**n",
    ">>": "write x / 2**n",
    "<>": "write != for 'not equal'",
    ":=": "write name = expression as a statement of its own",
    "->": "write name = expression",
    "...": "write one : for each axis, as in x[:, :, 0]",
    "**=": "write x = x ** 2",
    "+=": "write x = x + 1",
    "-=": "write x = x - 1",
    "*=": "write x = x * 2",
    "/=": "write x = x / 2",
    "@=": "write x = x @ w",
    "{": "write [1, 2] for a list, (a + b) to group",
    "}": "write [1, 2] for a list, (a + b) to group",
    "'": "leave the quotes out; write x.T for a transpose",
    '"': "leave the quotes out; a formula holds no text",
    "#": "leave comments out",
    "\\": "write a long expression in parentheses, across lines",
    "$": "leave it out",
    "?": "write where(condition, a, b)",
    "×": "write *",
    "·": "write *",
    "⋅": "write *",
    "÷": "write /",
    "−": "write the minus sign of the keyboard: -",
    "–": "write the minus sign of the keyboard: -",
    "≤": "write <=",
    "≥": "write >=",
    "≠": "write !=",
    "²": "write **2",
    "³": "write **3",
    "√": "write sqrt(x)",
    "∑": "write sum(x)",
    "∞": "write a large number, such as 1e9",
}

_KEYWORDS = {
    "if": "write where(cond, a, b)",
    "else": "write where(cond, a, b)",
    "and": "write (a > 0) * (b > 0)",
    "or": "write where(a > 0, 1, b > 0)",
    "not": "write the opposite comparison, as in a <= 0 for a > 0",
    "is": "write == to compare",
    "in": "write == to compare",
    "for": "write the arrays whole, as in sum(w * x)",
    "while": "write the arrays whole, as in sum(w * x)",
    "lambda": "write the expression itself; a variable may be called lam or λ",
    "import": "write the functions directly, as in exp(x)",
    "from": "write the functions directly, as in exp(x)",
}

_TOKEN = re.compile(
    r"(?P<space>[ \t\n]+)"
    r"|(?P<number>(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)"
    r"|(?P<name>[^\W\d]\w*)"
    r"|(?P<symbol>"
    + "|".join(re.escape(s) for s in sorted((*_SYMBOLS, *_REFUSED), key=len, reverse=True))
    + ")"
)

_INNER = re.compile(r"[(][^()\n]{1,24}[)]")

_CLOSING = {"(": ")", "[": "]"}


def statements(source: Source) -> list[ast.stmt]:
    """Scan, then let Python's own parser find the statements; nothing is compiled or run.

    Raises
    ------
    FormulaError
        The text cannot be a formula.
    """
    _Scanner(source).scan()
    try:
        return ast.parse(source.code, mode="exec").body
    except SyntaxError as error:
        line, column = error.lineno or 1, max((error.offset or 1) - 1, 0)
        # Here Python counts characters, elsewhere in ast bytes.
        bare = [*source.code.split("\n"), ""][line - 1]
        at = source.offset(line, len(bare[:column].encode("utf-8")))
        assigning = "assign" in (error.msg or "")
        raise source.refusal(
            at,
            "this does not parse",
            "write one name on the left of =, as in z = w*x + b"
            if assigning
            else "write statements such as z = w*x + b, separated by ;",
            got=None if error.msg == "invalid syntax" or assigning else error.msg,
        ) from None
    except (RecursionError, MemoryError, ValueError, OverflowError):
        raise source.refusal(
            0, "this is too deep to parse", "write the parts as statements: a = ...; z = a + b"
        ) from None


def check_name(source: Source, name: str, at: int) -> None:
    """Refuse keywords, private names, and letters that look like others."""
    if keyword.iskeyword(name) and name not in ("True", "False", "None"):
        raise source.refusal(
            at,
            f"'{name}' is a word of Python's, not of formulas",
            _KEYWORDS.get(name, "write statements such as z = w*x + b, and other names"),
        )
    if name.startswith("_"):
        raise source.refusal(
            at, "a name starts with an underscore", "write a name that starts with a letter"
        )
    # Python reads identifiers in NFKC form: what looks like one name could become another.
    for position, character in enumerate(name, at):
        if character.isascii():
            continue
        family = unicodedata.name(character, "").partition(" ")[0]
        stable = unicodedata.is_normalized("NFKC", character)
        if family not in ("LATIN", "GREEK") or not stable:
            raise unknown_character(source, position)


def unknown_character(source: Source, at: int) -> FormulaError:
    """Make the error for a character that has no meaning in a formula."""
    character = source.text[at]
    plain = unicodedata.normalize("NFKC", character)
    if character in _REFUSED:
        instead = _REFUSED[character]
    elif plain != character and plain.isascii() and plain.isprintable():
        instead = f"write {plain!r}" if plain.strip() else "write a plain space"
    else:
        instead = "write numbers, operators, and names of Latin or Greek letters"
    return source.refusal(
        at, f"{character!r} (U+{ord(character):04X}) has no meaning here", instead
    )


@dataclass
class _Level:
    """An open bracket, or the outermost level: its powers and signs in a row."""

    symbol: str
    at: int
    row: int = 0


class _Scanner:
    """One pass over the tokens of a text."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.before: re.Match[str] | None = None
        self.fresh_line = False
        self.levels = [_Level("", 0)]

    def scan(self) -> None:
        """Refuse the first symbol, word, number or bracket that cannot stand in a formula."""
        at = 0
        while at < len(self.source.text):
            token = _TOKEN.match(self.source.text, at)
            if token is None:
                raise unknown_character(self.source, at)
            if token.lastgroup == "space":
                if "\n" in token.group() and len(self.levels) == 1:
                    self._end_line()
            else:
                self._take(token)
                self.before = token
            at = token.end()
        if len(self.levels) > 1:
            level = self.levels[-1]
            raise self.source.refusal(
                level.at,
                f"'{level.symbol}' is never closed",
                f"write the missing '{_CLOSING[level.symbol]}'",
            )

    def _end_line(self) -> None:
        if self.before is not None:
            self.fresh_line = self.before.group() != ";"
        self.before = None
        self.levels[-1].row = 0

    def _take(self, token: re.Match[str]) -> None:
        text, at = token.group(), token.start()
        if self.before is not None and self.before.end() == at:
            self._check_number(self.before.group(), token)
        self._check_token(token)
        if self.before is not None:
            self._check_neighbours(self.before, token)
        elif self.fresh_line and text in ("+", "-"):
            # Taken alone such a line is a statement; its author meant to go on.
            raise self.source.refusal(
                at,
                "a line starts with an operator",
                "write an expression that spans lines in parentheses: z = (a + b)",
            )
        if token.lastgroup == "symbol":
            self._check_nesting(text, at)

    def _check_token(self, token: re.Match[str]) -> None:
        text, at = token.group(), token.start()
        if token.lastgroup == "symbol" and text in _REFUSED:
            raise self.source.refusal(at, f"{text} has no meaning here", _REFUSED[text])
        if token.lastgroup == "number" and sum(c.isdigit() for c in text) > MAX_DIGITS:
            raise self.source.refusal(
                at, "the number is too long", f"write at most {MAX_DIGITS} digits, as in 1.5e12"
            )
        if token.lastgroup == "name":
            check_name(self.source, text, at)

    def _check_number(self, number: str, token: re.Match[str]) -> None:
        """Refuse what other notations write right after a number: ``1_000``, ``2j``, ``0x1F``."""
        suffix, at = token.group(), token.start()
        if token.lastgroup != "name" or not number[-1].isdigit() or not number[0].isdigit():
            return
        digits = number + suffix.replace("_", "")
        if suffix.startswith("_") and digits.isdigit():
            raise self.source.refusal(at, "a number holds an underscore", f"write {digits}")
        if suffix in ("j", "J"):
            raise self.source.refusal(
                at, "complex numbers have no place here", f"write {number}*j for a variable j"
            )
        if number == "0" and re.fullmatch(r"[xXoObB][0-9a-fA-F]+", suffix):
            raise self.source.refusal(
                at, "a number is not in decimal", "write it in decimal, as in 255"
            )

    def _check_neighbours(self, before: re.Match[str], token: re.Match[str]) -> None:
        """Refuse a product without its sign: ``2x``, ``2(x)``, ``(a)(b)``, ``a b``."""
        left, right = before.group(), token.group()
        ends = before.lastgroup in ("number", "name") or left in (")", "]")
        opens = right == "(" or (right == "[" and before.lastgroup == "number")
        starts = token.lastgroup in ("number", "name") or (opens and before.lastgroup != "name")
        if not (ends and starts):
            return
        at = token.start()
        if before.lastgroup == "symbol":
            left = "(...)" if left == ")" else "x[...]"
        if opens:
            inner = _INNER.match(self.source.text, at)
            right = f"{right}...{_CLOSING[right]}" if inner is None else inner.group()
            right = right[1:-1].strip() if right[1:-1].strip().isidentifier() else right
        instead = f"write {left.rstrip('.')}*{right}"
        if before.lastgroup == "name" and token.lastgroup == "name":
            instead += f", or {left}({right}) for a function"
        elif token.lastgroup == "number":
            instead += ", or a comma between the entries of a list"
        raise self.source.refusal(at, "an operator is missing", instead)

    def _check_nesting(self, text: str, at: int) -> None:
        """Bound what nests: brackets, signs before signs, powers of powers."""
        level, before = self.levels[-1], self.before
        sign = text in ("+", "-") and (
            before is None or (before.lastgroup == "symbol" and before.group() not in (")", "]"))
        )
        if text in _CLOSING:
            self.levels.append(_Level(text, at))
        elif text in _CLOSING.values():
            if len(self.levels) == 1:
                raise self.source.refusal(at, f"'{text}' closes nothing", "write it without")
            if _CLOSING[level.symbol] != text:
                raise self.source.refusal(
                    at, f"'{text}' closes a '{level.symbol}'", f"write '{_CLOSING[level.symbol]}'"
                )
            self.levels.pop()
        elif text == "**" or sign:
            level.row += 1
        elif text != ".":
            level.row = 0
        if len(self.levels) - 1 + sum(level.row for level in self.levels) > MAX_DEPTH:
            raise self.source.refusal(
                at,
                f"parts stand more than {MAX_DEPTH} deep",
                "write the inner parts as statements of their own: a = ...; z = a + b",
            )
