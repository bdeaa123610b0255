"""The error that ends a training run whose numbers are no longer finite."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule.compiling.failure import StepError
from chainrule.errors import NonFiniteError
from chainrule.nn.base import Context
from chainrule.nn.health.autopsy_report import Autopsy
from chainrule.nn.health.dissect import autopsy

if TYPE_CHECKING:
    from chainrule.nn.model import Model
    from chainrule.nn.training.trainer import Objective


class TrainingDivergedError(NonFiniteError):
    """A NaN or an infinity arose in training.

    Attributes
    ----------
    autopsy : Autopsy
        Where and why.
    params : structure of arrays
        The last good parameters.
    state : structure of arrays
        What layers kept besides, at that time.
    epoch, batch : int or None
        From 0.
    """

    autopsy: Autopsy
    params: Any
    state: Any
    epoch: int | None
    batch: int | None


def diverged_error(found: Autopsy, params: Any, state: Any = None) -> TrainingDivergedError:
    """Return the error for an autopsy, with the last good parameters.

    Parameters
    ----------
    found : Autopsy
    params, state : structure of arrays

    Returns
    -------
    TrainingDivergedError
    """
    error = TrainingDivergedError(
        f"{found.summary} {found.cause.text}", got=str(found.sample) if found.sample else None,
        where=found.where, instead=found.cause.remedy,
    )  # fmt: skip
    error.autopsy, error.params, error.state = found, params, state
    error.epoch, error.batch = found.epoch, found.batch
    error.add_note("The error has the whole report as .autopsy, the last good weights as .params.")
    return error


def failed_step(
    error: StepError, model: Model, objective: Objective, optimizer: Any,
    data: Sequence[np.ndarray], places: np.ndarray, batch_size: int, *, epoch: int, first: int = 0,
    start: Any = None,
) -> NonFiniteError:  # fmt: skip
    """Return the error for a step of a compiled epoch that failed, after an autopsy.

    Parameters
    ----------
    error : StepError
        Its carry has the keys ``params``, ``state``, ``optimizer``, ``seed`` and ``step``.
    model : Model
    objective : Objective
    optimizer : Optimizer
    data : sequence of arrays
        x, y, and the weights of samples if there are any.
    places : array of int
        The order that the steps went through.
    batch_size : int
    epoch : int
        From 0.
    first : int
        The number in its epoch of the first batch of `places`.
    start : structure of arrays, optional
        The parameters before the first step of the run.

    Returns
    -------
    NonFiniteError
        The one that was given where it has no carry.
    """
    carry = error.carry
    if carry is None:
        return error
    rows = np.asarray(places[error.step * batch_size : (error.step + 1) * batch_size])
    x, y, *weights = (np.asarray(array[rows]) for array in data)
    found = autopsy(
        model, carry["params"], carry["state"], Context(carry["seed"], carry["step"]), x, y,
        objective.loss, weights=weights[0] if weights else None, penalty=objective.penalty,
        metrics=objective.metrics, optimizer=optimizer, slots=carry["optimizer"], rows=rows,
        epoch=epoch, batch=first + error.step, start=start, steps=int(carry["step"]),
    )  # fmt: skip
    made = diverged_error(found, carry["params"], carry["state"])
    made.__cause__ = error
    return made
