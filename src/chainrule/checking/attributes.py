"""What an object of a user's class holds."""

from __future__ import annotations

from typing import Any

import numpy as np


def attributes_of(layer: Any) -> dict[str, Any]:
    """Return the attributes of an object."""
    return dict(getattr(layer, "__dict__", {}))


def attributes(value: Any, path: str = "self", depth: int = 4) -> list[tuple[str, Any]]:
    """Return the arrays and numbers among the attributes of an object, with their paths."""
    found: list[tuple[str, Any]] = []
    if depth and isinstance(getattr(value, "__dict__", None), dict):
        for name, inner in vars(value).items():
            found += attributes(inner, f"{path}.{name}", depth - 1)
        return found
    if isinstance(value, dict):
        for key, inner in value.items():
            found += attributes(inner, f"{path}[{key!r}]", depth - 1)
        return found
    if isinstance(value, (list, tuple)) and depth:
        for i, inner in enumerate(value):
            if isinstance(getattr(inner, "__dict__", None), dict) or isinstance(inner, np.ndarray):
                found += attributes(inner, f"{path}[{i}]", depth - 1)
        if found:
            return found
    return [(path, value)]
