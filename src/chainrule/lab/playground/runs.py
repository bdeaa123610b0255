"""Runs: a process each, known by a number that nobody guesses, and ended when nobody looks."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import subprocess
import sys
import threading
import time
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path
from typing import Any

from chainrule.lab.playground.config import Config
from chainrule.lab.playground.fields import refusal
from chainrule.lab.playground.messages import FRAME, unpacked

#: Runs at a time, and seconds: that training goes on without anybody looking, that a run is kept
#: then, and that a reply may take.
RUNS, UNSEEN, KEPT, PATIENCE = 4, 15.0, 600.0, 20.0
#: A worker computes in one thread; several would wait for each other.
_THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")


class Run:
    """A worker, and who looks at it.

    Attributes
    ----------
    id : str
    is_alive : bool
    described : dict
        What the worker told of the configuration; see :func:`frame.described`.
    """

    def __init__(self) -> None:
        self.id = secrets.token_urlsafe(9)
        self.is_alive = True
        self.described: dict[str, Any] = {}
        self.generation = 0
        self.viewers = 0
        self.seen = time.monotonic()
        self.is_training = False
        self._replies: dict[int, Future[dict[str, Any] | None]] = {}
        self._frames: list[Future[bytes | None]] = []
        self._asked = 0
        self._lock = threading.Lock()
        self._process = _started()
        threading.Thread(target=self._listen, daemon=True).start()

    # -- to the worker -------------------------------------------------------------------

    def tell(self, do: str, **more: Any) -> None:
        """Send a command; nothing is sent to a worker that has ended."""
        self.is_training = do == "train" or (self.is_training and do in ("frame", "pace"))
        line = json.dumps({"do": do, **more}).encode() + b"\n"
        try:
            assert self._process.stdin is not None
            with self._lock:
                self._process.stdin.write(line)
                self._process.stdin.flush()
        except (OSError, ValueError):
            self.is_alive = False

    async def ask(self, do: str, **more: Any) -> dict[str, Any]:
        """Send a command and return the reply.

        Raises
        ------
        FieldsError
            When there is none in time, or the worker has ended.
        """
        arrived: Future[dict[str, Any] | None] = Future()
        with self._lock:
            self._asked += 1
            number = self._asked
            self._replies[number] = arrived
        self._tell_or_end(do, id=number, **more)
        try:
            reply = await asyncio.wait_for(asyncio.wrap_future(arrived), PATIENCE)
        except TimeoutError:
            self.end()
            reply = None
        if reply is None:
            raise refusal([("run", "The training process has ended. Reset starts another one.")])
        if "failure" in reply:
            raise refusal([("run", reply["failure"])])
        return reply

    async def configure(self, config: Config) -> dict[str, Any]:
        """Begin anew with a configuration; return what is told of it."""
        return await self._begun("configure", config=config.to_dict())

    async def reset(self) -> dict[str, Any]:
        """Begin anew with the same configuration."""
        return await self._begun("reset")

    async def _begun(self, do: str, **more: Any) -> dict[str, Any]:
        reply = await self.ask(do, **more)
        self.described, self.generation = reply["described"], reply["generation"]
        return self.described

    async def frame(self, now: bool = False) -> bytes | None:
        """Return the next frame: at once with `now`, else when there is something new to see.

        None when the worker has ended.
        """
        arrived: Future[bytes | None] = Future()
        with self._lock:
            self._frames.append(arrived)
        self._tell_or_end("frame", now=now)
        return await asyncio.wrap_future(arrived)

    def _tell_or_end(self, do: str, **more: Any) -> None:
        """Send a command that is waited for: nobody waits for a worker that has ended."""
        self.tell(do, **more)
        if not self.is_alive:
            self._give_up()

    def end(self) -> None:
        """End the worker."""
        self.is_alive = False
        self._process.kill()

    # -- from the worker -----------------------------------------------------------------

    def _listen(self) -> None:
        """Hand on what the worker sends, until it ends."""
        assert self._process.stdout is not None
        with self._process.stdout as stream:
            while (message := unpacked(stream)) is not None:
                kind, payload = message
                if kind == FRAME:
                    with self._lock:
                        waiting, self._frames = self._frames, []
                    for each in waiting:
                        _settle(each, payload)
                else:
                    reply = json.loads(payload)
                    with self._lock:
                        found = self._replies.pop(reply["id"], None)
                    if found is not None:
                        _settle(found, reply)
        self._ended()

    def _ended(self) -> None:
        self.is_alive = False
        self._process.kill()
        self._process.wait()
        if self._process.stdin is not None:
            with suppress(OSError):  # what was still to be written is for nobody
                self._process.stdin.close()
        self._give_up()

    def _give_up(self) -> None:
        with self._lock:
            waiting: list[Future[Any]] = [*self._frames, *self._replies.values()]
            self._frames, self._replies = [], {}
        for each in waiting:
            _settle(each, None)


def _started() -> subprocess.Popen[bytes]:
    """Start a worker that finds this chainrule, wherever it was imported from."""
    here = str(Path(__file__).parents[3])
    path = os.pathsep.join(p for p in (here, os.environ.get("PYTHONPATH")) if p)
    environment = os.environ | dict.fromkeys(_THREADS, "1") | {"PYTHONPATH": path}
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "chainrule.lab.playground.worker"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment,
    )  # fmt: skip


def _settle(future: Future[Any], value: Any) -> None:
    """Fulfil a promise, unless nobody waits any more."""
    if future.set_running_or_notify_cancel():
        future.set_result(value)


class Runs:
    """All runs of a server."""

    def __init__(self) -> None:
        self._runs: dict[str, Run] = {}

    def __len__(self) -> int:
        return len(self._runs)

    def find(self, name: Any) -> Run | None:
        """Return a run that is alive, or None."""
        run = self._runs.get(name) if isinstance(name, str) else None
        if run is not None and not run.is_alive:
            del self._runs[run.id]
            return None
        return run

    def open(self) -> Run:
        """Start another run; the one that has not been seen for longest makes room.

        Raises
        ------
        FieldsError
            When all are being looked at.
        """
        self.tidy()
        if len(self._runs) >= RUNS:
            unseen = [run for run in self._runs.values() if not run.viewers]
            if not unseen:
                raise refusal([(
                    "run", f"{RUNS} runs are open in other tabs, and there are no more at a time. "
                    "Close one of them, then reset.",
                )])  # fmt: skip
            self._close(min(unseen, key=lambda run: run.seen))
        run = Run()
        self._runs[run.id] = run
        return run

    def tidy(self) -> None:
        """Pause what trains unseen, end what nobody comes back to."""
        now = time.monotonic()
        for run in list(self._runs.values()):
            unseen = 0.0 if run.viewers else now - run.seen
            if not run.is_alive or unseen > KEPT:
                self._close(run)
            elif unseen > UNSEEN and run.is_training:
                run.tell("pause")

    def close(self) -> None:
        """End all runs."""
        for run in list(self._runs.values()):
            self._close(run)

    def _close(self, run: Run) -> None:
        run.end()
        self._runs.pop(run.id, None)
