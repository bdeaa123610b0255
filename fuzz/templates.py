"""What can be drawn: calls with slots for operands, from the rules table and tests/calls*.py."""

from __future__ import annotations

import ast
import re
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from chainrule.notation import Written
from chainrule.op import Op
from chainrule.rules import TABLE

sys.path.append(str(Path(__file__).parent.parent / "tests"))
import calls  # the tests are no package

#: Where a rank of one is told from rounding, a program is another one after each rounding.
UNSTABLE = "pinv(np.outer("


@dataclass(frozen=True)
class Slot:
    """An operand that a template asks for."""

    shape: tuple[int, ...]
    low: float
    high: float


@dataclass(frozen=True)
class Template:
    """An expression in which ``_0_``, ``_1_``, ... stand for operands.

    Attributes
    ----------
    group : str
        The function that it is about; each function is drawn as often as any other.
    text : str
    slots : tuple of Slot
    elementwise : bool
        Operands may have any shapes that broadcast.
    by_value : bool
        The shape of the result depends on values.
    """

    group: str
    text: str
    slots: tuple[Slot, ...]
    elementwise: bool = False
    by_value: bool = False

    def filled(self, operands: list[str]) -> str:
        return re.sub(r"\b_(\d+)_\b", lambda m: operands[int(m[1])], self.text)


class _Slots(ast.NodeTransformer):
    """Replaces operands by slots, and constant arrays by the calls that write them out."""

    def __init__(self, tree: ast.AST) -> None:
        self.names: list[str] = []
        stored = {
            n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)
        }
        self.bound = stored | {n.arg for n in ast.walk(tree) if isinstance(n, ast.arg)}

    def visit_Name(self, node: ast.Name) -> ast.expr:
        constant = calls.CONSTANTS.get(node.id)
        if isinstance(constant, np.ndarray) and constant.size <= 60:
            return ast.parse(literal(constant), mode="eval").body
        if node.id not in calls.OPERANDS or node.id in self.bound:
            return node
        if node.id not in self.names:
            self.names.append(node.id)
        return ast.Name(f"_{self.names.index(node.id)}_", ast.Load())


def literal(value: Any) -> str:
    """Write a constant out."""
    if isinstance(value, np.ndarray):
        dtype = "" if value.dtype.kind in "bif" else f", dtype=np.{value.dtype}"
        return f"np.array({value.tolist()!r}{dtype})"
    return repr(value)


def _of_call(call: str) -> Template | None:
    tree = ast.parse(call, mode="eval")
    slots = _Slots(tree)
    text = ast.unparse(slots.visit(tree))
    described = [calls.OPERANDS[name] for name in slots.names]
    if not slots.names or not all(
        len(d) == 3 and all(isinstance(x, (int, float)) for x in d[1:]) for d in described
    ):
        return None
    by_value = call in calls.NEEDS_VALUES
    return Template(_group(text), text, tuple(Slot(*d) for d in described), by_value=by_value)


def _of_sample(row: Op, operands: tuple[Any, ...], params: Any) -> Template | None:
    slots: list[Slot] = []
    written = []
    if row.view:  # that its result shares memory is known to the function, not to the row
        return None
    for operand in operands:
        if isinstance(operand, tuple):
            slots.append(Slot(operand, row.low, row.high))
            written.append(f"_{len(slots) - 1}_")
        else:
            written.append(literal(operand))
    try:
        if row.notation.statement or not row.numpy:
            arguments = ", ".join([*written, *(f"{k}={literal(v)}" for k, v in params.items())])
            text = f"TABLE[{row.name!r}]({arguments})"
        else:
            text = row.notation.write("code", [Written(w) for w in written], params).string
        text = ast.unparse(ast.parse(text, mode="eval"))
    except (SyntaxError, TypeError, KeyError, IndexError):
        return None  # a parameter that is no literal: such rows are drawn through their functions
    free = row.elementwise and len(slots) == len(operands) and not params
    return Template(row.name if free else _group(text), text, tuple(slots), free)


def _group(text: str) -> str:
    """The function, method or symbol that an expression is about."""
    for pattern in (r"np\.([a-z][\w.]*)\(", r"\.([a-z]\w*)\(", r"(\[|[-+*/@&|~]+|TABLE.*?\])"):
        found = [m for m in re.findall(pattern, text) if m != "array"]
        if found:
            return str(found[0])
    return text


@cache
def templates() -> dict[str, list[Template]]:
    """Return all templates, by group."""
    found: dict[str, Template] = {}
    for row in TABLE.values():
        if not row.differentiable and not (row.elementwise and row.numpy):
            continue
        for sample in row.samples:
            template = _of_sample(row, sample.operands, sample.params)
            if template is not None:
                found.setdefault(template.text, template)
    for call in filter(str.strip, calls.CASES):
        if UNSTABLE in call:
            continue
        template = _of_call(call)
        if template is not None:
            found.setdefault(template.text, template)
    groups: dict[str, list[Template]] = {}
    for template in found.values():
        groups.setdefault(template.group, []).append(template)
    return dict(sorted(groups.items()))
