"""Transformations of the gradients at hand: the rate, limits and decay, and doing several."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule.errors import ArgumentError
from chainrule.nn.schedules import as_rate
from chainrule.nn.transformations.base import (
    Init,
    Transformation,
    Update,
    check_positive,
    nothing,
    on_each,
    step_count,
    transformation,
)
from chainrule.nn.trees import Tree, cast, mapped


@transformation
def chain(*parts: Transformation) -> tuple[Init, Update]:
    """Do one transformation after the other.

    Parameters
    ----------
    *parts : Transformation

    Returns
    -------
    Transformation
        Its state has that of each part which keeps something under the part's name.

    Examples
    --------
    >>> both = chain(clip_by_value(1.0), scale(0.5))
    >>> both.update({"w": np.array([4.0, 1.0])}, {}, {"w": np.zeros(2)})
    ({'w': array([-0.5, -0.5])}, {})
    """
    for part in parts:
        if not isinstance(part, Transformation):
            raise ArgumentError(
                "A chain has something in it that is no transformation.",
                expected="what the functions of chainrule.nn.transformations return",
                got=repr(part),
            )
    keys = _keys(parts)

    def init(params: Tree) -> Tree:
        states = ((key, part.init(params)) for key, part in zip(keys, parts, strict=True))
        return {key: state for key, state in states if not _is_empty(state)}

    def update(gradients: Tree, state: Tree, params: Tree) -> tuple[Tree, Tree]:
        new = {}
        for key, part in zip(keys, parts, strict=True):
            gradients, kept = part.update(gradients, state.get(key, {}), params)
            if not _is_empty(kept):
                new[key] = kept
        return gradients, new

    return init, update


def _keys(parts: Sequence[Transformation]) -> list[str]:
    """Return what the states of parts are called; a count tells those of one kind apart."""
    names = [part.name for part in parts]
    counts = [names[: k + 1].count(name) for k, name in enumerate(names)]
    return [n + (str(count) if count > 1 else "") for n, count in zip(names, counts, strict=True)]


def _is_empty(state: Tree) -> bool:
    return isinstance(state, dict) and not state


@transformation
def scale(rate: Any) -> tuple[Init, Update]:
    """Step down along the gradient: multiply it by minus the rate.

    Parameters
    ----------
    rate : float, Schedule or callable
        A function takes the number of steps done so far, an array without axes, and returns
        the rate; the count is then kept, and exact up to 2^24 steps in single precision.

    Returns
    -------
    Transformation

    Examples
    --------
    >>> scale(0.1).update(np.array([1.0, -2.0]), {}, np.zeros(2))
    (array([-0.1,  0.2]), {})
    """
    rate = as_rate(rate)
    if not callable(rate):
        return on_each(lambda g, p: -rate * g)

    def update(gradients: Tree, state: Tree, params: Tree) -> tuple[Tree, Tree]:
        factor = -rate(state["count"])
        return mapped(lambda g: cast(factor, g) * g, gradients), {"count": state["count"] + 1}

    return lambda params: {"count": step_count(params)}, update


def rate_of(of: Transformation, state: Tree, ahead: int = 0) -> float | None:
    """Return the rate by which a transformation scales what it is given.

    Parameters
    ----------
    of : Transformation
    state : nested dict
        Of the transformation, before a step.
    ahead : int
        How many steps later, or earlier, the rate is asked for.

    Returns
    -------
    float or None
        The product of all parts; None where none has a rate.

    Examples
    --------
    >>> rate_of(chain(clip_by_value(1.0), scale(0.5)), {}), rate_of(clip_by_value(1.0), {})
    (0.5, None)
    """
    if of.name == "scale":
        rate = of.arguments["rate"]
        return float(rate(np.asarray(float(state["count"]) + ahead)) if callable(rate) else rate)
    found: float | None = None
    parts = of.arguments.get("parts", ())
    for key, part in zip(_keys(parts), parts, strict=True):
        own = rate_of(part, state.get(key, {}), ahead)
        if own is not None:
            found = own if found is None else found * own
    return found


def is_scheduled(of: Transformation) -> bool:
    """Return whether the rate of a transformation depends on the step.

    Examples
    --------
    >>> is_scheduled(chain(scale(0.5))), is_scheduled(chain(scale(lambda step: 1 / (1 + step))))
    (False, True)
    """
    parts = of.arguments.get("parts", ())
    return callable(of.arguments.get("rate")) or any(map(is_scheduled, parts))


@transformation
def clip_by_norm(most: float) -> tuple[Init, Update]:
    """Shorten all gradients together, where their common norm is greater than it may be.

    ``g · min(1, most / (‖all g‖ + 1e-6))`` (Pascanu, Mikolov and Bengio, *On the difficulty of
    training recurrent neural networks*, 2013, algorithm 1; the 1e-6 is PyTorch's).

    Parameters
    ----------
    most : float
        The greatest norm.

    Returns
    -------
    Transformation

    Examples
    --------
    >>> gradients = {"w": np.array([3.0]), "b": np.array([4.0])}
    >>> clipped, _ = clip_by_norm(1.0).update(gradients, {}, gradients)
    >>> {k: g.round(3) for k, g in clipped.items()}
    {'w': array([0.6]), 'b': array([0.8])}
    """
    check_positive("most", most)

    def update(gradients: Tree, state: Tree, params: Tree) -> tuple[Tree, Tree]:
        squares: list[Any] = []
        mapped(lambda g: squares.append(np.sum(g * g)), gradients)
        factor = np.minimum(most / (np.sqrt(sum(squares)) + 1e-6), 1.0)
        return mapped(lambda g: cast(factor, g) * g, gradients), state

    return nothing, update


@transformation
def clip_by_value(most: float) -> tuple[Init, Update]:
    """Move each number of the gradients into ``[-most, most]``.

    Parameters
    ----------
    most : float

    Returns
    -------
    Transformation

    Examples
    --------
    >>> clip_by_value(1.0).update(np.array([3.0, -0.5]), {}, np.zeros(2))[0]
    array([ 1. , -0.5])
    """
    check_positive("most", most)
    return on_each(lambda g, p: np.clip(g, -most, most))


@transformation
def l2(rate: float) -> tuple[Init, Update]:
    """Add the gradient of ``rate / 2 · ‖params‖²``: decay that goes through all that follows.

    Parameters
    ----------
    rate : float

    Returns
    -------
    Transformation

    Examples
    --------
    >>> l2(0.1).update(np.array([1.0]), {}, np.array([2.0]))[0]
    array([1.2])
    """
    check_positive("rate", rate)
    return on_each(lambda g, p: g + rate * p)


@transformation
def decay(rate: float) -> tuple[Init, Update]:
    """Let the parameters shrink by a part of themselves, times the learning rate.

    To stand right before :func:`scale`, where it is the decoupled decay of Loshchilov and
    Hutter, *Decoupled Weight Decay Regularization*, 2019; before what divides by the size of
    gradients it would be :func:`l2`.

    Parameters
    ----------
    rate : float

    Returns
    -------
    Transformation

    Examples
    --------
    >>> chain(decay(0.1), scale(0.5)).update(np.array([1.0]), {}, np.array([2.0]))[0]
    array([-0.6])
    """
    check_positive("rate", rate)
    return on_each(lambda g, p: g + rate * p)
