"""``check`` as people meet it: their own names, containers and habits, right and mistaken."""

from __future__ import annotations

import importlib.util
import sys
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import chainrule as cr
from chainrule.cli import main

RIGHT = {}
UNSURE = {}


def right(gradients):
    """Collect a check of a right pass, which has this many gradients."""
    return lambda build: RIGHT.setdefault(build.__name__, (build, gradients))[0]


def mistaken(build):
    """Collect a check of a pass that is not right, or that cannot be told to be."""
    UNSURE[build.__name__] = build
    return build


def normal(*shape, seed=0):
    return np.random.default_rng(seed + sum(shape)).normal(size=shape)


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


# Parameters, caches and gradients in dictionaries; 1/m only at the end.


def planar(X, parameters, Y):
    W1, b1, W2, b2 = (parameters[key] for key in ("W1", "b1", "W2", "b2"))
    A1 = np.tanh(np.dot(W1, X) + b1)
    A2 = sigmoid(np.dot(W2, A1) + b2)
    cost = -np.sum(Y * np.log(A2) + (1 - Y) * np.log(1 - A2)) / Y.shape[1]
    return cost, {"A1": A1, "A2": A2}


def planar_gradients(parameters, cache, X, Y):
    m = X.shape[1]
    A1 = cache["A1"]
    dZ2 = cache["A2"] - Y
    dW2 = 1 / m * np.dot(dZ2, A1.T)
    db2 = 1 / m * np.sum(dZ2, axis=1, keepdims=True)
    dZ1 = np.multiply(np.dot(parameters["W2"].T, dZ2), 1 - np.power(A1, 2))
    dW1 = 1 / m * np.dot(dZ1, X.T)
    db1 = 1 / m * np.sum(dZ1, axis=1, keepdims=True)
    return {"dW1": dW1, "db1": db1, "dW2": dW2, "db2": db2}


def planar_inputs():
    parameters = {"W1": normal(4, 2), "b1": normal(4, 1), "W2": normal(1, 4), "b2": normal(1, 1)}
    return normal(2, 5), parameters, (normal(1, 5) > 0).astype(int)


@right(4)
def gradients_in_a_dict():
    return cr.check(planar, planar_gradients, *planar_inputs())


@right(4)
def gradients_of_hidden_layers():
    def backward(parameters, cache, X, Y):
        grads = planar_gradients(parameters, cache, X, Y)
        grads["dA1"] = parameters["W2"].T @ (cache["A2"] - Y) / X.shape[1]
        return grads

    return cr.check(planar, backward, *planar_inputs())


def capa(entrada, pesos, sesgo):
    salida = sigmoid(entrada @ pesos + sesgo)
    return salida


def atras(gradiente, entrada, pesos, salida):
    error = gradiente * salida * (1 - salida)
    return error @ pesos.T, entrada.T @ error, error.sum(axis=0)


@right(3)
def spanish():
    return cr.check(capa, atras, normal(4, 3), normal(3, 2), normal(2))


def netz(x, W1, W2):
    z1 = x @ W1
    return np.maximum(z1, 0) @ W2


NETZ = (normal(4, 3), normal(3, 5), normal(5, 2))
WS = [normal(3, 4), normal(4, 2)]


def leibniz_back(dL_dy, x, W1, W2):
    z1 = x @ W1
    dL_dW2 = np.maximum(z1, 0).T @ dL_dy
    dL_dh = dL_dy @ W2.T
    dL_dz1 = dL_dh * (z1 > 0)
    dL_dW1 = x.T @ dL_dz1
    dL_dx = dL_dz1 @ W1.T
    return dL_dW1, dL_dW2, dL_dx


@right(3)
def leibniz():
    return cr.check(netz, leibniz_back, *NETZ)


@right(2)
def nabla():
    def backward(delta, x, W1, W2):
        nabla_W1, nabla_W2, _ = leibniz_back(delta, x, W1, W2)
        return nabla_W1, nabla_W2

    return cr.check(netz, backward, *NETZ)


# Parameters in lists, caches, results and arguments of other types.


@mistaken
def lists_in_the_wrong_order():
    def backward(g, x, Ws):
        return g @ Ws[1].T @ Ws[0].T, [(x @ Ws[0]).T @ g, x.T @ g @ Ws[1].T]

    return cr.check(lambda x, Ws: x @ Ws[0] @ Ws[1], backward, normal(5, 3), WS)


@right(1)
def upstream_beside_a_cache_of_its_name():
    def forward(x):
        hs = [x]
        for _ in range(3):
            hs.append(np.tanh(hs[-1]))
        return hs[-1], hs

    def backward(g_h, hs):
        for h in hs[:0:-1]:
            g_h = g_h * (1 - h**2)
        return g_h

    return cr.check(forward, backward, normal(4))


@dataclass
class Saved:
    x: np.ndarray
    h: np.ndarray
    scale: float = 2.0


def saving(x, w):
    h = np.tanh(x * w)
    return 2.0 * h, Saved(x, h)


def from_saved(dout, cache, w):
    t = cache.scale * dout * (1 - cache.h**2)
    return t * w, (t * cache.x).sum(0)


@right(2)
def dataclass_as_cache():
    return cr.check(saving, from_saved, normal(4, 3), normal(3))


@right(2)
def object_as_result():
    def backward(dout, cache, w):
        dx, dw = from_saved(dout, cache, w)
        return SimpleNamespace(dx=dx, dw=dw)

    return cr.check(saving, backward, normal(4, 3), normal(3))


@right(1)
def keyword_arguments():
    def forward(x, **options):
        return options.get("scale", 1.0) * x

    def backward(dout, **options):
        return options.get("scale", 1.0) * dout

    return cr.check(forward, backward, normal(3), scale=3.0)


@right(1)
def mixed_numbers():
    return cr.check(lambda x: x[0] * x[1], lambda x: [x[1], x[0]], [1.5, 2])


class Dense:
    def __init__(self, penalty=0.0):
        self.weights, self.biases, self.penalty = normal(3, 4), normal(1, 4), penalty

    def forward(self, inputs):
        self.inputs = inputs
        self.output = np.dot(inputs, self.weights) + self.biases

    def backward(self, dvalues):
        self.dweights = np.dot(self.inputs.T, dvalues) + 2 * self.penalty * self.weights
        self.dbiases = np.sum(dvalues, axis=0, keepdims=True)
        self.dinputs = np.dot(dvalues, self.weights.T)


class ReLU:
    def forward(self, inputs):
        self.inputs = inputs
        self.output = np.maximum(0, inputs)

    def backward(self, dvalues):
        self.dinputs = dvalues.copy()
        self.dinputs[self.inputs <= 0] = 0


class SoftmaxWithLoss:
    guard = 0.0

    def forward(self, x, t):
        self.t = t
        e = np.exp(x - x.max(axis=1, keepdims=True))
        self.y = e / e.sum(axis=1, keepdims=True)
        return -np.sum(np.log(self.y[np.arange(len(x)), self.t] + self.guard)) / len(x)

    def backward(self, dout=1):
        dx = self.y.copy()
        dx[np.arange(len(dx)), self.t] -= 1
        dx = dx * dout / len(dx)
        return dx


class Bare:
    def __init__(self):
        self.W, self.params, self.grads = normal(3, 2), [normal(3, 2)], [None]
        self.held = SimpleNamespace(data=normal(3, 2), grad=None)

    def forward(self, x):
        self.x = x
        return x @ self.weights()

    def backward(self, dout):
        dx = dout @ self.weights().T
        self.keep(2 * (self.x.T @ dout))
        return dx

    def weights(self):
        return self.W

    def keep(self, dW):
        self.dW = dW


@right(5)
def a_stack():
    labels = np.array([0, 2, 1, 1, 3])
    return cr.check([Dense(), ReLU(), SoftmaxWithLoss()], normal(5, 3), y_true=labels)


@right(3)
def penalty_of_the_whole_loss():
    return cr.check(Dense(penalty=5e-4), normal(5, 3))


@right(1)
def guarded_logarithm():
    loss = type("GuardedLoss", (SoftmaxWithLoss,), {"guard": 1e-7})()
    return cr.check(loss, normal(5, 4), y_true=np.array([0, 2, 1, 1, 3]))


@right(1)
def whole_numbers():
    return cr.check(ReLU(), np.array([[1, 2, -3], [-1, 5, 4]]))


def bare(**methods):
    return type("Layer", (Bare,), methods)()


@mistaken
def params_and_grads_in_lists():
    layer = bare(
        weights=lambda self: self.params[0],
        keep=lambda self, dW: self.grads.__setitem__(0, dW),
    )
    return cr.check(layer, normal(4, 3))


@mistaken
def parameter_objects():
    layer = bare(
        weights=lambda self: self.held.data,
        keep=lambda self, dW: setattr(self.held, "grad", dW),
    )
    return cr.check(layer, normal(4, 3))


@mistaken
def bound_methods():
    layer = Bare()
    return cr.check(layer.forward, layer.backward, normal(4, 3))


@right(1)
def update_inside():
    layer = bare(keep=lambda self, dW: setattr(self, "W", self.W - 0.1 * dW))
    return cr.check(layer, normal(4, 3))


@mistaken
def infinite_gradient():
    with np.errstate(all="ignore"):
        return cr.check(lambda x: np.sqrt(x).sum(), lambda x: 3 * x, np.zeros(3))


def holds(report, gradients):
    verdicts = [finding.verdict for finding in report.findings]
    return report.ok and verdicts.count("right") >= gradients


@pytest.mark.parametrize("name", RIGHT)
def test_a_right_pass_is_called_right(name):
    build, gradients = RIGHT[name]
    report = build()
    assert holds(report, gradients), str(report)


@pytest.mark.parametrize("name", UNSURE)
def test_a_mistaken_pass_is_not_called_right(name):
    assert not any(f.verdict == "right" and f.error is None for f in UNSURE[name]().findings)
    assert not holds(UNSURE[name](), 1)


TRAINING = """\
x, t, w = 1.5, 2.0, 0.3
for epoch in range({}):
    e = w * x - t
    loss = e**2
    de = 2 * e
    dw = de * x
    w = w - 0.1 * dw
"""


@pytest.mark.parametrize("epochs", [1, 3])
def test_a_training_loop_is_called_right(tmp_path, epochs, capsys):
    path = tmp_path / "training.py"
    path.write_text(TRAINING.format(epochs))
    assert main(["check", str(path)]) == 0, capsys.readouterr()


#: Case, what is right, what somebody writes instead, and the kind of the mistake.
MISTAKEN = [
    ("gradients_in_a_dict", "dW2 = 1 / m * np.dot(dZ2", "dW2 = np.dot(dZ2", "scale"),
    ("gradients_in_a_dict", 'dZ2 = cache["A2"] - Y', 'dZ2 = Y - cache["A2"]', "sign"),
    ("spanish", "gradiente * salida * (1", "gradiente * (1", "derivative-missing"),
    ("spanish", "error.sum(axis=0)", "error.mean(axis=0)", "sum-for-mean"),
    ("leibniz", "dL_dz1 = dL_dh * (z1 > 0)", "dL_dz1 = dL_dh * (dL_dh > 0)", "wrong-mask"),
    ("leibniz", "dL_dW1 = x.T @ dL_dz1", "dL_dW1 = x.T @ dL_dh", "wrong-operand"),
    ("dataclass_as_cache", "t = cache.scale * dout", "t = dout", "scale"),
    ("a_stack", "self.dinputs[self.inputs <= 0]", "self.dinputs[dvalues <= 0]", "wrong-mask"),
    ("a_stack", "dx = dx * dout / len(dx)", "dx = dx * dout", "scale"),
]


@pytest.mark.parametrize(("name", "before", "after", "kind"), MISTAKEN)
def test_a_mistake_is_found_at_its_line(tmp_path, monkeypatch, name, before, after, kind):
    above, below = Path(__file__).read_text(encoding="utf-8").split(before, 1)
    copy = tmp_path / "mistaken_pass.py"
    copy.write_text(above + after + below, encoding="utf-8")
    spec = importlib.util.spec_from_file_location(copy.stem, copy)
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, copy.stem, module)
    spec.loader.exec_module(module)
    report = module.RIGHT[name][0]()
    first = report.first_wrong
    assert first is not None, str(report)
    assert first.where.line == above.count("\n") + 1, str(report)
    assert first.mistake == kind, str(report)
