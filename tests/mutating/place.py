"""A statement of a backward pass: what is read there, what is a gradient, how it is rewritten."""

import ast
import copy
import re
from dataclasses import dataclass

import numpy as np

from mutating.scope import MISSING, NUMBERS

#: `dW`, but not `dim` and other words that begin with a d.
GRADIENT = re.compile(
    r"d(?!im|epth|iff|ist|enom|ata|ecay|iag|ropout|type|ot|_?k$|_|$)\w+"
    r"|\w*grad\w*|g|delta\w*|upstream\w*"
)
LABEL = re.compile(r"(self\.)?([yYtT]|y_true|labels?|targets?|one_?hot|classes)")
MASK = re.compile(r".*(mask|drop|keep).*")
#: Of these only the shape counts, not the value.
SHAPES = {"shape", "size", "ndim", "dtype"}
SHAPE_CALLS = {"len", "range", "arange", "zeros", "zeros_like", "ones_like", "empty_like"}
#: Statements that only move numbers about are no place for a wrong factor or sign.
ARITHMETIC = {"sum", "mean", "dot", "einsum", "outer", "matmul", "multiply", "where", "tensordot"}


@dataclass(frozen=True)
class Edit:
    """A statement with a mistake, and its line if this is not the line of the statement."""

    text: str
    line: int | None = None


def name_of(node):
    """Return what a node refers to: `x`, `self.x`, `grads['x']`, and `x` of `x[i]` and `x.T`."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        own = isinstance(node.value, ast.Name) and node.attr != "T"
        return ast.unparse(node) if own else name_of(node.value) if node.attr == "T" else None
    if isinstance(node, ast.Subscript):
        base = name_of(node.value)
        return ast.unparse(node) if base and _is_key(node.slice) else base
    return None


def _is_key(node):
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def bare(node):
    """Return the name within a reference: `x` of `x[i]` and of `x.T`."""
    while ast.unparse(node) != name_of(node):
        node = node.value
    return node


def is_reference(node):
    """Whether a node is a name of a number, with or without an index."""
    return isinstance(node, ast.Name | ast.Attribute | ast.Subscript) and name_of(node) is not None


def last_part(name):
    """Return `W` of `self.W` and of `self.grads['W']`."""
    return re.split(r"[.\[]", name)[-1].strip("]'\"")


def are_a_pair(name, gradient):
    """Whether a gradient is called like that of a value: `dW` or `grad_W` for `W`."""
    own = last_part(name)
    return last_part(gradient) in {f"d{own}", f"grad_{own}", f"{own}_grad", own}


def looks_like_gradient(name):
    return bool(GRADIENT.fullmatch(last_part(name))) or "grad" in name


def called(node):
    """Return the last name of what a call calls: `sum` of `np.sum(x)` and of `x.sum()`."""
    if not isinstance(node, ast.Call):
        return None
    return getattr(node.func, "attr", getattr(node.func, "id", None))


def is_method(node):
    """Whether a call is of a method of an array, `x.sum()`, rather than `np.sum(x)`."""
    function = node.func
    return isinstance(function, ast.Attribute) and ast.unparse(function.value) not in ("np", "math")


def parts(node, *, indices=True, comparisons=True):
    """Yield the nodes within `node` that count by their values and not only by their shapes."""
    if isinstance(node, ast.Attribute) and node.attr in SHAPES:
        return
    if called(node) in SHAPE_CALLS or isinstance(node, ast.FunctionDef | ast.Lambda):
        return
    if isinstance(node, ast.Compare) and not comparisons:
        return
    yield node
    for field, value in ast.iter_fields(node):
        if field in ("func", "ctx") and not (field == "func" and is_method(node)):
            continue
        if field == "slice" and not indices:
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST):
                yield from parts(child, indices=indices, comparisons=comparisons)


def references(node, **which):
    """Return the largest references within a node, `x[i]` rather than `x`."""
    found, inner = [], set()
    for part in parts(node, **which):
        if is_reference(part) and id(part) not in inner:
            found.append(part)
            base = part
            while isinstance(base, ast.Attribute | ast.Subscript):
                base = base.value
                inner.add(id(base))
    return [part for part in found if name_of(part) not in ("np", "math", "self")]


@dataclass(frozen=True)
class Place:
    """A statement, the values in scope before it, and what is known of the whole pass."""

    node: ast.stmt
    scope: object
    #: Names in the pass that hold gradients.
    gradients: frozenset
    #: The statements before this one, to say where a variable had its value from.
    before: tuple
    #: Whether the forward pass clips, so that a mask in the backward pass is that of the clip.
    clips: bool
    #: Pairs of names, the input and the output of an activation.
    activations: frozenset
    #: Names of what a network learns.
    weights: frozenset
    #: The condition to whose `else` the statement belongs.
    otherwise: ast.Compare | None = None

    @property
    def root(self):
        """The part that is rewritten: of an `if` the condition, else the whole statement."""
        return self.node.test if isinstance(self.node, ast.If) else self.node

    def put(self, old, new):
        """Return the statement with one node replaced."""
        return self.put_all({old: new})

    def put_all(self, changes):
        # deepcopy takes what its memo holds for an object instead of copying the object.
        memo = {id(old): _parsed(new) for old, new in changes.items()}
        changed = copy.deepcopy(self.root, memo)
        if isinstance(changed, ast.Assign) and _says_nothing(changed):
            return next(self.dropped(), Edit(ast.unparse(self.root)))
        return Edit(ast.unparse(changed))

    def dropped(self):
        """Yield the statement left out; the mistake shows where its target was set before."""
        target = name_of(self.targets[0])
        for earlier in reversed(self.before):
            if target in {name_of(t) for t in targets_of(earlier)}:
                yield Edit("pass", earlier.lineno)
                return

    @property
    def targets(self):
        return targets_of(self.node)

    @property
    def values(self):
        """The expressions on the right, one a gradient."""
        if isinstance(self.node, ast.If):
            return []
        value = self.node.value
        if isinstance(self.node, ast.Expr):  # np.add.at(target, index, value)
            return value.args[2:]
        if isinstance(value, ast.Tuple):
            return value.elts
        return value.values if isinstance(value, ast.Dict) else [value]

    @property
    def makes_gradient(self):
        if isinstance(self.node, ast.Return):
            return True
        return any(name_of(target) in self.gradients for target in self.targets)

    def computed(self):
        """Return the values of gradients that are worked out here, and not only passed on."""
        found = self.values if self.makes_gradient else []
        if isinstance(self.node, ast.AugAssign | ast.Expr):
            return [v for v in found if not isinstance(v, ast.Constant)]
        return [v for v in found if any(_is_arithmetic(part) for part in parts(v, indices=False))]

    def nodes(self, **which):
        """Yield the nodes on the right."""
        for value in self.values:
            yield from parts(value, **which)

    def everything(self):
        return list(parts(self.root))

    def is_gradient(self, node):
        found = references(node, indices=False, comparisons=False)
        return any(name_of(part) in self.gradients for part in found)

    def is_constant(self, node):
        """Whether a node is a number like 2, N or a rate, rather than one that data decide."""
        value = self.scope.value(node)
        if not isinstance(value, int | float | np.number) or np.ndim(value):
            return False
        return all(self._is_setting(part) for part in references(node))

    def _is_setting(self, reference):
        value = self.scope.value(name_of(reference))
        if isinstance(value, tuple):
            return all(isinstance(part, int) for part in value)
        if isinstance(value, int | np.integer):
            return True
        if type(value) is not float or self.only_scalars:
            return False
        return not any(are_a_pair(name_of(reference), gradient) for gradient in self.gradients)

    @property
    def only_scalars(self):
        return all(np.ndim(value) == 0 for value in self.scope.references().values())

    def is_mask(self, node):
        """Whether a node is a choice of elements rather than a factor that varies."""
        value = self.scope.value(node)
        if not isinstance(value, NUMBERS) or LABEL.fullmatch(ast.unparse(node)):
            return False
        if np.asarray(value).dtype == bool or isinstance(node, ast.Compare):
            return True
        called_so = is_reference(node) and MASK.fullmatch(name_of(node))
        return bool(called_so) and not self.is_gradient(node) and len(np.unique(value)) == 2

    def alike(self, node):
        """Return the names in scope of the shape of a node but with other values."""
        value = self.scope.value(node)
        if value is MISSING or not isinstance(value, np.ndarray | np.floating | float):
            return []
        return [
            name
            for name, other in self.scope.references().items()
            if np.shape(other) == np.shape(value)
            and np.asarray(other).dtype.kind == np.asarray(value).dtype.kind
            and not np.array_equal(other, value)
        ]


def targets_of(statement):
    """Return what a statement sets."""
    if isinstance(statement, ast.Assign):
        found = statement.targets
    elif isinstance(statement, ast.AugAssign | ast.AnnAssign):
        found = [statement.target]
    elif isinstance(statement, ast.Expr) and called(statement.value) == "at":
        found = statement.value.args[:1]
    else:
        return []
    return [one for target in found for one in getattr(target, "elts", [target])]


def _says_nothing(assignment):
    """Whether an assignment is `x = x`, which nobody writes."""
    return [ast.unparse(t) for t in assignment.targets] == [ast.unparse(assignment.value)]


def _parsed(node):
    return ast.parse(node, mode="eval").body if isinstance(node, str) else node


def _is_arithmetic(node):
    return isinstance(node, ast.BinOp | ast.UnaryOp) or called(node) in ARITHMETIC
