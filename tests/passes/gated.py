import numpy as np

from passes.case import Case


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def gru_cell(x, h_prev, Wz, Wr, Wh):
    """Each weight takes the state and the input side by side."""
    hx = np.concatenate([h_prev, x], axis=1)
    z = sigmoid(hx @ Wz)
    r = sigmoid(hx @ Wr)
    rhx = np.concatenate([r * h_prev, x], axis=1)
    h_tilde = np.tanh(rhx @ Wh)
    h = (1 - z) * h_prev + z * h_tilde
    return h, (h_prev, Wz, Wr, Wh, hx, z, r, rhx, h_tilde)


def gru_cell_backward(dh, cache):
    h_prev, Wz, Wr, Wh, hx, z, r, rhx, h_tilde = cache
    H = h_prev.shape[1]
    dz = dh * (h_tilde - h_prev)
    dh_tilde = dh * z
    dh_prev = dh * (1 - z)

    da_h = dh_tilde * (1 - h_tilde**2)
    dWh = rhx.T @ da_h
    drhx = da_h @ Wh.T
    dr = drhx[:, :H] * h_prev
    dh_prev += drhx[:, :H] * r
    dx = drhx[:, H:]

    da_r = dr * r * (1 - r)
    da_z = dz * z * (1 - z)
    dWr = hx.T @ da_r
    dWz = hx.T @ da_z
    dhx = da_r @ Wr.T + da_z @ Wz.T
    dh_prev += dhx[:, :H]
    dx = dx + dhx[:, H:]
    return dx, dh_prev, dWz, dWr, dWh


def draw_gru_cell(rng):
    n, d, h = rng.permutation([2, 3, 4])
    weights = [0.7 * rng.normal(size=(h + d, h)) for _ in range(3)]
    inputs = rng.normal(size=(n, d)), rng.normal(size=(n, h)), *weights
    return (gru_cell, gru_cell_backward, *inputs), {"upstream": rng.normal(size=(n, h))}


class LSTMCell:
    """The four gates in one product; the old state is fixed, the new one is the output."""

    def __init__(self, Wx, Wh, b, h_prev, c_prev):
        self.Wx, self.Wh, self.b = Wx, Wh, b
        self.h_prev, self.c_prev = h_prev, c_prev

    def forward(self, x):
        H = self.h_prev.shape[1]
        self.x = x
        A = x @ self.Wx + self.h_prev @ self.Wh + self.b
        self.i = sigmoid(A[:, :H])
        self.f = sigmoid(A[:, H : 2 * H])
        self.o = sigmoid(A[:, 2 * H : 3 * H])
        self.g = np.tanh(A[:, 3 * H :])
        self.c = self.f * self.c_prev + self.i * self.g
        self.out = self.o * np.tanh(self.c)
        return self.out

    def backward(self, dh):
        tanh_c = np.tanh(self.c)
        do = dh * tanh_c
        dc = dh * self.o * (1 - tanh_c**2)
        di = dc * self.g
        df = dc * self.c_prev
        dg = dc * self.i
        self.dc_prev = dc * self.f
        dA = np.hstack(
            [
                di * self.i * (1 - self.i),
                df * self.f * (1 - self.f),
                do * self.o * (1 - self.o),
                dg * (1 - self.g**2),
            ]
        )
        self.dWx = self.x.T @ dA
        self.dWh = self.h_prev.T @ dA
        self.db = dA.sum(axis=0)
        self.dh_prev = dA @ self.Wh.T
        return dA @ self.Wx.T


def draw_lstm_cell(rng):
    n, d, h = rng.permutation([2, 3, 4])
    cell = LSTMCell(
        0.5 * rng.normal(size=(d, 4 * h)),
        0.5 * rng.normal(size=(h, 4 * h)),
        rng.normal(size=4 * h),
        rng.normal(size=(n, h)),
        rng.normal(size=(n, h)),
    )
    return (cell, rng.normal(size=(n, d))), {"upstream": rng.normal(size=(n, h))}


def lstm_step(x, prev_h, prev_c, Wx, Wh, b):
    ai, af, ao, ag = np.split(x @ Wx + prev_h @ Wh + b, 4, axis=1)
    i, f, o, g = sigmoid(ai), sigmoid(af), sigmoid(ao), np.tanh(ag)
    next_c = f * prev_c + i * g
    tanh_c = np.tanh(next_c)
    return o * tanh_c, next_c, (x, prev_h, prev_c, i, f, o, g, tanh_c)


def lstm_forward(x, h0, Wx, Wh, b):
    N, T, _ = x.shape
    hs = np.zeros((N, T, h0.shape[1]))
    h, c = h0, np.zeros_like(h0)
    steps = []
    for t in range(T):
        h, c, step = lstm_step(x[:, t, :], h, c, Wx, Wh, b)
        hs[:, t, :] = h
        steps.append(step)
    return hs, (steps, Wx, Wh)


def lstm_backward(dhs, cache):
    """Two gradients flow back in time: of the state h and of the memory c."""
    steps, Wx, Wh = cache
    N, T, H = dhs.shape
    dx = np.zeros((N, T, Wx.shape[0]))
    dWx, dWh, db = np.zeros_like(Wx), np.zeros_like(Wh), np.zeros(4 * H)
    dh_next, dc_next = np.zeros((N, H)), np.zeros((N, H))
    for t in range(T - 1, -1, -1):
        xt, prev_h, prev_c, i, f, o, g, tanh_c = steps[t]
        dh = dhs[:, t, :] + dh_next
        dc = dc_next + dh * o * (1 - tanh_c**2)
        dai = dc * g * i * (1 - i)
        daf = dc * prev_c * f * (1 - f)
        dao = dh * tanh_c * o * (1 - o)
        dag = dc * i * (1 - g**2)
        da = np.concatenate([dai, daf, dao, dag], axis=1)
        dWx += xt.T @ da
        dWh += prev_h.T @ da
        db += da.sum(axis=0)
        dx[:, t, :] = da @ Wx.T
        dh_next = da @ Wh.T
        dc_next = dc * f
    dh0 = dh_next
    return dx, dh0, dWx, dWh, db


def draw_lstm(rng):
    n, t, d, h = rng.permutation([2, 3, 4, 5])
    inputs = (
        rng.normal(size=(n, t, d)),
        rng.normal(size=(n, h)),
        0.5 * rng.normal(size=(d, 4 * h)),
        0.5 * rng.normal(size=(h, 4 * h)),
        rng.normal(size=4 * h),
    )
    return (lstm_forward, lstm_backward, *inputs), {"upstream": rng.normal(size=(n, t, h))}


def highway(x, W, U):
    """A gate chooses between the input and what a layer makes of it."""
    t = sigmoid(x @ U)
    h = np.tanh(x @ W)
    y = t * h + (1 - t) * x
    return y


def highway_backward(dy, x, W, U, t, h):
    dt = dy * (h - x)
    dh = dy * t
    da = dt * t * (1 - t)
    dz = dh * (1 - h**2)
    dU = x.T @ da
    dW = x.T @ dz
    dx = dy * (1 - t) + dz @ W.T + da @ U.T
    return dx, dW, dU


def draw_highway(rng):
    n, d = rng.permutation([3, 4, 5])[:2]
    inputs = rng.normal(size=(n, d)), rng.normal(size=(d, d)), rng.normal(size=(d, d))
    return (highway, highway_backward, *inputs), {"upstream": rng.normal(size=(n, d))}


CASES = [
    Case("gru cell, concatenated inputs", gru_cell_backward, draw_gru_cell),
    Case("lstm cell, class", LSTMCell.backward, draw_lstm_cell),
    Case("lstm over time", lstm_backward, draw_lstm),
    Case("highway layer, intermediates by name", highway_backward, draw_highway),
]
