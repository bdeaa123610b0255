"""scikit-learn's MLPClassifier, where its loss and its optimizer are the same."""

from __future__ import annotations

import numpy as np
from sklearn.neural_network import MLPClassifier

from benchmarks.training.cases import Case, Problem
from benchmarks.training.peers import CannotError, Trainer

_REASONS = {
    "squared": "MLPRegressor has no sigmoid at its output",
    "hinge": "MLPClassifier has no hinge loss",
    "mixture": "its losses are fixed",
}


class PartialFit:
    """An epoch is one call of `partial_fit`, which takes the batches in turn."""

    def __init__(self, case: Case, problem: Problem) -> None:
        self._arrays, self._order = problem.arrays, problem.order
        o = case.optimizer
        self._model = MLPClassifier(
            hidden_layer_sizes=case.sizes[1:-1],
            batch_size=case.batch,
            alpha=0,
            learning_rate_init=o.rate,
            beta_1=o.b1,
            beta_2=o.b2,
            epsilon=o.eps,
            shuffle=False,
        )
        X, y = problem.arrays
        self._model.partial_fit(X[: case.batch], y[: case.batch], classes=np.unique(y))
        # That call was for the structure alone: the next one makes a new optimizer.
        del self._model._optimizer
        for own, start in zip(self._model.coefs_, problem.params[::2], strict=True):
            own[...] = start
        for own, start in zip(self._model.intercepts_, problem.params[1::2], strict=True):
            own[...] = start

    def run(self, epochs: int) -> np.ndarray:
        losses = []
        for _ in range(epochs):
            X, y = (a[self._order] for a in self._arrays)
            self._model.partial_fit(X, y)
            losses.append(self._model.loss_)
        return np.array(losses)


def trainer(case: Case, problem: Problem, variant: str) -> Trainer:
    if case.head in _REASONS:
        raise CannotError(_REASONS[case.head])
    if case.head == "cross_entropy" and case.sizes[-1] == 2:
        raise CannotError("for two classes MLPClassifier has one logistic output, not two")
    return PartialFit(case, problem)
