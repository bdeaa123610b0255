"""Softmax and its logarithm, recognised in hand-written code.

``exp(z - m) / sum(exp(z - m))`` is softmax(z) whatever m is, as long as it is the same
along the axis of the sum; the logarithm of a softmax, of elements picked from it, or of
its products with one-hot rows, is taken as one operation. The values are equal exactly;
the derivative is the one of the recognised operation's rule.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.graph import Graph, Node
from chainrule.rules import TABLE
from chainrule.rules.softmax import LOG_SOFTMAX, SOFTMAX
from chainrule.trace import Recorder, Traced


def recognise(graph: Graph, wrt: tuple[Node, ...] = ()) -> tuple[Graph, list[tuple[Node, Node]]]:
    """Extend a graph by what is recognised in it.

    Parameters
    ----------
    graph : Graph
    wrt : tuple of Node
        Labels among these are not taken as fixed.

    Returns
    -------
    graph : Graph
        The nodes of the original and, after them, a second way to its output that
        goes through the recognised operations.
    same : list of (Node, Node)
        Pairs of an added node and the original node that is equal to it.
    """
    recorder = Recorder(values=all(node.value is not None for node in graph.nodes))
    handles = recorder.adopt(graph.nodes)
    added: dict[Node, Traced] = {}
    for node in graph.nodes:
        made = _softmax(node, handles)
        if made is None:
            made = _logarithm(node, handles, added, recorder, wrt)
        if made is None and any(i in added for i in node.inputs):
            operands = [added.get(i, handles[i]) for i in node.inputs]
            made = node.op(*operands, **node.params)
        if made is not None:
            added[node] = made
    if graph.output not in added:
        return graph, []
    same = [(recorder.node(made), node) for node, made in added.items()]
    return Graph(recorder.nodes, [recorder.node(added[graph.output])]), same


def _is(node: Node, name: str) -> bool:
    return node.op is TABLE[name]


def _softmax(node: Node, handles: dict[Node, Traced]) -> Any:
    if not _is(node, "divide"):
        return None
    top, bottom = node.inputs
    if not (_is(top, "exp") and _is(bottom, "sum") and bottom.inputs[0] is top):
        return None
    axis = bottom.params["axis"]
    (z,) = top.inputs
    if axis is None:
        if len(z.shape) != 1:
            return None
        axis = (0,)
    elif not bottom.params["keepdims"] and len(z.shape) != len(axis):
        return None
    if _is(z, "subtract") and _constant_along(z.inputs[1], axis, len(z.shape)):
        z = z.inputs[0]
    return SOFTMAX(handles[z], axis=axis) if z.shape == node.shape else None


def _constant_along(node: Node, axis: tuple[int, ...], ndim: int) -> bool:
    """Whether a node that is broadcast to `ndim` axes is the same along some of them."""
    shape = (1,) * (ndim - len(node.shape)) + node.shape
    return all(shape[a] == 1 for a in axis)


def _logarithm(
    node: Node,
    handles: dict[Node, Traced],
    added: dict[Node, Traced],
    recorder: Recorder,
    wrt: tuple[Node, ...],
) -> Any:
    if not _is(node, "log"):
        return None
    (inner,) = node.inputs
    log = _log_softmax(inner, added, recorder)
    if log is not None:
        return log
    if _is(inner, "getitem"):
        log = _log_softmax(inner.inputs[0], added, recorder)
        positions = [handles[i] for i in inner.inputs[1:]]
        return None if log is None else inner.op(log, *positions, **inner.params)
    if not (_is(inner, "sum") and _is(inner.inputs[0], "multiply")):
        return None
    for probabilities, labels in (
        inner.inputs[0].inputs,
        inner.inputs[0].inputs[::-1],
    ):
        log = _log_softmax(probabilities, added, recorder)
        if log is None or labels in wrt or labels.shape != probabilities.shape:
            continue
        if recorder.node(log).params["axis"] == inner.params["axis"] and _one_hot(labels):
            return np.sum(
                log * handles[labels],
                axis=inner.params["axis"],
                keepdims=inner.params["keepdims"],
            )
    return None


def _log_softmax(node: Node, added: dict[Node, Traced], recorder: Recorder) -> Any:
    found = added.get(node)
    if found is None or recorder.node(found).op is not SOFTMAX:
        return None
    softmax = recorder.node(found)
    z = recorder.handle(recorder.nodes.index(softmax.inputs[0]))
    return LOG_SOFTMAX(z, **softmax.params)


def _one_hot(labels: Node) -> bool:
    if labels.value is None or not labels.is_leaf:
        return False
    value = np.asarray(labels.value)
    return bool(np.all((value == 0) | (value == 1)) and np.all(np.sum(value, axis=-1) == 1))
