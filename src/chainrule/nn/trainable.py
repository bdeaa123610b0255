"""What a model is, and how it is trained."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule.calling import public
from chainrule.nn.base import Context
from chainrule.nn.initialisers import Shape
from chainrule.nn.losses import Loss
from chainrule.nn.optimizers import Adam
from chainrule.nn.training.fit import Settings, run_of
from chainrule.nn.training.history import History
from chainrule.nn.training.partial import Partial, continued
from chainrule.nn.training.trainer import Objective, Trainer
from chainrule.nn.trees import float_type

Tree = dict[str, Any]

#: What is neither copied nor pickled with a model.
_OF_THIS_PROCESS = ("_trainers", "_partial", "_seen")


@public
class Trainable(ABC):
    """What has parameters and can be trained; a :class:`~chainrule.nn.Model` is one."""

    params: Any = None
    state: Any = None
    input_shape: Shape | None = None
    history: History | None = None
    loss: str | Loss | None = None
    metrics: Any = ()
    extra: dict[str, Any] | None = None
    _trainers: dict[Any, Trainer] | None = None
    #: Where `partial_fit` stands.
    _partial: Partial | None = None

    #: Some rows that it was last trained on, and the optimizer: what `health` looks at.
    _seen: tuple[tuple[np.ndarray, ...], Any] | None = None

    # -- what a model is -----------------------------------------------------------------

    @abstractmethod
    def build(self, shape: Shape, seed: int = 0, dtype: Any = np.float32) -> tuple[Any, Any]:
        """Return new parameters and state, for samples of a shape."""

    @abstractmethod
    def apply(
        self, params: Any, state: Any, x: Any, context: Context | None = None
    ) -> tuple[Any, Any]:
        """Return the results for a batch, and the state after it."""

    @abstractmethod
    def output_shape(self, shape: Shape) -> Shape:
        """Return the shape of what is predicted for a sample of a shape."""

    def initialise(self, shape: Sequence[int], seed: int = 0, dtype: Any = np.float32) -> None:
        """Give the model new parameters, forgetting those it has.

        Parameters
        ----------
        shape : sequence of int
            Of one sample, without the axis of the batch.
        seed : int
        dtype : data type

        Raises
        ------
        ArgumentError
            For a layer that does not take what it is given.
        """
        shape = tuple(map(int, shape))
        self.params, self.state = self.build(shape, seed, dtype)
        self.input_shape = shape

    @property
    def dtype(self) -> np.dtype[Any] | None:
        """The type of the parameters, or None before there are any."""
        return None if self.params is None else float_type(self.params)

    def shape_of_one(self, shape: Shape, name: str = "") -> Shape:
        """Return the shape of a prediction; refuse samples of another shape than trained on.

        Raises
        ------
        ShapeError, ArgumentError
        """
        if self.input_shape is not None and tuple(shape) != self.input_shape:
            from chainrule.errors import ShapeError

            said = f" of the {name} data" if name else ""
            anew = "initialise(shape) to begin anew" if not said else None
            alone = len(shape) == len(self.input_shape) - 1
            raise ShapeError(
                f"The samples{said} do not have the shape that the model takes.",
                expected=f"x of shape {('n', *self.input_shape)}".replace("'", ""),
                got=f"{('n', *shape)}".replace("'", ""),
                instead="x[None], where x is a single sample" if alone else anew,
            )
        return self.output_shape(tuple(shape))

    def __getstate__(self) -> dict[str, Any]:
        # Compiled functions stay where they are, and so do data.
        return {k: v for k, v in vars(self).items() if k not in _OF_THIS_PROCESS}

    def remember(self, data: tuple[np.ndarray, ...], optimizer: Any) -> None:
        """Keep some rows that were trained on, and the optimizer, for questions about both."""
        self._seen = (data, optimizer) if data else self._seen

    def trainer(self, settings: Settings, objective: Objective, steps: int) -> Trainer:
        """Return what runs training steps, compiled once for the same settings."""
        if self._trainers is None:
            self._trainers = {}
        by_hand = settings.mesh is not None or settings.specs is not None
        metrics = tuple(objective.metrics.items())
        # How many steps there are decides which executor it is.
        key = (
            objective.loss, settings.optimizer, metrics, settings.penalty, settings.executor, steps,
        )  # fmt: skip
        try:
            known = None if by_hand else self._trainers.get(key)
        except TypeError:  # an optimizer of the user's own without a hash
            known, by_hand = None, True
        if known is None:
            known = Trainer(
                objective, settings.optimizer, executor=settings.executor, steps=steps,
                mesh=settings.mesh, specs=settings.specs,
            )  # fmt: skip
            if not by_hand:
                self._trainers = {key: known}
        return known

    # -- training ------------------------------------------------------------------------

    def fit(
        self,
        x: Any,
        y: Any = None,
        *,
        loss: str | Loss = "mse",
        optimizer: Any = None,
        epochs: int = 1,
        batch_size: int | None = None,
        shuffle: bool = True,
        validation_split: float = 0.0,
        validation_data: Any = None,
        metrics: Any = (),
        early_stopping: Any = None,
        callbacks: Any = (),
        sample_weights: Any = None,
        class_weights: Any = None,
        penalty: Any = None,
        seed: int = 0,
        dtype: Any = None,
        executor: str = "auto",
        mesh: Any = None,
        specs: Any = None,
        verbose: int = 1,
        checkpoint: Any = None,
        checkpoint_seconds: float = 60.0,
    ) -> History:
        """Train on data, from the parameters that the model has.

        The optimizer begins anew with each call. The same seed gives the same numbers on the same
        machine. Ctrl-C ends training within about a second, with what has been learned.

        Parameters
        ----------
        x : array, shape (n, ...), or parts
            Samples; a memory-mapped array is read as it is needed. Data that do not fit in
            memory can be parts instead, without `y`: an iterable of ``(x, y)`` or
            ``(x, y, weights)``, or a function that returns one, such as a generator function; or
            :class:`Parquet`. Each epoch goes through the parts in order, and through the rows of
            each in minibatches.
        y : array, shape (n, ...)
            Targets.
        loss : str or callable
            A name in ``nn.LOSSES``, or ``loss(prediction, target)`` in plain NumPy, with a
            keyword `weights` if it is to be weighted.
        optimizer : Optimizer
            Adam with a rate of 0.001 unless given.
        epochs : int
            How often all rows are gone through.
        batch_size : int
            Rows in a step; 32 unless given.
        shuffle : bool
            Whether rows come in another order in each epoch.
        validation_split : float
            Share of rows, the last ones, that is not trained on but evaluated after each epoch.
        validation_data : tuple (x, y) or (x, y, weights)
            Data to evaluate after each epoch.
        metrics : str, callable or sequence of them
            What is reported beside the loss: ``"accuracy"``, ``"mae"``, ``"mse"``, or
            ``metric(prediction, target)``, the mean over the rows, in plain NumPy.
        early_stopping : bool or EarlyStopping
            Ends training when the validation loss becomes no better, and keeps the best.
        callbacks : callable, Callback or sequence of them
            Called with the :class:`Run` after each epoch.
        sample_weights : array, shape (n,)
        class_weights : mapping from a label to its weight, sequence, or "balanced"
        penalty : callable
            Of the parameters, added to the loss: ``lambda params: 1e-4 * nn.l2(params)``.
        seed : int
            Of the first parameters, the order of the rows and dropout.
        dtype : data type
            Of new parameters; float32 unless given.
        executor : {"auto", "numpy", "numba", "jax"}
            ``"auto"`` decides at the start, by an estimate of the work.
        mesh, specs
            For ``executor="jax"``; see :func:`chainrule.compile`.
        verbose : int
            0 for nothing, 1 for a bar in a terminal and nothing in a pipe, 2 for a line an epoch.
        checkpoint : path, optional
            A file that holds where training stands. Where it exists, training goes on from it: a
            run that was killed at any moment ends in the same numbers as one that was not.
        checkpoint_seconds : float
            Time between two checkpoints.

        Returns
        -------
        History

        Raises
        ------
        ArgumentError, ShapeError, DtypeError
            For what does not fit, with layer, row or column; the model is then as it was.
        NonFiniteError
            When a NaN or an infinity arises; the model has its last good parameters.

        Examples
        --------
        >>> import numpy as np
        >>> from chainrule import nn
        >>> X = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
        >>> y = np.array([0, 1, 1, 0])
        >>> model = nn.Sequential(nn.Dense(8), nn.Tanh(), nn.Dense(2))
        >>> history = model.fit(X, y, loss="cross_entropy", optimizer=nn.Adam(0.05), epochs=200)
        >>> history["loss"][-1] < 0.01, model.predict(X).argmax(axis=1)
        (True, array([0, 1, 1, 0]))
        """
        settings = Settings(
            loss, Adam() if optimizer is None else optimizer, metrics, penalty, executor, mesh,
            specs,
        )  # fmt: skip
        run = run_of(
            self, x, y, settings, epochs=epochs, batch_size=batch_size, shuffle=shuffle,
            validation_split=validation_split, validation_data=validation_data,
            early_stopping=early_stopping, callbacks=callbacks, sample_weights=sample_weights,
            class_weights=class_weights, seed=seed, dtype=dtype, verbose=verbose,
            checkpoint=checkpoint, checkpoint_seconds=checkpoint_seconds,
        )  # fmt: skip
        self.loss, self.metrics, self.history = loss, metrics, run.history
        self._partial = None
        run.go()
        return run.history

    def partial_fit(self, x: Any, y: Any, **options: Any) -> History:
        """Train on what there is now: once through it, from where the last call ended.

        Optimizer, schedules and the order of rows go on from call to call, as if all data were one
        long epoch after another.

        Parameters
        ----------
        x, y : array
        **options
            Those of :meth:`fit` for losses, optimizers, metrics, weights and executors. They hold
            for the calls that follow; with another loss or optimizer, the optimizer begins anew.

        Returns
        -------
        History
            With one entry for each call so far.

        Raises
        ------
        ArgumentError, ShapeError, DtypeError
            For what does not fit; the model is then as it was.
        NonFiniteError
            When a NaN or an infinity arises; the model has the parameters from before the call.

        Examples
        --------
        >>> import numpy as np
        >>> from chainrule import nn
        >>> model = nn.Sequential(nn.Dense(1))
        >>> for part in np.random.default_rng(0).normal(size=(50, 20, 2)):
        ...     history = model.partial_fit(part, part.sum(axis=1), optimizer=nn.Adam(0.05))
        >>> history.length, history["loss"][-1] < 0.01
        (50, True)
        """
        self._partial = continued(self, self._partial, x, y, options)
        return self._partial.run.history
