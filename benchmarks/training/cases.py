"""What is trained: networks, losses, optimizers, and data from one seed."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from benchmarks.training.losses import LOSSES, Loss

SEED = 0
COMPONENTS, DIMENSIONS = 5, 2  # of the mixture


@dataclass(frozen=True)
class Optimizer:
    """Adam with bias correction, or plain gradient descent where `adam` is False."""

    rate: float = 1e-3
    adam: bool = True
    b1: float = 0.9
    b2: float = 0.999
    eps: float = 1e-8


@dataclass(frozen=True)
class Case:
    """One thing to train.

    Attributes
    ----------
    sizes : tuple of int
        Of the layers, from the input to the output; empty for the mixture.
    head : str
        The loss, a key of `LOSSES`.
    batch, batches : int
        Samples a step, steps an epoch.
    compile_only : bool
        Only the time of compiling is of interest.
    """

    name: str
    title: str
    sizes: tuple[int, ...]
    head: str
    batch: int
    batches: int = 20
    optimizer: Optimizer = Optimizer()
    l2: float = 0.0
    compile_only: bool = False

    def loss(self, numpy_like: Any) -> Loss:
        """Return the loss function over NumPy or a module like it."""
        return LOSSES[self.head](numpy_like, self.l2)


@dataclass(frozen=True)
class Problem:
    """The numbers that all peers start from.

    Attributes
    ----------
    params : list of ndarray
    arrays : tuple of ndarray
        The samples: X, or X and y.
    order : ndarray of int
        The samples in the order in which every epoch takes them.
    """

    params: list[np.ndarray]
    arrays: tuple[np.ndarray, ...]
    order: np.ndarray


CASES = {
    case.name: case
    for case in (
        Case("4-16-3", "4-16-3, batch 32", (4, 16, 3), "cross_entropy", 32),
        Case("2-64-3", "2-64-3, batch 300", (2, 64, 3), "cross_entropy", 300),
        Case("30-100-2", "30-100-2, batch 200", (30, 100, 2), "cross_entropy", 200),
        Case(
            "784-256-128-10",
            "784-256-128-10, batch 128",
            (784, 256, 128, 10),
            "cross_entropy",
            128,
        ),
        Case(
            "1024-2048-2048-10",
            "1024-2048-2048-10, batch 512",
            (1024, 2048, 2048, 10),
            "cross_entropy",
            512,
            batches=4,
        ),
        Case("logistic", "logistic regression, 30 features, batch 200", (30, 1), "logistic", 200),
        Case("10x64", "10 layers of 64, batch 128", (64,) * 11 + (10,), "cross_entropy", 128),
        Case("autoencoder", "autoencoder 784-32-784, batch 128", (784, 32, 784), "squared", 128),
        Case("mixture", "Gaussian mixture, 5 components, batch 256", (), "mixture", 256),
        Case(
            "micrograd",
            "micrograd's demo 2-16-16-1, all 100 samples",
            (2, 16, 16, 1),
            "hinge",
            100,
            optimizer=Optimizer(rate=0.05, adam=False),
            l2=1e-4,
        ),
        Case(
            "50x64",
            "50 layers of 64, batch 128",
            (64,) * 51 + (10,),
            "cross_entropy",
            128,
            batches=2,
            compile_only=True,
        ),
    )
}


def problem(case: Case) -> Problem:
    """Return the same numbers at each call."""
    rng = np.random.default_rng(SEED)
    n = case.batch * case.batches
    arrays = _SAMPLES[case.head](rng, case, n)
    params = _mixture_params(rng) if case.head == "mixture" else _weights(rng, case)
    # The demo takes all of its samples at each step: they are repeated, and not shuffled.
    order = np.arange(n) if case.head == "hinge" else rng.permutation(n)
    return Problem(params, arrays, order)


def _weights(rng: np.random.Generator, case: Case) -> list[np.ndarray]:
    params = []
    for n_in, n_out in pairwise(case.sizes):
        if case.head == "hinge":  # micrograd's own start
            W = rng.uniform(-1, 1, (n_in, n_out)).astype(np.float32)
        else:
            W = rng.standard_normal((n_in, n_out), np.float32) * np.float32((2 / n_in) ** 0.5)
        params += [W, np.zeros(n_out, np.float32)]
    return params


def _mixture_params(rng: np.random.Generator) -> list[np.ndarray]:
    return [
        np.zeros(COMPONENTS, np.float32),
        rng.standard_normal((COMPONENTS, DIMENSIONS), np.float32),
        np.zeros((COMPONENTS, DIMENSIONS), np.float32),
    ]


def _classes(rng: np.random.Generator, case: Case, n: int) -> tuple[np.ndarray, ...]:
    """Return labels of which a linear teacher explains a part: the loss falls, and not to 0."""
    # As large as pixels are: in the widest network the first steps would else throw the loss to
    # where scikit-learn cuts it off.
    X = np.float32(0.3) * rng.standard_normal((n, case.sizes[0]), np.float32)
    teacher = rng.standard_normal((case.sizes[0], case.sizes[-1]), np.float32)
    scores = X @ teacher
    noise = rng.standard_normal(scores.shape, np.float32) * scores.std()
    return X, (scores + noise).argmax(axis=1)


def _two_classes(rng: np.random.Generator, case: Case, n: int) -> tuple[np.ndarray, ...]:
    X = rng.standard_normal((n, case.sizes[0]), np.float32)
    scores = X @ rng.standard_normal(case.sizes[0], np.float32)
    noise = rng.standard_normal(n, np.float32) * scores.std()
    return X, (scores + noise > 0).astype(np.float32)


def _pictures(rng: np.random.Generator, case: Case, n: int) -> tuple[np.ndarray, ...]:
    """Return values between 0 and 1 that sixteen numbers explain."""
    hidden = rng.standard_normal((n, 16), np.float32)
    z = hidden @ rng.standard_normal((16, case.sizes[0]), np.float32)
    return (1 / (1 + np.exp(-z)),)


def _blobs(rng: np.random.Generator, case: Case, n: int) -> tuple[np.ndarray, ...]:
    centres = 3 * rng.standard_normal((COMPONENTS, DIMENSIONS), np.float32)
    samples = rng.standard_normal((n, DIMENSIONS), np.float32)
    return (centres[rng.integers(COMPONENTS, size=n)] + samples,)


def _moons(rng: np.random.Generator, case: Case, n: int) -> tuple[np.ndarray, ...]:
    """Return two half circles that reach into each other, labels -1 and 1, repeated to fill n."""
    half = case.batch // 2
    angle = np.linspace(0, np.pi, half)
    upper = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    X = np.concatenate([upper, [1, 0.5] - upper]) + 0.1 * rng.standard_normal((2 * half, 2))
    y = np.repeat([-1.0, 1.0], half)
    times = n // case.batch
    return np.tile(X, (times, 1)).astype(np.float32), np.tile(y, times).astype(np.float32)


_SAMPLES = {
    "cross_entropy": _classes,
    "logistic": _two_classes,
    "squared": _pictures,
    "mixture": _blobs,
    "hinge": _moons,
}
