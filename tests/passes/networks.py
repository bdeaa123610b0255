import numpy as np

from passes.case import Case


def two_layer_loss(X, y, W1, b1, W2, b2, reg=0.1):
    z1 = X @ W1 + b1
    h1 = np.maximum(0, z1)
    scores = h1 @ W2 + b2
    e = np.exp(scores - scores.max(axis=1, keepdims=True))
    probs = e / e.sum(axis=1, keepdims=True)
    data_loss = -np.log(probs[np.arange(len(y)), y]).mean()
    loss = data_loss + reg * (np.sum(W1 * W1) + np.sum(W2 * W2))
    return loss, (X, y, W1, W2, h1, probs, reg)


def two_layer_gradients(cache):
    X, y, W1, W2, h1, probs, reg = cache
    n = X.shape[0]
    grads = {}
    dscores = probs.copy()
    dscores[np.arange(n), y] -= 1
    dscores /= n
    grads["W2"] = h1.T @ dscores + 2 * reg * W2
    grads["b2"] = dscores.sum(axis=0)
    dh1 = dscores @ W2.T
    dh1[h1 <= 0] = 0
    grads["W1"] = X.T @ dh1 + 2 * reg * W1
    grads["b1"] = dh1.sum(axis=0)
    return grads


def draw_two_layer(rng):
    n, d, h, k = rng.permutation([3, 4, 5, 6])
    X, y = rng.normal(size=(n, d)), rng.integers(k, size=n)
    b1 = rng.normal(size=h)
    if rng.integers(10) == 0:
        # One unit's input is exactly 0 for one sample.
        X[0], b1[0] = 0, 0
    inputs = X, y, 0.5 * rng.normal(size=(d, h)), b1, rng.normal(size=(h, k)), rng.normal(size=k)
    return (two_layer_loss, two_layer_gradients, *inputs), {}


def mlp(X, T, W1, b1, W2, b2, W3, b3):
    Z1 = X @ W1 + b1
    A1 = np.tanh(Z1)
    Z2 = A1 @ W2 + b2
    A2 = 1 / (1 + np.exp(-Z2))
    Y = A2 @ W3 + b3
    L = np.mean((Y - T) ** 2)
    return L


def mlp_backward(X, T, W2, W3, A1, A2, Y):
    dY = 2 * (Y - T) / Y.size
    dW3 = A2.T @ dY
    db3 = dY.sum(axis=0)
    dA2 = dY @ W3.T
    dZ2 = dA2 * A2 * (1 - A2)
    dW2 = A1.T @ dZ2
    db2 = dZ2.sum(axis=0)
    dA1 = dZ2 @ W2.T
    dZ1 = dA1 * (1 - A1**2)
    dW1 = X.T @ dZ1
    db1 = dZ1.sum(axis=0)
    return {"W1": dW1, "b1": db1, "W2": dW2, "b2": db2, "W3": dW3, "b3": db3}


def draw_mlp(rng):
    n, d, h, k = rng.permutation([3, 4, 5, 6])
    weights = (
        rng.normal(size=(d, h)),
        rng.normal(size=h),
        rng.normal(size=(h, k)),
        rng.normal(size=k),
        rng.normal(size=(k, 2)),
        rng.normal(size=2),
    )
    return (mlp, mlp_backward, rng.normal(size=(n, d)), rng.normal(size=(n, 2)), *weights), {}


def classifier_cost(X, Y, W1, b1, W2, b2):
    """One example a column; the cost is the mean over the columns."""
    m = X.shape[1]
    Z1 = np.dot(W1, X) + b1
    A1 = np.tanh(Z1)
    Z2 = np.dot(W2, A1) + b2
    A2 = 1 / (1 + np.exp(-Z2))
    cost = -np.sum(Y * np.log(A2) + (1 - Y) * np.log(1 - A2)) / m
    return cost, (A1, A2)


def classifier_gradients(X, Y, W2, cache):
    A1, A2 = cache
    m = X.shape[1]
    # Of one example's cost; the mean over the examples is taken where they are added up.
    dZ2 = A2 - Y
    dW2 = np.dot(dZ2, A1.T) / m
    db2 = np.sum(dZ2, axis=1, keepdims=True) / m
    dZ1 = np.dot(W2.T, dZ2) * (1 - np.power(A1, 2))
    dW1 = np.dot(dZ1, X.T) / m
    db1 = np.sum(dZ1, axis=1, keepdims=True) / m
    return {"dW1": dW1, "db1": db1, "dW2": dW2, "db2": db2}


def draw_classifier(rng):
    m, d, h = rng.permutation([3, 4, 5])
    X, Y = rng.normal(size=(d, m)), rng.integers(2, size=(2, m))
    W1, b1 = rng.normal(size=(h, d)), rng.normal(size=(h, 1))
    W2, b2 = rng.normal(size=(2, h)), rng.normal(size=(2, 1))
    return (classifier_cost, classifier_gradients, X, Y, W1, b1, W2, b2), {}


class Residual:
    """The input goes around two layers and is added to what they make of it."""

    def __init__(self, W1, W2):
        self.W1 = W1
        self.W2 = W2

    def forward(self, x):
        self.x = x
        self.h = np.maximum(x @ self.W1, 0)
        return x + self.h @ self.W2

    def backward(self, dout):
        self.dW2 = self.h.T @ dout
        dh = dout @ self.W2.T
        dh *= self.h > 0
        self.dW1 = self.x.T @ dh
        dx = dout.copy()
        dx += dh @ self.W1.T
        return dx


def draw_residual(rng):
    n, d, h = rng.permutation([3, 4, 5])
    block = Residual(rng.normal(size=(d, h)), rng.normal(size=(h, d)))
    return (block, rng.normal(size=(n, d))), {"upstream": rng.normal(size=(n, d))}


def siamese(a, b, W):
    """The same weights look at both inputs."""
    fa = np.tanh(a @ W)
    fb = np.tanh(b @ W)
    score = np.sum(fa * fb, axis=1)
    return score


def siamese_backward(dscore, a, b, W, fa, fb):
    dfa = dscore[:, None] * fb
    dfb = dscore[:, None] * fa
    dza = dfa * (1 - fa**2)
    dzb = dfb * (1 - fb**2)
    dW = a.T @ dza
    dW += b.T @ dzb
    da = dza @ W.T
    db = dzb @ W.T
    return da, db, dW


def draw_siamese(rng):
    n, d, h = rng.permutation([3, 4, 5])
    inputs = rng.normal(size=(n, d)), rng.normal(size=(n, d)), rng.normal(size=(d, h))
    return (siamese, siamese_backward, *inputs), {"upstream": rng.normal(size=n)}


def autoencoder(W, b, c, x):
    h = 1 / (1 + np.exp(-(x @ W + b)))
    r = h @ W.T + c
    loss = np.sum((r - x) ** 2) / len(x)
    return loss, (W, x, h, r)


def autoencoder_backward(cache):
    W, x, h, r = cache
    dr = 2 * (r - x) / len(x)
    dh = dr @ W
    dz = dh * h * (1 - h)
    dW = x.T @ dz + dr.T @ h
    db = np.sum(dz, 0)
    dc = np.sum(dr, 0)
    dx = dz @ W.T - dr
    return dW, db, dc, dx


def draw_autoencoder(rng):
    n, d, h = rng.permutation([2, 4, 5])
    inputs = (
        rng.normal(size=(d, h)),
        rng.normal(size=h),
        rng.normal(size=d),
        rng.normal(size=(n, d)),
    )
    return (autoencoder, autoencoder_backward, *inputs), {}


def dense_block(x, W1, W2):
    """Each layer sees the features of all layers before it."""
    f1 = np.maximum(0.1 * (x @ W1), x @ W1)
    x1 = np.concatenate((x, f1), axis=1)
    f2 = np.tanh(x1 @ W2)
    x2 = np.concatenate((x1, f2), axis=1)
    return x2, (x, W1, W2, f1, x1, f2)


def dense_block_backward(dx2, cache):
    x, W1, W2, f1, x1, f2 = cache
    width = x1.shape[1]
    dx1, df2 = dx2[:, :width].copy(), dx2[:, width:]
    dz2 = df2 * (1 - f2 * f2)
    dW2 = x1.T @ dz2
    dx1 += dz2 @ W2.T
    d = x.shape[1]
    dx, df1 = dx1[:, :d], dx1[:, d:]
    dz1 = np.where(f1 > 0, df1, 0.1 * df1)
    dW1 = x.T @ dz1
    dx = dx + dz1 @ W1.T
    return dx, dW1, dW2


def draw_dense_block(rng):
    n, d, h, k = rng.permutation([2, 3, 4, 5])
    inputs = rng.normal(size=(n, d)), rng.normal(size=(d, h)), rng.normal(size=(d + h, k))
    return (dense_block, dense_block_backward, *inputs), {}


def unrolled(x, W, steps, dt=0.3):
    """Euler steps of x' = tanh(x W): the same weights at each step."""
    path = [x]
    for _ in range(steps):
        path.append(path[-1] + dt * np.tanh(path[-1] @ W))
    return path[-1], path


def unrolled_backward(dy, W, path, dt=0.3):
    dx = dy.copy()
    dW = np.zeros_like(W)
    for x in reversed(path[:-1]):
        dz = dt * dx * (1 - np.tanh(x @ W) ** 2)
        dW += x.T @ dz
        dx = dx + dz @ W.T
    return dx, dW


def draw_unrolled(rng):
    n, d = rng.permutation([3, 4])
    inputs = rng.normal(size=(n, d)), rng.normal(size=(d, d)), int(rng.integers(2, 5))
    return (unrolled, unrolled_backward, *inputs), {"upstream": rng.normal(size=(n, d))}


CASES = [
    Case("two-layer network with loss and L2, relu", two_layer_gradients, draw_two_layer),
    Case("three-layer network, one function", mlp_backward, draw_mlp),
    Case("two-layer classifier, one example a column", classifier_gradients, draw_classifier),
    Case("residual block, class", Residual.backward, draw_residual),
    Case("siamese network, one weight used twice", siamese_backward, draw_siamese),
    Case("autoencoder with tied weights", autoencoder_backward, draw_autoencoder),
    Case("dense block, concatenated features", dense_block_backward, draw_dense_block),
    Case("Euler steps, the same weights each time", unrolled_backward, draw_unrolled),
]
