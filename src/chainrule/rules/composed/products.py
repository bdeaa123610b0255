"""Products of arrays."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.rules.products import EINSUM, MATMUL, TENSORDOT, bind_einsum


def _strong(a: Any) -> Any:
    """Return a Python number as NumPy's, whose precision does not give way."""
    return np.asarray(a)[()] if isinstance(a, (int, float)) else a


def _stacked(a: Any) -> Any:
    return np.stack(a) if isinstance(a, (list, tuple)) else a


def _dot(a: Any, b: Any) -> Any:
    if isinstance(a, (list, tuple)) or isinstance(b, (list, tuple)):
        return np.dot(_stacked(a), _stacked(b))
    n, m = np.ndim(a), np.ndim(b)
    if n == 0 or m == 0:
        return _strong(a) * _strong(b)
    if n <= 2 and m <= 2:
        return MATMUL(a, b)
    return TENSORDOT(a, b, axes=((n - 1,), (max(m - 2, 0),)))


def _inner(a: Any, b: Any) -> Any:
    if np.ndim(a) == 0 or np.ndim(b) == 0:
        return _strong(a) * _strong(b)
    return TENSORDOT(a, b, axes=((np.ndim(a) - 1,), (np.ndim(b) - 1,)))


def _trace(a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    planes = np.moveaxis(a, (axis1, axis2), (-2, -1))
    rows, columns = np.shape(planes)[-2:]
    diagonal = np.eye(rows, columns, offset).nonzero()
    return np.sum(planes[(..., *diagonal)], axis=-1)


def _einsum(spec: Any, *operands: Any, optimize: Any = False) -> Any:
    arrays, params = bind_einsum(spec, *operands, optimize=optimize)
    terms, _, result = params["spec"].partition("->")
    if len(operands) > 1:
        return EINSUM(*arrays, **params)
    view, letters = operands[0], list(terms.split(",")[0])
    for pair in terms.split(",")[1:]:  # 'ii' has become 'ij,ij': a diagonal
        first, second = map(letters.index, pair)
        view = np.diagonal(view, 0, first, second)
        letters = [c for c in letters if c not in pair] + [pair[0]]
    if sorted(letters) != sorted(result):
        return EINSUM(*arrays, **params)
    # Nothing is summed: a view, as in NumPy.
    return np.transpose(view, tuple(letters.index(c) for c in result))


#: NumPy function -> the same in terms of others.
TABLE: dict[Any, Callable[..., Any]] = {
    np.dot: _dot,
    np.einsum: _einsum,
    np.inner: _inner,
    np.trace: _trace,
}
