"""Mistakes that explain an error by its numbers alone, where no line can be edited.

Each hypothesis says what the gradient would be if one mistake had been made. It is judged
by how well that fits what was given.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

from chainrule.checking.findings import Diagnosis
from chainrule.checking.reference import Traced
from chainrule.graph import Node
from chainrule.op import shape_of
from chainrule.rules import TABLE
from chainrule.writing import scalar_text

#: Gradients of this size and more are not taken apart element by element.
_LARGEST = 400
#: How well a prediction has to fit, relative to the largest number.
_CLOSE = 1e-6


@dataclass(frozen=True, slots=True, eq=False)
class Hypothesis:
    """What a gradient would be, had a mistake been made.

    Attributes
    ----------
    kind : str
    says : str
        What speaks for it, in words.
    value : number or array
    """

    kind: str
    says: str
    value: Any


def explained(
    reference: Traced,
    node: Node,
    got: Any,
    given: Mapping[Node, Any],
    tolerance: Any = None,
) -> list[Diagnosis]:
    """Return the mistakes that fit a wrong gradient, the likeliest first.

    Parameters
    ----------
    reference : Traced
    node : Node
        What it is the gradient of.
    got : array or number
    given : mapping
        The gradients that it follows from.
    tolerance : array or number, optional
        How exactly `got` is known.
    """
    passed = reference.gradients(given)
    return fitting(hypotheses(reference, node, got, passed), got, tolerance)


def fitting(found: Iterable[Hypothesis], got: Any, tolerance: Any = None) -> list[Diagnosis]:
    """Return the hypotheses that fit, the likeliest first, and how to tell them apart."""
    fits: list[Hypothesis] = []
    for hypothesis in found:
        new = not any(hypothesis.kind == h.kind for h in fits)
        if new and _fits(hypothesis.value, got, tolerance):
            fits.append(hypothesis)
    apart = _told_apart(fits[:2]) if len(fits) > 1 else ""
    return [Diagnosis(h.kind, h.says, apart) for h in fits[:3]]


def _fits(value: Any, got: Any, tolerance: Any) -> bool:
    if np.shape(value) != np.shape(got):
        return False
    scale = float(np.max(np.abs(got), initial=0.0))
    with np.errstate(all="ignore"):
        difference = np.abs(np.asarray(value, float) - got)
    bound = _CLOSE * scale + 1e-14 if tolerance is None else tolerance
    return bool(np.all(difference <= bound))


def hypotheses(
    reference: Traced, node: Node, got: Any, passed: Mapping[Node, Any]
) -> Iterator[Hypothesis]:
    """Yield what the gradient of a node would be with each mistake, the likeliest first."""
    expected = np.asarray(reference.of_node(node, passed))
    got = np.asarray(got, float)
    # Not all zeros, which everything is a multiple of.
    if np.any(expected):
        yield from multiples(expected, got, reference)
    if expected.ndim == 2:
        yield Hypothesis("transposed", "it is the transpose of the true gradient", expected.T)
    if got.ndim >= expected.ndim and got.shape != expected.shape:
        yield from _unsummed(expected, got)
    yield from _on_the_way(reference, node, passed)
    yield from _paths_missing(reference, node, passed)
    yield from _diagonal(reference, node, passed)


# -- multiples ---------------------------------------------------------------------------------


def multiples(expected: Any, got: Any, reference: Traced) -> Iterator[Hypothesis]:
    """Yield the multiples of the true gradient, of all its elements or of those that are wrong."""
    if got.shape != expected.shape or not np.any(got):
        return
    scale = float(np.max(np.abs(expected), initial=0.0))
    wrong = np.abs(got - expected) > _CLOSE * scale
    if not np.any(wrong & (expected != 0)):
        return
    place = np.unravel_index(np.argmax(np.where(wrong, np.abs(expected), 0.0)), expected.shape)
    ratio = float(got[place] / expected[place])
    nonzero = wrong | (expected == 0)
    whole = bool(np.all(nonzero))
    where = f"in all {expected.size} elements" if whole else f"in {_places(wrong)}"
    where = "" if expected.size == 1 else f" {where}"
    for kind, factor, name in _factors(reference):
        if np.isclose(ratio, factor, rtol=1e-3):
            says = f"got / expected = {scalar_text(factor)}{where}"
            value = np.where(nonzero, factor * expected, expected)
            yield Hypothesis(kind, f"{says}{', ' if name else ''}{name}", value)
    if whole and expected.size > 1:
        says = f"got / expected = {scalar_text(ratio)}{where}, which is no size at hand"
        yield Hypothesis("scale", says, ratio * expected)


def _places(wrong: Any) -> str:
    places = [str([int(i) for i in place]) for place in np.argwhere(wrong)]
    return "element " + places[0] if len(places) == 1 else f"{len(places)} of {wrong.size} elements"


def _factors(reference: Traced) -> list[tuple[str, float, str]]:
    found = [("sign", -1.0, "")]
    sizes: dict[int, str] = {}
    for node in reference.graph.nodes:
        for axis, size in enumerate(node.shape):
            if size > 1 and node.name:
                sizes.setdefault(size, f"{node.name}.shape[{axis}]")
    for size, name in sizes.items():
        found += [("scale", float(size), f"and {name} is {size}")]
        found += [("scale", 1.0 / size, f"and {name} is {size}")]
    named = {f for _, f, _ in found}
    found += [("scale", f, "") for f in (2.0, 0.5) if f not in named]
    found += [("scale", 2.0, "the factor of a square") for f in (2.0,) if f in named]
    return found


def _unsummed(expected: Any, got: Any) -> Iterator[Hypothesis]:
    axes = range(got.ndim)
    for count in range(1, got.ndim + 1):
        for chosen in combinations(axes, count):
            for keep in (False, True):
                total = np.sum(got, axis=chosen, keepdims=keep)
                if total.shape == expected.shape and np.allclose(total, expected, rtol=1e-6):
                    shown = chosen[0] if count == 1 else chosen
                    says = f"summed over axis {shown} it is right"
                    yield Hypothesis("not-summed", says, got)


# -- one step of the chain ---------------------------------------------------------------------


def _consumers(reference: Traced, node: Node) -> list[tuple[Node, int]]:
    return [(c, p) for c, p in reference.consumers[node] if c.carries_gradient]


def _on_the_way(reference: Traced, node: Node, passed: Mapping[Node, Any]) -> Iterator[Hypothesis]:
    """Make mistakes in the step from the values that are made of this one."""
    consumers = _consumers(reference, node)
    ones = {c: np.ones(c.shape) for c, _ in consumers}
    label = ", ".join(_called(c) for c, _ in consumers[:2])
    yield Hypothesis(
        "upstream-ignored",
        f"it is the local derivative alone, as if the gradient of {label} were 1",
        _through(reference, node, consumers, {**passed, **ones}),
    )
    chain = _chain(reference, node)
    for end, inner in chain:
        g = passed.get(end)
        if g is None or shape_of(g) != node.shape:
            continue
        clips = all(op is TABLE["clip"] for op in (n.op for n in inner))
        kind = "clip-forgotten" if clips else "derivative-missing"
        names = " and ".join(dict.fromkeys(n.op.name for n in inner))
        yield Hypothesis(kind, f"it is the gradient of {_called(end)}, unchanged by {names}", g)
    for end, inner in chain:
        g = passed.get(end)
        if g is None or end.shape != node.shape:
            continue
        there = _slope_at(node, inner, end.value)
        if there is not None:
            says = (
                f"it is what the derivative at {_called(end)} gives, instead of at {_called(node)}"
            )
            yield Hypothesis("derivative-at-output", says, np.asarray(g) * there)
        before = _slope_with(node, inner, node.value)
        if before is not None:
            says = (
                f"it is what the derivative gives with {_called(node)} in place of {_called(end)}"
            )
            yield Hypothesis("derivative-at-input", says, np.asarray(g) * before)
    for consumer, position in consumers:
        if len(consumer.inputs) == 2 and consumer in passed:
            swapped = _swapped(consumer, position, passed[consumer])
            if swapped is not None and shape_of(swapped) == node.shape:
                says = f"it is what {_called(node)} itself gives in place of the other operand"
                yield Hypothesis("wrong-operand", says, swapped)


def _called(node: Node) -> str:
    return node.name or f"the {node.op.name}"


def _through(
    reference: Traced,
    node: Node,
    consumers: Sequence[tuple[Node, int]],
    gradients: Mapping[Node, Any],
) -> Any:
    given = {c: gradients[c] for c, _ in consumers if c in gradients}
    found = reference.gradients(given)
    return reference.of_node(node, found)


def _chain(reference: Traced, node: Node, longest: int = 8) -> list[tuple[Node, list[Node]]]:
    """Return the elementwise functions of a node alone, with what they are made of."""
    found: list[tuple[Node, list[Node]]] = []
    inner: list[Node] = []
    current = node
    for _ in range(longest):
        consumers = _consumers(reference, current)
        if len(consumers) != 1:
            break
        after = consumers[0][0]
        if not after.op.elementwise or sum(i.carries_gradient for i in after.inputs) != 1:
            break
        inner = [*inner, after]
        found.append((after, inner))
        current = after
    return found


def _slope_at(node: Node, inner: Sequence[Node], value: Any) -> Any:
    """Return the derivative of a chain of elementwise functions at another value."""
    with np.errstate(all="ignore"):
        values = {node: np.asarray(value)}
        records = []
        for step in inner:
            operands = [values.get(i, i.value) for i in step.inputs]
            values[step] = step.op.forward(*operands, **step.params)
            records.append((step, operands))
        slope: Any = np.ones(np.shape(value))
        for step, operands in reversed(records):
            slope = _product(step, slope, values[step], operands)
            if slope is None:
                return None
    return slope


def _slope_with(node: Node, inner: Sequence[Node], value: Any) -> Any:
    """Return the derivative of one elementwise function with another value for its result."""
    if len(inner) != 1:
        return None
    (step,) = inner
    with np.errstate(all="ignore"):
        return _product(
            step, np.ones(step.shape), np.asarray(value), [i.value for i in step.inputs]
        )


def _product(step: Node, g: Any, out: Any, operands: Sequence[Any]) -> Any:
    position = next(k for k, i in enumerate(step.inputs) if i.carries_gradient)
    rule = step.op.pullback(position)
    return None if rule is None else rule(g, out, *operands, **step.params)


def _swapped(consumer: Node, position: int, g: Any) -> Any:
    rule = consumer.op.pullback(position)
    if rule is None:
        return None
    operands = [i.value for i in consumer.inputs]
    try:
        with np.errstate(all="ignore"):
            return rule(g, consumer.value, *operands[::-1], **consumer.params)
    except (ValueError, IndexError, TypeError):
        return None


# -- several ways out, and Jacobians -----------------------------------------------------------


def _paths_missing(
    reference: Traced, node: Node, passed: Mapping[Node, Any]
) -> Iterator[Hypothesis]:
    consumers = _consumers(reference, node)
    if not 2 <= len(consumers) <= 5:
        return
    parts = [
        _through_one(reference, node, passed, consumer) for consumer in dict.fromkeys(
            c for c, _ in consumers)
    ]  # fmt: skip
    names = [_called(c) for c in dict.fromkeys(c for c, _ in consumers)]
    for count in range(1, len(parts)):
        for chosen in combinations(range(len(parts)), count):
            left = [n for i, n in enumerate(names) if i not in chosen]
            says = f"the path through {' and '.join(left)} is missing"
            total: Any = sum(parts[i] for i in chosen)
            yield Hypothesis("not-accumulated", says, total)


def _through_one(reference: Traced, node: Node, passed: Mapping[Node, Any], consumer: Node) -> Any:
    others = {c: np.zeros(c.shape)[()] for c, _ in reference.consumers[node] if c is not consumer}
    given = {**others}
    if consumer in passed:
        given[consumer] = passed[consumer]
    return np.asarray(reference.of_node(node, reference.gradients(given)))


def _diagonal(reference: Traced, node: Node, passed: Mapping[Node, Any]) -> Iterator[Hypothesis]:
    """Take the diagonal alone of the Jacobian of a later value of the same shape."""
    size = int(np.prod(node.shape))
    if not node.shape or size > _LARGEST:
        return
    later = [
        n
        for n in reference.graph.nodes
        if n.name and n.shape == node.shape and n in passed and n is not node and n.carries_gradient
    ]
    for end in later[:3]:
        diagonal = np.zeros(size)
        full = False
        for k in range(size):
            unit = np.zeros(size)
            unit[k] = 1.0
            row = np.ravel(
                reference.of_node(
                    node, reference.gradients({end: unit.reshape(end.shape)}, only=True)
                )
            )
            diagonal[k] = row[k]
            full = full or bool(np.any(np.delete(row, k)))
        if full:
            says = f"it is the diagonal of the Jacobian of {end.name} alone, times its gradient"
            value = diagonal.reshape(node.shape) * np.asarray(passed[end])
            yield Hypothesis("off-diagonal", says, value)


# -- apart -------------------------------------------------------------------------------------


def _told_apart(two: Sequence[Hypothesis]) -> str:
    kinds = {h.kind for h in two}
    if kinds <= {"scale", "sum-for-mean"}:
        return "inputs of other sizes tell the two apart"
    if kinds & {"scale", "sign"} and np.shape(two[0].value):
        return "inputs of other sizes and other numbers tell the two apart"
    return "other numbers in the inputs, all different and none 0, 1 or 2, tell the two apart"
