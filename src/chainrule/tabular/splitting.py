"""Which rows are held out, with every class in its share."""

from __future__ import annotations

import numpy as np


def held_out(labels: np.ndarray | None, rows: int, share: float, seed: int) -> np.ndarray:
    """Draw rows to hold out; one row of each class, at least, is not.

    Parameters
    ----------
    labels : array of int, shape (n,), or None
        Of classes, each of which is held out in its share.
    rows : int
        How many there are.
    share : float
        Between 0 and 1.
    seed : int

    Returns
    -------
    array of bool, shape (n,)
        One row at least is held out, and one is not.

    Examples
    --------
    >>> chosen = held_out(np.array([0] * 10 + [1] * 5), 15, 0.2, seed=0)
    >>> int(chosen[:10].sum()), int(chosen[10:].sum())
    (2, 1)
    """
    keys = _keys(labels, rows, seed)
    if labels is not None:  # the last row of each class stays
        for label in np.unique(labels):
            own = np.flatnonzero(labels == label)
            keys[own[np.argmax(keys[own])]] = np.inf
    count = min(max(1, round(share * rows)), rows - 1, int(np.isfinite(keys).sum()))
    chosen = np.zeros(rows, dtype=bool)
    chosen[np.argsort(keys, kind="stable")[:count]] = True
    return chosen


def folds(labels: np.ndarray | None, rows: int, count: int, seed: int) -> np.ndarray:
    """Return in which fold each row is; each class is spread over all of them.

    Parameters
    ----------
    labels : array of int, shape (n,), or None
    rows, count, seed : int

    Returns
    -------
    array of int, shape (n,)
        From 0 to count - 1.

    Examples
    --------
    >>> np.bincount(folds(None, 10, 3, seed=0)).tolist()
    [4, 3, 3]
    """
    rng = np.random.default_rng([seed, 1])
    order = rng.permutation(rows)
    if labels is not None:
        order = order[np.argsort(labels[order], kind="stable")]
    found = np.empty(rows, dtype=int)
    found[order] = np.arange(rows) % count
    return found


def equally_many(labels: np.ndarray) -> np.ndarray:
    """Return about as many rows as there are, the same number of each class.

    Rows of rare classes come several times, some of common ones do not.

    Parameters
    ----------
    labels : array of int, shape (n,)

    Returns
    -------
    array of int
        Numbers of rows.

    Examples
    --------
    >>> equally_many(np.array([0, 0, 0, 0, 0, 1])).tolist()
    [0, 1, 2, 5, 5, 5]
    """
    classes = np.unique(labels)
    each = -(-len(labels) // len(classes))
    return np.concatenate([np.resize(np.flatnonzero(labels == c), each) for c in classes])


def _keys(labels: np.ndarray | None, rows: int, seed: int) -> np.ndarray:
    """Return numbers from 0 to 1; the smallest of any share hold that share of each class."""
    rng = np.random.default_rng([seed, 0])
    if labels is None:
        return rng.permutation(rows) / rows
    keys = np.empty(rows)
    for label in np.unique(labels):
        own = np.flatnonzero(labels == label)
        keys[own] = (rng.permutation(len(own)) + rng.random()) / len(own)
    return keys
