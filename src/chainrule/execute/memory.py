"""Where arrays lie: large ones in memory that was used before, others with room between them.

Fresh pages cost more than the numbers in them.
"""

from __future__ import annotations

import weakref
from collections import defaultdict
from collections.abc import Iterable, Sequence
from math import prod
from typing import Any

import numpy as np
from numpy.lib.array_utils import byte_bounds

#: Bytes from which on memory is kept; what is smaller comes from pages that are in use anyway.
_LARGE = 2**20
#: Bytes between arrays, and what the place of each is a multiple of.
_ROOM = 64


class Spread:
    """Arrays with room between them, where all are to lie once; makes new ones at each call.

    Before compiled loops run, they look whether what they write may overlap with what they read.
    Arrays that touch count as such; then slower loops run, which add up in another order. What
    numbers come out is not to depend on what the memory was like before.

    Parameters
    ----------
    kinds : iterable of (shape, dtype)
    """

    def __init__(self, kinds: Iterable[tuple[tuple[int, ...], Any]]) -> None:
        self._places, self._end = [], _ROOM
        for shape, dtype in kinds:
            kind = np.dtype(dtype)
            self._places.append((shape, kind, self._end))
            self._end += -(-prod(shape) * kind.itemsize // _ROOM) * _ROOM + _ROOM

    def arrays(self) -> list[np.ndarray]:
        """Return new arrays, as parts of one piece of memory."""
        whole = np.empty(self._end, np.uint8)
        return [np.ndarray(shape, kind, whole, start) for shape, kind, start in self._places]


def spread(kinds: Iterable[tuple[tuple[int, ...], Any]]) -> list[np.ndarray]:
    """Return new arrays with room between them; see :class:`Spread`."""
    return Spread(kinds).arrays()


class Recycler:
    """Makes new arrays, in the memory of earlier ones that nobody holds any more.

    Whoever gets an array owns it: its memory is taken again only when the array and all views of it
    are gone. Any thread may ask.

    Parameters
    ----------
    most : int
        So many bytes are kept for later, at most.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._kept = 0
        self._free: dict[int, list[np.ndarray]] = defaultdict(list)

    def empty(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> np.ndarray:
        """Return an array whose numbers are yet to be written."""
        count = prod(shape)
        size = count * dtype.itemsize
        if size < _LARGE:
            return np.empty(shape, dtype)
        try:
            memory = self._free[size].pop()
            self._kept -= size
        except IndexError:
            memory = np.empty(size + _ROOM, np.uint8)
        # Views have this array for their base, and not the memory: NumPy looks through arrays to
        # who owns the memory, and a memoryview (`data`) stops it.
        array = np.frombuffer(memory.data, dtype, count)
        weakref.finalize(array, _give_back, weakref.ref(self), memory).atexit = False
        return array.reshape(shape)

    def copies(self, arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Return copies with room between them."""
        small = iter(spread([(a.shape, a.dtype) for a in arrays if a.nbytes < _LARGE]))
        made = [next(small) if a.nbytes < _LARGE else self.empty(a.shape, a.dtype) for a in arrays]
        for to, array in zip(made, arrays, strict=True):
            to[...] = array
        return made

    def take(self, memory: np.ndarray) -> None:
        """Keep memory that nobody uses any more, unless there is enough of it."""
        size = memory.nbytes - _ROOM
        if self._kept + size <= self._most:
            self._kept += size
            self._free[size].append(memory)


def _give_back(owner: weakref.ref[Recycler], memory: np.ndarray) -> None:
    recycler = owner()
    if recycler is not None:
        recycler.take(memory)


def own(arrays: Sequence[Any], others: Sequence[np.ndarray]) -> list[bool]:
    """Say which of some arrays can be written to without changing any of the rest.

    Parameters
    ----------
    arrays : sequence of array or number
    others : sequence of array
        What must not change.
    """
    bounds = [byte_bounds(a) if isinstance(a, np.ndarray) and a.size else (0, 0) for a in arrays]
    taken = [byte_bounds(a) for a in others if a.size] + bounds
    taken.sort()
    # Of arrays that overlap in order of where they begin, each reaches beyond the next's begin.
    shared: set[tuple[int, int]] = set()
    furthest = (0, 0)
    for found in taken:
        if found[0] < furthest[1]:
            shared |= {found, furthest}
        furthest = max(furthest, found, key=lambda pair: pair[1])
    return [
        isinstance(a, np.ndarray) and a.ndim > 0 and a.flags.writeable and bound not in shared
        for a, bound in zip(arrays, bounds, strict=True)
    ]
