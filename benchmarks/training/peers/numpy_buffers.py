"""The backward pass by hand in NumPy, with buffers made once.

In double precision it is also what all are compared with.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from benchmarks.training.cases import Case, Problem
from benchmarks.training.peers import Trainer

Array = np.ndarray


class Flat:
    """Arrays that lie in one, so that an optimizer goes over all of them at once."""

    def __init__(self, shapes: list[tuple[int, ...]], dtype: Any) -> None:
        sizes = [math.prod(shape) for shape in shapes]
        self.all = np.zeros(sum(sizes), dtype)
        cuts = np.split(self.all, np.cumsum(sizes)[:-1])
        self.parts = [part.reshape(s) for part, s in zip(cuts, shapes, strict=True)]


class Update:
    """The optimizer in place."""

    def __init__(self, case: Case, params: Array) -> None:
        self._o, self._p = case.optimizer, params
        self._l2 = 2 * case.l2
        self._m, self._v, self._scratch = (np.zeros_like(params) for _ in range(3))
        self._t = 0

    def __call__(self, g: Array) -> None:
        o, p, s = self._o, self._p, self._scratch
        if self._l2:
            g += np.multiply(p, self._l2, out=s)
        if not o.adam:
            p -= np.multiply(g, o.rate, out=s)
            return
        m, v = self._m, self._v
        self._t += 1
        m *= o.b1
        m += np.multiply(g, 1 - o.b1, out=s)
        v *= o.b2
        np.multiply(g, g, out=s)
        s *= 1 - o.b2
        v += s
        np.divide(v, 1 - o.b2**self._t, out=s)
        np.sqrt(s, out=s)
        s += o.eps
        np.divide(m, s, out=s)
        s *= o.rate / (1 - o.b1**self._t)
        p -= s


class Network:
    """Dense layers with ReLU between them."""

    def __init__(self, case: Case, params: list[Array], grads: list[Array], dtype: Any) -> None:
        self._case = case
        self._W, self._b, self._dW, self._db = params[::2], params[1::2], grads[::2], grads[1::2]
        # The input of each layer, then the scores; the gradients of all but the input.
        self._h = [np.empty((case.batch, n), dtype) for n in case.sizes]
        self._d = [np.empty_like(h) for h in self._h[1:]]
        self._alive = [np.empty(h.shape, bool) for h in self._h[1:-1]]
        self._rows = np.arange(case.batch)

    def loss(self, arrays: tuple[Array, ...], rows: Array) -> float:
        np.take(arrays[0], rows, axis=0, out=self._h[0], mode="clip")
        self._forward()
        z, d = self._h[-1], self._d[-1]
        if self._case.head == "squared":
            loss = _squared(z, self._h[0], d)
        else:
            y = arrays[1][rows]
            loss = {"cross_entropy": self._entropy, "logistic": _logistic, "hinge": _hinge}[
                self._case.head
            ](z, y, d)
        self._backward()
        if self._case.l2:
            squares = sum(float(np.vdot(p, p)) for p in (*self._W, *self._b))
            loss += self._case.l2 * squares
        return loss

    def _forward(self) -> None:
        last = len(self._W) - 1
        for i, (W, b) in enumerate(zip(self._W, self._b, strict=True)):
            z = self._h[i + 1]
            np.dot(self._h[i], W, out=z)
            z += b
            if i < last:
                np.maximum(z, 0, out=z)

    def _backward(self) -> None:
        for i in reversed(range(len(self._W))):
            d = self._d[i]
            np.dot(self._h[i].T, d, out=self._dW[i])
            np.sum(d, axis=0, out=self._db[i])
            if i:
                np.dot(d, self._W[i].T, out=self._d[i - 1])
                self._d[i - 1] *= np.greater(self._h[i], 0, out=self._alive[i - 1])

    def _entropy(self, z: Array, y: Array, d: Array) -> float:
        z -= z.max(axis=1, keepdims=True)
        np.exp(z, out=d)
        total = d.sum(axis=1, keepdims=True)
        loss = float(np.mean(np.log(total[:, 0]) - z[self._rows, y]))
        d /= total
        d[self._rows, y] -= 1
        d /= len(y)
        return loss


def _logistic(z: Array, y: Array, d: Array) -> float:
    z = z[:, 0]
    d[:, 0] = (1 / (1 + np.exp(-z)) - y) / len(y)
    return float(np.mean(np.logaddexp(0, z) - y * z))


def _hinge(z: Array, y: Array, d: Array) -> float:
    lacking = 1 - y * z[:, 0]
    d[:, 0] = np.where(lacking > 0, -y, 0) / len(y)
    return float(np.mean(np.maximum(lacking, 0)))


def _squared(z: Array, X: Array, d: Array) -> float:
    """Leave the probabilities in `z`."""
    np.negative(z, out=z)
    np.exp(z, out=z)
    z += 1
    np.reciprocal(z, out=z)
    np.subtract(z, X, out=d)
    loss = float(np.vdot(d, d)) / d.size
    d *= 2 / d.size
    d *= z
    np.subtract(1, z, out=z)
    d *= z
    return loss


class Mixture:
    """The negative log-likelihood; its gradient by way of the responsibilities."""

    def __init__(self, case: Case, params: list[Array], grads: list[Array], dtype: Any) -> None:
        self._params, self._grads = params, grads
        components, dimensions = params[1].shape
        self._X = np.empty((case.batch, dimensions), dtype)
        self._u = np.empty((case.batch, components, dimensions), dtype)
        self._weighted = np.empty_like(self._u)

    def loss(self, arrays: tuple[Array, ...], rows: Array) -> float:
        logits, means, log_scales = self._params
        X, u = self._X, self._u
        np.take(arrays[0], rows, axis=0, out=X, mode="clip")
        weights = np.exp(logits)
        weights /= weights.sum()
        scales = np.exp(log_scales)
        np.subtract(X[:, None, :], means, out=u)
        u /= scales
        r = np.einsum("nkd,nkd->nk", u, u)
        r *= -0.5
        r += np.log(weights) - log_scales.sum(axis=1)
        top = r.max(axis=1, keepdims=True)
        r -= top
        np.exp(r, out=r)
        total = r.sum(axis=1, keepdims=True)
        loss = float(np.mean(top + np.log(total)))
        r /= total
        r /= len(X)  # now the responsibilities, each row a sample's share of the mean
        self._gradients(r, weights, scales)
        return 0.5 * X.shape[1] * math.log(2 * math.pi) - loss

    def _gradients(self, r: Array, weights: Array, scales: Array) -> None:
        d_logits, d_means, d_log_scales = self._grads
        share = r.sum(axis=0)
        np.subtract(weights, share, out=d_logits)
        np.multiply(self._u, r[:, :, None], out=self._weighted)
        np.sum(self._weighted, axis=0, out=d_means)
        d_means /= -scales
        self._weighted *= self._u
        np.sum(self._weighted, axis=0, out=d_log_scales)
        np.subtract(share[:, None], d_log_scales, out=d_log_scales)


class Trained:
    """The steps of a case."""

    def __init__(self, case: Case, problem: Problem, dtype: Any) -> None:
        shapes = [p.shape for p in problem.params]
        params, self._grads = Flat(shapes, dtype), Flat(shapes, dtype)
        for own, start in zip(params.parts, problem.params, strict=True):
            own[...] = start
        model = Network if case.sizes else Mixture
        self._model = model(case, params.parts, self._grads.parts, dtype)
        self._update = Update(case, params.all)
        # Labels that count stay whole numbers.
        self._arrays = tuple(
            a.astype(dtype, copy=False) if a.dtype.kind == "f" else a for a in problem.arrays
        )
        self._order = problem.order.reshape(case.batches, case.batch)

    def run(self, epochs: int) -> Array:
        losses = []
        for _ in range(epochs):
            for rows in self._order:
                losses.append(self._model.loss(self._arrays, rows))
                self._update(self._grads.all)
        return np.array(losses)


def trainer(case: Case, problem: Problem, variant: str) -> Trainer:
    return Trained(case, problem, np.float64 if variant == "float64" else np.float32)
