"""Differences, slopes and areas of sampled functions; polynomials and correlation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.op import UnsupportedArgumentError
from chainrule.rules.axes import along, line, normal_list, one_axis
from chainrule.rules.complex import conjugated
from chainrule.rules.composed.selecting import picked
from chainrule.rules.operands import as_array, cast, flat

# -- differences -----------------------------------------------------------------------


def _diff(a: Any, n: int = 1, axis: int = -1, prepend: Any = None, append: Any = None) -> Any:
    if n < 0:
        raise ValueError(f"order must be non-negative but got {n!r}")
    if np.ndim(a) == 0:
        raise ValueError("diff requires input that is at least one dimensional")
    if n == 0:
        return a
    axis = one_axis(axis, np.ndim(a))
    ends = [_edge(end, a, axis) for end in (prepend, append)]
    if any(end is not None for end in ends):
        a = np.concatenate([p for p in (ends[0], a, ends[1]) if p is not None], axis=axis)
    later, earlier = along(axis, slice(1, None)), along(axis, slice(None, -1))
    for _ in range(n):
        a = a[later] - a[earlier]
    return a


def _edge(end: Any, a: Any, axis: int) -> Any:
    if end is None or np.ndim(end):
        return end
    shape = np.shape(a)
    return np.broadcast_to(as_array(end), (*shape[:axis], 1, *shape[axis + 1 :]))


def _ediff1d(ary: Any, to_end: Any = None, to_begin: Any = None) -> Any:
    elements = flat(ary)
    parts = [to_begin, elements[1:] - elements[:-1], to_end]
    given = [flat(p) for p in parts if p is not None]
    if len(given) == 1:
        return given[0]
    return np.concatenate([p if p.dtype == ary.dtype else cast(p, ary.dtype) for p in given])


def _gradient(f: Any, *varargs: Any, axis: Any = None, edge_order: int = 1) -> Any:
    if edge_order not in (1, 2):
        raise ValueError("'edge_order' greater than 2 not supported")
    f = as_array(f)
    ndim = np.ndim(f)
    axes = tuple(range(ndim)) if axis is None else normal_list(axis, ndim)
    if not varargs:
        spacings: tuple[Any, ...] = (1.0,) * len(axes)
    elif len(varargs) == 1 and np.ndim(varargs[0]) == 0:
        spacings = varargs * len(axes)
    elif len(varargs) == len(axes):
        spacings = varargs
    else:
        raise TypeError("invalid number of arguments")
    found = []
    for k, spacing in zip(axes, spacings, strict=True):
        if np.shape(f)[k] < edge_order + 1:
            raise ValueError("at least (edge_order + 1) elements are required")
        if np.ndim(spacing) == 0:
            slopes = _even_slopes(f, k, spacing, edge_order)
        else:
            slopes = _uneven_slopes(f, k, _steps(spacing, f, k), edge_order)
        found.append(slopes if slopes.dtype == f.dtype or f.dtype.kind != "f" else
                     cast(slopes, f.dtype))  # fmt: skip
    return found[0] if len(found) == 1 else tuple(found)


def _steps(places: Any, f: Any, axis: int) -> Any:
    places = as_array(places)
    if np.ndim(places) != 1:
        raise ValueError("distances must be either scalars or 1d")
    if np.shape(places)[0] != np.shape(f)[axis]:
        raise ValueError("when 1d, distances must match the length of the corresponding dimension")
    steps = places[1:] - places[:-1]
    return np.reshape(steps, line(axis, np.ndim(f)))


def _even_slopes(f: Any, axis: int, h: Any, edge_order: int) -> Any:
    def at(start: int, stop: int | None) -> Any:
        return f[along(axis, slice(start, stop))]

    inner = (at(2, None) - at(0, -2)) / (2.0 * h)
    if edge_order == 1:
        first, last = (at(1, 2) - at(0, 1)) / h, (at(-1, None) - at(-2, -1)) / h
    else:
        first = (-1.5 * at(0, 1) + 2.0 * at(1, 2) - 0.5 * at(2, 3)) / h
        last = (0.5 * at(-3, -2) - 2.0 * at(-2, -1) + 1.5 * at(-1, None)) / h
    return np.concatenate([first, inner, last], axis=axis)


def _uneven_slopes(f: Any, axis: int, steps: Any, edge_order: int) -> Any:
    """Slopes of the parabola through three neighbours (Fornberg 1988, order 1)."""

    def at(a: Any, start: int, stop: int | None) -> Any:
        return a[along(axis, slice(start, stop))]

    left, right = at(steps, 0, -1), at(steps, 1, None)
    before, after = at(f, 1, -1) - at(f, 0, -2), at(f, 2, None) - at(f, 1, -1)
    inner = (right * before / left + left * after / right) / (left + right)
    first = at(f, 1, 2) - at(f, 0, 1)
    last = at(f, -1, None) - at(f, -2, -1)
    first, last = first / at(steps, 0, 1), last / at(steps, -1, None)
    if edge_order == 2:
        # The slope at an end: twice the outermost quotient, less the slope beside it.
        first, last = 2.0 * first - at(inner, 0, 1), 2.0 * last - at(inner, -1, None)
    return np.concatenate([first, inner, last], axis=axis)


# -- areas, and values in between ------------------------------------------------------


def _trapezoid(y: Any, x: Any = None, dx: Any = 1.0, axis: int = -1) -> Any:
    y = as_array(y)
    axis = one_axis(axis, np.ndim(y))
    width = dx
    if x is not None:
        x = as_array(x)
        width = np.diff(x, axis=0 if np.ndim(x) == 1 else axis)
        if np.ndim(x) == 1:
            width = np.reshape(width, line(axis, np.ndim(y)))
    later, earlier = along(axis, slice(1, None)), along(axis, slice(None, -1))
    return np.sum(width * (y[later] + y[earlier]) / 2.0, axis=axis)


def _interp(
    x: Any, xp: Any, fp: Any, left: Any = None, right: Any = None, period: Any = None
) -> Any:
    if period is not None:
        raise UnsupportedArgumentError("period")
    x, xp = (cast(as_array(a), np.float64) for a in (x, xp))
    fp = cast(as_array(fp), np.result_type(as_array(fp).dtype, np.float64))
    if np.ndim(xp) != 1 or np.shape(xp) != np.shape(fp):
        raise ValueError("fp and xp are not of the same length.")
    count = np.shape(xp)[0]
    if count > 1:
        place = np.clip(np.searchsorted(xp, x, side="right") - 1, 0, count - 2)
        (x0, x1), (y0, y1) = ((picked(p, place, 0), picked(p, place + 1, 0)) for p in (xp, fp))
        inside = (y1 - y0) / (x1 - x0) * (x - x0) + y0
    else:
        inside = np.broadcast_to(fp[0], np.shape(x))
    result = np.where(x < xp[0], fp[0] if left is None else left, inside)
    return np.where(x > xp[-1], fp[-1] if right is None else right, result)


# -- polynomials and correlation -------------------------------------------------------


def _polyval(p: Any, x: Any) -> Any:
    p = as_array(p)
    y = np.zeros_like(x)
    for coefficient in p:
        y = y * x + coefficient
    return y


def _vander(x: Any, N: int | None = None, increasing: bool = False) -> Any:
    x = as_array(x)
    if np.ndim(x) != 1:
        raise ValueError("x must be a one-dimensional array or sequence.")
    count = np.shape(x)[0] if N is None else int(N)
    x = cast(x, np.result_type(x.dtype, int)) if x.dtype.kind == "f" else x
    powers = np.arange(count) if increasing else np.arange(count)[::-1]
    return np.power(np.reshape(x, (-1, 1)), powers)


def _correlate(a: Any, v: Any, mode: Any = "valid") -> Any:
    v = as_array(v)
    backwards = conjugated(v[::-1])
    short, long = np.shape(a)[0], np.shape(v)[0]
    if mode == "same" and short < long:  # NumPy's centre lies on the other side here
        return np.convolve(a, backwards)[short // 2 : short // 2 + long]
    return np.convolve(a, backwards, mode)


#: NumPy function -> the same in terms of others.
TABLE: dict[Any, Callable[..., Any]] = {
    np.diff: _diff,
    np.ediff1d: _ediff1d,
    np.gradient: _gradient,
    np.trapezoid: _trapezoid,
    np.interp: _interp,
    np.polyval: _polyval,
    np.vander: _vander,
    np.correlate: _correlate,
}
