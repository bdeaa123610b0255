"""The sentences that say why a mistake is the one that was made."""

from __future__ import annotations

import ast
from collections.abc import Sequence

from chainrule.checking.scene import Edit


def evidence_of(edit: Edit, alone: str = "") -> str:
    """Say what an edit has shown; of one gradient `alone`, where others stay wrong."""
    if edit.moved:
        return (
            f"with `{edit.event.unit.text(edit.event.statement)}` after all gradients, "
            "every gradient is right"
        )
    if alone:
        return f"with `{edit.text}` in its place, {alone} is right, and others are still wrong"
    return f"with `{edit.text}` in its place, every gradient that was wrong is right"


def told_apart(best: Edit, other: Edit) -> str:
    """Say which input tells two repairs apart that are equally good; nothing where none does.

    A factor that is a size at hand and one that is a number are the same for that size alone.
    """
    if not {best.kind, other.kind} <= {"scale", "sum-for-mean"}:
        return ""
    if _is_sized(best) != _is_sized(other):
        return "a batch of another size shows which"
    return ""


def _is_sized(edit: Edit) -> bool:
    """Whether an edit multiplies or divides by a size, and by no number that is written out."""
    return _numbers(edit.statements) == _numbers([edit.event.statement])


def _numbers(statements: Sequence[ast.stmt]) -> list[float]:
    """Return the numbers that are written in statements, but for indices and axes."""
    found: list[float] = []
    pending: list[ast.AST] = list(statements)
    while pending:
        node = pending.pop()
        if isinstance(node, ast.Constant) and isinstance(node.value, (int, float)):
            found.append(float(node.value))
        pending += [
            child
            for child in ast.iter_child_nodes(node)
            if not isinstance(child, ast.keyword)
            and not (isinstance(node, ast.Subscript) and child is node.slice)
        ]
    return sorted(found)
