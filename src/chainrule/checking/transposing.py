"""Products of matrices with their factors transposed, or in the other order."""

from __future__ import annotations

import ast

import numpy as np

from chainrule.checking.scene import Scene, expression, text_of
from chainrule.checking.watching import looked_up


def products(left: ast.expr, right: ast.expr, scene: Scene) -> list[tuple[ast.expr, ast.expr]]:
    """Return the other ways to multiply two matrices."""
    (a, at), (b, bt) = _both(left, scene), _both(right, scene)
    ways = [(x, y) for x in (a, at) for y in (b, bt)] + [(y, x) for x in (a, at) for y in (b, bt)]
    now = (text_of(left), text_of(right))
    return [(x, y) for x, y in ways if (text_of(x), text_of(y)) != now]


def _both(node: ast.expr, scene: Scene) -> tuple[ast.expr, ast.expr]:
    """Return a factor as it is and transposed, each of its matrices by itself where it has many."""
    array = untransposed(node)
    base = node if array is None else array
    many = np.ndim(looked_up(text_of(base), scene.scope)) > 2
    if isinstance(node, ast.Attribute) and node.attr == "T":
        return base, swapped(base, scene) if many else node
    if array is not None:
        return base, node
    return node, swapped(node, scene) if many else ast.Attribute(node, "T", ast.Load())


def untransposed(node: ast.expr) -> ast.expr | None:
    """Return what ``x.T``, ``x.transpose(...)`` and ``np.swapaxes(x, ...)`` are made of."""
    if isinstance(node, ast.Attribute) and node.attr == "T":
        return node.value
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
        return None
    if node.func.attr not in ("transpose", "swapaxes"):
        return None
    if node.args and isinstance(node.args[0], (ast.Name, ast.Attribute)):
        return node.args[0]
    return node.func.value


def swapped(node: ast.expr, scene: Scene) -> ast.expr:
    """Return an array with each of its matrices transposed."""
    return expression(f"{scene.np}.swapaxes({text_of(node)}, -1, -2)")
