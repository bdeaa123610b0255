"""Where the layers of a network begin, as its graph tells, and what they are called."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from chainrule.graph import Node
from chainrule.picture.scenes.reads import contraction, is_move


def layer_starts(operations: Sequence[Node], parameters: Collection[Node]) -> list[int]:
    """Return where data meet a parameter in a sum of products.

    What only prepares the parameter, as a transpose, belongs to it. Where the same parameters are
    met again and again, as in a recurrence, there are no layers but turns of a loop.
    """
    starts = []
    met: list[Node] = []
    for i, node in enumerate(operations):
        meets = [operand in parameters for operand in node.inputs]
        if any(meets) and not all(meets) and contraction(node) is not None:
            met += [_root(o) for o in node.inputs if o in parameters]
            while i > 0 and operations[i - 1] in parameters:
                i -= 1
            starts.append(i)
    return starts if len(met) < 2 * len(set(met)) else []


def _root(node: Node) -> Node:
    """Return the argument that a parameter's numbers come from."""
    while not node.is_leaf:
        node = node.inputs[0]
    return node


def loss_start(operations: Sequence[Node], start: int, parameters: Collection[Node]) -> int:
    """Return where the last layer ends and what makes a loss of its result begins."""
    for i in range(start, len(operations)):
        node = operations[i]
        if node in parameters or (i == start) or contraction(node) is not None:
            continue
        brings = any(o.is_input and o not in parameters for o in node.inputs)
        if brings or not (node.op.elementwise or is_move(node)):
            return i
    return len(operations)


def layer_title(nodes: Sequence[Node], parameters: Collection[Node]) -> str:
    """Return what the names of a layer's parameters have in common: ``dense1``; else nothing."""
    names = [
        operand.name
        for node in nodes
        for operand in node.inputs
        if operand.is_input and operand in parameters and operand.name
    ]
    if not names:
        return ""
    containers = {_container(name) for name in names}
    if len(containers) == 1 and (found := containers.pop()):
        return found
    fronts = {name.rpartition("_")[0] for name in names}
    return fronts.pop() if len(fronts) == 1 and len(set(names)) > 1 else ""


def _container(name: str) -> str:
    """Return the last container of a path: ``dense1`` for ``params['dense1']['W']``."""
    parts = re.findall(r"\[[^\]]*\]|\.\w+|^\w+", name)
    if len(parts) < 2:
        return ""
    if len(parts) == 2:
        return parts[0] if re.search(r"\d$", parts[0]) else ""
    inner = parts[-2]
    key = inner.strip("[].'\"")
    return f"{parts[-3].strip('.')}[{key}]" if key.isdigit() else key
