import math

import numpy as np

from passes.case import Case


def softmax(x):
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def attention_forward(q, k, v, mask):
    scale = 1 / math.sqrt(q.shape[-1])
    scores = scale * (q @ k.T)
    masked = np.where(mask, scores, -1e9)
    weights = softmax(masked)
    out = weights @ v
    return out, (q, k, v, mask, weights, scale)


def attention_backward(dout, cache):
    q, k, v, mask, weights, scale = cache
    dweights = dout @ v.T
    dv = weights.T @ dout
    dmasked = weights * (dweights - (dweights * weights).sum(axis=-1, keepdims=True))
    dscores = np.where(mask, dmasked, 0)
    dq = scale * (dscores @ k)
    dk = scale * (dscores.T @ q)
    return dq, dk, dv


def draw_attention(rng):
    n, m, d, e = rng.permutation([2, 3, 4, 5])
    mask = rng.random((n, m)) < 0.7
    mask[:, 0] = True
    inputs = rng.normal(size=(n, d)), rng.normal(size=(m, d)), rng.normal(size=(m, e)), mask
    return (attention_forward, attention_backward, *inputs), {"upstream": rng.normal(size=(n, e))}


class CausalSelfAttention:
    """Each position of (batch, time, features) looks at itself and at those before it."""

    def __init__(self, rng, d, k):
        self.params = {name: rng.normal(size=(d, k)) for name in ("Wq", "Wk", "Wv")}
        self.grads = {}

    def forward(self, x):
        self.x = x
        self.q = x @ self.params["Wq"]
        self.k = x @ self.params["Wk"]
        self.v = x @ self.params["Wv"]
        scores = self.q @ self.k.transpose(0, 2, 1) / np.sqrt(self.q.shape[-1])
        future = np.triu(np.ones(scores.shape[1:], dtype=bool), 1)
        scores = np.where(future, -np.inf, scores)
        self.a = softmax(scores)
        return self.a @ self.v

    def backward(self, dy):
        da = dy @ self.v.transpose(0, 2, 1)
        dv = self.a.transpose(0, 2, 1) @ dy
        ds = self.a * (da - np.sum(da * self.a, axis=-1, keepdims=True))
        ds /= np.sqrt(self.q.shape[-1])
        dq = ds @ self.k
        dk = ds.transpose(0, 2, 1) @ self.q
        self.grads["Wq"] = np.einsum("ntd,ntk->dk", self.x, dq)
        self.grads["Wk"] = np.einsum("ntd,ntk->dk", self.x, dk)
        self.grads["Wv"] = np.einsum("ntd,ntk->dk", self.x, dv)
        dx = dq @ self.params["Wq"].T
        dx += dk @ self.params["Wk"].T
        dx += dv @ self.params["Wv"].T
        return dx


def draw_self_attention(rng):
    n, t, d, k = rng.permutation([2, 3, 4, 5])
    layer = CausalSelfAttention(rng, d, k)
    return (layer, rng.normal(size=(n, t, d))), {"upstream": rng.normal(size=(n, t, k))}


def multi_head(Q, K, V, heads):
    """Heads are slices of the features, one after the other."""
    size = Q.shape[1] // heads
    out = np.zeros((Q.shape[0], V.shape[1]))
    A = []
    for h in range(heads):
        s = slice(h * size, (h + 1) * size)
        A.append(softmax(Q[:, s] @ K[:, s].T / np.sqrt(size)))
        out[:, s] = A[h] @ V[:, s]
    return out, (Q, K, V, A)


def multi_head_backward(dout, cache):
    Q, K, V, A = cache
    size = Q.shape[1] // len(A)
    dQ, dK, dV = np.zeros_like(Q), np.zeros_like(K), np.zeros_like(V)
    for h in range(len(A)):
        s = slice(h * size, (h + 1) * size)
        dV[:, s] = A[h].T @ dout[:, s]
        dA = dout[:, s] @ V[:, s].T
        dS = A[h] * (dA - np.sum(dA * A[h], axis=1, keepdims=True)) / np.sqrt(size)
        dQ[:, s] = dS @ K[:, s]
        dK[:, s] = dS.T @ Q[:, s]
    return dQ, dK, dV


def draw_multi_head(rng):
    n, m = rng.permutation([3, 5])
    d, heads = ((4, 2), (6, 3), (6, 2))[rng.integers(3)]
    inputs = rng.normal(size=(n, d)), rng.normal(size=(m, d)), rng.normal(size=(m, d)), heads
    return (multi_head, multi_head_backward, *inputs), {}


def additive_attention(H, s, Wh, Ws, u):
    """The score of each row of H is u . tanh(Wh H[i] + Ws s)."""
    e = np.tanh(H @ Wh + s @ Ws)
    score = e @ u
    a = softmax(score)
    context = a @ H
    return context, (H, s, Wh, Ws, u, e, a)


def additive_attention_backward(dcontext, cache):
    H, s, Wh, Ws, u, e, a = cache
    da = H @ dcontext
    dH = np.outer(a, dcontext)
    dscore = a * (da - a @ da)
    du = e.T @ dscore
    de = np.outer(dscore, u)
    dpre = de * (1 - e**2)
    dWh = H.T @ dpre
    dH += dpre @ Wh.T
    dsum = dpre.sum(axis=0)
    dWs = np.outer(s, dsum)
    ds = Ws @ dsum
    return dH, ds, dWh, dWs, du


def draw_additive_attention(rng):
    t, d, p, k = rng.permutation([2, 3, 4, 5])
    inputs = (
        rng.normal(size=(t, d)),
        rng.normal(size=p),
        rng.normal(size=(d, k)),
        rng.normal(size=(p, k)),
        rng.normal(size=k),
    )
    upstream = rng.normal(size=d)
    return (additive_attention, additive_attention_backward, *inputs), {"upstream": upstream}


CASES = [
    Case("attention with a mask, functions with a cache", attention_backward, draw_attention),
    Case("causal self-attention, class", CausalSelfAttention.backward, draw_self_attention),
    Case("attention of several heads, a loop", multi_head_backward, draw_multi_head),
    Case("additive attention, staged", additive_attention_backward, draw_additive_attention),
]
