"""Training steps, compiled: minibatch, forward, backward, update and metrics in one function."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule.arguments import name_of, signature_of
from chainrule.compiling.compiled import compile as compiled
from chainrule.compiling.epochs import epoch
from chainrule.errors import ArgumentError
from chainrule.nn.base import Context
from chainrule.nn.losses import Loss
from chainrule.nn.random import folded
from chainrule.nn.trees import Tree, mapped
from chainrule.transform import value_and_grad

if TYPE_CHECKING:
    from chainrule.nn.trainable import Trainable
    from chainrule.nn.training.metrics import Metric

Arrays = Sequence[np.ndarray]

#: Rows of which predictions are made at once when there is no gradient to take.
ROWS = 4096


class Objective:
    """What is measured of predictions: the loss, and metrics.

    Parameters
    ----------
    model : Trainable
    loss : callable
    metrics : mapping of str to callable
    penalty : callable, optional
        Of the parameters; added to the loss in training.
    """

    def __init__(
        self,
        model: Trainable,
        loss: Loss,
        metrics: Mapping[str, Metric],
        penalty: Callable[[Tree], Any] | None = None,
    ) -> None:
        self.model = model
        self.loss = loss
        self.metrics = dict(metrics)
        self.penalty = penalty

    def value(self, prediction: Any, y: Any, weights: Sequence[Any]) -> Any:
        """Return the loss of predictions; `weights` has one array, or none."""
        return self.loss(prediction, y, weights=weights[0]) if weights else self.loss(prediction, y)

    def penalised(self, value: Any, params: Tree) -> Any:
        """Return the loss with the penalty on the parameters."""
        return value if self.penalty is None else value + self.penalty(params)

    def logs(self, value: Any, prediction: Any, y: Any) -> dict[str, Any]:
        """Return the loss and all metrics."""
        return {"loss": value} | {name: f(prediction, y) for name, f in self.metrics.items()}

    def check_weights(self) -> None:
        """Refuse a loss that takes no weights.

        Raises
        ------
        ArgumentError
        """
        signature = signature_of(self.loss)
        if signature is None or "weights" in signature.parameters:
            return
        if any(p.kind is inspect.Parameter.VAR_KEYWORD for p in signature.parameters.values()):
            return
        raise ArgumentError(
            f"The loss {name_of(self.loss)} takes no weights of samples.",
            expected=f"{name_of(self.loss)}(prediction, target, *, weights=None)",
            got=f"{name_of(self.loss)}{signature}",
        )


class Trainer:
    """Runs training steps of a model, and evaluates it.

    What is carried from step to step has the keys ``params``, ``state``, ``optimizer``, ``seed``
    and ``step``; a carry that was given is never written to.

    Parameters
    ----------
    objective : Objective
    optimizer : Optimizer
    executor : {"auto", "numpy", "numba", "jax"}
        ``"auto"`` decides before the first step, by an estimate, and always the same.
    steps : int
        About how many steps are to come.
    mesh, specs
        For JAX; see :func:`chainrule.compile`.
    """

    def __init__(
        self, objective: Objective, optimizer: Any, *, executor: str = "auto", steps: int = 1000,
        mesh: Any = None, specs: Any = None,
    ) -> None:  # fmt: skip
        self.objective = objective
        self.optimizer = optimizer
        self._epoch = epoch(self._step, executor, mesh=mesh, specs=specs, steps=steps)
        self._scores: Any = None
        self._asked = executor
        self._has_run = False

    def start(self, params: Tree, state: Tree, seed: int = 0) -> dict[str, Any]:
        """Return what is carried before the first step."""
        return {
            "params": params,
            "state": state,
            "optimizer": self.optimizer.init(params),
            "seed": np.array(folded(seed), np.int64),
            "step": np.array(0, np.int64),
        }

    def _step(self, carry: Any, x: Any, y: Any, *weights: Any) -> tuple[Any, Any]:
        model, objective = self.objective.model, self.objective
        context = Context(carry["seed"], carry["step"])

        def value_of(params: Any) -> Any:
            prediction, _ = model.apply(params, carry["state"], x, context)
            return objective.penalised(objective.value(prediction, y, weights), params)

        params = carry["params"]
        x = _typed(x, params)
        value, gradients = value_and_grad(value_of)(params)
        # The same operations once more, which become one with those above.
        prediction, state = model.apply(params, carry["state"], x, context)
        logs = objective.logs(value, prediction, y)
        params, slots = self.optimizer.apply(params, gradients, carry["optimizer"])
        after = {"params": params, "state": state, "optimizer": slots, "seed": carry["seed"]}
        return after | {"step": carry["step"] + 1}, logs

    def run(
        self,
        carry: Any,
        data: Arrays,
        order: np.ndarray,
        batch_size: int,
        progress: Callable[..., Any] | None = None,
    ) -> tuple[Any, dict[str, np.ndarray]]:
        """Take a step for each minibatch.

        Parameters
        ----------
        carry : dict
        data : sequence of arrays
            x, y, and the weights of samples if there are any.
        order : array of int
            Which row comes when.
        batch_size : int
            Of most minibatches; there may be fewer rows.
        progress : callable, optional
            See :meth:`chainrule.compiling.epochs.Epoch.__call__`.

        Returns
        -------
        carry : dict
        logs : dict of str to array
            The loss and the metrics of each step.

        Raises
        ------
        NonFiniteError
        """
        if not self._has_run and len(order) < batch_size:
            # What is compiled is not to depend on where a run is taken up again.
            self._epoch.prepare(carry, tuple(data), min(batch_size, ROWS))
        with np.errstate(all="ignore"):
            made: tuple[Any, dict[str, np.ndarray]] = self._epoch(
                carry, tuple(data), order=order, batch_size=batch_size, progress=progress
            )
        self._has_run = True
        return made

    @property
    def is_shared(self) -> bool:
        """Whether other processes take the same steps, and have to be given the same parts."""
        return self._epoch.is_shared

    @property
    def executor(self) -> str:
        """Which executor runs the steps; before the first, the one that was asked for."""
        return str(self._epoch.report().executor) if self._has_run else self._asked

    def evaluate(self, params: Tree, state: Tree, data: Arrays) -> dict[str, float]:
        """Return the loss and the metrics on data, as in prediction and without the penalty."""
        if self._scores is None:
            by = self.executor
            self._scores = scores_of(self.objective)
            if by != "numpy":
                self._scores = compiled(self._scores, by)
        return evaluated(self._scores, params, state, data)


def scores_of(objective: Objective) -> Callable[..., dict[str, Any]]:
    """Return a function of parameters and a batch that gives loss and metrics."""

    def scores(params: Any, state: Any, x: Any, y: Any, *weights: Any) -> dict[str, Any]:
        prediction, _ = objective.model.apply(params, state, _typed(x, params))
        return objective.logs(objective.value(prediction, y, weights), prediction, y)

    return scores


def evaluated(
    scores: Callable[..., dict[str, Any]], params: Tree, state: Tree, data: Arrays
) -> dict[str, float]:
    """Return what `scores` gives for all data, the mean over blocks of rows."""
    totals: dict[str, float] = {}
    every = 0.0
    for start in range(0, len(data[0]), ROWS):
        block = [a[start : start + ROWS] for a in data]
        with np.errstate(all="ignore"):
            found = scores(params, state, *block)
        weight = float(np.sum(block[2], dtype=float)) if len(block) > 2 else float(len(block[0]))
        if not weight:
            continue  # the loss of a block of weights that are 0 is not defined
        every += weight
        for name, value in found.items():
            totals[name] = totals.get(name, 0.0) + float(value) * weight
    return {name: total / every for name, total in totals.items()}


def _typed(x: Any, params: Tree) -> Any:
    """Return a batch in the type of the parameters: data may lie in another, as on disk."""
    dtypes: list[Any] = []
    mapped(lambda leaf: dtypes.append(leaf.dtype), params)
    return x if not dtypes or x.dtype == dtypes[0] else x.astype(dtypes[0])
