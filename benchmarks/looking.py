"""Pictures of large graphs, answers to edits, and how soon the lab is there."""

from __future__ import annotations

import json
import re
import shutil
import signal
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from typing import Any

import numpy as np

import chainrule as cr
from benchmarks.measure import Table, UnavailableError

EDITS, STARTS = 30, 5
GOALS = "10,000 nodes under 2 s; an edit under 50 ms; lab up under 2 s, painted 1 s later"


def run() -> Table:
    """Measure everything that can be measured here."""
    rows = [_large("10,000 operations, layers", _loop), _large("50 layers", _deep)]
    return Table(GOALS, [*rows, *_lab()])


def _loop(x: float) -> Any:
    for _ in range(5000):
        x = x * 1.0001 + 0.01
    return x


def _deep(h: Any) -> Any:
    for W in _WEIGHTS:
        h = np.tanh(h @ W)
    return np.mean(h**2)


_WEIGHTS = [np.random.default_rng(i).normal(size=(8, 8)) for i in range(50)]


def _large(case: str, function: Callable[..., Any]) -> dict[str, Any]:
    start = 1.0 if function is _loop else np.ones((4, 8))
    seconds = []
    for _ in range(STARTS):
        solution = cr.explain(function, start)
        began = time.perf_counter()
        solution.svg(level="layers")
        seconds.append(time.perf_counter() - began)
    return _row(f"picture of {case}", seconds)


def _row(case: str, seconds: list[float]) -> dict[str, Any]:
    return {
        "case": case, "median ms": 1000 * statistics.median(seconds),
        "slowest ms": 1000 * max(seconds),
    }  # fmt: skip


def _lab() -> list[dict[str, Any]]:
    """Return how long the lab takes to start, to paint, and to answer edits of each example."""
    try:
        import starlette  # noqa: F401
        import uvicorn  # noqa: F401
    except ImportError:
        raise UnavailableError("looking: needs chainrule[look]") from None
    started, painted = [], []
    rows: list[dict[str, Any]] = []
    for last in range(STARTS):
        began = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, "-m", "chainrule", "lab", "--no-browser"],
            stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        try:
            link = _link(process)
            started.append(time.perf_counter() - began)
            painted.append(_first_paint(link))
            if last == STARTS - 1:
                rows = _edits(link)
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(timeout=10)
    seen = [s for s in painted if s is not None]
    return [
        _row("chainrule lab is up", started),
        *([_row("first paint after that", seen)] if seen else []),
        *rows,
    ]


def _link(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    for line in process.stdout:
        if found := re.search(r"http://\S+", line):
            return found[0]
    raise UnavailableError("looking: the lab did not start")


def _first_paint(link: str) -> float | None:
    """Return the browser's own figure; None where there is no browser."""
    path = shutil.which("chromium-headless-shell") or shutil.which("chromium")
    if path is None:
        return None
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        return None
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        page = browser.new_page()
        page.goto(link)
        page.wait_for_selector("svg.chainrule-picture")
        painted = page.evaluate(
            "performance.getEntriesByName('first-contentful-paint')[0].startTime"
        )
        browser.close()
    return float(painted) / 1000


def _edits(link: str) -> list[dict[str, Any]]:
    """Return how long an edit of each example takes over HTTP, answer read to its end."""
    base, token = link.split("?token=")

    def ask(path: str, body: Any = None) -> Any:
        request = urllib.request.Request(
            base + path, None if body is None else json.dumps(body).encode(),
            {
                "X-Chainrule-Token": token, "Content-Type": "application/json",
                "Origin": base.rstrip("/"),
            },
        )  # fmt: skip
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)

    rows = []
    for example in ask("api/examples")["examples"]:
        name = example["name"]
        values = {argument["name"]: argument["text"] for argument in example["arguments"]}
        seconds = []
        for i in range(EDITS):
            # The last digits of the first number change: another text, the same kind of value.
            first = next(iter(values))
            edited = re.sub(r"\d+\.?\d*", f"1.{i + 1:03}", values[first], count=1)
            state = {"example": name, "values": {**values, first: edited}}
            began = time.perf_counter()
            assert "document" in ask("api/explain", {"state": state})
            seconds.append(time.perf_counter() - began)
        rows.append(_row(f"edit of {name}", seconds))
    return rows
