import numpy as np

from passes.case import Case


class Embedding:
    def __init__(self, W):
        self.params = {"W": W}
        self.grads = {"W": np.zeros_like(W)}

    def forward(self, idx):
        self.idx = idx
        return self.params["W"][idx]

    def backward(self, dout):
        dW = np.zeros_like(self.params["W"])
        np.add.at(dW, self.idx, dout)
        self.grads["W"] = dW


def draw_embedding(rng):
    n, t, d = rng.permutation([2, 3, 4])
    idx = rng.integers(5, size=(n, t))
    return (Embedding(rng.normal(size=(5, d))), idx), {"upstream": rng.normal(size=(n, t, d))}


def embed_forward(x, W):
    out = W[x]
    return out, (x, W)


def embed_backward(dout, cache):
    x, W = cache
    dW = np.zeros_like(W)
    for i in range(x.shape[0]):
        for t in range(x.shape[1]):
            dW[x[i, t]] += dout[i, t]
    return dW


def draw_embed(rng):
    n, t, d = rng.permutation([2, 3, 5])
    inputs = rng.integers(4, size=(n, t)), rng.normal(size=(4, d))
    return (embed_forward, embed_backward, *inputs), {}


def bag_of_words(E, ids, U):
    """The mean of a sentence's word vectors, scored by each class."""
    vecs = E[ids]
    mean = vecs.mean(axis=1)
    scores = mean @ U
    return scores


def bag_of_words_backward(dscores, E, ids, U, mean):
    dU = mean.T @ dscores
    dmean = dscores @ U.T
    length = ids.shape[1]
    dvecs = np.repeat(dmean[:, None, :], length, axis=1) / length
    dE = np.zeros_like(E)
    np.add.at(dE, ids, dvecs)
    return {"dE": dE, "dU": dU}


def draw_bag_of_words(rng):
    n, t, d, k = rng.permutation([2, 3, 4, 5])
    E, ids, U = rng.normal(size=(6, d)), rng.integers(6, size=(n, t)), rng.normal(size=(d, k))
    return (bag_of_words, bag_of_words_backward, E, ids, U), {"upstream": rng.normal(size=(n, k))}


def tied_language_model(W, ids, targets):
    """One matrix embeds the words and scores them: two paths to its gradient."""
    h = np.tanh(W[ids])
    logits = h @ W.T
    e = np.exp(logits - logits.max(axis=1, keepdims=True))
    p = e / e.sum(axis=1, keepdims=True)
    loss = -np.mean(np.log(p[np.arange(len(ids)), targets]))
    return loss


def tied_language_model_backward(W, ids, targets, h, p):
    n = len(ids)
    dlogits = p.copy()
    dlogits[np.arange(n), targets] -= 1
    dlogits /= n
    dW = dlogits.T @ h
    dh = dlogits @ W
    demb = dh * (1 - h**2)
    np.add.at(dW, ids, demb)
    return dW


def draw_tied_language_model(rng):
    n, d, words = rng.permutation([3, 4, 5])
    inputs = rng.normal(size=(words, d)), rng.integers(words, size=n), rng.integers(words, size=n)
    return (tied_language_model, tied_language_model_backward, *inputs), {}


def scale_shift(x, s, t):
    return x * s + t


def scale_shift_backward(dy, x, s):
    dx = dy * s
    ds = np.sum(dy * x, axis=(0, 1), keepdims=True)
    dt = dy.sum(axis=0).sum(axis=1)
    return dx, ds, dt[:, None]


def draw_scale_shift(rng):
    n, c, d = rng.permutation([2, 3, 5])
    inputs = rng.normal(size=(n, c, d)), rng.normal(size=(1, 1, d)), rng.normal(size=(c, 1))
    return (scale_shift, scale_shift_backward, *inputs), {"upstream": rng.normal(size=(n, c, d))}


def pairwise_distances(A, B):
    """Squared distances between the rows of two matrices, by broadcasting."""
    D = A[:, None, :] - B[None, :, :]
    return np.sum(D**2, axis=2), D


def pairwise_distances_backward(dout, D):
    dD = 2 * D * dout[:, :, None]
    dA = dD.sum(axis=1)
    dB = -dD.sum(axis=0)
    return dA, dB


def draw_pairwise_distances(rng):
    n, m, d = rng.permutation([2, 3, 4])
    inputs = rng.normal(size=(n, d)), rng.normal(size=(m, d))
    return (pairwise_distances, pairwise_distances_backward, *inputs), {}


CASES = [
    Case("embedding, class with grads", Embedding.backward, draw_embedding),
    Case("embedding, loops", embed_backward, draw_embed),
    Case("bag of words, intermediates by name", bag_of_words_backward, draw_bag_of_words),
    Case("tied embedding and scores", tied_language_model_backward, draw_tied_language_model),
    Case("scale and shift, broadcast", scale_shift_backward, draw_scale_shift),
    Case("squared distances of all pairs", pairwise_distances_backward, draw_pairwise_distances),
]
