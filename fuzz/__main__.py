"""``python -m fuzz --programs N --seed S --jobs J``."""

from __future__ import annotations

import argparse
import os
import sys
import time

from fuzz.generate import JAX_EVERY
from fuzz.running import CODE_EVERY, SECOND_EVERY, Tally, run

HELP = f"""\
Draw random programs over every NumPy function that chainrule supports, differentiate them, and
hold each against extrapolated differences along a random direction, the gradient from the tape
against those from the graph, recorded with values and from shapes alone. One program in
{SECOND_EVERY} is differentiated twice; the code of one in {CODE_EVERY} is run. One in {JAX_EVERY}
holds only what JAX knows, and is held against JAX, every number of each gradient: JAX compiles
each operation anew for each shape, so a program costs it a hundred times what it costs the rest.

A failing program is shrunk and printed as a test to paste into tests/. Exit status 1 then.
"""


def main() -> int:
    """Return the exit status: 1 where chainrule is wrong."""
    parser = argparse.ArgumentParser(
        prog="python -m fuzz", description=HELP, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--programs", type=int, default=1000, metavar="N")
    parser.add_argument("--seed", type=int, metavar="S", help="of the first program; else random")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, metavar="J")
    parser.add_argument("--no-jax", action="store_true", help="by differences alone")
    parser.add_argument("--print", action="store_true", help="print the first program, and stop")
    options = parser.parse_args()
    seed = time.time_ns() % 10**9 if options.seed is None else options.seed
    if options.print:
        from fuzz.running import drawn

        print(drawn(seed, not options.no_jax).source)
        return 0
    print(f"seed {seed}, {options.programs} programs, {options.jobs} jobs", flush=True)
    started = time.monotonic()
    shown = 0

    def progress(tally: Tally, elapsed: float) -> None:
        nonlocal shown
        for test in tally.tests[shown:]:
            print(f"\n{test}", flush=True)
        shown = len(tally.tests)
        if sys.stderr.isatty():
            print(f"\r{tally.programs} programs, {tally.programs / elapsed:.1f}/s", end="",
                  file=sys.stderr, flush=True)  # fmt: skip

    tally = run(seed, options.programs, options.jobs, not options.no_jax, progress=progress)
    elapsed = time.monotonic() - started
    print(summary(tally))
    print(
        f"seed {seed}: {tally.programs} programs of {tally.lines / tally.programs:.0f} lines in "
        f"{elapsed:.0f} s, {tally.programs / elapsed:.1f} programs/s"
    )
    return 1 if tally.tests else 0


def summary(tally: Tally) -> str:
    """Say what became of the programs, and what was drawn how often."""

    def listed(counts: dict[str, int]) -> str:
        return ", ".join(f"{name} {n}" for name, n in sorted(counts.items()))

    return "\n".join([
        f"outcomes: {listed(tally.outcomes)}",
        *(f"  {n} {reason}" for reason, n in tally.reasons.most_common(12)),
        f"compared: {listed(tally.compared)}",
        f"functions drawn: {listed(tally.functions)}",
        f"rules applied, forward and backward: {listed(tally.rows)}",
    ])  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
