"""What a trained model is used for: the methods that all models have."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np

from chainrule.arguments import with_signature
from chainrule.calling import public
from chainrule.errors import ArgumentError
from chainrule.nn.health import Health
from chainrule.nn.health import health as examined
from chainrule.nn.trainable import Trainable
from chainrule.nn.training.data import features
from chainrule.nn.training.fit import Settings, prepared
from chainrule.nn.training.trainer import ROWS, evaluated, scores_of
from chainrule.solution import Solution
from chainrule.solving import explain as explain_function
from chainrule.structure import leaves, map_leaves
from chainrule.trace import named


@public
class Model(Trainable):
    """What has parameters, is trained, makes predictions and can be asked why.

    Attributes
    ----------
    params : dict or None
        Parameters; None before they are made, which the first `fit` does.
    state : dict
        What layers keep besides.
    input_shape : tuple of int or None
        Of one sample.
    history : History or None
        Of the last `fit`.
    loss : str or callable or None
        That it was last trained with.
    extra : dict or None
        What its file told besides; see :func:`chainrule.nn.files.save`.
    """

    def predict(self, x: Any) -> np.ndarray:
        """Return what the last layer gives: logits, where the loss takes logits.

        Parameters
        ----------
        x : array, shape (n, ...)

        Returns
        -------
        array, shape (n, ...)

        Raises
        ------
        ArgumentError, ShapeError, DtypeError
            When there are no parameters yet, or the samples are not of the right shape.
        """
        self.require_params("predict")
        samples = features(x, self.dtype)
        self.shape_of_one(samples.shape[1:])
        blocks = []
        for start in range(0, len(samples), ROWS):
            block = np.asarray(samples[start : start + ROWS], self.dtype)
            with np.errstate(over="ignore", under="ignore"):
                blocks.append(self.apply(self.params, self.state, block)[0])
        return np.concatenate(blocks)

    def evaluate(
        self, x: Any, y: Any, *, loss: Any = None, metrics: Any = None, sample_weights: Any = None
    ) -> dict[str, float]:
        """Return the loss, and metrics, on data.

        Parameters
        ----------
        x, y : array
        loss, metrics
            Those of the last `fit` unless given.
        sample_weights : array, shape (n,)

        Returns
        -------
        dict of str to float

        Raises
        ------
        ArgumentError, ShapeError, DtypeError
        """
        self.require_params("evaluate")
        loss = self._loss(loss)
        data = prepared(self, x, y, loss=loss, dtype=self.dtype, weights=sample_weights)
        chosen = self.metrics if metrics is None else metrics
        objective = Settings(loss, None, chosen).objective(self)
        return evaluated(scores_of(objective), self.params, self.state, data.arrays)

    def explain(self, x: Any, y: Any, *, loss: Any = None, sample_weights: Any = None) -> Solution:
        """Explain the loss on some samples: every step back to the parameters.

        Parameters
        ----------
        x, y : array
            A batch; a few rows are best read.
        loss
            That of the last `fit` unless given.
        sample_weights : array, shape (n,)

        Returns
        -------
        Solution
            The parameters are called ``dense1_W``, ``dense1_b``, ...

        Raises
        ------
        ArgumentError, ShapeError, DtypeError
        """
        self.require_params("explain")
        loss = self._loss(loss)
        data = prepared(self, x, y, loss=loss, dtype=self.dtype, weights=sample_weights)
        objective = Settings(loss, None).objective(self)
        batch = tuple(np.asarray(a) for a in data.arrays)
        arrays = {_readable(path): leaf for path, leaf in leaves(self.params)}

        def network(*given: Any) -> Any:
            values = iter(given[len(batch) :])
            params = map_leaves(lambda leaf, path: next(values), self.params, "")
            prediction, _ = self.apply(params, self.state, given[0])
            return named(objective.value(prediction, given[1], given[2 : len(batch)]), "loss")

        names = [*("x", "y", "weights")[: len(batch)], *arrays]
        kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
        with_signature(network, [inspect.Parameter(name, kind) for name in names])
        return explain_function(network, *batch, *arrays.values(), wrt=tuple(arrays))

    def health(
        self, x: Any = None, y: Any = None, *, loss: Any = None, optimizer: Any = None
    ) -> Health:
        """Look for what keeps the model from learning, or may do so.

        Dead and saturated units, vanishing and exploding gradients, inputs that are not scaled,
        labels out of range and more; each with its layer, its number and the usual remedy.

        Parameters
        ----------
        x : array, shape (n, ...), optional
            Rows to look at; unless given, the first ones of the last `fit`, with its optimizer.
        y : array, shape (n, ...), optional
            Without it gradients are not looked at.
        loss
            That of the last `fit` unless given.
        optimizer : Optimizer, optional
            With it, how far one step takes the weights is looked at.

        Returns
        -------
        Health

        Raises
        ------
        ArgumentError
            When there are no parameters yet, or no rows.
        """
        if x is None:
            if self._seen is None:
                raise ArgumentError(
                    "There are no rows to look at: the model has not been trained here.",
                    instead="health(x, y)",
                )
            (x, y, *_), known = self._seen
            optimizer = known if optimizer is None else optimizer
        return examined(self, x, y, loss=loss, optimizer=optimizer)

    def save(self, path: Any) -> None:
        """Write the model to a file; see :func:`chainrule.nn.load`.

        The file is safetensors, with the layers as JSON beside the arrays. It takes the place of
        an older one only when it is whole and on the disk.

        Parameters
        ----------
        path : path

        Raises
        ------
        ArgumentError
            When there are no parameters yet, or a layer cannot be written.
        FileError
            When the file cannot be written; an older one is as it was.
        """
        from chainrule.nn.files import save

        self.require_params("be saved")
        save(self, path)

    def _loss(self, loss: Any) -> Any:
        if loss is None and self.loss is None:
            raise ArgumentError(
                "Which loss is not known: the model has not been trained.",
                instead='loss="cross_entropy", or another one',
            )
        return self.loss if loss is None else loss

    def require_params(self, what: str) -> None:
        """Refuse to go on without parameters.

        Raises
        ------
        ArgumentError
        """
        if self.params is None:
            raise ArgumentError(
                f"The model has no parameters yet, and cannot {what}.",
                instead="fit(...), or initialise(x.shape[1:]) first",
            )


def _readable(path: str) -> str:
    """Return a path in nested parameters as a name: ``['dense1']['W']`` is dense1_W."""
    parts = path.replace("]", " ").replace("[", " ").replace("'", " ").replace(".", " ").split()
    name = "_".join("".join(c if c.isalnum() else "_" for c in part) for part in parts)
    return name if name.isidentifier() else f"p_{name}"
