"""The user's own lines: the functions that the steps come from, read again from their files."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from chainrule.errors import file_title, source_lines
from chainrule.explaining.step import Step
from chainrule.graph import Node

#: Functions longer than this are shown around the lines that matter.
LONGEST = 200
#: How many lines to show around a line whose function is not found.
AROUND = 3


class Sources:
    """The functions that steps come from, in the order in which they are entered.

    Attributes
    ----------
    blocks : list of dict
        ``file`` (without its folder), ``function``, ``first`` (number of the first line) and
        ``lines``. Where no source is at hand, as for a formula, it is the forward pass written
        out, one line a step, with no file.
    """

    def __init__(self, steps: Sequence[Step]) -> None:
        found: dict[tuple[str, str], list[int]] = {}
        for step in steps:
            where = step.where
            if where is not None and where.source:
                found.setdefault((where.file, where.function), []).append(where.line)
        self._place = {key: place for place, key in enumerate(found)}
        self._written: dict[Node, int] = {}
        self.blocks = [_block(*key, lines) for key, lines in found.items()]
        if not found:
            self._write_out(steps)

    def _write_out(self, steps: Sequence[Step]) -> None:
        forward = [s for s in steps if s.kind == "forward" and s.symbols is not None]
        lines = [f"{s.target} = {s.symbols.text}" for s in forward if s.symbols is not None]
        self._written = {s.node: number for number, s in enumerate(forward, 1)}
        if lines:
            self.blocks = [{"file": "", "function": "", "first": 1, "lines": lines}]

    def line_of(self, step: Step) -> list[int] | None:
        """Return which block a step's line is in, and its number; None where it has none."""
        if self._written:
            about = step.contribution.consumer if step.contribution is not None else step.node
            return [0, self._written[about]] if about in self._written else None
        where = step.where if step.where is not None else step.node.where
        place = None if where is None else self._place.get((where.file, where.function))
        if where is None or place is None:
            return None
        block = self.blocks[place]
        inside = block["first"] <= where.line < block["first"] + len(block["lines"])
        return [place, where.line] if inside else None


def _block(file: str, function: str, lines: list[int]) -> dict[str, Any]:
    text = tuple(source_lines(file))
    first, last = _extent(text, function, min(lines), max(lines))
    shown = [line.rstrip("\r\n") for line in text[first - 1 : last]]
    indent = min((len(s) - len(s.lstrip()) for s in shown if s.strip()), default=0)
    return {
        "file": file_title(file),
        "function": function,
        "first": first,
        "lines": [line[indent:].rstrip() for line in shown],
    }


def _extent(text: tuple[str, ...], function: str, low: int, high: int) -> tuple[int, int]:
    """Return the first and the last line of the innermost function around two lines."""
    around = [
        (first, last)
        for name, first, last in _functions(text)
        if first <= low and high <= last and name == function
    ]
    first, last = max(around, default=(max(1, low - AROUND), min(len(text), high + AROUND)))
    if last - first >= LONGEST:
        first, last = max(first, low - AROUND), min(last, high + AROUND)
        last = min(last, first + LONGEST)
    return first, last


@lru_cache(maxsize=32)
def _functions(text: tuple[str, ...]) -> tuple[tuple[str, int, int], ...]:
    """Return name, first and last line of each function in a file."""
    try:
        tree = ast.parse("".join(text))
    except (SyntaxError, ValueError, RecursionError):  # a cell with the magics of a notebook
        return ()
    return tuple(
        (getattr(node, "name", "<lambda>"), node.lineno, node.end_lineno or node.lineno)
        for node in ast.walk(tree)
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
    )
