"""A script cut to what is asked about: up to a line, and loops over epochs run once."""

from __future__ import annotations

import ast
import copy
from collections.abc import Sequence

from chainrule.checking.flow import reads
from chainrule.checking.naming import gradient_of, says_gradient
from chainrule.checking.source import simple_statements, targets_of


def until(body: Sequence[ast.stmt], last: int) -> list[ast.stmt]:
    """Return statements up to a line, with a return after it, inside others as well."""
    found: list[ast.stmt] = []
    for statement in body:
        if statement.lineno > last:
            break
        holds = statement.lineno <= last <= (statement.end_lineno or last)
        fields = [f for f in ("body", "orelse", "finalbody") if getattr(statement, f, None)]
        if holds and fields and not isinstance(statement, (ast.FunctionDef, ast.ClassDef)):
            twin = copy.copy(statement)
            for field in fields:
                inner = getattr(statement, field)
                if inner[0].lineno <= last <= (inner[-1].end_lineno or last):
                    end = ast.parse("return locals()").body
                    setattr(twin, field, [*until(inner, last), *end])
            found.append(twin)
        else:
            found.append(statement)
    return found


def run_once(body: list[ast.stmt], line: int) -> None:
    """Leave loops that hold a line after their first pass."""
    for statement in body:
        inner = getattr(statement, "body", None)
        if not isinstance(inner, list) or isinstance(statement, (ast.FunctionDef, ast.ClassDef)):
            continue
        run_once(inner, line)
        holds = inner[0].lineno <= line <= (inner[-1].end_lineno or line)
        loops = isinstance(statement, (ast.For, ast.While)) and not isinstance(inner[-1], ast.Break)
        if holds and loops:
            inner.append(ast.copy_location(ast.Break(), inner[-1]))


def once(tree: ast.Module) -> None:
    """Let loops over epochs, which update what they read by its gradient, run once."""
    for loop in ast.walk(tree):
        if isinstance(loop, (ast.For, ast.While)) and any(
            _is_update(s) for s in simple_statements(loop.body)
        ):
            end = ast.Break()
            ast.copy_location(end, loop.body[-1])
            loop.body.append(end)


def _is_update(statement: ast.stmt) -> bool:
    """Whether a statement is a step of gradient descent: ``w = w - lr * dw``."""
    names = targets_of(statement)
    read = reads(statement)
    own = isinstance(statement, ast.AugAssign) and isinstance(statement.op, ast.Sub)
    steps = own or any(isinstance(n, ast.Sub) for n in ast.walk(statement))
    return (
        steps
        and any(name in read and not says_gradient(name) for name in names)
        and any(gradient_of(r, names) for r in read)
    )
