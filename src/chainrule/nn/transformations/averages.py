"""Transformations that remember gradients: sums and averages of them and of their squares."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from chainrule.nn.transformations.base import (
    Init,
    Update,
    check_part,
    check_positive,
    step_count,
    transformation,
)
from chainrule.nn.trees import Tree, cast, mapped, zeros_like


@transformation
def momentum(m: float, nesterov: bool = False) -> tuple[Init, Update]:
    """Add up the gradients, of which older ones count less and less.

    ``b ← m b + g``, and on goes b, or ``g + m b`` with Nesterov's look ahead (Sutskever et al.,
    *On the importance of initialization and momentum in deep learning*, 2013, in the form that
    PyTorch's ``SGD`` has).

    Parameters
    ----------
    m : float
        From 0 up to but not including 1.
    nesterov : bool

    Returns
    -------
    Transformation

    Examples
    --------
    >>> t = momentum(0.5)
    >>> g, state = t.update(np.array([1.0]), t.init(np.zeros(1)), np.zeros(1))
    >>> t.update(np.array([1.0]), state, np.zeros(1))
    (array([1.5]), {'sum': array([1.5])})
    """
    check_part("m", m)

    def update(gradients: Tree, state: Tree, params: Tree) -> tuple[Tree, Tree]:
        total = mapped(lambda b, g: m * b + g, state["sum"], gradients)
        ahead = mapped(lambda b, g: g + m * b, total, gradients) if nesterov else total
        return ahead, {"sum": total}

    return lambda params: {"sum": zeros_like(params)}, update


@transformation
def scale_by_adam(b1: float = 0.9, b2: float = 0.999, eps: float = 1e-8) -> tuple[Init, Update]:
    """Divide the average gradient by the root of the average square, both without their bias.

    | ``m ← b1 m + (1 - b1) g``
    | ``v ← b2 v + (1 - b2) g²``
    | ``m / (1 - b1^t) / (√(v / (1 - b2^t)) + eps)``

    (Kingma and Ba, *Adam: A Method for Stochastic Optimization*, 2015, algorithm 1).

    Parameters
    ----------
    b1, b2 : float
        From 0 up to but not including 1.
    eps : float

    Returns
    -------
    Transformation

    Examples
    --------
    >>> t = scale_by_adam()
    >>> g, state = t.update(np.array([3.0, -0.5]), t.init(np.zeros(2)), np.zeros(2))
    >>> g.round(6), state["count"]
    (array([ 1., -1.]), np.float64(1.0))
    """
    check_part("b1", b1)
    check_part("b2", b2)
    check_positive("eps", eps)

    def init(params: Tree) -> Tree:
        return {"count": step_count(params), "m": zeros_like(params), "v": zeros_like(params)}

    def update(gradients: Tree, state: Tree, params: Tree) -> tuple[Tree, Tree]:
        count = state["count"] + 1
        # Before the averages, so that compiled loops can go on from these to the step at once.
        c1, c2 = _unbiasing(b1, count), _unbiasing(b2, count)
        m = mapped(lambda m, g: b1 * m + (1 - b1) * g, state["m"], gradients)
        v = mapped(lambda v, g: b2 * v + (1 - b2) * (g * g), state["v"], gradients)

        def direction(m: Any, v: Any) -> Any:
            return (m * cast(c1, m)) / (np.sqrt(v * cast(c2, v)) + eps)

        return mapped(direction, m, v), {"count": count, "m": m, "v": v}

    return init, update


def _unbiasing(b: float, count: Any) -> Any:
    """Return ``1 / (1 - b^t)``, what an average that began with 0 is to be multiplied by.

    By expm1, since ``1 - b**t`` has lost four of seven digits in single precision where b is
    0.999 and t is small.
    """
    return -1 / np.expm1(count * math.log(b)) if b else 1.0


@transformation
def scale_by_rms(
    alpha: float = 0.99, eps: float = 1e-8, centered: bool = False
) -> tuple[Init, Update]:
    """Divide the gradient by the root of its average square.

    ``v ← alpha v + (1 - alpha) g²``, and on goes ``g / (√v + eps)`` (Tieleman and Hinton,
    lecture 6.5 of *Neural Networks for Machine Learning*, 2012). Centered, by the root of the
    variance: v less the square of the average gradient (Graves, *Generating Sequences With
    Recurrent Neural Networks*, 2013, eq. 38 to 40, with eps where PyTorch has it).

    Parameters
    ----------
    alpha : float
        From 0 up to but not including 1.
    eps : float
    centered : bool

    Returns
    -------
    Transformation

    Examples
    --------
    >>> t = scale_by_rms(alpha=0.75)
    >>> t.update(np.array([3.0, -0.5]), t.init(np.zeros(2)), np.zeros(2))[0].round(6)
    array([ 2., -2.])
    """
    check_part("alpha", alpha)
    check_positive("eps", eps)

    def init(params: Tree) -> Tree:
        state = {"v": zeros_like(params)}
        return {**state, "mean": zeros_like(params)} if centered else state

    def update(gradients: Tree, state: Tree, params: Tree) -> tuple[Tree, Tree]:
        v = mapped(lambda v, g: alpha * v + (1 - alpha) * (g * g), state["v"], gradients)
        if not centered:
            return mapped(lambda g, v: g / (np.sqrt(v) + eps), gradients, v), {"v": v}
        mean = mapped(lambda a, g: alpha * a + (1 - alpha) * g, state["mean"], gradients)

        def direction(g: Any, v: Any, a: Any) -> Any:
            # Rounding can make a variance of nearly 0 negative.
            return g / (np.sqrt(np.maximum(v - a * a, 0.0)) + eps)

        return mapped(direction, gradients, v, mean), {"v": v, "mean": mean}

    return init, update


@transformation
def scale_by_adagrad(eps: float = 1e-10) -> tuple[Init, Update]:
    """Divide the gradient by the root of the sum of all squares so far.

    ``s ← s + g²``, and on goes ``g / (√s + eps)`` (Duchi, Hazan and Singer, *Adaptive
    Subgradient Methods*, 2011, the diagonal form).

    Parameters
    ----------
    eps : float

    Returns
    -------
    Transformation

    Examples
    --------
    >>> t = scale_by_adagrad()
    >>> t.update(np.array([3.0, -0.5]), t.init(np.zeros(2)), np.zeros(2))
    (array([ 1., -1.]), {'sum': array([9.  , 0.25])})
    """
    check_positive("eps", eps)

    def update(gradients: Tree, state: Tree, params: Tree) -> tuple[Tree, Tree]:
        total = mapped(lambda s, g: s + g * g, state["sum"], gradients)
        return mapped(lambda g, s: g / (np.sqrt(s) + eps), gradients, total), {"sum": total}

    return lambda params: {"sum": zeros_like(params)}, update


@transformation
def lion(b1: float = 0.9, b2: float = 0.99) -> tuple[Init, Update]:
    """Keep the sign alone of an average of the gradients.

    On goes ``sign(b1 m + (1 - b1) g)``, and then ``m ← b2 m + (1 - b2) g`` (Chen et al.,
    *Symbolic Discovery of Optimization Algorithms*, 2023, algorithm 2).

    Parameters
    ----------
    b1, b2 : float
        From 0 up to but not including 1.

    Returns
    -------
    Transformation

    Examples
    --------
    >>> t = lion()
    >>> t.update(np.array([3.0, -0.5]), t.init(np.zeros(2)), np.zeros(2))[0]
    array([ 1., -1.])
    """
    check_part("b1", b1)
    check_part("b2", b2)

    def update(gradients: Tree, state: Tree, params: Tree) -> tuple[Tree, Tree]:
        signs = mapped(lambda m, g: np.sign(b1 * m + (1 - b1) * g), state["m"], gradients)
        return signs, {"m": mapped(lambda m, g: b2 * m + (1 - b2) * g, state["m"], gradients)}

    return lambda params: {"m": zeros_like(params)}, update
