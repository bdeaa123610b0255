"""Training as the playground needs it: any number of steps at a time, and what to show of them.

How steps are grouped makes no difference to the numbers: which samples a step takes, and what
dropout drops, follow from seed and step alone.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from chainrule.compiling.failure import StepError
from chainrule.errors import NonFiniteError
from chainrule.lab.playground.config import Config
from chainrule.lab.playground.points import Points
from chainrule.nn.base import Context
from chainrule.nn.health import Health
from chainrule.nn.health.diverged import TrainingDivergedError, failed_step
from chainrule.nn.penalties import l2
from chainrule.nn.training.fit import Settings
from chainrule.nn.training.trainer import Objective
from chainrule.structure import map_leaves
from chainrule.transform import value_and_grad

#: Points of a curve, at most; there are at least half as many after that many steps.
_POINTS = 400
#: Steps between the first points.
_STRIDE = 8
#: Compiling is not worth its time here, and would change the last digits while a run goes on.
_EXECUTOR = "numpy"


def objective_of(config: Config, model: Any) -> Objective:
    """Return what a run makes small."""
    return _settings(config).objective(model)


def _settings(config: Config) -> Settings:
    from chainrule.lab.playground.config import OPTIMIZERS

    def penalty(params: Any) -> Any:
        return config.l2 * l2(params)

    return Settings(
        "cross_entropy", OPTIMIZERS[config.optimizer](config.rate), "accuracy",
        penalty if config.l2 else None, _EXECUTOR,
    )  # fmt: skip


class Training:
    """A run, from its first step on.

    Parameters
    ----------
    config : Config

    Attributes
    ----------
    points : Points
    model : Sequential
        Its parameters are those of now.
    step : int
        How many steps have been taken.
    curve : list of tuple
        (step, loss, accuracy, validation loss, validation accuracy); NaN without validation.
    failure : TrainingDivergedError or None
        What ended the run; the parameters are the last good ones.

    Examples
    --------
    >>> training = Training(Config(data="xor", layers=(4,), samples=40))
    >>> training.advance(10)
    >>> training.step, len(training.curve)
    (10, 2)
    """

    def __init__(self, config: Config) -> None:
        self.config = config
        self.points: Points = config.points()
        self.model = config.model(len(self.points.classes))
        self.model.initialise((2,), config.seed)
        self.model.loss = "cross_entropy"
        settings = _settings(config)
        self.objective = settings.objective(self.model)
        self.trainer = self.model.trainer(settings, self.objective, 1)
        self.carry = self.trainer.start(self.model.params, self.model.state, config.seed)
        self.failure: TrainingDivergedError | None = None
        self.step = 0
        trained, x, y = self.points.trained, self.points.x, self.points.labels
        self.data, self.held = (x[:trained], y[:trained]), (x[trained:], y[trained:])
        self.batch = min(config.batch, trained)
        self.curve: list[tuple[float, ...]] = []
        self._stride = _STRIDE
        self._order: tuple[int, np.ndarray] = (-1, np.empty(0, int))
        self._note()

    @property
    def epoch(self) -> float:
        """How often all samples have been gone through; a rest that fills no batch is left out."""
        return self.step / (len(self.data[0]) // self.batch)

    @property
    def is_over(self) -> bool:
        """Whether numbers stopped being finite."""
        return self.failure is not None

    def advance(self, steps: int) -> None:
        """Take some steps; fewer when numbers stop being finite.

        Parameters
        ----------
        steps : int
        """
        target = self.step if self.is_over else self.step + steps
        while self.step < target:
            self._run(min(target, self.step - self.step % self._stride + self._stride))
            if self.is_over:
                break
            if self.step % self._stride == 0:
                self._note()

    def _run(self, stop: int) -> None:
        order = self.rows(self.step, stop)
        try:
            self.carry, _ = self.trainer.run(self.carry, self.data, order, self.batch)
            self.step = stop
        except StepError as error:
            found = failed_step(
                error, self.model, self.objective, self.trainer.optimizer, self.data, order,
                self.batch, epoch=int(self.epoch), first=self.step,
            )  # fmt: skip
            self.step += error.step
            self.carry = error.carry
            self.failure = found if isinstance(found, TrainingDivergedError) else None
        self.model.params, self.model.state = self.carry["params"], self.carry["state"]

    def rows(self, first: int, stop: int) -> np.ndarray:
        """Return which samples the steps from `first` up to `stop` take, one step after another."""
        count = len(self.data[0]) // self.batch
        taken = []
        for step in range(first, stop):
            epoch, place = divmod(step, count)
            taken.append(self._permutation(epoch)[place * self.batch : (place + 1) * self.batch])
        return np.concatenate(taken)

    def _permutation(self, epoch: int) -> np.ndarray:
        if self._order[0] != epoch:
            rng = np.random.default_rng([self.config.seed, 2, epoch])
            self._order = epoch, rng.permutation(len(self.data[0]))
        return self._order[1]

    def _note(self) -> None:
        """Add a point to the curve; when there are many, every other one goes."""
        self.curve.append(self.scores())
        if len(self.curve) > _POINTS:
            self.curve = self.curve[::2]
            self._stride *= 2

    def scores(self) -> tuple[float, ...]:
        """Return step, loss, accuracy, and loss and accuracy on what is held out, as of now."""
        params, state = self.carry["params"], self.carry["state"]
        found = self.trainer.evaluate(params, state, self.data)
        held = self.trainer.evaluate(params, state, self.held) if len(self.held[0]) else {}
        names = ("loss", "accuracy")
        return (
            float(self.step), *(found[name] for name in names),
            *(held.get(name, math.nan) for name in names),
        )  # fmt: skip

    # -- what is shown -------------------------------------------------------------------

    def gradients(self) -> tuple[float, Any]:
        """Return the loss on the next minibatch and its gradient, as the next step takes it.

        NaN where the next step is the one that fails.
        """
        rows = self.rows(self.step, self.step + 1)
        batch = self.data[0][rows], self.data[1][rows]
        params = self.carry["params"]
        loss = loss_of(self.model, self.objective, self.context, *batch, self.carry["state"])
        try:
            value, found = value_and_grad(loss)(params)
        except NonFiniteError:
            return math.nan, map_leaves(lambda leaf, path: np.full_like(leaf, math.nan), params, "")
        return float(value), found

    @property
    def context(self) -> Context:
        """What layers are told in the next step."""
        return Context(self.config.seed, self.step)

    def health(self) -> Health:
        """Look at the network on what it is trained on."""
        return self.model.health(*self.data)


def loss_of(
    model: Any, objective: Objective, context: Context | None, x: Any, y: Any, state: Any
) -> Any:
    """Return the loss on a batch, as a function of the parameters: what a step goes down."""

    def loss(params: Any) -> Any:
        prediction, _ = model.apply(params, state, x, context)
        return objective.penalised(objective.value(prediction, y, ()), params)

    return loss
