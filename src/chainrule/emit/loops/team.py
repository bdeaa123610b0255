"""Loops for several threads at once."""

from __future__ import annotations

from collections.abc import Sequence

from chainrule.emit.kernel import Kernel
from chainrule.emit.loops.body import statements_of, step_of
from chainrule.emit.loops.index import Var
from chainrule.emit.loops.scalars import type_name
from chainrule.emit.loops.schedule import Item, Loop
from chainrule.emit.loops.statement import Statement
from chainrule.emit.loops.write import Loops, Writer
from chainrule.graph import Node
from chainrule.notation import Written


def team_loops(kernel: Kernel, carry: int | None = None) -> Loops:
    """Write a kernel as loops of which each of several threads takes a part of the turns.

    Parameters
    ----------
    kernel : Kernel
    carry : int, optional
        See `written_loops`.

    Raises
    ------
    NoLoopsError
        For an operation that has none.
    """
    return TeamWriter(kernel, carry).run()


class TeamWriter(Writer):
    """Writes loops for a team of threads, which meet after each.

    A loop whose turns write to different places is shared out, as is one that comes to a single
    number, of which each thread then has a part. A loop whose turns add to the same array is left
    to the first thread, as are numbers that follow from what is not known to all; the others are
    told.
    """

    fewest = 2

    def __init__(self, kernel: Kernel, carry: int | None = None) -> None:
        super().__init__(kernel, carry)
        #: Numbers that every thread has.
        self.known: set[Node] = set()
        #: Number -> its place among those that are shared.
        self.told: dict[Node, int] = {}
        #: Whether what is written is for the first thread alone.
        self.alone = False
        #: Memory that has been read, and written, since all threads met.
        self.read: set[int] = set()
        self.written: set[int] = set()

    def shared(self) -> int | None:
        """Return how many numbers threads have in common."""
        return len(self.told)

    def top(self, outputs: Sequence[str]) -> None:
        """Write the lines, with who does what."""
        alone: list[Item] = []
        for item in self.items:
            who = self.who(item)
            if item is self.update:
                self.by_one(alone)
                alone = []
                self.before(item)
            if who == "one":
                alone.append(item)
                continue
            self.by_one(alone)
            alone = []
            if who == "each":
                self.meet_before([item])
            self.section(item)
            self.put_together(item)
        self.by_one(alone)
        self.after()
        self.close()
        self.finish(outputs, 1)
        if self.lines:
            self.lines.insert(0, "if thread == 0:")

    def who(self, item: Item) -> str:
        """Return who does an item: each thread its part, one thread, or all of them the same."""
        if isinstance(item, Loop):
            split = all(
                (s.kept(item.var) and not s.partial) or self.has_parts(s) for s in item.statements
            )
            return "each" if split else "one"
        if item.whole == "product":
            return "each"
        if item.whole == "reshape":
            return "one" if item.node in self.storage.outputs else "all"
        if item.fold is None and all(
            r.node.is_leaf or r.node in self.known for r in item.all_reads()
        ):
            self.known.add(item.node)
            return "all"
        return "one"

    def has_parts(self, statement: Statement) -> bool:
        """Whether a statement comes to one number, which parts of it can be put together to."""
        fold, place = statement.fold, self.storage.places.get(statement.node)
        return (
            fold is not None
            and "{0}" in fold.step
            and not (fold.of_truth or statement.partial)
            and not (statement.goes_on or statement.sequential)
            and place is not None
            and not (place.axes or place.within)
            and statement.node.abstract.dtype.kind == "f"
        )

    def put_together(self, item: Item) -> None:
        """Let each thread tell its part of what comes to one number, and put all parts together."""
        found = [s for s in statements_of(item) if s.path and self.has_parts(s)]
        for statement in found:
            self.tell(statement.node, "thread", 0)
        if found:
            self.meet()
        for statement in found:
            node, fold = statement.node, statement.fold
            assert fold is not None
            name, other, part = self.name(node), self.free("other"), self.free("part_of")
            self.put(0, f"{name} = {self.of_thread('0', node)}")
            self.put(0, f"for {other} in range(1, threads):")
            self.put(1, f"{part} = {self.of_thread(other, node)}")
            self.put(1, step_of(name, fold.step, Written(part)))
            self.known.add(node)

    def tell(self, node: Node, thread: str, depth: int) -> None:
        """Write a number where all threads see it."""
        self.told[node] = len(self.told)
        self.put(depth, f"{self.slot(thread, node)} = {self.name(node)}")

    def slot(self, thread: str, node: Node) -> str:
        """Return where a number is told; a whole number is not rounded to 53 bits."""
        whole = ".view(np.int64)" if node.abstract.dtype.kind in "iu" else ""
        return f"shared{whole}[{thread}, {self.told[node]}]"

    def of_thread(self, thread: str, node: Node) -> str:
        """Return the number that a thread has told."""
        return f"{type_name(node.abstract.dtype)}({self.slot(thread, node)})"

    def by_one(self, items: Sequence[Item]) -> None:
        """Write what the first thread does alone, and what it tells the others."""
        if not items:
            return
        self.meet_before(items)
        self.put(0, "if thread == 0:")
        self.alone = True
        for item in items:
            self.section(item, depth=1)
        self.alone = False
        numbers = [node for node in self.numbers_of(items) if node not in self.known]
        for node in numbers:
            self.tell(node, "0", 1)
        if numbers:
            self.meet()
        for node in numbers:
            self.put(0, f"{self.name(node)} = {self.of_thread('0', node)}")
            self.known.add(node)

    def meet(self) -> None:
        """Let all threads wait for each other."""
        self.put(0, "meet(counter, threads)")
        self.read.clear()
        self.written.clear()

    def meet_before(self, items: Sequence[Item]) -> None:
        """Let threads wait where they would read what others may not have written yet.

        Nor may they write over what others may still read.
        """
        statements = [s for item in items for s in statements_of(item)]
        reads = {id(a) for s in statements for r in s.all_reads() for a in self.arrays(r.node)}
        writes = {id(a) for s in statements for a in self.arrays(s.node)}
        if reads & self.written or writes & (self.read | self.written):
            self.meet()
        self.read |= reads
        self.written |= writes

    def arrays(self, node: Node) -> list[object]:
        """Return what memory a value may be in: results may take that of inputs."""
        place = self.storage.places.get(node)
        if place is not None and not place.axes:
            return [] if node in self.known or place.within else [node]
        if place is not None and place.within:
            return []  # each thread has its own
        return self.memory(node)

    def turns(self, loop: Loop, depth: int) -> str:
        """Write the turns of a loop that fall to a thread."""
        if depth or self.alone:
            return super().turns(loop, depth)
        self.put(0, f"low, high = part({self.extent(loop)}, thread, threads)")
        return "range(low, high)"

    def rows(self, name: str) -> str:
        """Write which rows of a product a thread computes."""
        self.put(0, f"low, high = part({name}.shape[0], thread, threads)")
        return "low, high"

    def may_inline(self, path: list[Var]) -> bool:
        """Whether a value need not have a line of its own here."""
        return bool(path)
