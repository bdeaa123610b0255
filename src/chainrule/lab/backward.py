"""A backward pass typed as formulas, held line by line against the chain rule.

Nothing of it becomes Python: `chainrule.formula` works it out, with the values of the forward
pass and the upstream gradient as its variables. A line ``dz = ...`` claims to have the gradient of
``z``. A claim that is wrong by itself, but follows from those before it, only carries their error.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np

from chainrule.checking.claims import close, instances_of
from chainrule.checking.naming import gradient_of
from chainrule.checking.reference import Traced
from chainrule.checking.targets import Target as Wanted
from chainrule.checking.targets import targets_in
from chainrule.errors import ChainruleError, FormulaError
from chainrule.formula import CONSTANTS, FUNCTIONS, Formula, parse
from chainrule.graph import Node
from chainrule.graphing import record
from chainrule.lab.sizes import Meter, soon
from chainrule.lab.targets import Call, Fault, fault_of
from chainrule.lab.written import bare

Verdict = Literal["right", "wrong", "carried", "kink", "helper", "raises"]

#: An output that people call by what it comes from: drelu_dz.
_CALLED = {"maximum": "relu"}
#: An element of an array.
_PART = re.compile(r"(.+)\[(\d+)\]")
#: Of lines that are to be changed.
_WRONG = ("wrong", "raises")
#: Besides ``dy`` of an output y: what people call the gradient that comes from what follows.
UPSTREAM = ("upstream", "dout", "dvalues", "dvalue")


@dataclass(frozen=True, eq=False)
class Point:
    """The forward pass at some values: its numbers, and the true gradients.

    Attributes
    ----------
    reference : Traced
    scope : dict
        Name -> value, the upstream gradient among them.
    near : bool
        Whether it is the given point or close to it.
    """

    reference: Traced
    scope: Mapping[str, Any]
    near: bool


@dataclass(frozen=True, eq=False)
class Line:
    """One line of the pass, and what is to be said about it.

    Attributes
    ----------
    number : int
        From 1.
    name : str
        What it assigns to.
    of : str
        What that is the gradient of; empty for a helper.
    verdict
        ``"kink"``: there is no derivative at this point, and near it the line is right;
        ``"raises"``: it cannot be worked out, and none after it has been.
    got, expected : array or number
        At the given point; what is expected follows from the lines before. Nothing was got
        where it raises.
    note : str
    """

    number: int
    name: str
    of: str
    verdict: Verdict
    got: Any = None
    expected: Any = None
    note: str = ""
    givens: tuple[Mapping[Node, Any], ...] = field(default=(), repr=False)


@dataclass(frozen=True, eq=False)
class Pass:
    """A backward pass that has been read and judged.

    Attributes
    ----------
    lines : tuple of Line
    faults : tuple of Fault
        Where the text is no formula, or cannot be worked out.
    missing : tuple of str
        The arguments whose gradient no line computes.
    points : tuple of Point
    formula : Formula or None
    runs : dict
        Point -> the names and values of the lines there.
    """

    lines: tuple[Line, ...]
    faults: tuple[Fault, ...]
    missing: tuple[str, ...]
    points: tuple[Point, ...]
    formula: Formula | None
    runs: Mapping[Point, Sequence[tuple[str, Any]]] = field(default_factory=dict, repr=False)

    @property
    def first_wrong(self) -> Line | None:
        """The first line that is wrong given those before it."""
        return next((line for line in self.lines if line.verdict in _WRONG), None)


def points_of(call: Call, output: str, wrt: Sequence[str]) -> tuple[Point, ...]:
    """Return where a pass is tested: the given values, some close to them, and some far away.

    A pass may be right where a kink is not met; a mask that is missing shows far away.
    """
    rng = np.random.default_rng(0)
    found = [_point(call, dict(call.values), output, wrt, near=True)]
    for far in (False, False, True, True, True, True):
        values = {n: _moved(v, rng, far) if n in wrt else v for n, v in call.values.items()}
        try:
            point = _point(call, values, output, wrt, near=not far)
        except ChainruleError:  # the function may not be defined there
            continue
        if np.all(np.isfinite(point.reference.value)):
            found.append(point)
    return tuple(found)


def _point(
    call: Call, values: Mapping[str, Any], output: str, wrt: Sequence[str], near: bool
) -> Point:
    with np.errstate(all="ignore"):
        target = call.target
        recording = record(
            target.function, tuple(values[n] for n in target.names), {}, tuple(wrt), strict=False
        )
    shape = recording.graph.output.shape
    upstream = np.ones(shape)[()] if call.upstream is None else call.upstream
    reference = Traced(recording, upstream)
    scope = {n.name: n.value for n in reference.graph.nodes if n.name and "[" not in n.name}
    scope |= {name: np.asarray(value)[()] for name, value in values.items()}
    for name in (f"d{output}", *UPSTREAM):
        scope.setdefault(name, upstream)
    return Point(reference, {n: v for n, v in scope.items() if n not in FUNCTIONS}, near)


def _moved(value: Any, rng: np.random.Generator, far: bool) -> Any:
    """Return other numbers in the form of a value."""
    array = np.asarray(value, float)
    noise = rng.uniform(-1, 1, array.shape)
    if far:
        moved = array * rng.choice([-1.0, 1.0], array.shape) * (1 + 0.5 * noise)
    else:
        largest = float(np.max(np.abs(array), initial=0.0)) or 1.0
        moved = array * (1 + 0.03 * noise) + 0.01 * largest * noise
    if isinstance(value, np.ndarray):
        return moved.astype(value.dtype)
    return moved.tolist()


# -- reading ---------------------------------------------------------------------------------


def judged(text: str, points: tuple[Point, ...], wrt: Sequence[str]) -> Pass:
    """Read a backward pass and judge each of its lines.

    Parameters
    ----------
    text : str
    points : tuple of Point
        The first is the given one.
    wrt : sequence of str
        The arguments whose gradients are asked for.
    """
    names = points[0].scope
    formula, faults = _read(text, names)
    if formula is None:
        return Pass((), tuple(faults), tuple(wrt), points, None)
    runs = [_run(formula, point) for point in points]
    worked, fault = runs[0]
    if fault is not None:
        faults = [fault, *faults]
    whole = [(p, run) for p, (run, _) in zip(points, runs, strict=True) if len(run) >= len(worked)]
    places, usable = [p for p, _ in whole], [run for _, run in whole]
    lines = tuple(_lines(formula, worked, usable, places, fault))
    first = next((line for line in lines if line.verdict in _WRONG), None)
    if first is not None and first.verdict == "raises":
        faults = faults[1:]  # it is what is said about that line
    missing = tuple(n for n in wrt if not _is_done(n, lines, points[0].scope.get(n)))
    return Pass(lines, tuple(faults), missing, tuple(places), formula, dict(whole))


def _is_done(name: str, lines: Sequence[Line], value: Any) -> bool:
    """Whether the gradient of an argument is there, whole or element by element."""
    of = {line.of for line in lines}
    parts = [f"{name}[{i}]" for i in range(len(value))] if np.ndim(value) else []
    return name in of or (bool(parts) and of.issuperset(parts))


def _read(text: str, names: Mapping[str, Any]) -> tuple[Formula | None, list[Fault]]:
    """Parse a pass; where a line has a fault, those before it are read all the same."""
    faults: list[Fault] = []
    lines = bare(text).split("\n")
    while any(line.strip() for line in lines):
        try:
            return _parsed("\n".join(lines), names), faults
        except FormulaError as error:
            fault = fault_of(error, "backward")
            faults = [fault]
            lines = lines[: (fault.line or 1) - 1]
    return None, faults


def _parsed(text: str, names: Mapping[str, Any]) -> Formula:
    formula = parse(text, FUNCTIONS, variables=[n for n in CONSTANTS if n in names])
    if formula.output is None:
        last = formula.statements[-1]
        error = FormulaError("the line has no name", instead="write what it is: dw = ...")
        error.place = _line_of(formula, last.at), 1
        raise error
    for name in formula.names:
        if name not in names:
            at = _first(formula, name)
            known = ", ".join(n for n in names if n not in UPSTREAM)
            error = FormulaError(
                f"'{name}' is no value of the forward pass, and no line before has computed it",
                expected=f"one of {known}" if len(known) < 120 else None,
            )
            error.place = at
            raise error
    return formula


def _line_of(formula: Formula, at: int) -> int:
    return formula.text.count("\n", 0, at) + 1


def _first(formula: Formula, name: str) -> tuple[int, int]:
    found = re.search(rf"(?<![\w.]){re.escape(name)}(?!\w)", formula.text)
    at = found.start() if found else 0
    return _line_of(formula, at), at - formula.text.rfind("\n", 0, at)


def _run(formula: Formula, point: Point) -> tuple[list[tuple[str, Any]], Fault | None]:
    """Work a pass out; return what its lines gave, and where it stopped if it did."""
    found: list[tuple[str, Any]] = []
    values = {n: point.scope[n] for n in (*formula.names, *formula.constants) if n in point.scope}
    try:
        with np.errstate(all="ignore"):
            formula.evaluate(
                values, lambda name, value: found.append((name, value)), Meter(soon()).measure
            )
    except ChainruleError as error:
        return found, fault_of(error, "backward")
    return found, None


# -- judging ---------------------------------------------------------------------------------


def _lines(
    formula: Formula,
    worked: Sequence[tuple[str, Any]],
    runs: Sequence[Sequence[tuple[str, Any]]],
    points: Sequence[Point],
    fault: Fault | None,
) -> Iterator[Line]:
    first = points[0].reference
    wanted = targets_in({n: _as_given(v) for n, v in first.recording.values.items()})
    known = list(dict.fromkeys([*wanted, *instances_of(first)]))
    output = first.graph.output
    outputs = [output.name or "output", _CALLED.get(output.op.name, "")]
    givens: list[dict[Node, Any]] = [{} for _ in points]
    last = {name: i for i, (name, _) in enumerate(worked)}
    for i, (name, got) in enumerate(worked):
        number = _line_of(formula, formula.statements[i].at)
        of = gradient_of(name, known, outputs)
        if of is None or (name in known and not name.startswith("d")) or last[name] != i:
            yield Line(number, name, "", "helper", got)
            continue
        line = replace(
            _judged_line(number, name, of, [run[i][1] for run in runs], points, givens, wanted),
            givens=tuple(dict(given) for given in givens),
        )
        yield line
        for given, point, run in zip(givens, points, runs, strict=True):
            node = node_of(point.reference, of, np.shape(run[i][1]), wanted)
            if node is not None and not node.is_input and node.shape == np.shape(run[i][1]):
                given[node] = np.asarray(run[i][1], float)[()]
    if fault is None:
        return
    stopped = formula.statements[len(worked)]
    of = gradient_of(stopped.name or "", known, outputs)
    if of is not None:
        yield Line(
            _line_of(formula, stopped.at), stopped.name or "", of, "raises", None,
            expected_of(of, first, givens[0], wanted),
            fault.message.partition(" Change the formula")[0],
            tuple(dict(given) for given in givens),
        )  # fmt: skip


def _judged_line(
    number: int,
    name: str,
    of: str,
    got: Sequence[Any],
    points: Sequence[Point],
    givens: Sequence[Mapping[Node, Any]],
    wanted: Mapping[str, Wanted],
) -> Line:
    shape = np.shape(got[0])
    true = [expected_of(of, p.reference, {}, wanted, shape) for p in points]
    follows = [
        expected_of(of, p.reference, given, wanted, shape)
        for p, given in zip(points, givens, strict=True)
    ]
    if any(t is None for t in true):
        return Line(number, name, "", "helper", got[0])
    is_true = [close(g, t) for g, t in zip(got, true, strict=True)]
    is_next = [close(g, f) for g, f in zip(got, follows, strict=True)]
    line = Line(number, name, of, "right", got[0], follows[0])
    if all(is_true):
        return line
    if all(is_next):
        return replace(line, verdict="carried")
    if not is_true[0] and len(points) > 1 and all(is_true[1:]):
        note = "There is no derivative exactly at these values; at others the line is right."
        return replace(line, verdict="kink", note=note)
    if shape != np.shape(follows[0]):
        note = f"It has shape {shape}, and {of} has shape {np.shape(follows[0])}."
    elif is_true[0] or is_next[0]:
        note = "It is right at these values, and wrong at others."
    else:
        note = ""
    return replace(line, verdict="wrong", note=note)


def expected_of(
    of: str,
    reference: Traced,
    given: Mapping[Node, Any],
    wanted: Mapping[str, Wanted],
    shape: tuple[int, ...] = (),
) -> Any:
    """Return the gradient of what a name stands for, as it follows from those that are given."""
    found = reference.gradients(given) if given else reference.exact
    if of in wanted:
        return reference.of(wanted[of], found)
    node = node_of(reference, of, shape, wanted)
    if node is not None:
        return reference.of_node(node, found)
    part = _PART.fullmatch(of)
    if part is None:
        return None
    # dx0 of an array x
    whole: Any = expected_of(part[1], reference, given, wanted)
    place = int(part[2])
    return whole[place] if np.ndim(whole) and place < len(whole) else None


def node_of(
    reference: Traced, of: str, shape: tuple[int, ...], wanted: Mapping[str, Wanted] | None = None
) -> Node | None:
    """Return the node that a name stands for; None for a list of numbers, which is several."""
    if of in reference.inputs:
        return reference.inputs[of]
    if of in (wanted or ()):
        return None
    nodes = instances_of(reference).get(of, [])
    return next((n for n in reversed(nodes) if n.shape == shape), nodes[-1] if nodes else None)


def _as_given(value: Any) -> Any:
    """Return whole numbers in a list as floats, which a gradient can be had of."""
    if isinstance(value, list):
        return [_as_given(v) for v in value]
    return float(value) if type(value) is int else value
