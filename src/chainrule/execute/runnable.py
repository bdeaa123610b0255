"""What every executor makes of a kernel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np


class NotForThisExecutorError(Exception):
    """A graph has an operation that an executor cannot run; says which."""


@dataclass(frozen=True)
class Facts:
    """What is to be said about a kernel that runs.

    Attributes
    ----------
    executor : str
    loops : tuple of str
        What was fused into one loop, one line each.
    buffers : int
        How many arrays are kept from call to call, or from step to step.
    buffer_bytes : int
    notes : tuple of str
        Anything else that the user should know, one sentence each.
    """

    executor: str
    loops: tuple[str, ...] = ()
    buffers: int = 0
    buffer_bytes: int = 0
    notes: tuple[str, ...] = ()


@dataclass
class Loop:
    """Steps over minibatches: a kernel whose first outputs are its first inputs of the next step.

    The kernel's inputs are the carry, then a minibatch of each of `data`; its outputs are the new
    carry, then what each step reports.

    Attributes
    ----------
    carry : list of array
        Replaced, or written to, by each step; no one else holds these arrays.
    data : sequence of array
        Rows of these make up the minibatches.
    order : array of int64
        Which row comes when: step ``i`` takes ``order[i * batch_size : (i + 1) * batch_size]``.
    batch_size : int
    given : sequence
        Values of ``kernel.given`` for a full minibatch.
    last : sequence
        The same for the last minibatch, where it is smaller.
    outputs : list of array
        ``outputs[k][i]`` takes what step ``i`` reports.
    is_finite : bool
        Whether all numbers of the carry are known to be finite after the steps so far. False where
        nobody has looked.
    is_returned : bool
        Whether the arrays of the carry are those that the last call left in it.
    """

    carry: list[Any]
    data: Sequence[np.ndarray]
    order: np.ndarray
    batch_size: int
    given: Sequence[Any]
    last: Sequence[Any]
    outputs: list[np.ndarray] = field(default_factory=list)
    is_finite: bool = False
    is_returned: bool = False

    @property
    def steps(self) -> int:
        """How many steps there are in all."""
        return -(-len(self.order) // self.batch_size)


class Runnable(Protocol):
    """A kernel made ready to run."""

    @property
    def emitted(self) -> Any:
        """What was written for the kernel, where that can be kept; else None."""
        ...

    @property
    def source(self) -> str:
        """The emitted source, as it runs."""
        ...

    def __call__(self, inputs: Sequence[Any], given: Sequence[Any]) -> list[Any]:
        """Run once; returns new arrays, which nothing of the executor's writes to later."""
        ...

    def run_steps(self, loop: Loop, start: int, stop: int) -> None:
        """Run the steps from `start` up to `stop`, of which each takes the carry of the last."""
        ...

    def facts(self) -> Facts:
        """Tell what runs."""
        ...
