"""Nested arguments: numbers and arrays in dicts, lists, tuples and dataclasses.

An argument is taken apart into leaves, each with a path such as ``w[0]`` or
``params['W1']``, and anything can be put together again in the same structure.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np

#: Takes a leaf and its path; returns what stands in its place.
Visit = Callable[[Any, str], Any]


def map_leaves(visit: Visit, value: Any, path: str) -> Any:
    """Return a copy of a nested value with each leaf replaced.

    Parameters
    ----------
    visit : callable
        ``visit(leaf, path)``.
    value : nested dict, list, tuple, dataclass, or a leaf
    path : str
        What the value itself is called.

    Examples
    --------
    >>> map_leaves(lambda leaf, path: path, {"w": [1.0, 2.0]}, "p")
    {'w': ["p['w'][0]", "p['w'][1]"]}
    """
    kind = type(value)
    if kind is float or kind is np.ndarray:
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
    return visit(value, path)


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
