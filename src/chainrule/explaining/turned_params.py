"""What the parameters of an operation may become when its matrices are transposed.

Parameters that speak of axes go by a few names throughout the table. Each has one or two ways
in which it may turn; which of them is right is found out by trying.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from typing import Any

from chainrule.rules.axes import all_axes
from chainrule.rules.index import written_out


def turned_params(
    params: Mapping[str, Any], dims: tuple[int, int], shape: tuple[int, ...]
) -> Iterator[dict[str, Any]]:
    """Yield parameters to try, the likeliest first.

    Parameters
    ----------
    params : mapping
    dims : (int, int)
        How many axes the first operand and the result have, before they are turned.
    shape : tuple of int
        Shape of the first operand.

    Examples
    --------
    >>> list(turned_params({"axis": (0,), "keepdims": True}, (2, 2), (3, 4)))[0]
    {'axis': (1,), 'keepdims': True}
    """
    ways = [[(name, way) for way in _ways(name, value, dims, shape)]
            for name, value in params.items()]  # fmt: skip
    if "shape" in params and "order" not in params:  # rows first becomes columns first
        ways.append([("order", None), ("order", "F")])
    seen: list[dict[str, Any]] = []
    for combined in itertools.product(*ways):
        turned = {name: way for name, way in combined if (name, way) != ("order", None)}
        if turned not in seen:
            seen.append(turned)
            yield turned


def _ways(name: str, value: Any, dims: tuple[int, int], shape: tuple[int, ...]) -> list[Any]:
    before = dims[0]
    if name == "axis":
        return _axis_ways(value, dims)
    if name == "axes" and isinstance(value, tuple) and all(isinstance(k, int) for k in value):
        return [tuple(before - 1 - k for k in value[::-1]), value]
    if name == "key" and isinstance(value, tuple):
        return [written_out(value, before)[::-1], value]
    if name in ("shape", "pad_width", "constant_values") and isinstance(value, tuple):
        return [value[::-1], value]
    if name == "order" and value in ("C", "F"):
        return [value, "F" if value == "C" else "C"]
    if name == "keepdims":  # a vector that has to be a column keeps an axis
        return [value, not value]
    if name in ("k", "offset") and isinstance(value, int):
        return [-value, value]
    return [value]


def _axis_ways(axis: Any, dims: tuple[int, int]) -> list[Any]:
    """Return an axis counted from the other end, as one of the operand or of the result."""
    if axis is None:
        return [None, 0]
    ways: list[Any] = []
    for ndim in dict.fromkeys((max(dims), *dims)):
        if isinstance(axis, tuple):
            mirrored = tuple(_mirrored(k, ndim) for k in axis)
            ways += [tuple(sorted(mirrored)), mirrored]
        else:
            ways.append(_mirrored(axis, ndim))
    if isinstance(axis, tuple) and axis == all_axes(None, dims[0]):
        ways.append(None)
    return [*ways, axis]


def _mirrored(axis: int, ndim: int) -> int:
    """Count an axis from the other end; one below 0 stays below 0."""
    return ndim - 1 - axis if axis >= 0 else -ndim - 1 - axis
