"""What is minimised, what was found, and what is said where nothing could be."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from chainrule.arguments import name_of
from chainrule.calling import public
from chainrule.errors import ChainruleError, NonFiniteError
from chainrule.structure import leaves, map_leaves

#: ``callback(step, value)``; what it returns says whether to stop.
Callback = Callable[[int, float], Any]


@public
@dataclass(frozen=True)
class Minimum:
    """What :func:`minimize` found.

    Attributes
    ----------
    params : structure of arrays
        As the start.
    value : float
        Of the function there.
    steps : int
        How often the parameters were changed.
    converged : bool
        Whether no element of the gradient is larger than the tolerance; with L-BFGS also whether
        the value could not become smaller.
    values : array, shape (steps + 1,)
        The value at the start and after each step.
    """

    params: Any
    value: float
    steps: int
    converged: bool
    values: np.ndarray = field(repr=False)


class DivergedError(NonFiniteError):
    """A NaN or an infinity arose while a function was minimised.

    Attributes
    ----------
    params : structure of arrays
        The last parameters at which the function was finite.
    value : float
        Of the function there.
    step : int
        How many steps had led there.
    """

    params: Any
    value: float
    step: int


class Objective:
    """A function of a flat dict of arrays: whatever the structure, an optimizer sees one level."""

    def __init__(self, f: Callable[[Any], Any], start: Any) -> None:
        self.f = f
        self.__name__ = name_of(f)
        self._template = start
        self.start: dict[str, np.ndarray] = dict(leaves(start, "params"))

    def __call__(self, flat: dict[str, Any]) -> Any:
        """Return the value of the function."""
        return self.f(self.structured(flat))

    def structured(self, flat: dict[str, Any]) -> Any:
        """Return parameters in the structure of the start."""
        return map_leaves(lambda leaf, path: flat[path], self._template, "params")

    def result(self, flat: dict[str, Any]) -> Any:
        """Return parameters to be given to the user."""
        return self.structured({k: np.asarray(v)[()] for k, v in flat.items()})


def diverged_error(
    objective: Objective, cause: ChainruleError, params: dict[str, Any], value: float, step: int
) -> DivergedError:
    """Return the error for a NaN that arose after a step, with the last good parameters."""
    error = DivergedError(
        f"The minimisation of {objective.__name__} came to a NaN or an infinity after step {step}.",
        got=f"a value of {value:g} at the last good parameters, which the error has as .params",
        where=cause.where,
        instead="a smaller learning rate, clip_norm=1.0, or another start",
    )
    error.params, error.value, error.step = objective.result(params), value, step
    return error
