"""Changes to one part of an expression."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from chainrule.checking.scene import (
    Changed,
    Scene,
    derivatives,
    expression,
    is_number,
    is_numbers,
    over,
    replaced,
    text_of,
    times,
)
from chainrule.checking.sizes import counts, measured, other_sizes
from chainrule.checking.transposing import products, swapped, untransposed
from chainrule.checking.watching import looked_up

#: Of a longer list no more numbers are tried.
_ITEMS = 8

# -- inside an expression ----------------------------------------------------------------------


def within(root: ast.expr, scene: Scene, index: bool = False) -> Iterator[Changed]:
    """Exchange one part of an expression."""
    for node, within in _walk(root, "index" if index else ""):
        for kind, weight, new in _local(node, within, scene):
            yield kind, weight, replaced(root, node, new)
    for term in _terms(root):
        for kind, weight, new in _more_factors(term, root, scene):
            yield kind, weight, replaced(root, term, new)


def _terms(root: ast.expr) -> Iterator[ast.expr]:
    """Yield what a factor may be missing from: the terms of sums and the arguments of calls."""
    for node in ast.walk(root):
        if (isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Add, ast.Sub))) or (
            isinstance(node, ast.BinOp) and isinstance(node.op, ast.MatMult)
        ):
            yield from (node.left, node.right)
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
            yield node.left
        elif isinstance(node, ast.Call):
            yield from (a for a in node.args if not isinstance(a, ast.Constant))
            if isinstance(node.func, ast.Attribute):
                yield node.func.value
        elif isinstance(node, ast.UnaryOp):
            yield node.operand
        elif isinstance(node, ast.List):
            yield from node.elts  # what np.concatenate([...]) puts together


def _more_factors(term: ast.expr, root: ast.expr, scene: Scene) -> Iterator[Changed]:
    if isinstance(term, ast.Name) and not is_number(scene.scope.get(term.id)):
        return  # a module, an index
    for other, value in scene.arrays().items():
        if other in scene.gradients:
            yield "upstream-ignored", 2.05, times(term, other)
        else:
            kind = "derivative-missing" if np.ndim(value) or scene.is_forward(value) else "scale"
            yield kind, 2.1, times(term, other)
            if np.ndim(value) or scene.is_forward(value):
                yield "derivative-missing", 2.65, over(term, other)
                for factor in derivatives(other, scene.np):
                    yield "derivative-missing", 2.6, times(term, factor)
    if not isinstance(term, ast.Constant):
        for text, _ in counts(root, scene):
            yield "scale", 1.9, over(term, text)
            yield "scale", 1.9, times(term, text)
    for other in scene.parts():
        gradient = other.split("[")[0] in scene.gradients
        yield "upstream-ignored" if gradient else "derivative-missing", 2.7, times(term, other)


def _walk(node: ast.AST, within: str) -> Iterator[tuple[ast.AST, str]]:
    """Yield all parts of an expression, each with what it stands in."""
    yield node, within
    attribute = isinstance(node, ast.Attribute) and node.attr not in ("T", "sum", "mean", "dot")
    if attribute and not isinstance(getattr(node, "value", None), (ast.BinOp, ast.Call)):
        return
    for name, value in ast.iter_fields(node):
        inner = within
        if isinstance(node, ast.Compare):
            inner = "mask"
        elif isinstance(node, ast.Subscript):
            inner = "index" if name == "slice" else within
        elif isinstance(node, ast.Call) and name == "func":
            inner = "function"
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST):
                yield from _walk(child, inner)


def _local(node: ast.AST, within: str, scene: Scene) -> Iterator[Changed]:
    if isinstance(node, (ast.Name, ast.Attribute)) and within != "function":
        yield from _other_names(node, within, scene)
    if isinstance(node, ast.Subscript) and within != "index":
        yield from _other_items(node, within, scene)
        yield from _more_axes(node, scene)
    if isinstance(node, (ast.Name, ast.Attribute, ast.Subscript, ast.Call)) and not within:
        for text in other_sizes(node, scene):
            yield "wrong-size", 1.6, expression(text)
    if isinstance(node, (ast.Name, ast.Subscript)) and within in ("mask", "index"):
        yield "label-off-by-one", 1.6, ast.BinOp(node, ast.Add(), ast.Constant(1))
        yield "label-off-by-one", 1.6, ast.BinOp(node, ast.Sub(), ast.Constant(1))
    if isinstance(node, ast.Attribute) and node.attr == "T":
        yield "transposed", 1, node.value
        if np.ndim(looked_up(text_of(node.value), scene.scope)) > 2:
            yield "transposed", 0.9, swapped(node.value, scene)
    elif isinstance(node, ast.BinOp):
        yield from _other_operations(node, within, scene)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        yield "wrong-operand" if within == "index" else "sign", 0.8, node.operand
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.Invert, ast.Not)):
        yield "mask-side", 1, node.operand
    elif isinstance(node, ast.Compare) and len(node.ops) == 1:
        yield from _other_comparisons(node)
    elif isinstance(node, ast.Call):
        yield from _other_calls(node, scene)
    elif isinstance(node, ast.Constant) and type(node.value) in (int, float) and within != "index":
        yield from _other_constants(node)


def _other_names(node: Any, within: str, scene: Scene) -> Iterator[Changed]:
    text = text_of(node)
    old = looked_up(text, scene.scope)
    if not is_number(old):
        return
    if np.ndim(old) == 2:
        yield "transposed", 1.5, ast.Attribute(node, "T", ast.Load())
    elif np.ndim(old) > 2:
        yield "transposed", 1.5, swapped(node, scene)
    if within not in ("mask", "index"):
        yield "sign", 1.9, ast.UnaryOp(ast.USub(), node)
    if within == "index":
        kind = np.asarray(old).dtype.kind
        if kind in "iu":
            for shift in (ast.Add(), ast.Sub()):
                yield "label-off-by-one", 1, ast.BinOp(node, shift, ast.Constant(1))
    for name, value in scene.arrays().items():
        if name == text or np.shape(value) not in {np.shape(old), np.shape(old)[::-1]}:
            continue
        if value is old:
            continue
        yield (
            _kind_of_swap(old, value, within, scene),
            1.5 if within == "mask" else 2,
            expression(name),
        )


def _other_items(node: ast.Subscript, within: str, scene: Scene) -> Iterator[Changed]:
    """Exchange a number of a list: x[1] for w[1], or for another of x."""
    if not isinstance(node.slice, ast.Constant) or type(node.slice.value) is not int:
        return
    base, at = text_of(node.value), node.slice.value
    lists = {n: v for n, v in scene.scope.items() if is_numbers(v)}
    if base not in lists:
        return
    kind = "wrong-mask" if within == "mask" else "wrong-operand"
    for name, value in lists.items():
        if name != base and -len(value) <= at < len(value):
            yield kind, 1.9, expression(f"{name}[{at}]")
    for other in range(min(len(lists[base]), _ITEMS)):
        if other != at % len(lists[base]):
            yield kind, 2.1, expression(f"{base}[{other}]")


def _more_axes(node: ast.Subscript, scene: Scene) -> Iterator[Changed]:
    """Let a part of an array be repeated along axes behind its own: dy[:, i, None] for dy[:, i]."""
    if not isinstance(looked_up(text_of(node.value), scene.scope), np.ndarray):
        return
    at = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
    for count in (1, 2):
        more = ast.Tuple([*at, *(ast.Constant(None) for _ in range(count))], ast.Load())
        yield "missing-axis", 1.6, ast.Subscript(node.value, more, ast.Load())


def _kind_of_swap(old: Any, new: Any, within: str, scene: Scene) -> str:
    if within == "mask":
        return "wrong-mask"
    return {"output": "derivative-at-output", "input": "derivative-at-input"}.get(
        scene.relation(old, new), "wrong-operand"
    )


def _other_operations(node: ast.BinOp, within: str, scene: Scene) -> Iterator[Changed]:
    left, right = node.left, node.right
    if isinstance(node.op, (ast.Add, ast.Sub)):
        other = ast.Sub() if isinstance(node.op, ast.Add) else ast.Add()
        constant = isinstance(right, ast.Constant)
        if within in ("index", "mask") and constant:
            yield "label-off-by-one", 0.5, left
        summing = isinstance(node.op, ast.Sub) and all(
            text_of(side) in scene.gradients for side in (left, right)
        )
        yield "sign", 0.9 if summing else 1.1, ast.BinOp(left, other, right)
        if isinstance(node.op, ast.Sub):
            yield "sign", 1, ast.BinOp(right, node.op, left)
        if isinstance(node.op, ast.Add) and not within:
            yield "sum-for-product", 1.7, ast.BinOp(left, ast.Mult(), right)
        yield "wrong-operand", 2.2 if constant else 2.7, left
        yield "wrong-operand", 2.7, right
        if isinstance(left, ast.Constant):  # 1 - a for 1 - a**2
            squared = ast.BinOp(right, ast.Pow(), ast.Constant(2))
            yield "wrong-operand", 1.9, ast.BinOp(left, node.op, squared)
    elif isinstance(node.op, (ast.Mult, ast.Div)):
        yield _kind_without(right, scene), 0.9 if _is_scalar(right, scene) else 2.7, left
        if isinstance(node.op, ast.Mult):
            yield _kind_without(left, scene), 0.9 if _is_scalar(left, scene) else 2.7, right
            yield (
                "scale" if _is_scalar(right, scene) else "wrong-operand",
                2,
                ast.BinOp(left, ast.Div(), right),
            )
            outer = expression(f"{scene.np}.outer({text_of(left)}, {text_of(right)})")
            yield "off-diagonal", 2.3, outer  # s * s for the outer product in a Jacobian
        else:
            yield (
                "scale" if _is_scalar(right, scene) else "wrong-operand",
                2,
                ast.BinOp(left, ast.Mult(), right),
            )
            root = expression(f"{scene.np}.sqrt({text_of(right)})")
            # 1 / d for 1 / sqrt(d), by which attention scales
            scaling = isinstance(left, ast.Constant) and measured(right)[0] is not None
            weight = 1.0 if scaling else 2.4
            yield "scale" if scaling else "wrong-operand", weight, ast.BinOp(left, ast.Div(), root)
            yield "wrong-operand", 2.5, ast.BinOp(right, ast.Div(), left)
    elif isinstance(node.op, ast.MatMult):
        for a, b in products(left, right, scene):
            yield "transposed", 1, ast.BinOp(a, node.op, b)
    elif isinstance(node.op, ast.Pow) and _is_written_number(right):
        if isinstance(left, ast.BinOp) and isinstance(left.op, (ast.Add, ast.Sub)):
            inner = ast.BinOp(left.right, ast.Pow(), right)  # (1 - a)**2 for 1 - a**2
            yield "exponent", 1.4, ast.BinOp(left.left, left.op, inner)
        power = ast.literal_eval(right)
        if power not in (-1, 0):  # x**2 for 3 * x**2
            written = ast.Constant(int(power + 1) if power == int(power) else power + 1)
            yield "scale", 1.7, ast.BinOp(written, ast.Mult(), node)
        for other in (power - 1, power + 1, -power):
            if other not in (0, 1):
                written = ast.Constant(int(other) if other == int(other) else other)
                yield "exponent", 2.2, ast.BinOp(left, node.op, written)
        yield "wrong-operand", 2.6, left


def _is_written_number(node: ast.expr) -> bool:
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        node = node.operand
    return isinstance(node, ast.Constant) and type(node.value) in (int, float)


def _kind_without(factor: ast.expr, scene: Scene) -> str:
    """Return the mistake that a factor is which should not be there."""
    if not _is_scalar(factor, scene):
        return "extra-factor"
    value = looked_up(text_of(factor), scene.scope)
    return "extra-factor" if value is not None and scene.is_forward(value) else "scale"


def _is_scalar(node: ast.expr, scene: Scene) -> bool:
    if isinstance(node, ast.Constant):
        return True
    if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Attribute):
        return node.value.attr == "shape"
    if isinstance(node, ast.Call) and text_of(node.func) == "len":
        return True
    if isinstance(node, ast.BinOp):
        return _is_scalar(node.left, scene) and _is_scalar(node.right, scene)
    value = looked_up(text_of(node), scene.scope)
    return value is not None and np.ndim(value) == 0


_OPPOSITE: Mapping[type, Sequence[type]] = {
    ast.Gt: (ast.GtE, ast.Lt, ast.LtE), ast.GtE: (ast.Gt, ast.LtE, ast.Lt),
    ast.Lt: (ast.LtE, ast.Gt, ast.GtE), ast.LtE: (ast.Lt, ast.GtE, ast.Gt),
    ast.Eq: (ast.NotEq,), ast.NotEq: (ast.Eq,),
}  # fmt: skip
_EDGES = {(ast.Gt, ast.GtE), (ast.GtE, ast.Gt), (ast.Lt, ast.LtE), (ast.LtE, ast.Lt)}


def _other_comparisons(node: ast.Compare) -> Iterator[Changed]:
    mine = type(node.ops[0])
    for other in _OPPOSITE.get(mine, ()):
        kind = "mask-edge" if (mine, other) in _EDGES else "mask-side"
        yield kind, 1, ast.Compare(node.left, [other()], node.comparators)


_SUMS = {"sum": "mean", "mean": "sum"}


def _other_calls(node: ast.Call, scene: Scene) -> Iterator[Changed]:
    function = node.func
    name = function.attr if isinstance(function, ast.Attribute) else ""
    if name in _SUMS and isinstance(function, ast.Attribute):
        swapped = ast.Attribute(function.value, _SUMS[name], ast.Load())
        yield "sum-for-mean", 1, ast.Call(swapped, node.args, node.keywords)
        is_method = not (isinstance(function.value, ast.Name) and function.value.id == scene.np)
        inner = function.value if is_method else node.args[0] if node.args else None
        if inner is not None:
            yield "wrong-operand", 2.7, inner
        yield from _other_axes(node)
    if name == "ones_like" and node.args:
        yield "upstream-ignored", 1, node.args[0]
    if name == "ones":
        for g in scene.gradients:
            yield "upstream-ignored", 1.2, expression(g)
    if name in ("dot", "matmul", "outer"):
        is_method = len(node.args) == 1 and isinstance(function, ast.Attribute)
        if is_method:
            assert isinstance(function, ast.Attribute)
            for a, b in products(function.value, node.args[0], scene):
                yield "transposed", 1, ast.Call(ast.Attribute(a, name, ast.Load()), [b], [])
        elif len(node.args) == 2:
            for a, b in products(node.args[0], node.args[1], scene):
                yield "transposed", 1, ast.Call(function, [a, b], node.keywords)
    elif len(node.args) == 2 and name not in _SUMS:
        yield "wrong-operand", 2.5, ast.Call(function, node.args[::-1], node.keywords)
    if name == "astype" and isinstance(function, ast.Attribute):
        yield "rounded", 0.8, function.value
    if any(k.arg == "dtype" for k in node.keywords):
        kept = [k for k in node.keywords if k.arg != "dtype"]
        yield "rounded", 0.4, ast.Call(function, node.args, kept)
    plain = untransposed(node)
    if plain is not None:
        yield "transposed", 1.2, plain
    if len(node.args) == 1 and not node.keywords and name not in _SUMS:
        yield "wrong-operand", 2.9, node.args[0]


def _other_axes(node: ast.Call) -> Iterator[Changed]:
    axes = [-1, 0, 1, 2, (0, 1), (0, 2), (1, 2), (0, 2, 3), (0, 1, 2)]
    for i, keyword in enumerate(node.keywords):
        if keyword.arg != "axis":
            continue
        for axis in axes:
            new = ast.keyword("axis", expression(repr(axis)))
            if text_of(new.value) != text_of(keyword.value):
                rest = [*node.keywords[:i], new, *node.keywords[i + 1 :]]
                yield "wrong-axis", 1, ast.Call(node.func, node.args, rest)
        others = [k for k in node.keywords if k is not keyword]
        yield "wrong-axis", 1.5, ast.Call(node.func, node.args, others)
    place = next((i for i, a in enumerate(node.args) if _is_axis(a)), None)
    if place is not None:
        for axis in axes:
            if repr(axis) != text_of(node.args[place]):
                arguments = [*node.args[:place], expression(repr(axis)), *node.args[place + 1 :]]
                yield "wrong-axis", 1, ast.Call(node.func, arguments, node.keywords)
    if not any(k.arg == "axis" for k in node.keywords) and len(node.args) < 2:
        for axis in axes[:4]:
            for keep in (False, True):
                more = [ast.keyword("axis", expression(repr(axis)))]
                more += [ast.keyword("keepdims", ast.Constant(True))] if keep else []
                yield "wrong-axis", 1.4, ast.Call(node.func, node.args, [*node.keywords, *more])
    kept = [k for k in node.keywords if k.arg == "keepdims"]
    if kept:
        yield (
            "not-summed",
            2,
            ast.Call(node.func, node.args, [k for k in node.keywords if k not in kept]),
        )
    else:
        more_ = [*node.keywords, ast.keyword("keepdims", ast.Constant(True))]
        yield "not-summed", 2, ast.Call(node.func, node.args, more_)


def _is_axis(node: ast.expr) -> bool:
    """Whether an argument is an axis or several, as in ``x.sum(1)``."""
    try:
        value = ast.literal_eval(node)
    except ValueError:
        return False
    return isinstance(value, int) or (isinstance(value, tuple) and value != ())


def _other_constants(node: ast.Constant) -> Iterator[Changed]:
    value = node.value
    assert isinstance(value, (int, float))
    yield "sign", 1.3, ast.UnaryOp(ast.USub(), node)
    for other in (2 * value, value / 2, value + 1, value - 1, 1):
        if other not in (value, 0):  # 0 is what no factor is meant to be
            yield "scale", 2.3, ast.Constant(int(other) if other == int(other) else other)
