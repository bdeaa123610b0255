"""Products of arrays."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.rules.products import EINSUM, bind_einsum


def _strong(a: Any) -> Any:
    """Return a Python number as NumPy's, whose precision does not give way."""
    return np.asarray(a)[()] if isinstance(a, (int, float)) else a


def _dot(a: Any, b: Any) -> Any:
    n, m = np.ndim(a), np.ndim(b)
    if n == 0 or m == 0:
        return _strong(a) * _strong(b)
    if n <= 2 and m <= 2:
        return np.matmul(a, b)
    return np.tensordot(a, b, ((n - 1,), (max(m - 2, 0),)))


def _inner(a: Any, b: Any) -> Any:
    if np.ndim(a) == 0 or np.ndim(b) == 0:
        return _strong(a) * _strong(b)
    return np.tensordot(a, b, ((np.ndim(a) - 1,), (np.ndim(b) - 1,)))


def _trace(a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    planes = np.moveaxis(a, (axis1, axis2), (-2, -1))
    rows, columns = np.shape(planes)[-2:]
    diagonal = np.eye(rows, columns, offset).nonzero()
    return np.sum(planes[(..., *diagonal)], axis=-1)


def _einsum(spec: Any, *operands: Any, optimize: Any = False) -> Any:
    arrays, params = bind_einsum(spec, *operands, optimize=optimize)
    term, _, result = params["spec"].partition("->")
    if len(arrays) == 1 and sorted(term) == sorted(result):  # nothing is summed: a view
        return np.transpose(arrays[0], tuple(term.index(c) for c in result))
    if len(operands) == 1 and len(arrays) == 2 and spec.replace(" ", "") in ("ii->i", "jj->j"):
        return np.diagonal(operands[0])
    return EINSUM(*arrays, **params)


#: NumPy function -> the same in terms of others.
TABLE: dict[Any, Callable[..., Any]] = {
    np.dot: _dot,
    np.einsum: _einsum,
    np.inner: _inner,
    np.trace: _trace,
}
