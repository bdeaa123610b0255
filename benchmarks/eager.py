"""``cr.grad`` beside ``autograd.grad``: small functions, where the overhead of tracing shows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy

import chainrule as cr
from benchmarks.measure import Table, UnavailableError, assert_same, compared


@dataclass(frozen=True)
class Case:
    """A function, written for one NumPy or another, and where to take its gradient.

    Attributes
    ----------
    write : callable
        Takes a module like NumPy, returns the function over it.
    wrt : tuple of int
    args : tuple
    """

    name: str
    write: Callable[[Any], Callable[..., Any]]
    wrt: tuple[int, ...]
    args: tuple[Any, ...]


def neuron_max(np: Any) -> Callable[..., Any]:
    def neuron(x: Any, w: Any, b: Any) -> Any:
        z = x[0] * w[0] + x[1] * w[1] + x[2] * w[2] + b
        return max(z, 0)

    return neuron


def neuron_maximum(np: Any) -> Callable[..., Any]:
    def neuron(x: Any, w: Any, b: Any) -> Any:
        z = x[0] * w[0] + x[1] * w[1] + x[2] * w[2] + b
        return np.maximum(z, 0)

    return neuron


def neuron_dot(np: Any) -> Callable[..., Any]:
    def neuron(x: Any, w: Any, b: Any) -> Any:
        z = np.dot(w, x) + b
        return np.maximum(z, 0)

    return neuron


def network(np: Any) -> Callable[..., Any]:
    def loss(X: Any, y: Any, W1: Any, b1: Any, W2: Any, b2: Any, W3: Any, b3: Any) -> Any:
        h1 = np.tanh(X @ W1 + b1)
        h2 = np.tanh(h1 @ W2 + b2)
        return np.mean((h2 @ W3 + b3 - y) ** 2)

    return loss


def network_of_layers(np: Any) -> Callable[..., Any]:
    def loss(X: Any, y: Any, layers: Any) -> Any:
        h = X
        for W, b in layers[:-1]:
            h = np.tanh(np.dot(h, W) + b)
        W, b = layers[-1]
        return np.mean((np.dot(h, W) + b - y) ** 2)

    return loss


def cases() -> list[Case]:
    """Return the cases, with fixed numbers."""
    rng = numpy.random.default_rng(0)
    x, w, b = [1.0, -2.0, 3.0], [-3.0, -1.0, 2.0], 1.0
    X, y = rng.standard_normal((100, 2)), rng.standard_normal((100, 1))
    layers = [
        (rng.standard_normal((n, m)) / n**0.5, rng.standard_normal(m))
        for n, m in ((2, 16), (16, 16), (16, 1))
    ]
    weights = [part for layer in layers for part in layer]
    arrays = (numpy.array(x), numpy.array(w), b)
    return [
        Case("neuron, lists, max", neuron_max, (1, 2), (x, w, b)),
        Case("neuron, lists, np.maximum", neuron_maximum, (1, 2), (x, w, b)),
        Case("neuron, arrays, np.dot", neuron_dot, (1, 2), arrays),
        Case("MLP 2-16-16-1, arguments", network, (2, 3, 4, 5, 6, 7), (X, y, *weights)),
        Case("MLP 2-16-16-1, list of layers", network_of_layers, (2,), (X, y, layers)),
    ]


def run() -> Table:
    """Compare values and gradients, then time."""
    try:
        import autograd
        import autograd.numpy
    except ModuleNotFoundError:
        raise UnavailableError("eager needs HIPS autograd: pip install 'autograd>=1.8'") from None
    rows = []
    for case in cases():
        f, f_theirs = case.write(numpy), case.write(autograd.numpy)
        assert_same(case.name, f(*case.args), f_theirs(*case.args))
        ours, theirs = cr.grad(f, case.wrt), autograd.grad(f_theirs, case.wrt)
        assert_same(case.name, ours(*case.args), theirs(*case.args))
        result = compared(
            lambda ours=ours, args=case.args: ours(*args),  # type: ignore[misc]  # bound early
            lambda theirs=theirs, args=case.args: theirs(*args),  # type: ignore[misc]  # the same
        )
        rows.append(
            {
                "case": case.name,
                "cr.grad µs": result.ours * 1e6,
                "autograd µs": result.theirs * 1e6,
                "ratio": result.ratio,
                "quartiles": f"{result.low:.2f} to {result.high:.2f}",
            }
        )
    return Table("at least 3 times as fast as autograd", rows)
