"""From a subject to a report: run, compare, and where something is wrong, find out what."""

from __future__ import annotations

import inspect
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np

from chainrule.arguments import name_of
from chainrule.checking.findings import Diagnosis, Finding
from chainrule.checking.judging import Judged, Point, judge, nearby
from chainrule.checking.locating import located
from chainrule.checking.mistakes import LOCAL, MISTAKES
from chainrule.checking.report import Report
from chainrule.checking.source import targets_of
from chainrule.checking.state import same
from chainrule.checking.subject import Problem, Subject
from chainrule.checking.targets import plain_double
from chainrule.checking.watching import Watch
from chainrule.errors import ArgumentError, Location
from chainrule.structure import leaves
from chainrule.trace import location
from chainrule.trace.source import is_user_file


def examine(subject: Subject) -> Report:
    """Test a pass at the given input and around it, and report what is wrong with it."""
    with np.errstate(all="ignore"):
        return _examined(subject)


def report_of(error: Exception, forward: Any) -> Report:
    """Report that the forward pass raised."""
    frames = traceback.extract_tb(error.__traceback__)
    mine = [f for f in frames if is_user_file(f.filename)]
    where = Location(mine[-1].filename, mine[-1].lineno or 1, mine[-1].name) if mine else None
    problem = Problem("raises", f"The forward pass raised {type(error).__name__}: {error}")
    return Report(name_of(forward), (_finding(problem, where),), "none")


def _examined(subject: Subject) -> Report:
    values = {path: plain_double(value) for path, value in subject.values.items()}
    try:
        output = subject.output(values)
    except Exception as error:
        report = report_of(error, subject)
        return replace(report, name=subject.name)
    for path in sorted(subject.moving):  # a mask of -inf has no gradient, and may be one
        if not np.all(np.isfinite(values[path])):
            raise ArgumentError(f"{path} holds a NaN or an infinity.", expected="finite numbers")
    _refuse_other_outputs(subject, output)
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
    if not findings:
        nothing = Problem(
            "returns-none",
            f"The backward pass of {subject.name} gives no gradient that could be compared.",
            instead="return the gradients of the floating-point inputs",
        )
        findings = [_finding(nothing, _where(nothing, watch, runs[0]))]
    first = next((f for f in findings if f.verdict == "wrong"), None)
    averaged = subject.is_loss and subject.upstream is None and np.shape(output)
    if averaged and first is not None and first.mistake in ("scale", "sum-for-mean"):
        notes.append(
            "The gradient of a loss is taken to be that of the mean over the samples; "
            f"upstream=np.ones({np.size(output)}) says that the sum is meant."
        )
    return Report(
        subject.name,
        tuple(findings),
        runs[0].reference.method,
        points,
        tuple(notes),
        _solve=lambda: _solution(subject, given),
        _sweep=lambda: _sweep(subject, given),
    )


def _refuse_other_outputs(subject: Subject, output: Any) -> None:
    kind = np.asarray(output).dtype.kind if not inspect.isawaitable(output) else "O"
    if kind not in "fiub":
        raise ArgumentError(
            f"The forward pass of {subject.name} returns {type(output).__name__}, which has no "
            "gradient.",
            expected="one number or one array of real numbers",
            got=repr(output)[:80],
            instead="a tuple of arrays for several outputs, each with its upstream gradient"
            if isinstance(output, (dict, tuple, list))
            else None,
            where=location(code=getattr(subject.forward[0], "__code__", None))
            if subject.forward
            else None,
        )
    if not np.all(np.isfinite(output)):
        raise ArgumentError(
            f"The forward pass of {subject.name} gives a NaN or an infinity here.",
            expected="finite numbers",
            got=repr(output)[:80],
            instead="inputs inside the domain of the function",
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
    if not found:
        drawn = _random(subject, runs[0], watch)
        kept = _hidden(subject, runs, watch) if drawn is None else None
        for more in (drawn, kept):
            if more is not None:
                found[more.kind, more.target] = more
    return list(found.values())


def _random(subject: Subject, run: Judged, watch: Watch) -> Problem | None:
    """Run backward with other random numbers than it drew before."""
    again = Watch(watch.units)

    @contextmanager
    def stirred(handed: Mapping[str, Any]) -> Iterator[None]:
        subject.randomness.stir(
            vars(handed["self"]) if hasattr(handed.get("self"), "__dict__") else {}
        )
        with again.around(handed):
            yield

    called = subject.call(run.point.values, run.point.upstream, stirred)
    if not _differs(run, called.gradients):
        return None
    if _differs(run, subject.call(run.point.values, run.point.upstream).gradients):
        return None  # with the same numbers drawn as well: it keeps something
    return Problem(
        "random",
        "The backward pass gives other gradients from call to call: it draws random numbers.",
        where=_first_difference(watch, again),
        instead="draw them in the forward pass, and keep them for the backward pass",
    )


def _first_difference(watch: Watch, other: Watch) -> Location | None:
    """Return the first line that computed something else in one run than in another."""
    for mine, theirs in zip(watch.events, other.events, strict=False):
        names = mine.assigned.keys() | theirs.assigned.keys()
        if any(not same(mine.assigned.get(n), theirs.assigned.get(n)) for n in names) or not (
            _same_results(mine.returned, theirs.returned)
        ):
            return mine.unit.where(mine.statement)
    return None


def _same_results(some: Any, other: Any) -> bool:
    pairs = zip(leaves(some), leaves(other), strict=False)
    return all(
        same(a, b) for (_, a), (_, b) in pairs if isinstance(a, (np.ndarray, np.generic, float))
    )


def _hidden(subject: Subject, runs: list[Judged], watch: Watch) -> Problem | None:
    """Run the pass a second time, and on another input first."""
    first, *others = runs
    again = Watch(watch.units)
    repeated = subject.repeated(first.point, again.around).gradients
    changed = [n for n, g in first.called.gradients.items() if not _same(g, repeated.get(n))]
    after = None
    if not changed and others and not any(run.wrong for run in runs):
        after = subject.call_after(others[0].point, first.point)
        found = after.gradients if after is not None else first.called.gradients
        changed = [n for n, g in first.called.gradients.items() if not _same(g, found.get(n))]
    if not changed:
        return None
    said = ", ".join(first.called.said.get(n, n) for n in changed)
    stale = subject.stale(others[0].point, first.point) if after is not None else None
    if stale is not None:
        name, where = stale
        return Problem(
            "stale-cache",
            f"On a second batch {said} still follows from the first: forward does not renew "
            f"self.{name}.",
            where=where,
            instead=f"set self.{name} on each call of forward",
        )
    adds = all(_same(repeated.get(n), 2.0 * np.asarray(first.called.gradients[n])) for n in changed)
    return Problem(
        "hidden-state",
        f"On a second call {said} "
        + ("is added to that of the first." if adds else "is not what it is on a first call."),
        changed[0],
        where=_first_difference(watch, again),
        instead="start from zeros in each backward pass, or give the object a zero_grad method",
    )


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


_OF_RETURNS = ("count", "unknown-gradient", "returns-none")


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
        if name and name in targets_of(event.statement):
            return event.unit.where(event.statement)
    returns = [e for e in watch.events if e.returned is not None]
    if returns and (problem.target or problem.kind in _OF_RETURNS):
        return returns[-1].unit.where(returns[-1].statement)
    return subject.place


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
    guarded = [n for n, j in runs[0].judgements.items() if j.guarded]
    if guarded:
        said = ", ".join(runs[0].called.said.get(n, n) for n in guarded)
        notes.append(
            f"{said} leaves out a small constant of the forward pass, as in log(p + 1e-7), and is "
            "right but for that."
        )
    for name, judgement in runs[0].judgements.items():
        if judgement.penalty:
            notes.append(f"{runs[0].called.said.get(name, name)} {judgement.penalty}")
    shown = next((run for run in runs if not run.ok), runs[0])
    if shown is not runs[0]:
        notes.append(
            f"At {runs[0].point.label} it happens to be right; the numbers shown are those at "
            f"{shown.point.label}."
        )
    if not any(run.problems for run in runs) and subject.asked:
        absent = [n for n in subject.asked if n not in runs[0].called.gradients]
        if absent:
            notes.append(f"Not compared, since it has no gradient here: {', '.join(absent)}.")
    ignored = list(dict.fromkeys(key for run in runs for key in run.called.ignored))
    if ignored:
        notes.append(f"Not compared, since it is the gradient of no input: {', '.join(ignored)}.")
    why = getattr(runs[0].reference, "why", "")
    if why:
        notes.append(
            "The forward pass cannot be traced, so its derivative was taken numerically: "
            + why.splitlines()[0]
        )
    return notes


def _solution(subject: Subject, point: Point) -> Any:
    from chainrule.solving import solution_of

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
