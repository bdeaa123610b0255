"""A report as plain text, Markdown and JSON; text and Markdown say the same sentences."""

from __future__ import annotations

import difflib
import math
import re
import textwrap
from collections.abc import Iterator, Sequence
from json import dumps
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule.checking.contrast import contrast
from chainrule.checking.locating import LOCAL
from chainrule.checking.mistakes import MISTAKES
from chainrule.errors import ArgumentError, Location
from chainrule.render.json import plain
from chainrule.render.markdown import code, escaped
from chainrule.writing import scalar_text

if TYPE_CHECKING:
    from pathlib import Path

    from chainrule.checking.report import Diagnosis, Finding, Repair, Report

#: Name and version of the form that :func:`json` writes.
SCHEMA = "chainrule.check/1"
#: Columns of a line of text.
COLUMNS = 90
#: More gradients than these are counted rather than named.
_NAMED = 4
#: Larger errors come of dividing by a gradient that is 0.
_BOUNDLESS = 1e12
#: A column is not made narrower than this.
_LEAST = 16
_HEAD = ("gradient", "verdict", "error", "line")

#: Method of a report -> what a gradient was compared with.
_METHODS = {
    "traced derivative": "the traced derivative",
    "complex step": "a numeric derivative (complex step)",
    "extrapolated differences": "a numeric derivative (extrapolated differences)",
}


# -- text --------------------------------------------------------------------------------------


def text(report: Report) -> str:
    """Return a report as plain text, to be read in a terminal."""
    blocks = [list(_folded(title(report)))]
    numbered = _numbered(report)
    for finding in _explained(report):
        blocks.append(list(_culprit_text(finding)))
        blocks.append([p for s in _mistakes(finding) for p in _folded(s, "  ", "  ")])
        if finding is numbered:
            numbers = contrast(finding.got, finding.expected, COLUMNS - 2)
            blocks.append([f"  {line}" for line in numbers])
        if finding.repair is not None:
            blocks.append(list(_repair_text(finding.repair, finding)))
        if finding is report.first_wrong and report.worked:
            blocks.append(["  How it follows", *(f"  {line}" for line in _worked(report))])
    if _has_table(report):
        blocks.append(["Gradients", *_table_text(report)])
    blocks += [list(_folded(remark)) for remark in _remarks(report)]
    blocks.append([part for sentence in _tested(report) for part in _folded(sentence)])
    return "\n\n".join("\n".join(block) for block in blocks if block) + "\n"


def _folded(line: str, first: str = "", rest: str = "", columns: int = COLUMNS) -> Iterator[str]:
    """Break a line between words; the break may fall within a name where that alone is too long."""
    yield from textwrap.wrap(
        line, columns, initial_indent=first, subsequent_indent=rest, break_on_hyphens=False
    )


def _culprit_text(finding: Finding) -> Iterator[str]:
    yield from _folded("   ".join(filter(None, [finding.name, _place(finding.where)])))
    for number, line in enumerate(finding.line.splitlines(), finding.where.line if (
        finding.where) else 1):  # fmt: skip
        lead = f"  {number:>4} | " if finding.where is not None else "  "
        yield from _folded(line, lead, " " * (len(lead) - 2) + "|     ")


def _repair_text(repair: Repair, finding: Finding) -> Iterator[str]:
    if repair.where is not None and repair.where != finding.where:
        yield f"  {_place(repair.where)}"
    for mark, line in _changes(repair):
        yield from _folded(line, f"  {mark} ", f"  {mark}     ")


def _table_text(report: Report) -> Iterator[str]:
    rows = list(_rows(report))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    # What is too wide loses the start of the file, which matters least, and then of the name.
    for column in (-1, 0):
        excess = max(sum(widths) + 2 * len(widths) - COLUMNS, 0)
        widths[column] -= min(excess, max(widths[column] - _LEAST, 0))
    for row in rows:
        cells = (_cut(c, w).ljust(w) for c, w in zip(row, widths, strict=True))
        yield f"  {'  '.join(cells)}".rstrip()


#: Worked steps that take more lines than this are left to `report.worked`.
_MOST_STEPS = 16


def _worked(report: Report) -> list[str]:
    lines = report.worked.splitlines()
    if len(lines) > _MOST_STEPS:
        lines = [*lines[: _MOST_STEPS - 1], "  ... report.worked has the rest"]
    return [line[: COLUMNS - 2] for line in lines]


def _cut(cell: str, width: int) -> str:
    return cell if len(cell) <= width else f"…{cell[len(cell) - width + 1 :]}"


# -- Markdown ----------------------------------------------------------------------------------


def markdown(report: Report) -> str:
    """Return a report as Markdown."""
    parts = [f"# {escaped(title(report))}"]
    numbered = _numbered(report)
    for finding in _explained(report):
        place = _place(finding.where)
        parts.append(f"## {code(finding.name)}{f' in {escaped(place)}' if place else ''}")
        if finding.line:
            parts.append(_fenced("python", finding.line.splitlines()))
        parts += map(_prose, _mistakes(finding))
        if finding is numbered:
            numbers = contrast(finding.got, finding.expected, COLUMNS)
            parts += [_fenced("text", numbers)] if numbers else []
        if finding.repair is not None:
            parts.append(_fenced("diff", [f"{m} {line}" for m, line in _changes(finding.repair)]))
        if finding is report.first_wrong and report.worked:
            parts += ["How it follows:", _fenced("text", _worked(report))]
    if _has_table(report):
        parts += ["## Gradients", "\n".join(_table_markdown(report))]
    parts += map(_prose, _remarks(report))
    parts += map(_prose, _tested(report))
    return "\n\n".join(parts) + "\n"


def _prose(sentence: str) -> str:
    """Escape a sentence, all but the code in it."""
    pieces = re.split(r"`([^`]+)`", sentence)
    return "".join(code(p) if i % 2 else escaped(p) for i, p in enumerate(pieces))


def _fenced(language: str, lines: Sequence[str]) -> str:
    return "\n".join([f"```{language}", *lines, "```"])


def _table_markdown(report: Report) -> Iterator[str]:
    head, *rows = _rows(report)
    yield f"| {' | '.join(head)} |"
    yield "| :-- | :-- | --: | :-- |"
    for name, *cells in rows:
        yield f"| {' | '.join([code(name).replace('|', chr(92) + '|'), *map(escaped, cells)])} |"


# -- JSON --------------------------------------------------------------------------------------


def json(report: Report) -> str:
    """Return a report as JSON: arrays are nested lists, and what is not finite is null."""
    first = report.first_wrong
    content = {
        "schema": SCHEMA,
        "name": report.name,
        "ok": report.ok,
        "first_wrong": first.name if first is not None else None,
        "method": report.method,
        "points": list(report.points),
        "notes": list(report.notes),
        "findings": [_finding(finding) for finding in report.findings],
        "worked": report.worked,
    }
    return dumps(content, ensure_ascii=False, indent=2, allow_nan=False) + "\n"


def _finding(finding: Finding) -> dict[str, Any]:
    repair = finding.repair
    return {
        "name": finding.name,
        "of": finding.of,
        "verdict": finding.verdict,
        "error": _numbers(finding.error),
        "got": _numbers(finding.got),
        "expected": _numbers(finding.expected),
        "where": _location(finding.where),
        "line": finding.line,
        "mistakes": [
            {"kind": m.kind, "title": m.title, "evidence": m.evidence, "apart": m.apart}
            for m in finding.mistakes
        ],
        "repair": None
        if repair is None
        else {
            "where": _location(repair.where),
            "before": repair.before,
            "after": repair.after,
        },
        "note": finding.note,
    }


def _location(where: Location | None) -> dict[str, Any] | None:
    if where is None:
        return None
    return {"file": where.file, "line": where.line, "function": where.function}


def _numbers(value: Any) -> Any:
    """Return numbers as JSON has them, which knows no NaN and no infinity."""
    if isinstance(value, (np.ndarray, np.generic)):
        return _numbers(value.tolist())
    if isinstance(value, (list, tuple)):
        return [_numbers(v) for v in value]
    if isinstance(value, dict):
        return {str(k): _numbers(v) for k, v in value.items()}
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return plain(value)


# -- a file ------------------------------------------------------------------------------------

#: Suffix of a file -> view.
SUFFIXES = {".txt": text, ".md": markdown, ".json": json}


def save(report: Report, path: str | Path) -> Path:
    """Write a report to a file, by its suffix.

    Raises
    ------
    ArgumentError
        For a suffix that is not among :data:`SUFFIXES`.
    """
    from pathlib import Path  # a tenth of the time that importing chainrule may take

    path = Path(path)
    if path.suffix not in SUFFIXES:
        raise ArgumentError(
            f"A report cannot be saved as {path.suffix or 'a file without suffix'!r}.",
            expected=f"a suffix among {', '.join(SUFFIXES)}",
            got=str(path),
        )
    path.write_text(SUFFIXES[path.suffix](report), encoding="utf-8")
    return path


# -- what both text and Markdown say -----------------------------------------------------------


def title(report: Report) -> str:
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


def untested(report: Report) -> bool:
    """Whether nothing was found wrong only because nothing could be tested."""
    return all(finding.verdict == "untestable" for finding in report.findings)


def _explained(report: Report) -> list[Finding]:
    """Return the first wrong finding, and those after it whose mistakes are known too."""
    first = report.first_wrong
    return [f for f in report.findings if f is first or (f.verdict == "wrong" and f.mistakes)]


def _numbered(report: Report) -> Finding | None:
    """Return the finding whose numbers are shown: those of what follows from it explain less."""
    return next((f for f in _explained(report) if f.got is not None), None)


def _mistakes(finding: Finding) -> Iterator[str]:
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
        yield _ended(finding.note)


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


def _changes(repair: Repair) -> Iterator[tuple[str, str]]:
    """Yield the lines of a repair, each with - or + or neither."""
    for line in difflib.ndiff(repair.before.splitlines(), repair.after.splitlines()):
        if line[0] != "?":  # marks within a line
            yield line[0], line[2:]


def _has_table(report: Report) -> bool:
    """Whether there is more to say of the findings than is said of the first wrong one."""
    alone = len(report.findings) == 1 and report.first_wrong is not None
    return bool(report.findings) and not (alone and report.findings[0].error is None)


def _rows(report: Report) -> Iterator[tuple[str, ...]]:
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


def _remarks(report: Report) -> Iterator[str]:
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


def _tested(report: Report) -> Iterator[str]:
    """Say how the pass was tested."""
    if report.points:
        method = _METHODS.get(report.method, report.method)
        yield f"Compared with {method} {_points(report)}."
    if any(f.verdict == "wrong" and f.error is not None for f in report.findings):
        yield "The error is the largest difference, divided by the largest true number."


def _points(report: Report) -> str:
    return _joined([f"at {point}" for point in report.points])


def _counted(names: Sequence[str]) -> str:
    return _joined(names) if len(names) <= _NAMED else f"all {len(names)} gradients"


def _joined(names: Sequence[str], word: str = "and") -> str:
    *most, last = names
    return f"{', '.join(most)} {word} {last}" if most else last


def _file(where: Location) -> str:
    return where.short.rpartition(":")[0]


def _place(where: Location | None) -> str:
    return f"{where.short}, in {where.function}" if where is not None else ""
