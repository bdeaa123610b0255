"""What an epoch keeps from call to call, for one kind of carry and data.

Who trains hands in what the last call returned. Then nothing has changed but the numbers, and
there is nothing to find out again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from operator import is_
from typing import Any
from weakref import ref

import numpy as np

from chainrule.compiling.arguments import Build
from chainrule.compiling.compiled import kind_of
from chainrule.compiling.plans import Plan
from chainrule.execute.memory import Recycler, Spread, own
from chainrule.execute.runnable import Loop


@dataclass
class Returned:
    """The arrays of a carry that was returned, with the data it was for.

    Attributes
    ----------
    signature : tuple
        Of the call.
    arrays : list of weak reference
        Whoever has the carry decides how long they live.
    marks : list of tuple
        What of an array can be changed besides its numbers: shape, type and flags.
    numbers : list
        The kinds of what is no array.
    """

    signature: Any
    arrays: list[ref[np.ndarray]]
    marks: list[Any]
    numbers: list[Any]

    @classmethod
    def of(cls, signature: Any, carry: Sequence[Any], data: Sequence[np.ndarray]) -> Returned:
        """Take note of a carry and data."""
        arrays, numbers = _parted(carry, data)
        return cls(signature, [ref(a) for a in arrays], _marks(arrays), numbers)

    def is_same(self, signature: Any, carry: Sequence[Any], data: Sequence[np.ndarray]) -> bool:
        """Whether these are those very arrays, and nothing was changed but their numbers."""
        if signature != self.signature:
            return False
        arrays, numbers = _parted(carry, data)
        return (
            len(arrays) == len(self.arrays)
            and all(map(is_, [known() for known in self.arrays], arrays))
            and _marks(arrays) == self.marks
            and numbers == self.numbers
        )


def _parted(carry: Sequence[Any], data: Sequence[np.ndarray]) -> tuple[list[np.ndarray], list[Any]]:
    arrays = [v for v in carry if v.__class__ is np.ndarray]
    numbers = [kind_of(v) for v in carry if v.__class__ is not np.ndarray]
    return [*arrays, *data], numbers


def _marks(arrays: Sequence[np.ndarray]) -> list[Any]:
    return [(a.shape, a.dtype, a.flags.num) for a in arrays]


@dataclass
class Entry:
    """What is known for one kind of carry and data.

    `pace` is how many steps take about a pulse; 0 before it is known. `memory` is where what is
    carried lies.
    """

    plan: Plan
    given: Any
    last: Any
    build: Build
    carry: int
    memory: Recycler
    pace: int = 0
    _outputs: tuple[int, Spread] = field(default=(-1, Spread(())))

    def loop(
        self, found: Sequence[Any], data: list[np.ndarray], places: np.ndarray, size: int,
        donate: bool, is_returned: bool,
    ) -> Loop:  # fmt: skip
        """Return steps that are ready to run, on a copy of the carry unless it is given up."""
        steps = -(-len(places) // size)
        if is_returned:
            held = [v if v.__class__ is np.ndarray else np.asarray(v) for v in found]
        else:
            given_up = own(found, data) if donate else [False] * len(found)
            kept = [np.asarray(v) for v, is_own in zip(found, given_up, strict=True) if not is_own]
            copies = iter(self.memory.copies(kept))
            held = [
                v if is_own else next(copies) for v, is_own in zip(found, given_up, strict=True)
            ]
        outputs = self._spread(steps).arrays()
        return Loop(
            held, data, places, size, self.given, self.last, outputs, is_returned=is_returned
        )

    def _spread(self, steps: int) -> Spread:
        """Return where outputs lie; the last number of steps is often the next one."""
        known, found = self._outputs
        if known == steps:
            return found
        found = Spread(
            ((steps, *node.shape), node.abstract.dtype)
            for node in self.plan.kernel.graph.outputs[self.carry :]
        )
        self._outputs = steps, found
        return found
