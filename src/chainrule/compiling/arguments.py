"""Arguments taken apart into arrays and what is fixed, and results put together again.

What is called over and over has to be quick at this: containers that a program uses all the time
are taken apart here; anything else, as a dataclass, by :mod:`chainrule.structure`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from operator import itemgetter
from typing import Any

import numpy as np

from chainrule.structure import leaves, map_leaves

#: Builds a value from the list of its leaves, of which it takes as many as it needs.
Build = Callable[[Sequence[Any]], Any]

_ARRAYS = (np.ndarray, np.generic)


class Place:
    """Stands where an array of the arguments stood."""

    __slots__ = ("index",)

    def __init__(self, index: int) -> None:
        self.index = index

    def __repr__(self) -> str:
        return f"Place({self.index})"


def flatten(value: Any, found: list[Any]) -> Any:
    """Append the numbers and arrays of a value to a list, and return what is left: its key.

    Two values with equal keys have the same structure, and the same strings and whole numbers in
    it.
    """
    kind = value.__class__
    if kind is np.ndarray or kind is float or isinstance(value, np.generic):
        found.append(value)
        return None
    if kind is dict:
        return dict, (*value, *_flattened(value.values(), found))
    if kind is list or kind is tuple:
        return kind, tuple(_flattened(value, found))
    if kind is int or kind is bool or kind is str or value is None:
        return "fixed", kind, value
    if kind is complex:
        found.append(value)
        return None
    return _other(value, found)


def _flattened(values: Iterable[Any], found: list[Any]) -> list[Any]:
    """Do the same for what is in a container, with arrays, of which there are most, at once."""
    keys: list[Any] = []
    for value in values:
        if value.__class__ is np.ndarray:
            found.append(value)
            keys.append(None)
        else:
            keys.append(flatten(value, found))
    return keys


def _other(value: Any, found: list[Any]) -> Any:
    """Do the same for dataclasses, named tuples and objects with arrays in them."""
    if hasattr(value, "__apply_op__"):
        raise TracedArgumentError
    parts = leaves(value)
    if len(parts) == 1 and parts[0][1] is value:
        return "fixed", type(value), _Same(value)
    return type(value), tuple([(path, flatten(leaf, found)) for path, leaf in parts])


class TracedArgumentError(Exception):
    """An argument belongs to a trace, so that the function itself is to be recorded."""


class _Same:
    """A key that is equal for one and the same object alone, whatever its `==` may say."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and other.value is self.value

    def __hash__(self) -> int:
        return id(self.value)


def is_number(leaf: Any) -> bool:
    """Whether a leaf becomes an input: whole numbers, strings and the like are fixed."""
    return isinstance(leaf, (float, complex, *_ARRAYS))


def builder(template: Any) -> Build:
    """Return a function that puts a value together in which `Place` stands for its leaves."""
    if isinstance(template, Place):
        index = template.index
        return lambda found: found[index]
    kind = type(template)
    if kind is list and all(isinstance(part, Place) for part in template):
        places = [part.index for part in template]
        if len(places) < 2:
            return lambda found: [found[k] for k in places]
        taken = itemgetter(*places)
        return lambda found: list(taken(found))
    if kind is tuple or kind is list:
        parts = [builder(part) for part in template]
        if kind is tuple:
            return lambda found: tuple([part(found) for part in parts])
        return lambda found: [part(found) for part in parts]
    if kind is dict:
        items = [(key, builder(part)) for key, part in template.items()]
        return lambda found: {key: part(found) for key, part in items}

    def general(found: Sequence[Any]) -> Any:
        return map_leaves(
            lambda leaf, path: found[leaf.index] if isinstance(leaf, Place) else leaf, template, ""
        )

    return general
