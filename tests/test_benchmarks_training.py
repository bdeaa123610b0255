"""The training benchmarks: that the peers do the same work, and that another's would be noticed."""

import math
from dataclasses import replace
from importlib import import_module

import numpy as np
import pytest

from benchmarks.training import limit, measuring, report
from benchmarks.training.cases import CASES, Case, Optimizer, problem
from benchmarks.training.goals import goals
from benchmarks.training.measuring import Outcome, Result
from benchmarks.training.peers import PEERS, REFERENCE

SMALL = [
    Case("classes", "", (4, 6, 5, 3), "cross_entropy", 8, batches=3),
    Case("logistic", "", (5, 1), "logistic", 8, batches=3),
    Case("autoencoder", "", (6, 3, 6), "squared", 8, batches=3),
    Case("mixture", "", (), "mixture", 8, batches=3),
    Case("demo", "", (2, 4, 1), "hinge", 8, 3, Optimizer(rate=0.05, adam=False), l2=1e-2),
]


def _losses(case, peer, epochs=2):
    module = import_module(f"benchmarks.training.peers.{peer.module}")
    return module.trainer(case, problem(case), peer.variant).run(epochs)


@pytest.mark.parametrize("case", SMALL, ids=lambda case: case.name)
def test_the_hand_written_pass_agrees_with_the_derived_one(case):
    expected = _losses(case, REFERENCE)
    assert expected[-1] != expected[0]
    for name in ("numpy", "chainrule-eager"):
        np.testing.assert_allclose(_losses(case, PEERS[name]), expected, rtol=1e-5)


@pytest.mark.parametrize("case", SMALL, ids=lambda case: case.name)
def test_a_whole_epoch_agrees_with_the_hand_written_pass(case):
    losses = _losses(case, PEERS["chainrule-numpy"])
    np.testing.assert_allclose(losses, _losses(case, REFERENCE), rtol=1e-5)


class Answering:
    """Stands in for a process: trains in this one, by a case that may be another."""

    def __init__(self, case):
        module = import_module(f"benchmarks.training.peers.{PEERS['numpy'].module}")
        self._trainer = module.trainer(case, problem(case), "")

    def ask(self, do, epochs=1):
        losses = self._trainer.run(epochs).tolist()
        return {"seconds": 0.5, "losses": losses, "first_peak": 1.0, "threads": 2}


@pytest.mark.parametrize("rate", [1e-3, 1.1e-3])
def test_who_trains_otherwise_is_said_to_differ(rate):
    case = replace(SMALL[0], batches=20)
    other = replace(case, optimizer=Optimizer(rate=rate))
    reference = _losses(case, REFERENCE, 5)
    outcome, _ = measuring.compared("numpy", Answering(other), reference, 5, case)
    assert outcome.reason.startswith("differs") == (rate != 1e-3), outcome.reason


def test_a_nan_is_a_difference():
    assert not (measuring.differences([1.0, math.nan], [1.0, 1.0]) <= 1).all()


def test_a_failing_peer_is_a_line_and_not_the_end():
    class Failing:
        def ask(self, do, **request):
            return {"failed": "ValueError: no"}

    outcome, _ = measuring.compared("numpy", Failing(), np.ones(5), 5, SMALL[0])
    assert outcome.reason == "failed: ValueError: no"


def test_the_limit_counts_no_gradient_of_the_input():
    n, (a, b, c, d) = SMALL[0].batch, SMALL[0].sizes
    weights = a * b + b + b * c + c + c * d + d
    assert limit.operations(SMALL[0]) == 2 * n * (2 * a * b + 3 * b * c + 3 * c * d)
    assert limit.values(SMALL[0]) == 3 * weights + n * (a + b + c + d)


def _result(name, **microseconds):
    outcomes = {
        peer.replace("_", "-"): Outcome(
            peer.replace("_", "-"), "", 1e-6, 1.0, 0.1, 2, [t * 1e-6] * 3, [1.0] * 3, 5.0, 5.0, 9.0
        )
        for peer, t in microseconds.items()
    }
    limits = [{"products": 1e-6, "moves": 1e-6, "flops": 10, "bytes": 10}] * 3
    return Result(CASES[name], outcomes, limits)


def test_goals_are_held_against_the_fastest_library():
    result = _result("2-64-3", chainrule_numba=10.0, torch=90.0, jax_scan=19.0, numba=5.0)
    speed = next(goals(result))
    assert (speed.asked, speed.measured, speed.reached) == ("at least 2", "1.9", False)
    assert "scan" in speed.what


def test_the_page_names_what_was_left_out():
    result = _result("4-16-3", chainrule_numba=4.0, torch=100.0)
    result.outcomes["sklearn"] = Outcome("sklearn", "its losses are fixed")
    text = report.page([result], [("cores", "2")], 3)
    assert "| PyTorch eager | 25 (25 to 25) |" in text
    assert "| scikit-learn | 4-16-3 | its losses are fixed |" in text
