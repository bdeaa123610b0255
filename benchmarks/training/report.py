"""The results as a page of tables, one for each question."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence

from benchmarks.training.goals import BASE, NONE, figure, goals
from benchmarks.training.measuring import AT_FIRST, AT_LAST, STEPS, Outcome, Result
from benchmarks.training.peers import PEERS

Cell = Callable[[Result, Outcome], str]
COLUMNS = 5

NOTES = """\
- PyTorch has its fused optimizer, the fastest of its three here; `torch.compile` compiles the loss
  and its gradient.
- JAX and chainrule give their buffers up for the new ones (`donate_argnums`, `donate`).
- scikit-learn takes an epoch a call of `partial_fit`, so its losses are compared as means of
  epochs. Its Adam adds epsilon before the correction of the bias, which moves them a little.
- micrograd works in double precision, a number at a time. In its demo every batch is the whole of
  the 100 samples, repeated to make an epoch of 20 steps.
- By hand: the NumPy one has its buffers made once and its optimizer in place; the numba one runs an
  epoch a call, with `np.dot` for products and loops for the rest.
- A peer whose epoch takes longer than two seconds has three rounds."""


def table(rows: Sequence[Sequence[str]], figures: bool = True) -> str:
    """Return a Markdown table; the first row is its head, figures stand to the right."""
    head, *body = rows
    lines = [head, ["---", *["--:" if figures else "---"] * (len(head) - 1)], *body]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def page(
    results: Sequence[Result], machine: Sequence[tuple[str, str]], rounds: int, plot: str = ""
) -> str:
    """Return the whole page."""
    timed = [r for r in results if not r.case.compile_only]
    parts = [
        "# Training steps, measured",
        "Written by `python -m benchmarks training`. All peers start from the same weights, take"
        " the same samples in the same order (each gathers its minibatches itself) and use the"
        " same optimizer, in float32. Each runs in a process of its own with its default threads;"
        f" the figures are medians of {rounds} rounds in which all take turns.",
        f"![Time of a step relative to chainrule, numba]({plot})" if plot else "",
        *_section("How long does a step take?", "µs.", _grid(timed, _microseconds)),
        *_section(
            "How much longer than chainrule, numba?",
            "The ratio of each round, its median and quartiles.",
            _grid(timed, _ratio) if any(r.has(BASE) for r in timed) else "",
        ),
        *_section("Is that what was asked?", "", _goals(results)),
        *_section(
            "Did all do the same work?",
            f"The largest relative difference of the first {STEPS} losses from those of a"
            f" hand-written pass in float64. Up to {AT_FIRST:g} is allowed in the first steps,"
            f" growing to {AT_LAST:g}; who differs by more is not timed.",
            _grid(results, lambda r, o: f"{o.difference:.0e}" if o.difference >= 0 else NONE),
        ),
        *_section(
            "How far from the limit?",
            "The limit: the products of a step at the rate of this machine's BLAS for just these"
            " shapes, all cores, and the bytes of parameters, optimizer state and activations,"
            " read and written once, at its copying rate. The share is the limit over the time"
            " of a step. A share above 1 means that a peer's products are faster than this BLAS.",
            _limits(timed) + "\n\n" + _grid(timed, _share),
        ),
        *_section(
            "How much memory?",
            "Peak MB in training, beyond imports and data; in brackets that of the first epoch,"
            " which compiles; then that of the whole process.",
            _grid(timed, _memory),
        ),
        *_section(
            "How long does compiling take?",
            "Seconds of the first epoch beyond a later one; after the slash in fresh processes"
            " with a filled cache, the median of three.",
            _grid(results, _compiling),
        ),
        *_section(
            "How many threads?",
            "The library's default; in brackets the cores that were busy.",
            _grid(timed, _threads),
        ),
        *_section("What is to be known of the peers?", "", NOTES),
        *_section("What was left out, and why?", "", _left_out(results)),
        *_section("On what?", "", table([("", ""), *machine], False)),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _section(question: str, note: str, content: str) -> tuple[str, ...]:
    return (f"## {question}", note, content) if content else ()


def _grid(results: Sequence[Result], cell: Cell) -> str:
    """Return a row a peer, a column a case, in tables that fit a page."""
    parts = [results[i : i + COLUMNS] for i in range(0, len(results), COLUMNS)]
    return "\n\n".join(text for part in parts if (text := _part(part, cell)))


def _part(results: Sequence[Result], cell: Cell) -> str:
    """Return one table; peers without a figure are left out."""
    names = [name for name in PEERS if any(name in r.outcomes for r in results)]
    rows = []
    for name in names:
        cells = [cell(r, r.outcomes[name]) if name in r.outcomes else NONE for r in results]
        if any(text != NONE for text in cells):
            rows.append([PEERS[name].title, *cells])
    return table([["", *(r.case.name for r in results)], *rows]) if rows else ""


def _microseconds(result: Result, outcome: Outcome) -> str:
    return figure(outcome.median * 1e6)


def _ratio(result: Result, outcome: Outcome) -> str:
    if not (result.has(BASE) and outcome.steps):
        return NONE
    ratios = result.ratios(outcome.peer, BASE)
    if len(ratios) < 2 or outcome.peer == BASE:
        return figure(statistics.median(ratios))
    low, middle, high = statistics.quantiles(ratios, n=4, method="inclusive")
    return f"{figure(middle)} ({figure(low)} to {figure(high)})"


def _share(result: Result, outcome: Outcome) -> str:
    share = result.share(outcome.peer)
    return NONE if math.isnan(share) else f"{share:.2g}"


def _memory(result: Result, outcome: Outcome) -> str:
    if math.isnan(outcome.peak):
        return NONE
    return f"{figure(outcome.peak)} ({figure(outcome.first_peak)}), {figure(outcome.total)}"


def _compiling(result: Result, outcome: Outcome) -> str:
    compiles = PEERS[outcome.peer].variant not in ("", "eager")
    if not compiles or math.isnan(outcome.first):
        return NONE
    warm = "" if math.isnan(outcome.warm) else f" / {outcome.warm:.2f}"
    return f"{outcome.first:.2f}{warm}"


def _threads(result: Result, outcome: Outcome) -> str:
    if not outcome.busy:
        return NONE
    return f"{outcome.threads} ({statistics.median(outcome.busy):.1f})"


def _limits(results: Sequence[Result]) -> str:
    rows = [["", "products µs", "GFLOP/s", "moves µs", "GB/s"]]
    for r in results:
        if not (r.case.sizes and r.limits):
            continue
        last = r.limits[-1]
        products, moves = r.limit("products"), r.limit("moves")
        rows.append(
            [
                r.case.name,
                figure(products * 1e6),
                figure(last["flops"] / products / 1e9),
                figure(moves * 1e6),
                figure(last["bytes"] / moves / 1e9),
            ]
        )
    return table(rows)


def _goals(results: Sequence[Result]) -> str:
    rows = [
        [r.case.name, goal.what, goal.asked, goal.measured, "yes" if goal.reached else "no"]
        for r in results
        for goal in goals(r)
    ]
    return table([["", "what", "asked", "measured", "reached"], *rows], False) if rows else ""


def _left_out(results: Sequence[Result]) -> str:
    """Return a row for each reason, with the cases that it holds for."""
    reasons: dict[tuple[str, str], list[str]] = {}
    for r in results:
        for name, outcome in r.outcomes.items():
            if outcome.reason:
                reasons.setdefault((name, outcome.reason), []).append(r.case.name)
    rows = [
        [PEERS[name].title, ", ".join(cases), reason.replace("|", "\\|")]
        for (name, reason), cases in reasons.items()
    ]
    return table([["", "cases", "reason"], *rows], False) if rows else ""
