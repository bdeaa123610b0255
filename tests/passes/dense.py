import numpy as np

from passes.case import Case


def affine_forward(x, w, b):
    rows = x.reshape(x.shape[0], -1)
    out = rows @ w + b
    cache = (x, w, b)
    return out, cache


def affine_backward(dout, cache):
    x, w, _ = cache
    rows = x.reshape(x.shape[0], -1)
    dx = (dout @ w.T).reshape(x.shape)
    dw = rows.T @ dout
    db = np.sum(dout, axis=0)
    return dx, dw, db


def draw_affine(rng):
    n, m = rng.permutation([4, 5])
    x, w, b = rng.normal(size=(n, 2, 3)), rng.normal(size=(6, m)), rng.normal(size=m)
    return (affine_forward, affine_backward, x, w, b), {"upstream": rng.normal(size=(n, m))}


class Dense:
    def __init__(self, n_inputs, n_neurons, rng):
        self.weights = 0.5 * rng.normal(size=(n_inputs, n_neurons))
        self.biases = np.zeros((1, n_neurons))

    def forward(self, inputs):
        self.inputs = inputs
        self.output = np.dot(inputs, self.weights) + self.biases

    def backward(self, dvalues):
        self.dweights = np.dot(self.inputs.T, dvalues)
        self.dbiases = np.sum(dvalues, axis=0, keepdims=True)
        self.dinputs = np.dot(dvalues, self.weights.T)


def draw_dense(rng):
    n, d, m = rng.permutation([3, 4, 5])
    return (Dense(d, m, rng), rng.normal(size=(n, d))), {}


def linear_forward(A_prev, W, b):
    Z = W @ A_prev + b
    return Z, (A_prev, W, b)


def linear_backward(dZ, cache):
    A_prev, W, _ = cache
    dW = dZ @ A_prev.T
    db = np.sum(dZ, axis=1, keepdims=True)
    dA_prev = W.T @ dZ
    return dA_prev, dW, db


def draw_columns(rng):
    n, d, m = rng.permutation([2, 3, 5])
    A_prev, W, b = rng.normal(size=(d, n)), rng.normal(size=(m, d)), rng.normal(size=(m, 1))
    return (linear_forward, linear_backward, A_prev, W, b), {"upstream": rng.normal(size=(m, n))}


def project(x, w):
    return x @ w


def project_backward(dy, x, w):
    return dy @ w.T, x.T @ dy


def draw_project(rng):
    n, d, m = rng.permutation([3, 4, 6])
    return (project, project_backward, rng.normal(size=(n, d)), rng.normal(size=(d, m))), {}


class FullyConnected:
    def __init__(self, rng, n_in, n_out):
        self.params = {"W": rng.normal(size=(n_out, n_in)), "b": rng.normal(size=n_out)}
        self.grads = {}

    def forward(self, X):
        self.X = X
        return X @ self.params["W"].T + self.params["b"]

    def backward(self, dY):
        self.grads["W"] = dY.T @ self.X
        self.grads["b"] = dY.sum(axis=0)
        return dY @ self.params["W"]


def draw_fully_connected(rng):
    n, d, m = rng.permutation([3, 4, 5])
    layer = FullyConnected(rng, d, m)
    return (layer, rng.normal(size=(n, d))), {"upstream": rng.normal(size=(n, m))}


class Linear:
    def __init__(self, W, b):
        self.W = W
        self.b = b

    def forward(self, X):
        self.X = X
        return X @ self.W + self.b

    def backward(self, grad_output):
        self.dW = self.X.T @ grad_output
        self.db = grad_output.sum(axis=0)
        return grad_output @ self.W.T


def draw_linear(rng):
    n, d, m = rng.permutation([2, 3, 6])
    return (Linear(rng.normal(size=(d, m)), rng.normal(size=m)), rng.normal(size=(n, d))), {}


class LayerOverTime:
    """The same weights at each step of (batch, time, features)."""

    def __init__(self, weight, bias):
        self.weight = weight
        self.bias = bias

    def forward(self, x):
        self.x = x
        self.out = np.einsum("btd,dm->btm", x, self.weight) + self.bias
        return self.out

    def backward(self, grad):
        self.grad_weight = np.einsum("btd,btm->dm", self.x, grad)
        self.grad_bias = grad.sum(axis=(0, 1))
        grad_x = np.einsum("btm,dm->btd", grad, self.weight)
        return grad_x


def draw_over_time(rng):
    n, t, d, m = rng.permutation([2, 3, 4, 5])
    layer = LayerOverTime(rng.normal(size=(d, m)), rng.normal(size=m))
    return (layer, rng.normal(size=(n, t, d))), {"upstream": rng.normal(size=(n, t, m))}


def per_sample_forward(x, W, b):
    y = np.zeros((len(x), len(b)))
    for i in range(len(x)):
        y[i] = W @ x[i] + b
    return y


def per_sample_backward(dy, x, W):
    dx = np.zeros_like(x)
    dW = np.zeros_like(W)
    db = np.zeros(W.shape[0])
    for i in range(len(x)):
        dx[i] = W.T @ dy[i]
        dW += np.outer(dy[i], x[i])
        db += dy[i]
    return dx, dW, db


def draw_per_sample(rng):
    n, d, m = rng.permutation([3, 4, 5])
    inputs = rng.normal(size=(n, d)), rng.normal(size=(m, d)), rng.normal(size=m)
    return (per_sample_forward, per_sample_backward, *inputs), {}


def ridge_loss(w, X, y, lam=0.3):
    r = X @ w - y
    loss = np.mean(r**2) + lam * np.sum(w**2)
    return loss


def ridge_gradient(w, X, y, lam=0.3):
    n = len(y)
    r = X @ w - y
    dr = 2 * r / n
    dw = X.T @ dr
    dw += 2 * lam * w
    return dw


def draw_ridge(rng):
    n, d = rng.permutation([3, 5])
    return (
        ridge_loss,
        ridge_gradient,
        rng.normal(size=d),
        rng.normal(size=(n, d)),
        rng.normal(size=n),
    ), {}


def bilinear_forward(u, v, W):
    scores = np.zeros((u.shape[0], W.shape[0]))
    for k in range(W.shape[0]):
        scores[:, k] = np.sum((u @ W[k]) * v, axis=1)
    return scores, (u, v, W)


def bilinear_backward(dscores, cache):
    u, v, W = cache
    du, dv, dW = np.zeros_like(u), np.zeros_like(v), np.zeros_like(W)
    for k in range(W.shape[0]):
        g = dscores[:, k : k + 1]
        du += g * (v @ W[k].T)
        dv += g * (u @ W[k])
        dW[k] = u.T @ (g * v)
    return {"u": du, "v": dv, "W": dW}


def draw_bilinear(rng):
    n, p, q, m = rng.permutation([2, 3, 4, 5])
    inputs = rng.normal(size=(n, p)), rng.normal(size=(n, q)), rng.normal(size=(m, p, q))
    return (bilinear_forward, bilinear_backward, *inputs), {"upstream": rng.normal(size=(n, m))}


CASES = [
    Case("dense, functions with a cache", affine_backward, draw_affine),
    Case("dense, textbook class", Dense.backward, draw_dense),
    Case("dense, column vectors", linear_backward, draw_columns),
    Case("dense without bias, no cache", project_backward, draw_project),
    Case("dense, params and grads in dictionaries", FullyConnected.backward, draw_fully_connected),
    Case("dense, class that returns dX and keeps dW", Linear.backward, draw_linear),
    Case("dense over time, einsum", LayerOverTime.backward, draw_over_time),
    Case("dense, a loop over the samples", per_sample_backward, draw_per_sample),
    Case("ridge regression, loss with L2", ridge_gradient, draw_ridge),
    Case("bilinear scores, gradients in a dictionary", bilinear_backward, draw_bilinear),
]
