import numpy as np

from passes.case import Case


class Dense:
    def __init__(self, rng, n_inputs, n_neurons):
        self.weights = rng.normal(size=(n_inputs, n_neurons)) / np.sqrt(n_inputs)
        self.biases = 0.1 * rng.normal(size=(1, n_neurons))

    def forward(self, inputs):
        self.inputs = inputs
        self.output = inputs @ self.weights + self.biases

    def backward(self, dvalues):
        self.dweights = self.inputs.T @ dvalues
        self.dbiases = dvalues.sum(axis=0, keepdims=True)
        self.dinputs = dvalues @ self.weights.T


class ReLU:
    def forward(self, inputs):
        self.inputs = inputs
        self.output = np.maximum(0, inputs)

    def backward(self, dvalues):
        self.dinputs = dvalues.copy()
        self.dinputs[self.inputs <= 0] = 0


class Softmax:
    def forward(self, inputs):
        e = np.exp(inputs - inputs.max(axis=1, keepdims=True))
        self.output = e / e.sum(axis=1, keepdims=True)


class CategoricalCrossentropy:
    def forward(self, y_pred, y_true):
        return -np.log(y_pred[range(len(y_pred)), y_true])


class SoftmaxAndLoss:
    """Holds the two objects whose backward passes simplify to one."""

    def __init__(self):
        self.activation = Softmax()
        self.loss = CategoricalCrossentropy()

    def forward(self, inputs, y_true):
        self.activation.forward(inputs)
        self.output = self.activation.output
        return np.mean(self.loss.forward(self.output, y_true))

    def backward(self, dvalues, y_true):
        samples = len(dvalues)
        self.dinputs = dvalues.copy()
        self.dinputs[range(samples), y_true] -= 1
        self.dinputs = self.dinputs / samples


def draw_classifier(rng):
    n, d, h, k = rng.permutation([3, 4, 5, 6])
    inputs, y_true = rng.normal(size=(n, d)), rng.integers(k, size=n)
    first, last = Dense(rng, d, h), Dense(rng, h, k)
    if rng.integers(10) == 0:
        # One unit's input is exactly 0 for one sample.
        inputs[0], first.biases[0, 0] = 0, 0
    return ([first, ReLU(), last, SoftmaxAndLoss()], inputs), {"y_true": y_true}


class Linear:
    def __init__(self, W, b):
        self.params = {"W": W, "b": b}
        self.grads = {}

    def forward(self, x):
        self.x = x
        return x @ self.params["W"] + self.params["b"]

    def backward(self, dout):
        self.grads["W"] = self.x.T @ dout
        self.grads["b"] = dout.sum(axis=0)
        return dout @ self.params["W"].T


class Tanh:
    def forward(self, x):
        self.out = np.tanh(x)
        return self.out

    def backward(self, dout):
        dx = dout * (1 - self.out**2)
        return dx


class MSE:
    def forward(self, y_pred, y_true):
        self.diff = y_pred - y_true
        return np.mean(self.diff**2)

    def backward(self, y_pred, y_true):
        return 2 * (y_pred - y_true) / y_pred.size


def draw_regression(rng):
    n, d, h, k = rng.permutation([2, 3, 4, 5])
    layers = [
        Linear(rng.normal(size=(d, h)), rng.normal(size=h)),
        Tanh(),
        Linear(rng.normal(size=(h, k)), rng.normal(size=k)),
        MSE(),
    ]
    return (layers, rng.normal(size=(n, d))), {"y_true": rng.normal(size=(n, k))}


class Flatten:
    def forward(self, inputs):
        self.shape = inputs.shape
        self.output = inputs.reshape(len(inputs), -1)

    def backward(self, dvalues):
        self.dinputs = dvalues.reshape(self.shape)


class Sigmoid:
    def forward(self, inputs):
        self.output = 1 / (1 + np.exp(-inputs))

    def backward(self, dvalues):
        self.dinputs = dvalues * self.output * (1 - self.output)


class BinaryCrossentropy:
    def forward(self, y_pred, y_true):
        losses = -(y_true * np.log(y_pred) + (1 - y_true) * np.log(1 - y_pred))
        return np.mean(losses, axis=-1)

    def backward(self, dvalues, y_true):
        samples, outputs = dvalues.shape
        self.dinputs = -(y_true / dvalues - (1 - y_true) / (1 - dvalues))
        self.dinputs = self.dinputs / outputs / samples


def draw_images(rng):
    n, m = rng.permutation([3, 4])
    layers = [Flatten(), Dense(rng, 6, m), Sigmoid(), BinaryCrossentropy()]
    return (layers, rng.normal(size=(n, 2, 3))), {"y_true": rng.integers(2, size=(n, m))}


class BatchNorm:
    def __init__(self, gamma, beta):
        self.gamma = gamma
        self.beta = beta

    def forward(self, inputs):
        self.std = np.sqrt(inputs.var(axis=0) + 1e-3)
        self.normed = (inputs - inputs.mean(axis=0)) / self.std
        self.output = self.gamma * self.normed + self.beta

    def backward(self, dvalues):
        self.dgamma = np.sum(dvalues * self.normed, axis=0)
        self.dbeta = np.sum(dvalues, axis=0)
        dnormed = dvalues * self.gamma
        self.dinputs = dnormed - dnormed.mean(axis=0)
        self.dinputs -= self.normed * np.mean(dnormed * self.normed, axis=0)
        self.dinputs /= self.std


class Dropout:
    def __init__(self, rate):
        self.keep = 1 - rate

    def forward(self, inputs):
        self.mask = np.random.uniform(size=inputs.shape) < self.keep
        self.output = np.where(self.mask, inputs / self.keep, 0)

    def backward(self, dvalues):
        self.dinputs = np.where(self.mask, dvalues / self.keep, 0)


def draw_normalised(rng):
    n, d, h, k = rng.permutation([3, 4, 5, 6])
    norm = BatchNorm(rng.normal(size=h), rng.normal(size=h))
    layers = [Dense(rng, d, h), norm, ReLU(), Dropout(0.2), Dense(rng, h, k)]
    return (layers, rng.normal(size=(n, d))), {"upstream": rng.normal(size=(n, k))}


class Embedding:
    def __init__(self, table):
        self.table = table

    def forward(self, ids):
        self.ids = ids
        return self.table[ids]

    def backward(self, dout):
        self.dtable = np.zeros_like(self.table)
        np.add.at(self.dtable, self.ids, dout)


class MeanOverTime:
    def forward(self, x):
        self.shape = x.shape
        return x.mean(axis=1)

    def backward(self, dout):
        steps = self.shape[1]
        return np.broadcast_to(dout[:, None, :] / steps, self.shape)


def draw_sentences(rng):
    n, t, d, k = rng.permutation([2, 3, 4, 5])
    linear = Linear(rng.normal(size=(d, k)), rng.normal(size=k))
    layers = [Embedding(rng.normal(size=(6, d))), MeanOverTime(), linear, SoftmaxAndLoss()]
    return (layers, rng.integers(6, size=(n, t))), {"y_true": rng.integers(k, size=n)}


CASES = [
    Case("stack, dense layers and a softmax loss", Dense.backward, draw_classifier),
    Case("stack, softmax and loss of two objects", SoftmaxAndLoss.backward, draw_classifier),
    Case("stack, regression with tanh, layers that return dX", Tanh.backward, draw_regression),
    Case("stack, flattened images and a sigmoid", BinaryCrossentropy.backward, draw_images),
    Case("stack, batch norm and dropout", BatchNorm.backward, draw_normalised),
    Case("stack, embedding and mean over time", MeanOverTime.backward, draw_sentences),
]
