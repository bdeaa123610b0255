"""Training step by step in Python, for the libraries that give a gradient and no more."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.training.cases import Case, Problem
from benchmarks.training.peers.adam import initial, training_step


class Stepping:
    """NumPy arrays, the gradient from a library, the optimizer in NumPy."""

    def __init__(
        self, case: Case, problem: Problem, gradient: Callable[..., tuple[Any, list[Any]]]
    ) -> None:
        self._step = training_step(gradient, case.optimizer)
        self._carry = initial(case.optimizer, problem.params, np)
        self._arrays, self._size = problem.arrays, case.batch
        self._order = problem.order.reshape(case.batches, case.batch)

    def run(self, epochs: int) -> np.ndarray:
        losses = []
        for _ in range(epochs):
            for rows in self._order:
                batch = [a[rows] for a in self._arrays]
                self._carry, loss = self._step(self._carry, *batch)
                losses.append(float(loss))
        return np.array(losses)
