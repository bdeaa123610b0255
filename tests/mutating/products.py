"""Mistakes in products: a factor too many, too few, turned, or the wrong one."""

import ast
from dataclasses import dataclass

import numpy as np

from mutating.place import (
    LABEL,
    Edit,
    bare,
    called,
    is_method,
    is_reference,
    name_of,
    parts,
    references,
)


@dataclass(frozen=True)
class Factor:
    node: ast.expr
    divides: bool = False


def factors(node):
    """Return the factors of a product; `a * b / c` has three."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
        return factors(node.left) + factors(node.right)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
        return [*factors(node.left), Factor(node.right, divides=True)]
    return [Factor(node)]


def product(found):
    """Return the product of factors."""
    above = [factor for factor in found if not factor.divides]
    head = above[0] if above else Factor(ast.Constant(1))
    result = head.node
    for factor in found:
        if factor is not head:
            result = ast.BinOp(result, ast.Div() if factor.divides else ast.Mult(), factor.node)
    return result


def chains(place):
    """Yield each largest product of a statement that makes a gradient, with its factors."""
    within = set()
    for node in place.nodes(indices=False):
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult | ast.Div):
            if id(node) not in within:
                yield node, factors(node)
            within |= {id(part) for factor in (node.left, node.right) for part in _spine(factor)}


def _spine(node):
    """Yield the products that `factors` takes apart within a product."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult | ast.Div):
        yield node
        yield from _spine(node.left)
        if isinstance(node.op, ast.Mult):
            yield from _spine(node.right)


def without(found, *left_out):
    return product([factor for factor in found if factor not in left_out])


def updates_by_factor(place):
    """Whether a statement is `dx *= ...` or `dx /= ...`."""
    node = place.node
    return (
        isinstance(node, ast.AugAssign)
        and isinstance(node.op, ast.Mult | ast.Div)
        and place.makes_gradient
    )


def with_operator(place, operator):
    node = place.node
    return Edit(ast.unparse(ast.AugAssign(node.target, operator, node.value)))


def scale(place):
    if not place.makes_gradient:
        return
    for chain, found in chains(place):
        for factor in found:
            if place.is_constant(factor.node) and not _is_one(place, factor.node):
                yield place.put(chain, without(found, factor))
                yield place.put(chain, product([*found, factor]))
    if updates_by_factor(place) and place.is_constant(place.node.value):
        yield from place.dropped()
        divides = isinstance(place.node.op, ast.Div)
        yield with_operator(place, ast.Mult() if divides else ast.Div())
    for value in place.computed():
        samples, *outputs = _counts(place, value) or [None]
        if samples:
            yield place.put(value, ast.BinOp(value, ast.Div(), samples))
            yield place.put(value, ast.BinOp(value, ast.Mult(), samples))
        for count in outputs:
            yield place.put(value, ast.BinOp(value, ast.Div(), count))
        yield place.put(value, ast.BinOp(ast.Constant(2), ast.Mult(), value))
        yield place.put(value, ast.BinOp(ast.Constant(0.5), ast.Mult(), value))


def _is_one(place, node):
    return abs(place.scope.value(node)) == 1


def _counts(place, value):
    """Return how the number of samples and of outputs would be written here."""
    found = [name for name in ("N", "n", "m", "samples", "batch_size") if _is_count(place, name)]
    read = references(value, indices=False)
    for reference in sorted(read, key=place.is_gradient, reverse=True):
        shape = place.scope.shape(reference) or ()
        text = name_of(reference)
        named = place.scope.shape(text)
        if shape and named == shape:
            counted = [f"{text}.shape[{axis}]" for axis in range(min(len(shape), 2))]
            found = [*found[:1], *counted]
            break
    return [ast.parse(text, mode="eval").body for text in found]


def _is_count(place, name):
    value = place.scope.names.get(name)
    return isinstance(value, int | np.integer) and value > 1


def sign(place):
    if not place.makes_gradient:
        return
    for node in place.nodes(indices=False):
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Sub):
            yield place.put(node, ast.BinOp(node.right, ast.Sub(), node.left))
            yield place.put(node, ast.BinOp(node.left, ast.Add(), node.right))
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
            if place.is_gradient(node.left) and place.is_gradient(node.right):
                yield place.put(node, ast.BinOp(node.left, ast.Sub(), node.right))
        elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
            yield place.put(node, node.operand)
    if isinstance(place.node, ast.AugAssign):
        if isinstance(place.node.op, ast.Add | ast.Sub):
            adds = isinstance(place.node.op, ast.Add)
            yield with_operator(place, ast.Sub() if adds else ast.Add())
        return
    for value in place.computed():
        if not (isinstance(value, ast.UnaryOp) and isinstance(value.op, ast.USub)):
            yield place.put(value, ast.UnaryOp(ast.USub(), value))


def _matrix_product(node):
    """Return how a matrix product is made of its operands, and the two operands."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.MatMult):
        return lambda a, b: ast.BinOp(a, ast.MatMult(), b), node.left, node.right
    if called(node) in ("dot", "matmul") and not is_method(node) and len(node.args) == 2:
        return lambda a, b: ast.Call(node.func, [a, b], []), *node.args
    return None


def _is_turned(node):
    return isinstance(node, ast.Attribute) and node.attr == "T"


def _turned(node):
    return node.value if _is_turned(node) else ast.Attribute(node, "T", ast.Load())


def transposed(place):
    if not place.makes_gradient:
        return
    for node in place.nodes(indices=False):
        if matrix_product := _matrix_product(node):
            make, a, b = matrix_product
            yield place.put(node, make(_turned(b), _turned(a)))
            for operand in sorted((a, b), key=_is_turned, reverse=True):
                yield place.put(operand, _turned(operand))
        elif called(node) == "outer" and not is_method(node):
            yield place.put(node, ast.Call(node.func, node.args[::-1], []))
        elif called(node) in ("swapaxes", "transpose") and is_method(node):
            yield place.put(node, node.func.value)
        elif called(node) == "einsum":
            yield from _other_einsum(place, node.args[0])


def _other_einsum(place, subscripts):
    inputs, arrow, output = str(getattr(subscripts, "value", "")).partition("->")
    if arrow and len(output) > 1:
        yield place.put(subscripts, repr(f"{inputs}->{output[:-2]}{output[-1]}{output[-2]}"))


def upstream_ignored(place):
    if not place.makes_gradient:
        return
    left_out = set()
    for chain, found in chains(place):
        for factor in found:
            rest = [f for f in found if f is not factor and not place.is_constant(f.node)]
            if rest and not factor.divides and _is_upstream(place, factor.node):
                left_out.add(id(factor.node))
                yield place.put(chain, without(found, factor))
    for value in place.computed():
        for reference in _not_terms(value):
            if _is_upstream(place, reference) and id(reference) not in left_out:
                ones = ast.Call(ast.parse("np.ones_like", mode="eval").body, [reference], [])
                scalar = place.scope.shape(reference) == ()
                yield place.put(reference, ast.Constant(1.0) if scalar else ones)


def _is_upstream(place, node):
    """Whether a node is a gradient that comes in, and not the one that is being worked on."""
    name = name_of(node) if is_reference(node) else None
    return name in place.gradients and name not in {name_of(target) for target in place.targets}


def _not_terms(value):
    """Return the references that are no term of a sum: a term is a path, not a factor."""
    terms = set()
    for node in parts(value, indices=False):
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Sub):
            terms |= {id(node.left), id(node.right)}
    read = references(value, indices=False, comparisons=False)
    return [reference for reference in read if id(reference) not in terms]


def derivative_missing(place):
    if not place.makes_gradient:
        return
    for chain, found in chains(place):
        if not any(place.is_gradient(factor.node) for factor in found):
            continue
        local = [factor for factor in found if _is_derivative(place, factor)]
        if len(local) > 1:
            yield place.put(chain, without(found, *local))
        for factor in local:
            yield place.put(chain, without(found, factor))
    for node in place.nodes(indices=False):
        if called(node) == "where" and len(node.args) == 3 and not place.clips:
            for branch in node.args[1:]:
                if place.is_gradient(branch):
                    yield place.put(node, branch)
    if updates_by_factor(place) and _is_derivative(place, Factor(place.node.value)):
        yield from place.dropped()
    if sets_to_zero(place) and not place.clips:
        yield from place.dropped()


def _is_derivative(place, factor):
    node = factor.node
    if place.is_gradient(node) or place.is_constant(node) or called(node) == "ones_like":
        return False
    return not (place.clips and place.is_mask(node))


def sets_to_zero(place):
    """Whether a statement is `dx[mask] = 0`."""
    node = place.node
    return (
        isinstance(node, ast.Assign)
        and isinstance(node.targets[0], ast.Subscript)
        and ast.unparse(node.value) in ("0", "0.0")
        and place.makes_gradient
        and place.is_mask(node.targets[0].slice)
    )


def wrong_operand(place):
    if not place.makes_gradient:
        return
    for value in place.computed():
        for reference in _operands(value):
            if place.is_mask(reference) or LABEL.fullmatch(name_of(reference)):
                continue
            for name in place.alike(name_of(reference)):
                if _may_stand_for(place, name, reference):
                    yield place.put(bare(reference), name)
        for node in parts(value, indices=False):
            if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div | ast.MatMult):
                simple = is_reference(node.left) or isinstance(node.left, ast.Constant)
                if simple and not place.is_constant(node.right):
                    yield place.put(node, ast.BinOp(node.right, node.op, node.left))


def _operands(value):
    """Return the references that are operands of a product."""
    found = []
    for node in parts(value, indices=False):
        operands = []
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult | ast.Div | ast.MatMult):
            operands = [node.left, node.right]
        elif called(node) in ("dot", "matmul", "outer", "einsum", "multiply"):
            operands = node.args
        found += [o.value if _is_turned(o) else o for o in operands]
    return [node for node in found if is_reference(node)]


def _may_stand_for(place, name, reference):
    """Whether taking `name` there would be a mix-up, and no mistake of another kind."""
    own = name_of(reference)
    if name in {name_of(target) for target in place.targets} or _cancels(place, name):
        return False
    if {(own, name), (name, own)} & place.activations:
        return False
    if place.is_mask(ast.parse(name, mode="eval").body) or LABEL.fullmatch(name):
        return False
    return (name in place.gradients) == (own in place.gradients)


def _cancels(place, name):
    """Whether a name stands in a quotient already, so that `name / name` might be the result."""
    return any(
        isinstance(node, ast.BinOp)
        and isinstance(node.op, ast.Div)
        and name in {name_of(part) for part in references(node)}
        for node in place.nodes()
    )
