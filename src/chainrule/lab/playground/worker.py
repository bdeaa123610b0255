"""The process that trains: commands come in as lines of JSON, frames and replies go out.

It lives as long as its standard input is open, so that it ends with the server however that ends.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import sys
import threading
import time
from typing import Any, BinaryIO

from chainrule.lab.playground.messages import FRAME, REPLY, packed

#: Seconds of steps between two looks at what is asked for.
_SLICE = 0.004
#: Seconds between two frames, on average.
_FRAME = 1 / 30
#: Seconds between two looks for dead units.
_LOOK = 0.5


class Worker:
    """Trains, and does what it is told.

    Parameters
    ----------
    out : binary file
        Of replies and frames.
    """

    def __init__(self, out: BinaryIO) -> None:
        self._out = out
        self.commands: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        self._training: Any = None
        self._camera: Any = None
        self._config: Any = None
        self._is_running = False
        self._is_wanted = False
        #: Whether there is anything that the last frame did not show.
        self._is_new = False
        self._pace = 0.0
        self._due = self._looked = self._shown = 0.0
        self._generation = 0

    def run(self) -> None:
        """Go on until the process ends."""
        while True:
            self._obey()
            if self._is_running:
                self._train()
            self._show()

    # -- commands ------------------------------------------------------------------------

    def _obey(self) -> None:
        """Take the commands that have come; wait for one when there is nothing else to do."""
        is_idle = not self._is_running and not (self._is_wanted and self._is_new)
        while True:
            try:
                command = self.commands.get(block=is_idle)
            except queue.Empty:
                return
            is_idle = False
            try:
                reply = getattr(self, f"_do_{command['do']}")(command)
            except Exception as error:  # told to whoever asked; the process goes on
                reply = {"failure": f"{type(error).__name__}: {error}"}
            if command.get("id") is not None:
                self._write(REPLY, json.dumps({"id": command["id"], **(reply or {})}).encode())

    def _do_configure(self, command: dict[str, Any]) -> dict[str, Any]:
        from chainrule.lab.playground.config import checked

        self._config = checked(command["config"])
        return self._do_reset(command)

    def _do_reset(self, command: dict[str, Any]) -> dict[str, Any]:
        from chainrule.lab.playground.frame import Camera, described
        from chainrule.lab.playground.training import Training

        self._training = Training(self._config)
        self._camera = Camera(self._training)
        self._is_running, self._looked = False, 0.0
        self._generation += 1
        self._is_new = True
        return {"described": described(self._training), "generation": self._generation}

    def _do_train(self, command: dict[str, Any]) -> None:
        self._is_running = self._training.failure is None
        self._due = time.perf_counter()
        self._is_new = True

    def _do_pause(self, command: dict[str, Any]) -> None:
        self._is_running = False
        self._is_new = True

    def _do_step(self, command: dict[str, Any]) -> None:
        self._is_running = False
        self._training.advance(command["steps"])
        self._is_new = True

    def _do_pace(self, command: dict[str, Any]) -> None:
        self._pace = command["pace"]
        self._due = time.perf_counter()

    def _do_frame(self, command: dict[str, Any]) -> None:
        self._is_wanted = True
        self._is_new = self._is_new or bool(command.get("now"))

    # -- training ------------------------------------------------------------------------

    def _train(self) -> None:
        """Take steps for a while: as many as there is time for, or as the pace allows."""
        began = time.perf_counter()
        while True:
            now = time.perf_counter()
            if now - began >= _SLICE:
                break
            if self._pace:
                due = int((now - self._due) * self._pace)
                if due < 1:
                    time.sleep(_SLICE)
                    break
                # What a busy machine could not do in time is let go.
                self._due = max(self._due + due / self._pace, now - 0.1)
                self._training.advance(min(due, 8))
            else:
                self._training.advance(8)
            self._is_new = True
            if self._training.failure is not None:
                self._is_running = False
                break

    def _show(self) -> None:
        now = time.perf_counter()
        if not (self._is_wanted and self._is_new) or self._training is None:
            return
        early = self._shown - now
        if early > 0:
            if not self._is_running:
                time.sleep(early)
            else:
                return
        if not self._is_running or now - self._looked > _LOOK:
            self._camera.look()
            self._looked = time.perf_counter()
        failure = self._training.failure
        state = "diverged" if failure else "running" if self._is_running else "paused"
        found = {"finding": _told(failure)} if failure else {}
        frame = self._camera.frame(
            state=state, generation=self._generation, pace=self._pace, **found
        )
        self._is_wanted = self._is_new = False
        # A frame that was asked for late lets the next one be early.
        self._shown = max(self._shown, now - _FRAME) + _FRAME
        self._write(FRAME, frame)

    def _write(self, kind: bytes, payload: bytes) -> None:
        self._out.write(packed(kind, payload))
        self._out.flush()


def _told(failure: Any) -> str:
    """Return what an autopsy says, in two sentences."""
    found = failure.autopsy
    return f"{found.summary} {found.cause.text} What helps: {found.cause.remedy}."


def _listen(commands: queue.SimpleQueue[dict[str, Any]]) -> None:
    """Pass on the commands of the server; end with it."""
    for line in sys.stdin.buffer:
        commands.put(json.loads(line))
    os._exit(0)


def main() -> None:
    """Run a worker on standard input and output."""
    # Ctrl-C in a terminal reaches the whole group; the server decides when this process ends.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints is no message
    worker = Worker(out)
    threading.Thread(target=_listen, args=(worker.commands,), daemon=True).start()
    import chainrule.lab.playground.frame  # noqa: F401  done before the first command comes

    try:
        worker.run()
    except BrokenPipeError:
        os._exit(0)


if __name__ == "__main__":
    main()
