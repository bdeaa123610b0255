"""Plain functions with arguments, crossed with every mode: a new mode tests itself on all."""

from dataclasses import dataclass

import numpy as np

from chainrule.examples.classifier import classifier, classifier_one_hot
from chainrule.examples.layer import UPSTREAM, layer
from chainrule.examples.neuron import neuron
from chainrule.examples.softmax import UPSTREAM as SOFTMAX_UPSTREAM
from chainrule.examples.softmax import softmax
from chainrule.examples.two_layer import two_layer


@dataclass(frozen=True)
class Case:
    function: object
    arguments: dict
    wrt: object = None
    upstream: object = None

    @property
    def name(self):
        return self.function.__name__


def _rng():
    return np.random.default_rng(7)


def _sigmoid(x):
    return 1 / (1 + np.exp(-x))


def lstm(params, xs, h, c):
    loss = 0
    for x in xs:
        z = np.concatenate([x, h]) @ params["W"] + params["b"]
        i, f, o, g = np.split(z, 4)
        c = _sigmoid(f) * c + _sigmoid(i) * np.tanh(g)
        h = _sigmoid(o) * np.tanh(c)
        loss = loss + np.sum(h**2)
    return loss


def batch_norm(X, gamma, beta):
    mu = X.mean(axis=0)
    var = X.var(axis=0)
    normal = (X - mu) / np.sqrt(var + 1e-5)
    out = gamma * normal + beta
    return (out**2).sum()


def attention(Q, K, V):
    scores = Q @ K.T / np.sqrt(K.shape[1])
    scores = scores - scores.max(axis=-1, keepdims=True)
    weights = np.exp(scores)
    weights /= weights.sum(axis=-1, keepdims=True)
    out = weights @ V
    return np.mean(out**2)


def embedding(table, words):
    v = table[words]
    return np.sum(np.tanh(v))


def written_in_place(x):
    y = x.copy()
    y[0] = y[0] * 3
    y[1:] += x[0]
    return np.sum(y**2)


def branching(x):
    y = x**2 if x > 0 else -x
    return y


def several_ways(x, w):
    a = x * w
    b = a * a + a
    return b * x


def einsum_layer(X, W):
    Y = np.einsum("nk,kj->nj", X, W)
    return np.sum(np.sin(Y))


def cross_entropy(z, Y):
    p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    return -(Y * np.log(p)).sum() / len(z)


def clipped_cross_entropy(z, y):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    p = e / e.sum(axis=1, keepdims=True)
    confidences = np.clip(p, 1e-7, 1 - 1e-7)[range(len(z)), y]
    return np.mean(-np.log(confidences))


def mixture(x, w):
    low, high = np.minimum(x, w), np.maximum(x, w)
    joined = np.stack([low, high], axis=1).reshape(-1)
    padded = np.pad(joined, 1)
    return np.sum(np.where(padded > 0, np.sqrt(np.abs(padded) + 1), padded**3))


def rnn(W, U, b, xs, target):
    h = np.zeros(2)
    for x in xs:
        h = np.tanh(W @ h + U @ x + b)
    return np.sum((h - target) ** 2)


def logistic(w, b, X, y):
    p = 1 / (1 + np.exp(-(X @ w + b)))
    return -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))


def penalised(params, X, y):
    out = X
    for i, (W, b) in enumerate(params):
        out = out @ W + b
        if i < len(params) - 1:
            out = np.maximum(out, 0)
    penalty = sum(np.sum(W**2) for W, _ in params)
    return np.mean((out - y) ** 2) + 0.01 * penalty


def names_like_ours(t1, dz, z):
    dy = (t1 * dz + 1) ** 2 * np.sin(t1)
    y = dy * z
    return y


def of_nothing(x):
    return np.sum(np.exp(x))


def norms(A, x):
    return np.linalg.norm(A @ x) + np.std(A) + np.outer(x, x).trace()


def _cases():
    r = _rng()
    normal = r.normal
    yield Case(neuron, {"x": [1.0, -2.0, 3.0], "w": [-3.0, -1.0, 2.0], "b": 1.0})
    yield Case(neuron, {"x": [1, 2, 3], "w": [-3, -1, 1], "b": 1})
    yield Case(layer, {}, upstream=UPSTREAM)
    yield Case(two_layer, {})
    yield Case(softmax, {}, upstream=SOFTMAX_UPSTREAM)
    yield Case(classifier, {}, ("W1", "b1", "W2", "b2"))
    yield Case(classifier_one_hot, {}, ("W1", "b1", "W2", "b2"))
    weights = {"W": normal(size=(5, 8)), "b": np.zeros(8)}
    start = {"xs": normal(size=(2, 3)), "h": np.zeros(2), "c": np.zeros(2)}
    yield Case(lstm, {"params": weights, **start}, "params")
    yield Case(batch_norm, {"X": normal(size=(4, 3)), "gamma": np.ones(3), "beta": np.zeros(3)})
    yield Case(attention, {k: normal(size=(3, 4)) for k in "QKV"})
    yield Case(embedding, {"table": normal(size=(5, 2)), "words": np.array([1, 1, 3])})
    yield Case(written_in_place, {"x": np.array([1.0, 2.0, 3.0])})
    yield Case(branching, {"x": 3.0})
    yield Case(branching, {"x": -3.0})
    yield Case(several_ways, {"x": 2.0, "w": 3.0})
    yield Case(einsum_layer, {"X": normal(size=(3, 4)), "W": normal(size=(4, 2))})
    yield Case(cross_entropy, {"z": normal(size=(3, 4)), "Y": np.eye(4)[[0, 3, 1]]}, "z")
    soft = np.array([[0.2, 0.5, 0.3], [0.1, 0.1, 0.8]])
    yield Case(cross_entropy, {"z": normal(size=(2, 3)), "Y": soft}, "z")
    yield Case(clipped_cross_entropy, {"z": normal(size=(3, 4)), "y": np.array([0, 3, 1])}, "z")
    yield Case(mixture, {"x": normal(size=4), "w": normal(size=4)})
    yield Case(norms, {"A": normal(size=(3, 4)), "x": normal(size=4)})
    state = {"W": normal(size=(2, 2)), "U": normal(size=(2, 3)), "b": np.zeros(2)}
    yield Case(rnn, {**state, "xs": normal(size=(2, 3)), "target": np.ones(2)}, ("W", "U", "b"))
    data = {"X": normal(size=(5, 3)), "y": np.array([0, 1, 1, 0, 1])}
    yield Case(logistic, {"w": normal(size=3), "b": 0.1, **data}, ("w", "b"))
    layers = [(normal(size=(3, 4)), np.zeros(4)), (normal(size=(4, 1)), np.zeros(1))]
    target = normal(size=(5, 1))
    yield Case(penalised, {"params": layers, "X": data["X"], "y": target}, "params")
    yield Case(names_like_ours, {"t1": 2.0, "dz": 3.0, "z": 0.5})
    yield Case(of_nothing, {"x": np.zeros((0, 3))})
    single = {k: normal(size=(3, 4)).astype(np.float32) for k in "QKV"}
    yield Case(attention, single)


CASES = tuple(_cases())
IDS = [f"{i}-{case.name}" for i, case in enumerate(CASES)]
