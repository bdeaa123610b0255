"""Run the benchmarks that are named, or all of them."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import checking, eager, estimators, fit, functions, imports, looking, scale, tabular
from benchmarks.measure import Table, UnavailableError

GROUPS = {
    "eager": eager.run,
    "functions": partial(functions.run, functions.whole),
    "products": partial(functions.run, functions.products),
    "import": imports.run,
    "scale": scale.run,
    "checking": checking.run,
    "fit": fit.run,
    "estimators": estimators.run,
    "tabular": tabular.run,
    "looking": looking.run,
}


def main() -> int:
    """Return the exit status: 1 where a benchmark could not run."""
    if sys.argv[1:2] == ["training"]:  # it has options and a page of its own
        from benchmarks.training import command

        return command.main(sys.argv[2:])
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        epilog=f"Benchmarks: {', '.join(GROUPS)}; and training, see training --help.",
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="all of them unless given")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    options = parser.parse_args()
    unknown = [name for name in options.names if name not in GROUPS]
    if unknown:
        parser.error(f"there is no benchmark {unknown[0]!r}; expected one of {', '.join(GROUPS)}")
    tables: dict[str, Table] = {}
    missing = False
    for name in options.names or GROUPS:
        try:
            tables[name] = GROUPS[name]()
        except UnavailableError as error:
            print(error, file=sys.stderr)
            missing = True
            continue
        print(f"{name}\n{tables[name]}\n", flush=True)
    if options.json:
        options.json.write_text(json.dumps(_document(tables), indent=2, ensure_ascii=False) + "\n")
    return int(missing)


def _document(tables: dict[str, Table]) -> dict[str, Any]:
    machine = {
        "python": platform.python_version(),
        "numpy": np.__version__,
        "machine": platform.machine(),
        "system": platform.system(),
        "cores": os.cpu_count(),
    }
    groups = {name: {"goal": t.goal, "rows": list(t.rows)} for name, t in tables.items()}
    return {"machine": machine, "groups": groups}


if __name__ == "__main__":
    sys.exit(main())
