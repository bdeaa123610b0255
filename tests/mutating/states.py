"""Mistakes of state: the wrong array kept, kept for too long, or changed too early."""

import ast

from mutating.place import Edit, are_a_pair, bare, called, name_of, references, targets_of
from mutating.products import chains


def derivative_at_input(place):
    """Read the input of an activation where its derivative is written by its output."""
    for start, output in sorted(place.activations):
        yield from _read_elsewhere(place, output, start, of=start)


def derivative_at_output(place):
    """Read the output of an activation where its derivative is written by its input."""
    for start, output in sorted(place.activations):
        yield from _read_elsewhere(place, start, output, of=start)


def _read_elsewhere(place, own, other, of):
    if _makes_another_gradient(place, of):
        return
    found = [part for part in references(place.root) if name_of(part) == own]
    found = [part for part in found if isinstance(part.ctx, ast.Load)]
    if any(id(part) not in _factors_and_operands(place) for part in found):
        yield place.put_all({bare(part): other for part in found})


def _makes_another_gradient(place, start):
    """Whether the gradient that is made here is called like that of another value than `start`."""
    made = [name_of(target) for target in place.targets if name_of(target) in place.gradients]
    others = [name for name in place.scope.references() if name not in place.gradients]
    named = {name for name in others for gradient in made if are_a_pair(name, gradient)}
    return bool(named) and start not in named


def _factors_and_operands(place):
    """Return what is a factor itself: the derivative of a product by its other factor."""
    found = set()
    inner = {id(part) for _, all_of in chains(place) for f in all_of for part in _below(f.node)}
    for chain, all_of in chains(place):
        if id(chain) not in inner or any(place.is_gradient(factor.node) for factor in all_of):
            found |= {id(factor.node) for factor in all_of}
    for node in place.everything():
        operands = []
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.MatMult):
            operands = [node.left, node.right]
        elif called(node) in ("dot", "matmul", "outer", "einsum", "sum"):
            operands = node.args
        elif isinstance(node, ast.Return | ast.Assign):
            operands = [node.value]
        found |= {id(operand) for operand in operands}
    return found


def _below(node):
    return (part for part in ast.walk(node) if part is not node)


def updated_weights(place):
    """Take a step with the gradient of a weight before the weight is used."""
    if not place.makes_gradient:
        return
    known = {name_of(target) for statement in place.before for target in targets_of(statement)}
    own = {name_of(target) for target in place.targets}
    for reference in references(place.root, indices=False):
        weight = name_of(reference)
        for gradient in sorted((known - own) & place.gradients):
            if weight not in place.weights or not are_a_pair(weight, gradient):
                continue
            if place.scope.shape(weight) == place.scope.shape(gradient):
                step = f"{weight} = {weight} - 0.1 * {gradient}"
                yield Edit(f"{step}; {ast.unparse(place.node)}")


def stale_cache(forward, has_attribute):
    """Yield (statement, edit) of what a forward pass keeps the first time only."""
    read = {
        ast.unparse(part)
        for part in ast.walk(forward)
        if isinstance(part, ast.Attribute) and isinstance(part.ctx, ast.Load)
    }
    for statement in ast.walk(forward):
        if not isinstance(statement, ast.Assign) or len(statement.targets) != 1:
            continue
        target = ast.unparse(statement.targets[0])
        kept = isinstance(statement.targets[0], ast.Attribute) and target.startswith("self.")
        if not kept or target in read or target in ("self.output", "self.out"):
            continue
        name = target.removeprefix("self.")
        unset = f"{target} is None" if has_attribute(name) else f"not hasattr(self, {name!r})"
        yield statement, Edit(f"if {unset}: {ast.unparse(statement)}")
