"""Loops that occur several times, but for the names in them, as one function that is called.

A network updates each of its parameters in the same way, and has layers that are alike. What is
written once is compiled once.
"""

from __future__ import annotations

import keyword
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

_NAME = re.compile(r"(?<![\w.])[A-Za-z_]\w*")
_SET = re.compile(r"^ *(?:for )?([A-Za-z_]\w*(?:, [A-Za-z_]\w*)*)(?: = | in | [-+*/]= )")


@dataclass(frozen=True)
class Section:
    """Lines that stand together: a loop with what is set before it.

    Attributes
    ----------
    lines : tuple of str
    numbers : tuple of str, or None
        Names of numbers that are set in it and read outside; None for lines that are no loop.
    depth : int
        How far the lines are indented.
    """

    lines: tuple[str, ...]
    numbers: tuple[str, ...] | None = None
    depth: int = 0


@dataclass(frozen=True)
class Shared:
    """A function that several sections call."""

    name: str
    parameters: tuple[str, ...]
    lines: tuple[str, ...]
    summary: str = "Do what is done several times."


def with_functions(
    sections: Sequence[Section], fixed: Collection[str], taken: set[str], fewest: int
) -> tuple[list[str], list[Shared]]:
    """Put a call in the place of each section that occurs several times.

    Parameters
    ----------
    sections : sequence of Section
    fixed : collection of str
        Names that mean the same everywhere.
    taken : set of str
        Names that are in use.
    fewest : int
        So many sections that are alike become a function.

    Returns
    -------
    lines : list of str
    functions : list of Shared
    """
    forms = [None if s.numbers is None else _form(s, fixed) for s in sections]
    counts: dict[str, int] = {}
    for form in forms:
        if form is not None:
            counts[form[0]] = counts.get(form[0], 0) + 1
    lines: list[str] = []
    functions: dict[str, Shared] = {}
    for section, form in zip(sections, forms, strict=True):
        margin = "    " * section.depth
        if form is None or counts[form[0]] < fewest:
            lines += [margin + line for line in section.lines]
            continue
        text, parameters = form
        if text not in functions:
            count = len(functions) + 1
            while f"part{count}" in taken:
                count += 1
            taken.add(f"part{count}")
            functions[text] = Shared(f"part{count}", parameters, _with_return(section))
        numbers = f"{', '.join(section.numbers)} = " if section.numbers else ""
        lines.append(f"{margin}{numbers}{functions[text].name}({', '.join(parameters)})")
    return lines, list(functions.values())


def _with_return(section: Section) -> tuple[str, ...]:
    if not section.numbers:
        return section.lines
    return (*section.lines, f"return {', '.join(section.numbers)}")


def _form(section: Section, fixed: Collection[str]) -> tuple[str, tuple[str, ...]]:
    """Return the lines with numbers for names, and the names that come from outside."""
    inside = {
        name
        for line in section.lines
        if (found := _SET.match(line))
        for name in found.group(1).split(", ")
    }
    order: dict[str, str] = {}

    def numbered(match: re.Match[str]) -> str:
        name = match.group()
        if name in fixed or keyword.iskeyword(name):
            return name
        return order.setdefault(name, f"name{len(order)}")

    text = "\n".join(_NAME.sub(numbered, line) for line in _with_return(section))
    return text, tuple(name for name in order if name not in inside)
