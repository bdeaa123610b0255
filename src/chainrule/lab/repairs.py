"""What the first wrong line of a typed pass should be, and what the mistake is called.

Each small change of the line that undoes one known mistake is tried: it is written as text, read by
the formula parser, which refuses what is no formula, and worked out at all points. A change that
makes the line right at each of them is the repair, and its kind is the mistake. Where none does,
the numbers alone may tell the mistake, and the line is taken from the derived pass.
"""

from __future__ import annotations

import ast
import math
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.checking.claims import close
from chainrule.checking.edits import edits
from chainrule.checking.hypotheses import explained
from chainrule.checking.mistakes import MISTAKES
from chainrule.checking.scene import Edit, Scene, replaced
from chainrule.checking.surroundings import forward_relations, is_forward
from chainrule.checking.targets import targets_in
from chainrule.checking.watching import Event
from chainrule.errors import ChainruleError
from chainrule.formula import CONSTANTS, FUNCTIONS, parse
from chainrule.formula.scanner import statements
from chainrule.formula.source import Source
from chainrule.lab.backward import Line, Pass, expected_of, node_of
from chainrule.lab.points import UPSTREAM
from chainrule.lab.sizes import Meter, soon
from chainrule.solution import Solution

#: Seconds of computing in which a repair is looked for, as somebody is typing meanwhile: what else
#: the machine does must not decide which one is found. A fifth is enough for lines of people.
_SECONDS = 0.8
#: Elements of an array that are tried in the place of another.
_ELEMENTS = 16
#: How much heavier a change may be that is taken because it is shorter.
_ALIKE = 0.2


@dataclass(frozen=True)
class Repair:
    """What is wrong with a line, as far as it is known.

    Attributes
    ----------
    title, remedy, evidence : str
        Of the mistake; empty where it has no name.
    before, after : str
        The line as it is, and as it should be; `after` is empty where that is not known.
    derived : bool
        Whether the line is the derived one, rather than a small change of what was typed.
    """

    title: str = ""
    remedy: str = ""
    evidence: str = ""
    before: str = ""
    after: str = ""
    derived: bool = False


def repair_of(found: Pass, line: Line, solution: Solution) -> Repair:
    """Find what the first wrong line should be."""
    assert found.formula is not None
    trial = _Trial(found, line)
    before = ast.unparse(trial.statement)
    right = [*_repairing(trial)]
    kind, after = right[0] if right else ("", "")
    if kind:
        after = min((text for same, text in right if same == kind), key=len)
        mistake = MISTAKES[kind]
        return Repair(mistake.title, mistake.remedy, "", before, after)
    after = _derived(trial, solution)
    reference = found.points[0].reference
    node = node_of(reference, line.of, np.shape(line.got))
    if node is None or line.got is None:
        return Repair(before=before, after=after, derived=bool(after))
    for diagnosis in explained(reference, node, line.got, line.givens[0])[:1]:
        return Repair(
            diagnosis.title, MISTAKES[diagnosis.kind].remedy, diagnosis.evidence, before, after,
            derived=True,
        )  # fmt: skip
    return Repair(before=before, after=after, derived=bool(after))


class _Trial:
    """The line at each point: what is in scope before it, and what it should give."""

    def __init__(self, found: Pass, line: Line) -> None:
        assert found.formula is not None
        self.line = line
        text = found.formula.text
        written = statements(Source.of(text))
        place = next(i for i, one in enumerate(found.lines) if one is line)
        statement = written[place]
        assert isinstance(statement, ast.Assign)
        self.statement = statement
        self.styled = "np." in text or "numpy." in text
        self.reference = found.points[0].reference
        self.scopes = [dict(point.scope) for point in found.points]
        for scope, point in zip(self.scopes, found.points, strict=True):
            for earlier, value in found.runs[point][:place]:
                scope[earlier] = value
        self.gradients = frozenset(
            {one.name for one in found.lines[:place] if one.of}
            | {n for n in self.scopes[0] if self.scopes[0][n] is self.reference.upstream}
        )
        wanted = targets_in(self.reference.recording.values)
        self.expected = [
            expected_of(line.of, point.reference, given, wanted, np.shape(line.got))
            for point, given in zip(found.points, line.givens, strict=True)
        ]
        self.until = time.thread_time() + _SECONDS

    def scene(self) -> Scene:
        """Return what is known where the line stands."""
        scope = {n: np.asarray(v)[()] for n, v in self.scopes[0].items()}
        relation, clipped = forward_relations(self.reference, scope)
        return Scene(
            scope, self.gradients, relation, is_forward(self.reference), clipped, frozenset()
        )

    def is_right(self, text: str) -> bool:
        """Whether a line gives what it should at all points."""
        try:
            formula = parse(
                text, FUNCTIONS, variables=[n for n in CONSTANTS if n in self.scopes[0]]
            )
            if formula.assigned != (self.line.name,):
                return False
            for scope, expected in zip(self.scopes, self.expected, strict=True):
                values = {n: scope[n] for n in (*formula.names, *formula.constants) if n in scope}
                with np.errstate(all="ignore"):
                    got = formula.evaluate(values, before=Meter(soon()).measure)
                if not close(got, expected):
                    return False
        except (ChainruleError, TypeError, ValueError):  # a change may make nonsense of a line
            return False
        return True

    def written(self, edit: Edit) -> str:
        """Write a changed line as a formula: sizes as numbers, functions as the user has them."""
        if len(edit.statements) != 1 or not isinstance(edit.statements[0], ast.Assign):
            return ""
        scope = self.scopes[0]
        new = _Plain(scope).visit(ast.parse(edit.text).body[0])
        text = ast.unparse(ast.fix_missing_locations(new))
        return text if self.styled else text.replace("np.", "")


class _Prefixed(ast.NodeTransformer):
    """Writes ``np.sum(x)`` for ``sum(x)``: so the changes know it for NumPy's."""

    def visit_Call(self, node: ast.Call) -> ast.AST:  # its name in ast
        self.generic_visit(node)
        if isinstance(node.func, ast.Name):
            node.func = ast.Attribute(ast.Name("np", ast.Load()), node.func.id, ast.Load())
        return node


class _Plain(ast.NodeTransformer):
    """Writes numbers for ``x.shape[0]`` and ``x.size``, which no formula knows; x for x**1."""

    def __init__(self, scope: Mapping[str, Any]) -> None:
        self._scope = scope

    def visit_Subscript(self, node: ast.Subscript) -> ast.AST:  # its name in ast
        match node:
            case ast.Subscript(
                value=ast.Attribute(value=ast.Name(id=name), attr="shape"),
                slice=ast.Constant(value=int(axis)),
            ) if name in self._scope and -1 < axis < np.ndim(self._scope[name]):
                return ast.Constant(np.shape(self._scope[name])[axis])
        return self.generic_visit(node)

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        self.generic_visit(node)
        match node:
            case ast.BinOp(op=ast.Pow(), right=ast.Constant(value=1)):
                return node.left
        return node

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        match node:
            case ast.Attribute(value=ast.Name(id=name), attr="size") if name in self._scope:
                return ast.Constant(int(np.size(self._scope[name])))
        return self.generic_visit(node)


def _repairing(trial: _Trial) -> Iterator[tuple[str, str]]:
    """Yield the lightest change that makes the line right, and those about as light."""
    tried: set[str] = set()
    most = math.inf
    for weight, _, kind, text in sorted(_candidates(trial)):
        if weight > most or time.thread_time() > trial.until:
            return
        if text not in tried and trial.is_right(text):
            most = min(most, weight + _ALIKE)
            yield kind, text
        tried.add(text)


def _candidates(trial: _Trial) -> Iterator[tuple[float, int, str, str]]:
    """Yield changed lines; the lightest is the likeliest, among equals the shortest."""
    # There is no function that the line stands in, and no change of a single line asks for it.
    unit: Any = None
    scene = trial.scene()
    prefixed = _Prefixed().visit(ast.parse(ast.unparse(trial.statement)).body[0])
    event = Event(
        unit, ast.fix_missing_locations(prefixed), {trial.line.name: trial.line.got}, scene.scope
    )
    for edit in edits(event, scene):
        text = "" if edit.moved else trial.written(edit)
        if text and edit.kind in MISTAKES:
            yield edit.weight, len(text), edit.kind, text
    for weight, kind, statement in (*_kept(trial.statement), *_indexed(trial)):
        one = ast.unparse(statement)
        yield weight, len(one), kind, one
    line = ast.unparse(trial.statement)
    name, _, right = line.partition(" = ")
    for size in {np.size(v) for v in scope_arrays(scene)} - {1}:
        yield 1.4, len(line), "scale", f"{name} = ({right}) / {size}"
    for old, new, kind in _renamed(scene, right):
        changed = re.sub(rf"(?<![\w.]){re.escape(old)}(?!\w)", new, right)
        yield 2.1, len(changed), kind, f"{name} = {changed}"


def _kept(statement: ast.Assign) -> Iterator[tuple[float, str, ast.Assign]]:
    """Yield a line with the axes of one sum kept that were not, or the reverse."""
    for call in ast.walk(statement):
        if not isinstance(call, ast.Call) or not any(k.arg == "axis" for k in call.keywords):
            continue
        others = [k for k in call.keywords if k.arg != "keepdims"]
        kept = [*others, ast.keyword("keepdims", ast.Constant(True))]
        new = kept if len(others) == len(call.keywords) else others
        yield 0.95, "shape", replaced(statement, call, ast.Call(call.func, call.args, new))


def _indexed(trial: _Trial) -> Iterator[tuple[float, str, ast.Assign]]:
    """Yield a line with another element of an array in the place of one."""
    for node in ast.walk(trial.statement):
        match node:
            case ast.Subscript(value=ast.Name(id=name), slice=ast.Constant(value=int(place))):
                array: Any = trial.scopes[0].get(name)
                count = len(array) if np.ndim(array) else 0
                for other in range(min(count, _ELEMENTS)):
                    if other != place:
                        new = replaced(trial.statement, node.slice, ast.Constant(other))
                        yield 1.2, "wrong-operand", new


def scope_arrays(scene: Scene) -> list[Any]:
    """Return the arrays that a line may read."""
    return [value for value in scene.arrays().values() if np.ndim(value)]


def _renamed(scene: Scene, line: str) -> Iterator[tuple[str, str, str]]:
    """Yield what may stand for a name wherever it stands, and the mistake that this undoes."""
    arrays = scene.arrays()
    kinds = {"output": "derivative-at-output", "input": "derivative-at-input"}
    for old in set(re.findall(r"\w+", line)) & arrays.keys():
        for new, value in arrays.items():
            if new != old and np.shape(value) == np.shape(arrays[old]):
                yield old, new, kinds.get(scene.relation(arrays[old], value), "wrong-operand")


def _derived(trial: _Trial, solution: Solution) -> str:
    """Return the line of the derived pass, where it can stand in the place of the typed one."""
    try:
        code = solution.code()
    except ChainruleError:
        return ""
    of = re.escape(trial.line.of)
    found = re.search(rf"^\s*d{of} = (.*)$", code, re.MULTILINE)
    if found is None:
        return ""
    read = {n.id for n in ast.walk(trial.statement) if isinstance(n, ast.Name)}
    output = trial.reference.graph.output.name or "output"
    right = found[1]
    for called in read.intersection(UPSTREAM):  # as who typed the line calls it
        right = re.sub(rf"\bd{re.escape(output)}\b", called, right)
    text = f"{trial.line.name} = {right}"
    text = text if trial.styled else text.replace("np.", "")
    return text if trial.is_right(text) else ""
