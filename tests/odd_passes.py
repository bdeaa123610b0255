"""Passes in forms that are seldom written, right and wrong; `# here` stands at the mistake."""

import functools

import numpy as np
from bad_passes import LABELS, PARAMETERS, PROBABILITIES, Dense, W, X, tanh, tanh_back


def tanh_wrong(dy, x):
    dx = dy * (1 - np.tanh(x))  # here
    return dx


tanh_lambda = lambda x: np.tanh(x)  # noqa: E731
back_lambda = lambda dy, x: dy * (1 - np.tanh(x) ** 2)  # noqa: E731
wrong_lambda = lambda dy, x: dy * (1 - np.tanh(x))  # noqa: E731  # here


def decorated(f):
    @functools.wraps(f)
    def inner(*args, **kwargs):
        return f(*args, **kwargs)

    return inner


def decorated_without_a_trace(f):
    def inner(*args, **kwargs):
        return f(*args, **kwargs)

    return inner


def scaled(x, scale=1.0):
    return np.tanh(x) * scale


def scaled_back(dy, x, scale):
    return dy * (1 - np.tanh(x) ** 2) * scale


def scaled_wrong(dy, x, scale):
    dx = dy * (1 - np.tanh(x) ** 2) + 0 * scale  # here
    return dx


class Tanh:
    def __call__(self, x):
        return np.tanh(x)


class TanhBack:
    def __call__(self, dy, x):
        return dy * (1 - np.tanh(x) ** 2)


class TanhWrong:
    def __call__(self, dy, x):
        dx = dy * (1 - np.tanh(x))  # here
        return dx


def counting():
    calls = 0

    def counted(dy, x):
        nonlocal calls
        calls += 1
        dx = dy * (1 - np.tanh(x) ** 2)
        return dx

    return counted


def counting_wrong():
    calls = 0

    def counted(dy, x):
        nonlocal calls
        calls += 1
        dx = dy * (1 - np.tanh(x))  # here
        return dx

    return counted


def with_a_factor(factor):
    def backward(dy, x):
        dx = dy * (1 - np.tanh(x) ** 2) * factor  # here
        return dx

    return backward


def by_keyword(dy, *, x):
    return tanh_back(dy, x)


def by_keyword_wrong(dy, *, x):
    dx = dy * (1 - np.tanh(x))  # here
    return dx


def total(*xs):
    return xs[0] * 2 + xs[1]


def total_back(dy, *xs):
    return dy * 2, dy


def total_wrong(dy, *xs):
    return dy * 2, -dy  # here


def network(x, params):
    z = x @ params["first"]["W"] + params["first"]["b"]
    h = np.tanh(z)
    return h @ params["second"]["W"]


def network_back(dy, x, params):
    h = np.tanh(x @ params["first"]["W"] + params["first"]["b"])
    dz = (dy @ params["second"]["W"].T) * (1 - h**2)
    return {"first": {"W": x.T @ dz, "b": dz.sum(0)}, "second": {"W": h.T @ dy}}


def network_wrong(dy, x, params):
    h = np.tanh(x @ params["first"]["W"] + params["first"]["b"])
    dz = (dy @ params["second"]["W"].T) * (1 - h)  # here
    return {"first": {"W": x.T @ dz, "b": dz.sum(0)}, "second": {"W": h.T @ dy}}


def squares(x):
    return sum(v * v for v in x)


def squares_back(x):
    return [2 * v for v in x]


def squares_wrong(x):
    dx = [v for v in x]  # noqa: C416  # here
    return dx


def log_loss(y_pred, y_true):
    return -np.mean(np.log(y_pred[np.arange(len(y_pred)), y_true]))


def log_loss_back(y_pred, y_true):
    dy_pred = np.zeros_like(y_pred)
    rows = np.arange(len(y_pred))
    dy_pred[rows, y_true] = -1 / y_pred[rows, y_true] / len(y_pred)
    return dy_pred


def log_loss_wrong(y_pred, y_true):
    dy_pred = np.zeros_like(y_pred)
    rows = np.arange(len(y_pred))
    dy_pred[rows, y_true] = -1 / y_pred[rows, y_true]  # here
    return dy_pred


def printing(x):
    print("forward")
    return np.tanh(x)


def printing_wrong(dy, x):
    print("backward")
    dx = dy * (1 - np.tanh(x))  # here
    return dx


_NAMES = {"np": np}
exec(
    "def forward(x):\n    return np.tanh(x)\n"
    "def backward(dy, x):\n    dx = dy * (1 - np.tanh(x) ** 2)\n    return dx\n"
    "def wrong(dy, x):\n    dx = dy * (1 - np.tanh(x))\n    return dx\n",
    _NAMES,
)
exec_forward, exec_back, exec_wrong = (_NAMES[n] for n in ("forward", "backward", "wrong"))


class WithSlots:
    __slots__ = ("dinputs", "dweights", "inputs", "output", "weights")

    def __init__(self):
        self.weights = W.copy()

    def forward(self, inputs):
        self.inputs, self.output = inputs, inputs @ self.weights

    def backward(self, dvalues):
        self.dweights = self.inputs.T @ dvalues
        self.dinputs = dvalues @ self.weights.T


class WrongWithSlots(WithSlots):
    __slots__ = ()

    def backward(self, dvalues):
        self.dweights = 2 * self.inputs.T @ dvalues  # here
        self.dinputs = dvalues @ self.weights.T


class WithSuper(Dense):
    """The gradients are set where the base class is written."""

    def forward(self, inputs):
        super().forward(inputs)
        self.output = np.tanh(self.output)

    def backward(self, dvalues):
        super().backward(dvalues * (1 - self.output**2))


class WrongWithSuper(WithSuper):
    def backward(self, dvalues):
        dz = dvalues * (1 - self.output)  # here
        Dense.backward(self, dz)


class WrongDense(Dense):
    def backward(self, dvalues):
        self.dweights = 2 * self.inputs.T @ dvalues  # here
        self.dbiases = np.sum(dvalues, axis=0, keepdims=True)
        self.dinputs = dvalues @ self.weights.T


class SuperOfWrong(WrongDense):
    def backward(self, dvalues):
        super().backward(dvalues)


class NotCopied(Dense):
    def __deepcopy__(self, memo):
        raise TypeError("there is one of it")


class NotCopiedAndWrong(WrongDense):
    def __deepcopy__(self, memo):
        raise TypeError("there is one of it")


class LogLoss:
    def forward(self, y_pred, y_true):
        return -np.log(y_pred[np.arange(len(y_pred)), y_true])

    def backward(self, dvalues, y_true):
        rows = np.arange(len(dvalues))
        self.dinputs = np.zeros_like(dvalues)
        self.dinputs[rows, y_true] = -1 / dvalues[rows, y_true] / len(dvalues)


class WrongLogLoss(LogLoss):
    def backward(self, dvalues, y_true):
        rows = np.arange(len(dvalues))
        self.dinputs = np.zeros_like(dvalues)
        self.dinputs[rows, y_true] = -1 / dvalues[rows, y_true]  # here


def linked(layer):
    """Give a layer its neighbours, as a model does that goes from one to the next."""
    other = Dense()
    layer.next, other.prev = other, layer
    return layer


SCALED = functools.partial(scaled, scale=3.0)
NETWORK = [f"params['{a}']['{b}']" for a, b in (("first", "W"), ("first", "b"), ("second", "W"))]
DENSE = ["self.weights", "self.biases", "inputs"]

# The right pass, the wrong one, and the values that have a gradient.
FORMS = {
    "lambdas": ((tanh_lambda, back_lambda, X), (tanh_lambda, wrong_lambda, X), "x"),
    "NumPy's own forward": ((np.tanh, back_lambda, X), (np.tanh, tanh_wrong, X), "x0"),
    "partial": (
        (SCALED, functools.partial(scaled_back, scale=3.0), X),
        (SCALED, functools.partial(scaled_wrong, scale=3.0), X),
        "x",
    ),
    "decorated": (
        (decorated(tanh), decorated(tanh_back), X),
        (decorated(tanh), decorated(tanh_wrong), X),
        "x",
    ),
    "objects that are called": (
        (Tanh(), TanhBack(), X),
        (Tanh(), TanhWrong(), X),
        "x",
    ),
    "a nonlocal": (
        (tanh, counting(), X),
        (tanh, counting_wrong(), X),
        "x",
    ),
    "a closure": (
        (tanh, with_a_factor(1.0), X),
        (tanh, with_a_factor(2.0), X),
        "x",
    ),
    "by keyword only": (
        (tanh, by_keyword, X),
        (tanh, by_keyword_wrong, X),
        "x",
    ),
    "any number": (
        (total, total_back, X, X + 1),
        (total, total_wrong, X, X + 1),
        "xs[0] xs[1]",
    ),
    "nested dicts": (
        (network, network_back, X, PARAMETERS),
        (network, network_wrong, X, PARAMETERS),
        " ".join(NETWORK),
    ),
    "a list of numbers": (
        (squares, squares_back, [1.0, 2.0, 3.0]),
        (squares, squares_wrong, [1.0, 2.0, 3.0]),
        "x",
    ),
    "labels by position": (
        (log_loss, log_loss_back, PROBABILITIES, LABELS),
        (log_loss, log_loss_wrong, PROBABILITIES, LABELS),
        "y_pred",
    ),
    "printing": (
        (printing, tanh_back, X),
        (printing, printing_wrong, X),
        "x",
    ),
    "super": ((WithSuper(), X), (WrongWithSuper(), X), " ".join(DENSE)),
    "a base class": ((Dense(), X), (SuperOfWrong(), X), " ".join(DENSE)),
    "not copied": ((NotCopied(), X), (NotCopiedAndWrong(), X), " ".join(DENSE)),
    "a stack": (([Dense()], X), ([WrongDense()], X), " ".join(DENSE)),
    "labels of a loss by position": (
        (LogLoss(), PROBABILITIES, LABELS),
        (WrongLogLoss(), PROBABILITIES, LABELS),
        "y_pred",
    ),
}
