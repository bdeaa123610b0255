import math

import numpy as np

from passes.case import Case, now_and_then


def batch(rng):
    """An array of (samples, features), now and then with a 0 at which ReLU and its kin kink."""
    n, d = rng.permutation([3, 4, 5, 6])[:2]
    return now_and_then(rng, 1.5 * rng.normal(size=(n, d)))


class ReLU:
    def forward(self, inputs):
        self.inputs = inputs
        self.output = np.maximum(0, inputs)

    def backward(self, dvalues):
        self.dinputs = dvalues.copy()
        self.dinputs[self.inputs <= 0] = 0


def draw_relu_class(rng):
    return (ReLU(), batch(rng)), {}


def relu_forward(x):
    out = np.maximum(x, 0)
    cache = x
    return out, cache


def relu_backward(dout, cache):
    x = cache
    dx = dout * (x > 0)
    return dx


def draw_relu(rng):
    x = batch(rng)
    return (relu_forward, relu_backward, x), {"upstream": rng.normal(size=x.shape)}


class LeakyReLU:
    def __init__(self, slope=0.1):
        self.slope = slope

    def forward(self, X):
        self.mask = X > 0
        return np.where(self.mask, X, self.slope * X)

    def backward(self, dY):
        return dY * np.where(self.mask, 1.0, self.slope)


def draw_leaky_relu(rng):
    X = batch(rng)
    return (LeakyReLU(), X), {"upstream": rng.normal(size=X.shape)}


def prelu_forward(x, alpha):
    return np.where(x > 0, x, alpha * x)


def prelu_backward(dout, x, alpha):
    negative = x <= 0
    dx = dout.copy()
    dx[negative] *= np.broadcast_to(alpha, x.shape)[negative]
    dalpha = np.sum(dout * x * negative, axis=0)
    return dx, dalpha


def draw_prelu(rng):
    x = batch(rng)
    alpha = rng.uniform(0.1, 0.4, size=x.shape[1])
    return (prelu_forward, prelu_backward, x, alpha), {"upstream": rng.normal(size=x.shape)}


def elu(z, alpha=0.7):
    a = np.where(z > 0, z, alpha * (np.exp(np.minimum(z, 0)) - 1))
    return a


def elu_grad(da, z, a, alpha=0.7):
    dz = da * np.where(z > 0, 1, a + alpha)
    return dz


def draw_elu(rng):
    z = batch(rng)
    return (elu, elu_grad, z), {}


class SELU:
    alpha = 1.6732632423543772
    scale = 1.0507009873554805

    def forward(self, inputs):
        self.inputs = inputs
        self.output = inputs.copy()
        low = inputs < 0
        self.output[low] = self.alpha * np.expm1(inputs[low])
        self.output *= self.scale
        return self.output

    def backward(self, dvalues):
        slope = np.ones_like(self.inputs)
        low = self.inputs < 0
        slope[low] = self.alpha * np.exp(self.inputs[low])
        self.dinputs = self.scale * slope * dvalues
        return self.dinputs


def draw_selu(rng):
    return (SELU(), batch(rng)), {}


class Sigmoid:
    def forward(self, inputs):
        self.inputs = inputs
        self.output = 1 / (1 + np.exp(-inputs))

    def backward(self, dvalues):
        self.dinputs = dvalues * (1 - self.output) * self.output


def draw_sigmoid(rng):
    return (Sigmoid(), batch(rng)), {}


def tanh_forward(z):
    a = np.tanh(z)
    return a, a


def tanh_backward(da, a):
    dz = da * (1 - a**2)
    return dz


def draw_tanh(rng):
    z = batch(rng)
    return (tanh_forward, tanh_backward, z), {"upstream": rng.normal(size=z.shape)}


def softplus(x):
    return np.log1p(np.exp(-np.abs(x))) + np.maximum(x, 0)


def softplus_backward(x, grad_output):
    return grad_output / (1 + np.exp(-x))


def draw_softplus(rng):
    return (softplus, softplus_backward, batch(rng)), {}


def gelu_forward(x):
    c = math.sqrt(2 / math.pi)
    u = c * (x + 0.044715 * x**3)
    t = np.tanh(u)
    y = 0.5 * x * (1 + t)
    return y, (x, t)


def gelu_backward(dy, cache):
    x, t = cache
    c = math.sqrt(2 / math.pi)
    dt = 0.5 * x * dy
    du = dt * (1 - t**2)
    dx = 0.5 * (1 + t) * dy
    dx += du * c * (1 + 3 * 0.044715 * x**2)
    return dx


def draw_gelu(rng):
    x = batch(rng)
    return (gelu_forward, gelu_backward, x), {"upstream": rng.normal(size=x.shape)}


class Swish:
    def __init__(self, beta):
        self.beta = beta

    def forward(self, x):
        self.x = x
        self.s = 1 / (1 + np.exp(-self.beta * x))
        return x * self.s

    def backward(self, g):
        ds = g * self.x
        dz = ds * self.s * (1 - self.s)
        self.dbeta = np.sum(dz * self.x)
        return g * self.s + dz * self.beta


def draw_swish(rng):
    x = batch(rng)
    return (Swish(rng.uniform(0.5, 1.5)), x), {"upstream": rng.normal(size=x.shape)}


def mish(x):
    sp = np.log1p(np.exp(x))
    w = np.tanh(sp)
    out = x * w
    return out


def mish_backward(dout, x, sp, w):
    dx_direct = dout * w
    dw = dout * x
    dsp = dw * (1 - w * w)
    dx_through = dsp * (1 - np.exp(-sp))
    return dx_direct + dx_through


def draw_mish(rng):
    return (mish, mish_backward, batch(rng)), {}


class HardTanh:
    def __init__(self, low=-1.0, high=1.0):
        self.low = low
        self.high = high

    def forward(self, inputs):
        self.inputs = inputs
        self.output = np.clip(inputs, self.low, self.high)

    def backward(self, dvalues):
        inside = (self.inputs > self.low) & (self.inputs < self.high)
        self.dinputs = dvalues * inside


def draw_hard_tanh(rng):
    return (HardTanh(), now_and_then(rng, batch(rng), value=1.0)), {}


def glu_forward(x):
    a, b = np.split(x, 2, axis=1)
    gate = 1 / (1 + np.exp(-b))
    out = a * gate
    return out, (a, gate)


def glu_backward(dout, cache):
    a, gate = cache
    da = dout * gate
    dgate = dout * a
    db = dgate * gate * (1 - gate)
    dx = np.concatenate([da, db], axis=1)
    return dx


def draw_glu(rng):
    n, half = rng.permutation([2, 3, 5])[:2]
    x = rng.normal(size=(n, 2 * half))
    return (glu_forward, glu_backward, x), {"upstream": rng.normal(size=(n, half))}


CASES = [
    Case("relu, textbook class, mask in place", ReLU.backward, draw_relu_class),
    Case("relu, functions with a cache", relu_backward, draw_relu),
    Case("leaky relu, class that stores the mask", LeakyReLU.backward, draw_leaky_relu),
    Case("prelu, learned slope", prelu_backward, draw_prelu),
    Case("elu, by its output", elu_grad, draw_elu),
    Case("selu, textbook class", SELU.backward, draw_selu),
    Case("sigmoid, textbook class", Sigmoid.backward, draw_sigmoid),
    Case("tanh, functions with a cache", tanh_backward, draw_tanh),
    Case("softplus, no cache", softplus_backward, draw_softplus),
    Case("gelu, tanh form, staged", gelu_backward, draw_gelu),
    Case("swish, class with a learned scalar", Swish.backward, draw_swish),
    Case("mish, intermediates by name", mish_backward, draw_mish),
    Case("hard tanh, textbook class", HardTanh.backward, draw_hard_tanh),
    Case("gated linear unit, split and joined", glu_backward, draw_glu),
]
