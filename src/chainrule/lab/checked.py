"""What the page is told about a backward pass that is typed there."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.lab.backward import Line, Pass, judged
from chainrule.lab.explorer import Explained
from chainrule.lab.repairs import repair_of
from chainrule.solution import Solution
from chainrule.writing import scalar_text

#: Numbers of an array up to which it is shown whole.
_SMALL = 16


def report(found: Explained, text: str) -> dict[str, Any]:
    """Check a pass; what is returned is plain data.

    Returns
    -------
    dict
        ``ok``, ``lines`` (``line``, ``name``, ``of``, ``verdict``, ``got``, ``expected`` and
        ``note`` of each), ``wrong`` (the first wrong one, with ``title``, ``remedy``,
        ``evidence``, ``before``, ``after`` and ``worked``) or None, ``missing`` and ``faults``.
    """
    pass_ = judged(text, found.points, tuple(found.solution.grads))
    first = pass_.first_wrong
    wrong = None if first is None else _wrong(pass_, first, found)
    fine = bool(pass_.lines) and first is None and not pass_.faults
    return {
        "ok": fine and not pass_.missing,
        "lines": [_plain(line) for line in pass_.lines],
        "wrong": wrong,
        "missing": list(pass_.missing),
        "faults": [fault.plain() for fault in pass_.faults],
    }


def _plain(line: Line) -> dict[str, Any]:
    return {
        "line": line.number,
        "name": line.name,
        "of": line.of,
        "verdict": line.verdict,
        "got": shown(line.got),
        "expected": shown(line.expected) if line.of else "",
        "note": line.note,
    }


def _wrong(pass_: Pass, line: Line, found: Explained) -> dict[str, Any]:
    name, solution = f"d{line.of}", found.solution
    if name not in _derived(solution):
        solution = found.whole
    repair = repair_of(pass_, line, solution)
    got, expected = compared(*(line.elsewhere or (line.got, line.expected)))
    return {
        **_plain(line),
        "got": got,
        "expected": expected,
        "title": repair.title,
        "remedy": repair.remedy,
        "evidence": repair.evidence,
        "before": repair.before,
        "after": repair.after,
        "derived": repair.derived,
        "worked": solution.text(of=name) if name in _derived(solution) else "",
    }


def _derived(solution: Solution) -> set[str]:
    return {step.target for step in solution.steps if step.kind != "forward"}


def compared(got: Any, expected: Any) -> tuple[str, str]:
    """Write what a line gives and what it should; of large arrays the number that is furthest off.

    Examples
    --------
    >>> compared(np.zeros((30, 40)), np.eye(30, 40) * 2)
    ('0 at [0, 0], of shape (30, 40)', '2 at [0, 0], of shape (30, 40)')
    """
    some, other = np.asarray(got, float), np.asarray(expected, float)
    if got is None or some.shape != other.shape or some.size <= _SMALL:
        return shown(got), shown(expected)
    with np.errstate(all="ignore"):
        place = np.unravel_index(np.argmax(np.abs(some - other)), some.shape)
    at = f"at [{', '.join(map(str, place))}], of shape {some.shape}"
    return f"{scalar_text(float(some[place]))} {at}", f"{scalar_text(float(other[place]))} {at}"


def shown(value: Any) -> str:
    """Write a number or an array on one line.

    Examples
    --------
    >>> shown(0.5), shown(np.array([1.0, -2.0])), shown(np.zeros((30, 40)))
    ('0.5', '[1, -2]', 'an array of shape (30, 40)')
    """
    if value is None:
        return ""
    array = np.asarray(value)
    if array.size > _SMALL:
        return f"an array of shape {array.shape}"

    def written(item: Any) -> str:
        if isinstance(item, list):
            return f"[{', '.join(map(written, item))}]"
        return scalar_text(float(item))

    return written(array.tolist())
