"""What the compiling emitters are given: a graph that holds for every size.

A function is traced for certain shapes, and again for others. What is the same in both graphs is
fixed; what differs follows from the sizes, and is handed to the emitted code as an argument.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from keyword import iskeyword
from typing import Any

from chainrule.graph import Graph, Node


class Size(int):
    """A whole number that follows from the sizes of the arguments, and is written by its name.

    Its value is the one of the trace at hand; emitted code speaks of the name.
    """

    name: str
    #: An operation and its two operands, for what follows from sizes that have names.
    _follows: tuple[Callable[[int, int], int], int, int] | None

    def __new__(
        cls, value: int, name: str,
        follows: tuple[Callable[[int, int], int], int, int] | None = None,
    ) -> Size:  # fmt: skip
        """Make a number that is written by a name, and may follow from sizes that have names."""
        size = super().__new__(cls, value)
        size.name = name
        size._follows = follows
        return size

    def __reduce__(self) -> tuple[Any, ...]:
        return Size, (int(self), self.name, self._follows)

    def at(self, sizes: Mapping[str, int]) -> int:
        """Return what it is for other sizes."""
        if self._follows is None:
            return sizes[self.name]
        apply, first, second = self._follows
        return apply(at(first, sizes), at(second, sizes))

    def _from(self, name: str, apply: Any, first: int, second: int) -> Size:
        return Size(apply(int(first), int(second)), name, (apply, first, second))

    def __repr__(self) -> str:
        return self.name

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return self.name

    def __add__(self, other: int) -> Size:
        if other == 0:
            return self
        return self._from(f"{self.name} + {other}", operator.add, self, other)

    def __radd__(self, other: int) -> Size:
        return self + other

    def __sub__(self, other: int) -> Size:
        if other == 0:
            return self
        return self._from(f"{self.name} - {factor(other)}", operator.sub, self, other)

    def __rsub__(self, other: int) -> Size:
        return self._from(f"{other} - {factor(self)}", operator.sub, other, self)

    def __mul__(self, other: int) -> Size:
        if other == 1:
            return self
        return self._from(f"{factor(self)} * {factor(other)}", operator.mul, self, other)

    def __rmul__(self, other: int) -> Size:
        return self * other

    def __neg__(self) -> Size:
        return self._from(f"-{factor(self)}", operator.mul, -1, self)

    def __eq__(self, other: object) -> bool:
        """Whether it is the same for all sizes."""
        return isinstance(other, Size) and other.name == self.name

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return hash(self.name)


def at(number: int, sizes: Mapping[str, int]) -> int:
    """Return a whole number for other sizes; one that is no `Size` is the same for all."""
    return number.at(sizes) if isinstance(number, Size) else number


def factor(number: int) -> str:
    """Write a number so that it can stand in a product."""
    written = str(number)
    return written if written.isidentifier() or written.isdigit() else f"({written})"


@dataclass(frozen=True)
class Kernel:
    """A graph to be emitted as one function that serves every size.

    The function takes the values of ``graph.inputs``, then those of `given`, in this order, and
    returns those of ``graph.outputs``.

    Attributes
    ----------
    name : str
        What to call the function: an identifier.
    graph : Graph
        Simplified. A whole number among the parameters that varies with the sizes is a `Size`.
    dims : mapping
        Node -> its shape, in which what varies is a `Size`.
    given : tuple of str
        Names of the sizes, and of the constants, that vary.
    varying : mapping
        Constant node -> its name in `given`. All other constants are fixed.
    read : mapping
        Name in `given` -> (position of an input, axis) of a size that is to be read there.
    shown : bool
        To be read by a person: nothing is left to a library or written out for speed.
    carry : int or None
        How many of the inputs each step hands on to the next, where it is to run step by step.
    """

    name: str
    graph: Graph
    dims: Mapping[Node, tuple[int, ...]]
    given: tuple[str, ...] = ()
    varying: Mapping[Node, str] = field(default_factory=dict)
    read: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    shown: bool = False
    carry: int | None = None

    @property
    def values(self) -> tuple[Any, ...]:
        """The values of `given` for the sizes that the graph was traced with."""
        sizes: dict[str, Any] = {}
        for node in self.graph.nodes:
            for part in (*self.dims[node], *_numbers(tuple(node.params.values()))):
                if isinstance(part, Size):
                    sizes[part.name] = int(part)
        sizes.update({name: node.value for node, name in self.varying.items()})
        return tuple(sizes[name] for name in self.given)


def _numbers(value: Any) -> list[Any]:
    """Return the numbers in the parameters of an operation, those in tuples and slices, too."""
    if isinstance(value, (tuple, list)):
        return [n for part in value for n in _numbers(part)]
    if isinstance(value, (slice, range)):
        return [value.start, value.stop, value.step]
    return [value]


def identifier(path: str) -> str:
    """Return a path as an identifier that says as much: ``params['W1'][0]`` is ``W1_0``."""
    parts = re.findall(r"\w+", path)
    named = [part for part in parts[1:] if not part.isdigit()]
    if named:  # the last name says what it is; counts after it tell it from its like
        last = max(i for i, part in enumerate(parts) if part == named[-1])
        parts = parts[last:]
    name = "_".join(parts)
    return name if name.isidentifier() and not iskeyword(name) else f"f_{name}"


def free_name(stem: str, taken: set[str], joint: str = "") -> str:
    """Return a name that is not taken yet, a count put to it if need be, and take it.

    Examples
    --------
    >>> taken = {"z"}
    >>> free_name("z", taken), free_name("z", taken, "_"), free_name("h", taken)
    ('z2', 'z_2', 'h')
    """
    name, count = stem, 1
    while name in taken:
        count += 1
        name = f"{stem}{joint}{count}"
    taken.add(name)
    return name
