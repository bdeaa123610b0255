"""``fit`` on the spiral: 10,000 steps on all rows, and how well they are then told apart."""

from __future__ import annotations

import statistics
import time

import numpy as np

from benchmarks.measure import Table, UnavailableError

STEPS, RUNS = 10_000, 7


def spiral(rows: int = 100, classes: int = 3, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return points on arms around the origin, and the number of the arm."""
    r = np.random.default_rng(seed)
    radius = np.tile(np.linspace(0, 1, rows), classes)
    arm = np.repeat(np.arange(classes), rows)
    angle = 4 * radius + 4 * arm + r.normal(scale=0.2, size=rows * classes)
    return np.stack([radius * np.sin(angle), radius * np.cos(angle)], axis=1), arm


def run() -> Table:
    """Train 2-64-3 by Adam, with metrics, once compiled."""
    try:
        import numba  # noqa: F401
    except ImportError:
        raise UnavailableError("fit: needs numba, as chainrule[fast] brings it") from None
    from chainrule import nn

    X, y = spiral()
    options = {
        "loss": "cross_entropy", "optimizer": nn.Adam(0.01), "batch_size": len(X),
        "metrics": "accuracy", "executor": "numba",
    }  # fmt: skip
    model = nn.Sequential(nn.Dense(64), nn.ReLU(), nn.Dense(3))
    model.fit(X, y, epochs=STEPS, **options)
    seconds, accuracies = [], []
    for seed in range(RUNS):
        model.initialise((2,), seed)
        began = time.perf_counter()
        model.fit(X, y, epochs=STEPS, **options)
        seconds.append(time.perf_counter() - began)
        accuracies.append(100 * model.evaluate(X, y)["accuracy"])
    row = {
        "case": f"spiral, {STEPS:,} steps", "median s": statistics.median(seconds),
        "slowest s": max(seconds), "accuracy %, lowest": min(accuracies),
    }  # fmt: skip
    return Table("under 1 s, at least 97 % of the training rows", [row])
