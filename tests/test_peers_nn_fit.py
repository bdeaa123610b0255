"""Loss curves of ``fit`` equal PyTorch's over 200 steps: each layer, loss and optimizer."""

import functools

import numpy as np
import pytest

from chainrule import nn
from chainrule.nn.random import uniform

pytestmark = pytest.mark.peers

STEPS, ROWS, FEATURES, CLASSES = 200, 48, 6, 3
R = np.random.default_rng(0)
X = R.normal(size=(ROWS, FEATURES))
LABELS = R.integers(0, CLASSES, ROWS)
REAL = R.normal(size=(ROWS, CLASSES))
BINARY = R.integers(0, 2, (ROWS, CLASSES))


@pytest.fixture
def torch():
    torch = pytest.importorskip("torch")
    torch.set_default_dtype(torch.float64)
    yield torch
    torch.set_default_dtype(torch.float32)


class Dropped:
    """PyTorch's side of dropout, by the numbers that chainrule draws."""

    def __init__(self, rate, layer):
        self.rate, self.layer, self.step = rate, layer, 0

    def __call__(self, torch, x):
        u = uniform(0, np.array(self.step), self.layer, tuple(x.shape))
        self.step += 1
        return torch.where(torch.tensor(u >= self.rate), x / (1 - self.rate), 0.0)


#: Layer between two dense ones -> the same of PyTorch's.
LAYERS = {
    "relu": (nn.ReLU, lambda t: t.nn.ReLU()),
    "leaky relu": (nn.LeakyReLU, lambda t: t.nn.LeakyReLU()),
    "elu": (nn.ELU, lambda t: t.nn.ELU()),
    "gelu": (nn.GELU, lambda t: t.nn.GELU()),
    "silu": (nn.SiLU, lambda t: t.nn.SiLU()),
    "sigmoid": (nn.Sigmoid, lambda t: t.nn.Sigmoid()),
    "tanh": (nn.Tanh, lambda t: t.nn.Tanh()),
    "softplus": (nn.Softplus, lambda t: t.nn.Softplus()),
    "softmax": (nn.Softmax, lambda t: t.nn.Softmax(-1)),
    "layer norm": (nn.LayerNorm, lambda t: t.nn.LayerNorm(8)),
    "batch norm": (nn.BatchNorm, lambda t: t.nn.BatchNorm1d(8)),
    "dropout": (lambda: nn.Dropout(0.3), lambda t: functools.partial(Dropped(0.3, 1), t)),
}
#: Loss -> its target, and the same of PyTorch's.
LOSSES = {
    "mse": (nn.mse, REAL, lambda f: f.mse_loss),
    "mae": (nn.mae, REAL, lambda f: f.l1_loss),
    "huber": (nn.huber, REAL, lambda f: f.huber_loss),
    "binary cross-entropy": (
        nn.binary_cross_entropy, BINARY, lambda f: f.binary_cross_entropy_with_logits),
    "cross-entropy": (nn.cross_entropy, LABELS, lambda f: f.cross_entropy),
    "one-hot": (nn.cross_entropy, np.eye(CLASSES)[LABELS], lambda f: f.cross_entropy),
    "smoothed": (
        functools.partial(nn.cross_entropy, label_smoothing=0.1), LABELS,
        lambda f: functools.partial(f.cross_entropy, label_smoothing=0.1)),
    "hinge": (nn.hinge, 2 * BINARY - 1, lambda f: lambda p, t: (1 - t * p).clamp(min=0).mean()),
}  # fmt: skip
OPTIMIZERS = {
    "sgd": (nn.SGD(0.05), lambda o, p: o.SGD(p, 0.05)),
    "momentum": (nn.SGD(0.02, momentum=0.9), lambda o, p: o.SGD(p, 0.02, momentum=0.9)),
    "nesterov": (
        nn.SGD(0.02, momentum=0.9, nesterov=True),
        lambda o, p: o.SGD(p, 0.02, momentum=0.9, nesterov=True)),
    "adagrad": (nn.AdaGrad(0.05), lambda o, p: o.Adagrad(p, 0.05)),
    "rmsprop": (nn.RMSProp(0.003), lambda o, p: o.RMSprop(p, 0.003)),
    "adam": (nn.Adam(0.003), lambda o, p: o.Adam(p, 0.003)),
    "adamw": (
        nn.AdamW(0.003, weight_decay=0.1), lambda o, p: o.AdamW(p, 0.003, weight_decay=0.1)),
}  # fmt: skip


def compare(torch, layer="tanh", loss="cross-entropy", optimizer="adam", batch=16):
    mine, theirs = LAYERS[layer]
    measured, target, their_loss = LOSSES[loss]
    own, their_optimizer = OPTIMIZERS[optimizer]
    model = nn.Sequential(nn.Dense(8), mine(), nn.Dense(CLASSES))
    model.initialise((FEATURES,), 1, float)
    parts = [torch.nn.Linear(FEATURES, 8), theirs(torch), torch.nn.Linear(8, CLASSES)]
    for part, name in ((parts[0], "dense1"), (parts[2], "dense2")):
        part.weight.data = torch.tensor(model.params[name]["W"].T.copy())
        part.bias.data = torch.tensor(model.params[name]["b"].copy())
    modules = [p for p in parts if isinstance(p, torch.nn.Module)]
    params = [p for m in modules for p in m.parameters()]
    taking = their_optimizer(torch.optim, params)
    expected = []
    while len(expected) < STEPS:
        for start in range(0, ROWS, batch):
            value = torch.tensor(X[start : start + batch])
            for part in parts:
                value = part(value)
            wanted = target[start : start + batch]
            wanted = torch.tensor(wanted if wanted.ndim == 1 else wanted.astype(float))
            found = their_loss(torch.nn.functional)(value, wanted)
            taking.zero_grad()
            found.backward()
            taking.step()
            expected.append(found.item())
    epochs = len(expected) // (ROWS // batch)
    history = model.fit(
        X, target, loss=measured, optimizer=own, epochs=epochs, batch_size=batch, shuffle=False
    )
    each = np.reshape(expected, (epochs, -1)).mean(axis=1)
    np.testing.assert_allclose(history["loss"], each, rtol=1e-4)
    assert history["loss"][-1] != history["loss"][0]


@pytest.mark.parametrize("layer", LAYERS)
def test_layers(torch, layer):
    if layer == "gelu":
        pytest.importorskip("scipy")
    compare(torch, layer=layer)


@pytest.mark.parametrize("loss", LOSSES)
def test_losses(torch, loss):
    compare(torch, loss=loss)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_optimizers(torch, optimizer):
    compare(torch, optimizer=optimizer)


def test_all_rows_at_once(torch):
    compare(torch, batch=ROWS)
