"""Files of a solution, made in a process of their own: it can be ended when it takes too long.

A drawing of many parts keeps matplotlib busy for as long as it likes, and a page with all its
pictures and paths takes long as well. Nothing in them looks at a clock, and a thread cannot be
stopped from outside; nor should whoever edits in another tab wait for them.
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

#: Suffix of a file that can be had -> its type.
TYPES = {
    ".html": "text/html",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".pdf": "application/pdf",
    ".md": "text/markdown",
    ".tex": "application/x-tex",
    ".txt": "text/plain",
    ".py": "text/x-python",
    ".json": "application/json",
}

#: What to save instead of a file that takes too long.
_INSTEAD = {
    ".html": "Save a picture (SVG), Markdown or text, or shorten the formula",
    ".png": "Save it as SVG, which stays sharp at any size, or shorten the formula",
    ".pdf": "Save it as SVG, which prints as well, or shorten the formula",
}

_THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
#: How a process ends that has no more memory.
_FULL = 3


class Makers:
    """Processes that make files, as many as are asked for at once; `close` ends all."""

    def __init__(self) -> None:
        self._running: set[subprocess.Popen[bytes]] = set()
        self._lock = threading.Lock()

    def made(self, state: Mapping[str, Any], suffix: str) -> tuple[str, bytes]:
        """Return a file's name and content.

        Raises
        ------
        Faulty
            When it takes longer, or more memory, than it may.
        """
        # The folder is ours: one that is killed leaves what it has begun.
        with TemporaryDirectory(prefix="chainrule-lab-") as folder:
            question = {"state": dict(state), "suffix": suffix, "folder": folder}
            code, answer = self._asked(question)
            if code < 0 or code == _FULL:
                raise Faulty(Fault("suffix", _too_much(suffix)))
            if code:
                raise RuntimeError(f"making a file ended with {code}")
            told = json.loads(answer)
            if "errors" in told:
                raise Faulty(*(Fault(e["field"], e["message"]) for e in told["errors"]))
            return told["name"], (Path(folder) / told["name"]).read_bytes()

    def _asked(self, question: Mapping[str, Any]) -> tuple[int, bytes]:
        process = _started()
        with self._lock:
            self._running.add(process)
        late = threading.Timer(limits.FILE_SECONDS, process.kill)
        late.start()
        try:
            return _answer(process, question)
        finally:
            late.cancel()
            with self._lock:
                self._running.discard(process)

    def close(self) -> None:
        """End all of them; whoever waits is told that it took too long."""
        with self._lock:
            for process in self._running:
                process.kill()


makers = Makers()


def _too_much(suffix: str) -> str:
    name = suffix[1:].upper()
    return (
        f"This is too large for {name}: it would take longer than {limits.FILE_SECONDS:g} seconds, "
        f"or more memory than there is. {_INSTEAD.get(suffix, 'Shorten the formula')}."
    )


def _started() -> subprocess.Popen[bytes]:
    """Start a process that finds this chainrule, wherever it was imported from."""
    here = str(Path(__file__).parents[2])
    path = os.pathsep.join(p for p in (here, os.environ.get("PYTHONPATH")) if p)
    environment = os.environ | dict.fromkeys(_THREADS, "1") | {"PYTHONPATH": path}
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "chainrule.lab.files"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment,
    )  # fmt: skip


def _answer(process: subprocess.Popen[bytes], question: Mapping[str, Any]) -> tuple[int, bytes]:
    """Ask a process; return how it ended and what it said until then."""
    assert process.stdin is not None
    assert process.stdout is not None
    with suppress(OSError):  # it has ended already
        process.stdin.write(json.dumps(question).encode() + b"\n")
        process.stdin.flush()
    answer: bytes = process.stdout.read()
    process.wait()
    process.stdout.close()
    with suppress(OSError):
        process.stdin.close()
    return process.returncode, answer


def written(state: Mapping[str, Any], suffix: str) -> tuple[str, bytes]:
    """Return name and content of a file, made here and now.

    Raises
    ------
    Faulty, ChainruleError
    """
    with TemporaryDirectory(prefix="chainrule-lab-") as folder:
        path = _saved(state, suffix, folder)
        return path.name, path.read_bytes()


def _saved(state: Mapping[str, Any], suffix: str, folder: str) -> Path:
    from chainrule.lab.explorer import explained

    solution = explained(state).solution
    return solution.save(Path(folder) / f"{solution.explanation.name}{suffix}")


# -- in the process ----------------------------------------------------------------------------


def main() -> None:
    """Read a question, write the file, and say what it is called."""
    from chainrule.errors import ChainruleError
    from chainrule.lab.targets import fault_of

    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints is no part of the file
    _bound_memory()
    question = json.loads(sys.stdin.buffer.readline())
    threading.Thread(target=_end_with_the_server, daemon=True).start()
    try:
        path = _saved(question["state"], question["suffix"], question["folder"])
        told: dict[str, Any] = {"name": path.name}
    except Faulty as error:
        told = {"errors": [fault.plain() for fault in error.faults]}
    except ChainruleError as error:
        told = {"errors": [fault_of(error, "suffix").plain()]}
    except MemoryError:
        os._exit(_FULL)
    out.write(json.dumps(told).encode())
    out.close()
    os._exit(0)  # without waiting for who listens to the server


def _bound_memory() -> None:
    """Let a picture that would fill the memory fail instead."""
    try:
        import resource
    except ImportError:  # there is none on Windows
        return
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_AS, (limits.FILE_BYTES, limits.FILE_BYTES))


def _end_with_the_server() -> None:
    """End when nobody is there any more to hand the file to."""
    sys.stdin.buffer.read()
    os._exit(1)


if __name__ == "__main__":
    main()
