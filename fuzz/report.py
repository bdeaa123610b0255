"""A failing program as a test to paste."""

from __future__ import annotations

import textwrap
from typing import Any

import numpy as np

from fuzz.checks import Failure
from fuzz.program import Program


def as_test(program: Program, failure: Failure) -> str:
    """Write a test function that fails as long as chainrule is wrong on the program."""
    lines = [f"def test_found_by_fuzzing_{program.seed}():"]
    lines += [f"    # {line}" for line in textwrap.wrap(_first_line(failure), 90)]
    if "TABLE" in program.source:
        lines.append("    from chainrule.rules import TABLE")
    lines.append(textwrap.indent(program.source.rstrip(), "    "))
    given = "".join(f", {written(value)}" for value in program.arguments.values())
    lines.append(f"    assert_right(program{given})")
    return "\n".join(["import numpy as np", "from fuzz import assert_right", "", "", *lines, ""])


def _first_line(failure: Failure) -> str:
    return " ".join(str(failure).split())[:270]


def written(value: Any) -> str:
    """Write an argument out."""
    if isinstance(value, np.ndarray):
        dtype = (
            f", dtype=np.{value.dtype}" if value.dtype.kind == "f" and value.itemsize < 8 else ""
        )
        return f"np.array({value.tolist()}{dtype})"
    if isinstance(value, np.generic):
        return f"np.{value.dtype}({value.item()})"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{k!r}: {written(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return f"[{', '.join(map(written, value))}]"
    if isinstance(value, tuple):
        return f"({', '.join(map(written, value))},)"
    return repr(value)
