"""How things are measured, and how the figures are shown."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

Run = Callable[[], Any]


class UnavailableError(Exception):
    """A benchmark needs something that is not installed; the message says what."""


@dataclass(frozen=True)
class Table:
    """What one group of cases gave.

    Attributes
    ----------
    goal : str
        What the figures are held against.
    rows : sequence of mapping
        Column -> figure; all rows have the same columns.
    """

    goal: str
    rows: Sequence[Mapping[str, Any]]

    def __str__(self) -> str:
        cells = [list(self.rows[0]), *([_shown(v) for v in row.values()] for row in self.rows)]
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        lines = [
            "  ".join(
                # The first column is a name; the others are figures.
                cell.ljust(width) if i == 0 else cell.rjust(width)
                for i, (cell, width) in enumerate(zip(line, widths, strict=True))
            ).rstrip()
            for line in cells
        ]
        return "\n".join([lines[0], "-" * len(lines[0]), *lines[1:], f"goal: {self.goal}"])


def _shown(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.2f}" if abs(value) < 100 else f"{value:,.0f}"
    return f"{value:,}" if isinstance(value, int) else str(value)


@dataclass(frozen=True)
class Compared:
    """Two ways to do the same work, timed side by side.

    Attributes
    ----------
    ours, theirs : float
        Median seconds a run.
    ratio : float
        Median over the rounds of theirs / ours.
    low, high : float
        The quartiles of that ratio.
    """

    ours: float
    theirs: float
    ratio: float
    low: float
    high: float


def compared(ours: Run, theirs: Run, rounds: int = 41, seconds: float = 0.02) -> Compared:
    """Time two ways in turn, in one process, so that both meet the same machine.

    Each round runs both for about `seconds`, and every second round in the other order.
    """
    counts = [_count(run, seconds) for run in (ours, theirs)]
    times: tuple[list[float], list[float]] = ([], [])
    for i in range(rounds):
        for which in (0, 1) if i % 2 == 0 else (1, 0):
            times[which].append(timed((ours, theirs)[which], counts[which]))
    ratios = [b / a for a, b in zip(*times, strict=True)]
    low, ratio, high = statistics.quantiles(ratios, n=4)
    return Compared(statistics.median(times[0]), statistics.median(times[1]), ratio, low, high)


def timed(run: Run, count: int = 1) -> float:
    """Return the seconds that one run takes, as the mean of `count`.

    The garbage collector stays on, since it is part of what a user waits for.
    """
    gc.collect()
    start = time.perf_counter()
    for _ in range(count):
        run()
    return (time.perf_counter() - start) / count


def _count(run: Run, seconds: float) -> int:
    timed(run, 3)  # caches fill, files are read
    return max(1, round(seconds / max(timed(run, 3), 1e-9)))


def assert_same(
    name: str, ours: Any, theirs: Any, rtol: float = 1e-12, atol: float = 1e-14
) -> None:
    """Refuse to time two ways that do not give the same numbers in the same structure."""
    if isinstance(ours, (list, tuple)):
        if len(ours) != len(theirs):
            raise AssertionError(f"{name}: {len(ours)} parts against {len(theirs)}")
        for a, b in zip(ours, theirs, strict=True):
            assert_same(name, a, b, rtol, atol)
    elif np.shape(ours) != np.shape(theirs) or not np.allclose(ours, theirs, rtol, atol):
        raise AssertionError(f"{name}: {ours!r} is not {theirs!r}")
