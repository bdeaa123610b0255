"""The full trace: every operation as a node of a graph, with names and lines."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import Any

import numpy as np

from chainrule.errors import Location, NonFiniteError
from chainrule.graph import CONSTANT, INPUT, NO_PARAMS, Graph, Node
from chainrule.op import Abstract, Op, broadcasting
from chainrule.trace.base import Trace
from chainrule.trace.failure import explained
from chainrule.trace.source import assigned_name, location, user_frame
from chainrule.trace.traced import Traced
from chainrule.trace.views import OUTDATED
from chainrule.trace.whole import WholeFloat, whole


@dataclass(frozen=True, slots=True)
class Branch:
    """A branch that Python took on a value while it was traced.

    Attributes
    ----------
    condition : Node
    taken : bool
    where : Location or None
    """

    condition: Node
    taken: bool
    where: Location | None


class Recorder(Trace):
    """Records a graph.

    Parameters
    ----------
    level : int
    values : bool
        Compute values along the way; without, only shapes are known.
    locate : bool
        Look up the user's lines and names.
    strict : bool
        Keep, as `suspect`, the error for the first NaN or infinity that arises: it is to be
        raised if it reaches a result.
    """

    __slots__ = (
        "_composing",
        "_constants",
        "_counts",
        "_names",
        "_results",
        "_strict",
        "_unpacked",
        "branches",
        "locate",
        "nodes",
        "place",
        "root",
        "suspect",
    )

    def __init__(
        self, level: int = 0, values: bool = True, locate: bool = False, strict: bool = False
    ) -> None:
        super().__init__(level, values)
        self.nodes: list[Node] = []
        self.branches: list[Branch] = []
        self.suspect: NonFiniteError | None = None
        self.locate = locate
        #: The frame that asked for the trace: names are not sought there.
        self.root: FrameType | None = None
        #: Where what comes next stands, in a text that has no frames: a formula.
        self.place: Location | None = None
        self._strict = strict
        self._composing = False
        #: Where an array is being unpacked, and how many of its items have been.
        self._unpacked: tuple[Any, int] = (None, 0)
        self._names: set[str] = set()
        self._counts: dict[str, int] = {}
        self._constants: dict[int, Traced] = {}
        #: Operation, kinds of its operands and parameters -> what the result is.
        self._results: dict[Any, Abstract] = {}

    # -- leaves ----------------------------------------------------------------------

    def input(self, name: str, value: Any = None, abstract: Abstract | None = None) -> Traced:
        """Add an argument of the function."""
        abstract = Abstract.of(value) if abstract is None else abstract
        self._names.add(name)
        kept = value if self.values else None
        return self.add(Node(INPUT, (), NO_PARAMS, abstract, kept, name))

    def constant(self, value: Any, name: str | None = None) -> Traced:
        """Add a number or an array that the function brought along."""
        # Python numbers are written where they stand; an array is one node however often read.
        shared = isinstance(value, (np.ndarray, Traced))
        if value.__class__ is Traced:  # of a trace around this one: as it is now
            value = Traced(value._trace, value.index, value.value)
        known = self._constants.get(id(value)) if shared else None
        if known is not None:
            return known
        if isinstance(value, np.ndarray) and value.ndim and self.locate and name is None:
            name = self._free_name(self._name_of_object(value))
        traced = self.add(Node(CONSTANT, (), NO_PARAMS, Abstract.of(value), value, name))
        if shared:
            self._constants[id(value)] = traced
        return traced

    def adopt(self, nodes: Iterable[Node]) -> dict[Node, Traced]:
        """Take over the nodes of a graph as they are; returns what stands for each."""
        taken = {}
        for node in nodes:
            taken[node] = self.add(node)
            if node.name:
                self._names.add(node.name)
        return taken

    def add(self, node: Node) -> Traced:
        """Append a node."""
        self.nodes.append(node)
        return self.handle(len(self.nodes) - 1)

    def handle(self, index: int) -> Traced:
        """Return a traced value that stands for a node already recorded."""
        node = self.nodes[index]
        return Traced(self, index, node.value if self.values else node.abstract)

    def node(self, value: Any) -> Node:
        """Return the node of a traced value, or of a constant made of a plain one."""
        if value.__class__ is Traced and value._trace is self:
            return self.nodes[value.index]
        if value.__class__ is Traced and value._trace is OUTDATED:
            OUTDATED.refuse()
        return self.nodes[self.constant(value).index]

    # -- operations ------------------------------------------------------------------

    def record(self, op: Op, operands: Sequence[Any], params: Any) -> Traced:
        """Append the node of an operation."""
        if not self.open:
            self.check_open()
        inputs = tuple([self.node(o) for o in operands])
        value = None
        try:
            if self.values:
                value = op.forward(*(i.value for i in inputs), **params)
                abstract = Abstract.of(value)
                if not abstract.shape and any(i.value.__class__ is WholeFloat for i in inputs):
                    value = whole(op, [i.value for i in inputs], params, value)
            else:
                abstract = self._inferred(op, inputs, params)
        except Exception as error:
            shown = [i.value if i.value is not None else i.abstract for i in inputs]
            raise explained(error, op, shown) from error
        name = where = None
        if self.locate:
            frame = user_frame()
            if frame is None or frame is self.root:
                where = self.place
            else:
                where = location(frame)
                if not self._composing:
                    name = self._free_name(self._one_name(frame))
        node = Node(op, inputs, params, abstract, value, name, where)
        if self._strict and self.suspect is None and value is not None:
            self.suspect = _non_finite(node)
        return self.add(node)

    def _inferred(self, op: Op, inputs: Sequence[Node], params: Any) -> Abstract:
        """Return what the result of an operation will be.

        A deep network asks the same layer by layer: what has been found out is remembered.
        """
        if op.infer is broadcasting:  # it asks for nothing but the kinds
            operands = [i.abstract for i in inputs]
        else:
            operands = [i.value if _is_known(i) else i.abstract for i in inputs]
            if not all(o.__class__ is Abstract for o in operands):
                return op.infer(op, operands, params)
        kinds: Any = op, *operands
        if params:
            kinds += tuple([(name, type(v), v) for name, v in params.items()])
        try:
            found = self._results.get(kinds)
        except TypeError:  # such as a list among the parameters
            return op.infer(op, operands, params)
        if found is None:
            found = self._results[kinds] = op.infer(op, operands, params)
        return found

    def again(self, node: Node, operands: Sequence[Any], name: str | None) -> Traced:
        """Record an operation of another graph, at the line that it has, on other operands."""
        inputs = tuple([self.node(o) for o in operands])
        if self.values or not all(map(_is_alike, inputs, node.inputs)):
            with self.unlocated():
                traced = self.record(node.op, operands, node.params)
            self.retell(traced, name, node.where)
            return traced
        # What it gives for operands of these kinds has been found out before.
        name = self._free_name(name)
        return self.add(Node(node.op, inputs, node.params, node.abstract, None, name, node.where))

    def _one_name(self, frame: FrameType) -> str | None:
        """Return the name that a value is about to get, each item of an array its own."""
        found = assigned_name(frame, self.root)
        if not isinstance(found, tuple):
            return found
        place = id(frame), frame.f_lasti
        before, count = self._unpacked
        count = count + 1 if before == place else 0
        self._unpacked = place, count
        return found[count] if count < len(found) else None

    def compose(self) -> Callable[[Any], Any]:
        """Leave the parts of a composed function without a name, and name its result."""
        if not self.locate or self._composing:
            return super().compose()
        self._composing = True
        frame = user_frame()
        first = len(self.nodes)

        def end(result: Any) -> None:
            self._composing = False
            new = result.__class__ is Traced and result._trace is self and result.index >= first
            if new and frame is not None:
                self._rewritten(result.index, self._free_name(self._one_name(frame)), None)

        return end

    def branch(self, traced: Traced, taken: bool) -> None:
        """Take note that Python branched on a value."""
        self.branches.append(Branch(self.nodes[traced.index], taken, location()))

    def name(self, traced: Any, name: str) -> None:
        """Give a value a name, unless it has one or has been read already."""
        if traced.__class__ is not Traced or traced._trace is not self:
            return
        node = self.nodes[traced.index]
        read = any(node in later.inputs for later in self.nodes[traced.index + 1 :])
        if node.name is None and not read:
            self._rewritten(traced.index, self._free_name(name), None)

    def credit(self, traced: Traced, node: Node) -> None:
        """Give a value computed just now the name and the line of a node that it replaces."""
        self._rewritten(traced.index, node.name, node.where)

    @contextmanager
    def unlocated(self) -> Iterator[None]:
        """Look up no names and lines for a while: whoever records knows them."""
        before, self.locate = self.locate, False
        try:
            yield
        finally:
            self.locate = before

    def retell(self, traced: Any, name: str | None, where: Location | None) -> None:
        """Give a value recorded just now a name, made free first, and a line."""
        if traced.__class__ is Traced and traced._trace is self:
            self._rewritten(traced.index, self._free_name(name), where)

    def _rewritten(self, index: int, name: str | None, where: Location | None) -> None:
        old = self.nodes[index]
        if not old.is_leaf:
            self.nodes[index] = Node(
                old.op, old.inputs, old.params, old.abstract, old.value,
                old.name or name, old.where or where,
            )  # fmt: skip

    def graph(self, outputs: Iterable[Any]) -> Graph:
        """Return what was recorded as a graph."""
        ends = [self.node(o) for o in outputs]
        return Graph(self.nodes, ends)

    # -- names -----------------------------------------------------------------------

    def _free_name(self, name: str | None) -> str | None:
        if name is None or not name.isidentifier():
            return None
        free = name
        while free in self._names:
            # The count goes on from where it stood: a name may be given 100,000 times.
            self._counts[name] = self._counts.get(name, 1) + 1
            free = f"{name}_{self._counts[name]}"
        self._names.add(free)
        return free

    def _name_of_object(self, value: Any) -> str | None:
        frame = user_frame()
        if frame is None or frame is self.root:
            return None
        for scope in (frame.f_locals, frame.f_globals):
            for name, held in scope.items():
                if held is value:
                    return name
        return None


def _is_known(node: Node) -> bool:
    """Whether the value of a node is known before the graph is run."""
    return node.op is CONSTANT and node.value.__class__ is not Traced


def _is_alike(a: Node, b: Node) -> bool:
    """Whether as much is known of two operands, and the same."""
    return a is b or (
        a.abstract == b.abstract and a.is_constant is b.is_constant and a.value is b.value
    )


def _non_finite(node: Node) -> NonFiniteError | None:
    value = node.value
    if value.__class__ is float and math.isfinite(value):
        return None
    if np.asarray(value).dtype.kind not in "fc" or np.all(np.isfinite(value)):
        return None
    # Operands that were infinite already have been let through by the user, as in a mask.
    if not all(np.all(np.isfinite(i.value)) for i in node.inputs):
        return None
    kind = "a NaN" if np.any(np.isnan(value)) else "an infinity"
    label = f" for {node.name}" if node.name else ""
    shown = ", ".join(f"{i.name or i.op.name} = {_shown(i.value)}" for i in node.inputs)
    return NonFiniteError(
        f"{node.op.name} gave {kind}{label}: the first that arises.",
        expected="finite numbers",
        got=shown,
        where=node.where or location(),
        instead="keep the operands inside the domain of the function, "
        "as with np.clip or np.maximum before it",
    )


def _shown(value: Any) -> str:
    array = np.asarray(value)
    if array.size <= 8:
        return np.array2string(array, separator=", ", precision=6).replace("\n", "")
    return f"array of {array.shape} between {np.min(array):.6g} and {np.max(array):.6g}"
