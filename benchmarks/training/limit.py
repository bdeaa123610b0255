"""What this machine needs at least for a step: the products at its own rate, and the bytes."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from benchmarks.training.cases import Case

# Above this one core does not saturate the memory, and threads are worth their start.
LARGE = 8 * 2**20


@dataclass(frozen=True)
class Limit:
    """Seconds a step.

    Attributes
    ----------
    products : float
        Of the matrix products, each with its own shapes.
    moves : float
        Of reading and writing once the parameters, Adam's two means, and the activations.
    flops, bytes : int
        A step. A byte that is read and written counts twice.
    """

    products: float
    moves: float
    flops: int
    bytes: int


def measured(case: Case, seconds: float) -> Limit:
    """Measure for about `seconds`. No products: a case without a network."""
    layers = _layers(case)
    share = seconds / (3 * len(layers) + 1)
    products = sum(
        _product_seconds(case.batch, n_in, n_out, ways, share * ways)
        for n_in, n_out, ways in layers
    )
    moved = values(case) * np.dtype(np.float32).itemsize
    return Limit(products, _copy_seconds(moved, share), operations(case), 2 * moved)


def _layers(case: Case) -> list[tuple[int, int, int]]:
    """Return the sizes of each layer, and its products: nobody asks for the input's gradient."""
    return [(n, m, 3 if i else 2) for i, (n, m) in enumerate(pairwise(case.sizes))]


def operations(case: Case) -> int:
    """Return the floating-point operations of the products of a step."""
    return sum(2 * ways * case.batch * n * m for n, m, ways in _layers(case))


def values(case: Case) -> int:
    """Return how many numbers are read and written once a step."""
    weights = sum((n + 1) * m for n, m in pairwise(case.sizes))
    states = 3 if case.optimizer.adam else 1
    return states * weights + case.batch * sum(case.sizes)


def _product_seconds(batch: int, n_in: int, n_out: int, ways: int, seconds: float) -> float:
    """Forward, gradient of the weights, gradient of the input: as many as `ways`."""
    rng = np.random.default_rng(0)
    h, W, d = (
        rng.standard_normal(shape, np.float32)
        for shape in ((batch, n_in), (n_in, n_out), (batch, n_out))
    )
    forward, backward, weights = (np.empty_like(a) for a in (d, h, W))
    loops = _product_loops()
    args = (h, W, d, forward, weights, backward)
    return sum(_best(lambda n, loop=loop: loop(*args, n), seconds / ways) for loop in loops[:ways])


def _product_loops() -> tuple[Callable[..., None], ...]:
    """Return loops over one product each: compiled, since a small one is faster than a call."""
    import numba

    @numba.njit
    def forward(h, W, d, to_d, to_W, to_h, n):
        for _ in range(n):
            np.dot(h, W, to_d)

    @numba.njit
    def weights(h, W, d, to_d, to_W, to_h, n):
        for _ in range(n):
            np.dot(h.T, d, to_W)

    @numba.njit
    def backward(h, W, d, to_d, to_W, to_h, n):
        for _ in range(n):
            np.dot(d, W.T, to_h)

    return forward, weights, backward


def _copy_seconds(size: int, seconds: float) -> float:
    """Return what copying so many bytes takes, with threads where they help."""
    source, target = np.ones(size, np.uint8), np.empty(size, np.uint8)
    if size < LARGE:
        return _best(lambda n: [np.copyto(target, source) for _ in range(n)], seconds)
    threads = os.cpu_count() or 1
    cuts = [size * i // threads for i in range(threads + 1)]
    parts = [(target[a:b], source[a:b]) for a, b in pairwise(cuts)]
    with ThreadPoolExecutor(threads) as pool:

        def copy(n: int) -> None:
            for _ in range(n):
                list(pool.map(lambda part: np.copyto(*part), parts))

        return _best(copy, seconds)


def _best(run: Callable[[int], object], seconds: float) -> float:
    """Return the seconds of one of `run`'s repetitions, the least of several tries."""
    run(1)
    times = 5
    start = time.perf_counter()
    run(3)
    once = (time.perf_counter() - start) / 3
    count = max(1, math.ceil(seconds / times / max(once, 1e-9)))
    least = math.inf
    for _ in range(times):
        start = time.perf_counter()
        run(count)
        least = min(least, (time.perf_counter() - start) / count)
    return least
