"""Numbers worked out by hand, each as exact as it is written."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np

from chainrule.arguments import name_of
from chainrule.checking.claims import instances_of
from chainrule.checking.findings import Diagnosis, Finding, Verdict
from chainrule.checking.hypotheses import explained, fitting, multiples
from chainrule.checking.naming import gradient_of, says_gradient
from chainrule.checking.reference import Traced
from chainrule.checking.report import Report
from chainrule.checking.targets import Target, targets_in
from chainrule.errors import ArgumentError, ConversionError
from chainrule.graph import Graph, Node
from chainrule.graphing import Recording, record
from chainrule.trace import location

#: A number with so many digits after the point was computed, not written by hand.
_COMPUTED = 10
#: How often what is written is rounded otherwise, to see what rounding on the way does.
_TRIES = 8


@dataclass(frozen=True, slots=True, eq=False)
class _Entry:
    """One line of the table.

    Attributes
    ----------
    key : str
        As written.
    of : str
        What it is the gradient of.
    node : Node
        The value that it belongs to, or whose element it is.
    index : tuple or None
        The element.
    value : array or number
    half : array or number
        Half a unit of the last digit.
    local : Node or None
        The value that is differentiated, where that is not the output.
    """

    key: str
    of: str
    node: Node
    index: tuple[int, ...] | None
    value: Any
    half: Any
    local: Node | None = None


def examine_table(
    f: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
    gradients: Mapping[str, Any],
    upstream: Any = None,
) -> Report:
    """Hold a table of gradients against a forward pass.

    Raises
    ------
    ArgumentError
        When a name in the table is not that of any value, or its numbers have another shape.
    """
    recording = _recorded(f, args, kwargs)
    output = recording.graph.output
    if upstream is None:
        upstream = np.ones(output.shape) if output.shape else np.float64(1.0)
    reference = Traced(recording, upstream)
    targets = targets_in(recording.values)
    entries = [_entry(k, v, reference, targets, f) for k, v in gradients.items()]
    order = {node: i for i, node in enumerate(reference.graph.nodes)}
    entries.sort(key=lambda e: (e.node.is_input, e.local is None, -order.get(e.node, 0)))
    return Report(
        name_of(f), tuple(_judged(entries, reference, targets)), "traced derivative",
        ("the given input",), tuple(_notes(entries)),
        _solve=lambda: _solution(recording, upstream),
    )  # fmt: skip


def _recorded(f: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Recording:
    with np.errstate(all="ignore"):
        try:
            return record(f, args, kwargs, strict=False)
        except ConversionError:
            return record(f, args, kwargs, strict=False, buffers=True)


def _solution(recording: Recording, upstream: Any) -> Any:
    from chainrule.solving import solution_of

    return solution_of(recording, upstream)


# -- reading the table -------------------------------------------------------------------------


def _entry(
    key: str,
    value: Any,
    reference: Traced,
    targets: Mapping[str, Target],
    f: Callable[..., Any],
) -> _Entry:
    instances = instances_of(reference)
    known = list(dict.fromkeys([*targets, *instances]))
    outputs = [reference.graph.output.name or "output", name_of(f)]
    base, index = _split(key)
    of = base if base in known and not says_gradient(base) else None
    of = of or gradient_of(base, known, outputs) or (base if base in known else None)
    local = None
    if of is None:
        of, local = _local(base, instances, known)
    if of is None and not says_gradient(base):
        of = gradient_of(f"d{base}", known)  # w0 for w[0]
    if of is None:
        whole = sorted(known, key=lambda name: "[" in name)
        raise ArgumentError(
            f"{key!r} is the gradient of nothing that {name_of(f)} computes.",
            expected=f"a gradient of one of {', '.join(whole[:12])}, as in 'd{known[0]}'"
            if known
            else "a function with named values",
            got=repr(key),
            where=location(code=getattr(f, "__code__", None)),
        )
    number = _number(key, value)
    element = re.fullmatch(r"(\w+)\[([\d, ]+)\]", of)
    if element and of not in targets and of not in reference.inputs:
        of, index = element[1], tuple(int(i) for i in element[2].split(","))
    node, shape = _node_of(of, reference, targets, instances, index)
    if np.shape(number) != (() if index is not None else shape):
        raise ArgumentError(
            f"{key} does not have the shape of {of}.",
            expected=f"shape {shape}",
            got=f"shape {np.shape(number)}",
        )
    return _Entry(key, of, node, index, number, _half(value), local)


def _split(key: str) -> tuple[str, tuple[int, ...] | None]:
    match = re.fullmatch(r"(.*?)\[([\d, -]+)\]", key)
    if match is None or "'" in key:
        return key, None
    return match[1], tuple(int(i) for i in match[2].split(","))


def _local(
    key: str, instances: Mapping[str, list[Node]], known: Sequence[str]
) -> tuple[str | None, Node | None]:
    """Read ``dz_dw`` as the local derivative of z by w."""
    match = re.fullmatch(r"d(\w+?)_d(\w+)", key)
    if match is None:
        return None, None
    over = instances.get(match[1])
    of = match[2] if match[2] in instances else gradient_of(f"d{match[2]}", known)
    return (of, over[-1]) if over and of else (None, None)


def _number(key: str, value: Any) -> Any:
    try:
        number = np.asarray(value, float)
    except (TypeError, ValueError):
        raise ArgumentError(
            f"{key} is not a number or an array of numbers.",
            expected="a number, a list of numbers, or an array",
            got=repr(value)[:80],
        ) from None
    if not np.all(np.isfinite(number)):
        raise ArgumentError(f"{key} holds a NaN or an infinity.", got=repr(value)[:80])
    return number


def _node_of(
    of: str,
    reference: Traced,
    targets: Mapping[str, Target],
    instances: Mapping[str, list[Node]],
    index: tuple[int, ...] | None,
) -> tuple[Node, tuple[int, ...]]:
    if of in targets and targets[of].paths != (of,):
        whole = targets[of]
        if index is not None:
            path = whole.paths[int(np.ravel_multi_index(index, whole.shape))]
            return reference.inputs[path], whole.shape
        return reference.inputs[whole.paths[0]], whole.shape
    node = reference.inputs.get(of) or instances[of][-1]
    return node, node.shape


def _half(value: Any) -> Any:
    """Return half a unit of the last digit that is written, number by number.

    A whole number beside others that are not is taken to be as exact as the roughest of them,
    and exact where all are whole.

    Examples
    --------
    >>> _half([0.44, 1.5]).tolist(), _half(2.0).tolist(), _half(0.1 + 0.2).tolist()
    ([0.005, 0.05], 0.0, 0.0)
    """
    numbers = np.asarray(value, float)
    digits = np.array([_decimals(float(v)) for v in np.ravel(numbers)]).reshape(numbers.shape)
    if np.any(digits >= _COMPUTED):
        return np.zeros(numbers.shape)[()]
    written = digits[digits > 0]
    roughest = int(np.min(written)) if written.size else 0
    digits = np.where(digits == 0, roughest, digits)
    return np.where(digits == 0, 0.0, 0.5 * 10.0 ** -digits.astype(float))


def _decimals(number: float) -> int:
    if number.is_integer():
        return 0
    exponent = Decimal(repr(number)).as_tuple().exponent
    return -exponent if isinstance(exponent, int) else 0


def _notes(entries: list[_Entry]) -> Iterator[str]:
    rounded = [e.key for e in entries if np.any(e.half)]
    if rounded:
        yield f"Taken as rounded to the digits that are written: {', '.join(rounded)}."


# -- judging it --------------------------------------------------------------------------------


def _judged(
    entries: list[_Entry], reference: Traced, targets: Mapping[str, Target]
) -> Iterator[Finding]:
    given: dict[Node, Any] = {}
    halves: dict[Node, Any] = {}
    wrong_before = False
    for entry in entries:
        if entry.local is not None:
            finding = _of_local(entry, reference, targets)
            yield finding
            continue
        true = _value(entry, reference, targets, reference.exact)
        follows, spread = _following(entry, reference, targets, given, halves)
        bound = entry.half * (1 + 1e-6) + 1e-9 * (1 + float(np.max(np.abs(true), initial=0.0)))
        right = bool(np.all(np.abs(entry.value - true) <= bound + spread))
        consistent = bool(np.all(np.abs(entry.value - follows) <= bound + spread))
        verdict: Verdict = "right" if right or (consistent and not wrong_before) else (
            "carried" if consistent else "wrong"
        )  # fmt: skip
        mistakes: list[Diagnosis] = []
        if verdict == "wrong":
            mistakes = _mistakes(entry, reference, follows, given, bound + spread)
            wrong_before = True
        scale = max(float(np.max(np.abs(follows), initial=0.0)), 1e-300)
        yield Finding(
            entry.key, entry.of, verdict,
            float(np.max(np.abs(entry.value - follows), initial=0.0)) / scale,
            entry.value[()], np.asarray(follows)[()], mistakes=tuple(mistakes),
            note="" if verdict != "wrong" else f"it should be {_shown(follows)}",
        )  # fmt: skip
        whole = entry.index is None and np.shape(entry.value) == entry.node.shape
        if whole and not entry.node.is_input:
            given[entry.node] = entry.value[()]
            halves[entry.node] = entry.half


def _shown(value: Any) -> str:
    return np.array2string(np.asarray(value), precision=6, separator=", ").replace("\n", "")


def _value(
    entry: _Entry, reference: Traced, targets: Mapping[str, Target], found: Mapping[Node, Any]
) -> Any:
    target = targets.get(entry.of)
    if target is not None and entry.index is None:
        return np.asarray(reference.of(target, found))
    value = np.asarray(reference.of_node(entry.node, found))
    return value[entry.index] if entry.index is not None and value.shape else value


def _following(
    entry: _Entry,
    reference: Traced,
    targets: Mapping[str, Target],
    given: Mapping[Node, Any],
    halves: Mapping[Node, Any],
) -> tuple[Any, Any]:
    """Return what follows from the entries before, and how far their rounding moves it."""
    follows = _value(entry, reference, targets, reference.gradients(given))
    rng = np.random.default_rng(0)
    spread: Any = np.zeros(np.shape(follows))
    if any(np.any(h) for h in halves.values()):
        for _ in range(_TRIES):
            moved = {n: v + halves[n] * rng.choice([-1, 1], np.shape(v)) for n, v in given.items()}
            there = _value(entry, reference, targets, reference.gradients(moved))
            spread = np.maximum(spread, np.abs(there - follows))
    return follows, spread


def _of_local(entry: _Entry, reference: Traced, targets: Mapping[str, Target]) -> Finding:
    """Judge a local derivative: of one value by another, both of one shape or one a number."""
    assert entry.local is not None
    graph = Graph(reference.graph.nodes, (entry.local,))
    recording = reference.recording
    part = Traced(
        Recording(recording.name, graph, recording.arguments, recording.values, recording.wrt),
        np.ones(entry.local.shape)[()],
    )
    true = np.asarray(_value(entry, part, targets, part.exact))
    right = bool(np.all(np.abs(entry.value - true) <= entry.half * (1 + 1e-6) + 1e-9))
    return Finding(
        entry.key, entry.of, "right" if right else "wrong",
        float(np.max(np.abs(entry.value - true), initial=0.0)), entry.value[()], true[()],
        note="" if right else f"it should be {_shown(true)}",
    )  # fmt: skip


def _mistakes(
    entry: _Entry, reference: Traced, follows: Any, given: Mapping[Node, Any], bound: Any
) -> list[Diagnosis]:
    if entry.index is None and entry.node.shape == np.shape(entry.value):
        return explained(reference, entry.node, entry.value, given, bound)
    found = multiples(np.asarray(follows), np.asarray(entry.value), reference)
    return fitting(found, entry.value, bound)
