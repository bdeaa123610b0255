"""Rewriting of graphs to simpler ones that compute the same.

Each rewrite is a row: the operation that it looks at, and a function from the node to a
replacement, written in plain NumPy over traced values, or None. :func:`simplify`
applies the rows, merges equal nodes and drops dead ones until nothing changes. All rows
hold exactly, for all finite values; none trades a derivative for another.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from chainrule.graph import Graph, Node
from chainrule.op import Op
from chainrule.rewriting import Rewriter
from chainrule.rules import TABLE

_PASSES = 12


# -- reading nodes ---------------------------------------------------------------------


def _number(rw: Rewriter, traced: Any) -> float | None:
    """Return the value of a constant number."""
    node = rw.node(traced)
    return node.value if node.is_constant and node.shape == () else None


def _is(rw: Rewriter, traced: Any, name: str) -> bool:
    return rw.node(traced).op is TABLE[name]


# -- rewrites --------------------------------------------------------------------------


def _without_one(rw: Rewriter, node: Node, a: Any, b: Any) -> Any:
    if _number(rw, b) == 1:
        return a
    return b if _number(rw, a) == 1 and node.op is TABLE["multiply"] else None


def _without_zero(rw: Rewriter, node: Node, *terms: Any) -> Any:
    kept = [t for t in terms if _number(rw, t) != 0]
    if len(kept) == len(terms) or not kept:
        return None
    return kept[0] if len(kept) == 1 else TABLE["add"](*kept)


def _flat_sum(rw: Rewriter, node: Node, first: Any, *rest: Any) -> Any:
    """Write (a + b) + c as a + b + c, which is the order in which Python adds."""
    inner = node.inputs[0]
    if not _is(rw, first, "add") or rw.uses(inner) > 1 or inner.name:
        return None
    return TABLE["add"](*rw.operands(first), *rest)


def _folded(rw: Rewriter, node: Node, *operands: Any, **params: Any) -> Any:
    """Compute arithmetic on Python numbers."""
    numbers = [_number(rw, o) for o in operands]
    if any(n is None for n in numbers) or not all(rw.node(o).abstract.weak for o in operands):
        return None
    if any(rw.node(o).name for o in operands):
        return None
    result = node.op.forward(*numbers, **params)
    return rw.recorder.constant(result) if type(result) in (bool, int, float) else None


def _undone(rw: Rewriter, node: Node, a: Any, **params: Any) -> Any:
    """Negate twice or transpose back: nothing."""
    if not _is(rw, a, node.op.name):
        return None
    (origin,) = rw.operands(a)
    inner = rw.node(a).params.get("axes")
    if inner is None:
        return origin
    back = tuple(inner[i] for i in params["axes"])
    return origin if back == tuple(range(len(back))) else None


def _product_turned(rw: Rewriter, node: Node, a: Any, axes: tuple[int, ...]) -> Any:
    """Turn (a.T @ b).T into b.T @ a."""
    if not _is(rw, a, "matmul") or len(axes) != 2 or axes != (1, 0) or a.ndim != 2:
        return None
    left, right = rw.operands(a)
    if left.ndim != 2 or right.ndim != 2 or rw.uses(node.inputs[0]) > 1:
        return None
    if not (_is(rw, left, "transpose") or _is(rw, right, "transpose")):
        return None
    return right.T @ left.T


def _same_shape(rw: Rewriter, node: Node, a: Any, *like: Any, **params: Any) -> Any:
    return a


def _bare(rw: Rewriter, node: Node, *operands: Any, **params: Any) -> Any:
    """Let elementwise operations broadcast by themselves."""
    stripped = [_unspread(rw, o) for o in operands]
    if all(s is o for s, o in zip(stripped, operands, strict=True)):
        return None
    shapes = [rw.node(s).shape for s in stripped]
    bare = node.op(*stripped, **params)
    if np.broadcast_shapes(*shapes) == node.shape:
        return bare
    spread = next((o for o in operands if _is(rw, o, "broadcast_to")), None)
    if spread is None or spread.shape != node.shape:
        return None
    like = rw.operands(spread)[1:]
    return TABLE["broadcast_to"](bare, *like, **rw.node(spread).params)


def _unspread(rw: Rewriter, spread: Any) -> Any:
    """Return what a broadcast repeats; of a single number, also through a change of shape."""
    if _is(rw, spread, "broadcast_to"):
        return rw.operands(spread)[0]
    if any(_is(rw, spread, name) for name in ("expand_dims", "reshape", "transpose")):
        inner = rw.operands(spread)[0]
        if _is(rw, inner, "broadcast_to") and rw.operands(inner)[0].shape == ():
            return rw.operands(inner)[0]
    return spread


def _sign_outside(rw: Rewriter, node: Node, a: Any, b: Any) -> Any:
    """Move a minus sign out of a quotient."""
    if _is(rw, a, "negative"):
        return -(rw.operands(a)[0] / b)
    number = _number(rw, a)
    negative = isinstance(number, (int, float)) and number < 0
    return -(-number / b) if negative else None  # type: ignore[operator]  # it is a number


def _sign_turned(rw: Rewriter, node: Node, a: Any, b: Any) -> Any:
    """Turn -c · (a - b) into c · (b - a), and so spend the sign."""
    for factor, difference in ((a, b), (b, a)):
        if not _is(rw, difference, "subtract"):
            continue
        left, right = rw.operands(difference)
        if _is(rw, factor, "negative"):
            return rw.operands(factor)[0] * (right - left)
        if _number(rw, factor) == -1:
            return right - left
    return None


def _one_fraction(rw: Rewriter, node: Node, a: Any, b: Any) -> Any:
    """Turn (1 / n) · b into b / n."""
    for fraction, other in ((a, b), (b, a)):
        if _is(rw, fraction, "divide"):
            top, bottom = rw.operands(fraction)
            if _number(rw, top) == 1:
                return other / bottom
    return None


def _one_quotient(rw: Rewriter, node: Node, a: Any, b: Any) -> Any:
    """Turn (c / n) · d into (c · d) / n, for Python numbers c and d."""
    for fraction, other in ((a, b), (b, a)):
        if _is(rw, fraction, "divide"):
            top, bottom = rw.operands(fraction)
            c, d = _number(rw, top), _number(rw, other)
            if type(c) in (int, float) and type(d) in (int, float):
                return c * d / bottom  # type: ignore[operator]  # both are numbers
    return None


def _factored(rw: Rewriter, node: Node, a: Any, b: Any) -> Any:
    """Turn c · a - c · b into c · (a - b), for a number c."""
    if not (_is(rw, a, "multiply") and _is(rw, b, "multiply")):
        return None
    for i, c in enumerate(rw.operands(a)):
        for j, d in enumerate(rw.operands(b)):
            if rw.node(c) is rw.node(d) and c.shape == ():
                return c * (rw.operands(a)[1 - i] - rw.operands(b)[1 - j])
    return None


def _one_hot_scatter(rw: Rewriter, node: Node, a: Any, g: Any, *positions: Any, key: Any) -> Any:
    """Write one number scattered to one place a row as that number times one-hot rows."""
    origin = rw.operands(g)[0] if _is(rw, g, "broadcast_to") else g
    if len(node.shape) != 2 or len(positions) != 1 or origin.shape != () or len(key) != 2:
        return None
    rows, columns = node.shape
    if key[0] != range(rows) or rw.node(positions[0]).shape != (rows,):
        return None
    eye = np.eye(columns, dtype=node.abstract.dtype)
    return origin * TABLE["getitem"](rw.recorder.constant(eye), positions[0], key=(key[1],))


def _is_one_hot(rw: Rewriter, traced: Any) -> bool:
    """Whether each row holds a single 1, by construction or as given."""
    node = rw.node(traced)
    if node.op is TABLE["getitem"] and node.inputs[0].is_constant and len(node.inputs) == 2:
        value = node.inputs[0].value
        return value.ndim == 2 and bool(np.array_equal(value, np.eye(len(value))))
    if not node.is_leaf or len(node.shape) != 2 or node.value is None:
        return False
    value = np.asarray(node.value)
    return bool(np.all((value == 0) | (value == 1)) and np.all(value.sum(axis=1) == 1))


def _one_hot_row_sum(rw: Rewriter, node: Node, a: Any, b: Any) -> Any:
    """Turn x · sum of (c · one-hot) over each row into x · c, since each row sums to 1."""
    for x, total in ((a, b), (b, a)):
        if not _is(rw, total, "sum") or rw.node(total).params["axis"] != (1,):
            continue
        summed, *start = rw.operands(total)
        if start:
            continue
        if not _is(rw, summed, "multiply"):
            continue
        for c, rows in zip(rw.operands(summed), rw.operands(summed)[::-1], strict=True):
            if c.shape == () and _is_one_hot(rw, rows):
                return x * c
    return None


def _counted(rw: Rewriter, node: Node, a: Any, axis: int | None) -> Any:
    """Count one as 1, and count a result of the same shape by its operand."""
    counted = rw.node(a)
    if counted.shape == ():
        return rw.recorder.constant(1)
    if counted.name or not counted.op.elementwise:
        return None
    for operand in rw.operands(a):
        if operand.shape == counted.shape:
            return TABLE["size"](operand, axis=axis)
    return None


_ELEMENTWISE = tuple(row.name for row in TABLE.values() if row.elementwise)

_BY_NAME: dict[str, tuple[Callable[..., Any], ...]] = dict.fromkeys(_ELEMENTWISE, (_bare,))
for _name, _rows in {
    "multiply": (
        _folded,
        _without_one,
        _one_hot_row_sum,
        _sign_turned,
        _one_quotient,
        _one_fraction,
    ),
    "divide": (_without_one, _sign_outside),
    "not_equal": (_folded,),
    "power": (_folded, _without_one),
    "add": (_folded, _without_zero, _flat_sum),
    "subtract": (_folded, _factored),
    "negative": (_folded, _undone),
    "transpose": (_undone, _product_turned),
    "broadcast_to": (_same_shape,),
    "reshape": (_same_shape,),
    "expand_dims": (_same_shape,),
    "astype": (_same_shape,),
    "scatter": (_one_hot_scatter,),
    "size": (_counted,),
}.items():
    _BY_NAME[_name] = _BY_NAME.get(_name, ()) + _rows

#: Operation -> rewrites to try on it, in order. A user's own operation may bear any name.
REWRITES: dict[Op, tuple[Callable[..., Any], ...]] = {
    TABLE[n]: rows for n, rows in _BY_NAME.items()
}


def tidied(graph: Graph) -> Graph:
    """Write chains of additions as one sum, as people do, and drop what is not needed.

    Inputs keep their identity.
    """
    rewriter = Rewriter(values=all(n.value is not None for n in graph.nodes))
    rewriter.run(graph, {TABLE["add"]: (_flat_sum,)})
    outputs = [rewriter.node(rewriter.image[o]) for o in graph.outputs]
    return Graph(rewriter.recorder.nodes, outputs).reachable()


def simplify(
    graph: Graph, same: Iterable[tuple[Node, Node]] = (), loose: bool = False
) -> tuple[Graph, dict[Node, Node]]:
    """Rewrite a graph until nothing changes, and drop what its outputs do not need.

    Parameters
    ----------
    graph : Graph
    same : iterable of (Node, Node)
        Pairs known to be equal: the first is replaced by the second.
    loose : bool
        See :class:`Rewriter`.

    Returns
    -------
    graph : Graph
    image : dict
        Node of the original -> node of the result; dropped nodes are missing.
    """
    image = dict(zip(graph.nodes, graph.nodes, strict=True))
    rewrites: Mapping[Op, Any] = {}  # the first pass only merges, so that `same` finds all
    for _ in range(_PASSES):
        rewriter = Rewriter(all(n.value is not None for n in graph.nodes), loose)
        changed = rewriter.run(graph, rewrites)
        step = {node: rewriter.node(traced) for node, traced in rewriter.image.items()}
        smaller = Graph(rewriter.recorder.nodes, (step[o] for o in graph.outputs))
        image = {node: step[now] for node, now in image.items() if now in step}
        if rewrites is not REWRITES:
            pairs = {image[a]: image[b] for a, b in same if image[a] is not image[b]}
            smaller = _substituted(smaller, pairs, image)
            rewrites, changed = REWRITES, True
        smaller = smaller.reachable()
        changed = changed or len(smaller) != len(graph)
        graph = smaller
        if not changed:
            break
    alive = set(graph.nodes)
    return graph, {node: now for node, now in image.items() if now in alive}


def _substituted(graph: Graph, same: dict[Node, Node], image: dict[Node, Node]) -> Graph:
    """Replace nodes by nodes that are known to be equal to them."""
    if not same:
        return graph
    made: dict[Node, Node] = {}
    for node in graph.nodes:
        if node in same:
            made[node] = made[same[node]]
            continue
        inputs = tuple(made[i] for i in node.inputs)
        made[node] = node if inputs == node.inputs else Node(
            node.op, inputs, node.params, node.abstract, node.value, node.name, node.where
        )  # fmt: skip
    image.update({node: made[now] for node, now in image.items()})
    distinct = dict.fromkeys(made[n] for n in graph.nodes)
    return Graph(distinct, (made[o] for o in graph.outputs))
