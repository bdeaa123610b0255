"""Mistakes in sums: a path or a term left out, the wrong axis, a mean for a sum."""

import ast

import numpy as np

from mutating.place import Edit, called, is_method, name_of, parts, references
from mutating.products import chains

OTHER = {"sum": "mean", "mean": "sum"}
REDUCTIONS = {"sum", "mean", "var", "std", "max", "any", "prod"}


def not_accumulated(place):
    if not place.makes_gradient:
        return
    node = place.node
    if isinstance(node, ast.AugAssign) and isinstance(node.op, ast.Add):
        yield Edit(ast.unparse(ast.Assign([node.target], node.value, lineno=0)))
    if isinstance(node, ast.Expr) and called(node.value) == "at":
        yield from _without_at(node.value)
    for part in place.nodes(indices=False):
        if isinstance(part, ast.BinOp) and isinstance(part.op, ast.Add | ast.Sub):
            yield from _one_path(place, part)
    for value in place.computed():
        if _adds_a_penalty(place, value):
            yield place.put(value, value.left)


def _adds_a_penalty(place, value):
    """Whether a value is a gradient and what a penalty on the weights adds to it."""
    adds = isinstance(value, ast.BinOp) and isinstance(value.op, ast.Add)
    return adds and place.is_gradient(value.left) and not place.is_gradient(value.right)


def _without_at(call):
    """Yield `dx[i] += g` for `np.add.at(dx, i, g)`: repeated indices then count once."""
    target, index, value = (ast.unparse(argument) for argument in call.args)
    yield Edit(f"{target}[{index}] += {value}")
    yield Edit(f"{target}[{index}] = {value}")


def _one_path(place, node):
    if not (place.is_gradient(node.left) and place.is_gradient(node.right)):
        return
    if _has_distribution(place, place.root):
        return  # a term of a softmax Jacobian, which is a mistake of its own
    yield place.put(node, node.left)
    if isinstance(node.op, ast.Add):
        yield place.put(node, node.right)
    else:
        yield place.put(node, ast.UnaryOp(ast.USub(), node.right))


def not_summed(place):
    for node, summed in _reductions(place):
        if called(node) == "sum":
            yield place.put(node, summed)


def sum_for_mean(place):
    for node, _ in _reductions(place):
        if called(node) in OTHER:
            other = ast.Attribute(node.func.value, OTHER[called(node)], ast.Load())
            yield place.put(node, ast.Call(other, node.args, node.keywords))


def _reductions(place):
    """Yield the calls that reduce an array on the way to a gradient, and what they reduce."""
    for value in place.values if place.makes_gradient else []:
        for node in parts(value, indices=False):
            if called(node) in REDUCTIONS and isinstance(node.func, ast.Attribute):
                yield node, node.func.value if is_method(node) else node.args[0]


def wrong_axis(place):
    for node, summed in _reductions(place):
        keywords = [keyword.value for keyword in node.keywords if keyword.arg == "axis"]
        positional = node.args[:1] if is_method(node) else node.args[1:2]
        dimensions = len(place.scope.shape(summed) or (0, 0))
        for axis in keywords or positional:
            for other in _other_axes(place.scope.value(axis), dimensions):
                yield place.put(axis, repr(other))


def _other_axes(axis, dimensions):
    if isinstance(axis, tuple):
        yield axis[:-1] if len(axis) > 2 else axis[0]
        yield tuple(sorted((one + 1) % dimensions for one in axis))
        yield axis[-1]
    elif isinstance(axis, int):
        yield {0: 1, 1: 0, -1: 0}.get(axis, axis - 1)
        if dimensions > 2:
            yield (axis + 1) % dimensions


def off_diagonal(place):
    """Leave out what a softmax gets from the other classes."""
    if not _has_distribution(place, place.root):
        return
    for node in place.nodes(indices=False):
        if _is_jacobian_term(place, node):
            yield place.put(node, node.left)
    for _, found in chains(place):
        yield from _as_a_sigmoid(place, [factor.node for factor in found])
    if _adds_to_other_elements(place):
        yield from place.dropped()


def _as_a_sigmoid(place, found):
    """Yield `s * ((1 - s) * g)` for `s * (g - ...)`, the diagonal alone."""
    inner = [node for node in found if _is_jacobian_term(place, node)]
    own = [node for node in found if _is_distribution(place.scope.value(node))]
    if len(inner) == 1 and own:
        rest = ast.BinOp(ast.Constant(1), ast.Sub(), own[0])
        changed = ast.BinOp(rest, ast.Mult(), inner[0].left)
        yield place.put(inner[0], changed)


def _adds_to_other_elements(place):
    """Whether a statement is the `else` of `if i == j`, the product of two probabilities."""
    return place.otherwise is not None and isinstance(place.otherwise.ops[0], ast.Eq)


def _is_jacobian_term(place, node):
    if not (isinstance(node, ast.BinOp) and isinstance(node.op, ast.Sub)):
        return False
    left = {called(part) for part in parts(node.left)}
    if left & {"diag", "diagflat", "eye"}:
        return True
    return place.is_gradient(node.left) and place.is_gradient(node.right)


def _has_distribution(place, node):
    """Whether something that sums to 1, as probabilities do, is read here."""
    read = references(node)
    read = [*read, *map(name_of, read), *(part for part in parts(node) if called(part) == "exp")]
    return any(_is_distribution(place.scope.value(part)) for part in read)


def _is_distribution(value):
    if not isinstance(value, np.ndarray) or value.dtype.kind != "f" or value.size < 2:
        return False
    if np.any(value < 0) or np.any(value > 1) or not np.any((value > 0) & (value < 1)):
        return False
    return any(np.allclose(value.sum(axis=axis), 1) for axis in range(value.ndim))
