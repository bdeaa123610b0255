"""Layers one after another."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np

from chainrule.calling import public
from chainrule.errors import ArgumentError
from chainrule.nn.base import Arrays, Context, Layer
from chainrule.nn.configs import from_config
from chainrule.nn.initialisers import Array, Shape
from chainrule.nn.model import Model
from chainrule.trace import named

#: Layer -> name -> array; layers without any are left out.
Tree = dict[str, dict[str, Array]]


@public
class Sequential(Model):
    """Layers, each of which takes what the one before it gives.

    Parameters
    ----------
    *layers : Layer

    Attributes
    ----------
    layers : dict
        Name -> layer, in order: ``"dense1"``, ``"relu1"``, ``"dense2"``, ...

    Raises
    ------
    ArgumentError
        For what is not a layer.

    Examples
    --------
    >>> from chainrule.nn import Dense, ReLU
    >>> model = Sequential(Dense(4), ReLU(), Dense(3))
    >>> params, state = model.build((2,), seed=0)
    >>> {name: {k: w.shape for k, w in p.items()} for name, p in params.items()}
    {'dense1': {'W': (2, 4), 'b': (4,)}, 'dense2': {'W': (4, 3), 'b': (3,)}}
    >>> y, state = model.apply(params, state, np.ones((5, 2), np.float32))
    >>> y.shape
    (5, 3)
    """

    def __init__(self, *layers: Layer) -> None:
        self.layers: dict[str, Layer] = {}
        count: Counter[str] = Counter()
        for layer in layers:
            if not isinstance(layer, Layer):
                raise ArgumentError(
                    "A Sequential is made of layers.",
                    expected="Layer objects, such as Dense(64)",
                    got=repr(layer),
                    instead=f"{layer.__name__}(...)" if isinstance(layer, type) else None,
                )
            kind = type(layer).__name__.lower()
            count[kind] += 1
            self.layers[f"{kind}{count[kind]}"] = layer

    def __repr__(self) -> str:
        return f"Sequential({', '.join(map(repr, self.layers.values()))})"

    def config(self) -> dict[str, Any]:
        """Return what :meth:`from_config` makes the same layers of, and JSON can hold.

        Returns
        -------
        dict
        """
        layers = [layer.config() for layer in self.layers.values()]
        return {"name": type(self).__name__, "layers": layers}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Sequential:
        """Make the layers again that :meth:`config` told of.

        Parameters
        ----------
        config : dict

        Returns
        -------
        Sequential

        Examples
        --------
        >>> from chainrule.nn.layers import Dropout
        >>> Sequential.from_config(Sequential(Dropout(0.5)).config())
        Sequential(Dropout(rate=0.5))
        """
        return cls(*map(from_config, config["layers"]))

    def shapes(self, shape: Shape) -> dict[str, Shape]:
        """Return the shape of what each layer gives for one sample.

        Parameters
        ----------
        shape : tuple of int
            Of one sample, without the axis of the batch.

        Returns
        -------
        dict
            Name of the layer -> shape.

        Raises
        ------
        ArgumentError
            For a layer that does not take what it is given; names it.
        """
        made = {}
        for name, layer in self.layers.items():
            try:
                shape = layer.output_shape(shape)
            except ArgumentError as error:
                raise ArgumentError(
                    f"{name}: {error.what}",
                    expected=error.expected,
                    got=error.got,
                    instead=error.instead,
                ) from None
            made[name] = shape
        return made

    def output_shape(self, shape: Shape) -> Shape:
        """Return the shape of what the last layer gives for one sample.

        Parameters
        ----------
        shape : tuple of int
            Of one sample, without the axis of the batch.

        Returns
        -------
        tuple of int

        Raises
        ------
        ArgumentError
            For a layer that does not take what it is given; names it.
        """
        return [shape, *self.shapes(shape).values()][-1]

    def build(self, shape: Shape, seed: int = 0, dtype: Any = np.float32) -> tuple[Tree, Tree]:
        """Make the parameters, and the state, of all layers.

        Parameters
        ----------
        shape : tuple of int
            Of one sample, without the axis of the batch.
        seed : int
            The same seed gives the same parameters, rounded to the type.
        dtype : data type
            A floating one.

        Returns
        -------
        params, state : dict
            Name of the layer -> name -> array; layers that have none are left out.

        Raises
        ------
        ArgumentError
            For a layer that does not take what it is given, or a type that is not floating.
        """
        dtype = np.dtype(dtype)
        if dtype.kind != "f":
            raise ArgumentError(
                "Parameters are real numbers.", expected="a floating type", got=str(dtype)
            )
        rng = np.random.default_rng(seed)
        params, state = {}, {}
        given = shape
        for (name, layer), after in zip(
            self.layers.items(), self.shapes(shape).values(), strict=True
        ):
            params[name] = layer.parameters(rng, given, dtype)
            state[name] = layer.state(given, dtype)
            given = after
        return _filled(params), _filled(state)

    def apply(
        self,
        params: Mapping[str, Arrays],
        state: Mapping[str, Arrays],
        x: Any,
        context: Context | None = None,
    ) -> tuple[Any, dict[str, Arrays]]:
        """Return the results for a batch, and the state after it.

        Parameters
        ----------
        params, state : dict
            As from :meth:`build`.
        x : array
            A batch: the first axis is that of the samples.
        context : Context, optional
            In training; each layer gets it with its own position.

        Returns
        -------
        y : array
        state : dict
        """
        after: dict[str, Arrays] = {}
        for position, (name, layer) in enumerate(self.layers.items()):
            own = None if context is None else context._replace(layer=position)
            x, kept = layer.apply(params.get(name, {}), state.get(name, {}), x, own)
            x = named(x, name)  # so that an explanation speaks of the layers
            if kept:
                after[name] = kept
        return x, after


def _filled(tree: Tree) -> Tree:
    return {name: arrays for name, arrays in tree.items() if arrays}
