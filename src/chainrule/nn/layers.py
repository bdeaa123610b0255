"""Layers with parameters or state, or with random numbers.

Sources: J. Ba, J. Kiros and G. Hinton, arXiv:1607.06450 (layer normalisation); S. Ioffe and
C. Szegedy, arXiv:1502.03167 (batch normalisation); N. Srivastava et al., "Dropout: a simple way to
prevent neural networks from overfitting", 2014.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from chainrule.calling import public
from chainrule.nn.base import Arrays, Context, Layer
from chainrule.nn.initialisers import Array, Shape, initialiser, zeros
from chainrule.nn.random import kept


@public
class Dense(Layer):
    """Every output is a weighted sum of all inputs: y = x @ W + b.

    Parameters
    ----------
    units : int
        How many outputs there are.
    bias : bool
        Add b, which is 0 at first.
    init : str
        Name of the initialiser of W; see :mod:`chainrule.nn.initialisers`.

    Examples
    --------
    >>> params = {"W": np.array([[1.0], [2.0]]), "b": np.array([0.5])}
    >>> Dense(1).apply(params, {}, np.array([[1.0, 1.0]]))[0]
    array([[3.5]])
    """

    def __init__(self, units: int, bias: bool = True, init: str = "he") -> None:
        self.units = units
        self.bias = bias
        self.init = init
        if type(units) is not int or units < 1:
            raise self.refusal("cannot be made.", "units: a whole number from 1", units)
        if type(bias) not in (bool, np.bool_):  # as in Dense(inputs, outputs) of others
            told = "bias: True or False; how many inputs there are is seen from the data"
            raise self.refusal("cannot be made.", told, bias)
        initialiser(init)

    def output_shape(self, shape: Shape) -> Shape:
        """Return the shape of one result: the last axis becomes that of the units."""
        self.features(shape)
        return (*shape[:-1], self.units)

    def parameters(self, rng: np.random.Generator, shape: Shape, dtype: Any) -> dict[str, Array]:
        """Return W of shape (features, units), and b of shape (units,)."""
        made = {"W": initialiser(self.init)(rng, (self.features(shape), self.units), dtype)}
        if self.bias:
            made["b"] = zeros(rng, (self.units,), dtype)
        return made

    def parameter_shapes(self, shape: Shape) -> dict[str, Shape]:
        """Return the shapes of W and b."""
        shapes: dict[str, Shape] = {"W": (self.features(shape), self.units)}
        return shapes | ({"b": (self.units,)} if self.bias else {})

    def apply(
        self, params: Arrays, state: Arrays, x: Any, context: Context | None = None
    ) -> tuple[Any, Arrays]:
        """Return x @ W + b."""
        W = params["W"]
        if x.ndim < 2 or x.shape[-1] != W.shape[0]:
            raise self.refusal(
                "does not fit what it is given.",
                f"a batch of samples with {W.shape[0]} features",
                f"shape {x.shape}",
            )
        y = x @ W
        return (y + params["b"] if self.bias else y), state


@public
class Dropout(Layer):
    """In training, each number is 0 with probability `rate`, and divided by 1 - rate otherwise.

    So its mean stays what it is in prediction, where nothing is done. Which are 0 depends on seed,
    step, layer and place alone; see :mod:`chainrule.nn.random`.

    Parameters
    ----------
    rate : float
        From 0, below 1.

    Examples
    --------
    >>> x = np.ones((1, 6))
    >>> Dropout(0.5).apply({}, {}, x, Context(seed=1, step=0))[0]
    array([[0., 0., 2., 0., 2., 2.]])
    """

    def __init__(self, rate: float) -> None:
        self.rate = rate
        if not 0 <= rate < 1:
            raise self.refusal("cannot be made.", "rate: from 0, below 1", rate)
        self.rate = float(rate)

    def apply(
        self, params: Arrays, state: Arrays, x: Any, context: Context | None = None
    ) -> tuple[Any, Arrays]:
        """Return what is kept, divided by 1 - rate."""
        if context is None or self.rate == 0:
            return x, state
        stay = kept(context.seed, context.step, context.layer, x.shape, self.rate)
        return np.where(stay, x / (1 - self.rate), 0), state


@public
class Normalisation(Layer):
    """What layers have in common that make features normal, and then scale and shift them."""

    def output_shape(self, shape: Shape) -> Shape:
        """Return the shape itself, which has to have an axis."""
        self.features(shape)
        return shape

    def parameters(self, rng: np.random.Generator, shape: Shape, dtype: Any) -> dict[str, Array]:
        """Return scale and shift, of shape (features,)."""
        features = self.features(shape)
        return {"scale": np.ones(features, dtype), "shift": np.zeros(features, dtype)}

    def parameter_shapes(self, shape: Shape) -> dict[str, Shape]:
        """Return the shapes of scale and shift."""
        return dict.fromkeys(("scale", "shift"), (self.features(shape),))


@public
class LayerNorm(Normalisation):
    """The features of each sample get mean 0 and variance 1, then a scale and a shift.

    y = (x - mean) / √(variance + eps) · scale + shift, with mean and variance along the last axis.

    Parameters
    ----------
    eps : float
        Keeps the divisor away from 0.

    Examples
    --------
    >>> params = {"scale": np.ones(2), "shift": np.zeros(2)}
    >>> LayerNorm().apply(params, {}, np.array([[1.0, 5.0]]))[0].round(4)
    array([[-1.,  1.]])
    """

    def __init__(self, eps: float = 1e-5) -> None:
        self.eps = _positive(self, "eps", eps)

    def apply(
        self, params: Arrays, state: Arrays, x: Any, context: Context | None = None
    ) -> tuple[Any, Arrays]:
        """Return the samples, each made normal."""
        centred = x - np.mean(x, axis=-1, keepdims=True)
        variance = np.mean(np.square(centred), axis=-1, keepdims=True)
        normal = centred / np.sqrt(variance + self.eps)
        return normal * params["scale"] + params["shift"], state


@public
class BatchNorm(Normalisation):
    """Each feature gets mean 0 and variance 1 over the batch, then a scale and a shift.

    y = (x - mean) / √(variance + eps) · scale + shift, with mean and variance along all axes but
    the last. In prediction these are running averages, which each training step moves by `momentum`
    towards the batch's mean and its unbiased variance, as in PyTorch: running =
    (1 - momentum) · running + momentum · batch. A batch with one value of each feature has no
    unbiased variance; 0 is taken.

    Parameters
    ----------
    momentum : float
        From 0 to 1.
    eps : float
        Keeps the divisor away from 0.

    Examples
    --------
    >>> layer = BatchNorm()
    >>> params, state = layer.parameters(None, (1,), float), layer.state((1,), float)
    >>> y, state = layer.apply(params, state, np.array([[1.0], [5.0]]), Context(0, 0))
    >>> y.round(4).tolist(), state["mean"].tolist(), state["var"].tolist()
    ([[-1.0], [1.0]], [0.30000000000000004], [1.7000000000000002])
    """

    def __init__(self, momentum: float = 0.1, eps: float = 1e-5) -> None:
        self.momentum = momentum
        self.eps = eps
        if not 0 <= momentum <= 1:
            raise self.refusal("cannot be made.", "momentum: from 0 to 1", momentum)
        self.eps = _positive(self, "eps", eps)

    def state(self, shape: Shape, dtype: Any) -> dict[str, Array]:
        """Return the running mean and variance, of shape (features,)."""
        features = self.features(shape)
        return {"mean": np.zeros(features, dtype), "var": np.ones(features, dtype)}

    def state_shapes(self, shape: Shape) -> dict[str, Shape]:
        """Return the shapes of the running mean and variance."""
        return dict.fromkeys(("mean", "var"), (self.features(shape),))

    def apply(
        self, params: Arrays, state: Arrays, x: Any, context: Context | None = None
    ) -> tuple[Any, Arrays]:
        """Return the batch made normal, and the running averages after it."""
        if context is None:
            normal = (x - state["mean"]) / np.sqrt(state["var"] + self.eps)
            return normal * params["scale"] + params["shift"], state
        axes = tuple(range(x.ndim - 1))
        mean = np.mean(x, axis=axes)
        centred = x - mean
        variance = np.mean(np.square(centred), axis=axes)
        normal = centred / np.sqrt(variance + self.eps)
        count = math.prod(x.shape[:-1])
        unbiased = variance * (count / max(count - 1, 1))
        kept = {
            "mean": self._moved(state["mean"], mean),
            "var": self._moved(state["var"], unbiased),
        }
        return normal * params["scale"] + params["shift"], kept

    def _moved(self, running: Any, batch: Any) -> Any:
        return (1 - self.momentum) * running + self.momentum * batch


@public
class Flatten(Layer):
    """All features of a sample in one axis.

    Examples
    --------
    >>> Flatten().apply({}, {}, np.ones((5, 2, 3)))[0].shape
    (5, 6)
    """

    def __init__(self) -> None:
        pass  # which takes nothing, and says so

    def output_shape(self, shape: Shape) -> Shape:
        """Return the number of features, as a shape."""
        return (math.prod(shape),)

    def apply(
        self, params: Arrays, state: Arrays, x: Any, context: Context | None = None
    ) -> tuple[Any, Arrays]:
        """Return the batch with one axis besides its own."""
        return np.reshape(x, (x.shape[0], math.prod(x.shape[1:]))), state


def _positive(layer: Layer, name: str, value: float) -> float:
    setattr(layer, name, value)  # which the message shows
    if not value > 0:
        raise layer.refusal("cannot be made.", f"{name}: a positive number", value)
    return float(value)
