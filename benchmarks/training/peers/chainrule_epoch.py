"""chainrule: whole epochs in one call, or step by step where nothing is compiled."""

from __future__ import annotations

import os

import numpy as np

import chainrule as cr
from benchmarks.training.cases import Case, Problem
from benchmarks.training.peers import CannotError, Trainer
from benchmarks.training.peers.adam import initial, training_step
from benchmarks.training.peers.stepping import Stepping
from chainrule.execute.blas import mkl_paths


class Epochs:
    """The step is a plain NumPy function; chainrule makes an epoch of it."""

    def __init__(self, case: Case, problem: Problem, executor: str) -> None:
        step = training_step(cr.value_and_grad(case.loss(np)), case.optimizer)
        self._epoch = cr.epoch(step, executor=executor, donate=True)
        self._carry = initial(case.optimizer, problem.params, np)
        self._problem, self._size = problem, case.batch

    def run(self, epochs: int) -> np.ndarray:
        losses = []
        for _ in range(epochs):
            self._carry, outputs = self._epoch(
                self._carry,
                self._problem.arrays,
                order=self._problem.order,
                batch_size=self._size,
            )
            losses.append(np.asarray(outputs))
        return np.concatenate(losses)


def trainer(case: Case, problem: Problem, variant: str) -> Trainer:
    if variant == "eager":
        return Stepping(case, problem, cr.value_and_grad(case.loss(np)))
    executor, _, blas = variant.partition("-")
    if executor == "numba":
        os.environ["CHAINRULE_BLAS"] = blas or "scipy"
        if blas == "mkl" and not mkl_paths():
            raise CannotError("MKL is not installed")
    return Epochs(case, problem, executor)
