"""How well the checker does on mistakes put into right passes: counts, by kind.

All of them, with those that it misses:  ``PYTHONPATH=src:tests python tests/grading.py``
"""

import argparse
import os
import warnings
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from multiprocessing import get_context

import mutants
import numpy as np
import passes

import chainrule as cr

#: Names that say the same of one line: a mean is a sum over a size, a sum left out and one over
#: another axis leave the same axis, and who takes the output for the input takes another operand.
SAME = (
    {"scale", "sum-for-mean"},
    {"not-summed", "wrong-axis"},
    {"mask-edge", "wrong-mask"},
    {"mask-side", "wrong-mask"},
    {"scale", "wrong-size"},
    {"extra-factor", "wrong-operand"},
    {"extra-factor", "scale"},
    {"wrong-operand", "derivative-at-output"},
    {"wrong-operand", "derivative-at-input"},
)


@dataclass
class Grades:
    """What became of some mutants."""

    total: int = 0
    found: int = 0
    line: int = 0
    named: int = 0
    kinds: Counter = field(default_factory=Counter)
    missed: list = field(default_factory=list)
    equal: list = field(default_factory=list)
    off: list = field(default_factory=list)

    def add(self, other):
        for name in ("total", "found", "line", "named"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.kinds += other.kinds
        for name in ("missed", "equal", "off"):
            getattr(self, name).extend(getattr(other, name))

    def __str__(self):
        most = max(self.total, 1)
        return (
            f"{self.total} mutants of {len(self.kinds)} kinds, {len(self.equal)} more are equal: "
            f"{self.found} found, first wrong line right {self.line / most:.1%}, "
            f"mistake named right first {self.named / most:.1%}"
        )


def told(mutant):
    return f"{mutant.module}:{mutant.line} [{mutant.kind}] {mutant.before}  ->  {mutant.after}"


def checked(case, seed):
    args, kwargs = case.draw(np.random.default_rng(seed))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return cr.check(*args, **kwargs)


def graded(mutant):
    """Check one mutant, on a draw on which its mistake shows."""
    grades = Grades()
    seed = mutants.telling_seed(mutant)
    if seed is None:
        grades.equal.append(told(mutant))
        return grades
    case = mutants.load(mutant)
    try:
        report = checked(case, seed)
    finally:
        mutants.unload(case)
    if report.ok and mutant.kind == "mask-edge":  # both sides of an edge are as good on it
        grades.equal.append(f"{told(mutant)}   (but where there is no derivative)")
        return grades
    grades.total = 1
    grades.kinds[mutant.kind] += 1
    first = report.first_wrong
    if first is None:
        grades.missed.append(told(mutant))
        return grades
    grades.found = 1
    line = first.where is not None and first.where.line == mutant.line
    named = any({first.mistake, mutant.kind} <= {mutant.kind} | same for same in SAME)
    grades.line, grades.named = int(line), int(named and first.mistake is not None)
    if not (line and named):
        where = first.where.line if first.where else None
        grades.off.append(f"{told(mutant)}   said: {where} [{first.mistake}] {first.line}")
    return grades


def some(step, offset):
    """Yield every so manieth mutant, over all cases."""
    count = 0
    for name, case in passes.cases():
        for mutant in mutants.mutants(name, case):
            count += 1
            if count % step == offset % step:
                yield mutant


def _part(step, offset, job, jobs):
    grades = Grades()
    for number, mutant in enumerate(some(step, offset)):
        if number % jobs == job:
            grades.add(graded(mutant))
    return grades


def grade(step=1, offset=0, jobs=None):
    """Grade mutants on several processes."""
    jobs = jobs or os.cpu_count() or 1
    grades = Grades()
    # Not forked: the caller may have threads.
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        for part in pool.map(partial(_part, step, offset, jobs=jobs), range(jobs)):
            grades.add(part)
    return grades


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--step", type=int, default=1, help="take every so manieth (default: all)")
    parser.add_argument("--offset", type=int, default=0)
    parser.add_argument("--jobs", type=int)
    options = parser.parse_args()
    done = grade(options.step, options.offset, options.jobs)
    for title, lines in (
        ("equal to the right pass", done.equal),
        ("missed", done.missed),
        ("found, but line or name differ", done.off),
    ):
        print(f"{title}:")
        for text in lines:
            print(f"  {text}")
    print(done)
    print(", ".join(f"{kind} {n}" for kind, n in done.kinds.most_common()))
