"""The same computation with every matrix as its transpose.

A matrix becomes its transpose. A vector stays as it is, but for one that is added to the rows
of a matrix, as a bias is, or combined with them in another way: it becomes a column. Numbers
stay. What an operation becomes follows from its row of the table:

- elementwise operations stay as they are;
- an index sum has the subscripts of each operand and of the result read backwards, and is
  written as the operation that it was, its operands exchanged, where that is the same sum;
- anything else is tried with its parameters turned (axes, keys, shapes), and taken only if it
  gives the transposed result, and its rule the transposed gradients, for the numbers at hand and
  for others.

The values are those of the original, to the last bit; none is computed again.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.backward import fitted
from chainrule.explaining.turned_params import turned_params
from chainrule.graph import NO_PARAMS, Graph, Node
from chainrule.op import Abstract, Op
from chainrule.rules import TABLE

#: Operations with more numbers than this are not tried out.
_LARGEST = 2_000_000


class NotTurnedError(Exception):
    """An operation that cannot be turned; the message says which, and why."""


def turned_value(value: Any, column: bool = False) -> Any:
    """Return the transpose of a matrix, a vector as a column if asked to, or what was given."""
    if np.ndim(value) == 2:
        return np.transpose(value)
    return np.reshape(value, (-1, 1)) if column and np.ndim(value) == 1 else value


def turned(graph: Graph) -> tuple[Graph, dict[Node, Node]]:
    """Turn a graph that holds values.

    Parameters
    ----------
    graph : Graph

    Returns
    -------
    graph : Graph
    image : dict
        Node of the original -> node that holds its transpose.

    Raises
    ------
    NotTurnedError
    """
    turner = _Turner(graph)
    for node in graph.nodes:
        turner.image[node] = turner.turn(node)
    return Graph(turner.nodes, [turner.image[o] for o in graph.outputs]), turner.image


def columns_of(graph: Graph) -> set[Node]:
    """Return the vectors that are combined with the rows of a matrix, and so become columns.

    Vectors that an elementwise operation takes together are columns together.
    """
    leader: dict[Node, Node] = {n: n for n in graph.nodes if len(n.shape) == 1}
    asked: list[Node] = []

    def head(node: Node) -> Node:
        while leader[node] is not node:
            leader[node] = leader[leader[node]]
            node = leader[node]
        return node

    for node in graph.nodes:
        if node.is_leaf or not node.op.elementwise:
            continue
        vectors = [i for i in node.inputs if len(i.shape) == 1]
        if len(node.shape) == 1:
            for vector in vectors:
                leader[head(vector)] = head(node)
        elif len(node.shape) == 2:
            asked += vectors
    heads = {head(node) for node in asked}
    return {node for node in leader if head(node) in heads}


class _Turner:
    """Goes through a graph once."""

    def __init__(self, graph: Graph) -> None:
        self.columns = columns_of(graph)
        self.nodes: list[Node] = []
        self.image: dict[Node, Node] = {}
        self.shaped: dict[tuple[Node, bool], Node] = {}
        self.rng = np.random.default_rng(0)

    # -- making nodes ------------------------------------------------------------------

    def turn(self, node: Node) -> Node:
        """Return the node that stands for the transpose of another one."""
        if len(node.shape) > 2:
            raise NotTurnedError(f"{_described(node)} has {len(node.shape)} axes")
        if node.is_leaf:
            return self.add(node.op, (), NO_PARAMS, node)
        plain = (node, *node.inputs)
        if node.op.elementwise or all(len(n.shape) < 2 and n not in self.columns for n in plain):
            return self.add(node.op, [self.image[i] for i in node.inputs], node.params, node)
        if TABLE.get(node.op.name) is not node.op:
            raise NotTurnedError(f"{_described(node)} is an operation of its own")
        return self.index_sum(node) or self.tried(node)

    def add(self, op: Op, inputs: Iterable[Node], params: Any, original: Node) -> Node:
        """Append a node with the value, the name and the line of the original."""
        return self.append(op, inputs, params, original, original in self.columns)

    def append(
        self, op: Op, inputs: Iterable[Node], params: Any, original: Node, column: bool,
        named: bool = True,
    ) -> Node:  # fmt: skip
        value = turned_value(original.value, column)
        abstract = Abstract(np.shape(value), original.abstract.dtype, original.abstract.weak)
        name = original.name if named else None
        made = Node(op, tuple(inputs), params, abstract, value, name, original.where)
        self.nodes.append(made)
        return made

    def laid(self, original: Node, column: bool = False) -> Node:
        """Return what stands for an operand, where it is a vector as a column or as none."""
        image = self.image[original]
        if len(original.shape) != 1 or (original in self.columns) is column:
            return image
        if (image, column) not in self.shaped:
            op = TABLE["expand_dims" if column else "squeeze"]
            self.shaped[image, column] = self.append(
                op, (image,), {"axis": (1,)}, original, column, named=False
            )
        return self.shaped[image, column]

    def finished(self, op: Op, inputs: Sequence[Node], params: Any, original: Node) -> Node:
        """Append an operation that gives a vector, and make it a column where it has to be one."""
        if original not in self.columns:
            return self.add(op, inputs, params, original)
        vector = self.append(op, inputs, params, original, column=False, named=False)
        return self.add(TABLE["expand_dims"], (vector,), {"axis": (1,)}, original)

    # -- index sums --------------------------------------------------------------------

    def index_sum(self, node: Node) -> Node | None:
        """Read the subscripts of a sum of products backwards; None for anything else."""
        spec = _subscripts(node.op, [i.shape for i in node.inputs], node.params)
        if spec is None or len(node.inputs) < 2:
            return None
        terms, result = spec
        wanted = [t[::-1] for t in terms], result[::-1]
        operands = [self.laid(i) for i in node.inputs]
        for order in (1, -1):
            found = _subscripts(node.op, [o.shape for o in operands[::order]], node.params)
            if found is not None and _renamed(*found) == _renamed(wanted[0][::order], wanted[1]):
                return self.finished(node.op, operands[::order], node.params, node)
        params = {"spec": f"{','.join(wanted[0])}->{wanted[1]}"}
        return self.finished(TABLE["einsum"], operands, params, node)

    # -- anything else -----------------------------------------------------------------

    def tried(self, node: Node) -> Node:
        """Turn the parameters, and try out whether that is right."""
        if sum(n.abstract.size for n in (node, *node.inputs)) > _LARGEST:
            raise NotTurnedError(f"{_described(node)} is too large to be tried out")
        trials = [self.trial(node, [self.other(i) for i in node.inputs])]
        trials.append(self.trial(node, [i.value for i in node.inputs]))
        for columns in self.layouts(node.inputs):
            for column in dict.fromkeys((node in self.columns, False)):
                params = _fitting(node, trials, columns, column)
                if params is None:
                    continue
                inputs = [self.laid(i, c) for i, c in zip(node.inputs, columns, strict=True)]
                if column == (node in self.columns):
                    return self.add(node.op, inputs, params, node)
                return self.finished(node.op, inputs, params, node)
        raise NotTurnedError(f"{_described(node)} has no counterpart for transposed matrices")

    def layouts(self, operands: Sequence[Node]) -> list[tuple[bool, ...]]:
        """Return which operands may be columns: as they are first, then as vectors, then others."""
        now = tuple(i in self.columns for i in operands)
        ways = [(False, True) if len(i.shape) == 1 else (False,) for i in operands]
        return list(dict.fromkeys([now, *itertools.islice(itertools.product(*ways), 16)]))

    def trial(self, node: Node, operands: Sequence[Any]) -> _Trial:
        """Compute what an operation and its rule give for some numbers, as the user wrote it."""
        out = _forward(node.op, operands, node.params)
        if out is None or np.shape(out) != node.shape:
            raise NotTurnedError(f"{_described(node)} cannot be tried out on other numbers")
        g = self.rng.uniform(-1.0, 1.0, node.shape)
        seed = np.asarray(g).astype(node.abstract.dtype) if node.carries_gradient else None
        return _Trial(operands, out, seed, _products(node, seed, out, operands, node.params))

    def other(self, operand: Node) -> Any:
        """Return other numbers of the same kind, so that no result is right by chance."""
        value = operand.value
        if operand.abstract.dtype.kind not in "fc":
            return value
        changed = value + self.rng.uniform(0.1, 0.5, operand.shape)
        return np.asarray(changed).astype(operand.abstract.dtype)


@dataclass(frozen=True, slots=True)
class _Trial:
    """Numbers for an operation, what it gives, an upstream gradient, and the products with it."""

    operands: Sequence[Any]
    out: Any
    seed: Any
    products: list[Any] | None


def _fitting(
    node: Node, trials: Sequence[_Trial], columns: Sequence[bool], column: bool
) -> dict[str, Any] | None:
    """Return parameters with which the operation gives what is wanted, and its rule, too."""
    dims = len(node.inputs[0].shape), len(node.shape)
    for params in turned_params(node.params, dims, node.inputs[0].shape):
        if all(_gives(node, trial, params, columns, column) for trial in trials):
            return params
    return None


def _gives(
    node: Node, trial: _Trial, params: Any, columns: Sequence[bool], column: bool
) -> bool:  # fmt: skip
    given = [turned_value(o, c) for o, c in zip(trial.operands, columns, strict=True)]
    wanted = turned_value(trial.out, column)
    got = _forward(node.op, given, params)
    if got is None or not _same(got, wanted):
        return False
    products = _products(node, turned_value(trial.seed, column), wanted, given, params)
    if products is None or trial.products is None:
        return products is trial.products
    pairs = zip(products, trial.products, columns, strict=True)
    return all(
        (a is None) == (b is None) and (a is None or _same(a, turned_value(b, c)))
        for a, b, c in pairs
    )


def _products(node: Node, seed: Any, out: Any, operands: Sequence[Any], params: Any) -> Any:
    """Return upstream times local derivative for each operand; None where the rule refuses."""
    found: list[Any] = []
    for position, operand in enumerate(node.inputs):
        pullback = node.op.pullback(position) if seed is not None else None
        if pullback is None or not operand.carries_gradient:
            found.append(None)
            continue
        try:
            with np.errstate(all="ignore"):
                product = pullback(seed, out, *operands, **params)
                found.append(None if product is None else fitted(product, operands[position]))
        except Exception:  # whatever the rule objects to
            return None
    return found


def _forward(op: Op, operands: Sequence[Any], params: Any) -> Any:
    try:
        with np.errstate(all="ignore"):
            return op.forward(*operands, **params)
    except Exception:  # whatever NumPy objects to is no way to write it
        return None


def _same(got: Any, wanted: Any) -> bool:
    got, wanted = np.asarray(got), np.asarray(wanted)
    if got.shape != wanted.shape or got.dtype != wanted.dtype:
        return False
    if got.dtype.kind not in "fc":
        return bool(np.array_equal(got, wanted))
    precision = 1e4 * np.finfo(got.dtype).eps
    scale = float(np.max(np.abs(wanted), initial=0.0, where=np.isfinite(wanted)))
    close = np.isclose(got, wanted, rtol=precision, atol=precision * scale, equal_nan=True)
    return bool(np.all(close))


def _subscripts(op: Op, shapes: Sequence[Any], params: Any) -> tuple[list[str], str] | None:
    spec = None if op.subscripts is None else op.subscripts(shapes, **params)
    if spec is None:
        return None
    left, result = spec.split("->")
    return left.split(","), result


def _renamed(terms: Sequence[str], result: str) -> list[tuple[int, ...]]:
    """Return subscripts as numbers, in the order in which they occur."""
    numbers: dict[str, int] = {}
    return [tuple(numbers.setdefault(c, len(numbers)) for c in term) for term in (*terms, result)]


def _described(node: Node) -> str:
    named = f"{node.name} = " if node.name else ""
    line = f" ({node.where.short})" if node.where is not None else ""
    return f"{named}{node.op.name}(...){line}" if not node.is_leaf else f"{node.name or 'an array'}"
