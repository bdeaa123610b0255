"""Activations, found in the graph: wherever a result depends on one number alone.

Nothing is known of kinds of layers. A node is followed back through elementwise operations as long
as there is one node behind it that depends on the data or the parameters; what lies between the
two is a function of single numbers, the same one for every row.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.backward import differentiate
from chainrule.errors import ChainruleError
from chainrule.graph import Node
from chainrule.trace import Recorder, tracing

#: Where a function of single numbers is tried: around 0; further out, since it may be steep beside
#: 0, as with an offset; and far out, where a function that levels off has done so.
_GRID, _WIDE = np.linspace(-4.0, 4.0, 33), np.linspace(-64.0, 64.0, 257)
_FAR = np.array([-2e4, -1e4, 1e4, 2e4])
#: Change far out, over the change in the middle, below which a function has levelled off.
_LEVEL = 1e-3


@dataclass(frozen=True)
class Region:
    """A function of single numbers, in the graph of a model.

    Attributes
    ----------
    start, end : Node
        What goes in, and what comes out.
    nodes : tuple of Node
        Those in between, and the end.
    position : int
        Of the end, in the graph.
    """

    start: Node
    end: Node
    nodes: tuple[Node, ...]
    position: int

    def __call__(self, z: Any) -> Any:
        """Apply the function."""
        made: dict[Node, Any] = {self.start: z}
        for node in self.nodes:
            operands = [made.get(i, i.value) for i in node.inputs]
            made[node] = node.op(*operands, **node.params)
        return made[self.end]

    def slopes(self, z: np.ndarray) -> np.ndarray:
        """Return the derivative at each number."""
        with np.errstate(all="ignore"):
            with tracing(lambda level: Recorder(level)) as recorder:
                given = recorder.input("z", z)
                graph = recorder.graph([np.sum(self(given))])
            (start,) = graph.inputs
            found = differentiate(graph, [start]).gradients[start].value
        return np.asarray(np.broadcast_to(found, z.shape))

    def shape(self) -> Shape | None:
        """Return what the function looks like; None for one that is not defined everywhere.

        A square root, as of a variance, and an exponential, as in a softmax, are no activations.
        """
        try:
            steep = np.abs(self.slopes(self._rows(_GRID)))
            with np.errstate(all="ignore"):
                far, wide = self(self._rows(_FAR)), self(self._rows(_WIDE))
            elsewhere = np.abs(self.slopes(self._rows(_WIDE)))
        except ChainruleError:
            return None
        if not np.all(np.isfinite(far)):
            return None
        spread = np.nanmax(wide, axis=0) - np.nanmin(wide, axis=0)
        level = [np.abs(far[i + 1] - far[i]) <= _LEVEL * spread for i in (0, 2)]
        ends = int(np.all(level[0])) + int(np.all(level[1]))
        if not np.all(np.isfinite(steep)):
            return None
        steepest = np.max(np.concatenate([steep, np.nan_to_num(elsewhere, posinf=0)]), axis=0)
        return Shape(steepest, bool(np.any(steep == 0)), ends)

    def _rows(self, numbers: np.ndarray) -> np.ndarray:
        """Return each of some numbers for all units, in a row of its own."""
        shape = self.start.shape[1:]
        column = numbers.astype(self.start.abstract.dtype).reshape(-1, *(1,) * len(shape))
        return np.ascontiguousarray(np.broadcast_to(column, (len(numbers), *shape)))


@dataclass(frozen=True)
class Shape:
    """What a function of single numbers looks like.

    Attributes
    ----------
    steepest : array
        The greatest size of its derivative, for each unit.
    has_flat_part : bool
        Whether the derivative is exactly 0 somewhere near 0, as that of a ReLU.
    level_ends : int
        On how many sides it levels off: both for a sigmoid, one for a ReLU.
    """

    steepest: np.ndarray
    has_flat_part: bool
    level_ends: int


def regions(nodes: Sequence[Node], rows: int, output: Node) -> list[Region]:
    """Return the functions of single numbers in a graph, each as long as it can be.

    Parameters
    ----------
    nodes : sequence of Node
        With values; what depends on the data or on parameters begins at inputs.
    rows : int
        How many samples there are: whatever differs from row to row and is no input, such as a
        mask, ends a function.
    output : Node
        The last result.
    """
    roots = _roots(nodes, rows)
    read_elsewhere = {output} & roots.keys()
    for node in nodes:
        for operand in node.inputs:
            if operand in roots and roots.get(node) is not roots[operand]:
                read_elsewhere.add(operand)
    found = []
    for position, end in enumerate(nodes):
        start = roots.get(end)
        if end in read_elsewhere and start is not None and start is not end and _is_float(end):
            inside = [n for n in nodes[: position + 1] if n is not start and roots.get(n) is start]
            found.append(Region(start, end, _between(inside, end), position))
    return found


def _roots(nodes: Sequence[Node], rows: int) -> dict[Node, Node]:
    """Map each node that depends on an input to the one node that all of it depends on."""
    roots: dict[Node, Node] = {}
    for node in nodes:
        if node.is_leaf:
            if node.is_input:
                roots[node] = node
            continue
        moving = [i for i in node.inputs if i in roots]
        if not moving:
            continue
        behind = {roots[i] for i in moving}
        (root,) = behind if len(behind) == 1 else (None,)
        others = [i for i in node.inputs if i not in roots]
        alike = (
            root is not None
            and node.op.elementwise
            and node.shape == root.shape
            and len(root.shape) > 0
            and root.shape[0] == rows
            and not any(_differs_by_row(i, node) for i in others)
        )
        roots[node] = root if alike and root is not None else node
    return roots


def _differs_by_row(operand: Node, node: Node) -> bool:
    same_axes = len(operand.shape) == len(node.shape) > 0
    return same_axes and operand.shape[0] == node.shape[0] > 1


def _between(nodes: Sequence[Node], end: Node) -> tuple[Node, ...]:
    """Return the nodes that the end is computed from."""
    needed = {end}
    for node in reversed(nodes):
        if node in needed:
            needed.update(node.inputs)
    return tuple(n for n in nodes if n in needed)


def _is_float(node: Node) -> bool:
    return node.abstract.dtype.kind == "f"
