"""Random numbers as a pure function of where they are used.

A number depends on the seed, the training step, the layer and its place alone: there is no state,
every executor draws the same, and a run that is resumed goes on as if it had not been stopped.

The generator is "Squares", of a counter and a key (B. Widynski, "Squares: a fast counter-based
RNG", arXiv:2004.06278, four rounds): the middle bits of a square, four times, with a Weyl sequence
added in between. The counter is made of the step and the place. The key, which the paper wants
irregular and odd, is made of seed and layer by the finaliser of SplitMix64 (G. Steele, D. Lea and
C. Flood, "Fast splittable pseudorandom number generators", 2014).

All is in signed 64-bit integers, in which a sum or a product has the same bits as in unsigned
ones, and which all executors have. NumPy lets arrays wrap around, but warns for single numbers: so
nothing here that may wrap is without axes.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from chainrule.errors import ArgumentError

_LOW = 0xFFFFFFFF
_GOLDEN = 0x9E3779B97F4A7C15


def _signed(number: int) -> int:
    """Return the signed 64-bit integer of the same bits."""
    return (number + 2**63) % 2**64 - 2**63


def _right(x: Any, places: int) -> Any:
    """Shift to the right and fill up with zeros, as unsigned integers are shifted."""
    return (x >> places) & (2 ** (64 - places) - 1)


def _key(seed: Any, layer: int) -> Any:
    """Return the key for a seed and a layer, with one axis of length 1."""
    z = np.reshape(np.asarray(seed, np.int64) if isinstance(seed, int) else seed, (1,))
    z = z.astype(np.int64) ^ _signed((layer + 1) * _GOLDEN)
    z = (z ^ _right(z, 30)) * _signed(0xBF58476D1CE4E5B9)
    z = (z ^ _right(z, 27)) * _signed(0x94D049BB133111EB)
    return (z ^ _right(z, 31)) | 1


def _counters(step: Any, shape: tuple[int, ...]) -> Any:
    """Return a number for each element of an array, another for each step."""
    rows, *others = shape or (1,)
    step = np.reshape(step, (1,) * (1 + len(others))).astype(np.int64)
    width = math.prod(others)
    starts = np.arange(rows, dtype=np.int64).reshape(-1, *(1,) * len(others)) * width
    # The step first: so no array as large as the batch is kept for each size of batch.
    return ((step << 32) + starts) + np.arange(width, dtype=np.int64).reshape(others)


def _halves_exchanged(x: Any) -> Any:
    return (x << 32) | _right(x, 32)


def _squares(counter: Any, key: Any) -> Any:
    """Return 32 random bits for each counter, as integers from 0."""
    x = y = counter * key
    z = y + key
    x = _halves_exchanged(x * x + y)
    x = _halves_exchanged(x * x + z)
    x = _halves_exchanged(x * x + y)
    return _right(x * x + z, 32)


def uniform(
    seed: Any, step: Any, layer: int, shape: tuple[int, ...], dtype: Any = np.float32
) -> Any:
    """Return numbers that are uniform in [0, 1).

    Parameters
    ----------
    seed : int, or array of integers without axes
        From 0, below 2**32. An array can be carried, so that one compilation serves all seeds.
    step : number, or array without axes
        The training step, from 0, below 2**31; it may be traced, and of a floating type.
    layer : int
        Which layer asks, from 0.
    shape : tuple of int
        Below 2**32 elements.
    dtype : data type
        Floating; of ``float32`` all 24 digits are random, of ``float64`` the first 32.

    Returns
    -------
    array of the shape

    Raises
    ------
    ArgumentError
        For a seed that is out of range.

    Examples
    --------
    >>> uniform(0, 7, 1, (3,)).round(3)
    array([0.138, 0.923, 0.6  ], dtype=float32)
    """
    if isinstance(seed, int) and not 0 <= seed <= _LOW:
        raise ArgumentError(
            "A seed of this size cannot be used.", expected="0 to 4294967295", got=str(seed)
        )
    dtype = np.dtype(dtype)
    bits = _squares(_counters(step, shape), _key(seed, layer))
    digits = min(32, np.finfo(dtype).nmant + 1)
    u = (bits >> (32 - digits)).astype(dtype) * 2.0**-digits
    return u if shape else np.reshape(u, ())
