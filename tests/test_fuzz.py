"""The fuzzer: a thousand programs with another seed each time, and the fuzzer itself on trial.

Many more are run by ``python -m fuzz --programs 20000``.
"""

import os
import re
import subprocess
import sys
from contextlib import contextmanager

import numpy as np
import pytest
from conftest import FUZZED, SEED

from chainrule.rules import TABLE
from fuzz import executors
from fuzz.checks import jax_is_wrong
from fuzz.generate import generate
from fuzz.program import Program
from fuzz.rewritten import functional
from fuzz.running import Tally, drawn, run, run_one
from fuzz.templates import templates

#: Programs that have to be drawn before every rule is among them.
ENOUGH = 800


@pytest.fixture(scope="module")
def fuzzed(pytestconfig):
    seed, count = pytestconfig.stash[SEED], pytestconfig.getoption("programs")
    tally = run(seed, count, jobs=os.cpu_count() or 1, seconds=20.0)
    outcomes = ", ".join(f"{n} {name}" for name, n in sorted(tally.outcomes.items()))
    pytestconfig.stash[FUZZED] = f"{tally.programs} programs: {outcomes}"
    return tally


@pytest.mark.slow
def test_random_programs_are_right(fuzzed, pytestconfig):
    seed = pytestconfig.stash[SEED]
    if fuzzed.tests:
        found = "\n\n".join(fuzzed.tests[:5])
        pytest.fail(
            f"seed {seed}: {len(fuzzed.tests)} programs are wrong\n\n{found}", pytrace=False
        )


@pytest.mark.slow
def test_nearly_all_programs_are_judged(fuzzed):
    """Neither chainrule refuses, nor differences fail to tell, more than now and then."""
    assert fuzzed.outcomes["refused"] <= 0.1 * fuzzed.programs + 2, fuzzed.reasons
    assert fuzzed.outcomes["not judged"] <= 0.05 * fuzzed.programs + 2, fuzzed.reasons


@pytest.mark.slow
def test_every_rule_is_drawn(fuzzed):
    if fuzzed.programs < ENOUGH:
        pytest.skip(f"every rule is drawn among {ENOUGH} programs, not among {fuzzed.programs}")
    missing = {name for name, row in TABLE.items() if row.differentiable} - set(fuzzed.rows)
    assert not missing


def test_every_function_is_in_a_template():
    texts = " ".join(t.text for group in templates().values() for t in group)
    for name, row in TABLE.items():
        for function in row.numpy if row.differentiable else ():
            assert re.search(rf"\b{function.__name__}\b|[-+*/@]", texts), name


@pytest.mark.parametrize("seed", [7, 40])
def test_a_seed_always_gives_the_same_program(seed):
    command = [sys.executable, "-m", "fuzz", "--print", "--seed", str(seed)]
    environment = {**os.environ, "PYTHONHASHSEED": "1",
                   "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}  # fmt: skip
    printed = subprocess.run(command, capture_output=True, text=True, check=True,
                             env=environment).stdout  # fmt: skip
    assert printed == drawn(seed, jax=True).source + "\n"


def test_programs_differ_and_have_every_trait():
    programs = [generate(seed) for seed in range(100)]
    assert len({p.source for p in programs}) == 100
    assert {t for p in programs for t in p.traits} == {"jax", "alias", "odd", "branch", "single"}
    text = "".join(p.source for p in programs)
    for construct in (" += ", "] *= ", "for ", "if ", "lambda", "p['w']", ": ", "np.array(["):
        assert construct in text


# -- a wrong rule is found, and shown in a few lines ---------------------------------------


@contextmanager
def wrong(name, vjp):
    row = TABLE[name]
    right = row.vjp
    object.__setattr__(row, "vjp", vjp)
    try:
        yield
    finally:
        object.__setattr__(row, "vjp", right)


MISTAKES = {
    "tanh": ("np.tanh(", lambda g, out, a: g * (1.0 - out)),
    "hypot": ("np.hypot(", lambda g, out, a, b: g * a),
    "setitem": ("] = ", lambda g, out, a, value, *positions, key: g),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_wrong_rule_is_shown_in_a_few_lines(name):
    text, mistake = MISTAKES[name]
    vjp = TABLE[name].vjp
    seeds = (s for s in range(1, 10_000) if s % 20 and text in generate(s, jax=False).source)
    tally = Tally()
    with wrong(name, (mistake, *vjp[1:])):
        while not tally.tests:
            run_one(next(seeds), False, tally, seconds=60.0)
        test = tally.tests[0]
        assert len(re.findall(r"^        \S", test, re.MULTILINE)) <= 5, test
        with pytest.raises(AssertionError):
            pasted(test)
    pasted(test)


def pasted(test):
    scope = {}
    exec(test, scope)
    (function,) = (f for name, f in scope.items() if name.startswith("test_found_by_fuzzing"))
    function()


def test_a_twin_writes_through_views():
    source = """
def program(x):
    v0 = x[1:]
    v1 = v0[::2]
    v1[0] *= 3.0
    v0[1] = 5.0
    c = {"k": [x]}
    c["k"][0] += 1.0
    return np.sum(x)
"""
    x = np.arange(4.0)

    def put(array, key, value):
        out = np.copy(array)
        out[key] = value
        return out

    class Key:
        def __getitem__(self, key):
            return key

    scope = {"np": np, "put": put, "S": Key()}
    exec(functional(source), scope)
    assert scope["program"](x) == 0 + 3 + 5 + 3 + 4
    np.testing.assert_array_equal(x, np.arange(4.0))


def test_differences_decide_between_jax_and_chainrule():
    """JAX takes another branch of the derivative of arccosh below 0 than of its value."""
    program = Program(
        "def program(x):\n    return np.sum(np.imag(np.arccosh(x + 0j)))\n",
        {"x": np.array([-0.4, 0.3])},
        [np.array([0.6, 0.8])],
        1,
        frozenset(),
        (),
    )
    right = -1 / np.sqrt(1 - program.arguments["x"] ** 2)
    assert jax_is_wrong(program, [-right], [right])
    with wrong("arccosh", (lambda g, out, a: -g / (np.sqrt(a - 1) * np.sqrt(a + 1)),)):
        assert not jax_is_wrong(program, [right], [-right])


def test_differences_decide_where_jax_gives_nan():
    program = Program("def program(x):\n    return np.sum(x**2)\n", {"x": np.array([0.0, 0.3])},
                      [np.array([0.6, 0.8])], 1, frozenset(), ())  # fmt: skip
    right = 2 * program.arguments["x"]
    assert jax_is_wrong(program, [np.array([np.nan, right[1]])], [right])
    assert not jax_is_wrong(program, [right], [np.array([np.nan, right[1]])])


@pytest.mark.slow
def test_every_executor_gives_what_graphs_give(pytestconfig, capsys):
    pytest.importorskip("numba")
    pytest.importorskip("jax")
    seed = str(pytestconfig.stash[SEED])
    status = executors.main(["--programs", "150", "--seed", seed])
    told = capsys.readouterr().out
    assert status == 0, told
    assert "150 numpy right" in told
    assert re.search(r"[1-9]\d* loops right", told)
    assert re.search(r"[1-9]\d* numba (right|cannot)", told)
    assert re.search(r"[1-9]\d* jax (right|cannot)", told)
