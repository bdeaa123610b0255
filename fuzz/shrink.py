"""A failing program, made as small as it can be made and still fail in the same way.

Works on the source as a syntax tree, with no knowledge of how the program was drawn: a smaller
program counts when it still runs on plain arrays and the same check still fails.
"""

from __future__ import annotations

import ast
import copy
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from fuzz.checks import Depth, Failure, Refused, Rough, examine
from fuzz.program import SCOPE, Program, is_real, quietly, real_leaves
from fuzz.rewritten import unwrapped

Fails = Callable[[Program], bool]


def shrink(
    program: Program, failure: Failure, depth: Depth, seconds: float = 60.0
) -> tuple[Program, Failure]:
    """Return the smallest program found that fails as `failure` says, and how it fails."""
    until = time.monotonic() + seconds

    def fails(candidate: Program) -> bool:
        found = _verdict(candidate, depth) if time.monotonic() < until else None
        return found is not None and found.check == failure.check

    best = program
    while True:
        before = (best.source, repr(best.arguments))
        for smaller in (_cut, _drop, _unwrap, _lift, _unpack, _simplify, _reduce):
            best = smaller(best, fails)
        if (best.source, repr(best.arguments)) == before or time.monotonic() >= until:
            return best, _verdict(best, depth) or failure


def _verdict(program: Program, depth: Depth) -> Failure | None:
    try:
        with quietly():
            value = program.function()(*program.values())
        number = np.asarray(value)
        if number.shape != () or number.dtype.kind != "f" or not np.isfinite(number):
            return None
    except Exception:  # cut too far: no program any more
        return None
    try:
        examine(program, depth)
    except Failure as failure:
        return failure
    except (Refused, Rough):
        return None
    return None


def _with(program: Program, source: str, arguments: dict[str, Any] | None = None) -> Program:
    """Return a program with another source; arguments that it does not name are left out."""
    function = ast.parse(source).body[0]
    assert isinstance(function, ast.FunctionDef)
    named = {n.id for s in function.body for n in ast.walk(s) if isinstance(n, ast.Name)}
    given = program.arguments if arguments is None else arguments
    kept = {name: value for name, value in given.items() if name in named}
    signature = ast.parse(f"lambda {', '.join(kept)}: 0", mode="eval").body
    assert isinstance(signature, ast.Lambda)
    function.args = signature.args
    rng = np.random.default_rng(0)
    ways = [rng.standard_normal(np.shape(leaf)) for v in kept.values() for leaf in real_leaves(v)]
    length = np.sqrt(sum(np.sum(w * w) for w in ways)) or 1.0
    text = ast.unparse(ast.fix_missing_locations(function)) + "\n"
    return replace(program, source=text, arguments=kept, direction=[w / length for w in ways])


def _body(program: Program) -> list[ast.stmt]:
    function = ast.parse(program.source).body[0]
    assert isinstance(function, ast.FunctionDef)
    return function.body


def _of(program: Program, body: list[ast.stmt], arguments: Any = None) -> Program:
    lines = "\n".join(ast.unparse(ast.fix_missing_locations(s)) for s in body)
    inner = lines.replace("\n", "\n    ")
    return _with(program, f"def program():\n    {inner}\n", arguments)


def _first(candidates: Iterator[Program], fails: Fails) -> Program | None:
    for candidate in candidates:
        try:
            if candidate.wrt and fails(candidate):
                return candidate
        except SyntaxError:
            continue
    return None


# -- statements --------------------------------------------------------------------------


def _target(statement: ast.stmt) -> str | None:
    """What a statement gives a new value to."""
    if isinstance(statement, ast.Assign):
        target = statement.targets[0]
    elif isinstance(statement, ast.AugAssign):
        target = statement.target
    else:
        return None
    while isinstance(target, ast.Subscript):
        target = target.value
    return ast.unparse(target)


def _cut(program: Program, fails: Fails) -> Program:
    """Return what one of the first lines gives, or one term of the sum."""

    def candidates() -> Iterator[Program]:
        *lines, last = _body(program)
        assert isinstance(last, ast.Return)
        for i, line in enumerate(lines[:-1]):
            name = _target(line)
            if name is not None:
                for end in (f"np.sum({name})", f"np.sum(np.sin({name}))"):
                    yield _of(program, [*lines[: i + 1], _returned(end)])
        terms = _terms(last.value)
        if len(terms) > 1:
            for term in terms:
                yield _of(program, [*lines, ast.Return(term)])

    return _first(candidates(), fails) or program


def _returned(expression: str) -> ast.stmt:
    return ast.Return(ast.parse(expression, mode="eval").body)


def _terms(expression: ast.expr | None) -> list[ast.expr]:
    if isinstance(expression, ast.BinOp) and isinstance(expression.op, ast.Add):
        return [*_terms(expression.left), *_terms(expression.right)]
    return [] if expression is None else [expression]


def _drop(program: Program, fails: Fails) -> Program:
    """Leave out lines, many at a time and then one by one; keep one way of a branch."""
    size = max(1, len(_body(program)) // 2)
    while size:
        start = len(_body(program)) - 1 - size
        while start >= 0:
            body = _body(program)
            rest = body[:start] + body[start + size :]
            program = _first(iter([_of(program, rest)]), fails) or program
            start -= size
        size //= 2

    def opened() -> Iterator[Program]:
        body = _body(program)
        for i, line in enumerate(body):
            for part in ("body", "orelse"):
                inner = getattr(line, part, None)
                if inner and isinstance(line, ast.For):
                    first = ast.parse(f"{ast.unparse(line.target)} = next(iter("
                                      f"{ast.unparse(line.iter)}))").body  # fmt: skip
                    yield _of(program, [*body[:i], *first, *inner, *body[i + 1 :]])
                elif inner:
                    yield _of(program, [*body[:i], *inner, *body[i + 1 :]])

    return _first(opened(), fails) or program


def _lift(program: Program, fails: Fails) -> Program:
    """Make a variable an argument, with the value that it had."""

    return _again(program, _lifted, fails)


def _lifted(program: Program) -> Iterator[Program]:
    body = _body(program)
    for i in range(len(body) - 2, -1, -1):
        line = body[i]
        name = _target(line)
        if not isinstance(line, ast.Assign) or name is None or name in program.arguments:
            continue
        value = _value_of(program, body[: i + 1], name)
        if is_real(value):
            arguments = {**program.arguments, name: copy.deepcopy(value)}
            yield _of(program, body[:i] + body[i + 1 :], arguments)


def _again(
    program: Program, candidates: Callable[[Program], Iterator[Program]], fails: Fails
) -> Program:
    """Take the first candidate that fails, and go on from there."""
    while True:
        smaller = _first(candidates(program), fails)
        if smaller is None:
            return program
        program = smaller


def _value_of(program: Program, body: list[ast.stmt], name: str) -> Any:
    names = dict(SCOPE, **dict(zip(program.arguments, program.values(), strict=True)))
    try:
        with quietly():
            exec("\n".join(map(ast.unparse, body)), names)
    except Exception:  # cut too far: the name has no value
        return None
    return names.get(name)


def _unpack(program: Program, fails: Fails) -> Program:
    """Make the parts of a packed argument arguments of their own."""
    packed = program.arguments.get("p")
    if packed is None or is_real(packed):
        return program
    source, arguments = program.source, {}
    if isinstance(packed, dict):
        parts = {"p['w']": packed["w"], **{f"p['b'][{i}]": v for i, v in enumerate(packed["b"])}}
    else:
        parts = {f"p[{i}]": v for i, v in enumerate(packed)}
    for i, (path, value) in enumerate(parts.items()):
        source = source.replace(path, f"a{i}")
        arguments[f"a{i}"] = value
    arguments |= {k: v for k, v in program.arguments.items() if k != "p"}
    return _first(iter([_with(program, source, arguments)]), fails) or program


# -- expressions -------------------------------------------------------------------------


def _unwrap(program: Program, fails: Fails) -> Program:
    """Use what a container holds without the container."""
    text = unwrapped(program.source)
    program = _first(iter([_with(program, text)]), fails) or program

    def candidates(program: Program) -> Iterator[Program]:
        body = _body(program)
        for i, line in enumerate(body):
            if isinstance(line, ast.Assign) and isinstance(line.value, ast.Name):
                name = rf"\b{_target(line)}\b"
                rest = "\n".join(map(ast.unparse, body[i + 1 :]))
                yield _of(program, [*body[:i], *ast.parse(re.sub(name, line.value.id, rest)).body])

    return _again(program, candidates, fails)


def _simplify(program: Program, fails: Fails) -> Program:
    """Put a part of an expression in place of the whole, or leave an argument of a call out."""
    return _again(program, _simpler, fails)


def _simpler(program: Program) -> Iterator[Program]:
    tree = ast.parse(program.source)
    function = tree.body[0]
    assert isinstance(function, ast.FunctionDef)
    nodes = [n for s in function.body for n in ast.walk(s)]
    for node in nodes:
        for field, old in ast.iter_fields(node):
            for place, child in _children(old):
                for new in _smaller(child, node, field):
                    with _replaced(node, field, place, new):
                        text = ast.unparse(ast.fix_missing_locations(tree))
                    yield _with(program, text + "\n")


def _children(old: Any) -> list[tuple[int | None, ast.expr]]:
    if isinstance(old, ast.expr):
        return [(None, old)]
    if isinstance(old, list):
        return [(i, c) for i, c in enumerate(old) if isinstance(c, (ast.expr, ast.keyword))]
    return []


def _smaller(node: Any, parent: ast.AST, field: str) -> Iterator[Any]:
    """Smaller expressions to try in place of one; None leaves it out."""
    if isinstance(node, ast.keyword):
        yield None
        return
    if isinstance(getattr(node, "ctx", None), ast.Store) or field in ("func", "target", "iter"):
        return
    if isinstance(parent, ast.Call) and field == "args" and len(parent.args) > 1:
        yield None
    if isinstance(node, ast.BinOp):
        yield from (node.left, node.right)
    elif isinstance(node, ast.UnaryOp) and not isinstance(node.operand, ast.Constant):
        yield node.operand
    elif isinstance(node, ast.IfExp):
        yield from (node.body, node.orelse)
    elif isinstance(node, ast.Call):
        if not ast.unparse(node).startswith("np.array("):
            yield from node.args
        if isinstance(node.func, ast.Attribute) and ast.unparse(node.func.value) != "np":
            yield node.func.value
    elif isinstance(node, ast.Subscript):
        yield node.value
    elif isinstance(node, ast.Constant) and isinstance(node.value, float) and node.value != 1.0:
        yield from (ast.Constant(1.0), ast.Constant(2.0))
    elif isinstance(node, ast.Tuple) and field == "slice" and len(node.elts) > 1:
        for i in range(len(node.elts)):
            yield ast.Tuple(node.elts[:i] + node.elts[i + 1 :], ast.Load())


class _replaced:  # noqa: N801  # reads as a word
    """Put another expression into a tree for the moment."""

    def __init__(self, node: ast.AST, field: str, place: int | None, new: Any) -> None:
        self.node, self.field, self.place, self.new = node, field, place, new

    def __enter__(self) -> None:
        self.old = getattr(self.node, self.field)
        if self.place is None:
            changed: Any = self.new
        else:
            changed = list(self.old)
            changed[self.place : self.place + 1] = [] if self.new is None else [self.new]
        setattr(self.node, self.field, changed)

    def __exit__(self, *error: object) -> None:
        setattr(self.node, self.field, self.old)


# -- arguments ---------------------------------------------------------------------------


def _reduce(program: Program, fails: Fails) -> Program:
    """Make arrays shorter, and numbers rounder."""
    return _again(_again(program, _shorter, fails), _rounder, fails)


def _shorter(program: Program) -> Iterator[Program]:
    for name, value in program.arguments.items():
        if isinstance(value, np.ndarray):
            for axis, n in enumerate(value.shape):
                for fewer in sorted({1, 2, n // 2, n - 1}):
                    if 0 < fewer < n:
                        part = np.take(value, range(fewer), axis)
                        yield _with(program, program.source, {**program.arguments, name: part})


def _rounder(program: Program) -> Iterator[Program]:
    for name, value in program.arguments.items():
        if is_real(value):
            for digits in (1, 2):
                near = np.round(value, digits)
                near = type(value)(near) if np.ndim(value) == 0 else near
                if not np.array_equal(near, value) and np.all(np.round(value, 2) != value):
                    yield _with(program, program.source, {**program.arguments, name: near})
