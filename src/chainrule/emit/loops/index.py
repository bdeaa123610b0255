"""Places in arrays, as sums of loop variables: what the body of a loop reads and writes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from chainrule.emit.kernel import Size, factor
from chainrule.graph import Node

#: Places from which on the loop over a size is the innermost.
_LONG = 8


def is_long(extent: int) -> bool:
    """Whether an axis follows from the sizes of the arguments, and is not short."""
    return isinstance(extent, Size) and int(extent) >= _LONG


def is_one(extent: int) -> bool:
    """Whether an axis has a single place, whatever the sizes of the arguments."""
    return not isinstance(extent, Size) and extent == 1


class Var:
    """A loop variable, which runs from 0 up to its extent."""

    __slots__ = ("extent",)

    def __init__(self, extent: int) -> None:
        self.extent = extent

    @property
    def is_long(self) -> bool:
        """Whether the loop runs over a size, and not a small one: it belongs innermost."""
        return is_long(self.extent)


@dataclass(frozen=True, slots=True)
class Affine:
    """A sum of multiples of loop variables and a number."""

    terms: tuple[tuple[Var, int], ...] = ()
    offset: int = 0

    @classmethod
    def of(cls, value: Any) -> Affine:
        """Make one of a variable or a number."""
        if isinstance(value, Affine):
            return value
        if isinstance(value, Lookup):
            raise TypeError("a place that is read from an array has no multiples")
        return cls(((value, 1),)) if isinstance(value, Var) else cls((), value)

    @property
    def var(self) -> Var | None:
        """The variable, where it is one and nothing else."""
        if len(self.terms) == 1 and self.terms[0][1] == 1 and self.offset == 0:
            return self.terms[0][0]
        return None

    def __add__(self, other: Any) -> Affine:
        other = Affine.of(other)
        return Affine(self.terms + other.terms, self.offset + other.offset)

    def __mul__(self, factor: int) -> Affine:
        return Affine(tuple((v, c * factor) for v, c in self.terms), self.offset * factor)

    def replaced(self, old: Var, new: Var | int) -> Affine:
        """Return the same with another variable, or a number, in the place of one."""
        if isinstance(new, Var):
            return Affine(tuple((new if v is old else v, c) for v, c in self.terms), self.offset)
        rest = tuple((v, c) for v, c in self.terms if v is not old)
        return Affine(rest, self.offset + sum(c * new for v, c in self.terms if v is old))

    def written(self, names: Mapping[Var, str]) -> str:
        """Write it as code."""
        parts = [
            names[v] if c == 1 else f"-{names[v]}" if c == -1 else f"{factor(c)} * {names[v]}"
            for v, c in self.terms
        ]
        if self.offset != 0 or not parts:
            parts.append(str(self.offset))
        ordered = sorted(parts, key=lambda part: part.startswith("-"))
        return " + ".join(ordered).replace("+ -", "- ")


@dataclass(frozen=True, slots=True)
class Lookup:
    """A place that is itself read from an array of positions, as a label is.

    A negative position counts from the end, which is `extent`.
    """

    read: Read
    extent: int

    def replaced(self, old: Var, new: Var | int) -> Lookup:
        """Return the same with another variable in the place of one."""
        return Lookup(self.read.replaced(old, new), self.extent)


Index = Affine | Lookup


def affine(value: Any) -> Index:
    """Return a place, which may be given as a number or a variable."""
    return value if isinstance(value, Lookup) else Affine.of(value)


@dataclass(frozen=True, slots=True)
class Read:
    """One element of a value, by its place.

    `operands` are what it is computed from anew wherever it is read, of a value that is not kept.
    """

    node: Node
    index: tuple[Index, ...]
    operands: tuple[Read, ...] = ()

    def replaced(self, old: Var, new: Var | int) -> Read:
        """Return the same with another variable in the place of one."""
        return Read(
            self.node,
            tuple(i.replaced(old, new) for i in self.index),
            tuple(r.replaced(old, new) for r in self.operands),
        )

    def all(self) -> list[Read]:
        """Return it, the reads of positions in it, and what it is computed from."""
        found = [] if self.operands else [self]
        for operand in self.operands:
            found += operand.all()
        for index in self.index:
            if isinstance(index, Lookup):
                found += index.read.all()
        return found
