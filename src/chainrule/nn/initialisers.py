"""What weights are before training.

An initialiser is ``init(rng, shape, dtype)``. Those of He, Glorot and LeCun differ in the variance
alone, which is chosen such that signals, or gradients, neither grow nor shrink from layer to layer.
It follows from the numbers of inputs and of outputs that one weight array has for each output and
each input: the last axis of a shape is that of the outputs, the one before it that of the inputs,
and any before these are places of a kernel.

Sources: K. He et al., arXiv:1502.01852; X. Glorot and Y. Bengio, "Understanding the difficulty of
training deep feedforward neural networks", 2010; Y. LeCun et al., "Efficient BackProp", 1998;
A. Saxe, J. McClelland and S. Ganguli, arXiv:1312.6120 (orthogonal).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.errors import ArgumentError

Shape = tuple[int, ...]
Array = np.ndarray[Any, Any]
Initialiser = Callable[[np.random.Generator, Shape, Any], Array]


def zeros(rng: np.random.Generator, shape: Shape, dtype: Any) -> Array:
    """Return zeros, as for a bias.

    Parameters
    ----------
    rng : numpy.random.Generator
        Not drawn from.
    shape : tuple of int
    dtype : data type

    Returns
    -------
    array

    Examples
    --------
    >>> zeros(np.random.default_rng(0), (2,), np.float32)
    array([0., 0.], dtype=float32)
    """
    return np.zeros(shape, dtype)


def _fans(shape: Shape) -> tuple[int, int]:
    """Return from how many inputs each output is computed, and into how many each input goes."""
    if len(shape) < 2:
        size = math.prod(shape)
        return size, size
    places = math.prod(shape[:-2])
    return places * shape[-2], places * shape[-1]


def _he(shape: Shape) -> float:
    return 2 / max(_fans(shape)[0], 1)


def _glorot(shape: Shape) -> float:
    return 2 / max(sum(_fans(shape)), 1)


def _lecun(shape: Shape) -> float:
    return 1 / max(_fans(shape)[0], 1)


def _normal(name: str, variance: Callable[[Shape], float], formula: str) -> Initialiser:
    """Make the initialiser that draws normal numbers of a variance."""

    # All types are drawn as float64, so that the same seed means the same weights.
    def init(rng: np.random.Generator, shape: Shape, dtype: Any) -> Array:
        return (math.sqrt(variance(shape)) * rng.standard_normal(shape)).astype(dtype)

    return _told(init, name, f"Draw normal numbers of mean 0 and variance {formula}.")


def _uniform(name: str, variance: Callable[[Shape], float], formula: str) -> Initialiser:
    """Make the initialiser that draws uniform numbers of a variance: bound² / 3."""

    def init(rng: np.random.Generator, shape: Shape, dtype: Any) -> Array:
        bound = math.sqrt(3 * variance(shape))
        return rng.uniform(-bound, bound, shape).astype(dtype)

    return _told(init, name, f"Draw uniform numbers of mean 0 and variance {formula}.")


def _told(init: Initialiser, name: str, what: str) -> Initialiser:
    init.__name__ = init.__qualname__ = name
    init.__doc__ = f"""{what}

    Parameters
    ----------
    rng : numpy.random.Generator
    shape : tuple of int
        The last axis is that of the outputs.
    dtype : data type

    Returns
    -------
    array

    Examples
    --------
    >>> {name}(np.random.default_rng(0), (3, 2), np.float32).shape
    (3, 2)
    """
    return init


he = _normal("he", _he, "2 / inputs")
he_uniform = _uniform("he_uniform", _he, "2 / inputs")
glorot = _normal("glorot", _glorot, "2 / (inputs + outputs)")
glorot_uniform = _uniform("glorot_uniform", _glorot, "2 / (inputs + outputs)")
lecun = _normal("lecun", _lecun, "1 / inputs")
lecun_uniform = _uniform("lecun_uniform", _lecun, "1 / inputs")


def orthogonal(rng: np.random.Generator, shape: Shape, dtype: Any) -> Array:
    """Draw a matrix with orthonormal columns, or rows where there are fewer of these.

    It is the orthogonal factor of a matrix of normal numbers, with the signs that make all
    orthogonal matrices equally likely.

    Parameters
    ----------
    rng : numpy.random.Generator
    shape : tuple of int
        Two axes or more; those before the last are taken together.
    dtype : data type

    Returns
    -------
    array

    Raises
    ------
    ArgumentError
        For a shape of fewer axes.

    Examples
    --------
    >>> w = orthogonal(np.random.default_rng(0), (3, 2), np.float64)
    >>> np.allclose(w.T @ w, np.eye(2))
    True
    """
    if len(shape) < 2:
        raise ArgumentError(
            "An orthogonal initialiser makes matrices.",
            expected="a shape of two axes or more",
            got=f"shape {shape}",
        )
    rows, columns = math.prod(shape[:-1]), shape[-1]
    tall = rng.standard_normal((max(rows, columns), min(rows, columns)))
    q, r = np.linalg.qr(tall)
    q = q * np.where(np.diagonal(r) < 0, -1.0, 1.0)
    return (q if rows >= columns else q.T).reshape(shape).astype(dtype)


INITIALISERS: dict[str, Initialiser] = {
    init.__name__: init
    for init in (
        zeros,
        he,
        he_uniform,
        glorot,
        glorot_uniform,
        lecun,
        lecun_uniform,
        orthogonal,
    )
}


def initialiser(name: str) -> Initialiser:
    """Return an initialiser by its name.

    Parameters
    ----------
    name : str

    Returns
    -------
    callable
        ``init(rng, shape, dtype)``.

    Raises
    ------
    ArgumentError
        For a name that there is none of.

    Examples
    --------
    >>> initialiser("zeros") is zeros
    True
    """
    if name not in INITIALISERS:
        raise ArgumentError(
            f"There is no initialiser {name!r}.",
            expected=" or ".join(map(repr, INITIALISERS)),
            got=repr(name),
        )
    return INITIALISERS[name]
