"""Rewrites of what moves, repeats and counts elements."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.graph import Node
from chainrule.rewriting import Rewriter
from chainrule.rules import TABLE
from chainrule.rules.index import is_basic
from chainrule.simplify.reading import is_op, number, rewrite

#: Arrays up to this size are asked which of their elements are written.
_LARGEST = 100_000
_SAME_SIZE = frozenset(TABLE[n] for n in ("reshape", "expand_dims", "squeeze", "transpose"))


@rewrite("negative", "transpose")
def undone(rw: Rewriter, node: Node, a: Any, **params: Any) -> Any:
    """Negate twice or transpose back: nothing."""
    if not is_op(rw, a, node.op.name):
        return None
    (origin,) = rw.operands(a)
    inner = rw.node(a).params.get("axes")
    if inner is None:
        return origin
    back = tuple(inner[i] for i in params["axes"])
    return origin if back == tuple(range(len(back))) else None


@rewrite("matmul")
def product_turned(rw: Rewriter, node: Node, a: Any, axes: tuple[int, ...]) -> Any:
    """Turn (a.T @ b).T into b.T @ a."""
    if not is_op(rw, a, "matmul") or len(axes) != 2 or axes != (1, 0) or a.ndim != 2:
        return None
    left, right = rw.operands(a)
    if left.ndim != 2 or right.ndim != 2 or rw.uses(node.inputs[0]) > 1:
        return None
    if not (is_op(rw, left, "transpose") or is_op(rw, right, "transpose")):
        return None
    return right.T @ left.T


@rewrite()
def same_shape(rw: Rewriter, node: Node, a: Any, *like: Any, **params: Any) -> Any:
    """Leave out what changes neither shape nor dtype."""
    return a


@rewrite("broadcast_to", "expand_dims", "reshape", "transpose")
def bare(rw: Rewriter, node: Node, *operands: Any, **params: Any) -> Any:
    """Let elementwise operations broadcast by themselves."""
    stripped = [_unspread(rw, o) for o in operands]
    if all(s is o for s, o in zip(stripped, operands, strict=True)):
        return None
    shapes = [rw.node(s).shape for s in stripped]
    bare = node.op(*stripped, **params)
    if np.broadcast_shapes(*shapes) == node.shape:
        return bare
    spread = next((o for o in operands if is_op(rw, o, "broadcast_to")), None)
    if spread is None or spread.shape != node.shape:
        return None
    like = rw.operands(spread)[1:]
    return TABLE["broadcast_to"](bare, *like, **rw.node(spread).params)


def _unspread(rw: Rewriter, spread: Any) -> Any:
    """Return what a broadcast repeats; of a single number, also through a change of shape."""
    if is_op(rw, spread, "broadcast_to"):
        return rw.operands(spread)[0]
    if any(is_op(rw, spread, name) for name in ("expand_dims", "reshape", "transpose")):
        inner = rw.operands(spread)[0]
        if is_op(rw, inner, "broadcast_to") and rw.operands(inner)[0].shape == ():
            return rw.operands(inner)[0]
    return spread


@rewrite("broadcast_to", derived=True)
def repeated_sum(rw: Rewriter, node: Node, a: Any, *start: Any, **params: Any) -> Any:
    """Turn the sum of one repeated number into the number times the count."""
    if start or not is_op(rw, a, "broadcast_to") or node.shape != ():
        return None
    origin, *like = rw.operands(a)
    return origin * np.size(like[0]) if origin.shape == () and like else None


@rewrite("one", derived=True)
def ones(rw: Rewriter, node: Node, a: Any, *like: Any, **params: Any) -> Any:
    """Write a repeated 1 as ones."""
    if not like or number(rw, a) != 1 or node.shape == ():
        return None
    return TABLE["ones_like"](like[0], dtype=None)


@rewrite()
def like_less(rw: Rewriter, node: Node, a: Any, *like: Any, **params: Any) -> Any:
    """Repeat to the shape of what an unnamed result was computed from, if that is the same."""
    template = rw.node(like[0]) if like else None
    if template is None or template.name or not template.op.elementwise:
        return None
    for operand in rw.operands(like[0]):
        inner = rw.node(operand)
        same = inner.shape == template.shape and inner.abstract.dtype == template.abstract.dtype
        if same and not inner.is_constant:
            return node.op(a, operand, **params)
    return None


@rewrite(derived=True)
def read_whole(rw: Rewriter, node: Node, a: Any, *positions: Any, key: Any) -> Any:
    """Leave out picking all there is."""
    return a if key and _is_whole(key) and a.shape == node.shape else None


@rewrite("setitem", derived=True)
def read_past(rw: Rewriter, node: Node, a: Any, *positions: Any, key: Any) -> Any:
    """Read an element from before a writing that did not touch it, or what was written there."""
    if not is_op(rw, a, "setitem") or a.size > _LARGEST:
        return None
    before, value, *rest = rw.operands(a)
    written = rw.node(a).params["key"]
    if rest or positions or not (is_basic(key) and is_basic(written)):
        return None
    touched = np.zeros(a.shape, bool)
    touched[written] = True
    if not np.any(touched[key]):
        return TABLE["getitem"](before, key=key)
    if key == written and value.shape == node.shape:
        return value
    whole = bool(np.all(touched[key])) and number(rw, value) is not None
    return np.broadcast_to(value, node.shape) if whole else None


@rewrite("setitem", derived=True)
def written_after_zero(rw: Rewriter, node: Node, *terms: Any) -> Any:
    """Turn an array with 0 at a place, plus a value there alone, into the array with the value."""
    if len(terms) != 2:
        return None
    for array, added in (terms, terms[::-1]):
        if is_op(rw, array, "setitem") and is_op(rw, added, "scatter"):
            before, zero, *rest = rw.operands(array)
            key = rw.node(array).params["key"]
            same = not rest and is_basic(key) and rw.node(added).params["key"] == key
            if same and number(rw, zero) == 0:
                return TABLE["setitem"](before, rw.operands(added)[1], key=key)
    return None


def _is_whole(key: Any) -> bool:
    return all(k is Ellipsis or (isinstance(k, slice) and k == slice(None)) for k in key)


@rewrite()
def written_whole(rw: Rewriter, node: Node, a: Any, value: Any, *rest: Any, key: Any) -> Any:
    """Turn an array that is written over as a whole into what is written."""
    if _is_whole(key):
        return value
    if rest:
        return None
    # What is written where it stands already: Python does so for a[i] += b.
    if is_op(rw, a, "setitem") and rw.node(a).params["key"] == key and is_basic(key):
        return a if rw.node(rw.operands(a)[1]) is rw.node(value) else None
    if is_op(rw, value, "getitem") and rw.node(value).params["key"] == key and is_basic(key):
        return a if rw.node(rw.operands(value)[0]) is rw.node(a) else None
    return None


@rewrite()
def shape_alone(rw: Rewriter, node: Node, a: Any, g: Any, *rest: Any, **params: Any) -> Any:
    """Take the shape to scatter to from an operand of what would be computed for it alone."""
    template = rw.node(a)
    if template.name or template.is_leaf or rw.uses(node.inputs[0]) > 1:
        return None
    for operand in rw.operands(a):
        there = rw.node(operand).abstract
        if there.shape == template.shape and there.dtype == template.abstract.dtype:
            return node.op(operand, g, *rest, **params)
    return None


@rewrite()
def counted(rw: Rewriter, node: Node, a: Any, axis: int | None) -> Any:
    """Count one as 1, and count a result by an operand of the same shape, or of the same size."""
    result = rw.node(a)
    if result.shape == ():
        return rw.recorder.constant(1)
    if result.name:
        return None
    picks = result.op in (TABLE["getitem"], TABLE["take_along_axis"])
    first, *rest = rw.operands(a)
    if result.op.elementwise or picks:
        for operand in rest if picks else (first, *rest):
            if operand.shape == result.shape and not rw.node(operand).is_constant:
                return TABLE["size"](operand, axis=axis)
    moved = result.op in _SAME_SIZE or (picks and not rest and first.size == a.size)
    return TABLE["size"](first, axis=None) if axis is None and moved else None
