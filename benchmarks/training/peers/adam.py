"""The optimizers in plain NumPy, as someone writes them who uses a library for gradients only."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from benchmarks.training.cases import Optimizer

Carry = tuple[Any, ...]


def initial(optimizer: Optimizer, params: list[Any], np: Any) -> Carry:
    """Return what goes from step to step: the parameters and the optimizer's state."""
    if not optimizer.adam:
        return (params,)
    zeros = [np.zeros_like(p) for p in params]
    # Float32, since a double would make doubles of all that it meets.
    return params, zeros, [np.zeros_like(p) for p in params], np.zeros((), np.float32)


def updated(optimizer: Optimizer, carry: Carry, grads: list[Any]) -> Carry:
    """Return the carry after one step along `grads`."""
    rate, b1, b2, eps = optimizer.rate, optimizer.b1, optimizer.b2, optimizer.eps
    if not optimizer.adam:
        return ([p - rate * g for p, g in zip(carry[0], grads, strict=True)],)
    params, m, v, t = carry
    t = t + 1
    m = [b1 * a + (1 - b1) * g for a, g in zip(m, grads, strict=True)]
    v = [b2 * a + (1 - b2) * g * g for a, g in zip(v, grads, strict=True)]
    c1, c2 = 1 - b1**t, 1 - b2**t
    params = [
        p - rate * (a / c1) / ((b / c2) ** 0.5 + eps) for p, a, b in zip(params, m, v, strict=True)
    ]
    return params, m, v, t


def training_step(
    gradient: Callable[..., tuple[Any, list[Any]]], optimizer: Optimizer
) -> Callable[..., tuple[Carry, Any]]:
    """Return a step of training: the carry and a batch to the new carry and the loss."""

    def step(carry: Carry, *batch: Any) -> tuple[Carry, Any]:
        loss, grads = gradient(carry[0], *batch)
        return updated(optimizer, carry, grads), loss

    return step
