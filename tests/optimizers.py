"""All optimizers with their options, and a small regression to try them on."""

import numpy as np

import chainrule as cr
from chainrule import nn
from chainrule.nn import schedules, transformations

#: Name -> optimizer. The same names stand in test_peers_nn_optimizers.py, with PyTorch's twins.
OPTIMIZERS = {
    "sgd": nn.SGD(0.05),
    "sgd momentum": nn.SGD(0.02, momentum=0.9),
    "sgd nesterov": nn.SGD(0.02, momentum=0.9, nesterov=True),
    "sgd decay": nn.SGD(0.02, momentum=0.8, weight_decay=0.01),
    "sgd nesterov decay": nn.SGD(0.02, momentum=0.8, nesterov=True, weight_decay=0.01),
    "sgd norm": nn.SGD(0.05, momentum=0.5, weight_decay=0.01, clip_norm=0.3),
    "sgd value": nn.SGD(0.05, clip_value=0.05),
    "sgd value norm": nn.SGD(0.05, clip_value=0.2, clip_norm=0.3),
    "sgd step": nn.SGD(schedules.step(0.1, every=30, factor=0.5), momentum=0.5),
    "adagrad": nn.AdaGrad(0.05),
    "adagrad decay norm": nn.AdaGrad(0.05, eps=1e-6, weight_decay=0.01, clip_norm=0.3),
    "rmsprop": nn.RMSProp(0.003),
    "rmsprop momentum": nn.RMSProp(0.002, alpha=0.9, momentum=0.7, weight_decay=0.01),
    "rmsprop centered": nn.RMSProp(0.002, alpha=0.9, eps=1e-6, centered=True),
    "rmsprop all": nn.RMSProp(0.002, momentum=0.5, centered=True, clip_value=0.1),
    "adam": nn.Adam(0.01),
    "adam betas": nn.Adam(0.01, b1=0.8, b2=0.95, eps=1e-6),
    "adam without momentum": nn.Adam(0.01, b1=0.0),
    "adam decay": nn.Adam(0.01, weight_decay=0.05),
    "adam norm": nn.Adam(0.01, clip_norm=0.3),
    "adam value": nn.Adam(0.01, clip_value=0.05),
    "adam cosine": nn.Adam(schedules.cosine(0.02, 150, lowest=0.001)),
    "adam one cycle": nn.Adam(schedules.one_cycle(0.02, 200)),
    "adam warm-up": nn.Adam(schedules.warm_up(schedules.cosine(0.02, 180), 20)),
    "adamw": nn.AdamW(0.01),
    "adamw decay": nn.AdamW(schedules.step(0.02, every=50), weight_decay=0.3, clip_norm=0.3),
    "lion": nn.Lion(0.003),
    "lion decay": nn.Lion(0.003, b1=0.8, b2=0.95, weight_decay=0.3),
    "composed": nn.Composed(
        transformations.scale_by_rms(),
        transformations.momentum(0.5),
        transformations.momentum(0.3),
        transformations.scale(schedules.cosine(0.01, 100)),
    ),
}


def parameters(dtype=np.float64):
    """Nested, as those of layers are."""
    r = np.random.default_rng(0)

    def layer(*shape):
        return {
            "W": (r.normal(size=shape) / np.sqrt(shape[0])).astype(dtype),
            "b": np.zeros(shape[1], dtype),
        }

    return {"dense1": layer(3, 8), "dense2": layer(8, 2)}


def rows(count, dtype=np.float64):
    r = np.random.default_rng(1)
    X = r.normal(size=(count, 3))
    Y = np.stack([np.sin(X[:, 0]) + X[:, 1], X[:, 1] * X[:, 2]], axis=1)
    return X.astype(dtype), Y.astype(dtype)


def loss(params, X, Y):
    one, two = params["dense1"], params["dense2"]
    hidden = np.tanh(X @ one["W"] + one["b"])
    return np.mean((hidden @ two["W"] + two["b"] - Y) ** 2)


def training_step(optimizer):
    """Return a step as `cr.epoch` takes it."""

    def step(carry, X, Y):
        params, state = carry
        value, gradients = cr.value_and_grad(loss)(params, X, Y)
        return optimizer.apply(params, gradients, state), value

    return step


def trained(optimizer, params, data, steps, size):
    """Return the carry and the losses after some steps, each on the next rows, round and round."""
    step = training_step(optimizer)
    carry, losses = (params, optimizer.init(params)), []
    count = len(data[0]) // size
    for k in range(steps):
        at = slice((k % count) * size, (k % count + 1) * size)
        carry, value = step(carry, *(d[at] for d in data))
        losses.append(value)
    return carry, np.array(losses)
