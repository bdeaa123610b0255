"""The mechanics of rewriting a graph: node by node, merging what is equal."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from chainrule.graph import CONSTANT, Graph, Node
from chainrule.op import Op
from chainrule.rules import TABLE
from chainrule.trace import Recorder, Traced

#: Operations whose two operands may change places, to the last bit.
_COMMUTATIVE = frozenset(TABLE[name] for name in ("add", "multiply"))


#: What a constant is at a glance: which number, of those that rewrites ask for, or an array.
ZERO, ONE, NEGATIVE, OTHER = NUMBERS = ("zero", "one", "negative number", "other number")

#: What an operand is at a glance: a constant, or else the result of an operation.
Kind = Op | str


@dataclass(frozen=True, slots=True)
class Rewrite:
    """What may be put in the place of a node.

    Attributes
    ----------
    replacement : callable
        ``replacement(rewriter, node, *operands, **params)``, written in plain NumPy over the
        traced operands; None where it does not apply. It may look at the node, at its operands
        and at what they were computed from; how the graph around them looks it asks the rewriter.
    among : frozenset of Kind
        Wherever it applies an operand is of one of these kinds; empty where all may be anything.
        So most nodes are passed over at a glance.
    every : bool
        Whether all operands are.
    derived : bool
        It applies only to what no line of the user's computes.
    """

    replacement: Callable[..., Any]
    among: frozenset[Kind] = frozenset()
    every: bool = False
    derived: bool = False

    def suits(self, operands: frozenset[Kind]) -> bool:
        """Whether it may apply to operands of these kinds."""
        if self.every and self.among:
            return operands <= self.among
        return not self.among or not self.among.isdisjoint(operands)


class _Row:
    """The rewrites of one operation."""

    def __init__(self, rewrites: Iterable[Rewrite]) -> None:
        self.rewrites = tuple(rewrites)
        self.asked = frozenset(kind for r in self.rewrites for kind in r.among)
        self.anywhere = tuple(r for r in self.rewrites if not r.among)
        #: Kinds that are asked for, and whether there are no others -> what may apply.
        self._known: dict[tuple[frozenset[Kind], bool], tuple[Rewrite, ...]] = {}

    def possible(self, kinds: list[Kind]) -> tuple[Rewrite, ...]:
        if self.asked.isdisjoint(kinds):
            return self.anywhere
        asked = self.asked.intersection(kinds)
        key = asked, asked.issuperset(kinds)
        if key not in self._known:
            self._known[key] = tuple(r for r in self.rewrites if r.suits(frozenset(kinds)))
        return self._known[key]


class Rewrites:
    """Which rewrites are to be tried on a node, and in which order.

    Parameters
    ----------
    rows : mapping
        Operation -> its rewrites.
    """

    def __init__(self, rows: Mapping[Op, tuple[Rewrite, ...]]) -> None:
        self.rows = rows
        self._of_derived = {op: _Row(row) for op, row in rows.items()}
        self._of_others = {op: _Row(r for r in row if not r.derived) for op, row in rows.items()}

    def possible(self, node: Node, inputs: Iterable[Node]) -> tuple[Rewrite, ...]:
        """Return what may apply to a node once it has these operands."""
        row = (self._of_derived if is_derived(node) else self._of_others).get(node.op)
        if row is None:
            return ()
        return row.possible([_constant(i) if i.op is CONSTANT else i.op for i in inputs])


def is_derived(node: Node) -> bool:
    """Whether no line of the user's computes a node, so that it may be written in any way."""
    return node.where is None and node.name is None


def _constant(node: Node) -> str:
    """Return what a constant is at a glance."""
    value = node.value
    if node.abstract.shape or value.__class__ is Traced:
        return OTHER
    if value == 0:
        return ZERO
    if value == 1:
        return ONE
    is_negative = value.__class__ in (int, float) and value < 0
    return NEGATIVE if is_negative else OTHER


#: Merges alone.
NONE = Rewrites({})


class Rewriter:
    """Builds a graph from another, node by node, merging what is equal; may do so repeatedly.

    A node on which nothing applied is settled. In later runs it is looked at again only once an
    operand of it has changed, so that a run costs little where little is left to do.

    Parameters
    ----------
    loose : bool
        Let a replacement differ in dtype or shape: for formulas that are only shown.

    Attributes
    ----------
    recorder : Recorder
        Of the graph that the present run builds.
    """

    recorder: Recorder

    def __init__(self, loose: bool = False) -> None:
        self.loose = loose
        self._identities: dict[Node, Any] = {}
        #: Parameters, by the address of the mapping: nodes on other operands share them.
        self._params: dict[int, tuple[Any, str]] = {}
        self._settled: dict[Rewrites, set[Node]] = {}
        #: Nodes that were deferred to a reader which then did something else.
        self._unreliable: set[Node] = set()

    def _begin(self, graph: Graph) -> None:
        self.recorder = Recorder(values=all(n.value is not None for n in graph.nodes))
        self._graph = graph
        self._readers: tuple[dict[Node, int], dict[Node, Node]] | None = None
        #: Whether the node at hand depends on more than itself and its operands.
        self._looked_around = False
        self._equal: dict[Any, Node] = {}
        #: Node of the new graph -> its index, of as many nodes as have been counted.
        self._index: dict[Node, int] = {}
        self._counted = 0
        #: Place of a replacement that is not finished -> the node of the original.
        self._deferred: dict[int, Node] = {}

    # -- what rewrites ask for -----------------------------------------------------------

    def operands(self, traced: Any) -> tuple[Traced, ...]:
        """Return the operands of a traced value as traced values."""
        return self._traced(self.node(traced).inputs)

    def uses(self, node: Node) -> int:
        """Return how often a node of the original graph is read."""
        return self._reading()[0].get(node, 0)

    def only_reader(self, node: Node) -> Node | None:
        """Return the one operation that reads a node of the original graph, if there is one."""
        uses, readers = self._reading()
        return readers.get(node) if uses.get(node, 0) == 1 else None

    def _reading(self) -> tuple[dict[Node, int], dict[Node, Node]]:
        """Return how often each node of the original graph is read, and which reads it last."""
        self._looked_around = True
        if self._readers is None:
            self._readers = _readers(self._graph)
        return self._readers

    def node(self, traced: Any) -> Node:
        """Return the node of a traced value."""
        return self.recorder.node(traced)

    def may_defer(self, node: Node) -> bool:
        """Whether the only reader of a node can be relied on to see to it."""
        return node not in self._unreliable

    def defer(self, node: Node, traced: Traced) -> Traced:
        """Leave the rest of what is to be done to the only reader of a node."""
        self._deferred[traced.index] = node
        return traced

    def take_up(self, traced: Traced) -> bool:
        """Whether something was left to do to an operand; the one who asks does it."""
        return self._deferred.pop(traced.index, None) is not None

    def _traced(self, nodes: Iterable[Node]) -> tuple[Traced, ...]:
        """Return traced values that stand for nodes of the new graph."""
        recorder, index = self.recorder, self._index
        for i in range(self._counted, len(recorder.nodes)):
            index[recorder.nodes[i]] = i
        self._counted = len(recorder.nodes)
        return tuple([recorder.handle(index[node]) for node in nodes])

    # -- runs ----------------------------------------------------------------------------

    def run(self, graph: Graph, rewrites: Rewrites) -> tuple[Graph, dict[Node, Node], bool]:
        """Rewrite a graph once.

        Returns
        -------
        graph : Graph
        image : dict
            Node of the original -> node of the result.
        changed : bool
            Whether a rewrite applied.
        """
        while True:
            made = self._run(graph, rewrites)
            waiting = set(self._deferred.values())
            if not waiting:
                return made
            # Of a chain, it is the last one that has to be seen to after all.
            self._unreliable.update(n for n in waiting if self.only_reader(n) not in waiting)

    def _run(self, graph: Graph, rewrites: Rewrites) -> tuple[Graph, dict[Node, Node], bool]:
        self._begin(graph)
        settled = self._settled.setdefault(rewrites, set())
        image: dict[Node, Node] = {}
        changed = False
        for node in graph.nodes:
            inputs = tuple([image[i] for i in node.inputs])
            if node in settled and inputs == node.inputs:
                image[node] = self._merged(node)
                continue
            self._looked_around = False
            possible = rewrites.possible(node, inputs)
            made = self._replacement(node, inputs, possible) if possible else None
            if made is not None:
                changed = True
                image[node] = made
                continue
            copy = node.on(inputs)
            image[node] = self._merged(copy)
            if not self._looked_around:
                settled.add(copy)
        return Graph(self.recorder.nodes, [image[o] for o in graph.outputs]), image, changed

    def _replacement(
        self, node: Node, inputs: tuple[Node, ...], rewrites: tuple[Rewrite, ...]
    ) -> Node | None:
        """Return what the first rewrite that applies puts in the place of a node."""
        operands = self._traced(inputs)
        mark = len(self.recorder.nodes)
        for rewrite in rewrites:
            made = rewrite.replacement(self, node, *operands, **node.params)
            if made is None or not self._fits(node, made):
                continue
            if made.__class__ is Traced and made.index >= mark:
                self.recorder.credit(made, node)
                self._index[self.node(made)] = made.index
            return self.node(made)
        return None

    def _fits(self, node: Node, replacement: Any) -> bool:
        got = self.node(replacement).abstract
        same = got.shape == node.shape and got.dtype == node.abstract.dtype
        return self.loose or same

    def _merged(self, node: Node) -> Node:
        """Take a node over, or return one that equals it already."""
        identity = self._identities.get(node)
        if identity is None:
            identity = _of_leaf(node) if node.is_leaf else self._of_operation(node)
            self._identities[node] = identity
        known = self._equal.get(identity)
        if known is not None and not (node.name and not known.name):
            return known
        self.recorder.nodes.append(node)
        self._equal[identity] = node
        return node

    # -- what is equal -------------------------------------------------------------------
    # What nodes have in common that compute the same; the node itself where no other does.

    def _of_operation(self, node: Node) -> Any:
        read: Any = node.inputs
        if node.op in _COMMUTATIVE and len(read) == 2:
            read = frozenset(read)
        if not node.params:
            return node.op, read, ""
        known = self._params.get(id(node.params))
        if known is None:
            # With the mapping itself, so that no other comes to stand at its address.
            known = node.params, repr(sorted(node.params.items(), key=str))
            self._params[id(node.params)] = known
        return node.op, read, known[1]


def _of_leaf(node: Node) -> Any:
    if node.is_input or node.abstract.shape or node.name:
        return node
    if node.value.__class__ is Traced:  # of a trace around this one: all look the same
        return "constant", id(node.value._trace), node.value.index
    return "constant", node.abstract.dtype, node.abstract.weak, repr(node.value)


def _readers(graph: Graph) -> tuple[dict[Node, int], dict[Node, Node]]:
    """Count how often each node of a graph is read, and note the last operation to read it."""
    uses = dict.fromkeys(graph.nodes, 0)
    readers: dict[Node, Node] = {}
    for node in graph.nodes:
        for operand in node.inputs:
            uses[operand] += 1
            readers[operand] = node
    for output in graph.outputs:
        uses[output] += 1
    return uses, readers
