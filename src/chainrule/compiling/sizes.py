"""One graph for every size: two traces compared, and what differs told by name.

``len(X)`` and ``X.shape[0]`` are Python numbers, so whatever follows from them stands in a graph as
a constant. A function is therefore traced for two sizes. Where both graphs are the same but for
some numbers, these numbers follow from the sizes; they become arguments of the emitted code,
and another trace, which takes milliseconds, says what they are for any other size.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule.compiling.tracing import Kinds, Outline
from chainrule.emit.kernel import Kernel, Size, free_name
from chainrule.graph import Graph, Node


class DiffersError(Exception):
    """Two graphs differ in more than numbers: what they compute depends on the sizes."""


class _Comparison:
    """Goes through two graphs side by side, and names what differs."""

    def __init__(self, first: Graph, second: Graph) -> None:
        self.twin = twins(first, second)
        self.taken = {n.name for n in first.nodes if n.name}
        #: Pair of numbers -> the size that they are.
        self.sizes: dict[tuple[int, int], Size] = {}
        self.varying: dict[Node, str] = {}

    def size(self, a: int, b: int) -> Size:
        """Return the size that is `a` in the one graph and `b` in the other."""
        if (a, b) not in self.sizes:
            self.sizes[a, b] = Size(a, free_name("n", self.taken))
        return self.sizes[a, b]

    def both(self, a: Any, b: Any) -> Any:
        """Return what holds in both graphs, with a size for each number that differs."""
        if type(a) is not type(b):
            raise DiffersError(f"{a!r} and {b!r}")
        if isinstance(a, tuple):
            if len(a) != len(b):
                raise DiffersError(f"{a!r} and {b!r}")
            return type(a)(self.both(x, y) for x, y in zip(a, b, strict=True))
        if isinstance(a, slice):
            return slice(*(self.both(getattr(a, k), getattr(b, k)) for k in _ENDS))
        if isinstance(a, range):
            ends = tuple(self.both(getattr(a, k), getattr(b, k)) for k in _ENDS)
            return a if a == b else Steps(*ends)
        if type(a) is int:
            return a if a == b else self.size(a, b)
        if not same(a, b):
            raise DiffersError(f"{a!r} and {b!r}")
        return a

    def node(self, a: Node, b: Node) -> tuple[Any, tuple[int, ...]]:
        """Return the parameters and the shape that hold in both graphs."""
        if a.is_constant and not same(a.value, b.value):
            self.varying[a] = free_name(a.name or "c", self.taken)
        params = {key: self.both(value, b.params[key]) for key, value in a.params.items()}
        return params, self.both(a.shape, b.shape)


_ENDS = ("start", "stop", "step")


def twins(first: Graph, second: Graph) -> dict[Node, Node]:
    """Return for each node of a graph the one of another that does the same, of any size.

    Raises
    ------
    DiffersError
        When the graphs differ in more than numbers.
    """
    if len(first) != len(second):
        raise DiffersError(f"{len(first)} operations, {len(second)} of the other size")
    twin = dict(zip(first.nodes, second.nodes, strict=True))
    if [twin[o] for o in first.outputs] != list(second.outputs):
        raise DiffersError("other results")
    for a, b in twin.items():
        if a.op is not b.op or [twin[i] for i in a.inputs] != list(b.inputs):
            raise DiffersError(f"{a.op.name} and {b.op.name}")
        mine, theirs = a.abstract, b.abstract
        if (mine.dtype, mine.ndim, mine.weak) != (theirs.dtype, theirs.ndim, theirs.weak):
            raise DiffersError(f"{a.op.name} of {mine} and {theirs}")
        if a.params.keys() != b.params.keys():
            raise DiffersError(f"the parameters of {a.op.name}")
    return twin


class Steps:
    """A range of which an end varies with the sizes."""

    def __init__(self, start: int, stop: int, step: int) -> None:
        self.start, self.stop, self.step = start, stop, step

    def __repr__(self) -> str:
        return f"range({self.start!r}, {self.stop!r}, {self.step!r})"


#: What may stand, for other sizes, where a kernel has a slice or a range.
_LIKE = {slice: slice, Steps: range}


def same(a: Any, b: Any) -> bool:
    """Whether two parameters, or constants, are the same to the last bit, signs of zeros, too."""
    if a is b:
        return True
    if type(a) is not type(b):
        return False
    if isinstance(a, (np.ndarray, np.generic)):
        return a.shape == b.shape and bool(a.dtype == b.dtype) and a.tobytes() == b.tobytes()
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(v, b[k]) for k, v in a.items())
    if isinstance(a, (tuple, list)):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, (float, complex)):
        return repr(a) == repr(b)
    return bool(a == b)


def unified(first: Outline, second: Outline | None = None) -> Kernel:
    """Make a kernel that serves all sizes of which these are two.

    Raises
    ------
    DiffersError
        When the graphs differ in more than numbers.
    """
    graph = first.graph
    compared = _Comparison(graph, graph if second is None else second.graph)
    made: dict[Node, Node] = {}
    dims: dict[Node, tuple[int, ...]] = {}
    varying: dict[Node, str] = {}
    for node in graph.nodes:
        params, shape = compared.node(node, compared.twin[node])
        inputs = tuple(made[i] for i in node.inputs)
        made[node] = Node(node.op, inputs, params, node.abstract, node.value, node.name, node.where)
        dims[made[node]] = shape
        if node in compared.varying:
            varying[made[node]] = compared.varying[node]
    sized = Graph(made.values(), (made[o] for o in graph.outputs))
    read: dict[str, tuple[int, int]] = {}
    for position, node in enumerate(sized.inputs):
        for axis, size in enumerate(dims[node]):
            if isinstance(size, Size):
                read.setdefault(size.name, (position, axis))
    given = (*(size.name for size in compared.sizes.values()), *varying.values())
    return Kernel(first.name, sized, dims, given, varying, read)


def refilled(kernel: Kernel, outline: Outline) -> tuple[Any, ...]:
    """Return the values of ``kernel.given`` for the sizes that an outline was made for.

    Raises
    ------
    DiffersError
        When the kernel does not hold for them.
    """
    found: dict[str, Any] = {}

    def check(a: Any, b: Any) -> None:
        if isinstance(a, Size):
            if type(b) is not int:
                raise DiffersError(f"{a!r} and {b!r}")
            if found.setdefault(a.name, b) != b:
                raise DiffersError(f"{a.name} would be {found[a.name]} and {b}")
        elif isinstance(a, tuple):
            if not isinstance(b, tuple) or len(a) != len(b):
                raise DiffersError(f"{a!r} and {b!r}")
            for x, y in zip(a, b, strict=True):
                check(x, y)
        elif isinstance(a, (slice, Steps)) and isinstance(b, _LIKE[type(a)]):
            for key in _ENDS:
                check(getattr(a, key), getattr(b, key))
        elif not same(a, b):
            raise DiffersError(f"{a!r} and {b!r}")

    for a, b in twins(kernel.graph, outline.graph).items():
        check(kernel.dims[a], b.shape)
        if a in kernel.varying:
            found[kernel.varying[a]] = b.value
        elif a.is_constant and not same(a.value, b.value):
            raise DiffersError("a constant that is the same for the other sizes")
        for key, value in a.params.items():
            check(value, b.params[key])
    return tuple(found[name] for name in kernel.given)


def grown(kinds: Kinds, axes: Sequence[tuple[int, int]]) -> tuple[Any, ...]:
    """Return kinds with some axes larger by one."""
    larger = list(kinds)
    for position, axis in axes:
        kind = larger[position]
        shape = tuple(n + (k == axis) for k, n in enumerate(kind.shape))
        larger[position] = type(kind)(shape, kind.dtype, kind.weak)
    return tuple(larger)
