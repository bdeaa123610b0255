"""How long a check of a stack of layers takes, right and with one mistake in each position.

NumPy multiplies matrices on all cores. Where others use these as well, its threads wait for
each other most of the time: ``OPENBLAS_NUM_THREADS=1`` says what the check itself costs.
"""

from __future__ import annotations

import statistics
from itertools import pairwise
from typing import Any

import numpy as np

from benchmarks.measure import Table, timed
from chainrule.checking.api import check

BATCH, SIZES = 32, (784, 256, 10)
ROUNDS = 3
LIMIT = 2.0


class Dense:
    def __init__(self, inputs: int, outputs: int, rng: np.random.Generator) -> None:
        self.weights = rng.normal(size=(inputs, outputs)) / np.sqrt(inputs)
        self.biases = np.zeros((1, outputs))

    def forward(self, inputs):
        self.inputs = inputs
        self.output = inputs @ self.weights + self.biases

    def backward(self, dvalues):
        self.dweights = self.inputs.T @ dvalues
        self.dbiases = np.sum(dvalues, axis=0, keepdims=True)
        self.dinputs = dvalues @ self.weights.T


class DenseWithWrongWeights(Dense):
    def backward(self, dvalues):
        self.dweights = self.inputs.T @ dvalues / len(dvalues)
        self.dbiases = np.sum(dvalues, axis=0, keepdims=True)
        self.dinputs = dvalues @ self.weights.T


class DenseWithWrongBiases(Dense):
    def backward(self, dvalues):
        self.dweights = self.inputs.T @ dvalues
        self.dbiases = np.mean(dvalues, axis=0, keepdims=True)
        self.dinputs = dvalues @ self.weights.T


class DenseWithWrongInputs(Dense):
    def backward(self, dvalues):
        self.dweights = self.inputs.T @ dvalues
        self.dbiases = np.sum(dvalues, axis=0, keepdims=True)
        self.dinputs = -dvalues @ self.weights.T


class ReLU:
    def forward(self, inputs):
        self.inputs = inputs
        self.output = np.maximum(0, inputs)

    def backward(self, dvalues):
        self.dinputs = dvalues * (self.inputs > 0)


class ReLUWithWrongMask(ReLU):
    def backward(self, dvalues):
        self.dinputs = dvalues * (dvalues > 0)


class SoftmaxCrossEntropy:
    def forward(self, inputs, y_true):
        shifted = np.exp(inputs - np.max(inputs, axis=1, keepdims=True))
        self.output = shifted / np.sum(shifted, axis=1, keepdims=True)
        return np.mean(-np.log(self.output[np.arange(len(inputs)), y_true]))

    def backward(self, dvalues, y_true):
        samples = len(dvalues)
        self.dinputs = dvalues.copy()
        self.dinputs[np.arange(samples), y_true] -= 1
        self.dinputs = self.dinputs / samples


class SoftmaxCrossEntropyNotAveraged(SoftmaxCrossEntropy):
    def backward(self, dvalues, y_true):
        samples = len(dvalues)
        self.dinputs = dvalues.copy()
        self.dinputs[np.arange(samples), y_true] -= 1


STACK = (Dense, ReLU, Dense, SoftmaxCrossEntropy)
#: Position in the stack, what stands there instead, the gradient that comes out wrong.
MISTAKES = [
    (3, SoftmaxCrossEntropyNotAveraged, "dinputs"),
    (2, DenseWithWrongWeights, "dweights"),
    (2, DenseWithWrongBiases, "dbiases"),
    (2, DenseWithWrongInputs, "dinputs"),
    (1, ReLUWithWrongMask, "dinputs"),
    (0, DenseWithWrongWeights, "dweights"),
    (0, DenseWithWrongBiases, "dbiases"),
    (0, DenseWithWrongInputs, "dinputs"),
]


def stack(position: int | None = None, instead: Any = None) -> list[Any]:
    """Return the layers, with another class at one position."""
    kinds = [instead if i == position else kind for i, kind in enumerate(STACK)]
    rng = np.random.default_rng(0)
    sizes = pairwise(SIZES)
    return [kind(*next(sizes), rng) if issubclass(kind, Dense) else kind() for kind in kinds]


def measured(
    position: int | None = None, instead: Any = None, gradient: str = ""
) -> dict[str, Any]:
    """Time one check, once it is known to find what there is."""
    rng = np.random.default_rng(1)
    layers = stack(position, instead)
    inputs, labels = rng.normal(size=(BATCH, SIZES[0])), rng.integers(0, SIZES[-1], BATCH)
    report = check(layers, inputs, y_true=labels)
    first = report.first_wrong
    found = "right" if first is None else f"{first.name}: {first.mistake}"
    expected = f"{gradient} of layer {position}" if instead else "right"
    if expected not in found:
        raise AssertionError(f"{expected} was expected, and {found} found")
    times = [timed(lambda: check(layers, inputs, y_true=labels)) for _ in range(ROUNDS)]
    return {
        "case": f"{gradient} of layer {position}, {STACK[position].__name__}"
        if position is not None
        else "no mistake",
        "seconds": statistics.median(times),
        "slowest": max(times),
        "mistake": (first.mistake or "none named") if first else "",
        f"under {LIMIT:g} s": "yes" if max(times) < LIMIT else "no",
    }


def run() -> Table:
    """Check the stack as it should be, then with each of the mistakes."""
    rows = [measured(), *(measured(*mistake) for mistake in MISTAKES)]
    layers = "-".join(map(str, SIZES))
    return Table(
        f"a check of a {layers} network on a batch of {BATCH} takes under {LIMIT:g} s", rows
    )
