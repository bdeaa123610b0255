"""Answers that may take long, made in a process of their own: it can be ended.

A drawing of many parts keeps matplotlib busy for as long as it likes, a page with all its pictures
and paths takes long, and paths through matrices are many. Nothing in these looks at a clock, and a
thread cannot be stopped from outside; nor should whoever edits in another tab wait for them.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from chainrule.lab import limits
from chainrule.lab.targets import Fault, Faulty

_THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
#: How a process ends that has no more memory.
_FULL = 3


class Apart:
    """Processes that work on answers, as many as are asked for at once; `close` ends all."""

    def __init__(self) -> None:
        self.running: set[subprocess.Popen[bytes]] = set()
        self._lock = threading.Lock()

    def answer(self, what: str, asked: Mapping[str, Any], too_much: Fault) -> Any:
        """Answer what one of `chainrule.lab.answers.HERE` would.

        Parameters
        ----------
        what : str
        asked : mapping
        too_much : Fault
            What to say when it takes longer, or more memory, than it may.

        Raises
        ------
        Faulty
        """
        # Its files are in a folder of ours: one that is killed leaves what it has begun.
        with TemporaryDirectory(prefix="chainrule-lab-") as folder:
            code, told = self._asked({"what": what, "asked": dict(asked)}, folder)
        if code < 0 or code == _FULL:
            raise Faulty(too_much)
        if code:
            raise RuntimeError(f"{what} ended with {code}")
        found = json.loads(told)
        if "faults" in found:
            raise Faulty(*(Fault(**fault) for fault in found["faults"]))
        return found["answer"]

    def _asked(self, question: Mapping[str, Any], folder: str) -> tuple[int, bytes]:
        process = _started(folder)
        with self._lock:
            self.running.add(process)
        late = threading.Timer(limits.APART_SECONDS, process.kill)
        late.start()
        try:
            return _told(process, question)
        finally:
            late.cancel()
            with self._lock:
                self.running.discard(process)

    def close(self) -> None:
        """End all of them; whoever waits is told that it took too long."""
        with self._lock:
            for process in self.running:
                process.kill()


apart = Apart()


def _started(folder: str) -> subprocess.Popen[bytes]:
    """Start a process that finds this chainrule, wherever it was imported from."""
    here = str(Path(__file__).parents[2])
    path = os.pathsep.join(p for p in (here, os.environ.get("PYTHONPATH")) if p)
    ours = dict.fromkeys(_THREADS, "1") | {"PYTHONPATH": path, "TMPDIR": folder}
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "chainrule.lab.apart"], env=os.environ | ours,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    )  # fmt: skip


def _told(process: subprocess.Popen[bytes], question: Mapping[str, Any]) -> tuple[int, bytes]:
    """Ask a process; return how it ended and what it said until then."""
    assert process.stdin is not None
    assert process.stdout is not None
    with suppress(OSError):  # it has ended already
        process.stdin.write(json.dumps(question).encode() + b"\n")
        process.stdin.flush()
    told: bytes = process.stdout.read()
    process.wait()
    process.stdout.close()
    with suppress(OSError):
        process.stdin.close()
    return process.returncode, told


# -- in the process ----------------------------------------------------------------------------


def main() -> None:
    """Read a question, and write the answer."""
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints is no part of the answer
    _bound_memory()
    question = json.loads(sys.stdin.buffer.readline())
    threading.Thread(target=_end_with_the_server, daemon=True).start()
    try:
        found = _answered(question["what"], question["asked"])
    except MemoryError:
        os._exit(_FULL)
    out.write(json.dumps(found).encode())
    out.close()
    os._exit(0)  # without waiting for who listens to the server


def _answered(what: str, asked: Mapping[str, Any]) -> dict[str, Any]:
    from chainrule.errors import ChainruleError
    from chainrule.lab.answers import HERE
    from chainrule.lab.targets import fault_of

    try:
        return {"answer": HERE[what](asked)}
    except Faulty as error:
        return {"faults": [fault.plain() for fault in error.faults]}
    except ChainruleError as error:
        return {"faults": [fault_of(error, "").plain()]}


def _bound_memory() -> None:
    """Let a picture that would fill the memory fail instead."""
    try:
        import resource
    except ImportError:  # there is none on Windows
        return
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_AS, (limits.APART_BYTES, limits.APART_BYTES))


def _end_with_the_server() -> None:
    """End when nobody is there any more to tell the answer to."""
    sys.stdin.buffer.read()
    os._exit(1)


if __name__ == "__main__":
    main()
