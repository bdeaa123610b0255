"""One peer on one case in a process of its own: ``python -m benchmarks.training.worker``.

It takes a request a line, in JSON, and answers each with a line. The libraries' own output goes to
the error stream. So the threads of one library cannot disturb another's, and memory is the peer's.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import sys
import time
import warnings
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.training import limit
from benchmarks.training.cases import CASES, problem
from benchmarks.training.peers import PEERS, REFERENCE, CannotError

REFERENCE_NAME = "reference"
LONGEST = 200  # characters of a message
STATUS = Path("/proc/self/status")


def _peak_and_now() -> tuple[float, float]:
    """Return the highest and the present resident memory of this process, in MB."""
    if STATUS.exists():
        # Unlike ru_maxrss, which a process takes over from the one that started it.
        lines = dict(line.split(":", 1) for line in STATUS.read_text().splitlines())
        return tuple(int(lines[key].split()[0]) / 1024 for key in ("VmHWM", "VmRSS"))
    import resource

    unit = 2**20 if sys.platform == "darwin" else 2**10
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit
    return peak, peak


def _forget_peak() -> None:
    """Let the highest memory count from now, where the system can do that."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return


def _threads(package: str) -> int:
    """Return how many threads the library takes by default."""
    if package == "torch":
        import torch

        return torch.get_num_threads()
    if package == "micrograd":
        return 1
    if package == "jax":
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    from threadpoolctl import threadpool_info

    return max((pool["num_threads"] for pool in threadpool_info()), default=1)


class Worker:
    """Answers the requests."""

    def __init__(self, case: str, peer: str) -> None:
        self._case = CASES[case]
        self._peer = REFERENCE if peer == REFERENCE_NAME else PEERS[peer]
        self._base = self._highest = 0.0

    def start(self) -> dict[str, Any]:
        """Import the library, make the trainer, and run the first epoch, which may compile."""
        for name in self._peer.imports:
            importlib.import_module(name)
        module = importlib.import_module(f"benchmarks.training.peers.{self._peer.module}")
        data = problem(self._case)
        gc.collect()
        self._highest = _peak_and_now()[0]
        _forget_peak()
        self._base = _peak_and_now()[1]
        start = time.perf_counter()
        self._trainer = module.trainer(self._case, data, self._peer.variant)
        losses = self._trainer.run(1)
        seconds = time.perf_counter() - start
        first_peak = _peak_and_now()[0]
        self._highest = max(self._highest, first_peak)
        gc.collect()
        _forget_peak()
        return {
            "seconds": seconds,
            "losses": losses.tolist(),
            "first_peak": first_peak - self._base,
            "threads": _threads(self._peer.package),
        }

    def run(self, epochs: int) -> dict[str, Any]:
        """Train on; say how long it took and how much time of the cores."""
        gc.collect()
        cpu, start = time.process_time(), time.perf_counter()
        losses = self._trainer.run(epochs)
        seconds = time.perf_counter() - start
        cpu = time.process_time() - cpu
        return {"seconds": seconds, "cpu": cpu, "losses": losses.tolist()}

    def memory(self) -> dict[str, Any]:
        """Return the peak of the later epochs beyond the imports, and that of the whole process."""
        peak = _peak_and_now()[0]
        return {"peak": peak - self._base, "total": max(self._highest, peak)}

    def limit(self, seconds: float) -> dict[str, Any]:
        """Return what the machine itself needs for the products and for moving the bytes."""
        return asdict(limit.measured(self._case, seconds))


def _answer(worker: Worker, request: dict[str, Any]) -> dict[str, Any]:
    do = request.pop("do")
    try:
        return getattr(worker, do)(**request)
    except CannotError as error:
        return {"cannot": str(error)}
    except ModuleNotFoundError as error:
        return {"cannot": f"{error.name} is not installed"}
    except Exception as error:
        # A peer that fails is a line in the results, not the end of all measuring.
        message = " ".join(str(error).split()) or "no message"
        return {"failed": f"{type(error).__name__}: {message[:LONGEST]}"}


def main() -> None:
    """Serve until the input ends."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    warnings.simplefilter("ignore")
    worker = Worker(*sys.argv[1:])
    for line in sys.stdin:
        print(json.dumps(_answer(worker, json.loads(line))), file=answers)


if __name__ == "__main__":
    main()
