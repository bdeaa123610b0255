"""Where each value of the loops is kept: in a variable, in a part of an array, or in an array."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from chainrule.emit.kernel import Kernel, Size
from chainrule.emit.loops.index import Affine, Read, Var, is_long
from chainrule.emit.loops.lower import Lowering
from chainrule.emit.loops.schedule import Item, Loop
from chainrule.emit.loops.statement import Statement
from chainrule.graph import Node


@dataclass(eq=False)
class Place:
    """Where a value is kept.

    Attributes
    ----------
    node : Node
    axes : tuple of int
        Which axes of the value it has, in the order in which they lie in memory.
    within : tuple of Var
        Loops in each turn of which it is used afresh.
    first, last : int
        Items of the whole between which it is needed.
    shares : Place or None
        The array of another value that it takes over.
    """

    node: Node
    axes: tuple[int, ...]
    within: tuple[Var, ...]
    first: int
    last: int
    shares: Place | None = None

    @property
    def array(self) -> Place:
        """The place whose memory it is."""
        return self if self.shares is None else self.shares.array


class Storage:
    """Plans where values are kept.

    Attributes
    ----------
    places : dict
        Node -> its place, for all that is written.
    """

    def __init__(self, kernel: Kernel, lowering: Lowering, items: Sequence[Item]) -> None:
        self.kernel = kernel
        self.lowering = lowering
        self.outputs = set(kernel.graph.outputs)
        self.readers: dict[Node, list[Statement]] = {}
        self.when: dict[Statement, int] = {}
        self.rank: dict[Statement, int] = {}
        for k, item in enumerate(items):
            for statement in _inside(item):
                self.when[statement] = k
                self.rank[statement] = len(self.rank)
        for statement in lowering.statements:
            for read in statement.all_reads():
                self.readers.setdefault(read.node, []).append(statement)
        self.places = {node: self.place(node) for node in lowering.written}
        self._share()
        #: Place of an array -> the values that are kept in it, one after the other.
        self.kept_in: dict[Place, list[Node]] = {}
        for node, place in self.places.items():
            self.kept_in.setdefault(place.array, []).append(node)

    def place(self, node: Node) -> Place:
        """Plan where one value is kept."""
        writers = self.lowering.written[node]
        users = [*writers, *self.readers.get(node, ())]
        within: list[Var] = []
        if node not in self.outputs and node not in self.lowering.natural:
            within = _common([s.path for s in users])
            whole = any(s.whole for s in users)
            within = [] if whole else within
        index = writers[0].index
        dropped = {k for k, i in enumerate(index) if isinstance(i, Affine) and i.var in within}
        axes = [k for k in range(len(index)) if k not in dropped]
        dims = self.lowering.dims(node)
        if node not in self.outputs and node not in self.lowering.natural:
            axes = [k for k in axes if isinstance(dims[k], Size) or dims[k] != 1]
            # What is long lies innermost in memory, as it does in the loops.
            axes.sort(key=lambda k: is_long(dims[k]))
        times = [self.when[s] for s in users]
        return Place(node, tuple(axes), tuple(within), min(times), max(times))

    def stays(self, reads: Sequence[Read], start: Statement, end: Statement) -> bool:
        """Whether elements that are read at one statement are still there at a later one."""
        low, high = self.rank[start], self.rank[end]
        nodes = [self.lowering.seen_in(r.node) for r in reads if r.index]
        arrays = {self.places[n].array for n in nodes if n in self.places}
        inputs = [self.lowering.dims(n) for n in nodes if n.is_input]
        for node, place in self.places.items():
            # A result may be written over the input that it is the next value of.
            over = node in self.outputs and self.lowering.dims(node) in inputs
            if (place.axes and place.array in arrays) or over:
                writers = self.lowering.written[node]
                if any(low < self.rank[s] <= high for s in writers):
                    return False
        return True

    # -- memory that is used again ---------------------------------------------------------

    def _share(self) -> None:
        """Let values take over arrays that nobody reads any more."""
        arrays = [p for p in self.places.values() if p.axes and not p.within]
        arrays.sort(key=lambda p: (p.first, self.rank[self.lowering.written[p.node][0]]))
        until: dict[Place, int] = {}
        free: list[Place] = []
        for place in arrays:
            if place.node in self.outputs:
                continue
            for other in list(free):
                if self._fits(place, other) and (
                    until[other] < place.first or self._follows(place, other, until[other])
                ):
                    place.shares = other
                    until[other] = place.last
                    break
            else:
                until[place] = place.last
                if place.node not in self.lowering.natural:
                    free.append(place)

    def _fits(self, place: Place, other: Place) -> bool:
        mine, theirs = place.node, other.node
        return (
            mine.abstract.dtype == theirs.abstract.dtype
            and place.axes == other.axes
            and self.lowering.dims(mine) == self.lowering.dims(theirs)
            and place.node not in self.lowering.natural
        )

    def _follows(self, place: Place, other: Place, last: int) -> bool:
        """Whether each element is written where it was read for the last time just before."""
        writers = self.lowering.written[place.node]
        if last != place.first or len(writers) != 1 or writers[0].fold or writers[0].whole:
            return False
        holder = next(
            p.node for p in self.places.values()
            if p.array is other and p.last == last
        )  # fmt: skip
        late = [s for s in self.readers.get(holder, ()) if self.when[s] == last]
        (writer,) = writers
        return (
            late == [writer]
            and all(r.index == writer.index for r in writer.all_reads() if r.node is holder)
            and all(self.when[s] < last for s in self.lowering.written[holder])
        )


def _inside(item: Item) -> Sequence[Statement]:
    """Return the statements of an item in the order in which they stand."""
    if not isinstance(item, Loop):
        return (item,)
    return [s for part in item.body for s in _inside(part)]


def _common(paths: Sequence[Sequence[Var]]) -> list[Var]:
    """Return the loops that all paths begin with."""
    found: list[Var] = []
    for level in zip(*paths, strict=False):
        if any(v is not level[0] for v in level):
            break
        found.append(level[0])
    return found
