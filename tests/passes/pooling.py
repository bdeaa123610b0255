import numpy as np

from passes.case import Case


def max_pool_forward(x, size):
    N, C, H, W = x.shape
    out = np.zeros((N, C, H // size, W // size))
    for n in range(N):
        for c in range(C):
            for i in range(H // size):
                for j in range(W // size):
                    rows, cols = i * size, j * size
                    out[n, c, i, j] = np.max(x[n, c, rows : rows + size, cols : cols + size])
    return out, (x, size)


def max_pool_backward(dout, cache):
    x, size = cache
    N, C, H_out, W_out = dout.shape
    dx = np.zeros_like(x)
    for n in range(N):
        for c in range(C):
            for i in range(H_out):
                for j in range(W_out):
                    rows, cols = i * size, j * size
                    window = x[n, c, rows : rows + size, cols : cols + size]
                    r, s = np.unravel_index(np.argmax(window), window.shape)
                    dx[n, c, rows + r, cols + s] = dout[n, c, i, j]
    return dx


def draw_max_pool(rng):
    x = rng.normal(size=(3, 2, 4, 6))
    if rng.integers(10) == 0:
        # A tie for the first place: the first of the two gets the gradient.
        x[0, 0, :2, :2] = [[0.5, 2], [2, 1]]
    args = max_pool_forward, max_pool_backward, x, 2
    return args, {"upstream": rng.normal(size=(3, 2, 2, 3))}


class MaxPool:
    """2 x 2 windows of (N, H, W), by reshaping; a mask of the largest."""

    def forward(self, inputs):
        n, h, w = inputs.shape
        self.windows = inputs.reshape(n, h // 2, 2, w // 2, 2)
        self.output = self.windows.max(axis=(2, 4))
        self.mask = self.windows == self.output[:, :, None, :, None]

    def backward(self, dvalues):
        dwindows = self.mask * dvalues[:, :, None, :, None]
        n, h, _, w, _ = self.windows.shape
        self.dinputs = dwindows.reshape(n, 2 * h, 2 * w)


def draw_max_pool_class(rng):
    return (MaxPool(), rng.normal(size=(3, 4, 2 * rng.integers(1, 4)))), {}


class OverlappingMaxPool:
    """Windows of 3 at each second place of (batch, time): an input can win twice."""

    def forward(self, X):
        self.X = X
        self.steps = (X.shape[1] - 3) // 2 + 1
        return np.stack([X[:, 2 * t : 2 * t + 3].max(axis=1) for t in range(self.steps)], axis=1)

    def backward(self, dY):
        dX = np.zeros_like(self.X)
        rows = np.arange(len(dX))
        for t in range(self.steps):
            winner = 2 * t + self.X[:, 2 * t : 2 * t + 3].argmax(axis=1)
            dX[rows, winner] += dY[:, t]
        return dX


def draw_overlapping_max_pool(rng):
    return (OverlappingMaxPool(), rng.normal(size=(rng.integers(3, 6), 7))), {}


class AveragePool:
    def __init__(self, size):
        self.size = size

    def forward(self, x):
        self.x = x
        k = self.size
        n, h, w, c = x.shape
        out = np.zeros((n, h // k, w // k, c))
        for i in range(h // k):
            for j in range(w // k):
                out[:, i, j] = x[:, i * k : (i + 1) * k, j * k : (j + 1) * k].mean(axis=(1, 2))
        return out

    def backward(self, dout):
        k = self.size
        dx = np.zeros_like(self.x)
        for i in range(dout.shape[1]):
            for j in range(dout.shape[2]):
                share = dout[:, i, j] / (k * k)
                dx[:, i * k : (i + 1) * k, j * k : (j + 1) * k] += share[:, None, None, :]
        return dx


def draw_average_pool(rng):
    return (AveragePool(2), rng.normal(size=(3, 4, 6, 2))), {
        "upstream": rng.normal(size=(3, 2, 3, 2))
    }


def global_average_pool(x):
    return x.mean(axis=(2, 3))


def global_average_pool_backward(dy, x):
    _, _, h, w = x.shape
    dx = np.ones_like(x) * dy[:, :, None, None] / (h * w)
    return dx


def draw_global_average_pool(rng):
    x = rng.normal(size=rng.permutation([2, 3, 4, 5]))
    args = global_average_pool, global_average_pool_backward, x
    return args, {"upstream": rng.normal(size=x.shape[:2])}


def max_over_time(x):
    """The largest of each feature of (batch, time, features)."""
    winners = np.argmax(x, axis=1)
    y = np.take_along_axis(x, winners[:, None, :], axis=1)[:, 0]
    return y, (winners, x.shape)


def max_over_time_backward(dy, cache):
    winners, shape = cache
    dx = np.zeros(shape)
    np.put_along_axis(dx, winners[:, None, :], dy[:, None, :], axis=1)
    return dx


def draw_max_over_time(rng):
    n, t, d = rng.permutation([2, 3, 4, 5])[:3]
    return (max_over_time, max_over_time_backward, rng.normal(size=(n, t, d))), {}


CASES = [
    Case("max pooling, loops", max_pool_backward, draw_max_pool),
    Case("max pooling, class with a mask", MaxPool.backward, draw_max_pool_class),
    Case(
        "max pooling, overlapping windows", OverlappingMaxPool.backward, draw_overlapping_max_pool
    ),
    Case("average pooling, class with loops", AveragePool.backward, draw_average_pool),
    Case("global average pooling", global_average_pool_backward, draw_global_average_pool),
    Case("max over time, indices kept", max_over_time_backward, draw_max_over_time),
]
