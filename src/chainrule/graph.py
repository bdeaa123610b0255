"""Graphs: a computation as immutable nodes in the order in which they are computed.

The grammar, which :meth:`Graph.validate` enforces::

    Graph    ::= nodes: Node*, outputs: Node*      nodes stand after all their inputs;
                                                   outputs are among the nodes
    Node     ::= Input | Constant | Apply
    Input    ::= op=INPUT,    inputs=(), name      names of inputs differ
    Constant ::= op=CONSTANT, inputs=(), value     a number or an array
    Apply    ::= op, inputs, params                op from the rules table; shape and dtype
                                                   are what op.infer says they are

A node knows the user's name for it and the line that made it, where there is one. A
value is kept where the graph was traced with values.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from chainrule.errors import GraphError, Location
from chainrule.notation import Notation
from chainrule.op import Abstract, Op

_LEAF = Notation("{name}", "{name}", "{name}")
INPUT = Op(name="input", forward=lambda: None, vjp=None, notation=_LEAF)
CONSTANT = Op(name="constant", forward=lambda: None, vjp=None, notation=_LEAF)

NO_PARAMS: Mapping[str, Any] = {}


class Node:
    """One value of a computation; immutable, compared by identity.

    Attributes
    ----------
    op : Op
    inputs : tuple of Node
    params : mapping
        The operation's parameters.
    abstract : Abstract
        Shape and dtype.
    value : number, array or None
        None where only shapes are known.
    name : str or None
        The user's name for it.
    where : Location or None
        The user's line that made it.
    """

    __slots__ = ("abstract", "inputs", "name", "op", "params", "value", "where")

    op: Op
    inputs: tuple[Node, ...]
    params: Mapping[str, Any]
    abstract: Abstract
    value: Any
    name: str | None
    where: Location | None

    def __init__(
        self,
        op: Op,
        inputs: tuple[Node, ...],
        params: Mapping[str, Any],
        abstract: Abstract,
        value: Any = None,
        name: str | None = None,
        where: Location | None = None,
    ) -> None:
        _put_op(self, op)
        _put_inputs(self, inputs)
        _put_params(self, params)
        _put_abstract(self, abstract)
        _put_value(self, value)
        _put_name(self, name)
        _put_where(self, where)

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError("A node is immutable.")

    def __repr__(self) -> str:
        label = self.name or self.op.name
        return f"<Node {label} {self.op.name} {self.abstract.shape} {self.abstract.dtype}>"

    def on(self, inputs: tuple[Node, ...]) -> Node:
        """Return the same operation on other operands of the same kinds; itself on its own."""
        if inputs == self.inputs:
            return self
        return Node(self.op, inputs, self.params, self.abstract, self.value, self.name, self.where)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of its value."""
        return self.abstract.shape

    @property
    def is_input(self) -> bool:
        """Whether it is an argument of the function."""
        return self.op is INPUT

    @property
    def is_constant(self) -> bool:
        """Whether it is a number or an array that the function itself brought along."""
        return self.op is CONSTANT

    @property
    def is_leaf(self) -> bool:
        """Whether nothing computes it."""
        return self.op is INPUT or self.op is CONSTANT

    @property
    def carries_gradient(self) -> bool:
        """Whether it can carry a gradient: real or complex, and changing smoothly."""
        return self.abstract.dtype.kind in "fc" and (self.op is INPUT or self.op.differentiable)


# They write the fields of a node as it is made, and nobody else does. A graph is made of so many
# nodes that object.__setattr__, which looks each of them up by name, would be felt.
_put_op, _put_inputs, _put_params, _put_abstract, _put_value, _put_name, _put_where = (
    vars(Node)[field].__set__
    for field in ("op", "inputs", "params", "abstract", "value", "name", "where")
)


def constant(value: Any, name: str | None = None) -> Node:
    """Make a node of a number or an array."""
    return Node(CONSTANT, (), NO_PARAMS, Abstract.of(value), value, name)


class Graph:
    """Nodes in the order in which they are computed.

    Parameters
    ----------
    nodes : iterable of Node
        Each after its inputs.
    outputs : iterable of Node
    """

    __slots__ = ("_inputs", "nodes", "outputs")

    def __init__(self, nodes: Iterable[Node], outputs: Iterable[Node]) -> None:
        self.nodes = tuple(nodes)
        self.outputs = tuple(outputs)
        self._inputs: tuple[Node, ...] | None = None

    def __iter__(self) -> Iterator[Node]:
        return iter(self.nodes)

    def __len__(self) -> int:
        return len(self.nodes)

    def __repr__(self) -> str:
        return f"<Graph of {len(self.nodes)} nodes, {len(self.outputs)} outputs>"

    @property
    def inputs(self) -> tuple[Node, ...]:
        """The arguments, in order."""
        if self._inputs is None:
            self._inputs = tuple(node for node in self.nodes if node.op is INPUT)
        return self._inputs

    @property
    def output(self) -> Node:
        """The one output of a graph that has one."""
        (output,) = self.outputs
        return output

    def consumers(self) -> dict[Node, list[tuple[Node, int]]]:
        """Map each node to those that read it, with the operand's position."""
        readers: dict[Node, list[tuple[Node, int]]] = {node: [] for node in self.nodes}
        for node in self.nodes:
            for position, operand in enumerate(node.inputs):
                readers[operand].append((node, position))
        return readers

    def reachable(self, outputs: Iterable[Node] | None = None) -> Graph:
        """Return the part that the outputs need; inputs stay, needed or not."""
        ends = self.outputs if outputs is None else tuple(outputs)
        needed = set(ends)
        for node in reversed(self.nodes):
            if node in needed:
                needed.update(node.inputs)
        return Graph([n for n in self.nodes if n in needed or n.op is INPUT], ends)

    @classmethod
    def behind(cls, outputs: Iterable[Node]) -> Graph:
        """Return what nodes are computed from, whatever else there is in their graph."""
        ends = tuple(outputs)
        placed: dict[Node, None] = {}
        stack = list(reversed(ends))
        while stack:
            node = stack.pop()
            if node in placed:
                continue
            missing = [i for i in node.inputs if i not in placed]
            if missing:
                stack += [node, *reversed(missing)]
            else:
                placed[node] = None
        return cls(placed, ends)

    def validate(self) -> Graph:
        """Check the grammar.

        Returns
        -------
        Graph
            Itself.

        Raises
        ------
        GraphError
            Naming the first node that breaks it.
        """
        seen: set[Node] = set()
        names: set[str] = set()
        for node in self.nodes:
            if node in seen:
                raise GraphError(f"{node} stands in the graph twice.")
            missing = [i for i in node.inputs if i not in seen]
            if missing:
                raise GraphError(f"{node} stands before its input {missing[0]}.")
            seen.add(node)
            if node.is_leaf:
                if node.inputs:
                    raise GraphError(f"{node} is a leaf with inputs.")
                if node.is_constant and node.value is None:
                    raise GraphError(f"{node} is a constant without a value.")
                if node.is_input and (not node.name or node.name in names):
                    raise GraphError(f"{node} is an input whose name is missing or taken.")
                if node.is_input and node.name:
                    names.add(node.name)
                continue
            self._validate_application(node)
        for output in self.outputs:
            if output not in seen:
                raise GraphError(f"The output {output} is not in the graph.")
        return self

    @staticmethod
    def _validate_application(node: Node) -> None:
        # A mask says by its values how large what it picks is.
        operands = [
            i.value
            if i.is_constant or (i.abstract.dtype.kind == "b" and i.value is not None)
            else i.abstract
            for i in node.inputs
        ]
        inferred = node.op.infer(node.op, operands, node.params)
        if inferred.shape != node.shape or inferred.dtype != node.abstract.dtype:
            raise GraphError(f"{node} should be {inferred.shape} {inferred.dtype}.")
        if node.value is not None:
            got = np.asarray(node.value)
            if got.shape != node.shape or got.dtype != node.abstract.dtype:
                raise GraphError(f"{node} holds a value of {got.shape} {got.dtype}.")
