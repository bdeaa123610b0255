"""Starting a worker, and talking with it."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Any

import chainrule

ROOT = Path(__file__).parents[2]
PATIENCE = 900.0  # seconds for one answer; compiling for a large network may take minutes


def environment(caches: Path) -> dict[str, str]:
    """Return what all workers run under: default threads, and caches that are empty at first."""
    # A program that is used has its byte code on disk, whatever is set for whoever measures.
    kept = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    where = [Path(chainrule.__file__).parents[1], ROOT]
    return {
        **kept,
        "PYTHONPATH": os.pathsep.join(map(str, where)),
        "PYTHONUNBUFFERED": "1",
        "JAX_PLATFORMS": "cpu",
        "CHAINRULE_CACHE": str(caches / "chainrule"),
        "TORCHINDUCTOR_CACHE_DIR": str(caches / "torch"),
        "NUMBA_CACHE_DIR": str(caches / "numba"),
    }


class Process:
    """A worker; as a context it is ended however the context is left."""

    def __init__(self, case: str, peer: str, caches: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.training.worker", case, peer],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment(caches),
        )

    def __enter__(self) -> Process:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            pipe.close()

    def ask(self, do: str, **request: Any) -> dict[str, Any]:
        """Return the answer; one with the key ``failed`` where the worker ended or hangs."""
        try:
            self._process.stdin.write(json.dumps({"do": do, **request}).encode() + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            return self._ended()
        # An answer is one line, written at once, so what can be read is a whole one.
        ready, _, _ = select.select([self._process.stdout], [], [], PATIENCE)
        if not ready:
            self._process.kill()
            return {"failed": f"no answer within {PATIENCE:.0f} s"}
        line = self._process.stdout.readline()
        return json.loads(line) if line else self._ended()

    def _ended(self) -> dict[str, Any]:
        return {"failed": f"the process ended with status {self._process.wait()}"}
