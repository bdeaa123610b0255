"""What the loops of a kernel work in: sizes with their values, and arrays that are kept."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from chainrule.emit.kernel import Kernel, at
from chainrule.emit.loops.write import Loops
from chainrule.execute.memory import Recycler, spread
from chainrule.execute.teams import processors

#: Sets of sizes, and workspaces of each, that are kept: for a full minibatch and a smaller one, and
#: for two threads at once.
KEPT = 2


@dataclass
class Workspace:
    """Arrays that one call at a time works in.

    Attributes
    ----------
    rows : list of array
        The minibatch.
    spare : list of array
        For what is carried and cannot be written over what it is the next value of.
    threads : list of list of array
        The buffers, as each thread has them.
    counter, shared : array
        For threads that meet.
    squared : array
        What each thread adds to the sum of the squares of what is carried.
    """

    rows: list[np.ndarray]
    spare: list[np.ndarray]
    threads: list[list[np.ndarray]]
    counter: np.ndarray
    shared: np.ndarray
    squared: np.ndarray


class Sizes:
    """What follows from the values of ``kernel.given``, for loops.

    Parameters
    ----------
    kernel : Kernel
    of : sequence
        The values.
    positions : sequence of (int, int)
        Inputs that hold positions, with the length of the axis that they are places on.

    Attributes
    ----------
    given : list
        The values as compiled code takes them.
    positions : list of (int, int)
    outputs : list of (shape, dtype)
    memory : Recycler
        Where results lie.
    """

    def __init__(
        self, kernel: Kernel, of: Sequence[Any], positions: Sequence[tuple[int, Any]]
    ) -> None:
        self.of = of
        self._kernel = kernel
        self._values = dict(zip(kernel.given, of, strict=True))
        self.given = [_given(v) for v in of]
        self.positions = [(k, self._shape((end,))[0]) for k, end in positions]
        self.outputs = [
            (self._shape(kernel.dims[n]) or (1,), n.abstract.dtype) for n in kernel.graph.outputs
        ]
        self.memory = Recycler(sum(prod(shape) * dtype.itemsize for shape, dtype in self.outputs))
        #: Number of inputs that are carried, or None -> workspaces that nobody works in now.
        self._free: dict[int | None, list[Workspace]] = defaultdict(list)

    def _shape(self, dims: Sequence[int]) -> tuple[int, ...]:
        """Return a shape with what varies filled in."""
        return tuple([at(n, self._values) for n in dims])

    def workspace(
        self, carry: int | None, loops: Loops, data: Sequence[np.ndarray] = (), size: int = 0,
        apart: Sequence[int] = (),
    ) -> Workspace:  # fmt: skip
        """Return arrays to work in, which nobody else works in until they are given back.

        Parameters
        ----------
        carry : int or None
            How many inputs are carried from step to step; None for a single call.
        data : sequence of array
            What a minibatch is taken from.
        size : int
            Rows of it.
        apart : sequence of int
            Which inputs need another array for their next value.
        """
        try:
            return self._free[carry].pop()  # at once: two threads never get the same
        except IndexError:
            pass
        first = spread((self._shape(b.dims), b.dtype) for b in loops.buffers)
        threads = [first]
        for _ in range(1, 1 if loops.shared is None else processors()):
            own = iter(
                spread((self._shape(b.dims), b.dtype) for b in loops.buffers if b.is_private)
            )
            threads.append([
                next(own) if b.is_private else a for a, b in zip(first, loops.buffers, strict=True)
            ])  # fmt: skip
        carried = [self._kernel.graph.inputs[k] for k in apart]
        return Workspace(
            spread(((size, *d.shape[1:]), d.dtype) for d in data),
            spread((n.shape or (1,), n.abstract.dtype) for n in carried),
            threads,
            np.zeros(1, np.int64),
            np.empty((len(threads), max(loops.shared or 0, 1))),
            np.zeros(len(threads)),
        )

    def give_back(self, carry: int | None, space: Workspace) -> None:
        """Keep arrays to work in for the next call."""
        if len(self._free[carry]) < KEPT:
            self._free[carry].append(space)


def _given(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return np.ascontiguousarray(value) if value.ndim else value[()]
    return value
