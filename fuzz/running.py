"""Many programs, in several processes."""

from __future__ import annotations

import multiprocessing
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from fuzz.checks import Depth, Failure, Refused, Rough, examine
from fuzz.generate import generate
from fuzz.program import Program
from fuzz.report import as_test
from fuzz.shrink import shrink

#: One program in so many is differentiated twice; of one in so many the code is run.
SECOND_EVERY, CODE_EVERY = 4, 20
#: Programs that a process is given at a time.
CHUNK = 25


@dataclass
class Tally:
    """What became of some programs."""

    programs: int = 0
    lines: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    compared: Counter[str] = field(default_factory=Counter)
    rows: Counter[str] = field(default_factory=Counter)
    functions: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    tests: list[str] = field(default_factory=list)

    def add(self, other: Tally) -> None:
        self.programs += other.programs
        self.lines += other.lines
        for name in ("outcomes", "compared", "rows", "functions", "reasons"):
            getattr(self, name).update(getattr(other, name))
        self.tests += other.tests


def depth_of(program: Program) -> Depth:
    return Depth(
        second=program.seed % SECOND_EVERY == 0,
        code=program.seed % CODE_EVERY == 1,
        jax="jax" in program.traits,
    )


def drawn(seed: int, jax: bool = True) -> Program:
    """Draw the program of a seed; those for JAX hold only what JAX knows."""
    if not jax:
        return generate(seed, jax=False)
    from fuzz.twin import known_to_jax

    return generate(seed, known_to_jax)


def run_one(seed: int, jax: bool, tally: Tally, seconds: float = 60.0) -> None:
    """Draw a program, examine it, and shrink it where it fails."""
    program = drawn(seed, jax)
    depth = depth_of(program)
    tally.programs += 1
    tally.lines += program.source.count("\n") - 1
    tally.functions.update(program.functions)
    try:
        tally.compared.update(examine(program, depth, tally.rows.update))
        tally.outcomes["right"] += 1
    except Failure as failure:
        tally.outcomes["wrong"] += 1
        tally.tests.append(as_test(*shrink(program, failure, depth, seconds)))
        tally.reasons[f"wrong: {failure.check}"] += 1
    except Refused as reason:
        tally.outcomes["refused"] += 1
        tally.reasons[f"refused: {str(reason).splitlines()[0]}"] += 1
    except Rough as reason:
        tally.outcomes["not judged"] += 1
        tally.reasons[f"not judged: {reason}"] += 1


def _chunk(seeds: Iterable[int], jax: bool, seconds: float) -> Tally:
    tally = Tally()
    for seed in seeds:
        try:
            run_one(seed, jax, tally, seconds)
        except Exception as error:
            error.add_note(f"while seed {seed} was run by the fuzzer")
            raise
    return tally


def run(
    first: int,
    count: int,
    jobs: int = 1,
    jax: bool = True,
    seconds: float = 60.0,
    progress: Callable[[Tally, float], Any] = lambda tally, elapsed: None,
) -> Tally:
    """Run the programs of the seeds from `first` on."""
    started = time.monotonic()
    tally = Tally()
    chunks = [range(i, min(i + CHUNK, first + count)) for i in range(first, first + count, CHUNK)]
    for part in _parts(chunks, jobs, jax, seconds):
        tally.add(part)
        progress(tally, time.monotonic() - started)
    return tally


def _parts(chunks: list[range], jobs: int, jax: bool, seconds: float) -> Iterator[Tally]:
    if jobs <= 1:
        yield from (_chunk(c, jax, seconds) for c in chunks)
        return
    # Not forked: JAX has threads.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(jobs, context) as pool:
        yield from pool.map(_chunk, chunks, [jax] * len(chunks), [seconds] * len(chunks))
