"""The text of a formula: where things stand in it, and what is refused before it is parsed.

Scanning comes before ``ast.parse`` for three reasons: mistakes that Python's grammar answers
with "invalid syntax" (``2x``, ``x²``, ``a ^ b``) get an answer of their own; strings, comments,
keywords and private names never reach the parser, so that nothing in the text can make it warn;
and brackets are counted before a recursive parser sees them.
"""

from __future__ import annotations

import ast
import keyword
import re
import unicodedata
from dataclasses import dataclass

from chainrule.errors import FormulaError

#: Length of a formula or value.
MAX_CHARACTERS = 10_000
#: Numbers, names, operations and calls in one formula.
MAX_NODES = 2_000
#: Brackets within brackets, powers of powers, calls of calls.
MAX_DEPTH = 100
#: Digits of one written number.
MAX_DIGITS = 100
#: Whole numbers stay below this, as NumPy's do.
MAX_INTEGER = 2**63
#: Magnitude of an exponent that is known before any value is given.
MAX_EXPONENT = 100
#: Magnitude of arithmetic on numbers alone.
MAX_MAGNITUDE = 1e300
#: Entries of one list.
MAX_LIST = 1_000
#: Lists within lists.
MAX_AXES = 32

_WIDTH = 72

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


@dataclass(frozen=True)
class Source:
    r"""The text of a formula or value, and the way to point into it.

    Parameters
    ----------
    text : str
        The text, lines ending in ``\n``.
    """

    text: str

    @classmethod
    def of(cls, text: object) -> Source:
        """Take the text as the user gave it; refuse what is no text, too long or empty."""
        if not isinstance(text, str):
            raise FormulaError(
                "a formula or value is text",
                expected="a str",
                got=type(text).__name__,
                instead='write it in quotes, as in "z = w*x + b" (column 1)',
            )
        source = cls(text.replace("\r\n", "\n").replace("\r", "\n"))
        if len(text) > MAX_CHARACTERS:
            raise source.refusal(
                MAX_CHARACTERS,
                f"{len(text):,} characters are too many",
                "write a function in a .py file",
                expected=f"at most {MAX_CHARACTERS:,}",
            )
        if not text.strip():
            raise source.refusal(0, "there is nothing here", "write, for example, z = w*x + b")
        return source

    @property
    def code(self) -> str:
        """The text without indentation, which means nothing in a formula."""
        return "\n".join(line.lstrip(" \t") for line in self.text.split("\n"))

    def offset(self, line: int, column: int) -> int:
        """Position in the text of a place that ``ast`` gave: a line from 1, a UTF-8 byte from 0."""
        lines = self.text.split("\n")
        line = min(max(line, 1), len(lines))
        bare = lines[line - 1].lstrip(" \t")
        indent = len(lines[line - 1]) - len(bare)
        before = bare.encode("utf-8", "replace")[: max(column, 0)].decode("utf-8", "ignore")
        return sum(len(passed) + 1 for passed in lines[: line - 1]) + indent + len(before)

    def start(self, node: ast.expr | ast.stmt | ast.keyword) -> int:
        """Position of the first character of a node."""
        return self.offset(node.lineno, node.col_offset)

    def pointer(self, at: int) -> str:
        """Show the line that holds a position, cut to a readable width, above a caret."""
        at = min(max(at, 0), len(self.text))
        begin = self.text.rfind("\n", 0, at) + 1
        end = self.text.find("\n", at)
        line = self.text[begin : len(self.text) if end < 0 else end]
        column = at - begin
        first = max(0, min(column - _WIDTH // 2, len(line) - _WIDTH))
        shown = line[first : first + _WIDTH]
        # A null byte or half a surrogate must not reach the terminal.
        shown = "".join(c if c.isprintable() else " " if c == "\t" else "\ufffd" for c in shown)
        head, tail = "… " if first else "", " …" if first + _WIDTH < len(line) else ""
        return f"    {head}{shown}{tail}\n    {' ' * (len(head) + column - first)}^"

    def place(self, at: int) -> str:
        """Line and column in words; the line only where there are several."""
        at = min(max(at, 0), len(self.text))
        line = self.text.count("\n", 0, at) + 1
        column = at - self.text.rfind("\n", 0, at)
        several = "\n" in self.text.strip()
        return f"line {line}, column {column}" if several else f"column {column}"

    def refusal(
        self,
        at: int,
        what: str,
        instead: str,
        *,
        expected: str | None = None,
        got: str | None = None,
    ) -> FormulaError:
        """Make the error that points at a position; the caller raises it."""
        return FormulaError(
            f"{what} ({self.place(at)})\n{self.pointer(at)}",
            expected=expected,
            got=got,
            instead=instead,
        )

    def scan(self) -> None:
        """Refuse what can be told from the characters alone.

        Raises
        ------
        FormulaError
            At the first symbol, keyword, name, number or bracket that cannot stand in a formula.
        """
        at = 0
        before: re.Match[str] | None = None
        fresh_line = False
        brackets: list[tuple[str, int]] = []
        while at < len(self.text):
            token = _TOKEN.match(self.text, at)
            if token is None:
                raise self._unknown_character(at)
            text = token.group()
            if token.lastgroup == "space":
                if "\n" in text and not brackets and before is not None:
                    before, fresh_line = None, True
                at = token.end()
                continue
            if before is not None and before.end() == at:
                self._check_number(before.group(), token)
            self._check_token(token)
            if before is not None:
                self._check_neighbours(before, token)
            elif fresh_line and text in ("+", "-"):
                # Taken alone such a line is a statement; its author meant to go on.
                raise self.refusal(
                    at,
                    "a line starts with an operator",
                    "write an expression that spans lines in parentheses: z = (a + b)",
                )
            self._check_bracket(text, at, brackets)
            before, at = token, token.end()
        if brackets:
            symbol, opened = brackets[-1]
            raise self.refusal(
                opened, f"'{symbol}' is never closed", f"write the missing '{_CLOSING[symbol]}'"
            )

    def _unknown_character(self, at: int) -> FormulaError:
        character = self.text[at]
        plain = unicodedata.normalize("NFKC", character)
        if character in _REFUSED:
            instead = _REFUSED[character]
        elif plain != character and plain.isascii() and plain.isprintable():
            instead = f"write {plain!r}" if plain.strip() else "write a plain space"
        else:
            instead = "write numbers, operators, and names of Latin or Greek letters"
        return self.refusal(
            at, f"{character!r} (U+{ord(character):04X}) has no meaning here", instead
        )

    def _check_token(self, token: re.Match[str]) -> None:
        text, at = token.group(), token.start()
        if token.lastgroup == "symbol" and text in _REFUSED:
            raise self.refusal(at, f"{text} has no meaning here", _REFUSED[text])
        if token.lastgroup == "number" and sum(c.isdigit() for c in text) > MAX_DIGITS:
            raise self.refusal(
                at, "the number is too long", f"write at most {MAX_DIGITS} digits, as in 1.5e12"
            )
        if token.lastgroup == "name":
            self.check_name(text, at)

    def check_name(self, name: str, at: int) -> None:
        """Refuse keywords, private names, and letters that look like others."""
        if keyword.iskeyword(name) and name not in ("True", "False", "None"):
            raise self.refusal(
                at,
                f"'{name}' is a word of Python's, not of formulas",
                _KEYWORDS.get(name, "write statements such as z = w*x + b, and other names"),
            )
        if name.startswith("_"):
            raise self.refusal(
                at, "a name starts with an underscore", "write a name that starts with a letter"
            )
        # Python reads identifiers in NFKC form: what looks like one name could become another.
        for position, character in enumerate(name, at):
            if character.isascii():
                continue
            family = unicodedata.name(character, "").partition(" ")[0]
            stable = unicodedata.is_normalized("NFKC", character)
            if family not in ("LATIN", "GREEK") or not stable:
                raise self._unknown_character(position)

    def _check_number(self, number: str, token: re.Match[str]) -> None:
        """Refuse what other notations write right after a number: ``1_000``, ``2j``, ``0x1F``."""
        suffix, at = token.group(), token.start()
        if token.lastgroup != "name" or not number[-1].isdigit() or not number[0].isdigit():
            return
        digits = number + suffix.replace("_", "")
        if suffix.startswith("_") and digits.isdigit():
            raise self.refusal(at, "a number holds an underscore", f"write {digits}")
        if suffix in ("j", "J"):
            raise self.refusal(
                at, "complex numbers have no place here", f"write {number}*j for a variable j"
            )
        if number == "0" and re.fullmatch(r"[xXoObB][0-9a-fA-F]+", suffix):
            raise self.refusal(at, "a number is not in decimal", "write it in decimal, as in 255")

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
            inner = _INNER.match(self.text, at)
            right = f"{right}...{_CLOSING[right]}" if inner is None else inner.group()
            right = right[1:-1].strip() if right[1:-1].strip().isidentifier() else right
        instead = f"write {left.rstrip('.')}*{right}"
        if before.lastgroup == "name" and token.lastgroup == "name":
            instead += f", or {left}({right}) for a function"
        elif token.lastgroup == "number":
            instead += ", or a comma between the entries of a list"
        raise self.refusal(at, "an operator is missing", instead)

    def _check_bracket(self, text: str, at: int, brackets: list[tuple[str, int]]) -> None:
        """Keep the stack of open brackets."""
        if text in _CLOSING:
            brackets.append((text, at))
            if len(brackets) > MAX_DEPTH:
                raise self.refusal(
                    at,
                    f"brackets stand more than {MAX_DEPTH} deep",
                    "write the inner parts as statements of their own: a = ...; z = a + b",
                )
        elif text in _CLOSING.values():
            if not brackets:
                raise self.refusal(at, f"'{text}' closes nothing", "write it without")
            opened, _ = brackets.pop()
            if _CLOSING[opened] != text:
                raise self.refusal(
                    at, f"'{text}' closes a '{opened}'", f"write '{_CLOSING[opened]}'"
                )

    def parse(self) -> list[ast.stmt]:
        """Scan, then let Python's own parser find the statements; nothing is compiled or run."""
        self.scan()
        try:
            return ast.parse(self.code, mode="exec").body
        except SyntaxError as error:
            line, column = error.lineno or 1, max((error.offset or 1) - 1, 0)
            # Here Python counts characters, elsewhere in ast bytes.
            bare = [*self.code.split("\n"), ""][line - 1]
            at = self.offset(line, len(bare[:column].encode("utf-8")))
            assigning = "assign" in (error.msg or "")
            raise self.refusal(
                at,
                "this does not parse",
                "write one name on the left of =, as in z = w*x + b"
                if assigning
                else "write statements such as z = w*x + b, separated by ;",
                got=None if error.msg == "invalid syntax" or assigning else error.msg,
            ) from None
        except (RecursionError, MemoryError, ValueError, OverflowError):
            raise self.refusal(
                0, "this is too deep to parse", "write the parts as statements: a = ...; z = a + b"
            ) from None
