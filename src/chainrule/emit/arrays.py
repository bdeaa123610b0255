"""What buffered NumPy code calls: arrays that are made, cut into blocks, and handed over."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

#: Bytes that a processor loads at once: an array that starts between two loads is read slower.
ALIGNMENT = 64


def aligned(shape: int | tuple[int, ...], dtype: Any) -> np.ndarray:
    """Return a new array that starts where the processor loads from."""
    kind = np.dtype(dtype)
    sizes = (shape,) if isinstance(shape, int) else shape
    count = kind.itemsize
    for size in sizes:
        count *= size
    memory = np.empty(count + ALIGNMENT, np.uint8)
    return np.ndarray(sizes, kind, memory, -memory.ctypes.data % ALIGNMENT)


def own(value: Any) -> Any:
    """Return a result that nobody else holds."""
    return value.copy() if isinstance(value, np.ndarray) else value


def in_blocks(
    arrays: Sequence[np.ndarray], scratch: Sequence[np.ndarray], length: int
) -> list[tuple[np.ndarray, ...]]:
    """Return arrays block by block, each beside as much of the scratch arrays as it needs."""
    total = len(arrays[0])
    return [
        (
            *(a[start : start + length] for a in arrays),
            *(s[: min(length, total - start)] for s in scratch),
        )
        for start in range(0, total, length)
    ]


def side_by_side(parts: Sequence[np.ndarray]) -> np.ndarray:
    """Return one flat array of all elements.

    It is the one that these are the parts of, in this order, if they are: nothing is copied then.
    """
    total, kind = sum(part.size for part in parts), parts[0].dtype
    base = parts[0].base
    if isinstance(base, np.ndarray) and base.dtype == np.uint8 and base.flags.carray:
        first = address = parts[0].ctypes.data
        for part in parts:
            if part.base is not base or not part.flags.carray or part.ctypes.data != address:
                break
            address += part.nbytes
        else:
            return np.ndarray((total,), kind, base, first - base.ctypes.data)
    flat = aligned(total, kind)
    np.concatenate([np.ravel(part) for part in parts], out=flat)
    return flat
