"""The text of a formula: where things stand in it, and how an error points there."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from functools import cached_property

from chainrule.errors import FormulaError
from chainrule.formula.limits import MAX_CHARACTERS

_WIDTH = 72


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
        return "\n".join(bare for _, bare in self._lines)

    @cached_property
    def _lines(self) -> list[tuple[int, str]]:
        """Each line without its indentation, and the position where it then starts."""
        found, at = [], 0
        for line in self.text.split("\n"):
            bare = line.lstrip(" \t")
            found.append((at + len(line) - len(bare), bare))
            at += len(line) + 1
        return found

    def offset(self, line: int, column: int) -> int:
        """Position in the text of a place that ``ast`` gave: a line from 1, a UTF-8 byte from 0."""
        start, bare = self._lines[min(max(line, 1), len(self._lines)) - 1]
        before = bare.encode("utf-8", "replace")[: max(column, 0)].decode("utf-8", "ignore")
        return start + len(before)

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

    def numbers(self, at: int) -> tuple[int, int]:
        """Line and column of a position, both from 1."""
        at = min(max(at, 0), len(self.text))
        return self.text.count("\n", 0, at) + 1, at - self.text.rfind("\n", 0, at)

    def place(self, at: int) -> str:
        """Line and column in words; the line only where there are several."""
        line, column = self.numbers(at)
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
        error = FormulaError(
            f"{what} ({self.place(at)})\n{self.pointer(at)}",
            expected=expected,
            got=got,
            instead=instead,
        )
        error.place = self.numbers(at)
        return error
