"""A report as JSON."""

from __future__ import annotations

import math
from json import dumps
from typing import Any

import numpy as np

from chainrule.checking.findings import Finding, Findings
from chainrule.errors import Location
from chainrule.render.json import plain

#: Name and version of the form that :func:`json` writes.
SCHEMA = "chainrule.check/1"


def json(report: Findings) -> str:
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
