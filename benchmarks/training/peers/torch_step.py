"""PyTorch, eager or with the loss and its gradient compiled; the fused optimizer for both."""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from benchmarks.training.cases import Case, Problem
from benchmarks.training.peers import CannotError, Trainer

Params = list[Any]


def _scores(params: Params, X: Any) -> Any:
    h = X
    for i in range(0, len(params) - 2, 2):
        h = functional.relu(functional.linear(h, params[i], params[i + 1]))
    return functional.linear(h, params[-2], params[-1])


def _cross_entropy(params: Params, X: Any, y: Any) -> Any:
    return functional.cross_entropy(_scores(params, X), y)


def _logistic(params: Params, X: Any, y: Any) -> Any:
    return functional.binary_cross_entropy_with_logits(_scores(params, X)[:, 0], y)


def _squared(params: Params, X: Any) -> Any:
    return functional.mse_loss(torch.sigmoid(_scores(params, X)), X)


def _mixture(params: Params, X: Any) -> Any:
    logits, means, log_scales = params
    u = (X[:, None, :] - means) / log_scales.exp()
    joint = logits.log_softmax(0) - (log_scales + 0.5 * u.square()).sum(2)
    return 0.5 * means.shape[1] * math.log(2 * math.pi) - joint.logsumexp(1).mean()


def _hinge(l2: float) -> Callable[..., Any]:
    def loss(params: Params, X: Any, y: Any) -> Any:
        margins = y * _scores(params, X)[:, 0]
        penalty = torch.stack([p.square().sum() for p in params]).sum()
        return functional.relu(1 - margins).mean() + l2 * penalty

    return loss


def _loss(case: Case) -> Callable[..., Any]:
    return {
        "cross_entropy": _cross_entropy,
        "logistic": _logistic,
        "squared": _squared,
        "mixture": _mixture,
        "hinge": _hinge(case.l2),
    }[case.head]


class Steps:
    """A training loop as PyTorch's own examples have it."""

    def __init__(self, case: Case, problem: Problem, compiled: bool) -> None:
        self._params = [self._parameter(case, p) for p in problem.params]
        loss = _loss(case)
        self._loss = torch.compile(loss) if compiled else loss
        self._optimizer = self._made(case)
        self._arrays = [torch.from_numpy(a) for a in problem.arrays]
        self._rows = torch.from_numpy(problem.order).split(case.batch)

    @staticmethod
    def _parameter(case: Case, p: np.ndarray) -> Any:
        # A layer's weights lie the other way round, as they do in torch.nn.Linear.
        own = p.T if case.sizes and p.ndim == 2 else p
        return torch.tensor(np.ascontiguousarray(own), requires_grad=True)

    def _made(self, case: Case) -> Any:
        o = case.optimizer
        if not o.adam:
            return torch.optim.SGD(self._params, lr=o.rate, fused=True)
        return torch.optim.Adam(self._params, lr=o.rate, betas=(o.b1, o.b2), eps=o.eps, fused=True)

    def run(self, epochs: int) -> np.ndarray:
        losses = []
        for _ in range(epochs):
            for rows in self._rows:
                batch = [a.index_select(0, rows) for a in self._arrays]
                loss = self._loss(self._params, *batch)
                self._optimizer.zero_grad()
                loss.backward()
                self._optimizer.step()
                losses.append(loss.detach())
        return torch.stack(losses).numpy()


def trainer(case: Case, problem: Problem, variant: str) -> Trainer:
    if variant == "compile" and not any(map(shutil.which, ("g++", "c++", "clang++"))):
        raise CannotError("torch.compile needs a C++ compiler, and none is on the path")
    return Steps(case, problem, compiled=variant == "compile")
