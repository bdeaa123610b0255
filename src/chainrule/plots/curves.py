"""Curves: a history by epoch, and the error of a check by step size."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from chainrule.calling import public
from chainrule.checking.report import Report
from chainrule.checking.sweep import Sweep
from chainrule.checking.sweep import sweep as swept
from chainrule.errors import ArgumentError
from chainrule.nn.training import curves
from chainrule.plotting import axes_or_new


@public
def history(history: Any, axes: Any = None) -> Any:
    """Draw loss and metrics by epoch: training, validation, and the epoch that was kept.

    A learning rate that changes has a panel of its own.

    Parameters
    ----------
    history : History, mapping of str to sequence of float, or a trained model
    axes : sequence of matplotlib axes, optional
        One for each panel; made unless given.

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
    return curves.draw(found, axes)


@public
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
    >>> import numpy as np
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
