"""Means and deviations, with NaN or without, and what is counted along an axis."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.op import UnsupportedArgumentError
from chainrule.rules.axes import all_axes, normal_axis, normal_list, one_axis
from chainrule.rules.complex import conjugated, is_complex, squared_modulus
from chainrule.rules.operands import as_array, cast, is_traced, masked, refuse_out


def _size_along(a: Any, axis: Any) -> int:
    axes = all_axes(normal_axis(axis, np.ndim(a)), np.ndim(a))
    return math.prod(np.shape(a)[i] for i in axes)


# -- spread ----------------------------------------------------------------------------


def _var(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, ddof: float = 0,
    keepdims: bool = False, *, where: Any = True, mean: Any = None, correction: Any = None,
) -> Any:  # fmt: skip
    refuse_out(out)
    ddof = _less(ddof, correction)
    a = cast(a, dtype)
    middle = np.mean(a, axis=axis, keepdims=True, where=where) if mean is None else mean
    squares = squared_modulus(a - middle)
    if where is not True:
        count = np.sum(where * np.real(np.ones_like(a)), axis=axis, keepdims=keepdims)
        total = np.sum(masked(squares, where, 0.0), axis=axis, keepdims=keepdims)
        return total / np.maximum(count - ddof, 0.0)
    if ddof == 0:
        return np.mean(squares, axis=axis, keepdims=keepdims)
    count = _size_along(a, axis)
    return np.sum(squares, axis=axis, keepdims=keepdims) / max(count - ddof, 0)


def _std(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, ddof: float = 0,
    keepdims: bool = False, *, where: Any = True, mean: Any = None, correction: Any = None,
) -> Any:  # fmt: skip
    refuse_out(out)
    a = cast(a, dtype)
    middle = np.mean(a, axis=axis, keepdims=True, where=where) if mean is None else mean
    deviations = masked(a - middle, where, 0.0)
    # A norm has a derivative where all are equal, 0, and the root of a sum has none.
    length = np.linalg.vector_norm(deviations, axis=axis, keepdims=keepdims)
    if where is True:
        count = max(_size_along(a, axis) - _less(ddof, correction), 0)
        return length / np.sqrt(count).astype(length.dtype)[()]
    count = np.sum(where * np.real(np.ones_like(a)), axis=axis, keepdims=keepdims)
    return length / np.sqrt(np.maximum(count - _less(ddof, correction), 0.0))


def _less(ddof: float, correction: Any) -> Any:
    if correction is None:
        return ddof
    if ddof != 0:
        raise ValueError("ddof and correction can't be provided simultaneously.")
    return correction


def _ptp(a: Any, axis: Any = None, out: Any = None, keepdims: bool = False) -> Any:
    refuse_out(out)
    return np.max(a, axis=axis, keepdims=keepdims) - np.min(a, axis=axis, keepdims=keepdims)


def _percentile(a: Any, q: Any, *args: Any, **kwargs: Any) -> Any:
    if is_traced(q):
        raise UnsupportedArgumentError("q")
    fraction = q / 100 if isinstance(q, (int, float)) else np.asarray(q) / 100
    return np.quantile(a, fraction, *args, **kwargs)


# -- weights ---------------------------------------------------------------------------


def _average(
    a: Any, axis: Any = None, weights: Any = None, returned: bool = False, *, keepdims: bool = False
) -> Any:
    if weights is None:
        mean = np.mean(a, axis=axis, keepdims=keepdims)
        if not returned:
            return mean
        return mean, np.zeros_like(mean) + float(_size_along(a, axis))
    if np.shape(weights) != np.shape(a):
        weights = _along(weights, np.shape(a), axis)
    weighted = a * weights
    if getattr(weights, "dtype", weighted.dtype) != weighted.dtype:
        weights = weights.astype(weighted.dtype)  # as NumPy adds them up
    total = np.sum(weighted, axis=axis, keepdims=keepdims)
    scale = np.sum(weights, axis=axis, keepdims=keepdims)
    if not hasattr(scale, "__apply_op__") and np.any(scale == 0):
        raise ZeroDivisionError("Weights sum to zero, can't be normalized")
    mean = total / scale
    if not returned:
        return mean
    shape = np.shape(mean)
    return mean, scale if np.shape(scale) == shape else np.copy(np.broadcast_to(scale, shape))


def _along(weights: Any, shape: tuple[int, ...], axis: Any) -> Any:
    """Lay weights along the axes that they belong to, so that they broadcast to the shape."""
    if axis is None:
        raise TypeError("Axis must be specified when shapes of a and weights differ.")
    axes = normal_list(axis, len(shape))
    if np.shape(weights) != tuple(shape[i] for i in axes):
        raise ValueError("Shape of weights must be consistent with shape of a along the axis.")
    ordered = np.transpose(weights, [axes.index(i) for i in sorted(axes)])
    return np.reshape(ordered, [n if i in axes else 1 for i, n in enumerate(shape)])


def _table_of(m: Any, rowvar: bool) -> Any:
    """One variable a row, in double precision."""
    if np.ndim(m) > 2:
        raise ValueError("m has more than 2 dimensions")
    m = as_array(m)
    m = cast(m, np.result_type(m.dtype, np.float64))
    if np.ndim(m) < 2:
        return np.reshape(m, (1, -1))
    return m if rowvar else m.T


def _cov(
    m: Any, y: Any = None, rowvar: bool = True, bias: bool = False, ddof: Any = None,
    fweights: Any = None, aweights: Any = None, *, dtype: Any = None,
) -> Any:  # fmt: skip
    if ddof is not None and ddof != int(ddof):
        raise ValueError("ddof must be integer")
    table = _table_of(m, rowvar)
    if y is not None:
        table = np.concatenate([table, _table_of(y, rowvar)], axis=0)
    if dtype is not None:
        table = cast(table, dtype)
    ddof = (0 if bias else 1) if ddof is None else ddof
    given = [cast(w, np.float64) for w in (fweights, aweights) if w is not None]
    weights = given[0] * given[-1] if len(given) == 2 else given[0] if given else None
    if weights is None:
        table = table - np.mean(table, axis=1, keepdims=True)
        covariance = np.matmul(table, conjugated(table).T) / _freedom(np.shape(table)[1] - ddof)
    else:
        total = np.sum(weights)
        table = table - np.sum(table * weights, axis=1, keepdims=True) / total
        counted = 1.0 if aweights is None else np.sum(weights * given[-1]) / total
        covariance = np.matmul(table, conjugated(table * weights).T) / (total - ddof * counted)
    return np.squeeze(covariance)


def _freedom(count: int) -> int:
    if count <= 0:
        warnings.warn("Degrees of freedom <= 0 for slice", RuntimeWarning, stacklevel=2)
    return max(count, 0)


def _corrcoef(x: Any, y: Any = None, rowvar: bool = True, *, dtype: Any = None) -> Any:
    covariance = np.cov(x, y, rowvar, dtype=dtype)
    if np.ndim(covariance) == 0:
        return covariance / covariance
    spread = np.sqrt(np.real(np.diagonal(covariance)))
    found = covariance / np.expand_dims(spread, 1) / spread
    return found if is_complex(found) else np.clip(found, -1.0, 1.0)


# -- without NaN -----------------------------------------------------------------------


def _without_nan(function: Any, neutral: float) -> Callable[..., Any]:
    """Write a function that passes over NaN as one that meets a neutral value instead."""
    return lambda a, *args, **kwargs: function(np.where(np.isnan(a), neutral, a), *args, **kwargs)


def _kept(a: Any, where: Any) -> Any:
    kept = ~np.isnan(a)
    return kept if where is True else kept & where


def _cleaned(a: Any, dtype: Any, where: Any) -> tuple[Any, Any]:
    """Put 0 in the place of each element that does not count, and say which do."""
    a = cast(as_array(a), dtype)
    kept = _kept(a, where)
    return np.where(kept, a, 0.0), kept


def _nanmean(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: bool = False,
    *, where: Any = True,
) -> Any:  # fmt: skip
    refuse_out(out)
    clean, kept = _cleaned(a, dtype, where)
    total = np.sum(clean, axis=axis, keepdims=keepdims)
    return total / np.sum(kept * np.ones_like(clean), axis=axis, keepdims=keepdims)


def _nanvar(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, ddof: float = 0,
    keepdims: bool = False, *, where: Any = True, mean: Any = None, correction: Any = None,
) -> Any:  # fmt: skip
    clean, kept = _cleaned(a, dtype, where)
    return _var(
        clean, axis, None, out, ddof, keepdims, where=kept, mean=mean, correction=correction
    )


def _nanstd(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, ddof: float = 0,
    keepdims: bool = False, *, where: Any = True, mean: Any = None, correction: Any = None,
) -> Any:  # fmt: skip
    clean, kept = _cleaned(a, dtype, where)
    return _std(
        clean, axis, None, out, ddof, keepdims, where=kept, mean=mean, correction=correction
    )


# -- running, from nothing on ----------------------------------------------------------


def _cumulative(running: Any, filler: Any) -> Callable[..., Any]:
    def apply(
        x: Any, /, *, axis: Any = None, dtype: Any = None, out: Any = None,
        include_initial: bool = False,
    ) -> Any:  # fmt: skip
        refuse_out(out)
        x = cast(x, dtype)
        if np.ndim(x) == 0:
            x = np.reshape(x, (1,))
        if axis is None:
            if np.ndim(x) > 1:
                raise ValueError(
                    "For arrays which have more than one dimension ``axis`` argument is required."
                )
            axis = 0
        result = running(x, axis=axis)
        if not include_initial:
            return result
        axis = one_axis(axis, np.ndim(x))
        start = np.broadcast_to(
            filler, tuple(1 if k == axis else n for k, n in enumerate(np.shape(x)))
        )
        return np.concatenate([start.astype(result.dtype), result], axis=axis)

    return apply


#: NumPy function -> the same in terms of others.
TABLE: dict[Any, Callable[..., Any]] = {
    np.var: _var,
    np.std: _std,
    np.ptp: _ptp,
    np.percentile: _percentile,
    np.average: _average,
    np.cov: _cov,
    np.corrcoef: _corrcoef,
    np.nansum: _without_nan(np.sum, 0.0),
    np.nanprod: _without_nan(np.prod, 1.0),
    np.nancumsum: _without_nan(np.cumsum, 0.0),
    np.nancumprod: _without_nan(np.cumprod, 1.0),
    np.nanmean: _nanmean,
    np.nanvar: _nanvar,
    np.nanstd: _nanstd,
}
if hasattr(np, "cumulative_sum"):  # since NumPy 2.1
    TABLE[np.cumulative_sum] = _cumulative(np.cumsum, np.zeros(()))
    TABLE[np.cumulative_prod] = _cumulative(np.cumprod, np.ones(()))
