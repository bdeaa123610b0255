"""Reading a script: its text, what is given in it, and what is differentiated."""

from __future__ import annotations

import ast
import json
import linecache
import re
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

from chainrule.checking.flow import reads
from chainrule.checking.naming import says_gradient
from chainrule.checking.watching import Watch
from chainrule.errors import ArgumentError

#: Line of the code that is run -> file and line where the user finds it.
Place = Callable[[int], tuple[str, int]]


def source_of(path: Path) -> tuple[str, Place]:
    """Return the code of a file, or of all cells of a notebook, and where each line stands."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ArgumentError(
            f"{path} cannot be read: {error}.", expected="a Python file or a notebook"
        ) from None
    if path.suffix != ".ipynb":
        return text, lambda line: (str(path), line)
    try:
        cells = json.loads(text)["cells"]
        code = [c["source"] for c in cells if c["cell_type"] == "code"]
    except (ValueError, KeyError, TypeError):
        raise ArgumentError(f"{path} is not a notebook.", expected="cells of code") from None
    lines: list[str] = []
    places: list[tuple[str, int]] = []
    for number, content in enumerate(code, 1):
        cell = ("".join(content) if isinstance(content, list) else content).splitlines()
        name = f"{path}, cell {number}"
        linecache.cache[name] = (len(cell), None, [f"{line}\n" for line in cell], name)
        # Commands of the notebook's own are no Python; their lines stay, so that they count.
        foreign = any(line.startswith("%%") for line in cell[:1])
        lines += [_as_python(line) if not foreign else "pass" for line in cell]
        places += [(name, i) for i in range(1, len(cell) + 1)]
    last = places[-1] if places else (str(path), 1)
    return "\n".join(lines) + "\n", lambda line: places[line - 1] if line <= len(places) else last


def _as_python(line: str) -> str:
    """Return a line of a cell, or nothing in the place of a command such as ``%time``."""
    indent = line[: len(line) - len(line.lstrip())]
    return f"{indent}pass" if re.match(r"\s*[%!?]|.*\?\s*$", line) else line


def boundary_of(watch: Watch, output: str | None, script: str) -> tuple[int, str]:
    """Return the last line of the forward pass, and the name of its output."""
    last: tuple[int, str] | None = None
    for event in watch.events:
        names = list(event.assigned)
        if output is not None:
            if output in names:
                last = event.statement.end_lineno or event.statement.lineno, output
            continue
        if any(says_gradient(n) and last is not None for n in names):
            break
        names = [n for n in names if not says_gradient(n) and n.isidentifier()]
        if names:
            last = event.statement.end_lineno or event.statement.lineno, names[-1]
    if last is None and output is None:
        raise ArgumentError(
            f"{script} assigns no value before the first gradient.",
            expected="the forward pass and its gradients, assigned outside of functions",
            instead="FILE:forward:backward for two functions; in Python cr.check(layer, inputs) "
            "for objects; --forward FUNCTION for a script that calls a function of its own",
        )
    if last is None:
        raise ArgumentError(
            f"{script} assigns no {output}.",
            expected="the name of the value that is differentiated, assigned outside of functions",
            instead="--output NAME, or --forward FUNCTION",
        )
    return last


def given_names(watch: Watch, boundary: int, claimed: Collection[str | None]) -> list[str]:
    """Return the names that are given numbers, and not computed from others.

    A whole number is a count, unless there is a gradient of it, by `claimed`.
    """
    found: list[str] = []
    computed: set[str] = set()
    real: set[str] = set()
    for event in watch.events:
        names = list(event.assigned)
        if event.statement.lineno > boundary or not isinstance(event.statement, ast.Assign):
            continue
        # A size or a random generator may stand there, another array or float may not.
        if reads(event.statement) & real:
            computed.update(names)
        else:
            found += names
        real.update(n for n in names if type(event.assigned[n]) is not int or n in claimed)
    return [n for n in dict.fromkeys(found) if n not in computed]


def first_value(watch: Watch, name: str, scope: Mapping[str, Any]) -> Any:
    """Return what a name is given first."""
    for event in watch.events:
        if name in event.assigned:
            value = event.assigned[name]
            return value.tolist() if isinstance(event.scope.get(name), list) else value
    return scope.get(name)
