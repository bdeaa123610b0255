"""The sizes at hand where a statement runs, and how they are written."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from chainrule.checking.scene import Scene, text_of
from chainrule.checking.watching import looked_up


def counts(e: ast.expr, scene: Scene) -> list[tuple[str, float]]:
    """Return how the sizes at hand are written, with a weight for each: the batch first."""
    whole = text_of(e)
    found: dict[str, float] = {n: 1.2 for n, v in scene.scope.items() if is_size(v)}
    for node in ast.walk(e):
        if isinstance(node, (ast.Name, ast.Attribute)):
            value = looked_up(text_of(node), scene.scope)
            if isinstance(value, np.ndarray):
                seen = 0.05 if f"{text_of(node)}.shape" in whole else 0.0
                for axis in range(value.ndim):
                    text = f"{text_of(node)}.shape[{axis}]"
                    found.setdefault(text, 1.3 + 0.2 * axis - seen)
    for name in scene.gradients:
        value = scene.scope.get(name)
        if isinstance(value, np.ndarray):
            for axis in range(value.ndim):
                found.setdefault(f"{name}.shape[{axis}]", 1.5 + 0.2 * axis)
            found.setdefault(f"{name}.size", 2.1)
    sizes: dict[Any, tuple[str, float]] = {}
    for text, weight in sorted(found.items(), key=lambda item: item[1]):
        size = _size_of(text, scene.scope)
        if size is not None and size > 1 and size not in sizes:
            sizes[size] = (text, weight)
    return list(sizes.values())


def other_sizes(node: ast.expr, scene: Scene) -> Iterator[str]:
    """Yield what may have been meant in place of a size: another axis, or another name."""
    if isinstance(node, ast.Name):
        if is_size(scene.scope.get(node.id)):
            yield from (n for n, v in scene.scope.items() if n != node.id and is_size(v))
        return
    array, axis = measured(node)
    value = looked_up(text_of(array), scene.scope) if array is not None else None
    if array is None or not isinstance(value, np.ndarray):
        return
    taken = axis % value.ndim if axis is not None and value.ndim else None
    for other in range(value.ndim):
        if other != taken:
            yield f"{text_of(array)}.shape[{other}]"


def measured(node: ast.expr) -> tuple[ast.expr | None, int | None]:
    """Return the array that a size is one of, and the axis: of ``x.shape[1]`` x and 1."""
    if isinstance(node, ast.Attribute) and node.attr == "size":
        return node.value, None
    if isinstance(node, ast.Call) and text_of(node.func) == "len" and len(node.args) == 1:
        return node.args[0], 0
    if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Attribute):
        try:
            axis = ast.literal_eval(node.slice)
        except ValueError:
            return None, None
        if node.value.attr == "shape" and type(axis) is int:
            return node.value.value, axis
    return None, None


def is_size(value: Any) -> bool:
    """Whether a value may be the size of something that has one."""
    whole = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
    return whole and bool(value > 1)


def _size_of(text: str, scope: Mapping[str, Any]) -> int | None:
    base, _, rest = text.rpartition(".")
    if rest.startswith("shape["):
        return int(np.shape(looked_up(base, scope))[int(rest[6:-1])])
    if rest == "size" and base:
        return int(np.size(looked_up(base, scope)))
    value = looked_up(text, scope)
    return int(value) if value is not None else None
