"""Where a pass goes wrong first, what the mistake is, and how the line should read."""

from __future__ import annotations

import ast
import traceback
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from chainrule.checking.claims import Claim, claims, close, instances_of
from chainrule.checking.edits import edits
from chainrule.checking.findings import Diagnosis, Finding, Repair
from chainrule.checking.flow import follows_from, reads
from chainrule.checking.hypotheses import explained
from chainrule.checking.judging import Judged, judge
from chainrule.checking.mistakes import LOCAL, MISTAKES
from chainrule.checking.naming import says_gradient
from chainrule.checking.reference import Traced
from chainrule.checking.rewriting import written_anew
from chainrule.checking.scene import Edit, Scene
from chainrule.checking.source import helpers, targets_of
from chainrule.checking.subject import Problem
from chainrule.checking.surroundings import scene_at
from chainrule.checking.trying import Bench, in_place
from chainrule.checking.watching import Event, Watch
from chainrule.checking.wording import evidence_of, told_apart
from chainrule.errors import Location


def located(runs: Sequence[Judged], watch: Watch) -> list[Finding]:
    """Return the findings on each gradient of a pass, in the order of the backward pass.

    Parameters
    ----------
    runs : sequence of Judged
        The first at the input given.
    watch : Watch
        Of the first run.
    """
    wrong = [run for run in runs if run.wrong or any(p.kind in LOCAL for p in run.problems)]
    main = list(watch.units)
    if not wrong:
        return [_right(c, runs) for c in claims(runs[0], watch, main) if c.target is not None]
    run = wrong[0]
    called = helpers(main, run.subject.owner)
    if run is not runs[0] or called:
        watch = Watch([*main, *called])
        run = judge(run.subject, run.point, watch.around, run.reference)
    order = [run, *(r for r in runs if r.point is not run.point)]
    raised = next((p for p in run.problems if p.kind == "raises"), None)
    if raised is not None:
        return [_of_raised(raised, order, watch)]
    return _findings(order, claims(run, watch, main), watch)


def _of_raised(problem: Problem, runs: Sequence[Judged], watch: Watch) -> Finding:
    """Return the finding on an error, with the edit that the pass runs right with."""
    event = _event_of(problem.error, watch)
    finding = Finding(
        "the pass", "", "wrong", where=_where(event) or problem.where, line=_line(event),
        mistakes=(Diagnosis("raises", problem.what),), note=MISTAKES["raises"].remedy,
    )  # fmt: skip
    if event is None:
        return finding
    watch.events.append(event)
    end = len(watch.events) - 1
    bench, run = Bench(runs), runs[0]
    candidates = _lightest_first(follows_from(watch.events, end), run, watch, ())
    repaired = bench.repairing(candidates, frozenset())
    alone = ""
    if not repaired:  # another gradient may be wrong besides: that of this line alone, then
        of = {
            run.subject.meaning(n, list(run.subject.targets())) for n in targets_of(event.statement)
        }
        aims = frozenset(name for name in of if name in run.subject.targets())
        repaired = bench.repairing(candidates, aims) if aims else []
        alone = ", ".join(targets_of(event.statement))
    return _told(finding, repaired, runs[0], watch, alone) if repaired else finding


def _event_of(error: BaseException | None, watch: Watch) -> Event | None:
    """Return the statement that raised, as if it had run."""
    frames = traceback.extract_tb(error.__traceback__) if error is not None else []
    for frame in reversed(frames):
        for unit in watch.units:
            for statement in unit.statements:
                last = statement.end_lineno or statement.lineno
                if unit.file == frame.filename and statement.lineno <= (frame.lineno or 0) <= last:
                    scopes = [e.scope for e in watch.events if e.unit is unit]
                    return Event(unit, statement, {}, scopes[-1] if scopes else watch.entry)
    return None


def _right(claim: Claim, runs: Sequence[Judged]) -> Finding:
    name = str(claim.target)
    sure = [r.judgements[name] for r in runs if not r.judgements[name].at_kink]
    return Finding(
        claim.name,
        claim.of,
        "right" if sure else "untestable",
        error=max((j.error for j in sure), default=None),
        got=claim.got,
        expected=claim.expected,
        where=_where(claim.event),
        line=_line(claim.event),
    )


def _where(event: Event | None) -> Any:
    return event.unit.where(event.statement) if event is not None else None


def _line(event: Event | None) -> str:
    return event.unit.text(event.statement) if event is not None else ""


def _findings(runs: Sequence[Judged], found: Sequence[Claim], watch: Watch) -> list[Finding]:
    run = runs[0]
    problems = {p.target: p for p in run.problems if p.kind in LOCAL}
    place = run.subject.place
    findings = [_of_claim(claim, problems.get(claim.target), place) for claim in found]
    first = _first_wrong(found)
    if first is None:
        return findings
    index = found.index(first)
    if findings[index].verdict == "carried":  # by an error too small to be seen by itself
        findings[index] = replace(findings[index], verdict="wrong")
    repaired, alone = _repairs(runs, found, first, watch)
    culprit = findings[index]
    if repaired:
        findings[index] = _told(culprit, repaired, run, watch, alone)
    else:
        reference, mistakes = run.reference, list[Diagnosis]()
        finite = _is_number(first.got) and bool(np.all(np.isfinite(first.got)))
        if isinstance(reference, Traced) and first.node is not None and finite:
            mistakes = explained(reference, first.node, first.got, first.given)
        repair = written_anew(runs, first, watch)
        findings[index] = replace(culprit, mistakes=(*mistakes, *culprit.mistakes), repair=repair)
    return findings


def _is_number(value: Any) -> bool:
    return isinstance(value, (np.ndarray, float, int, np.generic))


def _first_wrong(found: Sequence[Claim]) -> Claim | None:
    """Return the first wrong claim that something wrong follows from."""
    wrong = [c for c in found if c.verdict == "wrong"]
    asked = [c for c in found if c.target is not None and c.verdict != "right"]
    if not asked:
        return None
    return next((c for c in wrong if c.target is not None or any(
        a.position >= c.position for a in asked)), asked[0])  # fmt: skip


def _of_claim(claim: Claim, problem: Problem | None, place: Location | None) -> Finding:
    error = None
    if problem is None and np.shape(claim.got) == np.shape(claim.expected):
        error = _relative(claim.got, claim.expected)
    return Finding(
        claim.name, claim.of, claim.verdict, error, claim.got, claim.expected,
        _where(claim.event) or place, _line(claim.event),
        (Diagnosis(problem.kind, problem.what),) if problem is not None else (),
    )  # fmt: skip


def _relative(got: Any, expected: Any) -> float:
    """Return the largest difference, as a part of the largest number."""
    scale = max(float(np.max(np.abs(expected), initial=0.0)), 1e-300)
    return float(np.max(np.abs(np.asarray(got) - expected), initial=0.0)) / scale


# -- edits -------------------------------------------------------------------------------------


def _repairs(
    runs: Sequence[Judged], found: Sequence[Claim], first: Claim, watch: Watch
) -> tuple[list[Edit], str]:
    """Return the edits of single statements that make all right, the likeliest first.

    Where two mistakes have been made, those that make the first gradient right, and its name.
    """
    if not watch.events:
        return [], ""
    problems = {p.target for p in runs[0].problems if p.kind in LOCAL and p.target}
    wrong = frozenset(runs[0].wrong) | problems
    start = min(first.position, len(watch.events) - 1)
    right = {c.position for c in found if c.verdict == "right"} - {start}
    right -= {i for i, e in enumerate(watch.events) if isinstance(e.statement, ast.Return)}
    region = follows_from(watch.events, start, right)
    candidates = _lightest_first(region, runs[0], watch, found, right)
    bench = Bench(runs)
    repaired = bench.repairing(candidates, wrong)
    if repaired or first.target is None or len(wrong) < 2:
        return repaired, ""
    return bench.repairing(candidates, frozenset({first.target})), first.name


def _lightest_first(
    region: Iterable[int],
    run: Judged,
    watch: Watch,
    found: Sequence[Claim],
    right: Collection[int] = (),
) -> list[Edit]:
    edits_ = _candidates(region, run, watch, found, right)
    return sorted(edits_, key=lambda edit: edit.weight)


#: Statements that compute no gradient are seldom where the mistake is.
_BESIDE = 0.7
#: Nor are those that hand back what others have computed.
_RETURNED = 0.35
#: A value that is a true gradient is seldom wrong, though it may be that of another stage.
_RIGHT = 1.0


def _candidates(
    region: Iterable[int],
    run: Judged,
    watch: Watch,
    found: Sequence[Claim],
    right: Collection[int],
) -> Iterator[Edit]:
    seen: set[str] = set()
    statements: set[int] = set()
    for position in region:
        event = watch.events[position]
        if id(event.statement) in statements or not run.subject.may_edit(event.statement):
            continue  # a loop comes by it again
        statements.add(id(event.statement))
        scene = scene_at(position, event, run, watch, found)
        beside = 0.0 if _computes_gradient(event, scene) else _BESIDE
        if isinstance(event.statement, ast.Return):
            beside += _RETURNED
        if position in right:
            beside += _RIGHT
        for edit in edits(event, scene):
            text = f"{id(event.statement)} {edit.text} {edit.moved}"
            if text not in seen:
                seen.add(text)
                yield replace(edit, weight=edit.weight + beside)


def _computes_gradient(event: Event, scene: Scene) -> bool:
    statement = event.statement
    if isinstance(statement, ast.Return):
        value = statement.value
        items = value.elts if isinstance(value, ast.Tuple) else [value]
        return not all(isinstance(i, (ast.Name, ast.Attribute, ast.Subscript)) for i in items)
    names = targets_of(statement)
    return not names or any(says_gradient(n) or n in scene.gradients for n in names) or any(
        name in scene.gradients for name in reads(statement)
    )  # fmt: skip


# -- words -------------------------------------------------------------------------------------


def _told(
    culprit: Finding, repaired: Sequence[Edit], run: Judged, watch: Watch, alone: str = ""
) -> Finding:
    """Return a finding with the mistakes and the repair that edits have shown."""
    best = repaired[0]
    known = list(culprit.mistakes)
    mistakes = [Diagnosis(best.kind, evidence_of(best, alone))]
    other = next((e for e in repaired[1:] if told_apart(best, e)), None)
    if other is not None:
        mistakes = [
            Diagnosis(best.kind, evidence_of(best, alone), told_apart(best, other)),
            Diagnosis(other.kind, evidence_of(other, alone), told_apart(other, best)),
        ]
    event = best.event
    before = event.unit.text(event.statement)
    after = event.unit.rewritten(event.statement, best.text)
    if best.moved:
        after = f"{before}   # at the end, after all gradients"
    where = event.unit.where(event.statement)
    names = targets_of(event.statement)
    name = culprit.name if culprit.name in names or not names else names[0]
    if name != culprit.name and culprit.got is not None:
        culprit = _of_other(culprit, name, best, run, watch)
    return replace(
        culprit,
        name=name,
        where=where,
        line=before,
        mistakes=(*mistakes, *known),
        repair=Repair(where, before, after),
    )


def _of_other(culprit: Finding, name: str, edit: Edit, run: Judged, watch: Watch) -> Finding:
    """Return a finding with the numbers of the value that an edited statement assigns.

    What went wrong first is not always a gradient: it may be a mask, a size, a local derivative.
    """
    statement, unit = edit.event.statement, edit.event.unit
    again = Watch([unit])
    if len(edit.statements) == 1:
        with in_place(unit, edit):
            run.subject.call(run.point.values, run.point.upstream, again.around)
    got, expected = (_last_assigned(w.events, statement, name) for w in (watch, again))
    if not (_is_number(got) and _is_number(expected)):
        return replace(culprit, got=None, expected=None)
    error = None
    if np.shape(got) == np.shape(expected) and np.asarray(got).dtype.kind != "b":
        error = _relative(got, expected)
    of = run.subject.meaning(name, list(run.subject.targets())) or culprit.of
    if isinstance(run.reference, Traced):
        named = instances_of(run.reference)
        for read in reads(statement) & named.keys():  # the mask of z stands in the line of dz
            exact = run.reference.of_node(named[read][-1], run.reference.exact)
            of = read if close(expected, exact) else of
    return replace(culprit, got=got, expected=expected, error=error, of=of)


def _last_assigned(events: Sequence[Event], statement: ast.stmt, name: str) -> Any:
    assigned = [e.assigned.get(name) for e in events if e.statement is statement]
    return assigned[-1] if assigned else None
