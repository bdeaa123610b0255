"""The sentences of a report, which text and Markdown share."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence

from chainrule.checking.findings import Diagnosis, Finding, Findings, Repair
from chainrule.checking.mistakes import LOCAL, MISTAKES
from chainrule.errors import Location
from chainrule.writing import scalar_text

#: Columns of a line of text.
COLUMNS = 90
#: More gradients than these are counted rather than named.
_NAMED = 4
#: Larger errors come of dividing by a gradient that is 0.
_BOUNDLESS = 1e12
_HEAD = ("gradient", "verdict", "error", "line")

#: Method of a report -> what a gradient was compared with.
_METHODS = {
    "traced derivative": "the traced derivative",
    "complex step": "a numeric derivative (complex step)",
    "extrapolated differences": "a numeric derivative (extrapolated differences)",
}


def title(report: Findings) -> str:
    """Return the verdict in one line."""
    # A stack lists its layers after a colon; the findings name them again.
    head = f"backward of {report.name.partition(': ')[0]}:"
    first = report.first_wrong
    if not report.ok:
        if first is None:
            return f"{head} wrong"
        where = first.where
        place = f"line {where.line} of {_file(where)}" if where is not None else first.name
        return f"{head} wrong, first in {place}"
    if untested(report):
        return f"{head} nothing could be tested"
    right = [f.name for f in report.findings if f.verdict == "right"]
    beside = [f.name for f in report.findings if f.verdict == "untestable"]
    said = f"{head} right in {_counted(right)}"
    if beside:
        return f"{said}; {_counted(beside)} could not be tested"
    full = f"{said}, {_points(report)}" if report.points else said
    return full if len(full) <= COLUMNS else said


def untested(report: Findings) -> bool:
    """Whether nothing was found wrong only because nothing could be tested."""
    return all(finding.verdict == "untestable" for finding in report.findings)


def explained(report: Findings) -> list[Finding]:
    """Return the first wrong finding, and those after it whose mistakes are known too."""
    first = report.first_wrong
    return [f for f in report.findings if f is first or (f.verdict == "wrong" and f.mistakes)]


def numbered(report: Findings) -> Finding | None:
    """Return the finding whose numbers are shown: those of what follows from it explain less."""
    return next((f for f in explained(report) if f.got is not None), None)


def mistakes_of(finding: Finding) -> Iterator[str]:
    """Name the mistake, or the mistakes among which the numbers do not decide."""
    # What is to be seen from outside, such as a wrong shape, may come beside its cause.
    candidates = [m for m in finding.mistakes if m.kind not in LOCAL] or [*finding.mistakes[:1]]
    if len(candidates) == 1:
        yield _named(candidates[0], finding.repair)
    elif candidates:
        yield "Several mistakes explain this equally well:"
        yield from (f"{i}. {_named(m, finding.repair)}" for i, m in enumerate(candidates, 1))
    else:
        yield "No mistake that has a name explains it."
    for apart in dict.fromkeys(m.apart for m in candidates if m.apart):
        yield _ended(f"To tell them apart: {apart}")
    for symptom in finding.mistakes:
        if symptom not in candidates:
            yield _ended(symptom.evidence)
    if finding.repair is None and candidates:
        yield _ended(f"Instead: {finding.note or MISTAKES[candidates[0].kind].remedy}")
    elif finding.repair is None and finding.note:
        yield _ended(finding.note[:1].upper() + finding.note[1:])


def _named(mistake: Diagnosis, repair: Repair | None) -> str:
    head, evidence = mistake.title[:1].upper() + mistake.title[1:], mistake.evidence
    if not evidence:
        return _ended(head)
    if repair is not None:  # what is shown further down need not be read twice
        lines = "lines" if "\n" in repair.after else "line"
        evidence = evidence.replace(f"`{repair.after}`", f"the {lines} marked +")
    # A sentence of its own begins with a capital; what does not may begin with a name.
    joint = ". " if evidence[0].isupper() else ": "
    return _ended(f"{head}{joint}{evidence}")


def _ended(sentence: str) -> str:
    return sentence if sentence.endswith((".", "!", "?", ":")) else f"{sentence}."


def changes(repair: Repair) -> Iterator[tuple[str, str]]:
    """Yield the lines of a repair, each with - or + or neither."""
    for line in difflib.ndiff(repair.before.splitlines(), repair.after.splitlines()):
        if line[0] != "?":  # marks within a line
            yield line[0], line[2:]


def has_table(report: Findings) -> bool:
    """Whether there is more to say of the findings than is said of the first wrong one."""
    alone = len(report.findings) == 1 and report.first_wrong is not None
    return bool(report.findings) and not (alone and report.findings[0].error is None)


def rows(report: Findings) -> Iterator[tuple[str, ...]]:
    """Return the table of gradients, its head first."""
    yield _HEAD
    for finding in report.findings:
        line = finding.where.short if finding.where is not None else ""
        # What only carries an error on has none of its own.
        error = None if finding.verdict == "carried" else finding.error
        yield finding.name, finding.verdict, _error(error), line


def _error(error: float | None) -> str:
    if error is None:
        return "-"
    return "∞" if error > _BOUNDLESS else scalar_text(error, 2)


def remarks(report: Findings) -> Iterator[str]:
    """Say what the table leaves open."""
    carried = [f for f in report.findings if f.verdict == "carried"]
    if carried:
        last = report.findings.index(carried[-1])
        causes = [f.name for f in report.findings[:last] if f.verdict == "wrong"] or ["another"]
        are, follow, they = (
            ("are", "their lines follow", "they are")
            if len(carried) > 1
            else ("is", "its line follows", "it is")
        )
        yield (
            f"Carried: {_counted([f.name for f in carried])} {are} wrong only because of "
            f"{_joined(causes, 'or')}; {follow} rightly from what {they} given."
        )
    for finding in report.findings:
        if finding.note and finding.verdict != "wrong":
            yield _ended(f"{finding.name}: {finding.note}")
    yield from map(_ended, report.notes)


def tested(report: Findings) -> Iterator[str]:
    """Say how the pass was tested."""
    if report.points:
        method = _METHODS.get(report.method, report.method)
        yield f"Compared with {method} {_points(report)}."
    if any(f.verdict == "wrong" and f.error is not None for f in report.findings):
        yield "The error is the largest difference, divided by the largest true number."


def _points(report: Findings) -> str:
    return _joined([f"at {point}" for point in report.points])


def _counted(names: Sequence[str]) -> str:
    return _joined(names) if len(names) <= _NAMED else f"all {len(names)} gradients"


def _joined(names: Sequence[str], word: str = "and") -> str:
    *most, last = names
    return f"{', '.join(most)} {word} {last}" if most else last


def _file(where: Location) -> str:
    return where.short.rpartition(":")[0]


def place(where: Location | None) -> str:
    """Return a file, a line and a function in words."""
    return f"{where.short}, in {where.function}" if where is not None else ""
