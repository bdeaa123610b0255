"""HIPS autograd, step by step."""

from __future__ import annotations

import autograd
import autograd.numpy

from benchmarks.training.cases import Case, Problem
from benchmarks.training.peers import Trainer
from benchmarks.training.peers.stepping import Stepping


def trainer(case: Case, problem: Problem, variant: str) -> Trainer:
    return Stepping(case, problem, autograd.value_and_grad(case.loss(autograd.numpy)))
