"""Source without containers, and without writing into arrays."""

from __future__ import annotations

import ast
from typing import Any


class _Parts(ast.NodeTransformer):
    """Replaces parts of containers that were written out by what was put there."""

    def __init__(self) -> None:
        self.containers: dict[str, ast.expr] = {}

    def visit_Assign(self, node: ast.Assign) -> Any:
        self.generic_visit(node)
        target = node.targets[0]
        if isinstance(target, ast.Name) and isinstance(node.value, (ast.Dict, ast.List, ast.Tuple)):
            self.containers[target.id] = node.value
        return node

    def visit_Subscript(self, node: ast.Subscript) -> Any:
        self.generic_visit(node)
        held = node.value
        if isinstance(held, ast.Name):
            held = self.containers.get(held.id, held)
        try:
            key = ast.literal_eval(node.slice)
            if isinstance(held, ast.Dict):
                return held.values[[ast.literal_eval(k) for k in held.keys if k].index(key)]
            if isinstance(held, (ast.List, ast.Tuple)):
                return held.elts[key]
        except (ValueError, TypeError):
            pass
        return node


def unwrapped(source: str) -> str:
    """Return source that uses what containers hold without the containers."""
    return ast.unparse(_Parts().visit(ast.parse(source))) + "\n"


class _Functional(ast.NodeTransformer):
    """Writes ``a[k] = v`` as ``a = put(a, S[k], v)``, and the same for what `a` is a view of."""

    def __init__(self) -> None:
        self.views: dict[str, tuple[ast.expr, ast.expr]] = {}

    def visit_Assign(self, node: ast.Assign) -> Any:
        target = node.targets[0]
        if isinstance(target, ast.Subscript):
            return self._written(target.value, target.slice, node.value)
        if isinstance(target, ast.Name):
            self.views.pop(target.id, None)
            if isinstance(node.value, ast.Subscript) and _is_basic(node.value.slice):
                self.views[target.id] = (node.value.value, node.value.slice)
        return node

    def visit_AugAssign(self, node: ast.AugAssign) -> Any:
        now = ast.parse(ast.unparse(node.target), mode="eval").body
        value = ast.BinOp(now, node.op, node.value)
        if isinstance(node.target, ast.Subscript) and not _names_a_part(node.target):
            return self._written(node.target.value, node.target.slice, value)
        return self._written(now, ast.Constant(Ellipsis), value)

    def _written(self, array: ast.expr, key: ast.expr, value: ast.expr) -> list[ast.stmt]:
        name = ast.unparse(array)
        picked = ast.unparse(ast.Subscript(ast.Name("S"), key, ast.Load()))
        text = f"{name} = put({name}, {picked}, {ast.unparse(value)})"
        lines: list[ast.stmt] = list(ast.parse(text).body)
        if name in self.views:
            lines += self._written(*self.views[name], array)
        return lines


def _is_basic(key: ast.expr) -> bool:
    parts = key.elts if isinstance(key, ast.Tuple) else [key]
    return all(
        isinstance(p, (ast.Slice, ast.UnaryOp))
        or (isinstance(p, ast.Constant) and not isinstance(p.value, str))
        for p in parts
    )


def _names_a_part(target: ast.Subscript) -> bool:
    """Whether it is a part of a packed argument, not of an array."""
    return (
        ast.unparse(target).startswith("p[") and not isinstance(target.value, ast.Subscript)
    ) or (ast.unparse(target).startswith("p['b'][") and ast.unparse(target).count("[") == 2)


def functional(source: str) -> str:
    """Return the source of the twin of a program."""
    tree = ast.parse(unwrapped(source))
    return ast.unparse(ast.fix_missing_locations(_Functional().visit(tree)))
