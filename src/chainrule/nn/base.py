"""What all layers have in common.

A layer keeps what it was made with, and no arrays. ``layer.apply(params, state, x, context)`` can
be traced, explained, differentiated and compiled like any other function; ``context`` is None in
prediction.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from chainrule.calling import public
from chainrule.errors import ArgumentError
from chainrule.nn.configs import config_of, registered
from chainrule.nn.initialisers import Array, Shape

Arrays = Mapping[str, Any]


@public
class Context(NamedTuple):
    """What a layer is told in training, and not in prediction.

    Parameters
    ----------
    seed : int, or array without axes
        Of the random numbers; see :func:`chainrule.nn.random.uniform`.
    step : number, or array without axes
        How many training steps there were before.
    layer : int
        The position of the layer, so that each draws its own numbers.

    Examples
    --------
    >>> Context(seed=0, step=10)
    Context(seed=0, step=10, layer=0)
    """

    seed: Any
    step: Any
    layer: int = 0


@public
class Layer:
    """The base of all layers, and a layer that does nothing.

    A subclass is found by its name in files. Its arguments are attributes of the same names, and
    numbers, strings or booleans.
    """

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        registered(cls)

    def __repr__(self) -> str:
        arguments = list(self.config().items())[1:]
        return f"{type(self).__name__}({', '.join(f'{k}={v!r}' for k, v in arguments)})"

    def config(self) -> dict[str, Any]:
        """Return the name and the arguments, of which :func:`from_config` makes the layer again.

        Returns
        -------
        dict

        Raises
        ------
        ArgumentError
            When an argument is not kept as an attribute of its name, or no file can hold it.

        Examples
        --------
        >>> Layer().config()
        {'name': 'Layer'}
        """
        arguments: dict[str, Any] = {}
        for name, parameter in inspect.signature(type(self)).parameters.items():
            if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
                continue
            if not hasattr(self, name):
                raise ArgumentError(
                    f"{type(self).__name__} does not keep its argument {name!r}.",
                    instead=f"self.{name} = {name} in its __init__",
                )
            arguments[name] = getattr(self, name)
        return config_of(type(self).__name__, arguments)

    def output_shape(self, shape: Shape) -> Shape:
        """Return the shape of one result for the shape of one sample.

        Parameters
        ----------
        shape : tuple of int
            Without the axis of the batch.

        Returns
        -------
        tuple of int

        Raises
        ------
        ArgumentError
            When such a sample does not fit.
        """
        return shape

    def parameters(self, rng: np.random.Generator, shape: Shape, dtype: Any) -> dict[str, Array]:
        """Return what is to be trained, as it is before training.

        Parameters
        ----------
        rng : numpy.random.Generator
        shape : tuple of int
            Of one sample.
        dtype : data type

        Returns
        -------
        dict of arrays
        """
        return {}

    def parameter_shapes(self, shape: Shape) -> dict[str, Shape]:
        """Return the shapes of :meth:`parameters`, which a file is compared with.

        A layer of your own may leave this as it is, and arrays are made to see; one that computes
        the shapes cannot be made to take memory by a file that is no good.

        Parameters
        ----------
        shape : tuple of int
            Of one sample.

        Returns
        -------
        dict of tuples of int
        """
        made = self.parameters(np.random.default_rng(0), shape, np.float32)
        return {name: np.shape(array) for name, array in made.items()}

    def state_shapes(self, shape: Shape) -> dict[str, Shape]:
        """Return the shapes of :meth:`state`, as :meth:`parameter_shapes` does.

        Parameters
        ----------
        shape : tuple of int
            Of one sample.

        Returns
        -------
        dict of tuples of int
        """
        return {name: np.shape(array) for name, array in self.state(shape, np.float32).items()}

    def state(self, shape: Shape, dtype: Any) -> dict[str, Array]:
        """Return what is kept from step to step and not trained.

        Parameters
        ----------
        shape : tuple of int
            Of one sample.
        dtype : data type

        Returns
        -------
        dict of arrays
        """
        return {}

    def apply(
        self, params: Arrays, state: Arrays, x: Any, context: Context | None = None
    ) -> tuple[Any, Arrays]:
        """Return the result for a batch, and the state after it.

        Parameters
        ----------
        params, state : dict of arrays
        x : array
            A batch: the first axis is that of the samples.
        context : Context, optional
            In training.

        Returns
        -------
        y : array
        state : dict of arrays
        """
        return x, state

    def refusal(self, what: str, expected: str, got: Any) -> ArgumentError:
        """Return an error that names the layer."""
        return ArgumentError(f"{self!r} {what}", expected=expected, got=str(got))

    def features(self, shape: Shape) -> int:
        """Return the length of the last axis of a sample; refuse a sample without axes."""
        if not shape:
            raise self.refusal(
                "takes samples of features.", "one axis or more, besides the batch's", "none"
            )
        return shape[-1]
