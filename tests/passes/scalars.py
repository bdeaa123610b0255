import math

import numpy as np

from passes.case import Case


def neuron(x0, x1, w0, w1, b):
    xw0 = x0 * w0
    xw1 = x1 * w1
    z = xw0 + xw1 + b
    y = max(z, 0)
    return y


def neuron_backward(dy, x0, x1, w0, w1, z):
    dz = dy * (1.0 if z > 0 else 0.0)
    dxw0 = dz
    dxw1 = dz
    db = dz
    dx0 = dxw0 * w0
    dw0 = dxw0 * x0
    dx1 = dxw1 * w1
    dw1 = dxw1 * x1
    return dx0, dx1, dw0, dw1, db


def draw_neuron(rng):
    x0, x1, w0, w1, b = rng.normal(size=5).tolist()
    if rng.integers(10) == 0:
        x0, w0, x1, w1, b = 1.0, -1.0, 0.5, 3.0, -0.5
    return (neuron, neuron_backward, x0, x1, w0, w1, b), {"upstream": float(rng.normal())}


def tiny_network(x1, x2, w11, w12, w21, w22, v1, v2, t):
    """Two inputs, two hidden sigmoid neurons, one output, half squared error."""
    z1 = w11 * x1 + w12 * x2
    z2 = w21 * x1 + w22 * x2
    h1 = 1 / (1 + math.exp(-z1))
    h2 = 1 / (1 + math.exp(-z2))
    y = v1 * h1 + v2 * h2
    e = 0.5 * (y - t) ** 2
    return e


def tiny_network_backward(x1, x2, w11, w12, w21, w22, v1, v2, t, h1, h2, y):
    dy = y - t
    dv1 = dy * h1
    dv2 = dy * h2
    dh1 = dy * v1
    dh2 = dy * v2
    dz1 = dh1 * h1 * (1 - h1)
    dz2 = dh2 * h2 * (1 - h2)
    dw11 = dz1 * x1
    dw12 = dz1 * x2
    dw21 = dz2 * x1
    dw22 = dz2 * x2
    dx1 = dz1 * w11 + dz2 * w21
    dx2 = dz1 * w12 + dz2 * w22
    return {
        "w11": dw11,
        "w12": dw12,
        "w21": dw21,
        "w22": dw22,
        "v1": dv1,
        "v2": dv2,
        "x1": dx1,
        "x2": dx2,
    }


def draw_tiny_network(rng):
    return (tiny_network, tiny_network_backward, *rng.normal(size=9).tolist()), {}


def quotient(x, y):
    """(x + s(y)) / (s(x) + (x + y)^2), where s is the sigmoid."""
    sigy = 1.0 / (1 + math.exp(-y))
    num = x + sigy
    sigx = 1.0 / (1 + math.exp(-x))
    xpy = x + y
    xpysqr = xpy**2
    den = sigx + xpysqr
    invden = 1.0 / den
    f = num * invden
    return f


def quotient_backward(sigy, num, sigx, xpy, den, invden):
    dnum = invden
    dinvden = num
    dden = (-1.0 / den**2) * dinvden
    dsigx = dden
    dxpysqr = dden
    dxpy = 2 * xpy * dxpysqr
    dx = dxpy
    dy = dxpy
    dx += (1 - sigx) * sigx * dsigx
    dx += dnum
    dsigy = dnum
    dy += (1 - sigy) * sigy * dsigy
    return dx, dy


def draw_quotient(rng):
    return (quotient, quotient_backward, float(rng.normal()), float(rng.normal())), {}


class Neuron:
    """A sigmoid neuron; its weights are read one by one."""

    def __init__(self, w, b):
        self.w = w
        self.b = b

    def forward(self, inputs):
        self.inputs = inputs
        total = self.b
        for i in range(len(self.w)):
            total = total + self.w[i] * inputs[i]
        self.output = 1 / (1 + np.exp(-total))
        return self.output

    def backward(self, dvalue):
        dtotal = dvalue * self.output * (1 - self.output)
        self.dw = np.zeros(len(self.w))
        self.dinputs = np.zeros(len(self.w))
        for i in range(len(self.w)):
            self.dw[i] = dtotal * self.inputs[i]
            self.dinputs[i] = dtotal * self.w[i]
        self.db = dtotal


def draw_neuron_class(rng):
    d = rng.integers(3, 6)
    return (Neuron(rng.normal(size=d), float(rng.normal())), rng.normal(size=d)), {}


def logistic_loss(w, b, X, y):
    loss = 0.0
    for i in range(len(y)):
        p = 1 / (1 + np.exp(-(np.dot(w, X[i]) + b)))
        loss = loss - (y[i] * np.log(p) + (1 - y[i]) * np.log(1 - p))
    return loss / len(y)


def logistic_gradients(w, b, X, y):
    dw = np.zeros(w.shape)
    db = 0.0
    for i in range(len(y)):
        p = 1 / (1 + np.exp(-(np.dot(w, X[i]) + b)))
        err = p - y[i]
        for j in range(len(w)):
            dw[j] += err * X[i, j]
        db += err
    return dw / len(y), db / len(y)


def draw_logistic(rng):
    n, d = rng.permutation([3, 4, 5])[:2]
    inputs = (
        rng.normal(size=d),
        float(rng.normal()),
        rng.normal(size=(n, d)),
        rng.integers(2, size=n),
    )
    return (logistic_loss, logistic_gradients, *inputs), {}


def line_fit(slope, intercept, xs, ys):
    """The mean squared error of a line; points far off count less."""
    residuals = slope * xs + intercept - ys
    weights = 1 / (1 + residuals**2)
    return np.sum(weights * residuals**2)


def line_fit_backward(residuals, weights, xs):
    # Both factors of the product depend on the residuals.
    dresiduals = weights * 2 * residuals
    dweights = residuals**2
    dresiduals = dresiduals - dweights * weights**2 * 2 * residuals
    dslope = np.dot(dresiduals, xs)
    dintercept = np.sum(dresiduals)
    return dslope, dintercept


def draw_line_fit(rng):
    n = rng.integers(3, 7)
    slope, intercept = rng.normal(size=2).tolist()
    inputs = slope, intercept, rng.normal(size=n), rng.normal(size=n)
    return (line_fit, line_fit_backward, *inputs), {}


CASES = [
    Case("a relu neuron of numbers", neuron_backward, draw_neuron),
    Case("a 2-2-1 network of numbers", tiny_network_backward, draw_tiny_network),
    Case("a quotient of two numbers, staged", quotient_backward, draw_quotient),
    Case("a sigmoid neuron, class, weight by weight", Neuron.backward, draw_neuron_class),
    Case("logistic regression, loops", logistic_gradients, draw_logistic),
    Case("robust line fit, a value used twice", line_fit_backward, draw_line_fit),
]
