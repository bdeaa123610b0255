"""Which statements a value follows from, among those that have run."""

from __future__ import annotations

import ast
from collections.abc import Collection, Sequence

from chainrule.checking.source import Unit, targets_of
from chainrule.checking.watching import Event


def follows_from(events: Sequence[Event], end: int, until: Collection[int] = ()) -> list[int]:
    """Return the positions of the statements that one follows from, itself included.

    Parameters
    ----------
    events : sequence of Event
    end : int
        Position of the statement.
    until : collection of int
        Statements not to go behind.
    """
    found: set[int] = set()
    pending = [end] if events else []
    while pending:
        position = pending.pop()
        if position in found:
            continue
        found.add(position)
        if position in until and position != end:
            continue
        event = events[position]
        for name in reads(event.statement):
            pending += _assignments(events, position, name, event.unit)
        called = {n.id for n in ast.walk(event.statement) if isinstance(n, ast.Name)}
        called |= {n.attr for n in ast.walk(event.statement) if isinstance(n, ast.Attribute)}
        pending += [
            i
            for i in range(position)
            if events[i].unit is not event.unit and events[i].unit.name in called
        ]
    return sorted(found)


def reads(statement: ast.stmt) -> set[str]:
    """Return the names and attributes that a statement reads."""
    value = getattr(statement, "value", None)
    read = _names(value) if value is not None else set()
    if isinstance(statement, ast.Assign):
        for target in statement.targets:
            if isinstance(target, ast.Subscript):
                read |= _names(target)  # an array that is written to in part
    elif isinstance(statement, ast.AugAssign):
        read |= _names(statement.target)
    return read


def _names(tree: ast.AST) -> set[str]:
    return {ast.unparse(n) for n in ast.walk(tree) if isinstance(n, (ast.Name, ast.Attribute))} | {
        ast.unparse(n)
        for n in ast.walk(tree)
        if isinstance(n, ast.Subscript) and isinstance(n.slice, ast.Constant)
    }


def _assignments(events: Sequence[Event], position: int, name: str, unit: Unit) -> list[int]:
    """Return the last assignment to a name, with the writes to parts of it that lead there."""
    for i in range(position - 1, -1, -1):
        event = events[i]
        if event.unit is unit and any(
            name == n or n.startswith(f"{name}[") for n in targets_of(event.statement)
        ):
            return [i]
    return []
