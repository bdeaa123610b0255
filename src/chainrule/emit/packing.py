"""Parameters that are updated alike, laid side by side in one array.

An optimizer does the same to every parameter: a dozen operations each, however small it is. Where
the updates of several parameters are the same operations with the same numbers, these parameters,
what the optimizer keeps of each, and their gradients become parts of long arrays, and each
operation is done once, for all of them. The rest of the graph sees views of these arrays.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from chainrule.emit.forms import ufunc_of
from chainrule.emit.kernel import Kernel, Size
from chainrule.graph import INPUT, NO_PARAMS, Graph, Node
from chainrule.notation import call
from chainrule.op import Abstract, Op
from chainrule.rules import TABLE

#: One array of the elements of several, one after the other.
PACK = Op(
    name="pack",
    forward=lambda *parts: np.concatenate([np.ravel(part) for part in parts]),
    vjp=None,
    notation=call("pack"),
    infer=lambda op, parts, params: Abstract(
        (sum(Abstract.of(p).size for p in parts),), Abstract.of(parts[0]).dtype
    ),
)
#: One parameter alone is laid out flat where it is so large that it is updated block by block.
LARGE = 1 << 15

Lanes = tuple[Node, ...]


@dataclass(frozen=True)
class Packed:
    """A kernel whose carry has long arrays in it.

    Attributes
    ----------
    kernel : Kernel
    carry : tuple of tuple of int
        For each input of the carry, which of the original inputs are in it.
    """

    kernel: Kernel
    carry: tuple[tuple[int, ...], ...]


class _ConflictError(Exception):
    """The updates are not as much alike as they seemed."""


class _Packing:
    """Finds which nodes do the same to different parameters."""

    def __init__(self, kernel: Kernel, count: int) -> None:
        self.kernel = kernel
        self.count = count
        self.inputs = kernel.graph.inputs
        self.position = {node: k for k, node in enumerate(self.inputs[:count])}
        self.alike: dict[Lanes, list[Lanes | Node] | None] = {}
        #: Node -> where it stands among which others.
        self.lane: dict[Node, tuple[Lanes, int]] = {}

    def eligible(self, node: Node) -> bool:
        """Whether each element of a result depends on the same element of its operands."""
        return (
            node.op.elementwise
            and ufunc_of(node.op) is not None
            and not node.params
            and bool(node.shape)
            and not any(isinstance(n, Size) for n in self.kernel.dims[node])
            and all(i.shape in ((), node.shape) for i in node.inputs)
        )

    def shallow(self, node: Node, depth: int = 2) -> Any:
        """Return what must be the same for two updates to be worth a closer look."""
        if not node.shape:
            return node
        if depth == 0 or not self.eligible(node):
            return node in self.position
        return node.op, node.abstract.dtype, *(self.shallow(i, depth - 1) for i in node.inputs)

    def seeds(self) -> Iterator[Lanes]:
        """Yield the outputs that seem to be updates of the same kind, the longest first."""
        groups: dict[Any, list[Node]] = {}
        outputs = self.kernel.graph.outputs[: self.count]
        for carried, output in zip(self.inputs[: self.count], outputs, strict=True):
            if self.eligible(output) and output.shape == carried.shape:
                group = groups.setdefault(self.shallow(output), [])
                if output not in group:
                    group.append(output)
        order = {node: k for k, node in enumerate(self.kernel.graph.nodes)}
        for group in sorted(groups.values(), key=lambda g: -order[g[-1]]):
            if len(group) > 1 or group[0].abstract.size >= LARGE:
                yield tuple(group)

    def match(self, lanes: Lanes) -> None:
        """Go up from results to what they are computed of, as long as it is alike."""
        if lanes in self.alike:
            return
        if len(set(lanes)) < len(lanes) or any(node in self.lane for node in lanes):
            raise _ConflictError
        self.lane.update({node: (lanes, k) for k, node in enumerate(lanes)})
        self.alike[lanes] = None
        first = lanes[0]
        if not all(
            self.eligible(n)
            and n.op is first.op
            and n.abstract.dtype == first.abstract.dtype
            and len(n.inputs) == len(first.inputs)
            for n in lanes
        ):
            return
        columns: list[Lanes | Node] = []
        for position, operand in enumerate(first.inputs):
            column = tuple(n.inputs[position] for n in lanes)
            if not operand.shape:
                if set(column) != {operand}:
                    return
                columns.append(operand)
            elif any(c.shape != n.shape for c, n in zip(column, lanes, strict=True)):
                return
            else:
                columns.append(column)
        self.alike[lanes] = columns
        for part in columns:
            if not isinstance(part, Node):
                self.match(part)

    def carried(self, lanes: Lanes) -> bool:
        """Whether these are parameters, or what is kept from step to step."""
        return all(node in self.position for node in lanes)


class _Rewriting:
    """Makes the kernel in which what is alike is done at once."""

    def __init__(self, packing: _Packing) -> None:
        self.packing = packing
        self.kernel = packing.kernel
        self.nodes: list[Node] = []
        self.dims: dict[Node, tuple[int, ...]] = {}
        self.varying: dict[Node, str] = {}
        self.made: dict[Any, Node] = {}
        self.views: dict[Node, Node] = {}

    def add(self, node: Node, dims: tuple[int, ...]) -> Node:
        self.nodes.append(node)
        self.dims[node] = dims
        return node

    def units(self, wanted: Sequence[Lanes | Node]) -> None:
        """Make what is wanted, and before it what that is computed of."""
        stack: list[tuple[Lanes | Node, bool]] = [(unit, False) for unit in reversed(wanted)]
        open_: set[Any] = set()
        while stack:
            unit, ready = stack.pop()
            if ready:
                open_.discard(unit)
                self.make(unit)
                continue
            if unit in self.made:
                continue
            if unit in open_:  # what is alike depends on its like
                raise _ConflictError
            open_.add(unit)
            stack.append((unit, True))
            stack += [(u, False) for u in reversed(self.needs(unit)) if u not in self.made]

    def needs(self, unit: Lanes | Node) -> list[Lanes | Node]:
        if isinstance(unit, Node):
            return [self.unit_of(i) for i in unit.inputs]
        columns = self.packing.alike[unit]
        if columns is not None:
            return [c if not isinstance(c, Node) else self.unit_of(c) for c in columns]
        return [] if self.packing.carried(unit) else list(unit)

    def unit_of(self, node: Node) -> Lanes | Node:
        """Return what has to be made for a node to be read: all of its like, or itself."""
        lanes, _ = self.packing.lane.get(node, ((), 0))
        if lanes and (self.packing.alike[lanes] is not None or self.packing.carried(lanes)):
            return lanes
        return node

    def make(self, unit: Lanes | Node) -> None:
        if unit in self.made:
            return
        if isinstance(unit, Node):
            inputs = tuple(self.read(i) for i in unit.inputs)
            copied = Node(
                unit.op, inputs, unit.params, unit.abstract, unit.value, unit.name, unit.where
            )
            self.made[unit] = self.add(copied, self.kernel.dims[unit])
            if unit in self.kernel.varying:
                self.varying[copied] = self.kernel.varying[unit]
            return
        columns = self.packing.alike[unit]
        first, dims = unit[0], (sum(n.abstract.size for n in unit),)
        abstract = Abstract(dims, first.abstract.dtype)
        name = _name(unit)
        if columns is not None:
            operands = [self.made[c] if not isinstance(c, Node) else self.read(c) for c in columns]
            node = Node(first.op, tuple(operands), NO_PARAMS, abstract, None, name, first.where)
        elif self.packing.carried(unit):
            node = Node(INPUT, (), NO_PARAMS, abstract, None, name)
        else:
            node = Node(PACK, tuple(self.made[n] for n in unit), NO_PARAMS, abstract, None, name)
        self.made[unit] = self.add(node, dims)

    def read(self, node: Node) -> Node:
        """Return a node as the rest of the graph sees it: in its own shape."""
        unit = self.unit_of(node)
        if isinstance(unit, Node):
            return self.made[unit]
        if node not in self.views:
            start = sum(n.abstract.size for n in unit[: unit.index(node)])
            key = {"key": (slice(start, start + node.abstract.size),)}
            dtype = node.abstract.dtype
            flat = Abstract((node.abstract.size,), dtype)
            view = self.add(Node(TABLE["getitem"], (self.made[unit],), key, flat), flat.shape)
            if node.shape != flat.shape:
                shape = {"shape": node.shape}
                abstract = Abstract(node.shape, dtype)
                view = Node(TABLE["reshape"], (view,), shape, abstract, None, node.name)
                self.add(view, node.shape)
            self.views[node] = view
        return self.views[node]


def _name(lanes: Lanes) -> str | None:
    names = [node.name for node in lanes]
    return f"{names[0]}_to_{names[-1]}" if names[0] and names[-1] and len(names) > 1 else names[0]


def packed(kernel: Kernel, count: int) -> Packed:
    """Return a kernel with the first `count` inputs and outputs laid together where they can be.

    Where they cannot, it is the kernel that was given.
    """
    unchanged = Packed(kernel, tuple((k,) for k in range(count)))
    packing = _Packing(kernel, count)
    try:
        for lanes in packing.seeds():
            if not any(node in packing.lane for node in lanes):
                packing.match(lanes)
        if not any(columns is not None for columns in packing.alike.values()):
            return unchanged
        return _rewritten(packing)
    except _ConflictError:
        return unchanged


def _rewritten(packing: _Packing) -> Packed:
    kernel, inputs, outputs = packing.kernel, packing.inputs, packing.kernel.graph.outputs
    rewriting = _Rewriting(packing)
    carry: list[Lanes | Node] = list(dict.fromkeys(map(rewriting.unit_of, inputs[: packing.count])))
    after: list[Lanes | Node] = []
    for unit in carry:
        if isinstance(unit, Node):
            after.append(outputs[packing.position[unit]])
            continue
        lanes = tuple(outputs[packing.position[node]] for node in unit)
        if lanes not in packing.alike:
            packing.match(lanes)
        after.append(lanes)
    data = list(inputs[packing.count :])
    rewriting.units([*carry, *data])
    reported = outputs[packing.count :]
    rewriting.units([rewriting.unit_of(o) for o in reported])
    rewriting.units([rewriting.unit_of(a) if isinstance(a, Node) else a for a in after])
    ends = [
        *(rewriting.read(a) if isinstance(a, Node) else rewriting.made[a] for a in after),
        *(rewriting.read(o) for o in reported),
    ]
    read = _read(kernel, rewriting)
    packed_kernel = replace(
        kernel,
        graph=Graph(rewriting.nodes, ends),
        dims=rewriting.dims,
        varying=rewriting.varying,
        read=read,
    )
    groups = tuple(
        (packing.position[u],)
        if isinstance(u, Node)
        else tuple(packing.position[node] for node in u)
        for u in carry
    )
    return Packed(packed_kernel, groups)


def _read(kernel: Kernel, rewriting: _Rewriting) -> Mapping[str, tuple[int, int]]:
    """Return where sizes are to be read among the inputs as they are now."""
    places = {node: k for k, node in enumerate(n for n in rewriting.nodes if n.is_input)}
    found: dict[str, tuple[int, int]] = {}
    for name, (position, axis) in kernel.read.items():
        node = rewriting.made.get(kernel.graph.inputs[position])
        if node in places:
            found[name] = (places[node], axis)
    return found
