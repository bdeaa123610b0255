"""Networks written by hand in NumPy: a loss, and arguments for a batch of n in some precision.

The last argument is not differentiated. No parameter has a first axis of 6: a batch has.
"""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view


def weights(kind, *shapes):
    rng = np.random.default_rng(7)
    return [(rng.standard_normal(s) * 0.5).astype(kind) for s in shapes]


def data(n, kind, *shape):
    return np.random.default_rng(n).standard_normal((n, *shape)).astype(kind)


def labels(n, count):
    return np.random.default_rng(n + 1).integers(-count, count, n)


def cross_entropy(z, y):
    z = z - np.max(z, axis=-1, keepdims=True)
    logp = z - np.log(np.sum(np.exp(z), axis=-1, keepdims=True))
    return -np.mean(logp[np.arange(len(y)), y])


def mlp(p, X, y):
    h = np.maximum(X @ p[0] + p[1], 0)
    h = np.tanh(h @ p[2])
    return cross_entropy(h @ p[3], y)


def wide(p, X, y):
    h = np.maximum(X @ p[0], 0)
    return cross_entropy(h @ p[1], y)


def by_tensordot(p, X, y):
    windows = sliding_window_view(X, (3, 3), axis=(1, 2))
    h = np.maximum(np.tensordot(windows, p[0], axes=((3, 4), (0, 1))) + p[1], 0)
    return cross_entropy(np.reshape(h, (len(X), -1)) @ p[2], y)


def by_einsum(p, X, y):
    windows = sliding_window_view(X, (3, 3), axis=(2, 3))
    h = np.einsum("ncijkl,ockl->noij", windows, p[0])
    h = np.max(np.reshape(np.maximum(h, 0), (len(X), 2, 2, 2, 2, 2)), axis=(3, 5))
    return cross_entropy(np.reshape(h, (len(X), -1)) @ p[1], y)


def convolution(p, X, y):
    """Large enough for a library."""
    windows = sliding_window_view(X, (3, 3), axis=(1, 2))
    h = np.tensordot(windows, p[0], axes=((4, 5, 3), (0, 1, 2)))
    return cross_entropy(np.mean(np.maximum(h, 0), axis=(1, 2)), y)


def attention(p, X, y):
    n, t, _ = X.shape
    q, k, v = (np.transpose(np.reshape(X @ w, (n, t, 2, 4)), (0, 2, 1, 3)) for w in p[:3])
    scores = q @ np.swapaxes(k, -1, -2) / np.sqrt(4.0)
    scores = np.where(np.tri(t, dtype=bool), scores, -1e9)
    e = np.exp(scores - np.max(scores, axis=-1, keepdims=True))
    a = e / np.sum(e, axis=-1, keepdims=True)
    h = np.reshape(np.transpose(a @ v, (0, 2, 1, 3)), (n, t, 8))
    return cross_entropy(np.mean(h, axis=1) @ p[3], y)


def large_attention(p, X, y):
    """Matrices of a size that is left to a library, one by one."""
    q, k, v = (X @ w for w in p)
    scores = np.matmul(q, np.transpose(k, (0, 2, 1)))
    a = np.exp(scores - np.max(scores, axis=-1, keepdims=True))
    a = a / np.sum(a, axis=-1, keepdims=True)
    return np.mean((a @ v) ** 2) + 0.0 * np.sum(y)


def lstm(p, X, y):
    h = c = np.zeros((len(X), 3), X.dtype)
    for t in range(X.shape[1]):
        z = np.concatenate([X[:, t], h], axis=1) @ p[0] + p[1]
        i, f, o = (1 / (1 + np.exp(-z[:, k : k + 3])) for k in (0, 3, 6))
        c = f * c + i * np.tanh(z[:, 9:])
        h = o * np.tanh(c)
    return cross_entropy(h @ p[2], y)


def embedding(p, y):
    words = p[0][y]
    near = np.sum(words * np.roll(words, 1, axis=0), axis=1)
    return np.mean(np.logaddexp(0, -near)) + np.mean(np.take(p[1], y[::-1], axis=0) ** 2)


def batch_norm(p, X, y):
    h = X @ p[0]
    mean, var = np.mean(h, axis=0), np.var(h, axis=0)
    h = (h - mean) / np.sqrt(var + 1e-5) * p[1] + p[2]
    return cross_entropy(np.maximum(h, 0.1 * h) @ p[3], y)


def layer_norm(p, X, y):
    h = X @ p[0]
    centred = h - np.mean(h, axis=-1, keepdims=True)
    h = centred / np.sqrt(np.mean(centred**2, axis=-1, keepdims=True) + 1e-5) * p[1]
    h = 0.5 * h * (1 + np.tanh(0.79788 * (h + 0.044715 * h**3)))
    return cross_entropy(h @ p[2], y)


def regression(p, X, y):
    error = X @ p[0] - y
    size = np.abs(error)
    huber = np.where(size < 1, 0.5 * error**2, size - 0.5)
    return np.mean(huber) + 0.01 * np.linalg.norm(p[0]) + 0.1 * np.sum(np.abs(p[0]))


def mixture(p, X, y):
    """The likelihood of a mixture of Gaussians."""
    logits, means, scales = p
    z = (X[:, None, :] - means) * np.exp(-scales)
    parts = -0.5 * np.sum(z**2, axis=-1) - np.sum(scales, axis=-1)
    parts = parts + logits - np.log(np.sum(np.exp(logits)))
    top = np.max(parts, axis=1, keepdims=True)
    total = top[:, 0] + np.log(np.sum(np.exp(parts - top), axis=1))
    return -np.mean(total) + 0 * np.mean(y)


def contrastive(p, X, y):
    """Distances within a batch, and the softmax over it."""
    h = X @ p[0]
    h = h / np.linalg.norm(h, axis=1, keepdims=True)
    scores = h @ h.T / 0.5
    return cross_entropy(scores - 10 * np.eye(len(X), dtype=X.dtype), np.arange(len(X))[::-1])


def running(p, X, y):
    rate = np.cumsum(np.exp(X @ p[0]), axis=1)
    alive = np.cumprod(1 / (1 + rate), axis=1)
    padded = np.pad(alive, ((0, 0), (1, 0)), constant_values=1)
    drawn = padded[:, :-1] - padded[:, 1:]
    return -np.mean(np.log(drawn[np.arange(len(y)), y])) + np.mean(np.stack([alive, rate], 1))


def overwritten(p, X, y):
    h = X @ p[0]
    h[:, 0] = 0.5 * h[:, 1]
    h[np.arange(len(y)), y] = 2.0
    best = np.argmax(X, axis=1)
    picked = np.take_along_axis(h, best[:, None], axis=1)
    accuracy = np.mean(np.argmax(h, axis=1) == y % 4)
    return np.mean(h**3) + np.mean(picked) + accuracy


def _with(loss, shapes, *, X=(4,), count=3, y=labels):
    def arguments(n, kind):
        target = y(n, count) if y is labels else y(n, kind)
        inputs = () if X is None else (data(n, kind, *X),)
        return (weights(kind, *shapes), *inputs, target)

    return loss, arguments


NETWORKS = {
    "mlp": _with(mlp, [(4, 5), (5,), (5, 8), (8, 3)]),
    "wide": _with(wide, [(40, 300), (300, 20)], X=(40,), count=20),
    "tensordot": _with(by_tensordot, [(3, 3, 2), (2,), (18, 3)], X=(5, 5)),
    "einsum": _with(by_einsum, [(2, 2, 3, 3), (8, 3)], X=(2, 6, 6)),
    "convolution": _with(convolution, [(3, 3, 4, 8)], X=(9, 8, 4), count=8),
    "attention": _with(attention, [(8, 8), (8, 8), (8, 8), (8, 3)], X=(5, 8)),
    "large_attention": _with(large_attention, [(40, 40)] * 3, X=(48, 40)),
    "lstm": _with(lstm, [(5, 12), (12,), (3, 3)], X=(4, 2)),
    "embedding": _with(embedding, [(9, 4), (9, 2)], X=None, count=9),
    "batch_norm": _with(batch_norm, [(4, 5), (5,), (5,), (5, 3)]),
    "layer_norm": _with(layer_norm, [(4, 5), (5,), (5, 3)]),
    "regression": _with(regression, [(4,)], y=lambda n, kind: data(n, kind)),
    "mixture": _with(mixture, [(3,), (3, 4), (3, 4)]),
    "contrastive": _with(contrastive, [(4, 5)]),
    "running": _with(running, [(4, 5)], count=5),
    "overwritten": _with(overwritten, [(4, 4)], count=4),
}
