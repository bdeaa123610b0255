"""What is asked of chainrule, case by case, and whether it was reached."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks.training.measuring import Result
from benchmarks.training.peers import PEERS

BASE, NUMPY, MKL = "chainrule-numba", "chainrule-numpy", "chainrule-mkl"
NONE = "–"

# How many times as fast as the fastest library.
SPEED = {
    "4-16-3": 2.5,
    "2-64-3": 2.0,
    "30-100-2": 1.7,
    "784-256-128-10": 1.3,
    "1024-2048-2048-10": 1.0,
}
# The NumPy executor against PyTorch eager: "within a quarter" is 0.8 times as fast.
SPEED_OF_NUMPY = {"4-16-3": 1.0, "2-64-3": 1.0, "30-100-2": 1.0, "784-256-128-10": 0.8}
# Where products are most of the work, the library that does them decides.
SPEED_WITH_MKL = {name: SPEED[name] for name in ("784-256-128-10", "1024-2048-2048-10")}
SPEED_TO_MICROGRAD = {"micrograd": 5000.0}
SHARE = {"784-256-128-10": 0.9, "1024-2048-2048-10": 0.9}
COMPILING = {**dict.fromkeys(SPEED, 2.0), "50x64": 15.0}
FROM_CACHE = dict.fromkeys(COMPILING, 0.2)

# What is written by hand for one network is no library.
LIBRARIES = ("torch", "torch-compile", "jax-jit", "jax-scan", "sklearn", "autograd")


@dataclass(frozen=True)
class Goal:
    """One thing that is asked, in words, and whether it was reached."""

    what: str
    asked: str
    measured: str
    reached: bool


def figure(value: float) -> str:
    """Return three digits, or all before the point."""
    if math.isnan(value):
        return NONE
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def goals(result: Result) -> Iterator[Goal]:
    """Yield those that a case has, as far as there are figures."""
    yield from _speed(result, BASE, SPEED, LIBRARIES)
    yield from _speed(result, MKL, SPEED_WITH_MKL, LIBRARIES)
    yield from _speed(result, NUMPY, SPEED_OF_NUMPY, ("torch",))
    yield from _speed(result, BASE, SPEED_TO_MICROGRAD, ("micrograd",))
    if BASE not in result.outcomes:
        return
    name, ours = result.case.name, result.outcomes[BASE]
    title = PEERS[BASE].title
    if name in SHARE and ours.steps:
        share = result.share(BASE)
        yield _least(f"{title}: share of the limit", SHARE[name], share)
    if name in COMPILING:
        yield from _most(f"{title}: first compile, s", COMPILING[name], ours.first)
        yield from _most(f"{title}: from cache, s", FROM_CACHE[name], ours.warm)
    if result.has("torch"):
        theirs = result.outcomes["torch"]
        yield from _most(
            f"{title}: peak MB of the process, PyTorch's at most", theirs.total, ours.total
        )


def _speed(
    result: Result, ours: str, asked: dict[str, float], peers: tuple[str, ...]
) -> Iterator[Goal]:
    present = [peer for peer in peers if result.has(peer)]
    if result.case.name not in asked or not present or not result.has(ours):
        return
    fastest = min(present, key=lambda peer: result.outcomes[peer].median)
    ratio = statistics.median(result.ratios(fastest, ours))
    what = f"{PEERS[ours].title}: times as fast as {PEERS[fastest].title}"
    yield _least(what, asked[result.case.name], ratio)


def _least(what: str, asked: float, measured: float) -> Goal:
    return Goal(what, f"at least {figure(asked)}", figure(measured), measured >= asked)


def _most(what: str, asked: float, measured: float) -> Iterator[Goal]:
    if not math.isnan(measured):
        yield Goal(what, f"at most {figure(asked)}", figure(measured), measured <= asked)
