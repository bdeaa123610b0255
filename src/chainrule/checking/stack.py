"""A stack of layers, checked layer by layer: a chain is right when each link is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from chainrule.checking.examining import examine
from chainrule.checking.findings import Finding
from chainrule.checking.objects import Layer
from chainrule.checking.report import Report
from chainrule.errors import ArgumentError


def examine_stack(
    layers: Sequence[Any], args: tuple[Any, ...], upstream: Any = None, y_true: Any = None
) -> Report:
    """Check each object of a stack on what the one before it hands over, the last one first.

    Parameters
    ----------
    layers : sequence of objects with forward and backward
    args : tuple
        The inputs of the first.
    upstream : number or array, optional
        Of the last.
    y_true : array, optional
        Labels, for a loss at the end.
    """
    if not layers:
        raise ArgumentError("The stack is empty.", expected="a list of layers", got="[]")
    if len(args) != 1:
        raise ArgumentError(
            "A stack takes one array of inputs.",
            expected="cr.check([layer, ..., loss], inputs, y_true=labels)",
            got=f"{len(args)} inputs",
        )
    handed: Any = args[0]
    reports: list[Report] = []
    for i, layer in enumerate(layers):
        last = i == len(layers) - 1
        labels = y_true if last else None
        name = f"layer {i}, {type(layer).__name__}"
        subject = Layer(layer, (handed,), upstream if last else None, labels, name=name)
        report = examine(subject)
        reports.append(report)
        if not last:
            try:
                handed = np.asarray(subject.output(subject.values))
            except Exception:  # whatever forward raises: the layer's report has told it
                break
    told = next((r for r in reversed(reports) if not r.ok), reports[-1])
    findings = [_of_layer(f, report) for report in reversed(reports) for f in report.findings]
    return Report(
        f"a stack of {len(layers)}: {', '.join(type(layer).__name__ for layer in layers)}",
        tuple(findings),
        reports[-1].method,
        tuple(dict.fromkeys(point for r in reports for point in r.points)),
        tuple(f"{r.name}: {note}" for r in reports for note in r.notes),
        _solve=told._solve,
        _sweep=told._sweep,
    )


def _of_layer(finding: Finding, report: Report) -> Finding:
    return replace(finding, name=f"{finding.name} of {report.name}")
