"""Statements into loops: those that may share a loop do.

A statement may join a loop that stands already if what it reads in it is complete at the very
turn that reads it: the other statement writes at the loop's variable, and this one reads there.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from chainrule.emit.loops.index import Affine, Read, Var
from chainrule.emit.loops.statement import Statement
from chainrule.graph import Node


class Loop:
    """A loop, with what is done in each turn, in order."""

    def __init__(self, var: Var) -> None:
        self.var = var
        self.body: list[Loop | Statement] = []
        self.statements: list[Statement] = []
        self.written: set[Node] = set()
        #: What is written inside, and of which elements are read.
        self.known: set[Node] = set()

    def adopt(self, statement: Statement) -> None:
        """Note that a statement stands somewhere inside."""
        self.statements.append(statement)
        self.written.add(statement.node)
        self.known |= {statement.node, *(r.node for r in statement.all_reads() if r.index)}


Item = Loop | Statement


def numbers_first(statements: Sequence[Statement]) -> list[Statement]:
    """Return statements with those in front that make numbers of numbers that are given.

    Loops that need them, such as an optimizer's corrections, can then go on from others at once.
    Where several statements make a value, as where a number is written into an array, each waits
    for those before it.
    """
    makers = Counter(statement.node for statement in statements)
    early: set[Node] = set()
    first: list[Statement] = []
    for statement in statements:
        alone = not statement.loops and statement.whole is None and statement.fold is None
        if (
            alone
            and makers[statement.node] == 1
            and all(r.node.is_leaf or r.node in early for r in statement.all_reads())
        ):
            early.add(statement.node)
            first.append(statement)
    moved = set(first)
    return [*first, *(s for s in statements if s not in moved)]


def scheduled(statements: Sequence[Statement]) -> list[Item]:
    """Put statements into as few loops as may be, in an order in which all is there in time."""
    top: list[Item] = []
    readers: dict[Node, list[Statement]] = {}
    for statement in statements:
        for read in statement.all_reads():
            readers.setdefault(read.node, []).append(statement)
    for statement in statements:
        later = readers.get(statement.node, ())
        statement.beside = frozenset(r.node for s in later for r in s.all_reads())
        reads = {read.node for read in statement.all_reads()}
        if not statement.apart:
            reads.add(statement.node)
        _place(statement, top, reads, [])
    return top


def _place(statement: Statement, body: list[Item], reads: set[Node], path: list[Loop]) -> None:
    lowest = _lowest(body, reads)
    if statement.whole is None and statement.loops:
        related = reads | statement.beside
        for item in body[max(lowest, 0) :]:
            if not isinstance(item, Loop) or related.isdisjoint(item.known):
                continue
            var = _joining(statement, item, reads, len(path))
            if var is not None:
                statement.replace(var, item.var)
                statement.loops.remove(item.var)
                _enter(statement, item, path)
                _place(statement, item.body, reads, [*path, item])
                return
    target = body
    for var in list(statement.loops):
        loop = Loop(var)
        target.append(loop)
        _enter(statement, loop, path)
        path = [*path, loop]
        target = loop.body
    statement.loops = []
    target.append(statement)


def _enter(statement: Statement, loop: Loop, path: list[Loop]) -> None:
    loop.adopt(statement)
    statement.path.append(loop.var)


def _lowest(body: list[Item], reads: set[Node]) -> int:
    """Return the last item that writes something that is read; -1 for none."""
    for k in range(len(body) - 1, -1, -1):
        item = body[k]
        if (
            item.node in reads
            if isinstance(item, Statement)
            else not reads.isdisjoint(item.written)
        ):
            return k
    return -1


def _joining(statement: Statement, loop: Loop, reads: set[Node], depth: int) -> Var | None:
    """Return the variable of a statement that may run along with a loop, if there is one."""
    inside = [s for s in loop.statements if s.node in reads]
    for var in statement.loops:
        if var.extent != loop.var.extent or type(var.extent) is not type(loop.var.extent):
            continue
        if statement.sequential and var is not statement.loops[0]:
            continue  # what is written last stays
        if var.is_long and any(s.turns for s in (statement, *loop.statements)):
            continue
        others = [v for v in statement.loops if v is not var]
        if var.is_long and not all(v.is_long for v in others):
            continue  # it is to run innermost
        if statement.multiply and others and not statement.kept(var):
            continue
        if inside:
            if all(_in_step(statement, var, s, loop.var) for s in inside):
                return var
        elif _is_alike(statement, var, loop, depth):
            beside = any(s.node in statement.beside for s in loop.statements)
            if beside or _shares(statement, var, loop):
                return var
    return None


def _in_step(statement: Statement, var: Var, producer: Statement, turn: Var) -> bool:
    """Whether all that is read of a producer's value was written in the same turn."""
    at = [k for k, i in enumerate(producer.index) if isinstance(i, Affine) and i.var is turn]
    if len(at) != 1 or producer.node is statement.node:
        return False
    found = [read for read in statement.all_reads() if read.node is producer.node]
    return all(_stands_at(read, at[0], var) for read in found)


def _stands_at(read: Read, axis: int, var: Var) -> bool:
    place = read.index[axis]
    return isinstance(place, Affine) and place.var is var


def _is_alike(statement: Statement, var: Var, loop: Loop, depth: int) -> bool:
    """Whether a statement runs in as many loops as those in a loop, this one outermost."""
    same = len(statement.loops) + depth == len(loop.statements[0].path)
    return same and statement.loops[0] is var


def _shares(statement: Statement, var: Var, loop: Loop) -> bool:
    """Whether a statement reads the same array in step with another one in the loop."""
    for read in statement.all_reads():
        for other in loop.statements:
            for theirs in other.all_reads():
                if theirs.node is not read.node or len(read.index) == 0:
                    continue
                places = list(zip(read.index, theirs.index, strict=True))
                if any(
                    isinstance(a, Affine) and isinstance(b, Affine)
                    and a.var is var and b.var is loop.var
                    for a, b in places
                ):  # fmt: skip
                    return True
    return False
