"""What stands after ``--at``: values in the form of the defaults that they take the place of."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np

from chainrule.errors import ArgumentError
from chainrule.formula import like, parse_assignment

_TRUTH = {"true": True, "1": True, "false": False, "0": False}


def name_in(text: str) -> str:
    """Return the name in ``name=VALUE``."""
    return text.partition("=")[0].strip()


def read(
    texts: Sequence[str], defaults: Mapping[str, Any], indices: Collection[str] = ()
) -> dict[str, Any]:
    """Read the values given on the command line.

    Parameters
    ----------
    texts : sequence of str
        Each ``name=VALUE``.
    defaults : mapping
        Argument name -> default, for the arguments that have one.
    indices : collection of str
        Arguments that stand in an index, and are whole numbers.

    Raises
    ------
    ArgumentError, FormulaError
        When a name comes twice, or a value is none.
    """
    given: dict[str, Any] = {}
    for text in texts:
        name = name_in(text)
        if name in given:
            raise ArgumentError(f"{name!r} is given twice.", got=f"--at {text}")
        default = defaults.get(name)
        if isinstance(default, (str, bool)) and "=" in text:
            given[name] = _word(name, text.partition("=")[2].strip(), default)
        else:
            name, value = parse_assignment(text, indices=indices)
            given[name] = like(default, value)
    return given


def completed(
    names: Sequence[str], defaults: Mapping[str, Any], given: Mapping[str, Any]
) -> tuple[dict[str, Any], list[str]]:
    """Put defaults and the values given together; return them, and the names without a value.

    Raises
    ------
    ArgumentError
        When a value is given for what is no argument.
    """
    for name in given:
        if name not in names:
            raise ArgumentError(
                f"There is no argument {name!r}.",
                expected=f"one of {', '.join(names)}",
                got=f"--at {name}=...",
            )
    known = {**defaults, **given}
    return known, [name for name in names if name not in known]


def none_for(missing: Sequence[str]) -> str:
    """Say which arguments have no value."""
    several = "No values are given for" if len(missing) > 1 else "No value is given for"
    return f"{several} {', '.join(missing)}."


def _word(name: str, text: str, default: str | bool) -> str | bool:
    if isinstance(default, str):
        return text
    if text.lower() not in _TRUTH:
        raise ArgumentError(
            f"The value of {name!r} is neither true nor false.",
            expected="True or False, as its default is",
            got=text,
        )
    return _TRUTH[text.lower()]


# -- values to begin with ----------------------------------------------------------------------


def shapes_written(function: Any) -> dict[str, tuple[int, ...]]:
    """Guess shapes of arguments by what is done with them.

    Of ``x[2]`` three numbers are wanted, of ``x @ w`` and ``x.mean(axis=0)`` matrices.
    """
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    except (OSError, TypeError, SyntaxError):
        return {}
    found: dict[str, tuple[int, ...]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.MatMult):
            found |= {n.id: (2, 2) for n in (node.left, node.right) if isinstance(n, ast.Name)}
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            found[node.value.id] = (2, 2)
        elif isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name):
            at = node.slice.value if isinstance(node.slice, ast.Constant) else None
            if type(at) is int and at >= 0:
                before = found.get(node.value.id, (0,))
                found[node.value.id] = (max(before[0], at + 1), *before[1:])
    return found


def written_list(value: np.ndarray[Any, Any]) -> str:
    """Write whole numbers as --at takes them."""
    return str(np.asarray(value).astype(int).tolist()).replace(" ", "")
