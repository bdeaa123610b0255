"""``partial_fit``: training that goes on with each call, on what there is then."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from chainrule.calling import no_such
from chainrule.nn.optimizers import Adam
from chainrule.nn.training.fit import Settings, run_of
from chainrule.nn.training.run import Position, Run

if TYPE_CHECKING:
    from chainrule.nn.trainable import Trainable

#: About how many steps are reckoned to come, when nobody knows.
_STEPS = 100_000

_DEFAULTS: dict[str, Any] = {
    "loss": "mse", "optimizer": Adam(), "metrics": (), "penalty": None, "executor": "auto",
    "batch_size": None, "shuffle": True, "sample_weights": None, "class_weights": None, "seed": 0,
    "dtype": None,
}  # fmt: skip
_OF_STEPS = ("loss", "optimizer", "metrics", "penalty", "executor")
#: What belongs to the rows of one call.
_OF_A_CALL = ("sample_weights",)


@dataclass
class Partial:
    """Where training in parts stands: the options, and the run of the last call."""

    options: dict[str, Any]
    run: Run


def continued(
    model: Trainable, before: Partial | None, x: Any, y: Any, options: dict[str, Any]
) -> Partial:
    """Train on some rows, going on from the last call.

    Raises
    ------
    ArgumentError, ShapeError, DtypeError, NonFiniteError
    """
    unknown = {name: value for name, value in options.items() if name not in _DEFAULTS}
    if unknown:
        raise no_such(
            "partial_fit", list(_DEFAULTS), unknown, f"some of {', '.join(_DEFAULTS)}",
            instead="fit(...), which has epochs, validation and callbacks",
        )  # fmt: skip
    chosen = (before.options if before else _DEFAULTS) | options
    settings = Settings(*(chosen[name] for name in _OF_STEPS))
    others = {name: value for name, value in chosen.items() if name not in _OF_STEPS}
    run = run_of(
        model, x, y, settings, **others, epochs=1, validation_split=0.0, validation_data=None,
        early_stopping=None, callbacks=(), verbose=0, steps=_STEPS,
    )  # fmt: skip
    if before is not None:
        _go_on(run, before, all(chosen[n] == before.options[n] for n in ("loss", "optimizer")))
    model.loss, model.metrics, model.history = settings.loss, settings.metrics, run.history
    run.go()
    return Partial(chosen | {name: _DEFAULTS[name] for name in _OF_A_CALL}, run)


def _go_on(run: Run, before: Partial, alike: bool) -> None:
    """Let a run begin where an earlier one ended; parameters are those that the model has now."""
    carry = before.run.carry
    kept = {"seed": carry["seed"], "step": carry["step"]}
    if alike:
        kept["optimizer"] = carry["optimizer"]
    run.carry = run.whole = run.carry | kept
    run.position = Position(before.run.epoch)
    run.epochs = run.epoch + 1
    run.history.begin_with(before.run.history)
