"""Which operations have loops, and the others taken apart into those that have.

What an operation is in loops follows from its row: an elementwise one is its code on numbers, a
reduction its fold, an index sum its subscripts, a view its origin, a joining of arrays its placing.
A row that has none of these says what it is composed of, or its forward pass is plain NumPy over
other rows.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.emit.loops.scalars import operand_types
from chainrule.emit.loops.statement import NoLoopsError
from chainrule.graph import Graph, Node
from chainrule.rules import TABLE
from chainrule.rules.axes import all_axes
from chainrule.rules.index import Slot, is_basic
from chainrule.simplify import simplify
from chainrule.trace import Recorder, Traced, tracing

_MAXIMUM, _GREATER, _SIZE = TABLE["maximum"], TABLE["greater"], TABLE["size"]
_POWER, _SUM, _EINSUM = TABLE["power"], TABLE["sum"], TABLE["einsum"]
#: Operations with a key, and how many operands stand before its positions.
_KEYED = {TABLE["getitem"]: 1, TABLE["scatter"]: 2, TABLE["setitem"]: 2}
_ALONG = TABLE["take_along_axis"]
#: How often the parts of an operation may have to be taken apart in turn.
_DEPTH = 4


def index_sum_of(node: Node) -> str | None:
    """Return an operation as an index sum, where it is one."""
    if node.op.subscripts is None:
        return None
    spec = node.op.subscripts([i.shape for i in node.inputs], **node.params)
    return None if spec is None or "." in spec else spec.replace(" ", "")


def _is_number(dtype: np.dtype[Any]) -> bool:
    """Whether numbers of a type can be computed with one by one."""
    return dtype.kind in "iub" or dtype.char in "fd"


def has_loops(node: Node) -> bool:
    """Whether an operation can be written as loops as it stands."""
    op = node.op
    if node.is_leaf or op is _SIZE:
        return True
    if not all(_is_number(n.abstract.dtype) for n in (node, *node.inputs)):
        return False
    if op.elementwise or op.notation.loop:
        if op.notation.loop == "" or op.notation.statement:
            return False
        if op is _POWER and node.abstract.dtype.kind in "iu":
            return False  # some of them make numba's compiler crash
        return all(map(_is_number, operand_types(node)))
    if op in _KEYED and not (op is TABLE["getitem"] and is_basic(node.params["key"])):
        return not _has_mask(node)
    if op is _ALONG:
        return True
    if op.origin is not None:
        return bool(node.params.get("order", "C") == "C")
    if op.placing is not None:
        background = op.placing.background
        return background is None or background(**node.params) is not None
    if op.fold is not None:
        return len(node.inputs) == 1
    return op.running is not None or index_sum_of(node) is not None


def _has_mask(node: Node, unknown: bool = False) -> bool:
    """Whether elements are picked by truth values, or by such that are not known before."""
    masks = (p for p in node.inputs[_KEYED[node.op] :] if p.abstract.dtype.kind == "b")
    return any(not (unknown and m.is_constant) for m in masks)


def expanded(graph: Graph) -> Graph:
    """Take operations without loops apart into those that have them.

    Raises
    ------
    NoLoopsError
        For the first that cannot be.
    """
    for _ in range(_DEPTH):
        graph, _ = simplify(_expanded_once(graph).reachable())
        if all(map(has_loops, graph.nodes)):
            return _with_masks_of_results(_with_sums_in_products(graph))
    raise NoLoopsError(next(n for n in graph.nodes if not has_loops(n)))


def _expanded_once(graph: Graph) -> Graph:
    with tracing(lambda level: Recorder(level, values=False)) as recorder:
        made: dict[Node, Any] = {}
        for node in graph.nodes:
            if node.is_leaf:
                made[node] = recorder.adopt([node])[node]
                continue
            operands = [made[i] for i in node.inputs]
            picks = node.op in _KEYED and not _has_mask(node, unknown=True)
            if not picks and has_loops(node):
                made[node] = recorder.again(node, operands, node.name)
                continue
            before = len(recorder.nodes)
            made[node] = (
                _counted(node, operands) if picks else _taken_apart(node, operands, recorder)
            )
            if made[node].index >= before:
                recorder.retell(made[node], node.name, node.where)
        return recorder.graph([made[o] for o in graph.outputs])


def _counted(node: Node, operands: list[Any]) -> Any:
    """Write masks as positions, and those that count from 0 as ranges, which no array holds."""
    first = _KEYED[node.op]
    key: list[Any] = []
    kept: list[Any] = []
    for part in node.params["key"]:
        position = node.inputs[first + part.position] if isinstance(part, Slot) else None
        if position is None:
            key.append(part)
        elif position.abstract.dtype.kind == "b":
            for places in np.nonzero(position.value):
                key.append(Slot(len(kept)))
                kept.append(places)
        elif position.is_constant and _counts(position.value):
            key.append(range(len(position.value)))
        else:
            key.append(Slot(len(kept)))
            kept.append(operands[first + part.position])
    return node.op(*operands[:first], *kept, key=tuple(key))


def _counts(value: Any) -> bool:
    return np.ndim(value) == 1 and np.array_equal(value, np.arange(len(value)))


def _taken_apart(node: Node, operands: list[Any], recorder: Recorder) -> Any:
    before = len(recorder.nodes)
    try:
        result = (node.op.composition or node.op.forward)(*operands, **node.params)
    except Exception as error:
        raise NoLoopsError(node) from error
    if result.__class__ is not Traced:
        raise NoLoopsError(node)
    same = result.shape == node.shape and result.dtype == node.abstract.dtype
    again = any(n.op is node.op and not has_loops(n) for n in recorder.nodes[before:])
    if not same or again:
        raise NoLoopsError(node)
    return result


def _with_sums_in_products(graph: Graph) -> Graph:
    """Let a sum over a product of matrices be part of the product: one of larger matrices."""
    consumers, outputs = graph.consumers(), set(graph.outputs)
    made: dict[Node, Node] = {}
    for node in graph.nodes:
        spec = None
        if node.op is _SUM and len(node.inputs) == 1:
            (product,) = node.inputs
            if len(consumers[product]) == 1 and product not in outputs:
                spec = _summed(node, product)
        if spec is None:
            made[node] = node.on(tuple(made[i] for i in node.inputs))
        else:
            made[node] = Node(
                _EINSUM, tuple(made[i] for i in product.inputs), {"spec": spec},
                node.abstract, node.value, node.name, node.where,
            )  # fmt: skip
    return Graph(made.values(), (made[o] for o in graph.outputs)).reachable()


def _summed(total: Node, product: Node) -> str | None:
    """Return a sum over axes of an index sum of two operands as an index sum."""
    spec = index_sum_of(product) if len(product.inputs) == 2 else None
    kinds = {n.abstract.dtype for n in (total, product, *product.inputs)}
    if spec is None or total.params["keepdims"] or len(kinds) > 1:
        return None
    sources, target = spec.split("->")
    axes = all_axes(total.params["axis"], len(target))
    # A letter of a single place in one operand would be summed there alone.
    shapes = [dict(zip(s, i.shape, strict=True))
              for s, i in zip(sources.split(","), product.inputs, strict=True)]  # fmt: skip
    if any(shapes[0].get(target[k]) != shapes[1].get(target[k]) for k in axes):
        return None
    return f"{sources}->{''.join(c for k, c in enumerate(target) if k not in axes)}"


def _with_masks_of_results(graph: Graph) -> Graph:
    """Ask ``h > 0`` where ``z > 0`` is asked, if h = max(z, 0) is kept anyway, and z is not."""
    results = {n.inputs: n for n in graph.nodes if n.op is _MAXIMUM and n.inputs[1].is_constant}
    made: dict[Node, Node] = {}
    for node in graph.nodes:
        inputs = tuple(made[i] for i in node.inputs)
        largest = results.get(node.inputs) if node.op is _GREATER else None
        if largest is not None and largest in made:
            inputs = (made[largest], inputs[1])
        made[node] = node.on(inputs)
    return Graph(made.values(), (made[o] for o in graph.outputs)).reachable()
