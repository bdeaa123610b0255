"""What a transformation is."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ParamSpec

import numpy as np

from chainrule.calling import public
from chainrule.errors import ArgumentError
from chainrule.nn.configs import arguments_of, config_of, registered
from chainrule.nn.trees import Tree, float_type, mapped

P = ParamSpec("P")

Init = Callable[[Tree], Tree]
Update = Callable[[Tree, Tree, Tree], tuple[Tree, Tree]]


@public
@dataclass(frozen=True)
class Transformation:
    """A step on the way from gradients to what is added to the parameters.

    Parameters
    ----------
    name : str
    arguments : dict
        What it was made from.
    init : callable
        ``init(params) -> state``; an empty dict where nothing is kept.
    update : callable
        ``update(gradients, state, params) -> (gradients, state)``.
    """

    name: str
    arguments: dict[str, Any]
    init: Init = field(repr=False, compare=False)
    update: Update = field(repr=False, compare=False)

    def config(self) -> dict[str, Any]:
        """Return what it was made from, for a file."""
        return config_of(self.name, self.arguments)

    def __hash__(self) -> int:
        return hash(self.name)


def transformation(f: Callable[P, tuple[Init, Update]]) -> Callable[P, Transformation]:
    """Make a transformation, which knows its arguments, of its two functions."""

    @functools.wraps(f)
    def make(*args: P.args, **kwargs: P.kwargs) -> Transformation:
        arguments = arguments_of(f, args, kwargs)
        parts = arguments.get("parts", ())
        named = {k: v for k, v in arguments.items() if k != "parts"}
        return Transformation(f.__name__, arguments, *f(*parts, **named))

    return registered(public(make))


def nothing(params: Tree) -> Tree:
    """Make the state of what keeps nothing."""
    return {}


def on_each(f: Callable[[Any, Any], Any]) -> tuple[Init, Update]:
    """Return a transformation that keeps nothing, from one of a gradient and its parameter."""
    return nothing, lambda gradients, state, params: (mapped(f, gradients, params), state)


def step_count(params: Tree) -> Any:
    """Return a count of no steps yet, in the parameters' type: it goes along with them."""
    return np.zeros((), float_type(params))


def check_part(what: str, value: Any) -> None:
    """Refuse what is not the part of an average that is kept in a step."""
    if not isinstance(value, (int, float)) or not 0 <= value < 1:
        raise ArgumentError(
            f"{what} says which part of an average is kept in a step.",
            expected="a number from 0 up to but not including 1",
            got=repr(value),
        )


def check_positive(what: str, value: Any) -> None:
    """Refuse what is not a finite number greater than 0."""
    if not isinstance(value, (int, float)) or not 0 < value < math.inf:
        raise ArgumentError(
            f"{what} cannot be that.", expected="a finite number greater than 0", got=repr(value)
        )
