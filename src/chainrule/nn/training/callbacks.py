"""What is done after each epoch: early stopping, and the user's own."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from chainrule.calling import public
from chainrule.errors import ArgumentError

if TYPE_CHECKING:
    from chainrule.nn.training.run import Run


@public
class Callback:
    """What is told of a training run; a subclass defines some of its methods.

    A plain function of the run serves as well, and is called after each epoch.
    """

    def on_start(self, run: Run) -> None:
        """Do something before the first epoch.

        Parameters
        ----------
        run : Run
        """

    def on_epoch_end(self, run: Run) -> None:
        """Do something after each epoch, when `run.logs` has its numbers.

        Parameters
        ----------
        run : Run
        """

    def on_end(self, run: Run) -> None:
        """Do something after the last epoch.

        Parameters
        ----------
        run : Run
        """

    def state(self) -> dict[str, Any]:
        """Return what a checkpoint has to hold of this: a dict of numbers and arrays.

        Returns
        -------
        dict
        """
        return {}

    def restore(self, state: dict[str, Any]) -> None:
        """Take up again what :meth:`state` returned.

        Parameters
        ----------
        state : dict
        """


class _Function(Callback):
    """A plain function as a callback."""

    def __init__(self, function: Callable[[Run], Any]) -> None:
        self.function = function

    def on_epoch_end(self, run: Run) -> None:
        self.function(run)


@public
class EarlyStopping(Callback):
    """Ends training when a number has not become better for some epochs, and keeps the best.

    Parameters
    ----------
    monitor : str
        Which number; ``"loss"`` and what begins with ``"val_loss"`` are better when smaller.
    patience : int
        For how many epochs it may fail to become better.
    min_delta : float
        By how much it has to be better to count.
    restore_best : bool
        Whether the parameters of the best epoch are those that the model has in the end.
    mode : {"auto", "min", "max"}
        Whether smaller or larger is better; ``"auto"`` takes accuracies to be better when larger.

    Raises
    ------
    ArgumentError
        For an argument out of its range.

    Examples
    --------
    >>> EarlyStopping(patience=5)
    EarlyStopping(monitor='val_loss', patience=5, min_delta=0.0)
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        patience: int = 10,
        min_delta: float = 0.0,
        restore_best: bool = True,
        mode: str = "auto",
    ) -> None:
        if not hasattr(patience, "__index__") or patience < 1:
            raise ArgumentError(
                "patience is a number of epochs.", expected="a whole number from 1",
                got=repr(patience),
            )  # fmt: skip
        if not min_delta >= 0:
            raise ArgumentError(
                "min_delta is by how much a number has to be better.",
                expected="a number from 0", got=repr(min_delta),
            )  # fmt: skip
        if mode not in ("auto", "min", "max"):
            raise ArgumentError(
                "mode says which way is better.", expected="'auto', 'min' or 'max'", got=repr(mode)
            )
        self.monitor = monitor
        self.patience = int(patience)
        self.min_delta = float(min_delta)
        self.restore_best = restore_best
        larger = mode == "max" or (mode == "auto" and "accuracy" in monitor)
        self._sign = -1.0 if larger else 1.0
        self._forget()

    def __repr__(self) -> str:
        return (
            f"EarlyStopping(monitor={self.monitor!r}, patience={self.patience}, "
            f"min_delta={self.min_delta})"
        )

    def _forget(self) -> None:
        self.best = math.inf
        self.best_epoch: int | None = None
        self.waited = 0
        self._kept: Any = None

    def on_start(self, run: Run) -> None:
        """Forget an earlier run."""
        self._forget()

    def on_epoch_end(self, run: Run) -> None:
        """Compare the number with the best so far.

        Raises
        ------
        ArgumentError
            When there is no such number.
        """
        if self.monitor not in run.logs:
            raise ArgumentError(
                f"Early stopping looks at {self.monitor!r}, which is not among the numbers.",
                expected=f"one of {', '.join(run.logs)}", got=repr(self.monitor),
                instead="validation_split=0.1, or EarlyStopping(monitor='loss')"
                if self.monitor.startswith("val_") else None,
            )  # fmt: skip
        value = self._sign * run.logs[self.monitor]
        if value < self.best - self.min_delta or (
            self.best_epoch is None and not math.isnan(value)
        ):
            self.best, self.best_epoch, self.waited = value, run.epoch, 0
            run.history.best_epoch = run.epoch if self.restore_best else None
            if self.restore_best:
                self._kept = {"params": run.params, "state": run.state}
            return
        self.waited += 1
        if self.waited >= self.patience:
            best = self._sign * self.best
            run.stop(
                f"{self.monitor} has not been better than {best:.4g} for {self.patience} epochs"
            )

    def on_end(self, run: Run) -> None:
        """Give the model the best parameters."""
        if self._kept is not None:
            run.params, run.state = self._kept["params"], self._kept["state"]

    def state(self) -> dict[str, Any]:
        """Return the best number, when it was, and the parameters then."""
        return {
            "best": self.best, "best_epoch": self.best_epoch, "waited": self.waited,
            "kept": self._kept,
        }  # fmt: skip

    def restore(self, state: dict[str, Any]) -> None:
        """Take up again what :meth:`state` returned."""
        self.best, self.best_epoch = state["best"], state["best_epoch"]
        self.waited, self._kept = state["waited"], state["kept"]


def as_callbacks(callbacks: Any, early_stopping: Any) -> list[Callback]:
    """Return callbacks in the order in which they are called.

    Parameters
    ----------
    callbacks : sequence of Callback or callable, or one
    early_stopping : bool or EarlyStopping or None

    Raises
    ------
    ArgumentError
    """
    single = isinstance(callbacks, Callback) or callable(callbacks)
    made = []
    for callback in [callbacks] if single else callbacks:
        if not isinstance(callback, Callback) and (
            isinstance(callback, type) or not callable(callback)
        ):
            raise ArgumentError(
                "A callback is called with the run after each epoch.",
                expected="a function of one argument, or a nn.Callback", got=repr(callback),
                instead=f"{callback.__name__}()" if isinstance(callback, type) else None,
            )  # fmt: skip
        made.append(callback if isinstance(callback, Callback) else _Function(callback))
    if early_stopping is True:
        early_stopping = EarlyStopping()
    if early_stopping:
        if not isinstance(early_stopping, EarlyStopping):
            raise ArgumentError(
                "early_stopping says when to stop.",
                expected="True, or nn.EarlyStopping(patience=...)", got=repr(early_stopping),
            )  # fmt: skip
        made.insert(0, early_stopping)  # so that others can see which epoch is the best
    return made
