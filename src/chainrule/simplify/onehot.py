"""Rewrites of what one element a row is picked by, or scattered to."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.graph import Node
from chainrule.rewriting import Rewriter
from chainrule.rules import TABLE
from chainrule.rules.index import Slot
from chainrule.simplify.reading import is_op, known, number, rewrite

#: Of more classes than this no identity matrix is made.
_MOST_CLASSES = 256
#: The key that picks the columns of an identity matrix.
_OF_COLUMNS = (slice(None), Slot(0))


@rewrite()
def one_hot_scatter(rw: Rewriter, node: Node, a: Any, g: Any, *positions: Any, key: Any) -> Any:
    """Write one number scattered to one place a row as that number times one-hot rows.

    Where samples are columns, it is one place a column, and one-hot columns.
    """
    origin = rw.operands(g)[0] if is_op(rw, g, "broadcast_to") else g
    if len(node.shape) != 2 or len(key) != 2 or origin.shape != ():
        return None
    rows, columns = node.shape
    if key[1] == range(columns) and isinstance(key[0], Slot) and rows <= _MOST_CLASSES:
        labels = positions[key[0].position]
        eye = rw.recorder.constant(np.eye(rows, dtype=node.abstract.dtype))
        fits = labels.shape == (columns,)
        return origin * TABLE["getitem"](eye, labels, key=_OF_COLUMNS) if fits else None
    if columns > _MOST_CLASSES or not isinstance(key[1], Slot):
        return None
    labels = positions[key[1].position]
    if isinstance(key[0], Slot):
        counted = rw.node(positions[key[0].position])
        if not counted.is_constant or counted.shape != labels.shape:
            return None
        value = known(counted)
        if value is None or not np.array_equal(np.ravel(value), np.arange(rows)):
            return None
    elif key[0] != range(rows):
        return None
    if labels.shape == (rows, 1):
        inner = rw.operands(labels)[:1]
        flat = [i for i in inner if i.shape == (rows,)]
        labels = flat[0] if flat else np.reshape(labels, (rows,))
    return origin * _one_hot(rw, node, labels, columns) if labels.shape == (rows,) else None


def _one_hot(rw: Rewriter, node: Node, label: Any, columns: int) -> Any:
    eye = rw.recorder.constant(np.eye(columns, dtype=node.abstract.dtype))
    if type(label) is int:
        return TABLE["getitem"](eye, key=(label,))
    return TABLE["getitem"](eye, label, key=(Slot(0),))


def _is_one_hot(rw: Rewriter, traced: Any, axis: tuple[int, ...]) -> bool:
    """Whether there is a single 1 along the axis, by construction or as given."""
    node = rw.node(traced)
    if node.op is TABLE["getitem"] and node.inputs[0].is_constant and len(node.inputs) == 2:
        value = known(node.inputs[0])
        if value is None or value.ndim != 2:
            return False
        along = (0,) if node.params["key"] == _OF_COLUMNS else (1,)
        return axis == along and np.array_equal(value, np.eye(len(value)))
    leaf = node.inputs[0] if node.op is TABLE["transpose"] else node
    if not leaf.is_leaf or len(node.shape) not in (1, 2) or known(node) is None:
        return False
    value = np.asarray(known(node))
    return bool(np.all((value == 0) | (value == 1)) and np.all(value.sum(axis=axis) == 1))


@rewrite("sum")
def one_hot_row_sum(rw: Rewriter, node: Node, a: Any, b: Any) -> Any:
    """Turn x · sum of (c · one-hot) over each row into x · c, since each row sums to 1."""
    for x, total in ((a, b), (b, a)):
        if not is_op(rw, total, "sum") or len(rw.operands(total)) != 1:
            continue
        axis = rw.node(total).params["axis"]
        scaled = None if axis is None else _scaled(rw, x, rw.operands(total)[0], axis)
        if scaled is not None:
            return scaled
    return None


def _scaled(rw: Rewriter, x: Any, summed: Any, axis: tuple[int, ...]) -> Any:
    """Return x · c for a summed c · one-hot, or None."""
    if _is_one_hot(rw, summed, axis):
        return x
    if is_op(rw, summed, "scatter") and len(summed.shape) == len(axis) == 1:
        c = rw.operands(summed)[1]
        return x * c if c.shape == () else None
    if is_op(rw, summed, "divide"):
        rows, n = rw.operands(summed)
        scaled = _scaled(rw, x, rows, axis) if n.shape == () else None
        return None if scaled is None else scaled / n
    if is_op(rw, summed, "multiply"):
        for c, rows in zip(rw.operands(summed), rw.operands(summed)[::-1], strict=True):
            if c.shape == ():
                scaled = _scaled(rw, x, rows, axis)
                if scaled is not None:
                    return scaled if number(rw, c) == 1 else scaled * c
    return None


@rewrite("scatter", derived=True)
def one_hot_difference(rw: Rewriter, node: Node, a: Any, b: Any) -> Any:
    """Turn (c at k, 0 elsewhere) - c · x into c · (one-hot of k - x), for a vector x."""
    if not is_op(rw, a, "scatter") or not is_op(rw, b, "multiply"):
        return None
    _, c, *positions = rw.operands(a)
    key = rw.node(a).params["key"]
    if len(node.shape) != 1 or c.shape != () or node.shape[0] > _MOST_CLASSES:
        return None
    if len(key) != 1 or (positions and positions[0].shape != ()):
        return None
    for factor, x in zip(rw.operands(b), rw.operands(b)[::-1], strict=True):
        if rw.node(factor) is rw.node(c):
            label = positions[0] if positions else int(key[0])
            return c * (_one_hot(rw, node, label, node.shape[0]) - x)
    return None
