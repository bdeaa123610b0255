"""What something was made from, as plain data, and the way back: for files.

A config is a dict with the ``name`` of what makes it and the arguments. What can be made
registers itself, so that no list of names is kept anywhere.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, ParamSpec, TypeVar

import numpy as np

from chainrule.calling import public
from chainrule.errors import ArgumentError

P = ParamSpec("P")
T = TypeVar("T")

#: What makes the things that have a config, by name.
MAKERS: dict[str, Callable[..., Any]] = {}


def registered(maker: Callable[P, T]) -> Callable[P, T]:
    """Add a class or function to what :func:`from_config` finds by its name.

    Raises
    ------
    ArgumentError
        When another module has one of that name, which a file would be read with.
    """
    known = MAKERS.get(maker.__name__)
    # The same module may define it again: a cell of a notebook that is run twice.
    if known is not None and known.__module__ != maker.__module__:
        raise ArgumentError(
            f"There is a {maker.__name__!r} already, in {known.__module__}.",
            instead="another name",
        )
    MAKERS[maker.__name__] = maker
    return maker


def arguments_of(f: Callable[..., Any], args: Any, kwargs: Any) -> dict[str, Any]:
    """Return the arguments of a call by name, defaults included, as plain data.

    Arguments without a name of their own, ``*parts``, are a list.
    """
    given = inspect.signature(f).bind(*args, **kwargs)
    given.apply_defaults()
    return {name: plain(value) for name, value in given.arguments.items()}


def plain(value: Any) -> Any:
    """Return a number of NumPy as Python's own, which takes on the type of what it meets.

    >>> plain(np.float64(0.5))
    0.5
    """
    if isinstance(value, np.generic) or (isinstance(value, np.ndarray) and value.ndim == 0):
        return value.item()
    return value


def config_of(name: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return the config of what was made by `name` from some arguments.

    Raises
    ------
    ArgumentError
        When an argument is a function or an object of the user's own, which no file can hold.
    """
    return {"name": name} | {key: _written(v, name, key) for key, v in arguments.items()}


def _written(value: Any, name: str, key: str) -> Any:
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, (list, tuple)):
        return [_written(v, name, key) for v in value]
    if hasattr(value, "config"):
        return value.config()
    raise ArgumentError(
        f"{key} of {name} cannot be written to a file.",
        expected="a number, a string, or something of chainrule.nn",
        got=repr(value),
    )


@public
def from_config(config: Mapping[str, Any]) -> Any:
    """Make again what a config was taken from.

    Parameters
    ----------
    config : dict
        What ``.config()`` of a layer, an optimizer, a schedule or a transformation returned.

    Returns
    -------
    Layer, Optimizer, Schedule or Transformation

    Raises
    ------
    ArgumentError
        When the name is not known, or the arguments are not those of what it names.

    Examples
    --------
    >>> import chainrule.nn as nn
    >>> nn.Adam(0.01).config()["name"], nn.from_config(nn.Adam(0.01).config()) == nn.Adam(0.01)
    ('Adam', True)
    """
    arguments = {key: _read(value) for key, value in config.items() if key != "name"}
    name = config.get("name")
    if name not in MAKERS:
        raise ArgumentError(
            "A config names something that chainrule.nn does not have.",
            expected=f"one of {', '.join(sorted(MAKERS))}",
            got=repr(name),
            instead="import the module that defines it first, if it is your own",
        )
    parts, make = arguments.pop("parts", []), MAKERS[name]
    try:
        # Known before the call, which would look up the user's line: that opens another file.
        inspect.signature(make).bind(*parts, **arguments)
        return make(*parts, **arguments)
    except TypeError as error:
        raise ArgumentError(
            f"A config of {name} has other arguments than {name} takes.",
            expected=f"{name}{inspect.signature(make)}",
            got=", ".join(arguments) or "none",
        ) from error


def _read(value: Any) -> Any:
    if isinstance(value, Mapping):
        return from_config(value)
    return [_read(v) for v in value] if isinstance(value, list) else value
