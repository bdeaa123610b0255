"""Steps of an optimizer, until the gradient of a function is small."""

from __future__ import annotations

import functools
import time
from typing import Any

import numpy as np

from chainrule.compiling.epochs import epoch
from chainrule.compiling.failure import StepError
from chainrule.nn.minimum import Callback, DivergedError, Minimum, Objective, diverged_error
from chainrule.transform import value_and_grad

#: Seconds that a block of steps is to take: what is between two looks at how far things are.
_PULSE = 0.1


class Descent:
    """Steps of an optimizer, compiled as an epoch; the row that each takes is not looked at."""

    def __init__(
        self, objective: Objective, optimizer: Any, tolerance: float, executor: str
    ) -> None:
        self.objective = objective
        self.optimizer = optimizer
        self.tolerance = tolerance

        def step(carry: Any, row: Any) -> Any:
            params, state = carry
            value, gradients = value_and_grad(objective)(params)
            sizes = [np.max(np.abs(g)) for k, g in gradients.items() if objective.start[k].size]
            largest = functools.reduce(np.maximum, sizes)
            return optimizer.apply(params, gradients, state), (value, largest)

        step.__name__ = objective.__name__
        self._epoch = epoch(step, executor)

    def advance(self, carry: Any, count: int) -> Any:
        """Return the carry after some steps, with values and gradients' sizes before each."""
        with np.errstate(all="ignore"):
            return self._epoch(carry, np.zeros(count), batch_size=1)

    def after(self, carry: Any, count: int) -> Any:
        """Return the parameters after some steps."""
        return (self.advance(carry, count)[0] if count else carry)[0]

    def run(self, steps: int, callback: Callback | None) -> Minimum:
        """Go on until the gradient is small, the steps are done or the callback says so."""
        start = self.objective.start
        carry = previous = (start, self.optimizer.init(start))
        values: list[np.ndarray] = []
        done = block = count = 0
        while True:
            before, count = count, max(1, min(block, steps - done))
            began = time.perf_counter()
            try:
                after, (found, sizes) = self.advance(carry, count)
            except StepError as error:
                raise self.diverged(error, done, carry, previous, before) from error
            block = _next_block(count, time.perf_counter() - began, first=not block)
            small = np.flatnonzero(sizes <= self.tolerance)
            if len(small) or done >= steps:
                last = int(small[0]) if len(small) else 0
                values.append(found[: last + 1])
                params = self.objective.result(self.after(carry, last))
                every = np.concatenate(values)
                return Minimum(params, float(every[-1]), done + last, bool(len(small)), every)
            values.append(found)
            previous, carry, done = carry, after, done + count
            if callback is not None and callback(done - 1, float(found[-1])):
                steps = done

    def diverged(
        self, error: StepError, done: int, carry: Any, previous: Any, before: int
    ) -> DivergedError:
        """Return the error for a step that failed, with the last parameters that were good.

        Those that the step began with may have been spoiled by the one before it: finite, but
        where the function is not.
        """
        good, step = error.carry[0], done + error.step
        value = self.value(good)
        if not np.isfinite(value) and step > 0:
            if error.step:
                good = self.after(carry, error.step - 1)
            else:
                good = self.after(previous, before - 1)
            step -= 1
            value = self.value(good)
        return diverged_error(self.objective, error, good, value, step)

    def value(self, params: dict[str, Any]) -> float:
        """Return the function's value, finite or not."""
        with np.errstate(all="ignore"):
            return float(self.objective(params))


def _next_block(count: int, seconds: float, first: bool) -> int:
    """Return how many steps to take before the next look; the very first one compiles, too."""
    if first:
        return 2
    return max(1, min(2 * count, int(count * _PULSE / max(seconds, 1e-9))))
