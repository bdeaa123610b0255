"""Mistakes in choices: masks of elements, and labels that index."""

import ast
import re

import numpy as np

from mutating.place import bare, is_reference, name_of, references
from mutating.products import chains, sets_to_zero, without

EDGES = {ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Lt: ast.LtE, ast.LtE: ast.Lt}
OPPOSITES = {ast.Gt: ast.LtE, ast.GtE: ast.Lt, ast.Lt: ast.GtE, ast.LtE: ast.Gt}
LABELS = re.compile(r"(self\.)?(y|y_true|labels?|targets?)")


def _comparisons(place):
    """Yield the comparisons of data within a statement."""
    for node in place.everything():
        if (
            isinstance(node, ast.Compare)
            and len(node.ops) == 1
            and not place.is_constant(node.left)
        ):
            yield node


def mask_edge(place):
    for node in _comparisons(place):
        if other := EDGES.get(type(node.ops[0])):
            yield place.put(node, ast.Compare(node.left, [other()], node.comparators))


def wrong_mask(place):
    for node in _comparisons(place):
        if opposite := OPPOSITES.get(type(node.ops[0])):
            yield place.put(node, ast.Compare(node.left, [opposite()], node.comparators))
            for reference in references(node.left)[:1]:
                for name in place.alike(name_of(reference)):
                    yield place.put(bare(reference), name)
    stored = [part for part in references(place.root) if _is_stored_mask(place, part)]
    for text in dict.fromkeys(map(ast.unparse, stored)):
        same = [reference for reference in stored if ast.unparse(reference) == text]
        for other in _other_masks(place, same[0]):
            yield place.put_all(dict.fromkeys(same, other))


def _is_stored_mask(place, node):
    return isinstance(node.ctx, ast.Load) and place.is_mask(node) and place.scope.shape(node) != ()


def _other_masks(place, reference):
    """Yield what might be taken for a mask: its opposite, and where other arrays are positive."""
    text, shape = ast.unparse(reference), place.scope.shape(reference)
    boolean = np.asarray(place.scope.value(reference)).dtype == bool
    yield f"~{text}" if boolean else f"({text} == 0)"
    for name, value in place.scope.references().items():
        if np.shape(value) == shape and np.asarray(value).dtype.kind == "f" and name != text:
            yield f"({name} > 0)"


def clip_forgotten(place):
    if not place.clips:
        return
    for chain, found in chains(place):
        for factor in found:
            if place.is_mask(factor.node):
                yield place.put(chain, without(found, factor))
    if sets_to_zero(place):
        yield from place.dropped()
    for node in place.everything():
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitAnd | ast.BitOr):
            yield place.put(node, node.left)
            yield place.put(node, node.right)
        elif isinstance(node, ast.BoolOp) and len(node.values) == 2:
            yield place.put(node, node.values[0])
        elif isinstance(node, ast.Call) and ast.unparse(node.func) == "np.where":
            yield place.put(node, max(node.args[1:], key=place.is_gradient))


def label_off_by_one(place):
    for node in place.everything():
        if isinstance(node, ast.Subscript):
            for axis, index in enumerate(getattr(node.slice, "elts", [node.slice])):
                if _is_label(place, index):
                    yield place.put(index, f"{ast.unparse(index)} - 1")
                    if is_reference(node.value):
                        classes = f"{ast.unparse(node.value)}.shape[{axis}]"
                        yield place.put(index, f"({ast.unparse(index)} + 1) % {classes}")
        elif isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.Eq):
            for side in (node.left, *node.comparators):
                if _is_label(place, side):
                    yield place.put(side, f"{ast.unparse(side)} - 1")
                    yield place.put(side, f"{ast.unparse(side)} + 1")


def _is_label(place, node):
    if not (is_reference(node) and LABELS.fullmatch(name_of(node))):
        return False
    labels = place.scope.value(name_of(node))
    return isinstance(labels, np.ndarray) and labels.dtype.kind in "iu"
