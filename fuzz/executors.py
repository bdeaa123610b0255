"""``python -m fuzz.executors --programs N --seed S``: random programs by every executor.

Each program, or its value and gradients, is traced without values and made a kernel; what the
executors give is held against the evaluation of the graph. Loops are run as plain Python, and one
program in so many as machine code; JAX, which compiles each operation anew, has one in so many.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

import chainrule as cr
from chainrule.compiling.arguments import flatten
from chainrule.compiling.sizes import unified
from chainrule.compiling.tracing import kinds_of, outlined
from chainrule.emit.loops.statement import NoLoopsError
from chainrule.errors import ChainruleError
from chainrule.evaluate import evaluate
from chainrule.execute.executors import executor
from chainrule.execute.runnable import NotForThisExecutorError
from fuzz.generate import generate
from fuzz.plain import AsPython
from fuzz.program import Program, quietly

NUMBA_EVERY, JAX_EVERY = 25, 25


def kernels(program: Program, seed: int) -> Any:
    """Return a kernel for each executor that is asked, the inputs, and what is expected."""
    values = tuple(program.values())
    f = program.function()
    if seed % 2:
        f = cr.value_and_grad(f, wrt=program.wrt)
    found: list[Any] = []
    flatten(values, found)
    outline = outlined(f, values, {}, kinds_of(found))
    names = [node.name for node in outline.graph.inputs]
    return outline, found, evaluate(outline.graph, dict(zip(names, found, strict=True)))


def results(outline: Any, inputs: list[Any], seed: int) -> Iterator[tuple[str, Any]]:
    """Run a program by each executor that can."""
    asked = ["numpy", "loops"]
    asked += ["numba"] if seed % NUMBA_EVERY == 0 else []
    asked += ["jax"] if seed % JAX_EVERY == 1 else []
    for name in asked:
        by = executor("numba" if name == "loops" else name)
        try:
            kernel = unified(replace(outline, graph=by.prepare(outline.graph)))
            if name == "loops":
                yield name, AsPython(kernel)(inputs, kernel.values)
            else:
                yield name, by.make(kernel)(inputs, kernel.values)
        except (NotForThisExecutorError, NoLoopsError):
            yield name, None
        except Exception as error:  # whatever it is, the program is to be told
            yield name, error


def agree(got: Any, expected: Any, single: bool) -> bool:
    if isinstance(got, Exception):
        return False
    tolerance = 2e-4 if single else 1e-9
    for mine, theirs in zip(got, expected, strict=True):
        mine, theirs = np.asarray(mine), np.asarray(theirs)
        finite = np.abs(theirs[np.isfinite(theirs)])
        scale = max(1.0, float(finite.max(initial=0.0)))
        if (mine.dtype, mine.shape) != (theirs.dtype, theirs.shape):
            return False
        if not np.allclose(mine, theirs, tolerance, tolerance * scale, equal_nan=True):
            return False
    return True


def main(arguments: list[str] | None = None) -> int:
    """Return the exit status: 1 where an executor is wrong."""
    parser = argparse.ArgumentParser(prog="python -m fuzz.executors", description=__doc__)
    parser.add_argument("--programs", type=int, default=1000, metavar="N")
    parser.add_argument("--seed", type=int, metavar="S", help="of the first program; else random")
    options = parser.parse_args(arguments)
    seed = time.time_ns() % 10**9 if options.seed is None else options.seed
    print(f"seed {seed}, {options.programs} programs", flush=True)
    outcomes: Counter[str] = Counter()
    started, done = time.monotonic(), 0
    while done < options.programs:
        seed += 1
        program = generate(seed, jax=False)
        try:
            with quietly(), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                outline, inputs, expected = kernels(program, seed)
        except (ChainruleError, np.linalg.LinAlgError, ArithmeticError):
            outcomes["not traced without values"] += 1
            continue
        done += 1
        with quietly(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for name, got in results(outline, inputs, seed):
                if got is None:
                    outcomes[f"{name} cannot"] += 1
                elif agree(got, expected, "single" in program.traits):
                    outcomes[f"{name} right"] += 1
                else:
                    outcomes[f"{name} WRONG"] += 1
                    raised = f" {got!r}" if isinstance(got, Exception) else ""
                    print(f"\nseed {seed}, {name}:{raised}\n{program.source}", flush=True)
    for name, count in sorted(outcomes.items()):
        print(f"{count:7d} {name}")
    print(f"{done} programs in {time.monotonic() - started:.0f} s")
    return int(any("WRONG" in name for name in outcomes))


if __name__ == "__main__":
    raise SystemExit(main())
