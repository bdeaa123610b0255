"""The backward pass by hand in numba: an epoch a call, BLAS for products, loops for the rest."""

from __future__ import annotations

import math

import numba
import numpy as np

from benchmarks.training.cases import Case, Problem
from benchmarks.training.peers import Trainer

# Without the two flags that would let a NaN pass unseen.
FAST = {"nsz", "arcp", "contract", "afn", "reassoc"}
HEADS = {"cross_entropy": 0, "logistic": 1, "squared": 2, "hinge": 3}

compiled = numba.njit(fastmath=FAST, cache=True)


@compiled
def _updated(adam, t, numbers, p, g, m, v):
    """One step of the optimizer. `numbers`: rate, b1, b2, eps, twice the penalty's factor."""
    rate, b1, b2, eps, l2 = numbers
    one = np.float32(1)
    if not adam:
        for i in range(p.size):
            p[i] -= rate * (g[i] + l2 * p[i])
        return
    c1 = np.float32(rate / (1 - float(b1) ** t))
    c2 = np.float32(1 / (1 - float(b2) ** t))
    for i in range(p.size):
        m[i] = b1 * m[i] + (one - b1) * g[i]
        v[i] = b2 * v[i] + (one - b2) * g[i] * g[i]
        p[i] -= c1 * m[i] / (np.sqrt(v[i] * c2) + eps)


@compiled
def _entropy(z, y, rows, d):
    n, k = z.shape
    loss = 0.0
    for i in range(n):
        top = z[i, 0]
        for j in range(1, k):
            top = max(top, z[i, j])
        total = np.float32(0)
        for j in range(k):
            d[i, j] = np.exp(z[i, j] - top)
            total += d[i, j]
        label = int(y[rows[i]])
        loss += np.log(total) - (z[i, label] - top)
        factor = np.float32(1) / (total * np.float32(n))
        for j in range(k):
            d[i, j] *= factor
        d[i, label] -= np.float32(1 / n)
    return loss / n


@compiled
def _logistic(z, y, rows, d):
    n = len(rows)
    loss = 0.0
    for i in range(n):
        s, label = z[i, 0], np.float32(y[rows[i]])
        small = np.exp(-abs(s))
        loss += max(s, np.float32(0)) + np.log1p(small) - label * s
        p = (np.float32(1) if s >= 0 else small) / (np.float32(1) + small)
        d[i, 0] = (p - label) / np.float32(n)
    return loss / n


@compiled
def _hinge(z, y, rows, d):
    n = len(rows)
    loss = 0.0
    for i in range(n):
        label = np.float32(y[rows[i]])
        lacking = np.float32(1) - label * z[i, 0]
        loss += max(lacking, np.float32(0))
        d[i, 0] = -label / np.float32(n) if lacking > 0 else np.float32(0)
    return loss / n


@compiled
def _squared(z, X, d):
    n, k = z.shape
    one = np.float32(1)
    factor = np.float32(2 / (n * k))
    loss = 0.0
    for i in range(n):
        row = np.float32(0)
        for j in range(k):
            p = one / (one + np.exp(-z[i, j]))
            error = p - X[i, j]
            row += error * error
            d[i, j] = factor * error * p * (one - p)
        loss += row
    return loss / (n * k)


@compiled
def _views(flat, sizes):
    """Return the weights and the biases that lie in one array."""
    Ws, bs = [], []
    at = 0
    for i in range(len(sizes) - 1):
        n_in, n_out = sizes[i], sizes[i + 1]
        Ws.append(flat[at : at + n_in * n_out].reshape(n_in, n_out))
        at += n_in * n_out
        bs.append(flat[at : at + n_out])
        at += n_out
    return Ws, bs


@compiled
def _gathered(X, rows, out):
    # Number by number: assigning a slice costs as much as thirty of them.
    for i in range(len(rows)):
        for j in range(X.shape[1]):
            out[i, j] = X[rows[i], j]


@compiled
def _biased(z, b, relu):
    for i in range(z.shape[0]):
        for j in range(z.shape[1]):
            s = z[i, j] + b[j]
            z[i, j] = max(s, np.float32(0)) if relu else s


@compiled
def _bias_gradient(d, db):
    db[:] = 0
    for i in range(d.shape[0]):
        for j in range(d.shape[1]):
            db[j] += d[i, j]


@compiled
def _masked(d, h, db):
    """Through ReLU, and the gradient of the bias before it in the same pass."""
    db[:] = 0
    for i in range(d.shape[0]):
        for j in range(d.shape[1]):
            s = d[i, j] if h[i, j] > 0 else np.float32(0)
            d[i, j] = s
            db[j] += s


@compiled
def _head(head, z, X, y, rows, d):
    if head == 0:
        return _entropy(z, y, rows, d)
    if head == 1:
        return _logistic(z, y, rows, d)
    if head == 2:
        return _squared(z, X, d)
    return _hinge(z, y, rows, d)


@compiled
def _network_epochs(X, y, order, sizes, head, adam, numbers, p, g, m, v, t, losses):
    batch = order.shape[1]
    Ws, bs = _views(p, sizes)
    dWs, dbs = _views(g, sizes)
    layers = len(Ws)
    h = [np.empty((batch, n), np.float32) for n in sizes]
    d = [np.empty((batch, n), np.float32) for n in sizes]
    for step in range(len(losses)):
        rows = order[step % len(order)]
        _gathered(X, rows, h[0])
        for i in range(layers):
            np.dot(h[i], Ws[i], h[i + 1])
            _biased(h[i + 1], bs[i], i < layers - 1)
        loss = _head(head, h[layers], h[0], y, rows, d[layers])
        _bias_gradient(d[layers], dbs[layers - 1])
        for i in range(layers - 1, -1, -1):
            np.dot(h[i].T, d[i + 1], dWs[i])
            if i > 0:
                np.dot(d[i + 1], Ws[i].T, d[i])
                _masked(d[i], h[i], dbs[i - 1])
        if numbers[4] > 0:
            squares = 0.0
            for i in range(p.size):
                squares += p[i] * p[i]
            loss += numbers[4] / 2 * squares
        losses[step] = loss
        _updated(adam, t + step + 1, numbers, p, g, m, v)


@compiled
def _mixture_loss(X, rows, K, p, g, joint):
    """`p` and `g` hold the logits, then the means, then the logarithms of the scales."""
    n, D = len(rows), X.shape[1]
    means, logs = p[K : K + K * D].reshape(K, D), p[K + K * D :].reshape(K, D)
    d_means, d_logs = g[K : K + K * D].reshape(K, D), g[K + K * D :].reshape(K, D)
    total = np.float32(0)
    for k in range(K):
        total += np.exp(p[k])
    inverse = np.exp(-logs)
    g[:] = 0
    loss = 0.0
    for i in range(n):
        top = np.float32(-np.inf)
        for k in range(K):
            s = p[k] - np.log(total)
            for j in range(D):
                u = (X[rows[i], j] - means[k, j]) * inverse[k, j]
                s -= np.float32(0.5) * u * u + logs[k, j]
            joint[k] = s
            top = max(top, s)
        row = np.float32(0)
        for k in range(K):
            joint[k] = np.exp(joint[k] - top)
            row += joint[k]
        loss += top + np.log(row)
        for k in range(K):
            r = joint[k] / (row * np.float32(n))
            g[k] -= r
            for j in range(D):
                u = (X[rows[i], j] - means[k, j]) * inverse[k, j]
                d_means[k, j] -= r * u * inverse[k, j]
                d_logs[k, j] += r * (np.float32(1) - u * u)
    for k in range(K):
        g[k] += np.exp(p[k]) / total
    return 0.5 * D * math.log(2 * math.pi) - loss / n


@compiled
def _mixture_epochs(X, order, K, adam, numbers, p, g, m, v, t, losses):
    joint = np.empty(K, np.float32)
    for step in range(len(losses)):
        losses[step] = _mixture_loss(X, order[step % len(order)], K, p, g, joint)
        _updated(adam, t + step + 1, numbers, p, g, m, v)


class Epochs:
    """All parameters lie in one array."""

    def __init__(self, case: Case, problem: Problem) -> None:
        self._case, self._steps = case, 0
        self._X = problem.arrays[0]
        self._y = problem.arrays[1] if len(problem.arrays) > 1 else np.empty(0, np.float32)
        self._order = problem.order.reshape(case.batches, case.batch)
        self._sizes = np.array(case.sizes)
        self._components = len(problem.params[0])
        o = case.optimizer
        self._numbers = tuple(np.float32(x) for x in (o.rate, o.b1, o.b2, o.eps, 2 * case.l2))
        p = np.concatenate([p.ravel() for p in problem.params])
        self._state = (p, *(np.zeros_like(p) for _ in range(3)))

    def run(self, epochs: int) -> np.ndarray:
        losses = np.empty(epochs * self._case.batches)
        adam = self._case.optimizer.adam
        last = (adam, self._numbers, *self._state, self._steps, losses)
        if self._case.head == "mixture":
            _mixture_epochs(self._X, self._order, self._components, *last)
        else:
            head = HEADS[self._case.head]
            _network_epochs(self._X, self._y, self._order, self._sizes, head, *last)
        self._steps += len(losses)
        return losses


def trainer(case: Case, problem: Problem, variant: str) -> Trainer:
    return Epochs(case, problem)
