"""Loops as source code."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from chainrule.emit.kernel import Kernel
from chainrule.emit.loops.body import Body, statements_of
from chainrule.emit.loops.elements import GIVEN, RESERVED
from chainrule.emit.loops.index import Lookup, Read
from chainrule.emit.loops.repeated import Section, Shared, with_functions
from chainrule.emit.loops.scalars import VECTORISED, literal
from chainrule.emit.loops.schedule import Item, Loop
from chainrule.emit.loops.statement import Statement
from chainrule.emit.loops.table import Table
from chainrule.emit.loops.update import update_of
from chainrule.graph import Node

_LONGEST = 60
#: Functions that become vectors, in either precision.
VECTORS = tuple(f"{name}{bits}" for name in VECTORISED for bits in (32, 64))
#: So many arrays are handed in; more are reached through a table.
MOST_ARRAYS = 40
#: Turns of an innermost loop that the compiler may write out.
_SHORT = 16
#: Rows that are added in one turn.
_ROWS = 8


@dataclass(frozen=True)
class Buffer:
    """An array that the code works in; a private one is not for several threads."""

    name: str
    dims: tuple[int, ...]
    dtype: np.dtype[Any]
    is_private: bool = False


@dataclass(frozen=True)
class Loops:
    """A kernel as loops.

    Attributes
    ----------
    kernel : Kernel
    body : list of str
        Lines of the function, without indentation of their own.
    shared_parts : tuple of Shared
        Functions that they call.
    inputs : tuple of str
        Names of the inputs that are read, in order; those not read are None.
    constants : dict
        Name -> array, of fixed constants that are handed in.
    buffers : tuple of Buffer
    outputs : tuple of str
        Names of the arrays that the results are written to.
    functions : tuple of str
        Names of the mathematical functions that are called.
    checks : tuple of (str, int)
        Names of arrays of positions, and the length of the axis that they are places on.
    products : bool
        Whether there are products of matrices that are left to a library.
    asks : bool
        Whether positions are computed, and refused as they come where they are out of range.
    shared : int or None
        How many numbers threads have in common; None where the code is for a single thread.
    groups : tuple of str
        What was fused, one line a loop.
    in_place : frozenset of int
        Results that are written over what they are the next value of.
    table : Table or None
        What many arrays are reached through.
    names : frozenset of str
        All names that are in use.
    flushes : bool
        Whether tiny numbers are 0 in a part of it.
    """

    kernel: Kernel
    body: list[str]
    shared_parts: tuple[Shared, ...]
    inputs: tuple[str, ...]
    constants: dict[str, Any]
    buffers: tuple[Buffer, ...]
    outputs: tuple[str, ...]
    functions: tuple[str, ...]
    checks: tuple[tuple[str, int], ...]
    products: bool
    asks: bool
    shared: int | None
    groups: tuple[str, ...]
    in_place: frozenset[int]
    table: Table | None
    names: frozenset[str]
    flushes: bool


def written_loops(kernel: Kernel, carry: int | None = None) -> Loops:
    """Write a kernel as loops.

    Parameters
    ----------
    kernel : Kernel
    carry : int, optional
        For many steps: so many of the first results take the place of inputs, where nobody reads
        these later.

    Raises
    ------
    NoLoopsError
        For an operation that has none.
    """
    return Writer(kernel, carry).run()


class Writer(Body):
    """Writes loops."""

    #: So many loops that are alike become a function, which costs a call.
    fewest = 3

    def __init__(self, kernel: Kernel, carry: int | None = None) -> None:
        super().__init__(kernel, carry or 0)
        self.is_once = carry is None
        self.buffers: list[Buffer] = []
        self.sections: list[Section] = []
        self.update = update_of(self.items, self.storage, self.carry)
        #: Whether there are so many arrays that they are reached through a table.
        self.many = False
        #: Name of an array in another shape -> the line that makes it, where there are many.
        self.views: dict[str, str] = {}

    # -- the whole -----------------------------------------------------------------------

    def run(self) -> Loops:
        """Write everything."""
        for node in self.kernel.graph.inputs:
            self.name(node)
        outputs = self.output_names()
        self.allocate()
        self.many = len(self.arrays_of(outputs)) > MOST_ARRAYS and not self.kernel.shown
        checks = self.positions()
        self.top(outputs)
        self.close()
        table = self.table(outputs) if self.many else None
        fixed = {*RESERVED, *VECTORS, "shape", "f16", "int"} - {*GIVEN}
        lines, functions = with_functions(self.sections, fixed, self.taken, self.fewest)
        return Loops(
            self.kernel,
            lines,
            tuple(functions),
            tuple(self.name(n) for n in self.kernel.graph.inputs),
            self.constants,
            tuple(self.buffers),
            tuple(outputs),
            tuple(self.functions),
            tuple(checks),
            any(s.whole == "product" for s in self.lowering.statements),
            self.asks,
            self.shared(),
            tuple(_group(item, self) for item in self.items),
            self.in_place(),
            table,
            frozenset(self.taken),
            self.update is not None,
        )

    def arrays_of(self, outputs: Sequence[str]) -> dict[str, tuple[int, np.dtype[Any]]]:
        """Return the arrays that are the same in all steps, by name: number of axes and type."""
        graph = self.kernel.graph
        results = outputs if self.is_once else outputs[: self.carry]
        ends = zip(results, graph.outputs, strict=False)
        constants = ((name, np.asarray(value)) for name, value in self.constants.items())
        return {
            **{name: (n.abstract.ndim or 1, n.abstract.dtype) for name, n in ends},
            **{self.name(n): (n.abstract.ndim, n.abstract.dtype) for n in graph.inputs if n.shape},
            **{name: (value.ndim or 1, value.dtype) for name, value in constants},
            **{b.name: (len(b.dims), b.dtype) for b in self.buffers},
        }

    def table(self, outputs: Sequence[str]) -> Table:
        """Let each section make the arrays that it speaks of."""
        table = Table.of(self.arrays_of(outputs), self.views, self.taken)
        self.sections = [
            replace(section, lines=tuple(table.with_arrays(section.lines)))
            for section in self.sections
        ]
        return table

    def top(self, outputs: Sequence[str]) -> None:
        """Write the lines, one item after the other."""
        for item in self.items:
            self.before(item)
            self.section(item)
        self.after()
        self.finish(outputs, 0)

    def before(self, item: Item) -> None:
        """Write what comes before an item: in the update, tiny numbers are 0.

        The averages of gradients that have become 0, as of dead units, end as numbers too small for
        all their digits, with which a processor is slow.
        """
        if item is self.update:
            self.put(0, "setting = tiny_to_zero()")

    def after(self) -> None:
        """Write what comes after all items."""
        if self.update is not None:
            self.put(0, "as_before(setting)")

    def section(self, item: Item, depth: int = 0) -> None:
        """Write an item, and take note of it as one that may occur several times."""
        before = len(self.lines)
        self.block([item], 0, [])
        lines = tuple(self.lines[before:])
        del self.lines[before:]
        self.close()
        numbers = None
        if isinstance(item, Loop):
            numbers = tuple(self.name(node) for node in self.numbers_of([item]))
        elif self.many and item.whole == "product":
            numbers = ()
        elif self.many and item.whole == "reshape" and item.node not in self.storage.outputs:
            (self.views[self.name(item.node)],) = lines
            return
        self.sections.append(Section(lines, numbers, depth))

    def numbers_of(self, items: Sequence[Item]) -> list[Node]:
        """Return the values that are set in some items as single numbers, and read elsewhere."""
        nodes = [s.node for item in items for s in statements_of(item)]
        places = {node: self.storage.places[node] for node in nodes if node in self.storage.places}
        return [
            node for node, p in places.items()
            if not p.axes and not p.within and node not in self.inline
        ]  # fmt: skip

    def close(self) -> None:
        """Take the lines so far as a section of their own."""
        if self.lines:
            self.sections.append(Section(tuple(self.lines)))
            self.lines = []

    def shared(self) -> int | None:
        """Return how many numbers threads have in common."""
        return None

    def output_names(self) -> list[str]:
        """Name the arrays of results; a result that is written by a loop has its name."""
        names: list[str] = []
        over = self.in_place()
        for k, node in enumerate(self.kernel.graph.outputs):
            if k in over and node.shape:
                self.names[node] = self.name(self.kernel.graph.inputs[k])
                names.append(self.names[node])
                continue
            place = self.storage.places.get(node)
            first = node not in self.kernel.graph.outputs[: len(names)]
            whole = place is not None and place.axes and first
            names.append(self.name(node) if whole else self.free("out"))
        return names

    def allocate(self) -> None:
        """Name the buffers."""
        for place in self.storage.places.values():
            node = place.node
            if node in self.storage.outputs or not place.axes or self.is_alias(node):
                continue
            if place.shares is not None:
                continue
            dims = tuple(self.lowering.dims(node)[k] for k in place.axes)
            private = bool(place.within)
            self.buffers.append(Buffer(self.name(node), dims, node.abstract.dtype, private))

    def is_alias(self, node: Node) -> bool:
        """Whether a value is another array seen in another shape."""
        return any(s.whole == "reshape" for s in self.lowering.written[node])

    def positions(self) -> list[tuple[str, int]]:
        """Return the arrays of positions that are read, with the length of the axis they are on."""
        found: dict[tuple[str, int], None] = {}
        for statement in self.lowering.statements:
            for read in (*statement.all_reads(), Read(statement.node, statement.index)):
                for index in read.index:
                    if isinstance(index, Lookup) and index.read.node.is_leaf:
                        found[self.leaf_name(index.read.node), index.extent] = None
        return list(found)

    def finish(self, outputs: Sequence[str], depth: int) -> None:
        """Write the results that no loop has written to their arrays."""
        returned: list[str] = []
        for name, node in zip(outputs, self.kernel.graph.outputs, strict=True):
            place = self.storage.places.get(node)
            if place is not None and place.axes and name == self.names.get(node):
                continue
            if not self.lowering.dims(node):
                value = self.element(Read(node, ()), node.abstract.dtype)
                if self.kernel.shown:
                    returned.append(str(value))
                else:
                    self.put(depth, f"{name}[0] = {value}")
            elif node.is_constant and node not in self.kernel.varying and np.ndim(node.value) == 0:
                self.put(depth, f"{name}[...] = {literal(node.value, node.abstract.dtype)}")
            else:
                self.put(depth, f"{name}[...] = {self.array_name(node)}")
        if returned:
            self.put(depth, f"return {', '.join(returned)}")

    def in_place(self) -> frozenset[int]:
        """Return which results may be written over the inputs that they are the next value of."""
        given = self.kernel.graph.inputs
        results = self.kernel.graph.outputs[: self.carry]
        return frozenset(k for k, out in enumerate(results) if self.may_replace(out, given[k]))

    def may_replace(self, out: Node, given: Node) -> bool:
        """Whether nobody reads an input later than a result is written in its place."""
        place = self.storage.places.get(out)
        alike = self.lowering.dims(given) == self.lowering.dims(out)
        if place is None or not alike or given.abstract.dtype != out.abstract.dtype:
            return False
        # Who writes later must not read what the first has written over.
        first = self.lowering.written[out][0]
        return given not in self.kernel.graph.outputs and all(
            s is first and not s.fold and not s.whole
            and all(r.index == s.index for r in s.all_reads() if r.node is given)
            for s in self.users(given) if self.storage.when[s] >= place.first
        )  # fmt: skip

    def users(self, node: Node) -> list[Statement]:
        """Return the statements that read an array, in other shapes, too."""
        found: list[Statement] = []
        for statement in self.storage.readers.get(node, ()):
            found.append(statement)
            if statement.whole == "reshape":
                found += self.users(statement.node)
        return found


def _group(item: Item, writer: Writer) -> str:
    if not isinstance(item, Loop):
        return f"{item.whole or 'number'}: {writer.name(item.node)}"
    names = dict.fromkeys(writer.name(s.node) for s in item.statements)
    return f"loop over {item.var.extent}: {', '.join(names)}"
