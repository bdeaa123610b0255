"""The layers that a file tells of, looked at before any of them is made.

A name leads to a class of :data:`chainrule.nn.configs.MAKERS` and nowhere else. Arguments have the
types that the class is annotated with. The shapes of all arrays are computed, not made, and are to
be those that the file has.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from chainrule.errors import ArgumentError, FileError
from chainrule.nn.activations import Activation
from chainrule.nn.base import Layer
from chainrule.nn.configs import MAKERS, from_config
from chainrule.nn.files.refusals import damaged, refused, shortened
from chainrule.nn.initialisers import Shape
from chainrule.nn.layers import Normalisation
from chainrule.nn.sequential import Sequential

Array = np.ndarray[Any, Any]

#: What an annotation of an argument lets a file give.
_TYPES: dict[Any, tuple[type, ...]] = {
    "int": (int,),
    "float": (int, float),
    "bool": (bool,),
    "str": (str,),
}
#: What layers of chainrule have in common, and no layers themselves.
_BASES = (Activation, Normalisation)
#: No argument of a layer is a larger whole number.
_LARGEST = 2**63


def sequential(path: str, config: Any) -> Sequential:
    """Return the model of a config, without parameters.

    Parameters
    ----------
    path : str
        Of the file, for messages.
    config : what JSON can hold

    Raises
    ------
    FileError
        For anything but layers with arguments that they take.
    """
    layers = config.get("layers") if isinstance(config, dict) else None
    if not isinstance(layers, list) or config.keys() != {"name", "layers"}:
        raise damaged(path, "has a model without a list of layers.")
    return Sequential(*(_layer(path, i, told) for i, told in enumerate(layers, 1)))


def _layer(path: str, number: int, told: Any) -> Layer:
    where = f"has a layer {number} that"
    if not isinstance(told, dict) or not isinstance(told.get("name"), str):
        raise damaged(path, f"{where} has no name.", got=told)
    name = told["name"]
    maker = _layers().get(name)
    if maker is None:
        raise refused(
            path,
            f"{where} chainrule does not have here.",
            expected=", ".join(sorted(_layers())),
            got=repr(name),
            instead="import the module that defines it first, if it is your own",
        )
    _check_arguments(path, f"{where} is a {name} with", told, maker)
    try:
        made = from_config(told)
    except Exception as error:  # a class may object to an argument in any way
        what = error.what if isinstance(error, ArgumentError) else str(error)
        raise damaged(
            path,
            f"{where} cannot be made: {what}",
            expected=getattr(error, "expected", None),
            got=getattr(error, "got", None),
        ) from None
    assert isinstance(made, Layer)
    return made


def _layers() -> dict[str, type[Layer]]:
    """Return the layers that there are, by name."""
    return {
        name: maker
        for name, maker in MAKERS.items()
        if isinstance(maker, type) and issubclass(maker, Layer) and maker not in _BASES
    }


def _check_arguments(path: str, where: str, told: dict[str, Any], maker: type) -> None:
    takes = inspect.signature(maker).parameters
    for name, value in told.items():
        if name == "name":
            continue
        if name not in takes:
            raise damaged(path, f"{where} an argument {name!r}.", expected=", ".join(takes))
        wanted = _TYPES.get(takes[name].annotation)
        if wanted is not None and type(value) not in wanted:
            raise damaged(
                path,
                f"{where} another {name} than it takes.",
                expected=str(takes[name].annotation),
                got=shortened(repr(value)),
            )
        if type(value) is int and abs(value) >= _LARGEST:
            raise damaged(path, f"{where} a {name} that is out of range.", got=value)


def shapes(model: Sequential, input_shape: Shape) -> dict[tuple[str, str, str], Shape]:
    """Return the shape of each array that belongs to a model.

    Parameters
    ----------
    model : Sequential
    input_shape : tuple of int
        Of one sample.

    Returns
    -------
    dict
        ``("params" or "state", layer, name)`` -> shape.

    Raises
    ------
    ArgumentError
        For layers that do not take what they are given.

    Examples
    --------
    >>> from chainrule.nn import Dense
    >>> shapes(Sequential(Dense(2)), (3,))
    {('params', 'dense1', 'W'): (3, 2), ('params', 'dense1', 'b'): (2,)}
    """
    given = input_shape
    found: dict[tuple[str, str, str], Shape] = {}
    after = model.shapes(input_shape)
    for layer_name, layer in model.layers.items():
        for name, shape in layer.parameter_shapes(given).items():
            found["params", layer_name, name] = shape
        for name, shape in layer.state_shapes(given).items():
            found["state", layer_name, name] = shape
        given = after[layer_name]
    return found


def check_arrays(
    arrays: Mapping[str, Array], expected: Mapping[str, Shape], dtype: np.dtype[Any]
) -> None:
    """Refuse arrays that are not those of the model, by name, shape or type.

    Raises
    ------
    ArgumentError
    """
    if arrays.keys() != expected.keys():
        missing = ", ".join(sorted(expected.keys() - arrays.keys()))
        many = ", ".join(sorted(arrays.keys() - expected.keys()))
        raise ArgumentError(
            "The arrays are not those of the layers.",
            expected=f"{missing} as well" if missing else "no others",
            got=many or "none of that name",
        )
    for name, shape in expected.items():
        if arrays[name].shape != shape or arrays[name].dtype != dtype:
            raise ArgumentError(
                f"{name} is not what the layers take.",
                expected=f"shape {shape} of {dtype}",
                got=f"shape {arrays[name].shape} of {arrays[name].dtype}",
            )


def input_shape_of(path: str, told: Any) -> Shape:
    """Return the shape of a sample that a file tells of."""
    numbers = isinstance(told, list) and len(told) <= 32
    if not numbers or not all(type(n) is int and n > 0 for n in told):
        raise damaged(path, "has no shape of a sample.", expected="whole numbers", got=told)
    if math.prod(told) >= _LARGEST:
        raise damaged(path, "has a shape of a sample larger than any memory.", got=told)
    return tuple(told)


def fitting(path: str, error: ArgumentError) -> FileError:
    """Return the error for a file in which layers, shapes and arrays do not go together."""
    what = f"has layers and arrays that do not go together: {error.what}"
    return damaged(path, what, expected=error.expected, got=error.got)
