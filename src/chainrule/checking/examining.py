"""From a subject to a report: run, compare, and where something is wrong, find out what."""

from __future__ import annotations

import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

from chainrule.checking.judging import Judged, Point, judge, nearby
from chainrule.checking.locating import LOCAL, located
from chainrule.checking.mistakes import MISTAKES
from chainrule.checking.report import Diagnosis, Finding, Report
from chainrule.checking.state import same
from chainrule.checking.subject import Problem, Subject, plain_double
from chainrule.checking.watching import Watch
from chainrule.errors import ArgumentError, Location
from chainrule.trace import location


def examine(subject: Subject) -> Report:
    """Test a pass at the given input and around it, and report what is wrong with it."""
    values = {path: plain_double(value) for path, value in subject.values.items()}
    try:
        output = subject.output(values)
    except Exception as error:
        where = _where_raised(error, subject)
        problem = Problem("raises", f"The forward pass raised {type(error).__name__}: {error}")
        return Report(subject.name, (_finding(problem, where),), "none")
    upstream = subject.default_upstream(output) if subject.upstream is None else subject.upstream
    if np.shape(upstream) != np.shape(output):
        raise ArgumentError(
            "The upstream gradient does not have the shape of the output.",
            expected=f"shape {np.shape(output)}",
            got=f"shape {np.shape(upstream)}",
        )
    upstream = np.asarray(plain_double(upstream), float)[()]
    given = Point(values, upstream, "the given input")
    watch = Watch(subject.units())
    runs = [judge(subject, given, watch.around)]
    runs += [judge(subject, point) for point in nearby(subject, given)]
    problems = [
        _finding(p, _where(p, watch, runs[0]), runs[0].called.said)
        for p in _problems(subject, runs, watch)
        if p.kind not in LOCAL
    ]
    notes = _notes(subject, runs)
    points = tuple(dict.fromkeys(run.point.label for run in runs))
    findings = [*problems, *located(runs, watch)]
    return Report(
        subject.name,
        tuple(findings),
        runs[0].reference.method,
        points,
        tuple(notes),
        _solve=lambda: _solution(subject, given),
        _sweep=lambda: _sweep(subject, given),
    )


# -- what no pass may do -----------------------------------------------------------------------


def _problems(subject: Subject, runs: list[Judged], watch: Watch) -> list[Problem]:
    found: dict[tuple[str, str | None], Problem] = {}
    for run in runs:
        for problem in run.problems:
            found.setdefault((problem.kind, problem.target), problem)
    for name in watch.changed:
        is_input = name in subject.arguments
        kind = "mutates-input" if is_input else "mutates-upstream"
        what = f"The backward pass writes into {name}, " + (
            "which forward was given." if is_input else "which belongs to whoever called it."
        )
        found.setdefault((kind, name), Problem(kind, what, name, instead=f"{name}.copy()"))
    if not found and not any(run.wrong for run in runs):
        for more in (_random(subject, runs[0]), _hidden(subject, runs)):
            if more is not None:
                found[more.kind, more.target] = more
    return list(found.values())


def _random(subject: Subject, run: Judged) -> Problem | None:
    """Run backward with other random numbers than it drew before."""

    @contextmanager
    def stirred(handed: Mapping[str, Any]) -> Iterator[None]:
        subject.randomness.stir()
        yield

    again = subject.call(run.point.values, run.point.upstream, stirred)
    if _differs(run, again.gradients):
        return Problem(
            "random",
            "The backward pass gives other gradients from call to call: it draws random numbers.",
            instead="draw them in the forward pass, and keep them for the backward pass",
        )
    return None


def _hidden(subject: Subject, runs: list[Judged]) -> Problem | None:
    """Run the pass on another input first."""
    if len(runs) < 2:
        return None
    first, other = runs[0], runs[1]
    after = subject.call_after(other.point, first.point)
    if after is None or not _differs(first, after.gradients):
        return None
    changed = [n for n, g in first.called.gradients.items() if not _same(g, after.gradients.get(n))]
    stale = subject.stale(other.point, first.point)
    said = ", ".join(first.called.said.get(n, n) for n in changed)
    if stale is not None:
        name, where = stale
        return Problem(
            "stale-cache",
            f"On a second batch {said} still follows from the first: forward does not renew "
            f"self.{name}.",
            None,
            instead=f"set self.{name} on each call of forward",
            where=where,
        )
    again = subject.repeated(first.point).gradients
    adds = all(_same(again.get(n), 2.0 * np.asarray(first.called.gradients[n])) for n in changed)
    return Problem(
        "hidden-state",
        f"On a second call {said} " + (
            "is added to that of the first." if adds else "is not what it is on a first call."
        ),
        changed[0],
        instead="start from zeros in each backward pass, or give the object a zero_grad method",
    )  # fmt: skip


def _differs(run: Judged, gradients: Mapping[str, Any]) -> bool:
    return any(not _same(g, gradients.get(name)) for name, g in run.called.gradients.items())


def _same(some: Any, other: Any) -> bool:
    if other is None or np.shape(some) != np.shape(other):
        return False
    scale = float(np.max(np.abs(np.asarray(some, float)), initial=0.0))
    return same(some, other) or bool(
        np.allclose(
            np.asarray(some, float), np.asarray(other, float), rtol=1e-9, atol=1e-12 * scale
        )
    )


# -- findings ----------------------------------------------------------------------------------


def _finding(
    problem: Problem, where: Location | None, said: Mapping[str, str] | None = None
) -> Finding:
    remedy = problem.instead or MISTAKES[problem.kind].remedy
    target = problem.target or "the pass"
    return Finding(
        name=(said or {}).get(target, target),
        of=problem.target or "",
        verdict="wrong",
        where=where,
        line=where.source if where else "",
        mistakes=(Diagnosis(problem.kind, problem.what),),
        note=remedy,
    )


def _where(problem: Problem, watch: Watch, run: Judged) -> Location | None:
    """Return the line that a problem comes from."""
    subject = run.subject
    if problem.where is not None:
        return problem.where
    if problem.error is not None:
        return _where_raised(problem.error, subject)
    event = watch.changed.get(problem.target or "")
    if event is not None:
        return event.unit.where(event.statement)
    name = run.called.said.get(problem.target or "", "")
    for event in reversed(watch.events):
        if name and name in event.assigned:
            return event.unit.where(event.statement)
    returns = [e for e in watch.events if e.returned is not None]
    if returns and problem.target:
        return returns[-1].unit.where(returns[-1].statement)
    code = getattr(subject.backward[0], "__code__", None)
    return location(code=code) if code is not None else None


def _where_raised(error: Exception, subject: Subject) -> Location | None:
    files = {
        f.__code__.co_filename
        for f in (*subject.backward, *subject.forward)
        if hasattr(f, "__code__")
    }
    frames = [f for f in traceback.extract_tb(error.__traceback__) if f.filename in files]
    if not frames:
        return None
    return Location(frames[-1].filename, frames[-1].lineno or 1, frames[-1].name)


def _notes(subject: Subject, runs: list[Judged]) -> list[str]:
    notes = []
    for run in runs:
        kinks = [n for n, j in run.judgements.items() if j.at_kink]
        if kinks:
            said = ", ".join(run.called.said.get(n, n) for n in kinks)
            notes.append(
                f"At {run.point.label} {said} lies at a kink, where there is no derivative: it "
                "cannot be tested there, and was tested nearby."
            )
    why = getattr(runs[0].reference, "why", "")
    if why:
        notes.append(
            "The forward pass cannot be traced, so its derivative was taken numerically: "
            + why.splitlines()[0]
        )
    return notes


def _solution(subject: Subject, point: Point) -> Any:
    from chainrule.solution import solution_of

    return solution_of(subject.recording(point.values), point.upstream)


def _sweep(subject: Subject, point: Point) -> Any:
    from chainrule.checking.sweep import sweep

    rng = np.random.default_rng(0)
    ways = {p: rng.standard_normal(np.shape(point.values[p])) for p in sorted(subject.moving)}
    called = subject.call(point.values, point.upstream)
    targets = subject.targets()
    claimed = 0.0
    for name, got in called.gradients.items():
        parts = dict(zip(targets[name].paths, np.atleast_1d(got) if len(
            targets[name].paths) > 1 else [got], strict=True))  # fmt: skip
        claimed += sum(float(np.sum(ways[p] * g)) for p, g in parts.items() if p in ways)

    def f(h: Any) -> Any:
        values = {**point.values, **{p: point.values[p] + h * w for p, w in ways.items()}}
        return np.sum(point.upstream * subject.output(values))

    return sweep(f, claimed)
