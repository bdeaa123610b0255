"""Backward passes that no pass may be like; `# here` stands at the line to be found."""

import warnings

import numpy as np

R = np.random.default_rng(0)
X, W = R.normal(size=(3, 4)), R.normal(size=(4, 2))
PARAMETERS = {
    "first": {"W": R.normal(size=(4, 5)), "b": R.normal(size=5)},
    "second": {"W": R.normal(size=(5, 2))},
}
PROBABILITIES = np.exp(X) / np.sum(np.exp(X), axis=1, keepdims=True)
LABELS = np.array([2, 0, 1])


def tanh(x):
    return np.tanh(x)


def tanh_back(dy, x):
    return dy * (1 - np.tanh(x) ** 2)


def relu(x):
    return np.maximum(x, 0)


def product(x, w):
    return x @ w


def product_back(dy, x, w):
    return dy @ w.T, x.T @ dy


# -- it raises, or gives no gradients ----------------------------------------------------------


def raises(dy, x, w):
    dx = dy @ w.T
    raise KeyError(dx.shape)  # here


def raises_in_numpy(dy, x, w):
    dx = dy @ w.T
    dw = x @ dy.reshape(7)  # here
    return dx, dw


def reshaped(dy):
    return dy.reshape(7)  # here


def raises_in_a_helper(dy, x, w):
    dw = reshaped(dy)
    return dy @ w.T, dw


def warns(dy, x):
    warnings.warn("not so", stacklevel=1)  # here
    return tanh_back(dy, x)


def forward_raises(x, w):
    return x @ w.T  # here


def forward_raises_in_a_helper(x, w):
    return reshaped(x @ w)


def forward_without_end(x, w):
    return forward_without_end(x, w)  # here


def returns_none(dy, x, w):  # here
    product_back(dy, x, w)


def returns_none_for_each(dy, x, w):
    return None, None  # here


def returns_an_empty_dict(dy, x, w):
    return {}  # here


def returns_three(dy, x, w):
    dx, dw = product_back(dy, x, w)
    return dy, dx, dw  # here


def returns_another_key(dy, x, w):
    dx, dw = product_back(dy, x, w)
    return {"dx": dx, "dv": dw}  # here


# -- gradients that are none -------------------------------------------------------------------


def wrong_shape(dy, x, w):
    dw = (x.T @ dy)[:2]  # here
    return dy @ w.T, dw


def a_string(dy, x, w):
    dx = "dx"  # here
    return dx, x.T @ dy


def unequal_lists(dy, x, w):
    dw = [[1.0, 2.0], [3.0]]  # here
    return dy @ w.T, dw


def objects(dy, x, w):
    dw = np.array([object()] * 8).reshape(4, 2)  # here
    return dy @ w.T, dw


def yields(dy, x):  # here
    yield tanh_back(dy, x)


def over_zero(dy, x, w):
    dx = dy @ w.T / 0.0  # here
    return dx, x.T @ dy


def one_nan(dy, x, w):
    dx = dy @ w.T
    dx[0, 0] = np.nan  # here
    return dx, x.T @ dy


def over_what_cancels(dy, x):
    dx = dy / (x - x)  # here
    return dx


# -- it changes what is not its own ------------------------------------------------------------


def writes_into_an_input(dy, x, w):
    dx, dw = dy @ w.T, x.T @ dy
    x *= 0  # here
    return dx, dw


def writes_into_the_upstream(dy, x):
    dy[x <= 0] = 0  # here
    return dy


class MaskInPlace:
    def forward(self, inputs):
        self.inputs = inputs
        self.output = np.maximum(0, inputs)

    def backward(self, dvalues):
        self.dinputs = dvalues
        self.dinputs[self.inputs <= 0] = 0  # here


# -- it is random, or remembers ----------------------------------------------------------------


def dropped(x):
    mask = np.random.random(x.shape) > 0.5
    return x * mask


def other_mask(dy, x):
    mask = np.random.random(x.shape) > 0.5  # here
    dx = dy * mask
    return dx


def noise_of_its_own():
    rng = np.random.default_rng(2)

    def backward(dy, x):
        dx = tanh_back(dy, x) + rng.normal(size=x.shape)  # here
        return dx

    return backward


class Dropout:
    def __init__(self):
        self.rng = np.random.default_rng(0)

    def forward(self, inputs):
        self.mask = self.rng.random(inputs.shape) > 0.5
        self.output = inputs * self.mask

    def backward(self, dvalues):
        self.dinputs = dvalues * self.mask


class DropoutWithAnotherMask(Dropout):
    def backward(self, dvalues):
        self.mask = self.rng.random(dvalues.shape) > 0.5  # here
        self.dinputs = dvalues * self.mask


class Dense:
    def __init__(self):
        self.weights, self.biases = W.copy(), np.zeros((1, 2))

    def forward(self, inputs):
        self.inputs = inputs
        self.output = inputs @ self.weights + self.biases

    def backward(self, dvalues):
        self.dweights = self.inputs.T @ dvalues
        self.dbiases = np.sum(dvalues, axis=0, keepdims=True)
        self.dinputs = dvalues @ self.weights.T


class Accumulating(Dense):
    def __init__(self):
        super().__init__()
        self.dweights = np.zeros((4, 2))

    def backward(self, dvalues):
        self.dweights += self.inputs.T @ dvalues  # here
        self.dinputs = dvalues @ self.weights.T


class KeepsTheFirstBatch(Dense):
    def __init__(self):
        super().__init__()
        self.inputs = None

    def forward(self, inputs):
        if self.inputs is None:
            self.inputs = inputs  # here
        self.output = inputs @ self.weights + self.biases


TOTAL = {"w": 0.0}


def adds_to_a_global(dy, x, w):
    TOTAL["w"] = TOTAL["w"] + x.T @ dy  # here
    return dy @ w.T, TOTAL["w"]


def adds_to_a_nonlocal():
    total = 0.0

    def backward(dy, x):
        nonlocal total
        total = total + tanh_back(dy, x)  # here
        return total

    return backward


class UpdatesTooEarly(Dense):
    def backward(self, dvalues):
        self.dweights = self.inputs.T @ dvalues
        self.weights -= 0.1 * self.dweights  # here
        self.dinputs = dvalues @ self.weights.T


# -- objects that go wrong ---------------------------------------------------------------------


class ForwardRaises(Dense):
    def forward(self, inputs):
        self.output = inputs @ self.wieghts  # here


class BackwardRaises(Dense):
    def backward(self, dvalues):
        self.dinputs = dvalues @ self.wieghts.T  # here


class LeavesNothing(Dense):
    def backward(self, dvalues):  # here
        pass


class WrongShape(Dense):
    def backward(self, dvalues):
        self.dbiases = np.sum(dvalues, axis=1)  # here
        self.dinputs = dvalues @ self.weights.T


class NoBackward:
    def forward(self, inputs):
        return inputs
