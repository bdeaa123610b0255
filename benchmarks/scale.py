"""Time and memory a node, from a thousand nodes to a million: they should stay the same.

Each figure comes from a process of its own: ``python -m benchmarks.scale CASE SIZE``.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import chainrule as cr
from benchmarks.measure import Table, assert_same, timed
from chainrule.backward import differentiate
from chainrule.graphing import record

SIZES = (10**3, 10**4, 10**5, 10**6)
#: An explanation is to be read: of a million operations nobody asks for one.
READABLE = (10**3, 3 * 10**3, 10**4)
FACTOR = 0.999999


def chain(x: float, steps: int) -> Any:
    """Two nodes a step, each reading the one before."""
    for _ in range(steps):
        x = x * FACTOR + 0.001
    return x


def wide(w: list[float], x: list[float]) -> Any:
    """Two nodes an element; the products do not read each other."""
    return sum(a * b for a, b in zip(w, x, strict=True))


def _arguments(shape: str, size: int) -> tuple[Callable[..., Any], tuple[Any, ...], Any]:
    """Return a function of about `size` operations, its arguments, and its gradient."""
    half = size // 2
    if shape == "chain":
        # A step count is no parameter to record: it would become an input of the graph.
        return lambda x: chain(x, half), (2.0,), FACTOR**half
    x = [1.0 + i / half for i in range(half)]
    return lambda w: wide(w, x), ([0.5] * half,), x


def eager(shape: str, size: int) -> tuple[Callable[[], Any], int]:
    """Return the gradient to be timed, and how many nodes it passes through."""
    f, args, expected = _arguments(shape, size)
    gradient = cr.grad(f)
    assert_same(f"{shape} of {size}", gradient(*args), expected)
    return lambda: gradient(*args), size


def graph(shape: str, size: int) -> tuple[Callable[[], Any], int]:
    """Return recording and differentiating, to be timed, and the nodes of the joint graph."""
    f, args, expected = _arguments(shape, size)

    def run() -> Any:
        recording = record(f, args, {}, 0)
        return differentiate(recording.graph, recording.wrt_inputs())

    joint = run()
    got = [node.value for node in joint.graph.outputs[1:]]
    assert_same(f"{shape} of {size}", got[0] if shape == "chain" else got, expected)
    return run, len(joint.graph)


def explanation(shape: str, size: int) -> tuple[Callable[[], Any], int]:
    """Return an explanation with all of its steps, to be timed, and its nodes."""
    f, args, expected = _arguments(shape, size)

    def run() -> Any:
        s = cr.explain(f, *args, wrt=0)
        s.text()
        return s

    s = run()
    (got,) = s.grads.values()
    assert_same(f"{shape} of {size}", got, expected)
    return run, len(s.explanation.derivation.joint.graph)


WAYS = {
    "cr.grad": (eager, SIZES),
    "record + differentiate": (graph, SIZES),
    "cr.explain, as text": (explanation, READABLE),
}


def measured(way: str, shape: str, size: int) -> dict[str, Any]:
    """Measure in this process."""
    make, sizes = WAYS[way]
    run, nodes = make(shape, size)
    rounds = min(25, max(1, 3 * max(sizes) // (10 * size)))
    seconds = statistics.median(timed(run) for _ in range(rounds))
    tracemalloc.start()
    run()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return {
        "case": f"{way}, {shape}",
        "operations": size,
        "nodes": nodes,
        "µs a node": seconds / nodes * 1e6,
        "peak bytes a node": round(peak / nodes),
    }


def run() -> Table:
    """Measure each case in a fresh process."""
    where = [Path(cr.__file__).parents[1], Path(__file__).parents[1]]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, where))}
    rows = []
    for way, (_, sizes) in WAYS.items():
        for shape in ("chain", "wide"):
            for size in sizes:
                out = subprocess.run(
                    [sys.executable, "-m", "benchmarks.scale", way, shape, str(size)],
                    check=True,
                    stdout=subprocess.PIPE,
                    env=environment,
                ).stdout
                rows.append(json.loads(out))
    return Table("time and memory a node do not grow with the number of nodes", rows)


if __name__ == "__main__":
    print(json.dumps(measured(sys.argv[1], sys.argv[2], int(sys.argv[3]))))
