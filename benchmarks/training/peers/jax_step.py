"""JAX: jit a step, or scan over the steps of an epoch within one jit."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.training.cases import Case, Problem
from benchmarks.training.peers import Trainer
from benchmarks.training.peers.adam import Carry, initial, training_step


class Jitted:
    """The state lies on the device; its buffers are given up for the new one."""

    def __init__(self, case: Case, problem: Problem, scan: bool) -> None:
        self._step = training_step(jax.value_and_grad(case.loss(jnp)), case.optimizer)
        params = [jnp.array(p) for p in problem.params]
        self._carry = initial(case.optimizer, params, jnp)
        self._arrays = tuple(jnp.array(a) for a in problem.arrays)
        self._order = jnp.array(problem.order.reshape(case.batches, case.batch))
        self._rows = list(self._order)
        self._batch = jax.jit(self._one, donate_argnums=0)
        self._epoch = jax.jit(self._all, donate_argnums=0)
        self._run_epoch = self._scanned if scan else self._stepped

    def _one(self, carry: Carry, arrays: tuple[Any, ...], rows: Any) -> tuple[Carry, Any]:
        return self._step(carry, *[a[rows] for a in arrays])

    def _all(self, carry: Carry, arrays: tuple[Any, ...], order: Any) -> tuple[Carry, Any]:
        return jax.lax.scan(lambda c, rows: self._one(c, arrays, rows), carry, order)

    def _scanned(self) -> list[Any]:
        self._carry, losses = self._epoch(self._carry, self._arrays, self._order)
        return [losses]

    def _stepped(self) -> list[Any]:
        losses = []
        for rows in self._rows:
            self._carry, loss = self._batch(self._carry, self._arrays, rows)
            losses.append(loss)
        return losses

    def run(self, epochs: int) -> np.ndarray:
        losses = [loss for _ in range(epochs) for loss in self._run_epoch()]
        jax.block_until_ready(self._carry)
        return np.concatenate([np.atleast_1d(np.asarray(loss)) for loss in losses])


def trainer(case: Case, problem: Problem, variant: str) -> Trainer:
    return Jitted(case, problem, scan=variant == "scan")
