"""Right hand-written passes are called right, and mistakes in them are found and named.

All mutants, instead of a tenth of them: ``pytest tests/test_check_corpus.py --mutants 1``.
A thousand draws of each right pass, instead of a few: ``--draws 1000``.
"""

import numpy as np
import passes
import pytest
from conftest import SEED
from grading import checked, grade

import chainrule as cr

CASES = {case.name: case for _, case in passes.cases()}


def test_there_are_enough_right_passes():
    assert len(CASES) >= 40


@pytest.mark.parametrize("name", CASES)
def test_a_right_pass_is_never_called_wrong(name, pytestconfig):
    start = pytestconfig.stash[SEED]
    for seed in (0, *range(start, start + pytestconfig.getoption("draws") - 1)):
        report = checked(CASES[name], seed)
        assert report.ok, f"draw {seed}\n{report}"
        assert report.findings, f"draw {seed}: nothing was compared"


def test_a_right_pass_is_never_called_wrong_in_single_precision():
    for name, case in CASES.items():
        args, kwargs = case.draw(np.random.default_rng(5))
        single = [a.astype(np.float32) if _is_double(a) else a for a in args]
        report = cr.check(*single, **kwargs)
        assert report.ok, f"{name}\n{report}"


def _is_double(value):
    return isinstance(value, np.ndarray) and value.dtype == np.float64


@pytest.mark.slow
def test_mistakes_are_found_and_named(pytestconfig):
    step = pytestconfig.getoption("mutants")
    grades = grade(step, pytestconfig.stash[SEED])
    assert grades.total >= 1800 // step
    assert not grades.missed, "\n".join(grades.missed)
    off = f"{grades}\n" + "\n".join(grades.off)
    assert grades.line >= _least(0.95, grades.total, step) * grades.total, off
    assert grades.named >= _least(0.9, grades.total, step) * grades.total, off


def _least(share, count, step):
    """A share that is asked of all; less three standard errors where some are drawn."""
    return share if step == 1 else share - 3 * (share * (1 - share) / count) ** 0.5
