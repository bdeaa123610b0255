"""``python -m benchmarks training``."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from benchmarks.training import plot, report
from benchmarks.training.cases import CASES
from benchmarks.training.goals import figure
from benchmarks.training.machine import described
from benchmarks.training.measuring import FULL, QUICK, Result, measured
from benchmarks.training.peers import PEERS

HERE = Path(__file__).parents[1]
PAGE, PICTURE = "RESULTS.md", "results.png"


def main(arguments: list[str]) -> int:
    """Measure; write the page where all was measured, or where a folder is given."""
    options = _parser().parse_args(arguments)
    cases = [CASES[name] for name in options.case or CASES]
    effort = QUICK if options.quick else FULL
    machine = described()
    results: list[Result] = []
    with tempfile.TemporaryDirectory(prefix="chainrule-bench-") as caches:
        for case in cases:
            print(f"{case.title} ...", flush=True)
            results.append(measured(case, options.peer or PEERS, effort, Path(caches)))
            print(_summary(results[-1]), flush=True)
    whole = not (options.quick or options.case or options.peer)
    folder = options.output or (HERE if whole else None)
    if folder is None:
        print(report.page(results, machine, effort.rounds))
        return 0
    folder.mkdir(parents=True, exist_ok=True)
    drawn = plot.save(results, folder / PICTURE)
    text = report.page(results, machine, effort.rounds, PICTURE if drawn else "")
    (folder / PAGE).write_text(text)
    print(f"Written to {folder / PAGE}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks training",
        description="Time training steps beside other libraries.",
        epilog=f"Cases: {', '.join(CASES)}. Peers: {', '.join(PEERS)}.",
    )
    parser.add_argument("--quick", action="store_true", help="few and short rounds")
    parser.add_argument("--case", nargs="+", choices=CASES, metavar="NAME")
    parser.add_argument("--peer", nargs="+", choices=PEERS, metavar="NAME")
    parser.add_argument(
        "--output",
        type=Path,
        metavar="FOLDER",
        help=f"for {PAGE} and {PICTURE}; only a full run writes them without it",
    )
    return parser


def _summary(result: Result) -> str:
    """Return a line a peer, to see how it goes."""
    return "\n".join(
        f"  {PEERS[o.peer].title:24} "
        + (o.reason or f"{figure(o.median * 1e6)} µs, losses within {o.difference:.0e}")
        for o in result.outcomes.values()
    )
