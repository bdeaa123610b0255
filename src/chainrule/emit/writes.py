"""Arrays that are written to element by element, as a person writes them.

In the graph each writing makes a new array, and each element that is read sends back an
array of its own, with zeros elsewhere. In code, an array is written to in place where
nobody asks for what it was before, and the gradients of several elements are put into
one array of zeros.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from chainrule.emit.program import Program
from chainrule.graph import Node
from chainrule.rules import TABLE
from chainrule.rules.complex import PARTS
from chainrule.rules.index import filled, is_basic

#: Operands that are asked for their shape alone, whatever they have come to hold.
_SHAPE_ALONE = frozenset(
    (TABLE[name], position)
    for name, position in (
        ("scatter", 0), ("zeros_like", 0), ("ones_like", 0), ("size", 0),
        ("broadcast_to", 1), ("is_last", 0),
    )
)  # fmt: skip
_ALLOCATING = frozenset(
    TABLE[name] for name in ("copy", "zeros_like", "ones_like", "setitem", "scatter", "matmul")
)
#: Arrays up to this size are asked which of their elements are written.
_LARGEST = 100_000


class Writes:
    """Decides what may be written in place.

    Parameters
    ----------
    program : Program
    """

    def __init__(self, program: Program) -> None:
        nodes = program.graph.nodes
        consumers = program.graph.consumers()
        alone = {n for n in nodes if len(consumers[n]) == 1 and n not in program.graph.outputs}
        #: Sum -> the scatterings among its terms that it writes itself.
        self.gathered: dict[Node, list[Node]] = {}
        for node in nodes:
            parts = [
                i
                for i in node.inputs
                if node.op is TABLE["add"]
                and i.op is TABLE["scatter"]
                and i in alone
                and i.shape == node.shape
                and i.abstract.dtype == node.abstract.dtype
                and not (i.name or program.gradients.get(i))
            ]
            others = [i for i in node.inputs if i not in parts]
            whole = [
                i.shape == node.shape and i.abstract.dtype == node.abstract.dtype for i in others
            ]
            if (len(parts) > 1 and not others) or (parts and any(whole)):
                self.gathered[node] = parts
        #: Scatterings that are left to a sum.
        self.left = {part for parts in self.gathered.values() for part in parts}
        self._when = {n: (n not in program.forward, i) for i, n in enumerate(nodes)}
        for total, parts in self.gathered.items():
            for part in parts:
                self._when[part] = self._when[total]
        self._readers = {
            node: [c for c, position in found if (c.op, position) not in _SHAPE_ALONE]
            for node, found in consumers.items()
        }
        self._outputs = frozenset(program.graph.outputs)
        #: Node -> nodes whose names stand in what it is written as, or whose memory it shares.
        self._reads: dict[Node, frozenset[Node]] = {}
        self._read_by: dict[Node, list[Node]] = {}

    def note(self, node: Node, inline: bool) -> None:
        """Take note that a node was written, under a name or in line."""
        reads = frozenset() if inline and node.inputs else frozenset((node,))
        # A single element that is read is a number; where an ellipsis picks it, it is a view.
        element = (
            node.op is TABLE["getitem"] and node.shape == () and Ellipsis not in node.params["key"]
        )
        if inline or node.op in PARTS or (node.op.view and not element):
            reads = reads.union(*(self._reads.get(i, ()) for i in node.inputs))
        self._reads[node] = reads
        for read in reads - {node}:
            self._read_by.setdefault(read, []).append(node)

    def is_last(self, node: Node, array: Node) -> bool:
        """Whether an array, by whatever name, is asked for its numbers after a node."""
        if array in self._outputs:
            return False
        now = self._when[node]
        seen = (array, *self._read_by.get(array, ()))
        return not any(n in self._outputs for n in seen) and not any(
            self._when[reader] > now for n in seen for reader in self._readers[n]
        )


def is_fresh(node: Node) -> bool:
    """Whether a result has memory of its own."""
    return node.op in _ALLOCATING or (node.op.elementwise and node.op not in PARTS)


def apart(parts: Sequence[Node]) -> list[bool]:
    """Tell for each scattering whether it writes to no place that one before it has written to."""
    shape = parts[0].shape
    if np.prod(shape) > _LARGEST or not all(is_basic(p.params["key"]) for p in parts):
        # Where the places are data, another call may name one of them twice.
        return [i == 0 for i in range(len(parts))]
    written = np.zeros(shape, bool)
    found = []
    for part in parts:
        key = filled(part.params["key"], ())
        found.append(not np.any(written[key]))
        written[key] = True
    return found


def ascending(parts: Iterable[Node]) -> list[Node]:
    """Sort scatterings that are apart by the place of their first element."""

    def first(part: Node) -> int:
        places = np.arange(int(np.prod(part.shape))).reshape(part.shape)
        key = part.params["key"]
        if not is_basic(key):  # where it writes is data
            return int(places.size)
        return int(np.min(places[filled(key, ())], initial=places.size))

    return sorted(parts, key=first)


def joined_along(parts: Sequence[Node]) -> int | None:
    """Return the axis along which scatterings that are apart, in order, make up the whole."""
    shape = parts[0].shape
    for axis, size in enumerate(shape):
        end = 0
        for part in parts:
            key = part.params["key"]
            whole = all(k == slice(None) for k in key[:axis] + key[axis + 1 :])
            if len(key) <= axis or not whole or not isinstance(key[axis], slice):
                break
            start, stop, step = key[axis].indices(size)
            there = (*shape[:axis], stop - start, *shape[axis + 1 :])
            if start != end or step != 1 or part.inputs[1].shape != there:
                break
            end = stop
        else:
            if end == size:
                return axis
    return None
