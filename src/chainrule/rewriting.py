"""The mechanics of rewriting a graph: node by node, merging what is equal."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from chainrule.graph import Graph, Node
from chainrule.op import Op
from chainrule.rules import TABLE
from chainrule.trace import Recorder, Traced

#: Operations whose two operands may change places, to the last bit.
_COMMUTATIVE = frozenset(TABLE[name] for name in ("add", "multiply"))


@dataclass(frozen=True, slots=True)
class Rewrite:
    """What may be put in the place of a node.

    Attributes
    ----------
    replacement : callable
        ``replacement(rewriter, node, *operands, **params)``, written in plain NumPy over the
        traced operands; None where it does not apply.
    among : frozenset of Op
        One of these has computed an operand wherever it applies; empty where any may have. So
        most nodes are passed over at a glance.
    """

    replacement: Callable[..., Any]
    among: frozenset[Op] = frozenset()


class Rewrites:
    """Which rewrites are to be tried on a node, and in which order.

    Parameters
    ----------
    rows : mapping
        Operation -> its rewrites.
    """

    def __init__(self, rows: Mapping[Op, tuple[Rewrite, ...]]) -> None:
        self.rows = rows
        self._asked = frozenset(op for row in rows.values() for r in row for op in r.among)
        #: Operation and those among its operands that some rewrite asks for -> what may apply.
        self._possible: dict[tuple[Op, frozenset[Op]], tuple[Rewrite, ...]] = {}

    def possible(self, op: Op, inputs: Iterable[Node]) -> tuple[Rewrite, ...]:
        """Return what may apply to an operation on these operands."""
        if op not in self.rows:
            return ()
        among = self._asked.intersection([i.op for i in inputs])
        found = self._possible.get((op, among))
        if found is None:
            row = self.rows[op]
            found = tuple(r for r in row if not r.among or not r.among.isdisjoint(among))
            self._possible[op, among] = found
        return found


#: Merges alone.
NONE = Rewrites({})


class Rewriter:
    """Builds a graph from another, node by node, merging what is equal; may do so repeatedly.

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
        self._uses: dict[Node, int] = {}
        self._begin(values=False)

    def _begin(self, values: bool) -> None:
        self.recorder = Recorder(values=values)
        self._equal: dict[Any, Node] = {}
        #: Node of the new graph -> its index, of as many nodes as have been counted.
        self._index: dict[Node, int] = {}
        self._counted = 0

    # -- what rewrites ask for -----------------------------------------------------------

    def operands(self, traced: Any) -> tuple[Traced, ...]:
        """Return the operands of a traced value as traced values."""
        return self._traced(self.node(traced).inputs)

    def uses(self, node: Node) -> int:
        """Return how often a node of the original graph is read."""
        return self._uses.get(node, 0)

    def node(self, traced: Any) -> Node:
        """Return the node of a traced value."""
        return self.recorder.node(traced)

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
        self._begin(values=all(n.value is not None for n in graph.nodes))
        self._uses = _uses(graph)
        image: dict[Node, Node] = {}
        changed = False
        for node in graph.nodes:
            inputs = tuple([image[i] for i in node.inputs])
            possible = rewrites.possible(node.op, inputs)
            made = self._replacement(node, inputs, possible) if possible else None
            changed = changed or made is not None
            image[node] = self._merged(node, inputs) if made is None else made
        return Graph(self.recorder.nodes, [image[o] for o in graph.outputs]), image, changed

    def _replacement(
        self, node: Node, inputs: tuple[Node, ...], rewrites: Iterable[Rewrite]
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

    def _merged(self, node: Node, inputs: tuple[Node, ...]) -> Node:
        """Return a node with the inputs that there are now, or one that equals it already."""
        copy = node.on(inputs)
        identity = self._identity(copy)
        known = self._equal.get(identity) if identity is not None else None
        if known is not None and not (node.name and not known.name):
            return known
        self.recorder.nodes.append(copy)
        if identity is not None:
            self._equal[identity] = copy
        return copy

    def _identity(self, node: Node) -> Any:
        if node not in self._identities:
            self._identities[node] = _identity(node)
        return self._identities[node]


def _uses(graph: Graph) -> dict[Node, int]:
    """Count how often each node of a graph is read."""
    uses = dict.fromkeys(graph.nodes, 0)
    for node in graph.nodes:
        for operand in node.inputs:
            uses[operand] += 1
    for output in graph.outputs:
        uses[output] += 1
    return uses


def _identity(node: Node) -> Any:
    """Return what nodes have in common that compute the same; None where no other does."""
    if node.is_input:
        return None
    if node.is_constant:
        if node.abstract.shape or node.name:
            return None
        if node.value.__class__ is Traced:  # of a trace around this one: all look the same
            return "constant", id(node.value._trace), node.value.index
        return "constant", node.abstract.dtype, node.abstract.weak, repr(node.value)
    read: Any = node.inputs
    if node.op in _COMMUTATIVE and len(read) == 2:
        read = frozenset(read)
    params = repr(sorted(node.params.items(), key=str)) if node.params else ""
    return node.op, read, params
