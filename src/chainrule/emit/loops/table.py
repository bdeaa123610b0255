"""Many arrays, reached through one: a table of where they are.

Each array that a function is handed takes five to seven values all through it. Of several hundred
arrays these are most of what is compiled. In a table they take a number each, and code makes an
array of it where it is used.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from chainrule.emit.kernel import free_name
from chainrule.emit.loops.scalars import type_name

_NAME = re.compile(r"(?<![\w.])[A-Za-z_]\w*")


@dataclass(frozen=True)
class Listed:
    """An array of the table: what its place is called, how many axes it has, its type."""

    place: str
    ndim: int
    dtype: np.dtype[np.generic]


@dataclass(frozen=True)
class Table:
    """The arrays of a function that are reached through a table.

    Attributes
    ----------
    name : str
    arrays : dict
        Name of an array -> its place.
    views : dict
        Name of an array in another shape -> the line that makes it of one in the table.
    """

    name: str
    arrays: Mapping[str, Listed]
    views: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(
        cls, kinds: Mapping[str, tuple[int, np.dtype[np.generic]]], views: Mapping[str, str],
        taken: set[str],
    ) -> Table:  # fmt: skip
        """Make one of arrays with so many axes and of such types."""
        name = free_name("table", taken)
        arrays = {a: Listed(free_name(f"at_{a}", taken), *kind) for a, kind in kinds.items()}
        return cls(name, arrays, views)

    def with_arrays(self, lines: Sequence[str]) -> list[str]:
        """Return lines with others before them that make the arrays that they speak of."""
        made: dict[str, None] = {}
        for line in lines:
            for name in _NAME.findall(line):
                self._make(name, made)
        return [*made, *lines]

    def _make(self, name: str, made: dict[str, None]) -> None:
        if name in self.views:
            line = self.views[name]
            for other in _NAME.findall(line):
                if other != name:
                    self._make(other, made)
            made[line] = None
        elif name in self.arrays:
            array = self.arrays[name]
            kind = type_name(array.dtype)
            told = f"{self.name}, {array.place}, {array.ndim}, {kind}"
            made[f"{name} = array_at({told})"] = None

    def listed(self, parameters: Sequence[str]) -> list[int]:
        """Return which of the arrays that a function would be handed are in the table."""
        return [k for k, name in enumerate(parameters) if name in self.arrays]

    def without_arrays(self, parameters: Sequence[str]) -> list[str]:
        """Return what is handed over when the arrays are in the table."""
        return [self.name, *(name for name in parameters if name not in self.arrays)]

    def header(self, parameters: Sequence[str]) -> str:
        """Write the places of the arrays, as numbers that are no literals.

        For each literal in a call numba would compile the function anew.
        """
        names = [self.arrays[parameters[k]].place for k in self.listed(parameters)]
        lines = textwrap.fill(", ".join(names) + ",", 96)
        return (
            "\n# Places of the arrays in a table.\n"
            f"(\n{textwrap.indent(lines, '    ')}\n) = np.arange({len(names)})\n"
        )
