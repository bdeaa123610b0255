"""What curves of training tell: functions of lists of numbers, one an epoch."""

from __future__ import annotations

import math
from collections.abc import Sequence

from chainrule.nn.health.finding import Finding, counted
from chainrule.nn.health.thresholds import (
    DIVERGED,
    FALLEN,
    OVERFITTING_EPOCHS,
    OVERFITTING_RISE,
    PATIENCE,
    RISEN,
    RISING,
)

Numbers = Sequence[float]


def diverging(losses: Numbers, rate: float | None = None) -> Finding | None:
    """Return what is to be said of a loss that grows.

    It has grown in each of the last five epochs, and is above its lowest value by a tenth of it;
    or it is three times what it was after the first epoch.

    Parameters
    ----------
    losses : sequence of float
        One an epoch.
    rate : float, optional
        The learning rate.

    Examples
    --------
    >>> print(diverging([1.0, 0.9, 1.1, 1.4, 1.9, 2.5, 3.3], rate=0.05).text)
    The loss rose from 0.9 to 3.3 in 5 epochs.
    >>> diverging([3.0, 2.0, 1.5, 1.4, 1.5])
    """
    if len(losses) < 2:
        return None
    now = losses[-1]
    if not math.isfinite(now):
        return _diverged(f"The loss is {now} after {counted(len(losses), 'epoch')}.", now, rate)
    start = len(losses) - 1
    while start > 0 and losses[start - 1] < losses[start]:
        start -= 1
    low, epochs = losses[start], len(losses) - 1 - start
    rises = epochs >= RISING and _above(now, min(losses), RISEN)
    jumped = losses[0] > 0 and now > DIVERGED * losses[0]
    if not rises and not jumped:
        return None
    if not rises:  # it may have gone up and down on the way
        lowest = min(losses)
        start = len(losses) - 1 - list(reversed(losses)).index(lowest)
        low, epochs = lowest, len(losses) - 1 - start
    rose = f"The loss rose from {low:.4g} to {now:.4g} in {counted(epochs, 'epoch')}."
    return _diverged(rose, now, rate)


def _diverged(text: str, now: float, rate: float | None) -> Finding:
    smaller = "a smaller learning rate" if rate is None else f"a learning rate of {rate / 10:g}"
    instead = "" if rate is None else f" instead of {rate:g}"
    return Finding(
        "diverging", "loss", text,
        f"{smaller}{instead}; clip_norm=1.0 in the optimizer; inputs scaled to about 1", "severe",
        {"loss": now},
    )  # fmt: skip


def _above(value: float, other: float, factor: float) -> bool:
    """Whether a number is above another one by a factor, of either sign."""
    return value - other > (factor - 1) * abs(other)


def stuck(losses: Numbers, guess: float | None = None) -> Finding | None:
    """Return what is to be said of a loss that does not fall at all.

    Parameters
    ----------
    losses : sequence of float
        One an epoch.
    guess : float, optional
        The loss of guessing: a loss of less than a tenth of it need not fall.

    Examples
    --------
    >>> print(stuck([2.3026] * 20, guess=2.3026).text)
    The loss has not fallen in 20 epochs: 2.303 after the first, 2.303 now.
    """
    if len(losses) < PATIENCE or (guess is not None and min(losses) < 0.1 * guess):
        return None
    first, best = losses[0], min(losses)
    if first == 0 or first - best > FALLEN * abs(first):
        return None
    return Finding(
        "stuck", "loss",
        f"The loss has not fallen in {len(losses)} epochs: {first:.4g} after the first, "
        f"{losses[-1]:.4g} now.",
        "a learning rate ten times as large, or as small; inputs scaled to mean 0 and spread 1; "
        "model.health(x, y) for dead units and vanishing gradients; a look at whether x and y "
        "belong together row by row",
        "warning", {"first": first, "loss": losses[-1]},
    )  # fmt: skip


def overfitting(losses: Numbers, validation: Numbers) -> Finding | None:
    """Return what is to be said of a validation loss that rises while the loss falls.

    Parameters
    ----------
    losses, validation : sequence of float
        One an epoch.

    Examples
    --------
    >>> falling = [1 / (n + 1) for n in range(30)]
    >>> overfitting(falling, [1 - n / 20 if n < 10 else n / 18 for n in range(30)]).numbers["epoch"]
    10
    """
    if len(validation) != len(losses) or len(losses) <= OVERFITTING_EPOCHS:
        return None
    best = min(range(len(validation)), key=lambda k: validation[k])
    now = len(losses) - 1
    if now - best < OVERFITTING_EPOCHS or not losses[now] < losses[best]:
        return None
    # One epoch may be above by chance: the middle one of the last three counts.
    recent = sorted(validation[-3:])[1]
    if not _above(recent, validation[best], OVERFITTING_RISE):
        return None
    return Finding(
        "overfitting", "loss",
        f"The validation loss has risen from {validation[best]:.4g} (epoch {best + 1}) to "
        f"{validation[now]:.4g} (epoch {now + 1}) while the loss fell from {losses[best]:.4g} to "
        f"{losses[now]:.4g}.",
        "early_stopping=True, which keeps the best weights; Dropout; a penalty on the weights; "
        "more data; a smaller network",
        "warning", {"best": validation[best], "epoch": best + 1, "now": validation[now]},
    )  # fmt: skip


def dying(first: float, now: float, layer: str, epochs: int) -> Finding:
    """Return what is to be said of a layer in which ever more units are dead.

    Parameters
    ----------
    first, now : float
        Share of dead units.
    layer : str
    epochs : int
        In how many epochs that came about.
    """
    return Finding(
        "dying", layer,
        f"{layer}: {now:.0%} of the units are dead, after {first:.0%} "
        f"{counted(epochs, 'epoch')} ago.",
        "a smaller learning rate; LeakyReLU or ELU; clip_norm=1.0 in the optimizer",
        "warning", {"first": first, "now": now},
    )  # fmt: skip
