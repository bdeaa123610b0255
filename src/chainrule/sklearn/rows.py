"""The rows that are trained on; sparse ones become dense a block at a time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

#: Bytes of a block; a sparse matrix that takes no more is made dense once.
BLOCK = 2**27


class Rows:
    """Data in the same order: X, targets and weights.

    Parameters
    ----------
    X : array or sparse matrix, shape (n, features)
    y : array, n along its first axis
    weights : array, shape (n,), or None
        Unless given, all 1.
    more : bool
        Add a row of weight 0 at the end, which fills minibatches up, where X is small enough to
        be copied.

    Attributes
    ----------
    count : int
        Rows that were given; also the place of the one that may have been added.
    is_sparse : bool
        Whether X is too large to be dense as a whole.
    has_more : bool
        Whether a row was added.
    """

    def __init__(
        self, X: Any, y: np.ndarray, weights: np.ndarray | None, more: bool = False
    ) -> None:
        self.count = X.shape[0]
        self._row_bytes = max(1, X.shape[1] * X.dtype.itemsize)
        is_small = self.count * self._row_bytes <= BLOCK
        if hasattr(X, "toarray") and is_small:
            X = X.toarray()
        self.is_sparse = hasattr(X, "toarray")
        self._X = X.tocsr() if self.is_sparse else np.ascontiguousarray(X)
        self._others = y, np.ones(self.count, X.dtype) if weights is None else weights
        self.has_more = more and is_small
        if self.has_more:
            self._X, *others = map(_with_zeros, (self._X, *self._others))
            self._others = others[0], others[1]

    def parts(
        self, order: np.ndarray, batch: int = 1
    ) -> Iterator[tuple[tuple[Any, ...], np.ndarray]]:
        """Yield arrays, and which of their rows come next.

        Parameters
        ----------
        order : array of int
        batch : int
            Rows that stay together.

        Yields
        ------
        data : tuple of arrays
        places : array of int
        """
        if not self.is_sparse:
            yield (self._X, *self._others), order
            return
        length = max(1, BLOCK // (self._row_bytes * batch)) * batch
        for first in range(0, len(order), length):
            rows = order[first : first + length]
            data = (self._X[rows].toarray(), *(v[rows] for v in self._others))
            yield data, np.arange(len(rows))


def _with_zeros(array: np.ndarray) -> np.ndarray:
    """Return an array with one row of zeros more."""
    return np.concatenate([array, np.zeros((1, *array.shape[1:]), array.dtype)])
