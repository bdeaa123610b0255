"""Rewriting of graphs to simpler ones that compute the same.

Each rewrite is a row: the operation that it looks at, those of which one has computed an
operand, and a function from the node to a replacement, written in plain NumPy over traced
values, or None. :func:`simplify` applies the rows, merges equal nodes and drops dead ones until
nothing changes. All rows hold exactly, for all finite values; none trades a derivative for
another.
"""

from __future__ import annotations

from collections.abc import Iterable

from chainrule.collector import slowed_down
from chainrule.graph import Graph, Node
from chainrule.rewriting import NONE, Rewrite, Rewriter, Rewrites
from chainrule.rules import TABLE
from chainrule.simplify import arithmetic, layout, onehot

_PASSES = 12

_ELEMENTWISE = tuple(row.name for row in TABLE.values() if row.elementwise)

_BY_NAME: dict[str, tuple[Rewrite, ...]] = dict.fromkeys(_ELEMENTWISE, (layout.bare,))
for _name, _rows in {
    "multiply": (
        arithmetic.folded,
        arithmetic.without_one,
        onehot.one_hot_row_sum,
        arithmetic.sign_turned,
        arithmetic.one_quotient,
        arithmetic.one_fraction,
        arithmetic.sign_out_of_product,
    ),
    "divide": (
        arithmetic.without_one,
        arithmetic.plain_one,
        arithmetic.sign_outside,
        arithmetic.sign_out_of_divisor,
    ),
    "not_equal": (arithmetic.folded,),
    "power": (arithmetic.folded, arithmetic.without_one),
    "add": (
        arithmetic.folded,
        arithmetic.without_zero,
        arithmetic.flat_sum,
        arithmetic.sign_in_sum,
        arithmetic.doubled,
        layout.written_after_zero,
    ),
    "subtract": (
        arithmetic.folded,
        arithmetic.from_zero,
        arithmetic.factored,
        onehot.one_hot_difference,
        arithmetic.sign_in_difference,
    ),
    "negative": (arithmetic.folded, layout.undone, arithmetic.sign_spent),
    "matmul": (arithmetic.sign_out_of_product,),
    "transpose": (layout.undone, layout.product_turned, arithmetic.sign_passed),
    "broadcast_to": (layout.same_shape, layout.like_less, arithmetic.sign_passed),
    "getitem": (layout.read_whole, layout.read_past),
    "reshape": (layout.same_shape, arithmetic.sign_passed),
    "expand_dims": (layout.same_shape, arithmetic.sign_passed),
    "squeeze": (arithmetic.sign_passed,),
    "sum": (layout.repeated_sum, arithmetic.sign_passed),
    "astype": (layout.same_shape,),
    "scatter": (onehot.one_hot_scatter, layout.shape_alone),
    "setitem": (layout.written_whole,),
    "size": (layout.counted,),
}.items():
    _BY_NAME[_name] = _BY_NAME.get(_name, ()) + _rows

#: Operation -> rewrites to try on it, in order. A user's own operation may bear any name.
REWRITES = Rewrites({TABLE[n]: rows for n, rows in _BY_NAME.items()})

#: Rewrites of what is left in the end.
LAST = Rewrites({TABLE["broadcast_to"]: (layout.ones,)})

_TIDY = Rewrites({TABLE["add"]: (arithmetic.flat_sum,)})


@slowed_down()
def tidied(graph: Graph) -> Graph:
    """Write chains of additions as one sum, as people do, and drop what is not needed.

    Inputs keep their identity.
    """
    smaller, _, _ = Rewriter().run(graph, _TIDY)
    return smaller.reachable()


@slowed_down()
def simplify(
    graph: Graph,
    same: Iterable[tuple[Node, Node]] = (),
    loose: bool = False,
    tidy: bool = False,
) -> tuple[Graph, dict[Node, Node]]:
    """Rewrite a graph until nothing changes, and drop what its outputs do not need.

    Parameters
    ----------
    graph : Graph
    same : iterable of (Node, Node)
        Pairs known to be equal: the first is replaced by the second.
    loose : bool
        See :class:`Rewriter`.
    tidy : bool
        Tidy the graph first, at less cost than by :func:`tidied`.

    Returns
    -------
    graph : Graph
    image : dict
        Node of the original -> node of the result; dropped nodes are missing.
    """
    rewriter = Rewriter(loose)
    # The first pass only merges, so that `same` finds all.
    graph, image, changed = rewriter.run(graph, _TIDY if tidy else NONE)
    if changed:
        graph, image, _ = _rewritten(rewriter, graph.reachable(), image, NONE)
    graph = _substituted(graph, same, image).reachable()
    for _ in range(_PASSES):
        graph, image, changed = _rewritten(rewriter, graph, image, REWRITES)
        if not changed:
            break
    if changed or any(LAST.possible(node, node.inputs) for node in graph.nodes):
        graph, image, _ = _rewritten(rewriter, graph, image, LAST)
    alive = set(graph.nodes)
    return graph, {node: now for node, now in image.items() if now in alive}


def _rewritten(
    rewriter: Rewriter, graph: Graph, image: dict[Node, Node], rewrites: Rewrites
) -> tuple[Graph, dict[Node, Node], bool]:
    """Go through a graph of needed nodes once; says whether anything has changed."""
    whole, step, changed = rewriter.run(graph, rewrites)
    if not changed and all(now is node for node, now in step.items()):
        return graph, image, False
    smaller = whole.reachable()
    image = {node: step[now] for node, now in image.items() if now in step}
    return smaller, image, changed or len(smaller) != len(graph)


def _substituted(graph: Graph, same: Iterable[tuple[Node, Node]], image: dict[Node, Node]) -> Graph:
    """Replace nodes by nodes that are known to be equal to them; `image` is brought up to date."""
    known = [(image[a], image[b]) for a, b in same if a in image and b in image]
    if not known:
        return graph
    place = {node: i for i, node in enumerate(graph.nodes)}
    # What was merged with an earlier node may stand before its equal: it stays.
    pairs = {a: b for a, b in known if place[b] < place[a]}
    made: dict[Node, Node] = {}
    for node in graph.nodes:
        if node in pairs:
            made[node] = made[pairs[node]]
            continue
        made[node] = node.on(tuple([made[i] for i in node.inputs]))
    image.update({node: made[now] for node, now in image.items()})
    distinct = dict.fromkeys(made[n] for n in graph.nodes)
    return Graph(distinct, (made[o] for o in graph.outputs))
