"""What is trained: layers and a loss, told by a few values that can be looked up."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np

from chainrule import nn
from chainrule.nn.functional import log_softmax, sigmoid, softmax

Params = dict[str, dict[str, Any]]

#: What scikit-learn calls an activation -> the layer; "identity" has none.
ACTIVATIONS: dict[str, type[nn.Layer] | None] = {
    "identity": None,
    "logistic": nn.Sigmoid,
    "tanh": nn.Tanh,
    "relu": nn.ReLU,
}


@dataclass(frozen=True)
class Network:
    """Layers and a loss. Networks with the same values are equal, and share what is compiled.

    Parameters
    ----------
    units : tuple of int
        Features, units of each hidden layer, outputs.
    activation : str
        Of the hidden layers.
    output : {"identity", "exp", "logistic", "softmax"}
        What makes predictions of the last layer's numbers; it says which loss is meant, too.
    dropout : float
        Behind each hidden layer.
    """

    units: tuple[int, ...]
    activation: str
    output: str
    dropout: float = 0.0

    @cached_property
    def model(self) -> nn.Sequential:
        """The layers, for all who only apply them."""
        return self.layers()

    def layers(self) -> nn.Sequential:
        """Make the layers, without the function of the output."""
        layers: list[nn.Layer] = []
        kind = ACTIVATIONS[self.activation]
        for units in self.units[1:-1]:
            layers.append(nn.Dense(units))
            if kind is not None:
                layers.append(kind())
            if self.dropout:
                layers.append(nn.Dropout(self.dropout))
        return nn.Sequential(*layers, nn.Dense(self.units[-1]))

    @cached_property
    def _dense(self) -> list[str]:
        """The names of the layers that have parameters, in order."""
        return [n for n, layer in self.model.layers.items() if isinstance(layer, nn.Dense)]

    # -- parameters ----------------------------------------------------------------------

    def initial(self, rng: np.random.RandomState, dtype: Any) -> Params:
        """Draw parameters as scikit-learn draws them, from the same stream.

        Uniform up to √(6 / (inputs + outputs)), or √(2 / ...) for logistic units, for biases too
        (X. Glorot and Y. Bengio, 2010).
        """
        coefs, intercepts = [], []
        for inputs, outputs in pairwise(self.units):
            bound = math.sqrt((2 if self.activation == "logistic" else 6) / (inputs + outputs))
            coefs.append(rng.uniform(-bound, bound, (inputs, outputs)).astype(dtype, copy=False))
            intercepts.append(rng.uniform(-bound, bound, outputs).astype(dtype, copy=False))
        return self.params(coefs, intercepts)

    def params(self, coefs: Any, intercepts: Any) -> Params:
        """Return lists of weights and biases as the model has them; nothing is copied."""
        pairs = zip(self._dense, coefs, intercepts, strict=True)
        return {name: {"W": W, "b": b} for name, W, b in pairs}

    def lists(self, params: Params) -> tuple[list[Any], list[Any]]:
        """Return the weights and the biases as lists; nothing is copied."""
        return [params[n]["W"] for n in self._dense], [params[n]["b"] for n in self._dense]

    @property
    def name_of_loss(self) -> str | None:
        """What :mod:`chainrule.nn` calls the loss, apart from a factor, or None."""
        return {
            "softmax": "cross_entropy", "logistic": "binary_cross_entropy", "identity": "mse",
        }.get(self.output)  # fmt: skip

    # -- loss and predictions ------------------------------------------------------------

    def loss(
        self,
        params: Params,
        X: Any,
        y: Any,
        weights: Any,
        alpha: Any,
        context: nn.Context | None = None,
    ) -> Any:
        """Return the loss of some rows, with the penalty's share: to be traced.

        Parameters
        ----------
        params : dict
        X : array, shape (n, features)
        y : array
            Class numbers for softmax, else of shape (n, outputs).
        weights : array, shape (n,), or None
        alpha : number
            The penalty is 0.5 · alpha · sum of W² / n, or over the sum of the weights.
        context : Context, optional
            In training.
        """
        outputs, _ = self.model.apply(params, {}, X, context)
        total = X.shape[0] if weights is None else np.sum(weights)
        return self._fit(outputs, y, weights) + 0.5 * alpha * nn.l2(params) / total

    def _fit(self, outputs: Any, y: Any, weights: Any) -> Any:
        if self.output == "softmax":
            return nn.cross_entropy(outputs, y, weights=weights)
        if self.output == "logistic":
            return self.units[-1] * nn.binary_cross_entropy(outputs, y, weights=weights)
        if self.output == "identity":
            return 0.5 * nn.mse(outputs, y, weights=weights)
        return _poisson(outputs, y, weights)

    def outputs(self, params: Params, X: Any) -> Any:
        """Return the numbers of the last layer; X may be sparse."""
        return self.model.apply(params, {}, X)[0]

    def predicted(self, outputs: Any) -> Any:
        """Return probabilities, or predicted numbers, of what :meth:`outputs` gave."""
        if self.output == "softmax":
            return softmax(outputs)
        if self.output == "logistic":
            return sigmoid(outputs)
        return np.exp(outputs) if self.output == "exp" else outputs

    def log_probabilities(self, outputs: Any) -> Any:
        """Return the logarithm of probabilities; finite where these would be rounded to 0."""
        if self.output == "softmax":
            return log_softmax(outputs)
        return np.minimum(outputs, 0) - np.log1p(np.exp(-np.abs(outputs)))


def _poisson(outputs: Any, y: Any, weights: Any) -> Any:
    """Return half of the Poisson deviance of rates exp(outputs), summed over the outputs."""
    best = y * np.log(np.where(y > 0, y, 1)) - y  # what a perfect prediction would have
    losses = np.sum(np.exp(outputs) - y * outputs + best, axis=1)
    if weights is None:
        return np.mean(losses)
    return np.sum(weights * losses) / np.sum(weights)
