"""What an edit is, and what is known where it is made."""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.checking.watching import Event

#: ``(kind, weight, statements)``: the lighter of two edits is the likelier.
Change = tuple[str, float, list[ast.stmt]]


@dataclass(frozen=True, slots=True, eq=False)
class Edit:
    """One statement as it might have been meant.

    Attributes
    ----------
    kind : str
        The mistake that it undoes.
    weight : float
        Among edits that do the same, the lightest is the likeliest.
    event : Event
        Of the statement.
    statements : list of ast.stmt
        What takes its place; none where it is to go to the end.
    moved : bool
        Whether the statement goes to the end of the function.
    """

    kind: str
    weight: float
    event: Event
    statements: list[ast.stmt]
    moved: bool = False

    @property
    def text(self) -> str:
        """The statements as code."""
        place = self.event.statement
        return "; ".join(ast.unparse(ast.copy_location(s, place)) for s in self.statements)


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """What is known where a statement runs.

    Attributes
    ----------
    scope : mapping
        Names and attributes -> value, before the statement.
    gradients : set of str
        Those that are gradients.
    relation : callable
        ``relation(old, new)``: how two values are related in the forward pass: "output" if the
        old one is an elementwise function of the new one, "input" for the reverse, or "".
    is_forward : callable
        Whether a number is one that the forward pass computes with, and no constant.
    limits : list of (str, str, str)
        For values that forward clipped: name, lower and upper limit, as code.
    indices : list of str
        Indices that are written in the function, as code.
    weights : set of str
        Names of inputs of the forward pass, as they are called here.
    """

    scope: Mapping[str, Any]
    gradients: frozenset[str]
    relation: Callable[[Any, Any], str]
    is_forward: Callable[[Any], bool]
    limits: Sequence[tuple[str, str, str]]
    weights: frozenset[str]
    indices: Sequence[str] = ()
    np: str = "np"

    def arrays(self) -> dict[str, Any]:
        """Return the arrays and numbers in scope."""
        return {n: v for n, v in self.scope.items() if is_number(v) and not n.startswith("__")}

    def parts(self) -> dict[str, Any]:
        """Return parts of arrays in scope, by the indices that the function uses elsewhere."""
        found: dict[str, Any] = {}
        for name, value in self.arrays().items():
            if not isinstance(value, np.ndarray) or not value.ndim:
                continue
            for index in ("..., None", *self.indices):
                try:
                    part = eval(f"array[{index}]", {"np": np}, {**self.scope, "array": value})
                except Exception:  # an index that does not fit this array
                    continue
                if is_number(part):
                    found[f"{name}[{index}]"] = part
        return found


def is_number(value: Any) -> bool:
    """Whether a value is an array of numbers or a float."""
    if isinstance(value, np.ndarray):
        return value.dtype.kind in "fiub"
    return isinstance(value, (float, np.floating)) and not isinstance(value, bool)


def is_numbers(value: Any) -> bool:
    """Whether a value is a list or tuple of numbers."""
    return (
        isinstance(value, (list, tuple))
        and bool(value)
        and all(type(v) in (int, float) for v in value)
    )


#: ``(kind, weight, expression)``.
Changed = tuple[str, float, ast.expr]


def expression(text: str) -> ast.expr:
    """Parse an expression."""
    return ast.parse(text, mode="eval").body


def text_of(node: ast.AST) -> str:
    """Write an expression."""
    return ast.unparse(node)


def times(e: ast.expr, factor: str) -> ast.expr:
    """Multiply by what a text stands for."""
    return ast.BinOp(e, ast.Mult(), expression(factor))


def over(e: ast.expr, divisor: str) -> ast.expr:
    """Divide by what a text stands for."""
    return ast.BinOp(e, ast.Div(), expression(divisor))


def plus(e: ast.expr, term: str) -> ast.expr:
    """Add what a text stands for."""
    return ast.BinOp(e, ast.Add(), expression(term))


def broadcast_together(shape: tuple[int, ...], other: tuple[int, ...]) -> bool:
    """Whether two shapes fit together."""
    try:
        np.broadcast_shapes(shape, other)
    except ValueError:
        return False
    return True


def derivatives(name: str, np_: str) -> list[str]:
    """Return the factors that derivatives of common functions are, written with one value."""
    return [
        f"({name} > 0)", f"{name} * (1 - {name})", f"(1 - {name}**2)", f"(1 - {name})",
        f"(1 + {name})", f"{np_}.exp({name})", f"2 * {name}", f"{np_}.sign({name})",
        f"{name}**2", f"{name}**3",
    ]  # fmt: skip


def replaced(root: Any, old: ast.AST, new: ast.AST) -> Any:
    """Return an expression with one part of it exchanged; it shares the others with the first."""
    if root is old:
        return new
    if isinstance(root, list):
        items = [replaced(item, old, new) for item in root]
        return items if any(a is not b for a, b in zip(items, root, strict=True)) else root
    if not isinstance(root, ast.AST):
        return root
    parts = ((name, value, replaced(value, old, new)) for name, value in ast.iter_fields(root))
    other = {name: part for name, value, part in parts if part is not value}
    if not other:
        return root
    twin = copy.copy(root)
    vars(twin).update(other)
    return twin
