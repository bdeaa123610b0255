"""Rows of a minibatch, as an autopsy tells of them."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.nn.health.autopsy_report import Sample
from chainrule.nn.health.origin import told

#: A row over the middle one, by the largest number of each, that is out of the ordinary.
_OUTLIER = 100.0


class Rows:
    """A minibatch, and where in the data its rows stand.

    Parameters
    ----------
    given_x : array, shape (n, ...)
        As it lies in the data.
    x : array
        In the type of the parameters.
    y : array or None
    rows : array of int, shape (n,), or None
    """

    def __init__(self, given_x: np.ndarray, x: np.ndarray, y: Any, rows: Any) -> None:
        self.given_x, self.x, self.y = given_x, x, y
        self.rows = None if rows is None else np.asarray(rows)

    def name(self, row: int) -> str:
        """Return what a row is called."""
        if self.rows is None:
            return f"row {row} of the minibatch"
        return f"row {int(self.rows[row])}"

    def sample(self, row: int, alone: bool | None) -> Sample:
        """Return what is to be told of a row."""
        values = np.ravel(self.given_x[row])
        y = None if self.y is None or self.y.ndim == 0 else np.ravel(self.y[row])
        return Sample(
            row if self.rows is None else int(self.rows[row]), self.rows is not None,
            tuple(float(v) for v in values[:8]), len(values),
            None if y is None else tuple(float(v) for v in y[:4]), alone, self.outlier(row),
        )  # fmt: skip

    def outlier(self, row: int) -> str:
        """Return what is to be said of a row that is far larger than the others, else nothing."""
        sizes = np.abs(self.x.reshape(len(self.x), -1).astype(float)).max(axis=1, initial=0)
        middle, own = float(np.median(sizes)), float(sizes[row])
        if not (np.isfinite(own) and own > _OUTLIER * middle > 0):
            return ""
        column = int(np.argmax(np.abs(np.ravel(self.x[row]))))
        name, number = self.name(row), told(float(np.ravel(self.x[row])[column]))
        return (
            f"{name[:1].upper()}{name[1:]} is out of the ordinary: {number} in column {column}, "
            f"{own / middle:.0f} times the size of the middle row."
        )
