"""One case: the losses compared, then rounds in which every peer takes its turn."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.training.cases import Case
from benchmarks.training.peers import PEERS
from benchmarks.training.processes import Process
from benchmarks.training.worker import REFERENCE_NAME

STEPS = 100  # compared with the reference before anything is timed
# The first steps differ by rounding alone, some 1e-6 in single precision. Adam divides by the size
# of a gradient, so that one which is only rounding moves a weight as far as any other: differences
# grow with the steps, while a wrong gradient or optimizer shows at once.
AT_FIRST, AT_LAST = 1e-3, 5e-2
FLOOR = 0.01  # of the first loss: what is left of a loss near 0 is rounding
# A peer that takes longer for an epoch has as many rounds as `--quick` gives to all.
SLOW = 2.0
# Threads that still spin after a peer's turn have gone to sleep by then.
PAUSE = 0.1
# Processes that are started with a filled cache.
STARTS = 3


@dataclass(frozen=True)
class Effort:
    """How long to measure: rounds, and the seconds of a peer's turn."""

    rounds: int
    seconds: float


FULL, QUICK = Effort(15, 0.15), Effort(3, 0.05)


@dataclass
class Outcome:
    """What one peer did.

    Attributes
    ----------
    reason : str
        Why it was not timed; empty where it was.
    difference : float
        Of the losses of the first steps, the largest of those below, by `differences`.
    first, warm : float
        Seconds of the first epoch less those of a later one: compiling; with a filled cache.
    steps : list of float
        Seconds a step, by rounds.
    busy : list of float
        Cores kept busy, by rounds.
    first_peak, peak : float
        MB beyond the imports and the data: in the first epoch, and in all later ones.
    total : float
        MB of the whole process at its highest.
    """

    peer: str
    reason: str = ""
    difference: float = math.nan
    first: float = math.nan
    warm: float = math.nan
    threads: int = 0
    steps: list[float] = field(default_factory=list)
    busy: list[float] = field(default_factory=list)
    first_peak: float = math.nan
    peak: float = math.nan
    total: float = math.nan

    @property
    def median(self) -> float:
        return statistics.median(self.steps) if self.steps else math.nan


@dataclass
class Result:
    """What a case gave; `limits` are the seconds a step of products and of moves, by rounds."""

    case: Case
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    limits: list[dict[str, float]] = field(default_factory=list)

    def has(self, peer: str) -> bool:
        """Return whether there are times of `peer`."""
        return peer in self.outcomes and bool(self.outcomes[peer].steps)

    def ratios(self, peer: str, base: str) -> list[float]:
        """Return by rounds how much longer `peer` takes than `base`; a slow one has fewer."""
        pairs = zip(self.outcomes[peer].steps, self.outcomes[base].steps, strict=False)
        return [a / b for a, b in pairs]

    def limit(self, part: str) -> float:
        """Return the least that was measured, since a limit is what is possible."""
        return min((limit[part] for limit in self.limits), default=math.nan)

    def share(self, peer: str) -> float:
        """Return the limit's part of the peer's time; NaN where there are no products."""
        if not self.case.sizes:
            return math.nan
        return (self.limit("products") + self.limit("moves")) / self.outcomes[peer].median


def differences(losses: Any, reference: Any) -> np.ndarray:
    """Return the differences by step, relative to the loss."""
    losses, reference = np.asarray(losses, float), np.asarray(reference, float)
    scale = np.maximum(np.abs(reference), FLOOR * abs(reference[0]))
    return np.abs(losses - reference) / scale


def allowed(steps: int, count: int) -> np.ndarray:
    """Return what may differ at each of `count` losses that are spread over `steps` steps."""
    middle = (np.arange(count) + 0.5) * steps / count
    return np.interp(middle, [10, STEPS], [AT_FIRST, AT_LAST])


def measured(case: Case, peers: Iterable[str], effort: Effort, caches: Path) -> Result:
    """Compare, then time those that do the same work."""
    result = Result(case)
    with ExitStack() as stack:
        compared_epochs = 1 if case.compile_only else math.ceil(STEPS / case.batches)
        reference = _reference(case, compared_epochs, caches)
        timed: dict[str, tuple[Process, int]] = {}
        for name in peers:
            process = stack.enter_context(Process(case.name, name, _cache(caches, case, name)))
            outcome, seconds = compared(name, process, reference, compared_epochs, case)
            result.outcomes[name] = outcome
            if outcome.reason:
                continue
            if PEERS[name].ours:
                outcome.warm = _from_cache(case, name, caches)
            timed[name] = process, max(1, round(effort.seconds / seconds))
        if not case.compile_only:
            machine = stack.enter_context(Process(case.name, REFERENCE_NAME, caches))
            for i in range(effort.rounds):
                _round(result, timed, i)
                time.sleep(PAUSE)
                limit = machine.ask("limit", seconds=effort.seconds)
                if "products" in limit:  # it needs numba
                    result.limits.append(limit)
        for name, (process, _) in timed.items():
            memory = process.ask("memory")
            result.outcomes[name].peak = memory.get("peak", math.nan)
            result.outcomes[name].total = memory.get("total", math.nan)
    return result


def _cache(caches: Path, case: Case, peer: str) -> Path:
    """Return a folder that is empty at first where the time of compiling is told."""
    return caches / f"{case.name}-{peer}" if PEERS[peer].ours else caches / "peers"


def _reference(case: Case, epochs: int, caches: Path) -> np.ndarray:
    with Process(case.name, REFERENCE_NAME, caches) as process:
        answers = [process.ask("start")]
        if epochs > 1:
            answers.append(process.ask("run", epochs=epochs - 1))
    for answer in answers:
        if "losses" not in answer:
            raise RuntimeError(f"{case.name}: the reference failed: {answer}")
    return np.concatenate([answer["losses"] for answer in answers])


def compared(
    name: str, process: Process, reference: np.ndarray, epochs: int, case: Case
) -> tuple[Outcome, float]:
    """Return the outcome so far, with the seconds of an epoch once all is compiled."""
    outcome = Outcome(name)
    answers = [process.ask("start")]
    # The last epoch on its own, to know how long one takes.
    later = [1] if epochs < 3 else [epochs - 2, 1]
    while "losses" in answers[-1] and later:
        answers.append(process.ask("run", epochs=later.pop(0)))
    for kind in ("cannot", "failed"):
        if kind in answers[-1]:
            outcome.reason = ("failed: " if kind == "failed" else "") + answers[-1][kind]
            return outcome, math.nan
    start, last = answers[0], answers[-1]
    outcome.first = max(0.0, start["seconds"] - last["seconds"])
    outcome.first_peak, outcome.threads = start["first_peak"], start["threads"]
    losses = np.concatenate([answer["losses"] for answer in answers])
    if len(losses) < len(reference):  # means of epochs
        reference = reference.reshape(-1, case.batches).mean(axis=1)
    losses = losses[: len(reference)]
    by_step = differences(losses, reference)
    outcome.difference = float(np.max(by_step))
    wrong = ~(by_step <= allowed(epochs * case.batches, len(losses)))
    if wrong.any():
        at = int(np.argmax(wrong))
        outcome.reason = (
            f"differs: its loss is {losses[at]:.6g} where the reference has {reference[at]:.6g}"
            f" (number {at + 1} of {len(losses)})"
        )
    return outcome, last["seconds"]


def _from_cache(case: Case, peer: str, caches: Path) -> float:
    """Return the first epoch of fresh processes beyond the next one: the cache is filled by now.

    The next one is of the same process: where products are large, the same epoch may take longer
    in one process than in another by more than loading takes.
    """
    seconds = []
    for _ in range(STARTS):
        with Process(case.name, peer, _cache(caches, case, peer)) as process:
            first, later = process.ask("start"), process.ask("run", epochs=1)
            seconds.append(first.get("seconds", math.nan) - later.get("seconds", math.nan))
    return max(float(np.median(seconds)), 0.0)  # in this order, a NaN stays one


def _round(result: Result, timed: dict[str, tuple[Process, int]], number: int) -> None:
    """Let each peer have a turn, every second round in the other order."""
    names = list(timed)
    for name in names if number % 2 == 0 else names[::-1]:
        process, epochs = timed[name]
        steps = result.outcomes[name].steps
        if number >= QUICK.rounds and steps[0] * result.case.batches > SLOW:
            continue
        time.sleep(PAUSE)
        answer = process.ask("run", epochs=epochs)
        if "failed" in answer:
            result.outcomes[name].reason = f"failed while timed: {answer['failed']}"
            steps.clear()
            del timed[name]
            continue
        steps.append(answer["seconds"] / epochs / result.case.batches)
        result.outcomes[name].busy.append(answer["cpu"] / answer["seconds"])
