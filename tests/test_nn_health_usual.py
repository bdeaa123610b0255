"""Usual networks on scans of digits, of which nothing worse than a note may be said."""

import numpy as np
import pytest

from chainrule import nn
from chainrule.nn.health import health

CE = {"loss": "cross_entropy", "optimizer": nn.Adam()}


def made(*layers, seed=0, x):
    model = nn.Sequential(*layers)
    model.initialise(x.shape[1:], seed=seed)
    return model


USUAL = {
    "relu": lambda: [nn.Dense(64), nn.ReLU(), nn.Dense(32), nn.ReLU(), nn.Dense(10)],
    "deep": lambda: [x for _ in range(6) for x in (nn.Dense(64), nn.ReLU())] + [nn.Dense(10)],
    "tanh": lambda: [nn.Dense(64, init="glorot"), nn.Tanh(), nn.Dense(10, init="glorot")],
    "sigmoid": lambda: [nn.Dense(64), nn.Sigmoid(), nn.Dense(10)],
    "batchnorm": lambda: [
        nn.Dense(64), nn.BatchNorm(), nn.ReLU(), nn.Dropout(0.3), nn.Dense(32), nn.BatchNorm(),
        nn.ReLU(), nn.Dropout(0.3), nn.Dense(10),
    ],
    "layernorm": lambda: [nn.Dense(64), nn.LayerNorm(), nn.GELU(), nn.Dense(10)],
    "linear": lambda: [nn.Dense(10)],
}  # fmt: skip


@pytest.fixture(scope="module")
def digits():
    datasets = pytest.importorskip("sklearn.datasets")
    x, y = datasets.load_digits(return_X_y=True)
    return (x / 16).astype(np.float32), y


@pytest.mark.parametrize("name", USUAL)
def test_usual_networks_on_digits_are_well_before_training(name, digits):
    x, y = digits
    for seed in range(10):
        found = health(made(*USUAL[name](), seed=seed, x=x), x, y, **CE)
        assert found.ok, str(found)


@pytest.mark.parametrize("name", ["relu", "batchnorm", "layernorm", "tanh"])
def test_usual_networks_on_digits_are_well_after_training(name, digits):
    x, y = digits
    model = made(*USUAL[name](), x=x)
    model.fit(x, y, epochs=8, verbose=0, executor="numpy", **CE)
    found = health(model, x, y, **CE)
    assert found.ok, str(found)
    assert found.loss < 0.6
