"""What is in scope where a statement runs, and what it has to do with the forward pass."""

from __future__ import annotations

import ast
import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from chainrule.checking.claims import Claim
from chainrule.checking.flow import reads
from chainrule.checking.judging import Judged
from chainrule.checking.naming import says_gradient
from chainrule.checking.reference import Reference, Traced
from chainrule.checking.scene import Scene
from chainrule.checking.source import Unit, targets_of
from chainrule.checking.watching import Event, Watch
from chainrule.graph import Node
from chainrule.rules import TABLE


def scene_at(
    position: int, event: Event, run: Judged, watch: Watch, found: Sequence[Claim]
) -> Scene:
    """Return what is known before a statement."""
    before = next(
        (e.scope for e in reversed(watch.events[:position]) if e.unit is event.unit), None
    )
    made = targets_of(event.statement)
    new = {n: v for n, v in event.scope.items() if n not in made}  # the variables of a loop
    scope = {**new, **(before if before is not None else watch.entry)}
    upstream = run.point.upstream
    gradients = {c.name for c in found} | _from_upstream(watch, run, event.unit)
    known = _forward_values(run)
    gradients = {
        n for n in gradients
        if n in scope
        and (_equal(scope[n], upstream) or not any(_equal(scope[n], v) for v in known))
    }  # fmt: skip
    relation, limits = forward_relations(run.reference, scope)
    moving = [run.point.values[p] for p in run.subject.moving]
    weights = {
        name
        for name, value in scope.items()
        if isinstance(value, (np.ndarray, float)) and any(_equal(value, m) for m in moving)
    }
    # What is updated in place has other numbers by now.
    weights |= {
        name
        for name, value in watch.entry.items()
        if isinstance(value, np.ndarray) and any(_equal(value, m) for m in moving)
    }
    module = event.unit.function.__globals__
    np_ = next((n for n, v in module.items() if v is np), "np")
    tensors = run.subject.array_module
    if tensors is not None:
        np_ = next((n for n, v in module.items() if v is tensors), np_)
    return Scene(
        scope, frozenset(gradients), relation, is_forward(run.reference), limits,
        frozenset(weights), _indices(event.unit), np_,
    )  # fmt: skip


@functools.lru_cache(maxsize=64)
def _indices(unit: Unit) -> tuple[str, ...]:
    """Return the indices that are written in a function."""
    found = (
        ast.unparse(node.slice)
        for node in ast.walk(unit.tree)
        if isinstance(node, ast.Subscript) and not isinstance(node.slice, ast.Constant)
    )
    return tuple(dict.fromkeys(found))[:8]


def _forward_values(run: Judged) -> list[Any]:
    reference = run.reference
    if not isinstance(reference, Traced):
        return []
    return [n.value for n in reference.graph.nodes if n.shape and n.carries_gradient]


def is_forward(reference: Reference) -> Callable[[Any], bool]:
    """Return what tells whether a number is one that forward computes with."""
    known = (
        {float(n.value) for n in reference.graph.nodes if n.shape == () and n.carries_gradient}
        if isinstance(reference, Traced)
        else set()
    )
    return lambda value: np.ndim(value) == 0 and float(value) in known


def _from_upstream(watch: Watch, run: Judged, unit: Unit) -> set[str]:
    """Return the names whose values are made from the upstream gradient, and itself."""
    upstream = run.point.upstream
    found = {
        name
        for name, value in watch.entry.items()
        if name in run.subject.upstream_names
        or (np.ndim(upstream) and isinstance(value, np.ndarray) and _equal(value, upstream))
    }
    for event in watch.events:
        if event.unit is not unit:
            continue
        read = reads(event.statement)
        for name, value in event.assigned.items():
            is_float = np.asarray(value).dtype.kind == "f"
            if is_float and (says_gradient(name) or read & found):
                found.add(name)
    return found


def _equal(some: Any, other: Any) -> bool:
    return getattr(some, "shape", ()) == getattr(other, "shape", ()) and np.array_equal(some, other)


def forward_relations(
    reference: Reference, scope: Any
) -> tuple[Callable[[Any, Any], str], list[tuple[str, str, str]]]:
    """Return how two values are related in forward, and what it clipped; see `Scene`."""
    if not isinstance(reference, Traced):
        return (lambda old, new: ""), []
    nodes = [n for n in reference.graph.nodes if n.carries_gradient]

    def node_of(value: Any) -> list[Node]:
        return [n for n in nodes if _equal(value, n.value)]

    def alone(node: Node) -> bool:
        return sum(i.carries_gradient for i in node.inputs) == 1

    def follows(late: Sequence[Node], early: Sequence[Node]) -> bool:
        pending, depth = list(late), 0
        while pending and depth < 200:
            node = pending.pop()
            depth += 1
            if any(node is e for e in early):
                return True
            if node.op.elementwise and alone(node):
                pending += node.inputs
        return False

    def relation(old: Any, new: Any) -> str:
        if not isinstance(old, np.ndarray) or np.shape(old) != np.shape(new):
            return ""
        mine, other = node_of(old), node_of(new)
        if not mine or not other:
            return ""
        if follows(mine, other):
            return "output"
        return "input" if follows(other, mine) else ""

    limits = []
    for node in reference.graph.nodes:
        if node.op is not TABLE["clip"]:
            continue
        array, low, high = node.inputs
        for name, value in scope.items():
            if isinstance(value, np.ndarray) and _equal(value, array.value):
                limits.append((name, _bound(low, -np.inf), _bound(high, np.inf)))
    return relation, limits


def _bound(node: Node, default: float) -> str:
    value = node.value if node.value is not None else default
    return repr(float(value)) if np.ndim(value) == 0 else "np.inf"
