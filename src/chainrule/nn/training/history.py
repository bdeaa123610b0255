"""What training reported, epoch by epoch."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from chainrule.calling import public
from chainrule.errors import MissingExtraError

#: The column with the learning rate of the first step of each epoch.
RATE = "learning_rate"


@public
class History(Mapping[str, list[float]]):
    """Loss, metrics and learning rate of each epoch: a mapping from a name to one number an epoch.

    The learning rate is that of the first step of an epoch.

    Parameters
    ----------
    epochs : mapping of str to list of float, optional

    Attributes
    ----------
    stopped : str
        Why training ended before its last epoch; empty if it did not.
    best_epoch : int or None
        The epoch, from 0, whose parameters early stopping has kept.
    warnings : list of str
        What was noticed on the way.

    Examples
    --------
    >>> history = History({"loss": [2.0, 1.0], "val_loss": [2.5, 1.5]})
    >>> history["loss"][-1], list(history), history.length
    (1.0, ['loss', 'val_loss'], 2)
    """

    def __init__(self, epochs: Mapping[str, list[float]] | None = None) -> None:
        self._columns = {name: list(values) for name, values in (epochs or {}).items()}
        self.stopped = ""
        self.best_epoch: int | None = None
        self.warnings: list[str] = []
        self._rate_turns = self._turns()

    def _turns(self) -> bool:
        """Whether there is a learning rate that changed: looked for once, and then kept."""
        return len(set(self._columns.get(RATE, ()))) > 1

    def __getitem__(self, name: str) -> list[float]:
        return self._columns[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._columns)

    def __len__(self) -> int:
        return len(self._columns)

    @property
    def length(self) -> int:
        """How many epochs there were."""
        return len(next(iter(self._columns.values()), ()))

    def append(self, logs: Mapping[str, float]) -> None:
        """Add the numbers of one epoch; those that only some epochs have are NaN in the others.

        Parameters
        ----------
        logs : mapping of str to float
        """
        rates = self._columns.get(RATE)
        if rates and rates[-1] != logs.get(RATE):
            self._rate_turns = True
        length = self.length
        for name, value in logs.items():
            column = self._columns.setdefault(name, [])
            if len(column) < length:
                column += [math.nan] * (length - len(column))
            column.append(value)
        if len(self._columns) > len(logs):
            for name in self._columns.keys() - logs.keys():
                self._columns[name].append(math.nan)

    def begin_with(self, epochs: Mapping[str, Sequence[float]]) -> None:
        """Take the numbers of earlier epochs, from which on the run goes on.

        Parameters
        ----------
        epochs : mapping of str to sequence of float
        """
        self._columns = {name: [float(v) for v in values] for name, values in epochs.items()}
        self._rate_turns = self._turns()

    def last(self) -> dict[str, float]:
        """Return the numbers of the last epoch, but for a learning rate that never changed.

        Returns
        -------
        dict of str to float
        """
        kept = {name: values[-1] for name, values in self._columns.items()}
        if not self._rate_turns:
            kept.pop(RATE, None)
        return kept

    def __repr__(self) -> str:
        if not self.length:
            return "History of no epochs"
        last = ", ".join(f"{name} {value:.4g}" for name, value in self.last().items())
        ended = f"; stopped: {self.stopped}" if self.stopped else ""
        plural = "" if self.length == 1 else "s"
        return f"History of {self.length} epoch{plural}; at the end {last}{ended}"

    def frame(self) -> Any:
        """Return a data frame with a row for each epoch; needs pandas.

        Returns
        -------
        pandas.DataFrame

        Raises
        ------
        MissingExtraError
        """
        try:
            import pandas as pd
        except ImportError:
            raise MissingExtraError(
                "A data frame needs pandas.", instead="pip install 'chainrule[train]'"
            ) from None
        return pd.DataFrame(self._columns).rename_axis("epoch")

    def plot(self, axes: Any = None) -> Any:
        """Draw the curves; see :func:`chainrule.plots.history`.

        Parameters
        ----------
        axes : sequence of matplotlib axes, optional
            One for each number; made unless given.

        Returns
        -------
        array of matplotlib axes

        Raises
        ------
        ArgumentError
            When there is nothing to draw, or there are too few axes.
        MissingExtraError
        """
        from chainrule.nn.training import curves

        return curves.draw(self, axes)
