"""How much a kernel has to do."""

from __future__ import annotations

import numpy as np

from chainrule.emit.kernel import Kernel
from chainrule.graph import Node


def work(kernel: Kernel) -> tuple[int, int]:
    """Return how many floating-point operations products take, and all else."""
    products = others = 0
    for node in kernel.graph.nodes:
        if node.is_leaf or node.op.view:
            continue
        shapes = [i.shape for i in node.inputs]
        spec = node.op.subscripts(shapes, **node.params) if node.op.subscripts else None
        if spec is not None and len(node.inputs) > 1 and "." not in spec:
            products += _multiplications(spec, shapes) * len(node.inputs)
        else:
            others += max([node.abstract.size, *(_size(i) for i in node.inputs)])
    return products, others


def _size(node: Node) -> int:
    return node.abstract.size


def _multiplications(spec: str, shapes: list[tuple[int, ...]]) -> int:
    extents: dict[str, int] = {}
    for letters, shape in zip(spec.split("->")[0].split(","), shapes, strict=True):
        for letter, n in zip(letters.strip(), shape, strict=True):
            extents[letter] = max(extents.get(letter, 1), n)
    return int(np.prod([*extents.values()], dtype=np.int64))
