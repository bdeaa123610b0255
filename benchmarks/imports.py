"""What ``import chainrule`` costs beyond ``import numpy``, in fresh interpreters."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path

import chainrule
from benchmarks.measure import Table

ROUNDS = 41
_LIST = """
import sys
before = set(sys.modules)
import chainrule, json
print(json.dumps(sorted({name.partition(".")[0] for name in set(sys.modules) - before})))
"""


Environment = dict[str, str]


def _python(code: str, environment: Environment) -> str:
    return subprocess.run(
        [sys.executable, "-c", code],
        check=True,
        capture_output=True,
        text=True,
        env=environment,
    ).stdout


def _seconds(code: str, environment: Environment) -> float:
    start = time.perf_counter()
    _python(code, environment)
    return time.perf_counter() - start


def foreign_modules(environment: Environment) -> list[str]:
    """Return the packages that the import brings along, besides NumPy and Python's own."""
    own = {*sys.stdlib_module_names, "chainrule", "numpy"}
    return [name for name in json.loads(_python(_LIST, environment)) if name not in own]


def run() -> Table:
    """Time whole processes in turn."""
    # Installed packages come with bytecode; it is kept here, whatever the surroundings say.
    with tempfile.TemporaryDirectory() as bytecode:
        environment = {
            **os.environ,
            "PYTHONPATH": str(Path(chainrule.__file__).parents[1]),
            "PYTHONPYCACHEPREFIX": bytecode,
        }
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        return _measured(environment)


def _measured(environment: Environment) -> Table:
    statements = ("pass", "import numpy", "import chainrule")
    times: dict[str, list[float]] = {statement: [] for statement in statements}
    for statement in statements:
        _python(statement, environment)  # bytecode is written
    for i in range(ROUNDS):
        for statement in statements if i % 2 == 0 else statements[::-1]:
            times[statement].append(_seconds(statement, environment))
    foreign = foreign_modules(environment)
    rows = []
    for before, statement in pairwise(statements):
        added = [b - a for a, b in zip(times[before], times[statement], strict=True)]
        low, middle, high = statistics.quantiles(added, n=4)
        rows.append(
            {
                "statement": statement,
                "process ms": statistics.median(times[statement]) * 1e3,
                "beyond": before,
                "added ms": middle * 1e3,
                "quartiles": f"{low * 1e3:.1f} to {high * 1e3:.1f}",
                "other packages": (", ".join(foreign) or "none") if before != "pass" else "",
            }
        )
    return Table("import chainrule adds less than 40 ms and no package but NumPy", rows)
