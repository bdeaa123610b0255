"""The gradients that a backward pass computes on its way, held against the chain rule.

A statement that assigns ``dz`` claims to have the gradient of ``z``. Claims are compared in
the order in which they are made. One that is wrong by itself and right given those before
it only carries their error forward.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from chainrule.checking.findings import Verdict
from chainrule.checking.flow import follows_from
from chainrule.checking.judging import Judged
from chainrule.checking.reference import Traced
from chainrule.checking.source import Unit
from chainrule.checking.state import same
from chainrule.checking.watching import Event, Watch
from chainrule.graph import Node

#: Differences that do not count where a line is looked for, relative to the largest number.
_CLOSE = 1e-7


@dataclass(frozen=True, slots=True, eq=False)
class Claim:
    """A value that is said to be a gradient.

    Attributes
    ----------
    name : str
        What the user calls it.
    of : str
        What it is the gradient of.
    got, expected : array or number
        As it is, and as it follows from the claims before it.
    verdict : {"right", "wrong", "carried"}
    event : Event or None
        The statement that made it.
    position : int
        Of the event.
    target : str or None
        The target whose gradient it is, where it is one that the pass gives.
    node : Node or None
    given : mapping
        The gradients that it follows from, by those who made the claims before it.
    """

    name: str
    of: str
    got: Any
    expected: Any
    verdict: Verdict
    event: Event | None
    position: int
    target: str | None
    node: Node | None
    given: Mapping[Node, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class _Said:
    name: str
    of: str
    value: Any
    position: int
    target: str | None


def claims(judged: Judged, watch: Watch, main: Sequence[Unit]) -> list[Claim]:
    """Return the claims of a pass that was watched, in order."""
    said = _said(judged, watch, main)
    reference = judged.reference
    if not isinstance(reference, Traced):
        asked = [one for one in said if one.target is not None]
        return [_plain_claim(judged, watch, one) for one in asked]
    placed = _placed(said, reference, instances_of(reference))
    excused = _excused(judged, reference, watch, placed)
    targets = judged.subject.targets()
    given: dict[Node, Any] = {}
    found: list[Claim] = []
    for one, node in placed:
        if one.target is None and (node is None or one.position in excused):
            continue
        passed = reference.gradients(given) if given else reference.exact
        if one.target is not None:
            follows = reference.of(targets[one.target], passed)
        else:
            assert node is not None
            follows = reference.of_node(node, passed)
        verdict: Verdict = "right"
        if not _is_right(one, node, judged, reference):
            carried = close(one.value, follows) or _is_put_together(one, judged, found)
            verdict = "carried" if carried else "wrong"
        found.append(
            Claim(one.name, one.of, one.value, follows, verdict, _event(watch, one.position),
                  one.position, one.target, node, dict(given))
        )  # fmt: skip
        if node is not None and not node.is_input and np.shape(one.value) == node.shape:
            given[node] = np.asarray(one.value, float)[()]
    return found


def _is_put_together(one: _Said, judged: Judged, found: Sequence[Claim]) -> bool:
    """Whether a list of numbers holds those that were claimed before, one by one."""
    target = judged.subject.targets().get(one.target or "")
    claimed = {claim.target: claim.got for claim in found}
    if target is None or len(target.paths) < 2 or not all(p in claimed for p in target.paths):
        return False
    return close(one.value, np.reshape([claimed[p] for p in target.paths], target.shape))


def _event(watch: Watch, position: int) -> Event | None:
    return watch.events[position] if position < len(watch.events) else None


def _is_right(one: _Said, node: Node | None, judged: Judged, reference: Traced) -> bool:
    if one.target is not None:
        judgement = judged.judgements.get(one.target)
        return judgement is not None and judgement.ok
    assert node is not None
    return close(one.value, reference.of_node(node, reference.exact))


def _excused(
    judged: Judged,
    reference: Traced,
    watch: Watch,
    placed: Sequence[tuple[_Said, Node | None]],
) -> set[int]:
    """Return the positions from which right results follow: what is called otherwise there.

    Who divides by the size of the batch at the end only has other gradients on the way.
    """
    right = [n for n, j in judged.judgements.items() if j.ok]
    ends = [
        one.position
        for one, _ in placed
        if one.target in right and one.position < len(watch.events)
    ]
    unsure = {
        one.position
        for one, node in placed
        if one.target is None
        and node is not None
        and not close(one.value, reference.of_node(node, reference.exact))
    }
    if not unsure:
        return set()
    behind: set[int] = set()
    for end in ends:
        behind.update(follows_from(watch.events, end))
    return unsure & behind


def _plain_claim(judged: Judged, watch: Watch, one: _Said) -> Claim:
    judgement = judged.judgements.get(str(one.target))
    right = judgement is not None and judgement.ok
    expected = judgement.expected if judgement is not None else None
    return Claim(
        one.name, one.of, one.value, expected, "right" if right else "wrong",
        _event(watch, one.position), one.position, one.target, None,
    )  # fmt: skip


def close(some: Any, other: Any, tolerance: float = _CLOSE) -> bool:
    """Whether two gradients are the same but for rounding."""
    if isinstance(some, (list, tuple, dict)) or some is None:
        return False
    a, b = np.asarray(some), np.asarray(other)
    if a.shape != b.shape or a.dtype.kind not in "fiub":
        return False
    scale = float(np.max(np.abs(b), initial=0.0))
    with np.errstate(all="ignore"):
        return bool(np.max(np.abs(a - b), initial=0.0) <= tolerance * scale + 1e-14)


def instances_of(reference: Traced) -> dict[str, list[Node]]:
    """Map each name to the values that had it, in the order of the forward pass."""
    found: dict[str, list[Node]] = {}
    for node in reference.graph.nodes:
        if node.name and node.carries_gradient:
            base = node.name if node.is_input else re.sub(r"_\d+$", "", node.name)
            for name in dict.fromkeys((node.name, base)):
                found.setdefault(name, []).append(node)
    return found


def _said(judged: Judged, watch: Watch, main: Sequence[Unit]) -> list[_Said]:
    """Return everything that is said to be a gradient, in the order in which it was said."""
    known = _known(judged)
    by_said = {name: target for target, name in judged.called.said.items()}
    found: list[_Said] = []
    last = len(watch.events)
    for position, event in enumerate(watch.events):
        if event.unit not in main:
            continue
        for name, value in event.assigned.items():
            if isinstance(value, int) and name not in by_said:
                continue  # a count
            target = by_said.get(name)
            if target is not None and _is_same(value, judged.called.gradients.get(target)):
                found.append(_Said(name, target, value, position, target))
                continue
            of = judged.subject.meaning(name, known)
            if of is not None:
                found.append(_Said(name, of, value, position, None))
        if isinstance(event.statement, ast.Return):
            last = position
    seen = {one.target for one in found}
    for target, got in judged.called.gradients.items():
        if target in seen:
            continue
        name, position = judged.called.said.get(target, f"d{target}"), last
        known_as = _assigned_before(target, got, watch, known, judged, main)
        if known_as is not None:
            name, position = known_as
        found.append(_Said(name, target, got, position, target))
    return _last_of_each(found, watch)


def _assigned_before(
    target: str,
    got: Any,
    watch: Watch,
    known: Sequence[str],
    judged: Judged,
    main: Sequence[Unit],
) -> tuple[str, int] | None:
    """Return under which name a gradient was computed that was handed back in a dict or a list."""
    for position in range(len(watch.events) - 1, -1, -1):
        event = watch.events[position]
        for name, value in event.assigned.items():
            if event.unit in main and judged.subject.meaning(name, known) == target:
                return (name, position) if close(value, got) else None
    return None


def _is_same(value: Any, got: Any) -> bool:
    return same(value, got) or close(value, got)


def _known(judged: Judged) -> list[str]:
    names = list(judged.subject.targets())
    if isinstance(judged.reference, Traced):
        names += list(instances_of(judged.reference))
    return list(dict.fromkeys(names))


def _last_of_each(said: Sequence[_Said], watch: Watch) -> list[_Said]:
    """Leave the last statement for each name: those before it are stages on the way."""
    last: dict[str, int] = {}
    for one in said:
        if one.position < len(watch.events):
            last[one.name] = id(watch.events[one.position].statement)
    final: dict[str, _Said] = {}
    kept: list[_Said] = []
    for one in said:
        if one.target is not None:
            final[one.target] = one
        elif id(watch.events[one.position].statement) == last[one.name]:
            kept.append(one)
    return sorted([*kept, *final.values()], key=lambda one: one.position)


def _placed(
    said: Sequence[_Said], reference: Traced, instances: Mapping[str, Sequence[Node]]
) -> list[tuple[_Said, Node | None]]:
    """Find the node that each is the gradient of; in a loop, the last comes first."""
    placed: list[tuple[_Said, Node | None]] = []
    counts: dict[str, int] = {}
    totals: dict[str, int] = {}
    for one in said:
        totals[one.name] = totals.get(one.name, 0) + 1
    for one in said:
        if one.target is not None:
            placed.append((one, reference.inputs.get(one.target)))
            continue
        shape = np.shape(one.value)
        nodes = [n for n in instances.get(one.of, ()) if n.shape == shape]
        count = counts.get(one.name, 0)
        counts[one.name] = count + 1
        if totals[one.name] == len(nodes):
            placed.append((one, nodes[len(nodes) - 1 - count]))
        elif totals[one.name] == 1:
            # A name given several times in a row, to stages of one value: the last is meant.
            same = [n for n in nodes if close(one.value, reference.of_node(n, reference.exact))]
            if nodes:
                placed.append((one, same[0] if same else nodes[-1]))
    return placed
