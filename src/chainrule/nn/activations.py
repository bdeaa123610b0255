"""Activations as layers: each is a class that names its function."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, ClassVar

from chainrule.arguments import with_signature
from chainrule.calling import public
from chainrule.nn import functional
from chainrule.nn.base import Arrays, Context, Layer
from chainrule.nn.initialisers import Shape


@public
class Activation(Layer):
    """The base of layers that apply a function of :mod:`chainrule.nn.functional`.

    A subclass names the function; the function's options are the layer's.
    """

    function: ClassVar[Callable[..., Any]] = staticmethod(lambda x: x)

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        own = inspect.signature(cls.function)
        options = [p for p in own.parameters.values() if p.name != "x"]
        with_signature(cls, options)  # so that `help` and `config` see them as arguments

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        bound = inspect.signature(type(self)).bind(*args, **kwargs)
        bound.apply_defaults()
        vars(self).update(bound.arguments)

    def apply(
        self, params: Arrays, state: Arrays, x: Any, context: Context | None = None
    ) -> tuple[Any, Arrays]:
        """Return the function of each number, or of each sample."""
        return type(self).function(x, **vars(self)), state


class ReLU(Activation):
    """:func:`chainrule.nn.functional.relu` as a layer."""

    function = staticmethod(functional.relu)


class LeakyReLU(Activation):
    """:func:`chainrule.nn.functional.leaky_relu` as a layer."""

    function = staticmethod(functional.leaky_relu)


class ELU(Activation):
    """:func:`chainrule.nn.functional.elu` as a layer."""

    function = staticmethod(functional.elu)


class GELU(Activation):
    """:func:`chainrule.nn.functional.gelu` as a layer."""

    function = staticmethod(functional.gelu)


class SiLU(Activation):
    """:func:`chainrule.nn.functional.silu` as a layer."""

    function = staticmethod(functional.silu)


class Sigmoid(Activation):
    """:func:`chainrule.nn.functional.sigmoid` as a layer."""

    function = staticmethod(functional.sigmoid)


class Tanh(Activation):
    """:func:`chainrule.nn.functional.tanh` as a layer."""

    function = staticmethod(functional.tanh)


class Softplus(Activation):
    """:func:`chainrule.nn.functional.softplus` as a layer."""

    function = staticmethod(functional.softplus)


@public
class Softmax(Activation):
    """:func:`chainrule.nn.functional.softmax` as a layer."""

    function = staticmethod(functional.softmax)

    def output_shape(self, shape: Shape) -> Shape:
        """Return the shape itself; refuse one without the axis, which counts the batch's as 0."""
        axis = vars(self)["axis"]
        if not -len(shape) - 1 <= axis <= len(shape):
            expected = f"axis from {-len(shape) - 1} to {len(shape)} for samples of shape {shape}"
            raise self.refusal("does not fit what it is given.", expected, axis)
        return shape
