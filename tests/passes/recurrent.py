import numpy as np

from passes.case import Case


def rnn_step_forward(x, prev_h, Wx, Wh, b):
    next_h = np.tanh(x @ Wx + prev_h @ Wh + b)
    cache = (x, prev_h, Wx, Wh, next_h)
    return next_h, cache


def rnn_step_backward(dnext_h, cache):
    x, prev_h, Wx, Wh, next_h = cache
    dz = dnext_h * (1 - next_h**2)
    dx = dz @ Wx.T
    dprev_h = dz @ Wh.T
    dWx = x.T @ dz
    dWh = prev_h.T @ dz
    db = dz.sum(axis=0)
    return dx, dprev_h, dWx, dWh, db


def draw_rnn_step(rng):
    n, d, h = rng.permutation([3, 4, 5])
    x, prev_h, Wx, Wh, b = (
        rng.normal(size=(n, d)),
        rng.normal(size=(n, h)),
        rng.normal(size=(d, h)),
        rng.normal(size=(h, h)),
        rng.normal(size=h),
    )
    args = rnn_step_forward, rnn_step_backward, x, prev_h, 0.5 * Wx, 0.5 * Wh, b
    return args, {"upstream": rng.normal(size=(n, h))}


def rnn_forward(x, h0, Wx, Wh, b):
    """All hidden states of (batch, time, features)."""
    N, T, _ = x.shape
    H = h0.shape[1]
    h = np.zeros((N, T, H))
    caches = []
    prev = h0
    for t in range(T):
        prev, cache = rnn_step_forward(x[:, t], prev, Wx, Wh, b)
        h[:, t] = prev
        caches.append(cache)
    return h, caches


def rnn_backward(dh, caches):
    N, T, H = dh.shape
    D = caches[0][0].shape[1]
    dx = np.zeros((N, T, D))
    dWx, dWh, db = np.zeros((D, H)), np.zeros((H, H)), np.zeros(H)
    dprev_h = np.zeros((N, H))
    for t in reversed(range(T)):
        dstep = dh[:, t] + dprev_h
        dx[:, t], dprev_h, dWx_t, dWh_t, db_t = rnn_step_backward(dstep, caches[t])
        dWx += dWx_t
        dWh += dWh_t
        db += db_t
    dh0 = dprev_h
    return dx, dh0, dWx, dWh, db


def draw_rnn(rng):
    n, t, d, h = rng.permutation([2, 3, 4, 5])
    inputs = (
        rng.normal(size=(n, t, d)),
        rng.normal(size=(n, h)),
        0.5 * rng.normal(size=(d, h)),
        0.5 * rng.normal(size=(h, h)),
        rng.normal(size=h),
    )
    return (rnn_forward, rnn_backward, *inputs), {"upstream": rng.normal(size=(n, t, h))}


def char_rnn_loss(Wxh, Whh, Why, bh, by, inputs, targets):
    """Cross-entropy of the next characters of one text, in column vectors."""
    xs, hs, ps = {}, {-1: np.zeros((len(bh), 1))}, {}
    loss = 0
    for t in range(len(inputs)):
        xs[t] = np.zeros((Wxh.shape[1], 1))
        xs[t][inputs[t]] = 1
        hs[t] = np.tanh(Wxh @ xs[t] + Whh @ hs[t - 1] + bh)
        ys = Why @ hs[t] + by
        ps[t] = np.exp(ys) / np.sum(np.exp(ys))
        loss = loss - np.log(ps[t][targets[t], 0])
    return loss, (xs, hs, ps)


def char_rnn_gradients(Wxh, Whh, Why, bh, by, inputs, targets, cache):
    xs, hs, ps = cache
    dWxh, dWhh, dWhy = np.zeros_like(Wxh), np.zeros_like(Whh), np.zeros_like(Why)
    dbh, dby = np.zeros_like(bh), np.zeros_like(by)
    dhnext = np.zeros_like(hs[0])
    for t in range(len(inputs) - 1, -1, -1):
        dy = np.copy(ps[t])
        dy[targets[t]] -= 1
        dWhy += np.dot(dy, hs[t].T)
        dby += dy
        dh = np.dot(Why.T, dy) + dhnext
        dhraw = (1 - hs[t] * hs[t]) * dh
        dbh += dhraw
        dWxh += np.dot(dhraw, xs[t].T)
        dWhh += np.dot(dhraw, hs[t - 1].T)
        dhnext = np.dot(Whh.T, dhraw)
    return dWxh, dWhh, dWhy, dbh, dby


def draw_char_rnn(rng):
    letters, h, t = rng.permutation([3, 4, 5])
    weights = (
        rng.normal(size=(h, letters)),
        0.5 * rng.normal(size=(h, h)),
        rng.normal(size=(letters, h)),
        rng.normal(size=(h, 1)),
        rng.normal(size=(letters, 1)),
    )
    text = rng.integers(letters, size=t + 1)
    return (char_rnn_loss, char_rnn_gradients, *weights, text[:-1], text[1:]), {}


class RNN:
    """Returns the last state; the first is zero."""

    def __init__(self, rng, d, h):
        self.params = {"U": rng.normal(size=(d, h)), "V": 0.5 * rng.normal(size=(h, h))}
        self.grads = {k: np.zeros_like(v) for k, v in self.params.items()}

    def forward(self, x):
        self.x = x
        self.states = [np.zeros((x.shape[0], self.params["V"].shape[0]))]
        for t in range(x.shape[1]):
            z = x[:, t] @ self.params["U"] + self.states[-1] @ self.params["V"]
            self.states.append(np.tanh(z))
        return self.states[-1]

    def backward(self, dlast):
        for k in self.grads:
            self.grads[k] = np.zeros_like(self.params[k])
        dx = np.zeros_like(self.x)
        ds = dlast
        for t in reversed(range(self.x.shape[1])):
            dz = ds * (1 - self.states[t + 1] ** 2)
            self.grads["U"] += self.x[:, t].T @ dz
            self.grads["V"] += self.states[t].T @ dz
            dx[:, t] = dz @ self.params["U"].T
            ds = dz @ self.params["V"].T
        return dx


def draw_rnn_class(rng):
    n, t, d, h = rng.permutation([2, 3, 4, 5])
    return (RNN(rng, d, h), rng.normal(size=(n, t, d))), {"upstream": rng.normal(size=(n, h))}


def exponential_average(x, decay):
    """A scalar recurrence: s[t] = decay s[t - 1] + (1 - decay) x[t]."""
    s = np.zeros(len(x))
    last = 0.0
    for t in range(len(x)):
        last = decay * last + (1 - decay) * x[t]
        s[t] = last
    return s, s


def exponential_average_backward(ds, x, decay, s):
    dx = np.zeros_like(x)
    ddecay = 0.0
    carry = 0.0
    for t in range(len(x) - 1, -1, -1):
        g = ds[t] + carry
        before = s[t - 1] if t > 0 else 0.0
        dx[t] = g * (1 - decay)
        ddecay += g * (before - x[t])
        carry = g * decay
    return dx, ddecay


def draw_exponential_average(rng):
    x = rng.normal(size=rng.integers(3, 7))
    args = exponential_average, exponential_average_backward, x, rng.uniform(0.3, 0.9)
    return args, {"upstream": rng.normal(size=len(x))}


CASES = [
    Case("rnn cell, functions with a cache", rnn_step_backward, draw_rnn_step),
    Case("rnn over time, by its cell", rnn_backward, draw_rnn),
    Case("character rnn with its loss, column vectors", char_rnn_gradients, draw_char_rnn),
    Case("rnn, class that returns the last state", RNN.backward, draw_rnn_class),
    Case(
        "exponential average, loop over time",
        exponential_average_backward,
        draw_exponential_average,
    ),
]
