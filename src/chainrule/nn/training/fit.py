"""What ``fit`` was asked for, made into a run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule.compiling.compiled import check_executor
from chainrule.errors import ArgumentError, ShapeError, TrainingWarning
from chainrule.nn.losses import Loss, found_loss
from chainrule.nn.training.callbacks import as_callbacks
from chainrule.nn.training.data import Data, checked
from chainrule.nn.training.metrics import found_metrics
from chainrule.nn.training.progress import progress
from chainrule.nn.training.run import Run
from chainrule.nn.training.streams import Source, Stream, Whole, is_stream
from chainrule.nn.training.trainer import Objective
from chainrule.structure import leaves
from chainrule.trace import warn

if TYPE_CHECKING:
    from chainrule.nn.trainable import Trainable

#: Rows of a minibatch, unless the user says how many.
BATCH = 32


@dataclass(frozen=True)
class Settings:
    """What decides what a training step computes."""

    loss: str | Loss
    optimizer: Any
    metrics: Any = ()
    penalty: Callable[[Any], Any] | None = None
    executor: str = "auto"
    mesh: Any = field(default=None, compare=False)
    specs: Any = field(default=None, compare=False)

    def objective(self, model: Trainable) -> Objective:
        """Return what is measured."""
        loss = found_loss(self.loss)
        return Objective(model, loss, found_metrics(self.metrics, loss), self.penalty)

    def check(self) -> None:
        """Refuse what is no optimizer, no executor, or no penalty.

        Raises
        ------
        ArgumentError
        """
        check_executor(self.executor, self.mesh, self.specs)
        if not (hasattr(self.optimizer, "init") and hasattr(self.optimizer, "apply")) or isinstance(
            self.optimizer, type
        ):
            made = isinstance(self.optimizer, type)
            raise ArgumentError(
                "There is no such optimizer.", got=repr(self.optimizer)[:80],
                expected="an optimizer such as nn.Adam(1e-3)",
                instead=f"nn.{self.optimizer.__name__}()" if made else None,
            )  # fmt: skip
        if self.penalty is not None and not callable(self.penalty):
            raise ArgumentError(
                "penalty is a function of the parameters.", got=repr(self.penalty)[:80],
                expected="such as lambda params: 1e-4 * nn.l2(params)",
            )  # fmt: skip


def whole_number(name: str, value: Any, least: int) -> int:
    """Return a count.

    Raises
    ------
    ArgumentError
        When it is no whole number, or too small.
    """
    if not hasattr(value, "__index__") or isinstance(value, bool) or value < least:
        raise ArgumentError(
            f"{name} is a count.", expected=f"a whole number from {least}", got=repr(value)
        )
    return int(value)


def prepared(
    model: Trainable, x: Any, y: Any, *, loss: Any, dtype: Any, weights: Any = None,
    class_weights: Any = None, name: str = "",
) -> Data:  # fmt: skip
    """Return checked data for a model, which they are the first to tell the shape of a sample."""

    def shape_of_one(shape: tuple[int, ...]) -> tuple[int, ...]:
        return model.shape_of_one(shape, name)

    return checked(
        x, y, weights, loss=loss, shape_of_one=shape_of_one, dtype=dtype,
        class_weights=class_weights, name=name,
    )  # fmt: skip


def source_of(
    model: Trainable, x: Any, y: Any, weights: Any, *, loss: Any, dtype: Any, class_weights: Any,
    validation_split: float, validation_data: Any, epochs: int,
) -> tuple[Source, Data | None]:  # fmt: skip
    """Return what gives the rows to train on, and those to validate with.

    Raises
    ------
    ArgumentError, ShapeError, DtypeError
    """

    def check(x: Any, y: Any, weights: Any = None) -> Data:
        return prepared(
            model, x, y, loss=loss, dtype=dtype, weights=weights, class_weights=class_weights
        )

    if validation_data is not None and validation_split:
        raise ArgumentError(
            "Both validation_split and validation_data are given.", expected="one of the two"
        )
    if is_stream(x, y):
        if validation_split or weights is not None:
            raise ArgumentError(
                "Data that come in parts cannot be split, and bring their own weights.",
                expected="validation_data, and parts (x, y, weights)",
                got="validation_split" if validation_split else "sample_weights",
            )
        return Stream(x, check, epochs), _held_out(model, validation_data, loss, dtype, None)
    data = check(x, y, weights)
    if validation_split:
        data, held = data.split(validation_split)
        return Whole(data), held
    shape = data.arrays[0].shape[1:]
    return Whole(data), _held_out(model, validation_data, loss, dtype, shape)


def _held_out(model: Trainable, given: Any, loss: Any, dtype: Any, shape: Any) -> Data | None:
    """Return the data to validate with, whose samples are of the shape of those trained on."""
    if given is None:
        return None
    if not isinstance(given, (tuple, list)) or len(given) not in (2, 3):
        raise ArgumentError(
            "validation_data is a tuple.", expected="(x, y) or (x, y, weights)",
            got=type(given).__name__,
        )  # fmt: skip
    x, y, *weights = given
    found = np.shape(x)[1:]
    if shape is not None and found != shape:
        raise ShapeError(
            "The samples of the validation data are of another shape than those trained on.",
            expected=f"shape {shape} each", got=f"shape {found}",
        )  # fmt: skip
    weight = weights[0] if weights else None
    return prepared(model, x, y, loss=loss, dtype=dtype, weights=weight, name="validation")


def batch_of(batch_size: Any, rows: int | None) -> int:
    """Return the number of rows in a minibatch."""
    if batch_size is None:
        return BATCH
    size = whole_number("batch_size", batch_size, 1)
    if rows is not None and size > rows:
        warn(
            f"batch_size is {size}, and there are {rows} rows to train on: all are taken.",
            TrainingWarning,
        )
    return size


def run_of(
    model: Trainable,
    x: Any,
    y: Any,
    settings: Settings,
    *,
    epochs: int,
    batch_size: int | None,
    shuffle: bool,
    validation_split: float,
    validation_data: Any,
    early_stopping: Any,
    callbacks: Any,
    sample_weights: Any,
    class_weights: Any,
    seed: int,
    dtype: Any,
    verbose: int,
    checkpoint: Any = None,
    checkpoint_seconds: float = 60.0,
    steps: int | None = None,
) -> Run:
    """Return a run that is ready to go.

    `steps` is about how many there are to be in all, where it is more than this run takes.

    Raises
    ------
    ArgumentError, ShapeError, DtypeError
        For anything that does not fit, before the model is changed.
    """
    settings.check()
    if checkpoint is not None:
        settings = _as_before(settings, checkpoint, checkpoint_seconds)
    epochs = whole_number("epochs", epochs, 1)
    seed = whole_number("seed", seed, 0)
    objective = settings.objective(model)
    followed = as_callbacks(callbacks, early_stopping)
    dtype = np.dtype(dtype or model.dtype or np.float32)
    source, held = source_of(
        model, x, y, sample_weights, loss=settings.loss, dtype=dtype, class_weights=class_weights,
        validation_split=validation_split, validation_data=validation_data, epochs=epochs,
    )  # fmt: skip
    size = batch_of(batch_size, source.rows)
    per_epoch = 1000 if source.rows is None else -(-source.rows // size)
    if isinstance(source, Whole) and len(source.data.arrays) > 2:
        objective.check_weights()
    trainer = model.trainer(settings, objective, per_epoch * epochs if steps is None else steps)
    shown = progress(verbose, epochs, per_epoch * epochs)
    if model.params is None or model.input_shape is None:
        shape = next(source.parts()).arrays[0].shape[1:]
        if model.params is None:
            model.initialise(shape, seed, dtype)
        model.input_shape = shape
    if not leaves(model.params):
        raise ArgumentError(
            "The model has no parameters: there is nothing to train.",
            expected="a layer with weights, such as nn.Dense(10)",
            got=repr(model),
        )
    carry = trainer.start(model.params, model.state, seed)
    options: dict[str, Any] = {
        "epochs": epochs, "batch_size": size, "shuffle": shuffle, "seed": seed,
        "validation": held, "callbacks": followed, "progress": shown,
    }  # fmt: skip
    if checkpoint is None:
        return Run(model, trainer, source, carry, **options)
    from chainrule.nn.training.checkpoint import CheckpointedRun

    return CheckpointedRun(
        model, trainer, source, carry, **options, path=checkpoint, seconds=checkpoint_seconds,
        settings=settings, writes=_is_first_process(settings),
    )  # fmt: skip


def _as_before(settings: Settings, checkpoint: Any, seconds: Any) -> Settings:
    """Return settings with the executor that a run was begun with, for the same numbers."""
    from chainrule.nn.training.checkpoint import executor_of

    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)) or not seconds >= 0:
        raise ArgumentError(
            "checkpoint_seconds is the time between two checkpoints.",
            expected="a number from 0", got=repr(seconds),
        )  # fmt: skip
    before = executor_of(checkpoint)
    if settings.executor == "auto" and before is not None:
        return replace(settings, executor=before)
    return settings


def _is_first_process(settings: Settings) -> bool:
    """Whether this process writes files, where several train together."""
    if settings.mesh is None:
        return True
    import jax

    return bool(jax.process_index() == 0)
