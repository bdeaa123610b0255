import numpy as np

from passes.case import Case


def batch(rng):
    return rng.normal(size=rng.permutation([3, 4, 5, 6])[:2])


class Dropout:
    def __init__(self, rate):
        self.rate = 1 - rate

    def forward(self, inputs):
        self.inputs = inputs
        self.binary_mask = np.random.binomial(1, self.rate, size=inputs.shape) / self.rate
        self.output = inputs * self.binary_mask

    def backward(self, dvalues):
        self.dinputs = dvalues * self.binary_mask


def draw_dropout_class(rng):
    return (Dropout(0.3), batch(rng)), {}


def dropout_forward(x, dropout_param):
    p, mode = dropout_param["p"], dropout_param["mode"]
    if "seed" in dropout_param:
        np.random.seed(dropout_param["seed"])
    mask = None
    out = x
    if mode == "train":
        mask = (np.random.rand(*x.shape) < p) / p
        out = x * mask
    return out, (dropout_param, mask)


def dropout_backward(dout, cache):
    dropout_param, mask = cache
    dx = dout
    if dropout_param["mode"] == "train":
        dx = dout * mask
    return dx


def draw_dropout(rng):
    x = batch(rng)
    dropout_param = {"p": 0.7, "mode": "train", "seed": int(rng.integers(1000))}
    args = dropout_forward, dropout_backward, x, dropout_param
    return args, {"upstream": rng.normal(size=x.shape)}


class InvertedDropout:
    """Draws from a generator of its own, and keeps the elements that it keeps."""

    def __init__(self, keep_prob, rng):
        self.keep_prob = keep_prob
        self.rng = rng

    def forward(self, A):
        self.D = self.rng.random(A.shape) < self.keep_prob
        A = A * self.D
        return A / self.keep_prob

    def backward(self, dA):
        dA = dA * self.D
        dA = dA / self.keep_prob
        return dA


def draw_inverted_dropout(rng):
    A = batch(rng)
    layer = InvertedDropout(0.6, np.random.default_rng(rng.integers(1000)))
    return (layer, A), {"upstream": rng.normal(size=A.shape)}


def dropped_hidden(X, W1, W2, keep=0.75):
    """A hidden layer under dropout, mask drawn in the middle of the pass."""
    H = np.tanh(X @ W1)
    U = np.random.rand(*H.shape) < keep
    H_dropped = H * U / keep
    Y = H_dropped @ W2
    return Y, (X, W1, W2, H, U, H_dropped, keep)


def dropped_hidden_backward(dY, cache):
    X, W1, W2, H, U, H_dropped, keep = cache
    dW2 = H_dropped.T @ dY
    dH_dropped = dY @ W2.T
    dH = dH_dropped * U / keep
    dZ = dH * (1 - H**2)
    dW1 = X.T @ dZ
    dX = dZ @ W1.T
    return dX, dW1, dW2


def draw_dropped_hidden(rng):
    n, d, h, m = rng.permutation([2, 3, 4, 5])
    inputs = rng.normal(size=(n, d)), rng.normal(size=(d, h)), rng.normal(size=(h, m))
    return (dropped_hidden, dropped_hidden_backward, *inputs), {"upstream": rng.normal(size=(n, m))}


CASES = [
    Case("dropout, textbook class", Dropout.backward, draw_dropout_class),
    Case("dropout, functions with a mode and a seed", dropout_backward, draw_dropout),
    Case("dropout, class with its own generator", InvertedDropout.backward, draw_inverted_dropout),
    Case("dropout inside a network", dropped_hidden_backward, draw_dropped_hidden),
]
