"""What has a gradient among somebody's arguments, and numbers as such."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.structure import leaves


@dataclass(frozen=True, slots=True)
class Target:
    """One value that has a gradient: an array, a number, or a list of numbers.

    Attributes
    ----------
    name : str
        What the user calls it.
    paths : tuple of str
        The leaves that make it up: one, or the numbers of a list.
    shape : tuple of int
    """

    name: str
    paths: tuple[str, ...]
    shape: tuple[int, ...]

    def whole(self, parts: Mapping[str, Any]) -> Any:
        """Put the parts of a list of numbers together."""
        if self.paths == (self.name,):
            return parts[self.name]
        return np.reshape([parts[path] for path in self.paths], self.shape)


def as_floats(value: Any) -> Any:
    """Return whole numbers as floats; None for anything else."""
    if type(value) is int:
        return float(value)
    if isinstance(value, np.ndarray) and value.dtype.kind in "iu":
        return value.astype(float)
    if isinstance(value, list) and value:
        parts = [as_floats(v) for v in value]
        return parts if all(p is not None for p in parts) else None
    return None


def plain_double(value: Any) -> Any:
    """Return numbers of float32 or float16 in double precision."""
    if isinstance(value, (np.ndarray, np.generic)) and value.dtype.kind == "f":
        return value.astype(np.float64)
    return value


def is_real(leaf: Any) -> bool:
    """Whether a leaf is a real number or array that can be moved."""
    if isinstance(leaf, (np.ndarray, np.generic)):
        return leaf.dtype.kind == "f"
    return isinstance(leaf, float)


def targets_in(arguments: Mapping[str, Any]) -> dict[str, Target]:
    """Return all in some arguments that could have a gradient, by name."""
    found = (t for name, value in arguments.items() for t in _targets(name, value))
    return {target.name: target for target in found}


def _targets(name: str, value: Any) -> list[Target]:
    if isinstance(value, (list, tuple)) and _is_numbers(value):
        array = np.asarray(value, float)
        return [Target(name, tuple(path for path, _ in leaves(value, name)), array.shape)]
    if isinstance(value, (list, tuple)):
        return [t for i, v in enumerate(value) for t in _targets(f"{name}[{i}]", v)]
    if isinstance(value, dict):
        return [t for k, v in value.items() for t in _targets(f"{name}[{k!r}]", v)]
    return [
        Target(path, (path,), np.shape(leaf)) for path, leaf in leaves(value, name) if is_real(leaf)
    ]


def _is_numbers(value: Any) -> bool:
    """Whether nested lists hold floats alone, as many in each."""
    flat = [leaf for _, leaf in leaves(value)]
    if not flat or not all(type(v) in (float, int) for v in flat) or float not in map(type, flat):
        return False
    try:
        return bool(np.asarray(value, float).size == len(flat))
    except ValueError:
        return False
