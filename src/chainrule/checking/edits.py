"""Small changes to one statement, each of which would undo one mistake.

An edit is tried by running the pass with it. The one that makes the gradients right shows
at once which line is wrong, what the mistake is, and how the line should read.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from chainrule.checking.edits_around import around
from chainrule.checking.edits_within import within
from chainrule.checking.scene import Change, Changed, Edit, Scene, expression, text_of
from chainrule.checking.source import targets_of
from chainrule.checking.watching import Event, as_number, looked_up


def edits(event: Event, scene: Scene) -> Iterator[Edit]:
    """Yield the edits of one statement."""
    statement = event.statement
    for kind, weight, new in _statement_changes(event, scene):
        yield Edit(kind, weight, event, new)
    for part, rebuild, gave, name in _parts(event):
        got = gave if gave is _STORED else as_number(gave)
        if got is _STORED:
            for kind, weight, changed in _other_masks(part, scene):
                yield Edit(kind, weight, event, [rebuild(changed)])
        else:
            for kind, weight, changed in around(part, got, name, scene):
                yield Edit(kind, weight, event, [rebuild(changed)])
        for kind, weight, changed in within(part, scene, got is _STORED):
            yield Edit(kind, weight, event, [rebuild(changed)])
    moving = targets_of(statement)
    if moving and all(n in scene.weights for n in moving) and isinstance(
        statement, (ast.Assign, ast.AugAssign)
    ):  # fmt: skip
        yield Edit("updated-weights", 0.5, event, [], moved=True)


# -- whole statements --------------------------------------------------------------------------


def _statement_changes(event: Event, scene: Scene) -> Iterator[Change]:
    statement = event.statement
    if isinstance(statement, ast.AugAssign):
        if isinstance(statement.op, ast.Sub):
            yield "sign", 0.8, [_augmented(statement, ast.Add())]
        if isinstance(statement.op, ast.Add):
            yield "sign", 1, [_augmented(statement, ast.Sub())]
            if isinstance(statement.target, ast.Subscript):
                yield "not-accumulated", 1.1, [_added_at(statement.target, statement.value, scene)]
            yield "scale", 2, [ast.Assign([statement.target], statement.value)]
        if isinstance(statement.op, (ast.Mult, ast.Div)):
            other = ast.Div() if isinstance(statement.op, ast.Mult) else ast.Mult()
            yield "scale", 1.5, [_augmented(statement, other)]
            yield "scale", 1.5, [ast.Pass()]
    if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
        target = statement.targets[0]
        # Who makes a gradient of itself does not mean to add it to itself.
        alone = text_of(target) not in {text_of(n) for n in ast.walk(statement.value)}
        if isinstance(target, (ast.Name, ast.Attribute, ast.Subscript)) and alone:
            yield "not-accumulated", 1, [ast.AugAssign(target, ast.Add(), statement.value)]
        if isinstance(target, ast.Subscript):
            yield "not-accumulated", 1.1, [_added_at(target, statement.value, scene)]


def _added_at(target: ast.Subscript, value: ast.expr, scene: Scene) -> ast.stmt:
    call = expression(f"{scene.np}.add.at(0, 0, 0)")
    assert isinstance(call, ast.Call)
    call.args = [target.value, target.slice, value]
    return ast.Expr(call)


def _augmented(statement: ast.AugAssign, op: ast.operator) -> ast.stmt:
    return ast.AugAssign(statement.target, op, statement.value)


Rebuild = Callable[[ast.expr], ast.stmt]


def _parts(event: Event) -> Iterator[tuple[ast.expr, Rebuild, Any, str]]:
    """Yield each expression of a statement that gives a value, with what it gave."""
    statement = event.statement
    value = getattr(statement, "value", None)
    if value is None:
        return
    if isinstance(statement, (ast.Assign, ast.AugAssign)):
        yield from _store_parts(statement)
    items: Sequence[Any] = [None]
    if isinstance(value, (ast.Tuple, ast.List)) and isinstance(statement, (ast.Return, ast.Assign)):
        names = targets_of(statement)
        for i, item in enumerate(value.elts):
            if isinstance(statement, ast.Return):
                items = event.returned if isinstance(event.returned, (tuple, list)) else [None]
                got = items[i] if i < len(items) else None
            else:
                got = event.assigned.get(names[i]) if len(names) == len(value.elts) else None
            yield item, _item_rebuilder(statement, value, i), got, ""
        return
    if isinstance(statement, ast.Return) and isinstance(value, ast.Dict):
        for i, item in enumerate(value.values):
            found = list(event.returned.values()) if isinstance(event.returned, dict) else []
            got = found[i] if i < len(found) else None
            yield item, _value_rebuilder(statement, value, i), got, ""
        return
    names = targets_of(statement)
    if isinstance(statement, ast.Return):
        yield value, lambda new: ast.Return(new), event.returned, ""
    elif isinstance(statement, ast.Assign):
        got = event.assigned.get(names[0]) if names else None
        yield value, lambda new: ast.Assign(statement.targets, new), got, names[0] if names else ""
    elif isinstance(statement, ast.AugAssign):
        got = event.assigned.get(names[0]) if names else None
        yield (
            value,
            lambda new: ast.AugAssign(statement.target, statement.op, new),
            None if got is None else got,
            "",
        )
    elif isinstance(statement, ast.Expr) and isinstance(value, ast.Call):
        for i, item in enumerate(value.args[1:], 1):
            yield item, _argument_rebuilder(value, i), looked_up(text_of(item), event.scope), ""


def _store_parts(
    statement: ast.Assign | ast.AugAssign,
) -> Iterator[tuple[ast.expr, Rebuild, Any, str]]:
    """Yield the mask or index of an array that is written to in part."""
    target = statement.target if isinstance(statement, ast.AugAssign) else statement.targets[0]
    if not isinstance(target, ast.Subscript):
        return

    def rebuild(new: ast.expr) -> ast.stmt:
        there = ast.Subscript(target.value, new, ast.Store())
        if isinstance(statement, ast.AugAssign):
            return ast.AugAssign(there, statement.op, statement.value)
        return ast.Assign([there], statement.value)

    yield target.slice, rebuild, _STORED, ""


#: Stands for what an index gives, which nothing can be multiplied by.
_STORED = object()


def _item_rebuilder(statement: ast.stmt, value: Any, i: int) -> Rebuild:
    def rebuild(new: ast.expr) -> ast.stmt:
        items = type(value)([*value.elts[:i], new, *value.elts[i + 1 :]], ast.Load())
        if isinstance(statement, ast.Return):
            return ast.Return(items)
        assert isinstance(statement, ast.Assign)
        return ast.Assign(statement.targets, items)

    return rebuild


def _value_rebuilder(statement: ast.stmt, value: ast.Dict, i: int) -> Rebuild:
    def rebuild(new: ast.expr) -> ast.stmt:
        return ast.Return(ast.Dict(value.keys, [*value.values[:i], new, *value.values[i + 1 :]]))

    return rebuild


def _argument_rebuilder(call: ast.Call, i: int) -> Rebuild:
    def rebuild(new: ast.expr) -> ast.stmt:
        return ast.Expr(
            ast.Call(call.func, [*call.args[:i], new, *call.args[i + 1 :]], call.keywords)
        )

    return rebuild


def _other_masks(mask: ast.expr, scene: Scene) -> Iterator[Changed]:
    for name, low, high in scene.limits:
        for text in (f"({name} < {low})", f"({name} > {high})"):
            yield "clip-forgotten", 0.9, ast.BinOp(mask, ast.BitOr(), expression(text))
