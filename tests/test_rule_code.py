"""Each row's emitted code, forward and backward, runs back to the same numbers."""

import numpy as np
import pytest

import chainrule as cr
from chainrule.rules import TABLE
from chainrule.view.mathml import mathml

SAMPLES = [
    pytest.param(row, sample, id=f"{row.name}-{i}")
    for row in TABLE.values()
    if row.differentiable
    for i, sample in enumerate(row.samples)
]


@pytest.mark.parametrize(("row", "sample"), SAMPLES)
def test_code_of_a_row(row, sample):
    r = np.random.default_rng(5)
    operands = [
        r.uniform(row.low, row.high, o) if isinstance(o, tuple) else o for o in sample.operands
    ]
    operands = [float(o) if np.ndim(o) == 0 else o for o in operands]

    def f(operands):
        # Both sides of the row are used again, so that nothing is dropped as dead.
        out = row(*operands, **sample.params)
        doubled = out * 2.0
        total = np.sum(doubled * doubled)
        return np.real(total) if np.iscomplexobj(total) else total

    s = cr.explain(f, operands)
    assert "np" in s.code()  # run, and compared with the graph, before it is shown
    for step in s.steps:
        for formula in (step.symbols, step.numbers, step.simpler, step.through):
            if formula is not None:
                assert not mathml(formula.latex).startswith("<math><mtext>")


def test_every_derivative_is_seen():
    assert {p.values[0].name for p in SAMPLES} == {
        name for name, row in TABLE.items() if row.differentiable
    }
