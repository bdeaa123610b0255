"""A report as plain text and Markdown, which say the same sentences."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Sequence

from chainrule.checking.contrast import contrast
from chainrule.checking.findings import Finding, Findings, Repair
from chainrule.checking.telling import (
    COLUMNS,
    changes,
    explained,
    has_table,
    mistakes_of,
    numbered,
    place,
    remarks,
    rows,
    tested,
    title,
)
from chainrule.render.markdown import code, escaped

#: A column is not made narrower than this.
_LEAST = 16


# -- text --------------------------------------------------------------------------------------


def text(report: Findings) -> str:
    """Return a report as plain text, to be read in a terminal."""
    blocks = [list(_folded(title(report)))]
    with_numbers = numbered(report)
    for finding in explained(report):
        blocks.append(list(_culprit_text(finding)))
        blocks.append([p for s in mistakes_of(finding) for p in _folded(s, "  ", "  ")])
        if finding is with_numbers:
            numbers = contrast(finding.got, finding.expected, COLUMNS - 2)
            blocks.append([f"  {line}" for line in numbers])
        if finding.repair is not None:
            blocks.append(list(_repair_text(finding.repair, finding)))
        if finding is report.first_wrong and report.worked:
            blocks.append(["  How it follows", *(f"  {line}" for line in _worked(report))])
    if has_table(report):
        blocks.append(["Gradients", *_table_text(report)])
    blocks += [list(_folded(remark)) for remark in remarks(report)]
    blocks.append([part for sentence in tested(report) for part in _folded(sentence)])
    return "\n\n".join("\n".join(block) for block in blocks if block) + "\n"


def _folded(line: str, first: str = "", rest: str = "", columns: int = COLUMNS) -> Iterator[str]:
    """Break a line between words; the break may fall within a name where that alone is too long."""
    yield from textwrap.wrap(
        line, columns, initial_indent=first, subsequent_indent=rest, break_on_hyphens=False
    )


def _culprit_text(finding: Finding) -> Iterator[str]:
    yield from _folded("   ".join(filter(None, [finding.name, place(finding.where)])))
    for number, line in enumerate(finding.line.splitlines(), finding.where.line if (
        finding.where) else 1):  # fmt: skip
        lead = f"  {number:>4} | " if finding.where is not None else "  "
        yield from _folded(line, lead, " " * (len(lead) - 2) + "|     ")


def _repair_text(repair: Repair, finding: Finding) -> Iterator[str]:
    if repair.where is not None and repair.where != finding.where:
        yield f"  {place(repair.where)}"
    for mark, line in changes(repair):
        yield from _folded(line, f"  {mark} ", f"  {mark}     ")


def _table_text(report: Findings) -> Iterator[str]:
    lines = list(rows(report))
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    # What is too wide loses the start of the file, which matters least, and then of the name.
    for column in (-1, 0):
        excess = max(sum(widths) + 2 * len(widths) - COLUMNS, 0)
        widths[column] -= min(excess, max(widths[column] - _LEAST, 0))
    for row in lines:
        cells = (_cut(c, w).ljust(w) for c, w in zip(row, widths, strict=True))
        yield f"  {'  '.join(cells)}".rstrip()


#: Worked steps that take more lines than this are left to `report.worked`.
_MOST_STEPS = 16


def _worked(report: Findings) -> list[str]:
    lines = list(_narrower(report.worked.splitlines()))
    if len(lines) > _MOST_STEPS:
        lines = [*lines[: _MOST_STEPS - 1], "  ... report.worked has the rest"]
    return lines


def _narrower(lines: Sequence[str]) -> Iterator[str]:
    """Break worked steps, which are written wider than a report, where they are too wide."""
    whole = ""
    for line, after in zip(lines, [*lines[1:], ""], strict=True):
        margin = _margin(whole or line)
        whole = f"{whole} {line.strip()}" if whole else line
        if _goes_on(whole, margin, after):
            continue
        if len(whole) <= COLUMNS - 2 or whole.lstrip().startswith("["):
            yield whole
        else:
            inside = f"{margin}        " if "=" in whole else margin
            yield from _folded(whole.strip(), margin, inside, COLUMNS - 2)
        whole = ""


def _goes_on(line: str, margin: str, after: str) -> bool:
    """Whether a line was broken: a sentence goes on where it began, a formula further in."""
    if not after.strip() or f"{line.lstrip()} {after.lstrip()}".startswith("["):
        return False
    if "=" in line:
        inside = _margin(after) > f"{margin}    "
        return inside and not after.lstrip().startswith(("[", "=")) and not line.endswith("=")
    return "=" not in after and _margin(after) == margin


def _margin(line: str) -> str:
    return line[: len(line) - len(line.lstrip())]


def _cut(cell: str, width: int) -> str:
    return cell if len(cell) <= width else f"…{cell[len(cell) - width + 1 :]}"


# -- Markdown ----------------------------------------------------------------------------------


def markdown(report: Findings) -> str:
    """Return a report as Markdown."""
    parts = [f"# {escaped(title(report))}"]
    with_numbers = numbered(report)
    for finding in explained(report):
        there = place(finding.where)
        parts.append(f"## {code(finding.name)}{f' in {escaped(there)}' if there else ''}")
        if finding.line:
            parts.append(_fenced("python", finding.line.splitlines()))
        parts += map(_prose, mistakes_of(finding))
        if finding is with_numbers:
            numbers = contrast(finding.got, finding.expected, COLUMNS)
            parts += [_fenced("text", numbers)] if numbers else []
        if finding.repair is not None:
            parts.append(_fenced("diff", [f"{m} {line}" for m, line in changes(finding.repair)]))
        if finding is report.first_wrong and report.worked:
            parts += ["How it follows:", _fenced("text", _worked(report))]
    if has_table(report):
        parts += ["## Gradients", "\n".join(_table_markdown(report))]
    parts += map(_prose, remarks(report))
    parts += map(_prose, tested(report))
    return "\n\n".join(parts) + "\n"


def _prose(sentence: str) -> str:
    """Escape a sentence, all but the code in it."""
    pieces = re.split(r"`([^`]+)`", sentence)
    return "".join(code(p) if i % 2 else escaped(p) for i, p in enumerate(pieces))


def _fenced(language: str, lines: Sequence[str]) -> str:
    return "\n".join([f"```{language}", *lines, "```"])


def _table_markdown(report: Findings) -> Iterator[str]:
    head, *lines = rows(report)
    yield f"| {' | '.join(head)} |"
    yield "| :-- | :-- | --: | :-- |"
    for name, *cells in lines:
        yield f"| {' | '.join([code(name).replace('|', chr(92) + '|'), *map(escaped, cells)])} |"
