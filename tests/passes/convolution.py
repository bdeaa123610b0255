import numpy as np

from passes.case import Case


def conv_forward_naive(x, w, b, conv_param):
    stride, pad = conv_param["stride"], conv_param["pad"]
    N, _, H, W = x.shape
    F, _, HH, WW = w.shape
    H_out = 1 + (H + 2 * pad - HH) // stride
    W_out = 1 + (W + 2 * pad - WW) // stride
    x_pad = np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
    out = np.zeros((N, F, H_out, W_out))
    for n in range(N):
        for f in range(F):
            for i in range(H_out):
                for j in range(W_out):
                    top, left = i * stride, j * stride
                    window = x_pad[n, :, top : top + HH, left : left + WW]
                    out[n, f, i, j] = np.sum(window * w[f]) + b[f]
    return out, (x, w, b, conv_param)


def conv_backward_naive(dout, cache):
    x, w, b, conv_param = cache
    stride, pad = conv_param["stride"], conv_param["pad"]
    N, F, H_out, W_out = dout.shape
    _, _, HH, WW = w.shape
    x_pad = np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
    dx_pad = np.zeros_like(x_pad)
    dw = np.zeros_like(w)
    db = np.zeros_like(b)
    for n in range(N):
        for f in range(F):
            for i in range(H_out):
                for j in range(W_out):
                    top, left = i * stride, j * stride
                    window = x_pad[n, :, top : top + HH, left : left + WW]
                    db[f] += dout[n, f, i, j]
                    dw[f] += window * dout[n, f, i, j]
                    dx_pad[n, :, top : top + HH, left : left + WW] += w[f] * dout[n, f, i, j]
    dx = dx_pad[:, :, pad:-pad, pad:-pad]
    return dx, dw, db


def draw_conv_naive(rng):
    conv_param = {"stride": 2, "pad": 1}
    x, w, b = rng.normal(size=(2, 3, 5, 6)), rng.normal(size=(4, 3, 3, 2)), rng.normal(size=4)
    args = conv_forward_naive, conv_backward_naive, x, w, b, conv_param
    return args, {"upstream": rng.normal(size=(2, 4, 3, 4))}


def im2col(x, kh, kw):
    n, c, h, w = x.shape
    oh, ow = h - kh + 1, w - kw + 1
    col = np.zeros((n, c, kh, kw, oh, ow))
    for i in range(kh):
        for j in range(kw):
            col[:, :, i, j] = x[:, :, i : i + oh, j : j + ow]
    return col.transpose(0, 4, 5, 1, 2, 3).reshape(n * oh * ow, -1)


def col2im(col, shape, kh, kw):
    n, c, h, w = shape
    oh, ow = h - kh + 1, w - kw + 1
    col = col.reshape(n, oh, ow, c, kh, kw).transpose(0, 3, 4, 5, 1, 2)
    x = np.zeros(shape)
    for i in range(kh):
        for j in range(kw):
            x[:, :, i : i + oh, j : j + ow] += col[:, :, i, j]
    return x


class Convolution:
    """A convolution as a product of matrices, by im2col."""

    def __init__(self, W, b):
        self.W = W
        self.b = b

    def forward(self, x):
        FN, _, KH, KW = self.W.shape
        N, _, H, W = x.shape
        self.x_shape = x.shape
        self.col = im2col(x, KH, KW)
        self.col_W = self.W.reshape(FN, -1).T
        out = np.dot(self.col, self.col_W) + self.b
        return out.reshape(N, H - KH + 1, W - KW + 1, FN).transpose(0, 3, 1, 2)

    def backward(self, dout):
        FN, _, KH, KW = self.W.shape
        dout = dout.transpose(0, 2, 3, 1).reshape(-1, FN)
        self.db = np.sum(dout, axis=0)
        dcol_W = np.dot(self.col.T, dout)
        self.dW = dcol_W.T.reshape(self.W.shape)
        dcol = np.dot(dout, self.col_W.T)
        dx = col2im(dcol, self.x_shape, KH, KW)
        return dx


def draw_convolution(rng):
    layer = Convolution(rng.normal(size=(5, 2, 3, 2)), rng.normal(size=5))
    return (layer, rng.normal(size=(3, 2, 5, 4))), {"upstream": rng.normal(size=(3, 5, 3, 3))}


def conv1d(x, k):
    """Slide the kernel over one signal, no padding."""
    steps = len(x) - len(k) + 1
    y = np.zeros(steps)
    for t in range(steps):
        y[t] = x[t : t + len(k)] @ k
    return y


def conv1d_backward(dy, x, k):
    dx = np.zeros_like(x)
    dk = np.zeros_like(k)
    for t in range(len(dy)):
        for i in range(len(k)):
            dx[t + i] += dy[t] * k[i]
            dk[i] += dy[t] * x[t + i]
    return dx, dk


def draw_conv1d(rng):
    return (conv1d, conv1d_backward, rng.normal(size=rng.integers(5, 8)), rng.normal(size=3)), {}


class Conv1D:
    """Channels of a signal; the gradient of the input is a convolution with the kernel turned."""

    def __init__(self, kernels):
        self.kernels = kernels

    def forward(self, inputs):
        self.inputs = inputs
        out_channels, in_channels, _ = self.kernels.shape
        rows = []
        for o in range(out_channels):
            row = 0
            for c in range(in_channels):
                row = row + np.correlate(inputs[c], self.kernels[o, c], mode="valid")
            rows.append(row)
        self.output = np.array(rows)

    def backward(self, dvalues):
        out_channels, in_channels, _ = self.kernels.shape
        self.dkernels = np.zeros_like(self.kernels)
        self.dinputs = np.zeros_like(self.inputs)
        for o in range(out_channels):
            for c in range(in_channels):
                self.dkernels[o, c] = np.correlate(self.inputs[c], dvalues[o], mode="valid")
                self.dinputs[c] += np.convolve(dvalues[o], self.kernels[o, c], mode="full")


def draw_conv1d_class(rng):
    return (Conv1D(rng.normal(size=(4, 2, 3))), rng.normal(size=(2, 7))), {}


def depthwise_forward(x, w):
    """One kernel for each channel of (N, H, W, C), by shifted products."""
    kh, kw, _ = w.shape
    oh, ow = x.shape[1] - kh + 1, x.shape[2] - kw + 1
    out = 0
    for i in range(kh):
        for j in range(kw):
            out = out + x[:, i : i + oh, j : j + ow, :] * w[i, j]
    return out


def depthwise_backward(dout, x, w):
    kh, kw, _ = w.shape
    _, oh, ow, _ = dout.shape
    dx, dw = np.zeros_like(x), np.zeros_like(w)
    for i in range(kh):
        for j in range(kw):
            dx[:, i : i + oh, j : j + ow, :] += dout * w[i, j]
            dw[i, j] = np.sum(dout * x[:, i : i + oh, j : j + ow, :], axis=(0, 1, 2))
    return dx, dw


def draw_depthwise(rng):
    inputs = rng.normal(size=(3, 5, 4, 2)), rng.normal(size=(3, 2, 2))
    return (depthwise_forward, depthwise_backward, *inputs), {}


CASES = [
    Case("convolution, loops over everything", conv_backward_naive, draw_conv_naive),
    Case("convolution, im2col class", Convolution.backward, draw_convolution),
    Case("convolution of one signal, element by element", conv1d_backward, draw_conv1d),
    Case("convolution of channels, textbook class", Conv1D.backward, draw_conv1d_class),
    Case("depthwise convolution, shifted products", depthwise_backward, draw_depthwise),
]
