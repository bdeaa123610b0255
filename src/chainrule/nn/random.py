"""Random numbers as a pure function of where they are used.

A number depends on the seed, the training step, the layer and its place alone: there is no state,
every executor draws the same, and a run that is resumed goes on as if it had not been stopped.

The generator is Philox4x32 with seven rounds (J. Salmon, M. Moraes, R. Dror and D. Shaw, "Parallel
random numbers: as easy as 1, 2, 3", SC 2011), the fewest with which it passes all tests of
TestU01's BigCrush. It makes four words of 32 bits of a counter of four words and a key of two.

The counter is step, row, seed and place in the row, in this order; the key is the layer. So rows
and places meet after three rounds only: what comes before is computed for rows or places alone,
not for each of their pairs. The four words belong to four places of the same row, each a quarter
of the longest axis apart.

All is in signed 64-bit integers, which every executor has, and in which a product of two words has
all its bits. NumPy lets arrays wrap around, but warns for single numbers: so nothing here that may
wrap is without axes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule.errors import ArgumentError

#: The name of the generator, another one whenever it gives other numbers. Files of runs that draw
#: some have it, since they could not go on with others.
GENERATOR = "Philox4x32-7"

_LOW = 0xFFFFFFFF
_ROUNDS = 7
#: What two words of the counter are multiplied by, and what is added to the key in each round.
_FACTORS = (0xD2511F53, 0xCD9E8D57)
_WEYL = (0x9E3779B9, 0xBB67AE85)


def _philox(counter: Sequence[Any], key: tuple[int, int]) -> tuple[Any, Any, Any, Any]:
    """Return four words of 32 random bits for each counter, as integers from 0."""
    a, b, c, d = counter
    for k in range(_ROUNDS):
        first, second = ((word + k * weyl) & _LOW for word, weyl in zip(key, _WEYL, strict=True))
        b, d = b ^ first, d ^ second
        p, q = a * _FACTORS[0], c * _FACTORS[1]
        # High words of the products, and low ones, of which what is too much is cut off later.
        a, b = ((q >> 32) ^ b) & _LOW, q
        c, d = ((p >> 32) ^ d) & _LOW, p
    return a, b & _LOW, c, d & _LOW


def _number(value: Any, axes: int) -> Any:
    """Return a number as an integer with so many axes of length 1."""
    value = np.asarray(value, np.int64) if isinstance(value, int) else value
    return np.reshape(value, (1,) * axes).astype(np.int64)


def _words(seed: Any, step: Any, layer: int, shape: tuple[int, ...]) -> tuple[list[Any], int]:
    """Return words of random bits, each for a part of the longest axis, and which axis that is.

    The first axis is for the rows, and never split: what a row gets does not depend on how many
    there are. The last part may reach beyond the end.
    """
    rows, *inner = shape
    axis = 1 + inner.index(max(inner))
    length = shape[axis]
    part = -(-length // 4)
    inner[axis - 1] = part
    row = np.arange(rows, dtype=np.int64).reshape(-1, *(1,) * len(inner))
    place = np.arange(math.prod(inner), dtype=np.int64).reshape(1, *inner)
    step, seed = _number(step, len(shape)), _number(seed, len(shape))
    words = _philox((step, row, seed, place), (layer, 0))
    return list(words[: -(-length // part) if part else 1]), axis


def _joined(parts: Sequence[Any], axis: int, shape: tuple[int, ...]) -> Any:
    """Put the parts beside each other, and leave out what reaches beyond the end."""
    whole = np.concatenate(parts, axis=axis)
    if whole.shape[axis] != shape[axis]:
        whole = whole[(slice(None),) * axis + (slice(shape[axis]),)]
    return whole


def folded(seed: int) -> int:
    """Return a seed of 32 bits for one of any size; one that has no more stays what it is.

    Parameters
    ----------
    seed : int
        From 0.

    Returns
    -------
    int

    Examples
    --------
    >>> folded(7), folded(2**40 + 7)
    (7, 238885397)
    """
    return seed if seed <= _LOW else int(np.random.SeedSequence(seed).generate_state(1)[0])


def _check(seed: Any) -> None:
    if isinstance(seed, int) and not 0 <= seed <= _LOW:
        raise ArgumentError(
            "A seed of this size cannot be used.", expected="0 to 4294967295", got=str(seed)
        )


def _with_two_axes(shape: tuple[int, ...]) -> tuple[int, ...]:
    return shape if len(shape) > 1 else (*(shape or (1,)), 1)


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
    array([0.648, 0.333, 0.451], dtype=float32)
    """
    _check(seed)
    dtype = np.dtype(dtype)
    digits = min(32, np.finfo(dtype).nmant + 1)
    full = _with_two_axes(shape)
    words, axis = _words(seed, step, layer, full)
    parts = [(word >> (32 - digits)).astype(dtype) * 2.0**-digits for word in words]
    u = _joined(parts, axis, full)
    return u if full == shape else np.reshape(u, shape)


def kept(seed: Any, step: Any, layer: int, shape: tuple[int, ...], rate: float) -> Any:
    """Return which elements stay when each is dropped with a probability.

    The answer is that of ``uniform(..., np.float64) >= rate``, but is found without making
    floating-point numbers of the bits.

    Parameters
    ----------
    seed, step, layer, shape
        See :func:`uniform`.
    rate : float
        The probability, from 0 to 1.

    Returns
    -------
    array of bool of the shape

    Raises
    ------
    ArgumentError
        For a seed that is out of range.

    Examples
    --------
    >>> kept(1, 0, 0, (1, 6), 0.5)
    array([[False, False,  True, False,  True,  True]])
    """
    _check(seed)
    least = math.ceil(rate * 2**32)
    full = _with_two_axes(shape)
    words, axis = _words(seed, step, layer, full)
    mask = _joined([word >= least for word in words], axis, full)
    return mask if full == shape else np.reshape(mask, shape)
