"""``autopsy``: a step of training that ended in a NaN or an infinity, taken once more, slowly."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule.nn.base import Context
from chainrule.nn.health.autopsy_report import Autopsy
from chainrule.nn.health.case import Case
from chainrule.nn.health.causes import Cause
from chainrule.nn.health.gradients import rate_of

if TYPE_CHECKING:
    from chainrule.nn.model import Model


def autopsy(
    model: Model,
    params: Any,
    state: Any,
    context: Context | None,
    x: Any,
    y: Any,
    loss: Any,
    *,
    weights: Any = None,
    penalty: Callable[[Any], Any] | None = None,
    metrics: Mapping[str, Callable[[Any, Any], Any]] | None = None,
    optimizer: Any = None,
    slots: Any = None,
    rows: Any = None,
    epoch: int | None = None,
    batch: int | None = None,
    start: Any = None,
    steps: int | None = None,
) -> Autopsy:
    """Take a failed step again and find the first number that is not finite: where and why.

    Parameters
    ----------
    model : Model
    params, state
        Before the step: the last good ones.
    context : Context or None
        The step's.
    x, y : array
        The minibatch.
    loss : str or callable
    weights : array, optional
        Of the samples.
    penalty : callable, optional
        Of the parameters.
    metrics : mapping of str to callable, optional
        ``metric(prediction, target)``, which may be what was not finite.
    optimizer : Optimizer, optional
        With it the update is looked at, too.
    slots : dict, optional
        The state of the optimizer before the step; new unless given.
    rows : sequence of int, optional
        Which rows of the data the minibatch has.
    epoch, batch : int, optional
        When it was, from 0.
    start : structure of arrays, optional
        Earlier parameters, as at the beginning of training: tells whether weights have grown.
    steps : int, optional
        How many steps ago they were.

    Returns
    -------
    Autopsy

    Examples
    --------
    >>> from chainrule import nn
    >>> def likelihood(p, y):
    ...     return -np.mean(np.log(p[np.arange(len(y)), y]))
    >>> model = nn.Sequential(nn.Dense(2), nn.Softmax())
    >>> params = {"dense1": {"W": np.array([[1000.0, 0.0]]), "b": np.zeros(2)}}
    >>> x, y = np.array([[-1.0], [1.0]]), np.array([0, 0])
    >>> found = autopsy(model, params, {}, None, x, y, likelihood)
    >>> found.operation, found.product, found.cause.kind, found.sample.row
    ('log', 'log(0) = -∞', 'log_of_zero', 0)
    """
    case = Case(
        model, params, state, context, np.asarray(x), y, loss, weights=weights, penalty=penalty,
        metrics=metrics, optimizer=optimizer, slots=slots, rows=rows, start=start, steps=steps,
    )  # fmt: skip
    found: dict[str, Any] = {"phase": "unknown"}
    with np.errstate(all="ignore"):
        for look in (case.of_data, case.of_weights, case.of_step):
            answer = look()
            if answer is not None:
                found = answer
                break
        else:
            found["causes"] = (_unknown(),)
        return Autopsy(
            epoch=epoch, batch=batch, weights=case.sizes(), learning_rate=rate_of(optimizer),
            steps=steps, **found,
        )  # fmt: skip


def _unknown() -> Cause:
    return Cause(
        "unknown",
        "The step, taken once more operation by operation, stays finite: only the compiled one, "
        "which computes in another order, went beyond what the type holds.",
        "a smaller learning rate; dtype=np.float64, which holds larger numbers",
    )
