"""Schedules: the learning rate as a function of the step.

A schedule takes the number of steps done so far, 0 at the first, as an array without axes, and
returns the rate of the next one. It is NumPy that can be traced, so that whole epochs are
compiled with it. A function of the user's own serves as well, only that no file can hold it.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ParamSpec, cast

import numpy as np

from chainrule.calling import public
from chainrule.errors import ArgumentError
from chainrule.nn.configs import arguments_of, config_of, registered

P = ParamSpec("P")

#: The rate after some number of steps.
Rate = Callable[[Any], Any]


@public
@dataclass(frozen=True)
class Schedule:
    """A learning rate that depends on the step; made by the functions of this module.

    Parameters
    ----------
    name : str
    arguments : dict
        What it was made from.
    rate : callable
        From the number of steps done so far to the rate of the next one.
    """

    name: str
    arguments: dict[str, Any]
    rate: Rate

    def __call__(self, step: Any) -> Any:
        """Return the rate of the step before which `step` others were done."""
        return self.rate(step)

    def config(self) -> dict[str, Any]:
        """Return what it was made from, for a file."""
        return config_of(self.name, self.arguments)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Schedule) and (self.name, self.arguments) == (
            other.name,
            other.arguments,
        )

    def __hash__(self) -> int:
        return hash(self.name)

    def __repr__(self) -> str:
        return f"{self.name}({', '.join(f'{k}={v!r}' for k, v in self.arguments.items())})"


def _schedule(f: Callable[P, Rate]) -> Callable[P, Schedule]:
    """Make a schedule, which knows its arguments, of a function that returns one."""

    @functools.wraps(f)
    def make(*args: P.args, **kwargs: P.kwargs) -> Schedule:
        arguments = arguments_of(f, args, kwargs)
        rate = cast("Callable[..., Rate]", f)(**arguments)  # Python's own numbers, unlike `args`
        return Schedule(f.__name__, arguments, rate)

    return registered(public(make))


@_schedule
def step(rate: float, every: int, factor: float = 0.1) -> Rate:
    """Multiply the rate by a factor every so many steps.

    ``rate · factor^⌊t / every⌋`` after t steps.

    Parameters
    ----------
    rate : float
        The rate to begin with.
    every : int
        Steps from one change to the next.
    factor : float

    Returns
    -------
    Schedule

    Examples
    --------
    >>> [float(step(1.0, every=2, factor=0.5)(t)) for t in range(5)]
    [1.0, 1.0, 0.5, 0.5, 0.25]
    """
    _check_rate(rate)
    _check_count("every", every)
    _check_rate(factor, "factor")
    return lambda t: rate * factor ** np.floor(t / every)


@_schedule
def cosine(rate: float, steps: int, lowest: float = 0.0) -> Rate:
    """Lower the rate along half a cosine, and keep it where it ends.

    ``lowest + (rate - lowest) · (1 + cos(π t / steps)) / 2`` after t steps, up to `steps`
    (Loshchilov and Hutter, *SGDR: Stochastic Gradient Descent with Warm Restarts*, 2017, eq. 5,
    without restarts).

    Parameters
    ----------
    rate : float
        The rate to begin with.
    steps : int
        Steps until the rate is `lowest`.
    lowest : float

    Returns
    -------
    Schedule

    Examples
    --------
    >>> [round(float(cosine(1.0, 4)(t)), 3) for t in range(6)]
    [1.0, 0.854, 0.5, 0.146, 0.0, 0.0]
    """
    _check_rate(rate)
    _check_count("steps", steps)
    _check_rate(lowest, "lowest")
    return lambda t: _half_cosine(rate, lowest, np.minimum(t / steps, 1.0))


@_schedule
def warm_up(schedule: Rate | float, steps: int) -> Rate:
    """Raise the rate in a straight line for some steps, then begin with a schedule.

    ``schedule(0) · (t + 1) / (steps + 1)`` after t steps, while t < `steps`, and
    ``schedule(t - steps)`` from then on (after Goyal et al., *Accurate, Large Minibatch SGD*,
    2017, section 2.2).

    Parameters
    ----------
    schedule : Schedule, callable or float
        What comes after it.
    steps : int

    Returns
    -------
    Schedule

    Examples
    --------
    >>> [float(warm_up(1.0, 3)(t)) for t in range(5)]
    [0.25, 0.5, 0.75, 1.0, 1.0]
    """
    _check_count("steps", steps)
    after = as_rate(schedule)
    after = after if callable(after) else functools.partial(_constant, after)

    def rate(t: Any) -> Any:
        return after(np.maximum(t - steps, 0.0)) * np.minimum((t + 1) / (steps + 1), 1.0)

    return rate


@_schedule
def one_cycle(
    rate: float, steps: int, rise: float = 0.3, start: float = 25.0, end: float = 1e4
) -> Rate:
    """Raise the rate along half a cosine, then lower it to nearly nothing along another.

    From ``rate / start`` to `rate` in a part `rise` of the steps, and from there to
    ``rate / start / end`` at the last of them (Smith and Topin, *Super-Convergence*, 2018, with
    cosines as in PyTorch's ``OneCycleLR``). The momentum stays as it is.

    Parameters
    ----------
    rate : float
        The highest rate.
    steps : int
        All steps of the training, 2 at least.
    rise : float
        Between 0 and 1: the part of the steps in which the rate rises.
    start : float
        What the first rate is smaller by than the highest.
    end : float
        What the last rate is smaller by than the first.

    Returns
    -------
    Schedule

    Examples
    --------
    >>> [round(float(one_cycle(1.0, 10, rise=0.4, start=10.0)(t)), 2) for t in range(10)]
    [0.1, 0.32, 0.77, 1.0, 0.93, 0.75, 0.5, 0.25, 0.07, 0.0]
    """
    _check_rate(rate)
    _check_count("steps", steps, least=2)
    _check_rate(start, "start", above=True)
    _check_rate(end, "end", above=True)
    _check_rate(rise, "rise")
    top = rise * steps - 1
    if not 0 < top < steps - 1:
        raise ArgumentError(
            "rise is the part of the steps in which the rate rises.",
            expected=f"a number between {1 / steps:.3g} and 1, which leaves steps to rise and fall",
            got=repr(rise),
        )
    first = rate / start

    def at(t: Any) -> Any:
        up = _half_cosine(first, rate, np.minimum(t / top, 1.0))
        down = np.clip((t - top) / (steps - 1 - top), 0.0, 1.0)
        return np.where(t <= top, up, _half_cosine(rate, first / end, down))

    return at


def _half_cosine(start: float, end: float, part: Any) -> Any:
    """Return what lies a part of the way from start to end, which 0 and 1 reach levelly."""
    return end + (start - end) * (1 + np.cos(math.pi * part)) / 2


def _constant(rate: float, t: Any) -> float:
    return rate


def as_rate(rate: Any) -> Any:
    """Return a rate that was given: a function as it is, a number as Python's own."""
    if callable(rate):
        return rate
    _check_rate(rate)
    return float(rate)


def _check_rate(rate: Any, what: str = "rate", above: bool = False) -> None:
    """Refuse what is no finite number from 0, or above it."""
    number = isinstance(rate, (int, float, np.number)) and not isinstance(rate, bool)
    if not number or not 0 <= rate < math.inf or (above and rate == 0):
        raise ArgumentError(
            f"{what} is not one that can be trained with.",
            expected=f"a finite number {'greater than' if above else 'from'} 0"
            + (", or a schedule" if what == "rate" else ""),
            got=repr(rate),
        )


def _check_count(what: str, count: Any, least: int = 1) -> None:
    if not isinstance(count, (int, np.integer)) or isinstance(count, bool) or count < least:
        raise ArgumentError(
            f"{what} is a number of steps.",
            expected=f"a whole number from {least}",
            got=repr(count),
        )
