"""Where the update begins: the part of a step that leads to what is carried, and nothing else."""

from __future__ import annotations

from collections.abc import Sequence

from chainrule.emit.loops.body import statements_of
from chainrule.emit.loops.index import Lookup
from chainrule.emit.loops.schedule import Item, Loop
from chainrule.emit.loops.statement import Statement
from chainrule.emit.loops.storage import Storage
from chainrule.graph import Node


def update_of(items: Sequence[Item], storage: Storage, carry: int) -> Item | None:
    """Return the first loop from which on all leads to what is carried alone.

    Parameters
    ----------
    items : sequence of Item
        All that is done, in order.
    storage : Storage
    carry : int
        So many of the first results are carried.
    """
    outputs = storage.kernel.graph.outputs
    carried = set(outputs[:carry]) - set(outputs[carry:])
    later: set[Statement] = set()
    first: Item | None = None
    for item in reversed(items):
        statements = statements_of(item)
        later.update(statements)
        if not all(_stays_within(s, carried, later, storage) for s in statements):
            break
        first = item if isinstance(item, Loop) else first
    return first


def _stays_within(
    statement: Statement, carried: set[Node], later: set[Statement], storage: Storage
) -> bool:
    """Whether a statement writes what is carried, or what is read by some statements alone."""
    if _looks_up(statement):
        return False  # a position that is refused ends the code, and what was set would stay
    if statement.node in storage.outputs:
        return statement.node in carried
    return later.issuperset(storage.readers.get(statement.node, ()))


def _looks_up(statement: Statement) -> bool:
    """Whether a statement reads or writes at positions that are data."""
    places = [*statement.index, *(i for read in statement.all_reads() for i in read.index)]
    return any(isinstance(place, Lookup) for place in places)
