"""Arrays made between traced ends, or to be written into."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.op import UnsupportedArgumentError
from chainrule.rules.axes import one_axis
from chainrule.rules.operands import refuse_device


def _linspace(
    start: Any, stop: Any, num: int = 50, endpoint: bool = True, retstep: bool = False,
    dtype: Any = None, axis: int = 0, *, device: Any = None,
) -> Any:  # fmt: skip
    refuse_device(device)
    count = int(num)
    if count < 0:
        raise ValueError(f"Number of samples, {num}, must be non-negative.")
    gaps = count - 1 if endpoint else count
    span = stop - start
    ndim = np.ndim(span)
    precision = np.result_type(start, stop, 1.0)
    at = (np.arange(count).reshape(-1, *(1,) * ndim) / max(gaps, 1)).astype(precision)
    points = start + span * at
    points = points if dtype is None else points.astype(dtype)
    points = np.moveaxis(points, 0, axis)
    return (points, span / gaps if gaps else span * np.nan) if retstep else points


def _logspace(
    start: Any, stop: Any, num: int = 50, endpoint: bool = True, base: Any = 10.0,
    dtype: Any = None, axis: int = 0,
) -> Any:  # fmt: skip
    if np.ndim(base) != 0:
        raise UnsupportedArgumentError("an array as base")
    powers = np.power(base, _linspace(start, stop, num, endpoint, axis=axis))
    return powers if dtype is None else powers.astype(dtype)


def _geomspace(
    start: Any, stop: Any, num: int = 50, endpoint: bool = True, dtype: Any = None, axis: int = 0
) -> Any:
    # The logarithm of a negative end is NaN, which is refused with its line.
    points = np.exp(_linspace(_log(start), _log(stop), num, endpoint, axis=axis))
    return points if dtype is None else points.astype(dtype)


def _log(end: Any) -> Any:
    return np.log(end + np.zeros(()))  # in double precision, as NumPy does


def _empty_like(
    prototype: Any, dtype: Any = None, order: str = "K", subok: bool = True, shape: Any = None,
    *, device: Any = None,
) -> Any:  # fmt: skip
    # What stands in an empty array is nobody's business: zeros will do.
    refuse_device(device)
    return np.zeros_like(prototype, dtype=dtype, shape=shape)


def _astype(x: Any, dtype: Any, /, *, copy: bool = True, device: Any = None) -> Any:
    refuse_device(device)
    return x.astype(dtype, copy=copy)


def _put(a: Any, ind: Any, v: Any, mode: str = "raise") -> None:
    if mode != "raise":
        raise UnsupportedArgumentError("mode")
    places = np.ravel(np.asarray(ind))
    values = np.ravel(np.stack(v) if isinstance(v, (list, tuple)) else v)
    (count,) = np.shape(values)
    if count != len(places):  # repeated as often as needed
        values = values[np.arange(len(places)) % count]
    places = np.where(places < 0, places + math.prod(np.shape(a)), places)
    if np.any((places < 0) | (places >= math.prod(np.shape(a)))):
        raise IndexError(f"index out of bounds for an array of {math.prod(np.shape(a))} elements")
    a[np.unravel_index(places, np.shape(a))] = values


def _apply_along_axis(func1d: Any, axis: int, arr: Any, *args: Any, **kwargs: Any) -> Any:
    lines = np.moveaxis(arr, axis, -1)
    outer = np.shape(lines)[:-1]
    results = [func1d(lines[i], *args, **kwargs) for i in np.ndindex(*outer)]
    stacked = np.stack(results)
    inner = np.shape(stacked)[1:]
    whole = np.reshape(stacked, (*outer, *inner))
    at = one_axis(axis, np.ndim(arr))
    return np.moveaxis(
        whole,
        tuple(range(len(outer), len(outer) + len(inner))),
        tuple(range(at, at + len(inner))),
    )


#: NumPy function -> the same in terms of others.
TABLE: dict[Any, Callable[..., Any]] = {
    np.linspace: _linspace,
    np.logspace: _logspace,
    np.geomspace: _geomspace,
    np.empty_like: _empty_like,
    np.astype: _astype,
    np.put: _put,
    np.apply_along_axis: _apply_along_axis,
    np.isreal: lambda x: np.imag(x) == 0,
    np.iscomplex: lambda x: np.imag(x) != 0,
}
