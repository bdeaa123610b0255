"""How far training is, on a terminal; nothing in a pipe."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any, Protocol

from chainrule.errors import ArgumentError


class Progress(Protocol):
    """What is told how far training is."""

    def moved(self, steps: int, logs: Mapping[str, float]) -> None:
        """Take note that so many steps are done in all."""

    def epoch_done(self, epoch: int, epochs: int, logs: Mapping[str, float]) -> None:
        """Take note of the end of an epoch."""

    def close(self) -> None:
        """Leave the terminal as it was."""


class Silent:
    """Says nothing."""

    def moved(self, steps: int, logs: Mapping[str, float]) -> None:
        """Do nothing."""

    def epoch_done(self, epoch: int, epochs: int, logs: Mapping[str, float]) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""


class Lines(Silent):
    """One line an epoch."""

    def epoch_done(self, epoch: int, epochs: int, logs: Mapping[str, float]) -> None:
        """Print the numbers of the epoch."""
        print(f"epoch {epoch + 1}/{epochs}  {_numbers(logs)}", file=sys.stderr, flush=True)


class Bar(Silent):
    """A bar with the time left, by rich."""

    def __init__(self, epochs: int, steps: int) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
        from rich.progress import Progress as RichProgress

        self._epochs = epochs
        self._bar = RichProgress(
            TextColumn("epoch {task.fields[epoch]}"), BarColumn(bar_width=24),
            TextColumn("{task.percentage:3.0f} %"), TimeElapsedColumn(), TextColumn("left"),
            TimeRemainingColumn(), TextColumn("{task.fields[numbers]}"),
            console=Console(stderr=True),
        )  # fmt: skip
        self._task = self._bar.add_task("", total=steps, epoch=f"1/{epochs}", numbers="")

    def moved(self, steps: int, logs: Mapping[str, float]) -> None:
        """Move the bar, which appears with the first steps."""
        if not self._bar.live.is_started:
            self._bar.start()
        if logs:
            self._bar.update(self._task, completed=steps, numbers=_numbers(logs))
        else:
            self._bar.update(self._task, completed=steps)

    def epoch_done(self, epoch: int, epochs: int, logs: Mapping[str, float]) -> None:
        """Show the numbers of the epoch."""
        shown = f"{min(epoch + 2, epochs)}/{epochs}"
        self._bar.update(self._task, epoch=shown, numbers=_numbers(logs))

    def close(self) -> None:
        """Leave the last state of the bar where it is."""
        self._bar.stop()


def progress(verbose: int, epochs: int, steps: int) -> Progress:
    """Return what shows how far training is.

    Parameters
    ----------
    verbose : int
        0 for nothing, 1 for a bar in a terminal and nothing in a pipe, 2 for a line an epoch.
    epochs, steps : int
        In all.

    Raises
    ------
    ArgumentError
    """
    if verbose not in (0, 1, 2):
        raise ArgumentError(
            "verbose says what to show.", got=repr(verbose),
            expected="0 (nothing), 1 (a bar, in a terminal), 2 (a line for each epoch)",
        )  # fmt: skip
    if verbose == 2:
        return Lines()
    if verbose == 1 and (_in_notebook() or sys.stderr.isatty()):
        try:
            return Bar(epochs, steps)
        except ImportError:
            return Lines()
    return Silent()


def _in_notebook() -> bool:
    shell: Any = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return type(shell).__name__ == "ZMQInteractiveShell"


def _numbers(logs: Mapping[str, float]) -> str:
    return "  ".join(f"{name} {value:.4g}" for name, value in logs.items())
