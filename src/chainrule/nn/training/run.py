"""One run of training: epochs, what follows each, and where it stands."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule.calling import public
from chainrule.compiling.failure import StepError
from chainrule.errors import NonFiniteError, TrainingWarning
from chainrule.nn.health.diverged import TrainingDivergedError, failed_step
from chainrule.nn.health.inputs import logit_findings, takes_logits
from chainrule.nn.training.callbacks import Callback
from chainrule.nn.training.data import Data
from chainrule.nn.training.history import RATE, History
from chainrule.nn.training.progress import Progress
from chainrule.nn.training.streams import Source, Whole
from chainrule.nn.training.trainer import Trainer
from chainrule.nn.trees import Tree
from chainrule.trace import warn

if TYPE_CHECKING:
    from chainrule.nn.trainable import Trainable

#: Seconds of steps in one call: of several short epochs, and of a part of a long one, after which
#: an interrupt loses no more and a checkpoint can be written.
_BLOCK, _PART = 0.1, 1.0
#: Rows of an order that serves several epochs at once, at most.
_ROWS = 2**20
#: Rows that those who watch get to look at.
_SAMPLE = 512


@dataclass
class Position:
    """How far a run is: whole epochs, parts of data and batches of the part."""

    epoch: int = 0
    part: int = 0
    batch: int = 0

    @property
    def is_between_epochs(self) -> bool:
        """Whether no epoch has been begun."""
        return not (self.part or self.batch)


@public
class Run:
    """A run of training, as callbacks see it.

    Attributes
    ----------
    model : Trainable
    epochs : int
        How many there are to be.
    logs : dict of str to float
        Loss and metrics of the epoch that has just ended.
    history : History
    optimizer : Optimizer
    data : tuple of arrays
        The first rows of x, y and the weights, if any: 512 at most.
    """

    def __init__(
        self,
        model: Trainable,
        trainer: Trainer,
        source: Source,
        carry: Any,
        *,
        epochs: int,
        batch_size: int,
        shuffle: bool = True,
        seed: int = 0,
        validation: Data | None = None,
        callbacks: Sequence[Callback] = (),
        progress: Progress,
    ) -> None:
        self.model = model
        self.trainer = trainer
        self.source = source
        self.carry = carry
        self.epochs = epochs
        self.batch_size = batch_size
        self.shuffle = shuffle
        self.seed = seed
        self.validation = validation
        self.callbacks = list(callbacks)
        self.progress = progress
        self.position = Position()
        self.logs: dict[str, float] = {}
        self.history = History()
        self.data: tuple[np.ndarray, ...] = ()
        #: What is carried, as it was after the last whole epoch.
        self.whole = carry
        self._start = carry["params"]
        #: Loss and metrics of the steps of an epoch that is not over, and the rows of each.
        self.reported: list[tuple[dict[str, np.ndarray], np.ndarray]] = []
        self._steps = 0
        self._pace = 64.0
        self._steady_rate: float | None = None

    # -- what callbacks use --------------------------------------------------------------

    @property
    def epoch(self) -> int:
        """The epoch that has just ended or is under way, from 0."""
        return self.position.epoch

    @property
    def optimizer(self) -> Any:
        """The optimizer."""
        return self.trainer.optimizer

    @property
    def params(self) -> Tree:
        """The parameters as they are; training does not write to these arrays again."""
        return self.carry["params"]

    @params.setter
    def params(self, params: Tree) -> None:
        self.carry = {**self.carry, "params": params}

    @property
    def state(self) -> Tree:
        """What layers keep besides parameters."""
        return self.carry["state"]

    @state.setter
    def state(self, state: Tree) -> None:
        self.carry = {**self.carry, "state": state}

    def stop(self, reason: str) -> None:
        """End training after this epoch.

        Parameters
        ----------
        reason : str
            Is told in the history.
        """
        self.history.stopped = reason

    def warn(self, text: str) -> None:
        """Tell the user of something, once.

        Parameters
        ----------
        text : str
        """
        if text not in self.history.warnings:
            self.history.warnings.append(text)
            warn(text, TrainingWarning)

    # -- the loop ------------------------------------------------------------------------

    def go(self) -> None:
        """Train until the last epoch, or until something says stop.

        The model has the parameters of the last step whatever happens; only where numbers became
        infinite or NaN it has those after the last whole epoch.
        """
        for callback in self.callbacks:
            callback.on_start(self)
        self.go_on()

    def go_on(self) -> None:
        """Train on from where the run is."""
        try:
            while self.epoch < self.epochs and not self.history.stopped:
                if self.several_at_once():
                    self._several_epochs()
                else:
                    self._one_epoch()
            self.finished()
            for callback in self.callbacks:
                callback.on_end(self)
        finally:
            self.progress.close()
            self.model.params, self.model.state = self.params, self.state
            self.model.remember(self.data, self.optimizer)

    def several_at_once(self) -> bool:
        """Whether nobody looks at single epochs, and all batches have as many rows."""
        rows, size = self.source.rows, self.batch_size
        return (
            isinstance(self.source, Whole)
            and not self.trainer.is_shared
            and not self.callbacks
            and self.validation is None
            and self.position.is_between_epochs
            and rows is not None
            and rows <= _ROWS
            and (rows % size == 0 or size >= rows)
        )

    def _several_epochs(self) -> None:
        data = next(self.source.parts())
        size = min(self.batch_size, data.rows)
        steps = data.rows // size
        count = min(self.epochs - self.epoch, int(self._pace) // steps, _ROWS // data.rows)
        if count < 2:
            self._one_epoch()
            return
        try:
            self._block(data, count, size)
        except TrainingDivergedError as error:
            whole = (error.epoch or 0) - self.epoch
            if whole > 0:  # those before the one in which it happened are good
                self._block(data, whole, size)
            raise

    def _block(self, data: Data, count: int, size: int) -> None:
        """Run some epochs at once, with as many rows in all batches."""
        self._look_at(data)
        steps = data.rows // size
        orders = [self._order(self.epoch + k, 0, data.rows) for k in range(count)]
        logs = self._advance(data, np.concatenate(orders), size)
        for k in range(count):
            own = {n: np.mean(v[k * steps : (k + 1) * steps], dtype=float) for n, v in logs.items()}
            ended = {name: float(value) for name, value in own.items()}
            self._epoch_over(ended, (count - k) * steps)

    def _one_epoch(self) -> None:
        for part, data in enumerate(self.source.parts()):
            if part < self.position.part:
                continue  # done before the run was taken up again
            self._one_part(data)
            self.position.part, self.position.batch = part + 1, 0
        names = self.reported[0][0]
        rows = np.concatenate([r for _, r in self.reported])
        logs = {
            n: float(
                np.average(np.concatenate([logs[n] for logs, _ in self.reported]), weights=rows)
            )
            for n in names
        }
        self._epoch_over(logs, len(rows))

    def _one_part(self, data: Data) -> None:
        self._look_at(data)
        order = self._order(self.epoch, self.position.part, data.rows)
        size = min(self.batch_size, data.rows)
        steps = -(-data.rows // size)
        while self.position.batch < steps:
            first = self.position.batch
            count = steps - first
            if not self.trainer.is_shared:
                count = min(max(1, int(self._pace * _PART / _BLOCK)), count)
            if first + count == steps - 1:  # a short last batch is not run by itself
                count += 1
            places = order[first * size : (first + count) * size]
            logs = self._advance(data, places, self.batch_size)
            ends = np.minimum(np.arange(1, count + 1) * size, len(places))
            self.reported.append((logs, np.diff(ends, prepend=0)))
            self.position.batch += count
            self.part_done()

    def _look_at(self, data: Data) -> None:
        """Keep the first rows that are trained on, for those who want to look at some."""
        if not self.data:
            self.data = tuple(np.array(a[:_SAMPLE]) for a in data.arrays)
            self._expect_logits()

    def _expect_logits(self) -> None:
        """Warn where probabilities go into a loss that makes them of logits: it cannot get low."""
        loss = self.trainer.objective.loss
        if not takes_logits(loss):
            return
        with np.errstate(all="ignore"):
            prediction = self.model.apply(self.params, self.state, self.data[0])[0]
        for finding in logit_findings(loss, np.asarray(prediction)):
            self.warn(str(finding))

    def _advance(self, data: Data, places: np.ndarray, size: int) -> dict[str, np.ndarray]:
        """Take steps, and take note of how long they take."""
        count = -(-len(places) // min(size, len(places)))
        before = self._steps
        began = time.perf_counter()

        def moved(done: int, steps: int, outputs: Any) -> None:
            self.progress.moved(before + done, {})

        try:
            self.carry, logs = self.trainer.run(self.carry, data.arrays, places, size, moved)
        except StepError as error:
            self.carry = self.whole
            raise self._diverged(error, data, places, size) from error
        taken = max(time.perf_counter() - began, 1e-9)
        if before:  # the very first steps compile, too
            self._pace = max(1.0, min(8 * self._pace, count * _BLOCK / taken))
        self._steps += count
        self.progress.moved(self._steps, {})
        return logs

    def _diverged(
        self, error: StepError, data: Data, places: np.ndarray, size: int
    ) -> NonFiniteError:
        """Return the error, with an autopsy, for a step in which a NaN or an infinity arose."""
        size = min(size, len(places))
        steps = -(-data.rows // size)
        number = self.position.batch + error.step
        made = failed_step(
            error, self.model, self.trainer.objective, self.optimizer, data.arrays, places, size,
            epoch=self.epoch + number // steps, first=number % steps - error.step,
            start=self._start,
        )  # fmt: skip
        if isinstance(made, TrainingDivergedError):
            made.params, made.state = self.whole["params"], self.whole["state"]
        return made

    def _epoch_over(self, logs: dict[str, float], ago: int) -> None:
        """Take note of an epoch that began so many steps ago."""
        if self.validation is not None:
            found = self.trainer.evaluate(self.params, self.state, self.validation.arrays)
            logs |= {f"val_{name}": value for name, value in found.items()}
        rate = self._rate(-ago)
        if rate is not None:
            logs.setdefault(RATE, rate)
        self.logs, self.whole, self.reported = logs, self.carry, []
        self.history.append(logs)
        for callback in self.callbacks:
            callback.on_epoch_end(self)
        self.progress.epoch_done(self.epoch, self.epochs, self.history.last())
        self.position = Position(self.epoch + 1)
        self.epoch_done()

    def _rate(self, ahead: int) -> float | None:
        """Return the learning rate so many steps later; None where the optimizer cannot tell."""
        if self._steady_rate is not None:
            return self._steady_rate
        ask = getattr(self.optimizer, "learning_rate", None)
        rate = ask(self.carry["optimizer"], ahead) if callable(ask) else None
        if not getattr(self.optimizer, "is_scheduled", True):
            self._steady_rate = rate
        return rate

    def part_done(self) -> None:
        """Do nothing; some steps of a longer epoch are done."""

    def epoch_done(self) -> None:
        """Do nothing; an epoch is over, and all that follows it."""

    def finished(self) -> None:
        """Do nothing; the last epoch is over."""

    def _order(self, epoch: int, part: int, rows: int) -> np.ndarray:
        """Return in which order rows come; a batch of all rows is not shuffled."""
        if not self.shuffle or self.batch_size >= rows:
            return np.arange(rows)
        return np.random.default_rng([self.seed, epoch, part]).permutation(rows)
