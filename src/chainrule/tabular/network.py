"""The network of a table, and for how long it is trained."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from chainrule import nn
from chainrule.errors import TrainingWarning
from chainrule.nn.training.callbacks import Callback
from chainrule.nn.training.data import weights_by_class
from chainrule.tabular.splitting import folds, held_out

#: Up to this many rows the number of epochs is found by cross-validation and all rows are trained
#: on; with more, a part of them says when to stop.
FOLD_ROWS = 2000
_FOLDS = 5
#: The rate of dropout with up to as many.
_DROPOUT = 0.1
#: Of more rows, the share that is validated with.
_VALIDATION = 0.15
#: With fewer rows than this none can be spared, and so many epochs it is.
_SPARED, _UNWATCHED = 20, 100
#: Epochs without a better validation loss after which training stops.
_PATIENCE = 25
#: Seconds between two lines about how far training is.
_PULSE = 2.0

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Settings:
    """How the network is made and trained.

    Attributes
    ----------
    hidden : tuple of int
        Units of each hidden layer.
    dropout : float, optional
        Of the features and of each hidden layer; unless given 0.1 where rows are few.
    decay : float
        How strongly AdamW draws weights towards 0.
    lr : float
    epochs : int
        At most.
    batch_size : int, optional
        By the number of rows unless given.
    seed : int
    executor : str
    balanced : bool
        Let each class weigh as much as any other, in training and in the loss of validation.
    """

    hidden: tuple[int, ...] = (128,)
    dropout: float | None = None
    decay: float = 0.1
    lr: float = 1e-3
    epochs: int = 300
    batch_size: int | None = None
    seed: int = 0
    executor: str = "auto"
    balanced: bool = False

    def rate(self, rows: int) -> float:
        """Return the rate of dropout: many rows need none, and it takes its time.

        Examples
        --------
        >>> Settings().rate(1000), Settings().rate(10_000), Settings(dropout=0.3).rate(10_000)
        (0.1, 0.0, 0.3)
        """
        if self.dropout is not None:
            return self.dropout
        return _DROPOUT if rows <= FOLD_ROWS else 0.0

    def batch(self, rows: int) -> int:
        """Return the rows of a minibatch: about a twentieth of all, from 16 to 256.

        Examples
        --------
        >>> Settings().batch(120), Settings().batch(1437), Settings(batch_size=500).batch(120)
        (16, 64, 120)
        """
        size = self.batch_size or 2 ** int(np.log2(max(rows / 20, 16)))
        return min(size if self.batch_size else min(size, 256), rows)


@dataclass
class Training:
    """What came of it.

    Attributes
    ----------
    model : Sequential
    epochs : int
        That the model was trained for.
    how : str
        How that number was found.
    validated : list of History
        Of the runs that were validated: one, or one a fold.
    last : History
        Of the run that made the model.
    interrupted : str
        What was going on when the user stopped it; empty otherwise.
    """

    model: nn.Sequential
    epochs: int = 0
    how: str = ""
    validated: list[Any] = field(default_factory=list)
    last: Any = None
    interrupted: str = ""


def network(outputs: int, hidden: Sequence[int], dropout: float) -> nn.Sequential:
    """Return the layers: dense ones with ReLU, whose first weights are small (Glorot).

    Parameters
    ----------
    outputs : int
    hidden : sequence of int
        Units of each hidden layer.
    dropout : float
        Of the features and of each hidden layer; no such layers for 0.

    Returns
    -------
    Sequential

    Examples
    --------
    >>> list(network(3, [8], 0.1).layers)
    ['dropout1', 'dense1', 'relu1', 'dropout2', 'dense2']
    """
    drop = [nn.Dropout(dropout)] if dropout else []
    layers: list[nn.Layer] = [*drop]
    for units in hidden:
        layers += [nn.Dense(units, init="glorot"), nn.ReLU(), *drop]
    return nn.Sequential(*layers, nn.Dense(outputs, init="glorot"))


def trained(
    x: np.ndarray, y: np.ndarray, classes: int, settings: Settings, tell: Tell | None = None
) -> Training:
    """Train a network, with early stopping.

    Parameters
    ----------
    x : array of float32, shape (n, features)
    y : array, shape (n,)
        Class numbers, or values of mean 0 and variance 1.
    classes : int
        0 in regression.
    settings : Settings
    tell : callable, optional
        Gets a line now and then.

    Returns
    -------
    Training
        Also when the user interrupts it, once an epoch is over.

    Raises
    ------
    KeyboardInterrupt
        Before that.
    NonFiniteError
        When a NaN or an infinity arises.
    """
    return _Trainer(x, y, classes, settings, tell).go()


class _Trainer:
    """The runs that lead to a model."""

    def __init__(
        self, x: np.ndarray, y: np.ndarray, classes: int, settings: Settings, tell: Tell | None
    ) -> None:
        self.x = x
        self.y = y if classes else y.astype(np.float32)[:, None]
        self.labels = y if classes else None
        #: Of all rows, so that they are the same in each fold, and the losses can be compared.
        self.weights = weights_by_class("balanced", y) if settings.balanced else None
        self.settings = settings
        self.tell = tell
        self.loss = "cross_entropy" if classes else "mse"
        self.metric = "accuracy" if classes else "mae"
        self.result = Training(network(classes or 1, settings.hidden, settings.rate(len(x))))
        #: Parameters, state and epochs of the best model so far, for when the user stops it.
        self.best: Any = None

    def go(self) -> Training:
        """Train, and keep what there is when interrupted."""
        rows, result = len(self.x), self.result
        try:
            if rows < _SPARED:
                result.epochs = min(_UNWATCHED, self.settings.epochs)
                result.how = "a fixed number: there are too few rows to spare some for validation"
                self._whole()
            elif rows <= FOLD_ROWS:
                self._in_folds()
            else:
                self._with_a_part()
        except KeyboardInterrupt:
            if self.best is None:
                raise
            result.model.params, result.model.state, result.epochs = self.best
        return result

    def _in_folds(self) -> None:
        count = _FOLDS
        fold = folds(self.labels, len(self.x), count, self.settings.seed)
        best = []
        for i in range(count):
            title = f"fold {i + 1} of {count}"
            history = self._run(fold != i, title, self.settings.seed + 1 + i, fold == i)
            best.append(_best(history))
        self.result.epochs = max(1, round(float(np.median(best))))
        self.result.how = (
            f"the median of {count} folds, each stopped early ({', '.join(map(str, best))}); "
            "then on all rows"
        )
        self._whole()

    def _with_a_part(self) -> None:
        part = held_out(self.labels, len(self.x), _VALIDATION, self.settings.seed + 1)
        history = self._run(~part, "training", self.settings.seed, part)
        self.result.epochs = _best(history)
        self.result.how = (
            f"where the loss on {int(part.sum()):,} validation rows was least, "
            f"of {history.length} epochs"
        )

    def _whole(self) -> None:
        every = np.ones(len(self.x), dtype=bool)
        self._run(every, "training on all rows", self.settings.seed, None, self.result.epochs)

    def _of(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
        """Return features, targets and weights of some rows."""
        return self.x[rows], self.y[rows], None if self.weights is None else self.weights[rows]

    def _run(
        self, rows: np.ndarray, title: str, seed: int, held: np.ndarray | None,
        epochs: int | None = None,
    ) -> Any:  # fmt: skip
        """Train new parameters on some rows, and validate with others."""
        settings, model, result = self.settings, self.result.model, self.result
        x, y, weights = self._of(rows)
        model.initialise(x.shape[1:], seed)
        stopping = None if held is None else nn.EarlyStopping(patience=_PATIENCE)
        # Early stopping comes first, so that the other one can ask it which epoch was the best.
        watching = _Watching(self, title, stopping)
        callbacks = [watching] if stopping is None else [stopping, watching]
        batch = settings.batch(len(x))
        if len(x) % batch == 1 and batch > 1:
            batch += 1  # a batch of one row tells little
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", TrainingWarning)  # the history has them, too
                model.fit(
                    x, y, loss=self.loss, metrics=self.metric, seed=seed, batch_size=batch,
                    optimizer=nn.AdamW(settings.lr, weight_decay=settings.decay),
                    epochs=epochs or settings.epochs, callbacks=callbacks,
                    sample_weights=weights,
                    validation_data=None if held is None else self._of(held),
                    executor=settings.executor, verbose=0,
                )  # fmt: skip
        except KeyboardInterrupt:
            if self.best is not None:
                done = model.history.length if model.history is not None else 0
                result.interrupted = f"{title}, after {done} epoch{'s' * (done != 1)}"
                result.how = "interrupted: the best so far"
            raise
        finally:
            if model.history is not None and model.history.length:
                result.last = model.history
                if held is not None:
                    result.validated.append(model.history)
        self.best = (model.params, model.state, watching.kept_at)
        return model.history


class _Watching(Callback):
    """Tells how far a run is, and takes note of the best parameters."""

    def __init__(self, trainer: _Trainer, title: str, stopping: Any) -> None:
        self.trainer = trainer
        self.title = title
        self.stopping = stopping
        self.told = time.monotonic()
        self.kept_at = 0

    def on_epoch_end(self, run: Any) -> None:
        """Take note of an epoch."""
        if self.stopping is None or self.stopping.best_epoch == run.epoch:
            self.kept_at = run.epoch + 1
            self.trainer.best = (run.params, run.state, self.kept_at)
        now = time.monotonic()
        if self.trainer.tell is not None and now - self.told > _PULSE:
            self.told = now
            held = run.logs.get("val_loss")
            said = "" if held is None else f", validation loss {held:.4g}"
            self.trainer.tell(
                f"{self.title}: epoch {run.epoch + 1}, loss {run.logs['loss']:.4g}{said}"
            )


def _best(history: Any) -> int:
    """Return after how many epochs the validation loss was least."""
    found: int | None = history.best_epoch
    return history.length if found is None else found + 1
