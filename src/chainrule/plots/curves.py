"""Curves: a history by epoch, and the error of a check by step size."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from chainrule.checking.report import Report
from chainrule.checking.sweep import Sweep
from chainrule.checking.sweep import sweep as swept
from chainrule.errors import ArgumentError
from chainrule.nn.training import curves
from chainrule.plotting import axes_or_new


def history(
    history: Any,
    axes: Any = None,
    *,
    rate: Sequence[float] | Callable[[Any], Any] | None = None,
    steps: int | None = None,
) -> Any:
    """Draw loss and metrics by epoch: training, validation, and the epoch that was kept.

    Parameters
    ----------
    history : History, mapping of str to sequence of float, or a trained model
    axes : sequence of matplotlib axes, optional
        One for each panel; made unless given.
    rate : sequence of float, schedule or optimizer, optional
        The learning rate: one an epoch, or what depends on the step. It has a panel of its own
        where it changes.
    steps : int, optional
        Steps an epoch, for a schedule.

    Returns
    -------
    array of matplotlib axes

    Raises
    ------
    ArgumentError
        When there is nothing to draw, or too few axes.
    MissingExtraError

    Examples
    --------
    >>> axes = history({"loss": [2.0, 1.0, 0.5], "val_loss": [2.2, 1.4, 1.1]})
    >>> [line.get_label() for line in axes[0].lines]
    ['training', 'validation']
    """
    found = getattr(history, "history", history)
    if found is None:
        raise ArgumentError(
            "The model has no history: it has not been trained.", instead="fit(...)"
        )
    if not hasattr(found, "items"):
        raise ArgumentError(
            "A history is a mapping from names to one number an epoch.",
            expected="what fit(...) returns, or a trained model", got=type(found).__name__,
        )  # fmt: skip
    length = len(next(iter(found.values()), ()))
    return curves.draw(found, axes, _rates(rate, steps, length))


def _rates(rate: Any, steps: int | None, epochs: int) -> Any:
    rate = getattr(rate, "lr", rate)
    if rate is None or isinstance(rate, (int, float)):
        return None if rate is None else [float(rate)] * epochs
    if not callable(rate):
        return rate
    if steps is None:
        raise ArgumentError(
            "A schedule depends on the step, and how many steps an epoch has is not known.",
            expected="steps, a positive whole number", instead="steps=ceil(rows / batch_size)",
        )  # fmt: skip
    return [float(rate(np.asarray(epoch * steps))) for epoch in range(epochs)]


def sweep(
    what: Report | Sweep | Callable[[Any], Any],
    expected: float | None = None,
    steps: Any = None,
    ax: Any = None,
) -> Any:
    """Draw how far numeric differences are off, against their step size.

    Parameters
    ----------
    what : Report, Sweep or callable
        What ``cr.check`` returned, or a function of one number, whose derivative at 0 is meant.
    expected : float, optional
        The derivative that is claimed, for a function.
    steps : sequence of float, optional
        Step sizes, for a function.
    ax : matplotlib axes, optional

    Returns
    -------
    matplotlib axes

    Raises
    ------
    ArgumentError, MissingExtraError

    Examples
    --------
    >>> ax = sweep(lambda h: np.exp(h), expected=1.0)
    >>> ax.get_xlabel(), len(ax.lines)
    ('step h', 4)
    """
    if isinstance(what, (Report, Sweep)):
        if expected is not None or steps is not None:
            raise ArgumentError(
                "A check knows what is claimed, and at which steps.",
                instead="sweep(report), without expected and steps",
            )
        found = what.sweep() if isinstance(what, Report) else what
    elif callable(what):
        found = swept(what, expected, steps)
    else:
        raise ArgumentError(
            "A sweep is of a check or of a function of one number.",
            expected="what cr.check(...) returned, or a function", got=type(what).__name__,
        )  # fmt: skip
    ax = axes_or_new(ax)
    found.draw(ax)
    return ax
