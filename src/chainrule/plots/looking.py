"""A look at a model as ``model.health`` takes it, with what it saw kept for drawing."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.errors import ArgumentError
from chainrule.nn.health import Health
from chainrule.nn.health.examine import Examination
from chainrule.nn.health.probe import Forward
from chainrule.nn.health.thresholds import ROWS
from chainrule.nn.training.data import features


class Look(Examination):
    """An examination that keeps the pass that it looked at."""

    run: Forward | None = None

    def _forward(self, places: np.ndarray) -> Forward | None:
        self.run = super()._forward(places)
        return self.run


def looked(model: Any, X: Any, y: Any = None, loss: Any = None) -> tuple[Forward, Health]:
    """Run a model once on data, and return the pass and what is to be said of it.

    Raises
    ------
    ArgumentError, DtypeError, ShapeError
        For a model without parameters, and data that it does not take.
    """
    require_params(model)
    samples = features(X, None, "X")
    model.shape_of_one(samples.shape[1:])
    look = Look(model, samples, y, loss, None, None, ROWS)
    found = look.result()
    if look.run is None:
        raise ArgumentError("The model cannot be looked at.", got=" ".join(found.notes))
    return look.run, found


def require_params(model: Any) -> None:
    """Refuse what is no model of ``chainrule.nn``, and one that has no parameters yet."""
    if not hasattr(model, "params") or not hasattr(model, "apply"):
        raise ArgumentError(
            "This is no model of chainrule.nn.", expected="nn.Sequential or nn.FunctionModel",
            got=type(model).__name__, instead="estimator.model_ for one of chainrule.sklearn",
        )  # fmt: skip
    if model.params is None:
        raise ArgumentError(
            "The model has no parameters yet, and cannot be drawn.",
            instead="fit(...), or initialise(x.shape[1:]) first",
        )
