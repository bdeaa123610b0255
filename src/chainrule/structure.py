"""Nested arguments: numbers and arrays in dicts, lists, tuples, dataclasses and objects.

An argument is taken apart into leaves, each with a path such as ``w[0]`` or
``params['W1']``, and anything can be put together again in the same structure.
"""

from __future__ import annotations

import copy
import dataclasses
import functools
from collections.abc import Callable, Collection
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np

from chainrule.errors import ArgumentError

#: Takes a leaf and its path; returns what stands in its place.
Visit = Callable[[Any, str], Any]


def map_leaves(visit: Visit, value: Any, path: str) -> Any:
    """Return a copy of a nested value with each leaf replaced.

    Parameters
    ----------
    visit : callable
        ``visit(leaf, path)``.
    value : nested dict, list, tuple, dataclass, object with attributes, or a leaf
    path : str
        What the value itself is called.

    Examples
    --------
    >>> map_leaves(lambda leaf, path: path, {"w": [1.0, 2.0]}, "p")
    {'w': ["p['w'][0]", "p['w'][1]"]}
    """
    kind = type(value)
    if kind is float or kind is np.ndarray or hasattr(kind, "__apply_op__"):
        return visit(value, path)
    if kind is list:
        return [map_leaves(visit, v, f"{path}[{i}]") for i, v in enumerate(value)]
    if kind is tuple:
        return tuple(map_leaves(visit, v, f"{path}[{i}]") for i, v in enumerate(value))
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        named = zip(value._fields, value, strict=True)
        return kind(*(map_leaves(visit, v, f"{path}.{name}") for name, v in named))
    if isinstance(value, dict):
        return kind((k, map_leaves(visit, v, f"{path}[{k!r}]")) for k, v in value.items())
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {
            f.name: map_leaves(visit, getattr(value, f.name), f"{path}.{f.name}")
            for f in dataclasses.fields(value)
            if f.init
        }
        return dataclasses.replace(value, **fields)
    if is_object(value):
        twin = copy.copy(value)
        vars(twin).update({n: map_leaves(visit, v, f"{path}.{n}") for n, v in vars(value).items()})
        return twin
    return visit(value, path)


def is_object(value: Any) -> bool:
    """Whether a value is an object of a user's class that holds numbers as attributes.

    Functions, classes and modules hold none that are arguments; an array of another
    library is one value. An object that holds itself has no leaves to speak of.
    """
    attributes = getattr(value, "__dict__", None)
    if not isinstance(attributes, dict) or isinstance(value, _WHOLE) or hasattr(
        value, "__array__"
    ) or hasattr(value, "__array_ufunc__"):  # fmt: skip
        return False
    try:
        return _holds_numbers(value, ())
    except _HoldsItselfError:
        return False


class _HoldsItselfError(Exception):
    """An object is part of itself."""


_WHOLE = (type, FunctionType, MethodType, BuiltinFunctionType, ModuleType, functools.partial)


def _holds_numbers(value: Any, within: tuple[int, ...]) -> bool:
    """Whether there is a number, an array or what stands for one."""
    if id(value) in within:
        raise _HoldsItselfError
    if isinstance(value, (float, complex)) or hasattr(value, "dtype") or hasattr(value, "abstract"):
        return True
    if isinstance(value, dict):
        parts: Collection[Any] = value.values()
    elif isinstance(value, (list, tuple)):
        parts = value
    elif isinstance(value, _WHOLE) or not isinstance(getattr(value, "__dict__", None), dict):
        return False
    else:
        parts = vars(value).values()
    # All are looked at: each could lead back.
    return sum(_holds_numbers(v, (*within, id(value))) for v in parts) > 0


def paired(value: Any, other: Any, what: str) -> list[tuple[str, Any, Any]]:
    """Return the leaves of two values of the same structure side by side, with their paths.

    Raises
    ------
    ArgumentError
        When `other`, which is called `what`, has another structure.
    """
    mine, theirs = leaves(value), leaves(other)
    if [path for path, _ in mine] != [path for path, _ in theirs]:
        raise ArgumentError(
            f"{what} does not have the structure that it belongs to.",
            expected=_outline(mine, value),
            got=_outline(theirs, other),
        )
    return [(path, leaf, twin) for (path, leaf), (_, twin) in zip(mine, theirs, strict=True)]


def _outline(found: list[tuple[str, Any]], value: Any) -> str:
    if len(found) == 1 and not found[0][0]:
        return "one number or array"
    paths = ", ".join(path for path, _ in found[:6]) + (", ..." if len(found) > 6 else "")
    return f"{type(value).__name__} with {paths or 'nothing in it'}"


def leaves(value: Any, path: str = "") -> list[tuple[str, Any]]:
    """Return the leaves of a nested value with their paths, in order.

    Examples
    --------
    >>> leaves([1.0, (2.0, 3.0)], "w")
    [('w[0]', 1.0), ('w[1][0]', 2.0), ('w[1][1]', 3.0)]
    """
    found: list[tuple[str, Any]] = []
    map_leaves(lambda leaf, where: found.append((where, leaf)), value, path)
    return found
