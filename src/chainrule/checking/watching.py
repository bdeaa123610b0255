"""Watching a backward pass run: what each statement assigned, and what was in scope."""

from __future__ import annotations

import ast
import copy
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from types import CodeType
from typing import Any

import numpy as np

from chainrule.checking.source import Unit, simple_statements, targets_of
from chainrule.checking.state import same

_PROBE = "__chainrule_watch__"
_RETURNED = "__chainrule_returned__"


@dataclass(frozen=True, slots=True, eq=False)
class Event:
    """One statement that has run.

    Attributes
    ----------
    unit : Unit
    statement : ast.stmt
    assigned : dict
        What it assigned to, as written -> value, copied.
    scope : dict
        Names and attributes of objects -> value, after the statement.
    returned : number, array, structure or None
        For a return statement.
    """

    unit: Unit
    statement: ast.stmt
    assigned: Mapping[str, Any]
    scope: Mapping[str, Any]
    returned: Any = None


@dataclass(slots=True)
class Watch:
    """What was seen while a backward pass ran.

    Attributes
    ----------
    events : list of Event
        In the order of running.
    entry : dict
        What was in scope at the start of the first function watched.
    changed : dict
        What backward was handed and must not change -> the statement that changed it.
    """

    units: Sequence[Unit]
    events: list[Event] = field(default_factory=list)
    entry: dict[str, Any] = field(default_factory=dict)
    changed: dict[str, Event | None] = field(default_factory=dict)
    _latest: dict[str, Any] = field(default_factory=dict)
    _guarded: dict[str, tuple[Any, Any]] = field(default_factory=dict)

    @contextmanager
    def around(self, handed: Mapping[str, Any]) -> Iterator[None]:
        """Watch the backward pass while it runs."""
        self._guarded = {
            name: (value, value.copy())
            for name, value in handed.items()
            if isinstance(value, np.ndarray)
        }
        with ExitStack() as stack:
            for which, unit in enumerate(self.units):
                if which not in unit.watched:  # forward may be watched once for each edit
                    unit.watched[which] = _watched(unit, which)
                code = unit.watched[which]
                if code is None:
                    continue
                scope = unit.function.__globals__
                scope[_PROBE] = self._probe
                stack.callback(scope.pop, _PROBE, None)
                stack.enter_context(unit.running(code))
            yield
        for name, (value, before) in self._guarded.items():
            if name not in self.changed and not same(value, before):
                self.changed[name] = None

    def _probe(self, which: int, index: int, scope: Mapping[str, Any]) -> None:
        # Functions of one module share its globals: the probe is told which unit it is in.
        self._note(self.units[which], index, dict(scope))

    def _note(self, unit: Unit, index: int, scope: dict[str, Any]) -> None:
        returned = as_arrays(scope.pop(_RETURNED, None))
        scope = {name: as_arrays(value) for name, value in flattened(scope).items()}
        if index < 0:
            if unit is self.units[0] and not self.entry:
                self.entry = {n: as_number(v) if as_number(v) is not None else v
                              for n, v in scope.items()}  # fmt: skip
            return
        statement = unit.statements[index]
        assigned = {}
        for name in targets_of(statement):
            found = looked_up(name, scope)
            number = as_number(found)
            # A call may write to its first argument, and most do not.
            called = isinstance(statement, ast.Expr)
            if number is None or (called and same(number, self._latest.get(name))):
                continue
            assigned[name] = self._latest[name] = number
        event = Event(unit, statement, assigned, scope, returned)
        self.events.append(event)
        for name, (value, before) in self._guarded.items():
            if name not in self.changed and not same(value, before):
                self.changed[name] = event


def as_arrays(value: Any, depth: int = 3) -> Any:
    """Return tensors of PyTorch's as arrays, inside tuples, lists and dicts too."""
    if "torch" not in sys.modules or not depth:
        return value
    if type(value).__module__.startswith("torch") and hasattr(value, "detach"):
        plain = value.detach().cpu()
        # NumPy knows no bfloat16, which has the range of float32.
        return (plain.float() if "bfloat16" in str(plain.dtype) else plain).numpy().copy()[()]
    if type(value) in (tuple, list):
        return type(value)(as_arrays(v, depth - 1) for v in value)
    if type(value) is dict:
        return {key: as_arrays(v, depth - 1) for key, v in value.items()}
    return value


def as_number(value: Any) -> Any:
    """Return a number, an array or a list of numbers, copied; None for anything else."""
    if isinstance(value, np.ndarray):
        return value.copy()
    if isinstance(value, (float, int, np.generic)):
        return value
    if isinstance(value, list) and value and all(isinstance(v, (float, int)) for v in value):
        return np.asarray(value)
    return None


def flattened(scope: Mapping[str, Any]) -> dict[str, Any]:
    """Return names with the attributes of `self`, as ``self.weights``, among them."""
    found = dict(scope)
    for name in ("self", "ctx", "layer"):
        attributes = getattr(scope.get(name), "__dict__", None)
        if isinstance(attributes, dict):
            for key, value in attributes.items():
                found[f"{name}.{key}"] = value
                if isinstance(value, dict):
                    found |= {f"{name}.{key}[{k!r}]": v for k, v in value.items()}
    for name, value in list(scope.items()):
        if isinstance(value, dict):
            found |= {f"{name}[{k!r}]": v for k, v in value.items() if isinstance(k, str)}
    return found


def looked_up(name: str, scope: Mapping[str, Any]) -> Any:
    """Return what a name, an attribute or an item of a dict stands for, or None."""
    if name in scope:
        return scope[name]
    owner, _, attribute = name.rpartition(".")
    if owner and "[" not in attribute:
        return getattr(looked_up(owner, scope), attribute, None)
    return None


def _watched(unit: Unit, which: int) -> CodeType | None:
    """Return the code of a function with a probe after each statement."""
    tree = copy.deepcopy(unit.tree)
    order = {id(s): i for i, s in enumerate(simple_statements(tree.body))}
    tree.body = [*_probe(which, -1), *_with_probes(tree.body, order, which)]
    return unit.compiled(ast.fix_missing_locations(tree))


def _probe(which: int, index: int) -> list[ast.stmt]:
    return ast.parse(f"{_PROBE}({which}, {index}, locals())").body


def _with_probes(body: list[ast.stmt], order: Mapping[int, int], which: int) -> list[ast.stmt]:
    out: list[ast.stmt] = []
    for statement in body:
        index = order.get(id(statement))
        if isinstance(statement, ast.Return) and index is not None:
            value = statement.value or ast.Constant(None)
            assign = ast.Assign([ast.Name(_RETURNED, ast.Store())], value)
            back = ast.Return(ast.Name(_RETURNED, ast.Load()))
            probe = _probe(which, index)
            for new in (assign, *probe, back):
                ast.copy_location(new, statement)
            out += [assign, *probe, back]
            continue
        for name in ("body", "orelse", "finalbody"):
            inner = getattr(statement, name, None)
            if inner and not isinstance(statement, (ast.FunctionDef, ast.ClassDef)):
                setattr(statement, name, _with_probes(inner, order, which))
        out.append(statement)
        if index is not None:
            probe = _probe(which, index)
            for new in probe:
                ast.copy_location(new, statement)
            out += probe
    return out
