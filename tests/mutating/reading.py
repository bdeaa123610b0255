"""A backward pass taken apart into places, with what running it tells about each."""

import ast
import inspect
import re
import sys
from dataclasses import dataclass

import driver
import numpy as np

from mutating.place import (
    Place,
    called,
    looks_like_gradient,
    name_of,
    references,
    targets_of,
)
from mutating.scope import MISSING, NUMBERS, observe

#: Calls that move or combine elements, rather than apply a function to each.
NOT_ELEMENTWISE = {
    "dot",
    "matmul",
    "einsum",
    "sum",
    "mean",
    "max",
    "var",
    "norm",
    "reshape",
    "transpose",
    "copy",
    "concatenate",
    "stack",
    "split",
    "array",
    "zeros_like",
    "ones_like",
    "clip",
}
SEEDS = (0, 1, 2)
#: How functions name what they learn; an object's attributes are told from when they are set.
WEIGHT = re.compile(r"[Ww](\d|[a-z])*|weights?|[bEU]\d?|v\d|gamma|beta|alpha|decay|kernels?")


@dataclass(frozen=True)
class Reading:
    """The source of a case: the functions in it, and the places of its backward pass."""

    source: str
    backward: ast.FunctionDef
    forward: ast.FunctionDef | None
    forward_function: object
    places: list


def read(case):
    """Take the backward pass of a case apart."""
    backward = case.backward
    source = inspect.getsource(sys.modules[backward.__module__])
    tree = ast.parse(source)
    forward = forward_of(case)
    definition, forward_definition = _definition(tree, backward), _definition(tree, forward)
    seen = _observed(case, backward, forward)
    statements = list(_statements(definition.body))
    gradients = _gradients(statements, case)
    alternatives = _alternatives(definition)
    layer = layer_of(case)
    pairs = _activations(forward_definition, seen[forward].get(0))
    pairs += _activations(definition, seen[backward].get(0))
    clips = any(called(node) == "clip" for node in ast.walk(forward_definition))
    places = []
    for number, statement in enumerate(statements):
        scope = _scope_of(statement, seen[backward])
        if scope is not None:
            place = Place(
                node=statement,
                scope=scope,
                gradients=gradients,
                before=tuple(statements[:number]),
                clips=clips,
                activations=_named(pairs, scope, gradients),
                weights=_weights(scope, layer, forward),
                otherwise=alternatives.get(statement),
            )
            places.append(place)
    return Reading(source, definition, forward_definition, forward, places)


def forward_of(case):
    """Return the forward pass that a backward pass belongs to."""
    module = sys.modules[case.backward.__module__]
    owner, _, _ = case.backward.__qualname__.rpartition(".")
    if owner:
        return getattr(module, owner).forward
    args, _ = case.draw(np.random.default_rng(0))
    return args[0]


def layer_of(case):
    """Return an object of the class to which a backward pass belongs, before its first use."""
    owner, _, _ = case.backward.__qualname__.rpartition(".")
    args, _ = case.draw(np.random.default_rng(0))
    layers = args[0] if isinstance(args[0], list | tuple) else [args[0]]
    return next((layer for layer in layers if type(layer).__name__ == owner), None)


def _upstream_names(case):
    """Return the parameters of a backward pass that get an upstream gradient."""
    parameters = list(inspect.signature(case.backward).parameters)
    if "." in case.backward.__qualname__:
        # With labels beside it, the first parameter is the prediction of a loss.
        return set(parameters[1:]) if len(parameters) == 2 else set()
    forward = forward_of(case)
    known = {*inspect.signature(forward).parameters, *forward.__code__.co_varnames}
    unknown = [name for name in parameters if name not in known]
    args, _ = case.draw(np.random.default_rng(0))
    returned = forward(*args[2:])
    needless = isinstance(returned, tuple) and np.ndim(returned[0]) == 0
    return {driver.upstream_name(unknown, needless)} - {None}


def _weights(scope, layer, forward):
    """Return the names in scope of what is learned: as inputs, or set before the first pass."""
    if layer is None:
        inputs = inspect.signature(forward).parameters
        return frozenset(name for name in inputs if WEIGHT.fullmatch(name))
    names = (name for name in scope.references() if name.startswith("self."))
    kept = (name for name in names if hasattr(layer, re.split(r"[.\[]", name)[1]))
    return frozenset(name for name in kept if "grads" not in name and "prev" not in name)


def _alternatives(definition):
    """Return the condition of each statement that stands in the `else` of a comparison."""
    return {
        statement: node.test
        for node in ast.walk(definition)
        if isinstance(node, ast.If) and isinstance(node.test, ast.Compare)
        for statement in node.orelse
    }


def _definition(tree, function):
    line = function.__code__.co_firstlineno
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    for node in functions:
        first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
        if (node.name, first) == (function.__name__, line):
            return node
    raise LookupError(f"the module has no function {function.__name__} at line {line}")


def _observed(case, backward, forward):
    seen = {backward: {}, forward: {}}
    for seed in SEEDS:
        for function, scopes in observe(seen, lambda s=seed: driver.gradients(case, s)).items():
            seen[function] = scopes | seen[function]
    return seen


def _statements(body):
    """Yield the statements of a body and of the blocks within it, in order."""
    for statement in body:
        if isinstance(statement, ast.FunctionDef | ast.ClassDef):
            continue
        yield statement
        for block in ("body", "orelse", "finalbody"):
            yield from _statements(getattr(statement, block, []))


def _scope_of(statement, scopes):
    """Return what is in scope at a statement that can be mutated and was reached."""
    mutable = ast.Assign | ast.AugAssign | ast.AnnAssign | ast.Return | ast.If
    is_update = isinstance(statement, ast.Expr) and called(statement.value) == "at"
    if not (isinstance(statement, mutable) or is_update) or _returns_nothing(statement):
        return None
    end = statement.test.end_lineno if isinstance(statement, ast.If) else statement.end_lineno
    return next((scopes[n] for n in range(statement.lineno, end + 1) if n in scopes), None)


def _returns_nothing(statement):
    return isinstance(statement, ast.Return) and statement.value is None


def _gradients(statements, case):
    """Return the names that hold gradients: by what flows into them, or by how they are called."""
    found = _upstream_names(case)
    set_here = {name_of(target) for statement in statements for target in targets_of(statement)}
    found |= {name for name in set_here if name and looks_like_gradient(name)}
    found |= _returned(statements) & set_here
    while True:
        more = {
            name_of(target)
            for statement in statements
            if _flows(statement, found)
            for target in targets_of(statement)
        } - {None}
        if more <= found:
            return frozenset(found)
        found |= more


def _returned(statements):
    """Return the names in the return statements."""
    values = [s.value for s in statements if isinstance(s, ast.Return) and s.value is not None]
    parts_of = [part for v in values for part in getattr(v, "elts", getattr(v, "values", [v]))]
    return {name_of(part) for part in parts_of} - {None}


def _flows(statement, gradients):
    """Whether a gradient goes into what a statement sets."""
    value = getattr(statement, "value", None)
    if value is None:
        return False
    found = references(value, indices=False, comparisons=False)
    return any(name_of(reference) in gradients for reference in found)


def _activations(forward, end):
    """Return the values (input, output) of the elementwise functions in a forward pass."""
    if end is None:
        return []
    found = _whole(forward, end)
    for statement in ast.walk(forward):
        if isinstance(statement, ast.Assign) and not _multiplies_matrices(statement.value):
            start, output = _applied_to(statement.value, end), end.value(statement.targets[0])
            if _is_activation(start, output):
                found.append((start, output))
    return found


def _multiplies_matrices(value):
    return any(isinstance(node, ast.MatMult) for node in ast.walk(value))


def _whole(forward, end):
    """Return the input and the output of a forward pass that has one input of the same shape."""
    if {called(node) for node in ast.walk(forward)} & NOT_ELEMENTWISE - {"copy"}:
        return []
    inputs = [argument.arg for argument in forward.args.args if argument.arg != "self"]
    numbers = [end.value(name) for name in inputs if end.shape(name)]
    outputs = [end.value(name) for name in ("self.output", "self.out", "returned")]
    return [(n, o) for n in numbers for o in outputs if len(numbers) == 1 and _is_activation(n, o)]


def _applied_to(value, scope):
    """Return the one array that an elementwise function is applied to."""
    calls = {called(part) for part in ast.walk(value)} - {None}
    if calls & NOT_ELEMENTWISE or not (calls or _is_curved(value)):
        return MISSING
    read = {name_of(part) for part in references(value)}
    arrays = [name for name in read if scope.shape(name) or scope.shape(value) == ()]
    if len(arrays) == 1:
        return scope.value(arrays[0])
    return scope.value(value.args[0]) if isinstance(value, ast.Call) and value.args else MISSING


def _is_curved(value):
    """Whether a value is a power of an array or something divided by one."""
    return isinstance(value, ast.BinOp) and (
        isinstance(value.op, ast.Pow)
        or (isinstance(value.op, ast.Div) and isinstance(value.left, ast.Constant))
    )


def _is_activation(start, output):
    if not (isinstance(start, NUMBERS) and isinstance(output, NUMBERS)):
        return False
    if np.shape(start) != np.shape(output) or np.asarray(output).dtype.kind != "f":
        return False
    return np.asarray(start).dtype.kind == "f" and not np.array_equal(start, output)


def _named(pairs, scope, gradients):
    """Return the pairs of names that have the values of an activation's input and output."""
    known = {k: value for k, value in scope.references().items() if k not in gradients}
    found = set()
    for start, output in pairs:
        starts = [name for name, value in known.items() if np.array_equal(value, start)]
        outputs = [name for name, value in known.items() if np.array_equal(value, output)]
        found |= {(a, b) for a in starts for b in outputs}
    return frozenset(found)
