"""Norms of vectors and matrices."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.rules.axes import all_axes, normal_axis, normal_list
from chainrule.rules.norms import NORM


def norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    """Return what :func:`numpy.linalg.norm` does."""
    if x.dtype.kind not in "fc":
        x = x.astype(float)
    ndim = np.ndim(x)
    if axis is None and (
        ord is None or (ord in ("f", "fro") and ndim == 2) or (ord == 2 and ndim == 1)
    ):
        return _euclidean(x, None, keepdims)
    if axis is not None and not isinstance(axis, (int, tuple, np.integer)):
        raise TypeError("'axis' must be None, an integer or a tuple of integers")
    axes = tuple(range(ndim) if axis is None else normal_list(axis, ndim))
    if len(axes) == 1:
        return _of_vectors(x, ord, axes, keepdims)
    if len(axes) == 2:
        return _of_matrices(x, ord, axes, keepdims)
    raise ValueError("Improper number of dimensions to norm.")


def _euclidean(x: Any, axis: tuple[int, ...] | None, keepdims: bool, ord: Any = 2) -> Any:
    if x.dtype.kind == "c" or np.ndim(x) == 0:
        x = np.abs(x)
    if np.ndim(x) == 0:
        return x
    return NORM(x, ord=ord, axis=axis, keepdims=bool(keepdims))


def _of_vectors(x: Any, ord: Any, axis: tuple[int, ...], keepdims: bool) -> Any:
    if isinstance(ord, str):
        raise ValueError(f"Invalid norm order '{ord}' for vectors")
    if ord is None or ord == 2:
        return _euclidean(x, axis, keepdims)
    if ord == 0:
        count = np.not_equal(x, 0).astype(np.finfo(x.dtype).dtype)
        return np.sum(count, axis=axis, keepdims=keepdims)
    empty = any(np.shape(x)[i] == 0 for i in axis)
    if ord == 1 or (ord == np.inf and empty):
        return np.sum(np.abs(x), axis=axis, keepdims=keepdims)
    if abs(ord) == np.inf:
        return (np.max if ord > 0 else np.min)(np.abs(x), axis=axis, keepdims=keepdims)
    return _euclidean(x, axis, keepdims, ord)


def _of_matrices(x: Any, ord: Any, axis: tuple[int, ...], keepdims: bool) -> Any:
    row, column = axis
    if row == column:
        raise ValueError("Duplicate axes given.")
    both = tuple(sorted(axis))
    if ord in (None, "fro", "f"):
        return _euclidean(x, both, keepdims)
    if ord in ("nuc", 2, -2):
        values = np.linalg.svdvals(np.moveaxis(x, (row, column), (-2, -1)))
        reduce: Any = {"nuc": np.sum, 2: np.max, -2: np.min}[ord]
        out = reduce(values, axis=-1)
        return np.expand_dims(out, both) if keepdims else out
    if ord in (1, -1, np.inf, -np.inf):
        first, second = (row, column) if abs(ord) == 1 else (column, row)
        sums = np.sum(np.abs(x), axis=first)
        out = (np.max if ord > 0 else np.min)(sums, axis=second - (second > first))
        return np.expand_dims(out, both) if keepdims else out
    raise ValueError("Invalid norm order for matrices.")


def _vector_norm(x: Any, *, axis: Any = None, keepdims: bool = False, ord: Any = 2) -> Any:
    if x.dtype.kind not in "fc":
        x = x.astype(float)
    ndim = np.ndim(x)
    if ndim == 0:
        x, ndim = np.reshape(x, (1,)), 1
        keepdims = False
    return _of_vectors(x, ord, all_axes(normal_axis(axis, ndim), ndim), keepdims)


def _matrix_norm(x: Any, *, keepdims: bool = False, ord: Any = "fro") -> Any:
    return norm(x, ord, (-2, -1), keepdims)


#: NumPy function -> the same in terms of others.
TABLE: dict[Any, Callable[..., Any]] = {
    np.linalg.norm: norm,
    np.linalg.vector_norm: _vector_norm,
    np.linalg.matrix_norm: _matrix_norm,
}
