"""``cr.grad`` beside ``autograd.grad`` on the functions that autograd measures itself with.

Long chains, fan-out, products of arrays with many axes to second order, a recurrent
network, a convolutional one; and the peak of memory on those that hold much.
"""

from __future__ import annotations

import statistics
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy
from numpy.lib.stride_tricks import sliding_window_view

import chainrule as cr
from benchmarks.measure import Table, UnavailableError, assert_same, compared


@dataclass(frozen=True)
class Case:
    """A function over one NumPy or another, and where to take its gradient.

    Attributes
    ----------
    name : str
    write : callable
        Takes a module like NumPy and ``grad``, returns the function to differentiate.
    args : tuple
    wrt : int or tuple of int
    seconds : float
        How long a round of measuring takes.
    """

    name: str
    write: Callable[[Any, Any], Callable[..., Any]]
    args: tuple[Any, ...]
    wrt: Any = 0
    seconds: float = 0.02


def _short(np: Any, grad: Any) -> Any:
    return lambda x: x**2


def _long(np: Any, grad: Any) -> Any:
    def f(x: Any) -> Any:
        for _ in range(50):
            x = np.sin(x)
        return x

    return f


def _fan_out(np: Any, grad: Any) -> Any:
    def f(x: Any) -> Any:
        for _ in range(10**4):
            x = (x + x) / 2.0
        return np.sum(x)

    return f


def _needless(np: Any, grad: Any) -> Any:
    def f(x: Any) -> Any:
        for _ in range(100):
            x = x + 1
        return np.sum(x)

    return f


def _product(name: str, *options: Any) -> Callable[[Any, Any], Any]:
    def write(np: Any, grad: Any) -> Any:
        return lambda a, b, g: np.sum(g * getattr(np, name)(a, b, *options))

    return write


def _product_twice(name: str, *options: Any) -> Callable[[Any, Any], Any]:
    """Second order: differentiate the gradient, weighted."""

    def write(np: Any, grad: Any) -> Any:
        once = _product(name, *options)(np, grad)
        return lambda a, b, g: np.sum(a * grad(once, 0)(a, b, g))

    return write


def _recurrent(steps: int) -> Callable[[Any, Any], Any]:
    def write(np: Any, grad: Any) -> Any:
        def loss(params: Any, x: Any, label: Any) -> Any:
            W, b, w_out, b_out = params
            h = x
            for _ in range(steps):
                h = np.tanh(np.dot(h, W) + b)
            logit = np.dot(h, w_out) + b_out
            return -np.sum(label * logit - (logit + np.log(1 + np.exp(-logit))))

        return loss

    return write


def _recurrent_arguments(rng: Any, width: int, batch: int, dtype: str) -> tuple[Any, ...]:
    def draw(*shape: int) -> Any:
        return (rng.standard_normal(shape) / max(width, 1) ** 0.5).astype(dtype)

    label = (rng.random((batch, 1)) > 0.5).astype(dtype)
    return (draw(width, width), draw(width), draw(width, 1), draw(1)), draw(batch, width), label


def _convolutional(np: Any, grad: Any) -> Any:
    """Two layers of filters with pooling, then a dense layer; autograd has a convolution."""

    def convolved(images: Any, filters: Any) -> Any:
        if np is numpy:
            windows = sliding_window_view(images, filters.shape[2:], (2, 3))
            flipped = filters[:, :, ::-1, ::-1]
            return np.tensordot(windows, flipped, ((1, 4, 5), (0, 2, 3))).transpose(0, 3, 1, 2)
        from autograd.scipy.signal import convolve

        return convolve(images, filters, axes=([2, 3], [2, 3]), dot_axes=([1], [0]), mode="valid")

    def pooled(images: Any) -> Any:
        n, c, h, w = images.shape
        return np.max(np.max(images.reshape(n, c, h // 2, 2, w // 2, 2), axis=3), axis=4)

    def loss(params: Any, images: Any, labels: Any) -> Any:
        first, second, W, b = params
        h = np.tanh(pooled(convolved(images, first)))
        h = np.tanh(pooled(convolved(h, second)))
        logits = np.dot(h.reshape(h.shape[0], -1), W) + b
        shifted = logits - np.max(logits, axis=1, keepdims=True)
        logs = shifted - np.log(np.sum(np.exp(shifted), axis=1, keepdims=True))
        return -np.sum(labels * logs) / images.shape[0]

    return loss


def whole() -> list[Case]:
    """Return whole functions, with fixed numbers."""
    rng = numpy.random.default_rng(0)
    normal = rng.standard_normal
    filters = (0.3 * normal((1, 6, 5, 5)), 0.1 * normal((6, 16, 5, 5)))
    images = normal((32, 1, 28, 28))
    labels = numpy.eye(10)[rng.integers(0, 10, 32)]
    convolutional = ((*filters, 0.1 * normal((256, 10)), normal(10)), images, labels)
    return [
        Case("x ** 2", _short, (2.0,)),
        Case("chain of 50 sines", _long, (2.0,)),
        Case("fan-out and fan-in, 10^4 times", _fan_out, (2.0,), seconds=0.2),
        Case("RNN 32, 100 steps", _recurrent(100), _recurrent_arguments(rng, 32, 16, "float64")),
        Case(
            "RNN 1024, 50 steps, float32", _recurrent(50),
            _recurrent_arguments(rng, 1024, 16, "float32"), seconds=0.3,
        ),
        Case("convolutional network", _convolutional, convolutional, seconds=0.5),
        Case("100 needless additions, 10^6", _needless, (numpy.zeros((1000, 1000)),), seconds=0.5),
    ]  # fmt: skip


def products() -> list[Case]:
    """Return single products of small arrays with many axes, to second order."""
    normal = numpy.random.default_rng(1).standard_normal
    dot = normal((2, 3, 4, 5)), normal((2, 3, 5, 4)), normal((2, 3, 4, 2, 3, 4))
    tensordot = normal((2, 3, 5, 4)), normal((5, 4, 2, 3)), normal((2, 3, 2, 3))
    return [
        Case("dot of 4 axes, left", _product("dot"), dot, 0),
        Case("dot of 4 axes, right", _product("dot"), dot, 1),
        Case("dot of 4 axes, second order", _product_twice("dot"), dot, (1, 2)),
        Case("tensordot, left", _product("tensordot", 2), tensordot, 0),
        Case("tensordot, right", _product("tensordot", 2), tensordot, 1),
        Case("tensordot, second order", _product_twice("tensordot", 2), tensordot, (1, 2)),
    ]


def _peak(run: Callable[[], Any]) -> float:
    """Return the peak of memory that a run needs, in MB."""
    run()
    tracemalloc.start()
    run()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak / 1e6


def run(cases: Callable[[], list[Case]]) -> Table:
    """Compare values and gradients, then time, then memory."""
    try:
        import autograd
        import autograd.numpy
    except ModuleNotFoundError:
        raise UnavailableError(
            "functions needs HIPS autograd: pip install 'autograd>=1.8'"
        ) from None
    rows = []
    for case in cases():
        f = case.write(numpy, cr.grad)
        f_theirs = case.write(autograd.numpy, autograd.grad)
        ours, theirs = cr.grad(f, case.wrt), autograd.grad(f_theirs, case.wrt)
        single = "float32" in case.name
        assert_same(
            case.name,
            ours(*case.args),
            theirs(*case.args),
            *((1e-2, 1e-3) if single else (1e-9, 1e-12)),
        )

        def mine(ours: Any = ours, args: Any = case.args) -> Any:
            return ours(*args)

        def other(theirs: Any = theirs, args: Any = case.args) -> Any:
            return theirs(*args)

        result = compared(
            mine, other, rounds=21 if case.seconds > 0.1 else 41, seconds=case.seconds
        )
        rows.append(
            {
                "case": case.name,
                "cr.grad µs": result.ours * 1e6,
                "autograd µs": result.theirs * 1e6,
                "ratio": result.ratio,
                "quartiles": f"{result.low:.2f} to {result.high:.2f}",
                "cr.grad MB": _peak(mine),
                "autograd MB": _peak(other),
            }
        )
    middle = statistics.median(row["ratio"] for row in rows)
    return Table(
        f"no slower on any, twice as fast on the median (here {middle:.2f}), memory no higher", rows
    )
