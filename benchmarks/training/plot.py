"""The results as a picture: a panel a case, a bar a peer."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from benchmarks.training.goals import BASE, figure
from benchmarks.training.measuring import Result
from benchmarks.training.peers import PEERS

OURS, THEIRS = "#2a6fbb", "#b8bcc2"
COLUMNS = 2


def save(results: Sequence[Result], path: Path) -> bool:
    """Write the picture; return False where no case has a time for `BASE` to be relative to."""
    shown = [r for r in results if r.has(BASE)]
    if not shown:
        return False
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    rows = math.ceil(len(shown) / COLUMNS)
    picture = Figure(figsize=(6.5 * COLUMNS, 3.6 * rows), layout="constrained")
    FigureCanvasAgg(picture)
    panels = picture.subplots(rows, COLUMNS, squeeze=False).ravel()
    for panel, result in zip(panels, shown, strict=False):
        _bars(panel, result)
    for panel in panels[len(shown) :]:
        panel.set_visible(False)
    picture.suptitle("Time of a step, chainrule numba = 1 (shorter is better; blue: chainrule)")
    picture.savefig(path, dpi=110)
    return True


def _bars(panel, result: Result) -> None:
    base = result.outcomes[BASE].median
    outcomes = sorted(
        (o for o in result.outcomes.values() if o.steps), key=lambda o: o.median, reverse=True
    )
    names = [PEERS[o.peer].title for o in outcomes]
    values = [o.median / base for o in outcomes]
    # On a logarithmic axis a bar has to start somewhere: below the least, not at 1.
    left = min(values) / 1.6
    bars = panel.barh(
        names,
        [value - left for value in values],
        left=left,
        color=[OURS if PEERS[o.peer].ours else THEIRS for o in outcomes],
    )
    labels = [
        f" {figure(value)}  ({figure(o.median * 1e6)} µs)"
        for value, o in zip(values, outcomes, strict=True)
    ]
    # On white, so that the line at 1 does not run through a figure.
    ground = {"facecolor": "white", "edgecolor": "none", "pad": 0.6}
    panel.bar_label(bars, labels, fontsize=8, padding=2, bbox=ground)
    panel.set_xscale("log")
    panel.xaxis.set_major_formatter("{x:g}")
    panel.xaxis.set_minor_formatter("")
    # Room for the figures right of the longest bar.
    panel.set_xlim(left, max(values) * (max(values) / left) ** 0.45)
    panel.axvline(1, color="black", linewidth=0.7, zorder=0)
    panel.set_title(result.case.title, fontsize=10, loc="left")
    panel.tick_params(labelsize=8.5)
    panel.spines[["top", "right"]].set_visible(False)
