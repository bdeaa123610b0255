"""The picture of a history: each number by epoch, training beside validation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from chainrule.errors import ArgumentError
from chainrule.plotting import COLOURS, QUIET, grid_or_new, tidy

#: What a column with learning rates is called.
_RATES = ("learning_rate", "lr")
#: A positive number that falls by more than this is drawn on a logarithmic scale.
_DECADES = 100.0


def draw(history: Mapping[str, Sequence[float]], axes: Any = None) -> Any:
    """Draw each number by epoch, with training and validation in one panel.

    Parameters
    ----------
    history : mapping of str to sequence of float
    axes : sequence of axes, optional

    Raises
    ------
    ArgumentError, MissingExtraError
    """
    columns = {name: _numbers(name, values) for name, values in history.items()}
    if not columns or not all(len(v) for v in columns.values()):
        raise ArgumentError("There is nothing to draw: the history holds no epochs.")
    lengths = {name: len(values) for name, values in columns.items()}
    if len(set(lengths.values())) > 1:
        raise ArgumentError(
            "The columns of a history have a number for each epoch.",
            expected="columns of one length", got=str(lengths),
        )  # fmt: skip
    shown = [name for name in columns if _is_shown(name, columns)]
    panels = grid_or_new(axes, len(shown), widest=2 if len(shown) in (2, 4) else 3)
    best = getattr(history, "best_epoch", None)
    for ax, name in zip(panels, shown, strict=True):
        if name in _RATES:
            _rate(ax, columns[name])
        else:
            _curve(ax, name, columns[name], columns.get(f"val_{name}"), best)
    return panels


def _numbers(name: str, values: Any) -> np.ndarray:
    try:
        return np.asarray(values, dtype=float).reshape(-1)
    except (TypeError, ValueError):
        raise ArgumentError(
            f"The history's {name!r} does not hold numbers.", expected="one number an epoch",
            got=repr(values)[:80],
        ) from None  # fmt: skip


def _is_shown(name: str, columns: Mapping[str, np.ndarray]) -> bool:
    """Whether a column has a panel of its own; a rate that never changes says nothing."""
    if name in _RATES:
        return len(np.unique(columns[name][np.isfinite(columns[name])])) > 1 or len(columns) == 1
    return not (name.startswith("val_") and name[4:] in columns)


def _curve(ax: Any, name: str, own: np.ndarray, other: Any, best: int | None) -> None:
    epochs = np.arange(1, len(own) + 1)
    marker = "o" if len(own) == 1 else None
    curves = [("training", own, COLOURS[0], "-")]
    if other is not None:
        curves.append(("validation", other, COLOURS[1], "--"))
    for label, values, colour, line in curves:
        ax.plot(epochs, values, line, color=colour, label=label, marker=marker, linewidth=1.8)
    _mark_best(ax, curves[-1][1], best)
    every = np.concatenate([values for _, values, _, _ in curves])
    every = every[np.isfinite(every)]
    if every.size and every.min() > 0 and every.max() > _DECADES * every.min():
        ax.set_yscale("log")
    _finish(ax, name.replace("_", " "), len(own))
    ax.legend(frameon=False)


def _mark_best(ax: Any, values: np.ndarray, best: int | None) -> None:
    if best is None or not 0 <= best < len(values):
        return
    ax.axvline(best + 1, color=QUIET, linewidth=1, linestyle=":", label=f"kept: epoch {best + 1}")
    ax.plot([best + 1], [values[best]], "D", color=QUIET, markersize=6, label="_kept")


def _rate(ax: Any, rates: np.ndarray) -> None:
    epochs = np.arange(1, len(rates) + 1)
    ax.plot(epochs, rates, color=COLOURS[2], drawstyle="steps-mid", linewidth=1.8)
    known = rates[np.isfinite(rates)]
    if known.size and np.all(known > 0) and known.max() > 10 * known.min():
        ax.set_yscale("log")
    _finish(ax, "learning rate", len(rates))


def _finish(ax: Any, label: str, epochs: int) -> None:
    from matplotlib.ticker import MaxNLocator

    room = max(0.02 * epochs, 0.2)  # epochs begin at 1, and no tick says 0
    ax.set(xlabel="epoch", ylabel=label, xlim=(max(1 - room, 0.5), epochs + room))
    ax.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))
    tidy(ax)
