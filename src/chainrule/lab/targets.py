"""What the explorer explains: a shipped example or a formula, at values that are text.

A state is what the page holds, and each request has all of it::

    {"example": "neuron", "values": {"b": "2"}}
    {"formula": "z = w*x + b; y = max(z, 0)", "values": {"w": "2", "x": "3", "b": "1"},
     "wrt": ["w", "b"], "upstream": "1"}
"""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from types import ModuleType
from typing import Any

import numpy as np

from chainrule.arguments import differentiable, signature_of, with_signature
from chainrule.errors import ChainruleError, DtypeError, FormulaError
from chainrule.examples import EXAMPLES
from chainrule.formula import FUNCTIONS, Formula, like, parse, parse_value
from chainrule.lab.sizes import Meter, soon
from chainrule.lab.written import bare, following, lines_of, opened
from chainrule.structure import leaves
from chainrule.trace import named

_PLACE = re.compile(r" \((?:line \d+, )?column \d+\)$")
#: What came is left out of a message where it is longer.
_LONGEST = 90
#: Names that only labels go by: nobody asks for their gradient, unless they say so.
_LABELS = frozenset(("Y", "y_true", "Y_true", "label", "labels", "target", "targets"))


@dataclass(frozen=True)
class Fault:
    """What is wrong with a state, beside the field that it is in.

    Attributes
    ----------
    field : str
        ``"formula"``, ``"value:w"``, ``"upstream"``, ``"backward"``, ``"lr"``, ``"wrt"`` or "".
    message : str
    line, column : int or None
        From 1, where the text of the field has a fault at one place.
    """

    field: str
    message: str
    line: int | None = None
    column: int | None = None

    def plain(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        place = {} if self.line is None else {"line": self.line, "column": self.column}
        return {"field": self.field, "message": self.message, **place}


class Faulty(Exception):  # noqa: N818  # an answer to whoever typed it, and no error of the lab
    """A state that cannot be explained.

    Parameters
    ----------
    *faults : Fault
    """

    def __init__(self, *faults: Fault) -> None:
        super().__init__("; ".join(f.message for f in faults))
        self.faults = faults


def fault_of(error: ChainruleError, where: str) -> Fault:
    """Return what an error says as a fault of a field."""
    what = _PLACE.sub("", error.what.split("\n")[0]).strip()
    what = re.sub(r"matmul: .*", "the sizes do not fit a matrix product", what)
    what = re.sub(r"operands could not be broadcast.*", "the shapes do not fit together", what)
    told = [what[:1].upper() + what[1:].rstrip(".") + "."]
    if error.expected:
        told.append(f"Expected: {error.expected}.")
    if error.got and len(error.got) < _LONGEST:
        told.append(f"Got: {error.got}.")
    instead = _in_words(error.instead or "")
    if instead:
        told.append(instead)
    line, column = error.place or (None, None)
    return Fault(where, " ".join(told), line, column)


def _in_words(instead: str) -> str:
    """Return what to write instead, where that is no Python: here nobody writes any."""
    if not instead or "explain(" in instead or "np." in instead:
        return ""
    return instead[:1].upper() + instead[1:].rstrip(".") + ("" if instead[-1] == "?" else ".")


@dataclass(frozen=True)
class Target:
    """A function with its arguments.

    Attributes
    ----------
    function : callable
    names : tuple of str
        Of the arguments.
    defaults : dict
        Values of an example; none of a formula.
    able : tuple of str
        The arguments that can have a gradient.
    wrt : tuple of str
        Those of them whose gradients are derived unless others are asked for.
    upstream : array or None
    lines : tuple of (int, str)
        The source, each line with its number.
    formula : Formula or None
    """

    function: Callable[..., Any]
    names: tuple[str, ...]
    able: tuple[str, ...]
    wrt: tuple[str, ...]
    defaults: Mapping[str, Any] = field(default_factory=dict)
    upstream: Any = None
    lines: tuple[tuple[int, str], ...] = ()
    formula: Formula | None = None

    def read(self, name: str, text: Any) -> Any:
        """Read a value of an argument; what stands in an index of a formula is a whole number.

        Raises
        ------
        FormulaError
        """
        whole = self.formula is not None and name in self.formula.indices
        return parse_value(str(text), whole=whole)


def target_of(state: Mapping[str, Any]) -> Target:
    """Return what a state asks to be explained.

    Raises
    ------
    Faulty
    """
    example, text = state.get("example"), state.get("formula")
    if example is not None:
        if not isinstance(example, str) or example not in EXAMPLES:
            raise Faulty(Fault("example", f"There is no example {str(example)[:40]!r}."))
        return _example(example)
    if not isinstance(text, str) or not text.strip():
        raise Faulty(Fault("formula", "Write a formula, such as y = max(w*x + b, 0).", 1, 1))
    return _formula(text, tuple(sorted(map(str, _mapping(state, "values")))))


@lru_cache(maxsize=16)
def _example(name: str) -> Target:
    module, function_name = EXAMPLES[name]
    found: ModuleType = importlib.import_module(f"chainrule.examples.{module}")
    function = getattr(found, function_name)
    signature = signature_of(function)
    assert signature is not None
    lines, first = inspect.getsourcelines(function)
    defaults = {n: p.default for n, p in signature.parameters.items()}
    able = tuple(n for n, value in defaults.items() if _has_gradient(value))
    return Target(
        function,
        tuple(defaults),
        able,
        getattr(found, "WRT", able),
        defaults,
        getattr(found, "UPSTREAM", None),
        tuple(enumerate((line.rstrip("\n") for line in lines), first)),
    )


def _has_gradient(value: Any) -> bool:
    """Whether an argument can: an array of whole numbers, as labels are, cannot."""
    try:
        return any(differentiable(leaf, path) is not None for path, leaf in leaves(value))
    except DtypeError:
        return False


@lru_cache(maxsize=256)
def _parsed(text: str) -> Formula:
    return parse(text, FUNCTIONS)


def _formula(text: str, given: tuple[str, ...]) -> Target:
    try:
        parsed = _parsed(bare(text))
        defaults: dict[str, Any] = {}
        if not parsed.names:
            parsed, defaults = opened(parsed)
    except FormulaError as error:
        raise Faulty(fault_of(error, "formula")) from None
    names = (*parsed.names, *(name for name in parsed.constants if name in given))
    if set(names) <= set(parsed.indices):
        raise Faulty(Fault("formula", "The formula has no variable, so it has no gradient.", 1, 1))
    taken = {*names, *parsed.assigned}
    output = parsed.output or ("y" if "y" not in taken else "output")

    def formula(*values: Any) -> Any:
        meter = Meter(soon())
        go_on = following(parsed, text, values)

        def assigned(name: str, value: Any) -> None:
            named(value, name)
            go_on()

        result = parsed.evaluate(
            dict(zip(names, values, strict=True)), on_assign=assigned, before=meter.measure
        )
        return named(result, output)

    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    with_signature(formula, [inspect.Parameter(name, kind) for name in names])
    able = tuple(name for name in names if name not in parsed.indices)
    wrt = tuple(name for name in able if name not in _LABELS) or able
    lines = tuple(enumerate(lines_of(text), 1))
    return Target(formula, names, able, wrt, defaults, formula=parsed, lines=lines)


# -- values --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Call:
    """A target with values for its arguments.

    Attributes
    ----------
    target : Target
    values : dict
    wrt : tuple of str
    upstream : array or None
    """

    target: Target
    values: Mapping[str, Any]
    wrt: tuple[str, ...]
    upstream: Any


def call_of(state: Mapping[str, Any]) -> Call:
    """Return what a state asks for, with its values read.

    Raises
    ------
    Faulty
        With a fault for each field that does not do.
    """
    target = target_of(state)
    given = _mapping(state, "values")
    faults: list[Fault] = []
    values: dict[str, Any] = {}
    for name in target.names:
        text = given.get(name)
        if text is None or (isinstance(text, str) and not text.strip()):
            if name in target.defaults:
                values[name] = target.defaults[name]
            else:
                faults.append(Fault(f"value:{name}", f"Give {name} a value, such as 2 or [1, -2]."))
            continue
        try:
            values[name] = like(target.defaults.get(name), target.read(name, text))
        except FormulaError as error:
            faults.append(fault_of(error, f"value:{name}"))
    upstream = target.upstream
    try:
        if str(state.get("upstream") or "").strip():
            upstream = np.asarray(parse_value(str(state["upstream"])), float)[()]
    except FormulaError as error:
        faults.append(fault_of(error, "upstream"))
    wrt = target.wrt
    try:
        wrt = _wrt(state.get("wrt"), target)
    except Faulty as error:
        faults += error.faults
    if faults:
        raise Faulty(*faults)
    return Call(target, values, wrt, upstream)


def _wrt(asked: Any, target: Target) -> tuple[str, ...]:
    """Return the arguments whose gradients are asked for, in the order of all arguments."""
    if asked is None:
        return target.wrt
    if not isinstance(asked, list) or any(name not in target.names for name in asked):
        raise Faulty(Fault("wrt", f"Choose among {', '.join(target.able)}."))
    if not asked:
        raise Faulty(
            Fault("wrt", "Mark at least one argument: without a mark, nothing is derived.")
        )
    unable = [name for name in target.names if name in asked and name not in target.able]
    if unable:
        message = f"{', '.join(unable)} can have no gradient, being whole numbers."
        raise Faulty(Fault("wrt", message))
    return tuple(name for name in target.names if name in asked)


def _mapping(state: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = state.get(key)
    return found if isinstance(found, dict) else {}
