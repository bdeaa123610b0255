"""Axes and the shapes that come of them: below all families of rules."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

#: Axes counted from 0, in ascending order; None for all of them.
Axis = tuple[int, ...] | None


def one_axis(axis: Any, ndim: int) -> int:
    """Return the number of one axis, counted from 0.

    Examples
    --------
    >>> one_axis(-1, 3)
    2
    """
    number = operator.index(axis)
    if not -ndim <= number < ndim:
        raise np.exceptions.AxisError(number, ndim)
    return number % ndim


def normal_list(axes: Any, ndim: int) -> list[int]:
    """Return axes, or a single one, as a list of numbers from 0, in the order given."""
    return [one_axis(a, ndim) for a in (axes if isinstance(axes, (tuple, list)) else (axes,))]


def normal_axis(axis: Any, ndim: int) -> Axis:
    """Return axes as an ascending tuple of numbers from 0, or None for all of them."""
    if axis is None:
        return None
    found = sorted(one_axis(a, ndim) for a in (axis if isinstance(axis, tuple) else (axis,)))
    if len(set(found)) != len(found):
        raise ValueError("duplicate value in 'axis'")
    return tuple(found)


def all_axes(axis: Axis, ndim: int) -> tuple[int, ...]:
    """Return axes by their numbers where None stands for all of them.

    Examples
    --------
    >>> all_axes(None, 3)
    (0, 1, 2)
    """
    return tuple(range(ndim)) if axis is None else axis


def reduced(shape: Sequence[int], axis: Axis, keepdims: bool) -> tuple[int, ...]:
    """Return the shape that is left after a reduction over axes.

    Examples
    --------
    >>> reduced((2, 3, 4), (1,), keepdims=False), reduced((2, 3, 4), (1,), keepdims=True)
    ((2, 4), (2, 1, 4))
    """
    axes = all_axes(axis, len(shape))
    if keepdims:
        return tuple(1 if i in axes else n for i, n in enumerate(shape))
    return tuple(n for i, n in enumerate(shape) if i not in axes)


def expanded(g: Any, axis: Axis, keepdims: bool) -> Any:
    """Give the reduced axes back, with length 1, so that g broadcasts against the operand."""
    return g if keepdims or axis is None else np.expand_dims(g, axis)


def along(axis: int, *key: Any) -> tuple[Any, ...]:
    """Return the key that indexes one axis, and leaves those before it whole."""
    return (slice(None),) * axis + key


def line(axis: int, ndim: int) -> list[int]:
    """Return the shape, for ``np.reshape``, that lays a vector along one of several axes."""
    return [-1 if k == axis else 1 for k in range(ndim)]


def inverse(order: Sequence[int]) -> tuple[int, ...]:
    """Return the order of axes that undoes another one."""
    return tuple(int(k) for k in np.argsort(order))
