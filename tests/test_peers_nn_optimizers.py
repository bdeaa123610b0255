"""Optimizers and schedules: loss curves of a small regression equal PyTorch's."""

import numpy as np
import pytest
from optimizers import OPTIMIZERS, parameters, rows, trained

from chainrule.nn import schedules

pytestmark = pytest.mark.peers

STEPS, SIZE = 200, 16


@pytest.fixture
def torch():
    return pytest.importorskip("torch")


class Lion:
    """The paper's algorithm 2, for which torch.optim has no twin."""

    def __init__(self, params, lr, betas=(0.9, 0.99), weight_decay=0.0):
        self.params, self.lr, self.betas, self.decay = list(params), lr, betas, weight_decay
        self.m = [p.detach() * 0 for p in self.params]

    def zero_grad(self):
        for p in self.params:
            p.grad = None

    def step(self):
        b1, b2 = self.betas
        for k, p in enumerate(self.params):
            c = b1 * self.m[k] + (1 - b1) * p.grad
            p.data = p.data - self.lr * (c.sign() + self.decay * p.data)
            self.m[k] = b2 * self.m[k] + (1 - b2) * p.grad


class Composed:
    """RMSProp's direction, two momenta, and half a cosine."""

    def __init__(self, params):
        self.params = list(params)
        self.kept = [[p.detach() * 0 for _ in range(3)] for p in self.params]
        self.t = 0

    zero_grad = Lion.zero_grad

    def step(self):
        rate = 0.01 * (1 + np.cos(np.pi * min(self.t, 100) / 100)) / 2
        self.t += 1
        for p, kept in zip(self.params, self.kept, strict=True):
            kept[0] = 0.99 * kept[0] + 0.01 * p.grad**2
            kept[1] = 0.5 * kept[1] + p.grad / (kept[0].sqrt() + 1e-8)
            kept[2] = 0.3 * kept[2] + kept[1]
            p.data = p.data - rate * kept[2]


def twin(torch, name, params):
    """Return PyTorch's optimizer of that name, and its schedule if it has one."""
    o, s = torch.optim, torch.optim.lr_scheduler
    decayed = {"momentum": 0.8, "weight_decay": 0.01}
    found = {
        "sgd": lambda: o.SGD(params, 0.05),
        "sgd momentum": lambda: o.SGD(params, 0.02, momentum=0.9),
        "sgd nesterov": lambda: o.SGD(params, 0.02, momentum=0.9, nesterov=True),
        "sgd decay": lambda: o.SGD(params, 0.02, **decayed),
        "sgd nesterov decay": lambda: o.SGD(params, 0.02, nesterov=True, **decayed),
        "sgd norm": lambda: o.SGD(params, 0.05, momentum=0.5, weight_decay=0.01),
        "sgd value": lambda: o.SGD(params, 0.05),
        "sgd value norm": lambda: o.SGD(params, 0.05),
        "sgd step": lambda: o.SGD(params, 0.1, momentum=0.5),
        "adagrad": lambda: o.Adagrad(params, 0.05),
        "adagrad decay norm": lambda: o.Adagrad(params, 0.05, eps=1e-6, weight_decay=0.01),
        "rmsprop": lambda: o.RMSprop(params, 0.003),
        "rmsprop momentum": lambda: o.RMSprop(
            params, 0.002, alpha=0.9, momentum=0.7, weight_decay=0.01
        ),
        "rmsprop centered": lambda: o.RMSprop(params, 0.002, alpha=0.9, eps=1e-6, centered=True),
        "rmsprop all": lambda: o.RMSprop(params, 0.002, momentum=0.5, centered=True),
        "adam": lambda: o.Adam(params, 0.01),
        "adam betas": lambda: o.Adam(params, 0.01, betas=(0.8, 0.95), eps=1e-6),
        "adam without momentum": lambda: o.Adam(params, 0.01, betas=(0.0, 0.999)),
        "adam decay": lambda: o.Adam(params, 0.01, weight_decay=0.05),
        "adam norm": lambda: o.Adam(params, 0.01),
        "adam value": lambda: o.Adam(params, 0.01),
        "adam cosine": lambda: o.Adam(params, 0.02),
        "adam one cycle": lambda: o.Adam(params, 0.02),
        "adam warm-up": lambda: o.Adam(params, 0.02),
        "adamw": lambda: o.AdamW(params, 0.01),
        "adamw decay": lambda: o.AdamW(params, 0.02, weight_decay=0.3),
        "lion": lambda: Lion(params, 0.003),
        "lion decay": lambda: Lion(params, 0.003, betas=(0.8, 0.95), weight_decay=0.3),
        "composed": lambda: Composed(params),
    }[name]()
    scheduled = {
        "sgd step": lambda: s.StepLR(found, 30, 0.5),
        "adam cosine": lambda: HeldCosine(s, found),
        "adam one cycle": lambda: s.OneCycleLR(found, 0.02, 200, cycle_momentum=False),
        "adam warm-up": lambda: warm_up(s, found, 20, 180),
        "adamw decay": lambda: s.StepLR(found, 50, 0.1),
    }
    return found, scheduled[name]() if name in scheduled else None


class HeldCosine:
    """PyTorch's rises again after its end; ours stays."""

    def __init__(self, s, optimizer):
        self.inner = s.CosineAnnealingLR(optimizer, 150, eta_min=0.001)

    def step(self):
        if self.inner.last_epoch < 150:
            self.inner.step()


def warm_up(s, optimizer, steps, rest):
    rising = s.LinearLR(optimizer, 1 / (steps + 1), total_iters=steps)
    falling = s.CosineAnnealingLR(optimizer, rest)
    return s.SequentialLR(optimizer, [rising, falling], [steps])


def clipped(torch, optimizer, params):
    if optimizer.clip_value is not None:
        torch.nn.utils.clip_grad_value_(params, optimizer.clip_value)
    if optimizer.clip_norm is not None:
        torch.nn.utils.clip_grad_norm_(params, optimizer.clip_norm)


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.filterwarnings("ignore:.*lr_scheduler.step.*:UserWarning")
def test_loss_curves(torch, name):
    X, Y = rows(64)
    start = parameters()
    params = [
        torch.tensor(start[layer][key], requires_grad=True)
        for layer in ("dense1", "dense2")
        for key in ("W", "b")
    ]
    optimizer, schedule = twin(torch, name, params)
    tensors, losses = (torch.tensor(X), torch.tensor(Y)), []
    for k in range(STEPS):
        at = slice((k % 4) * SIZE, (k % 4 + 1) * SIZE)
        W1, b1, W2, b2 = params
        out = torch.tanh(tensors[0][at] @ W1 + b1) @ W2 + b2
        loss = torch.mean((out - tensors[1][at]) ** 2)
        optimizer.zero_grad()
        loss.backward()
        clipped(torch, OPTIMIZERS[name], params)
        optimizer.step()
        if schedule is not None:
            schedule.step()
        losses.append(loss.item())
    (mine, _), found = trained(OPTIMIZERS[name], parameters(), (X, Y), STEPS, SIZE)
    np.testing.assert_allclose(found, losses, rtol=1e-6)
    np.testing.assert_allclose(mine["dense1"]["W"], params[0].detach().numpy(), rtol=1e-6)
    assert found[-4:].mean() < 0.9 * found[:4].mean()


@pytest.mark.filterwarnings("ignore:.*lr_scheduler.step.*:UserWarning")
@pytest.mark.parametrize(
    ("mine", "theirs"),
    [
        (schedules.step(0.1, 7, 0.3), lambda s, o: s.StepLR(o, 7, 0.3)),
        (schedules.cosine(0.1, 40, 0.02), lambda s, o: s.CosineAnnealingLR(o, 40, 0.02)),
        (schedules.warm_up(0.1, 10), lambda s, o: s.LinearLR(o, 1 / 11, total_iters=10)),
        (
            schedules.warm_up(schedules.cosine(0.1, 30), 10),
            lambda s, o: warm_up(s, o, 10, 30),
        ),
        (
            schedules.one_cycle(0.1, 40, rise=0.4, start=10.0, end=100.0),
            lambda s, o: s.OneCycleLR(
                o, 0.1, 40, pct_start=0.4, div_factor=10.0, final_div_factor=100.0,
                cycle_momentum=False,
            ),
        ),
    ],
    ids=lambda value: getattr(value, "name", ""),
)  # fmt: skip
def test_rates(torch, mine, theirs):
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], 0.1)
    schedule = theirs(torch.optim.lr_scheduler, optimizer)
    for t in range(40):
        rate = optimizer.param_groups[0]["lr"]
        np.testing.assert_allclose(mine(np.float64(t)), rate, rtol=1e-10, err_msg=f"step {t}")
        optimizer.step()
        if t < 39:
            schedule.step()
