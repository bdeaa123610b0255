"""micrograd on its own demo, a scalar at a time."""

from __future__ import annotations

import numpy as np
from micrograd.engine import Value
from micrograd.nn import MLP

from benchmarks.training.cases import Case, Problem
from benchmarks.training.peers import CannotError, Trainer


class Demo:
    """The loss and the update of the demo, written over its `Value`."""

    def __init__(self, case: Case, problem: Problem) -> None:
        self._case = case
        self._model = MLP(case.sizes[0], list(case.sizes[1:]))
        pairs = zip(problem.params[::2], problem.params[1::2], strict=True)
        for layer, (W, b) in zip(self._model.layers, pairs, strict=True):
            for j, neuron in enumerate(layer.neurons):
                neuron.b.data = float(b[j])
                for i, w in enumerate(neuron.w):
                    w.data = float(W[i, j])
        X, y = problem.arrays
        # Every batch holds all of the samples.
        self._X, self._y = X[: case.batch].tolist(), y[: case.batch].tolist()

    def _step(self) -> float:
        parameters = self._model.parameters()
        scores = [self._model([Value(a) for a in x]) for x in self._X]
        losses = [(1 + -y * s).relu() for y, s in zip(self._y, scores, strict=True)]
        loss = sum(losses) * (1 / len(losses)) + self._case.l2 * sum(p * p for p in parameters)
        self._model.zero_grad()
        loss.backward()
        for p in parameters:
            p.data -= self._case.optimizer.rate * p.grad
        return loss.data

    def run(self, epochs: int) -> np.ndarray:
        return np.array([self._step() for _ in range(epochs * self._case.batches)])


def trainer(case: Case, problem: Problem, variant: str) -> Trainer:
    if case.head != "hinge":
        raise CannotError("a scalar engine: it takes part in its own demo only")
    return Demo(case, problem)
