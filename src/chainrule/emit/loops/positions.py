"""Elements at positions that are data: picked, added up where they belong, written over others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule.emit.kernel import Size
from chainrule.emit.loops.index import Affine, Index, Lookup, Read, Var, affine, is_one
from chainrule.emit.loops.statement import NoLoopsError, Statement
from chainrule.graph import Node
from chainrule.rules import TABLE
from chainrule.rules.index import Slot, is_range, sliced, written_out

if TYPE_CHECKING:
    from chainrule.emit.loops.lower import Lowering

_TOTAL = TABLE["sum"].fold


def gather(lowering: Lowering, node: Node) -> None:
    """Read elements at positions that are data."""
    loops, index = lowering.loops_over(node)
    place = _Key(lowering, node, 1).place(index)
    lowering.add(Statement(node, loops, index, (lowering.read(node.inputs[0], place),)))


def gather_along(lowering: Lowering, node: Node) -> None:
    """Read elements at positions along one axis, which differ from place to place."""
    array, positions = node.inputs
    dims = lowering.dims(array)
    axis = node.params["axis"] % len(dims)
    loops, index = lowering.loops_over(node)
    place: list[Index] = [Affine() if is_one(n) else i for i, n in zip(index, dims, strict=True)]
    place[axis] = Lookup(lowering.broadcast(positions, index), dims[axis])
    lowering.add(Statement(node, loops, index, (lowering.read(array, place),), copies=True))


def scatter(lowering: Lowering, node: Node) -> None:
    """Add elements at positions; everywhere else there is 0."""
    loops, place, read = _put(lowering, node)
    lowering.add(Statement(node, loops, place, (read,), _TOTAL, partial=True))


def overwrite(lowering: Lowering, node: Node) -> None:
    """Copy an array, and write over elements of the copy; of those at one place the last stays."""
    array = node.inputs[0]
    loops, index = lowering.loops_over(node)
    lowering.add(Statement(node, loops, index, (lowering.read(array, index),), copies=True))
    loops, place, read = _put(lowering, node)
    lowering.add(Statement(node, loops, place, (read,), copies=True, sequential=True))


def _put(lowering: Lowering, node: Node) -> tuple[list[Var], tuple[Index, ...], Read]:
    """Return loops over what a key picks, the places of it, and what is put there."""
    key, value = _Key(lowering, node, 2), node.inputs[1]
    extents = key.extents(lowering.dims(value))
    index = tuple(Affine() if is_one(n) else Affine.of(Var(n)) for n in extents)
    loops = [i.var for i in index if i.var is not None]
    extra = max(len(lowering.dims(value)) - len(index), 0)
    read = lowering.broadcast(value, (*(Affine() for _ in range(extra)), *index))
    return loops, tuple(key.place(index)), read


class _Key:
    """The key of an operation, of which the operands from `first` on are positions.

    Arrays of positions are broadcast against each other. What they pick stands where the first of
    them stood, or in front, where a slice comes between them.
    """

    def __init__(self, lowering: Lowering, node: Node, first: int) -> None:
        self.lowering, self.node = lowering, node
        self.dims = lowering.dims(node.inputs[0])
        self.operands = node.inputs[first:]
        self.parts = written_out(node.params["key"], len(self.dims))
        ranges = [p for p in self.parts if is_range(p)]
        slots = [self.operands[p.position] for p in self.parts if isinstance(p, Slot)]
        #: The shape that positions are broadcast to.
        self.shared: list[int] = []
        for shape in (*(lowering.dims(a) for a in slots), *((self.length(r),) for r in ranges)):
            self.shared = _broadcast(self.shared, shape)
        chosen = [k for k, p in enumerate(self.parts) if p is not None and not isinstance(p, slice)]
        if not slots and not ranges:  # numbers alone take nothing up
            self.before = 0
        else:
            together = chosen == list(range(chosen[0], chosen[-1] + 1))
            self.before = chosen[0] if together else 0

    def length(self, steps: Any) -> int:
        """Return how many positions a range has."""
        if isinstance(steps, range):
            return len(steps)
        if steps.start != 0 or steps.step != 1:
            raise NoLoopsError(self.node)
        stop: int = steps.stop
        return stop

    def extents(self, like: Sequence[int]) -> list[int]:
        """Return the shape of what is picked, by the names that an array like it has."""
        found: list[int] = []
        axis = 0
        for part in self.parts:
            if part is None:
                found.append(1)
                continue
            if isinstance(part, slice):
                found.append(self.slice_length(part, self.dims[axis]))
            axis += 1
        found[self.before : self.before] = self.shared
        if [int(n) for n in found] == [int(n) for n in like]:
            return list(like)
        return found

    def slice_length(self, part: slice, extent: int) -> int:
        """Return how many elements a slice has."""
        ends = (part.start, part.stop, part.step)
        if not any(isinstance(n, Size) for n in (*ends, extent)):
            return len(range(*part.indices(extent)))
        if part.step not in (None, 1):
            raise NoLoopsError(self.node)
        low, high = _end(part.start, extent, 0), _end(part.stop, extent, extent)
        return high - low if int(high) > int(low) else 0

    def place(self, index: Sequence[Affine]) -> list[Index]:
        """Return the place in the array for a place in what is picked."""
        end = self.before + len(self.shared)
        shared = index[self.before : end]
        rest = iter((*index[: self.before], *index[end:]))
        place: list[Index] = []
        for part in self.parts:
            if part is None:
                next(rest)
                continue
            extent = self.dims[len(place)]
            if isinstance(part, slice):
                place.append(affine(sliced(next(rest), part, extent)))
            elif isinstance(part, Slot):
                position = self.operands[part.position]
                place.append(self.looked_up(position, tuple(shared), extent))
            elif is_range(part):
                at = Affine() if is_one(self.length(part)) else shared[-1]  # one is broadcast
                place.append(at * part.step + part.start)
            else:
                place.append(affine(part if part >= 0 else extent + part))
        return place

    def looked_up(self, position: Node, index: tuple[Affine, ...], extent: int) -> Index:
        """Return a place that is read from an array of positions; counting needs no array."""
        value = position.value
        if position.is_constant and position not in self.lowering.kernel.varying and np.ndim(value):
            long = [k for k, n in enumerate(value.shape) if n != 1]
            if len(long) == 1 and np.array_equal(value.ravel(), np.arange(value.size)):
                counted: Affine = index[len(index) - value.ndim + long[0]]
                return counted
        return Lookup(self.lowering.broadcast(position, index), extent)


def _end(end: Any, extent: int, default: int) -> int:
    """Return an end of a slice, counted from the front."""
    if end is None:
        return default
    if end < 0:
        return extent + end if int(extent) + int(end) > 0 else 0
    found: int = extent if int(end) >= int(extent) else end
    return found


def _broadcast(first: Sequence[int], second: Sequence[int]) -> list[int]:
    """Return the shape that two shapes are broadcast to."""
    longer, shorter = (first, second) if len(first) >= len(second) else (second, first)
    lead = len(longer) - len(shorter)
    both = zip(longer[lead:], shorter, strict=True)
    return [*longer[:lead], *(m if is_one(n) else n for n, m in both)]
