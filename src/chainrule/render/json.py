"""The worked solution as JSON, with every number at full precision."""

from __future__ import annotations

import json
import math
import os
from typing import Any

import numpy as np

from chainrule.errors import Location
from chainrule.explaining.explanation import Explanation
from chainrule.explaining.step import Formula, Local, Step
from chainrule.graph import Node
from chainrule.render import page
from chainrule.writing import LITERAL_SIZE

#: One of several ways is written by its numbers that are not zero, if not more than one in so many.
MOSTLY = 4


def to_json(explanation: Explanation) -> str:
    """Return the worked solution as JSON.

    Arrays are nested lists; files are named without their folder. Of an upstream gradient there is
    the step whose value it is, and of up to 64 numbers the value again. Where a gradient is the sum
    of several ways, one that gives a large array of almost nothing but zeros is an object: its
    ``shape``, and under ``zero_except`` a list of ``[index, number]``. JSON has no NaN and no
    infinity: they are the strings ``"NaN"``, ``"Infinity"`` and ``"-Infinity"``.

    Examples
    --------
    >>> import json, chainrule as cr
    >>> json.loads(cr.explain(lambda w, x: w * x, 2.0, 3.0).json())["gradients"]
    {'w': 3.0, 'x': 2.0}
    """
    complete = _complete(explanation)
    content = {
        "name": explanation.name,
        "output": explanation.output_name,
        "value": plain(explanation.value),
        "arguments": plain(explanation.arguments),
        "wrt": list(explanation.derivation.recording.wrt),
        "gradients": plain(explanation.gradients),
        "branches": page.branches(explanation),
        "steps": [_step(step, complete) for step in explanation.steps],
    }
    return json.dumps(content, ensure_ascii=False, indent=2, allow_nan=False) + "\n"


def plain(value: Any) -> Any:
    """Return a nested value made of what JSON has."""
    if isinstance(value, dict):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    if isinstance(value, (np.ndarray, np.generic)):
        return plain(value.tolist())
    if hasattr(value, "__dataclass_fields__"):
        return {name: plain(getattr(value, name)) for name in value.__dataclass_fields__}
    if isinstance(value, complex):
        return {"real": plain(value.real), "imag": plain(value.imag)}
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else _non_finite(value)
    return value if isinstance(value, (int, str, type(None))) else str(value)


def _non_finite(value: float) -> str:
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def _complete(explanation: Explanation) -> dict[Node, int]:
    """Return the step with which the gradient of each node is known."""
    gradients = (p for p in explanation.plan if p.kind not in ("input", "forward"))
    return {planned.node: planned.number for planned in gradients}


def _step(step: Step, complete: dict[Node, int]) -> dict[str, Any]:
    return {
        "number": step.number,
        "kind": step.kind,
        "target": page.part_name(step),
        "value": _value(step),
        "symbols": _formula(step.symbols),
        "numbers": _formula(step.numbers),
        "simpler": _formula(step.simpler),
        "through": _formula(step.through),
        "upstream": _upstream(step, complete),
        "local": _local(step.local),
        "reason": step.reason,
        "part": list(step.part),
        "line": _line(step.where),
    }


def _value(step: Step) -> Any:
    """Return what a step gives; of one of many ways to a large array, what is not zero.

    An array that is read element by element has as many ways as elements, each with one number.
    """
    array = np.asarray(step.value)
    if step.part[1] > 1 and array.size > LITERAL_SIZE:
        places = np.argwhere(array)
        if len(places) * MOSTLY < array.size:
            numbers = [[place, plain(array[tuple(place)])] for place in places.tolist()]
            return {"shape": list(array.shape), "zero_except": numbers}
    return plain(step.value)


def _upstream(step: Step, complete: dict[Node, int]) -> dict[str, Any] | None:
    if step.contribution is None:
        return None
    # An array may have thousands of ways back: repeated in each, it would be most of the file.
    large = np.size(step.upstream_value) > LITERAL_SIZE
    return {
        "name": step.upstream,
        "step": complete[step.contribution.consumer],
        "value": None if large else plain(step.upstream_value),
    }


def _formula(formula: Formula | None) -> dict[str, str] | None:
    return None if formula is None else {"text": formula.text, "latex": formula.latex}


def _local(local: Local | None) -> dict[str, Any] | None:
    if local is None:
        return None
    return {
        "of": local.of,
        "by": local.by,
        "symbols": _formula(local.symbols),
        "numbers": _formula(local.numbers),
        "value": plain(local.value),
    }


def _line(where: Location | None) -> dict[str, Any] | None:
    if where is None:
        return None
    return {
        "file": os.path.basename(where.file),
        "line": where.line,
        "function": where.function,
        "source": where.source,
    }
