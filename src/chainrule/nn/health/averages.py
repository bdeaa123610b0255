"""Running averages of normalisations, beside what the data give."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from chainrule.nn.health.finding import Finding, listed
from chainrule.nn.health.probe import Forward
from chainrule.nn.health.thresholds import VARIANCE_RATIO


def running_averages(run: Forward, state: Mapping[str, Any]) -> list[Finding]:
    """Return what is to be said of running variances that are not those of the data.

    A layer whose averages are as they were before training, 0 and 1, is passed over.

    Parameters
    ----------
    run : Forward
    state : dict of dict of arrays
        Layer -> ``"mean"`` and ``"var"``, each of shape (features,), where it has them.
    """
    findings = []
    for layer, (given, _) in run.results.items():
        kept = state.get(layer, {})
        if "mean" not in kept or "var" not in kept or not given.shape:
            continue
        running, features = np.asarray(kept["var"], float), given.shape[-1]
        untouched = not np.any(kept["mean"]) and np.all(running == 1)
        if running.shape != (features,) or untouched:
            continue
        found = np.reshape(given.value, (-1, features)).var(axis=0, dtype=float)
        smallest = np.finfo(np.float32).tiny
        ratio = np.maximum(running, smallest) / np.maximum(found, smallest)
        still = (found < 1e-10) & (running < 1e-3)  # a dead unit before it, which is told of
        off = ((ratio > VARIANCE_RATIO) | (ratio < 1 / VARIANCE_RATIO)) & ~still
        if np.any(off):
            findings.append(_far(layer, off, running, found))
    return findings


def _far(layer: str, off: np.ndarray, running: np.ndarray, found: np.ndarray) -> Finding:
    units = tuple(map(int, np.flatnonzero(off)))
    k = units[int(np.argmax(np.abs(np.log((running[off] + 1e-30) / (found[off] + 1e-30)))))]
    return Finding(
        "running_average", layer,
        f"{layer}: the running variance of {len(units)} of {len(off)} features is more than "
        f"{VARIANCE_RATIO:.0f} times that of these data, or less than a tenth of it "
        f"({listed(units)}); feature {k}: {running[k]:.3g} beside {found[k]:.3g}. Predictions "
        "differ from what was trained.",
        "inputs scaled in prediction as in training; more steps, or a larger momentum; a smaller "
        "learning rate",
        "warning", {"features": len(units), "running": float(running[k]), "found": float(found[k])},
        units,
    )  # fmt: skip
