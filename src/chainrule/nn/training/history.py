"""What training reported, epoch by epoch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from chainrule.errors import MissingExtraError


class History(Mapping[str, list[float]]):
    """Loss and metrics of each epoch: a mapping from a name to one number an epoch.

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
        """Add the numbers of one epoch.

        Parameters
        ----------
        logs : mapping of str to float
        """
        for name, value in logs.items():
            self._columns.setdefault(name, []).append(value)

    def __repr__(self) -> str:
        if not self.length:
            return "History of no epochs"
        last = ", ".join(f"{name} {values[-1]:.4g}" for name, values in self.items())
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
