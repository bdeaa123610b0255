"""What the page asks for: routes below ``/api/playground``, and one socket for each tab.

Over the socket the page sends JSON, such as ``{"do": "train"}``, and gets JSON and frames (see
`frame`). A frame is sent only when the page has asked for one with ``{"do": "frame"}``, which it
does when it has drawn the last: a slow page gets fewer, and never old ones. Training does not wait.

When a socket breaks, training goes on for `runs.UNSEEN` seconds, and then pauses: a page that is
loaded again in between finds its run where it would be otherwise.
"""

from __future__ import annotations

import asyncio
import json
import time
from contextlib import suppress
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from chainrule.lab.playground import table as tables
from chainrule.lab.playground.config import (
    ACTIVATIONS,
    LAYERS,
    OPTIMIZERS,
    SAMPLES,
    SEEDS,
    UNITS,
    Config,
    checked,
)
from chainrule.lab.playground.fields import Fields, FieldsError, refusal, shown
from chainrule.lab.playground.points import GENERATORS
from chainrule.lab.playground.runs import UNSEEN, Run, Runs
from chainrule.nn.files.strict_json import JSONError, read

#: Bytes of a message, and messages of one socket that may wait.
_BYTES = 4 * tables.CHARACTERS + 10_000
#: Steps a second, at most; 0 for as many as there is time for.
_PACE = 100_000

runs = Runs()


async def options(request: Request) -> JSONResponse:
    """Tell what can be chosen, and what is chosen at first."""
    return JSONResponse({
        "standard": Config().to_dict(),
        "data": [*GENERATORS],
        "activations": [*ACTIVATIONS],
        "optimizers": [*OPTIMIZERS],
        "limits": {"layers": LAYERS, "units": UNITS, "samples": SAMPLES, "seeds": SEEDS,
                   "characters": tables.CHARACTERS},
    })  # fmt: skip


async def check(request: Request) -> JSONResponse:
    """Tell what is wrong with a configuration, or what it is in full."""
    return await _answered(request, lambda given: {"config": checked(given).to_dict()})


async def table(request: Request) -> JSONResponse:
    """Tell which columns a table has."""

    def columns(given: Any) -> dict[str, Any]:
        fields = Fields(given, ["text"])
        text = fields.text("text", tables.CHARACTERS)
        fields.finish()
        return tables.read(text).summary()

    return await _answered(request, columns)


async def _answered(request: Request, answer: Any) -> JSONResponse:
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > _BYTES:
            return _refused(refusal([("table", f"More than {_BYTES:,} bytes were sent.")]), 413)
    try:
        return JSONResponse(await asyncio.to_thread(answer, _parsed(body)))
    except FieldsError as error:
        return _refused(error)


def _refused(error: FieldsError, status: int = 200) -> JSONResponse:
    # The request was right; that what somebody types is not yet right is an answer to it.
    return JSONResponse({"errors": error.errors}, status)


def _parsed(text: bytes | str) -> Any:
    try:
        return read(text)
    except JSONError as error:
        raise refusal([("config", f"What was sent {error}.")]) from None


class Viewer:
    """One tab's socket.

    Parameters
    ----------
    socket : WebSocket
    """

    def __init__(self, socket: WebSocket) -> None:
        self._socket = socket
        self._run: Run | None = None
        self._frames: asyncio.Task[None] | None = None
        self._asked = asyncio.Event()
        self._is_at_once = False
        self._sending = asyncio.Lock()

    async def serve(self) -> None:
        """Answer until the socket is closed."""
        try:
            while True:
                message = await self._socket.receive()
                if message["type"] != "websocket.receive":
                    break
                await self._answer(message.get("text") or message.get("bytes") or "")
        except WebSocketDisconnect:
            pass
        finally:
            self._leave()

    async def _answer(self, text: bytes | str) -> None:
        try:
            if len(text) > _BYTES:
                raise refusal([("config", f"More than {_BYTES:,} bytes were sent.")])
            given = _parsed(text)
            do = given.get("do") if isinstance(given, dict) else None
            action = getattr(self, f"_do_{do}", None) if isinstance(do, str) else None
            if action is None:
                raise refusal([("do", f"There is no such command: {shown(do)}.")])
            await action(given)
        except FieldsError as error:
            await self._send({"errors": error.errors})

    async def _send(self, message: dict[str, Any]) -> None:
        async with self._sending:
            await self._socket.send_text(json.dumps(message))

    # -- commands ------------------------------------------------------------------------

    async def _do_open(self, given: dict[str, Any]) -> None:
        """Look at the run that is named if it is there, else at one with the configuration."""
        run = runs.find(given.get("run"))
        if run is not None and run.described:
            self._enter(run)
            await self._send({"run": run.id, **run.described, "generation": run.generation})
            return
        config = await asyncio.to_thread(checked, given.get("config", {}))
        run = runs.open()
        self._enter(run)
        await self._begun(run.configure(config))

    async def _do_configure(self, given: dict[str, Any]) -> None:
        config = await asyncio.to_thread(checked, given.get("config"))
        run = self._run
        if run is None or not run.is_alive:
            run = runs.open()
            self._enter(run)
        await self._begun(run.configure(config))

    async def _do_reset(self, given: dict[str, Any]) -> None:
        run = self._opened()
        if run.is_alive:
            await self._begun(run.reset())
            return
        config = await asyncio.to_thread(checked, run.described.get("config", {}))
        run = runs.open()
        self._enter(run)
        await self._begun(run.configure(config))

    async def _begun(self, beginning: Any) -> None:
        described = await beginning
        run = self._opened()
        await self._send({"run": run.id, **described, "generation": run.generation})

    async def _do_train(self, given: dict[str, Any]) -> None:
        self._opened().tell("train")

    async def _do_pause(self, given: dict[str, Any]) -> None:
        self._opened().tell("pause")

    async def _do_step(self, given: dict[str, Any]) -> None:
        fields = Fields(given, ["do", "steps"])
        steps = fields.whole("steps", 1, 1, 10_000)
        fields.finish()
        self._opened().tell("step", steps=steps)

    async def _do_pace(self, given: dict[str, Any]) -> None:
        fields = Fields(given, ["do", "pace"])
        pace = fields.number("pace", 0, 0, _PACE)
        fields.finish()
        self._opened().tell("pace", pace=pace)

    async def _do_frame(self, given: dict[str, Any]) -> None:
        """Send one frame as soon as there is one; asking again meanwhile changes nothing."""
        self._opened()
        self._is_at_once = self._is_at_once or given.get("now") is True
        self._asked.set()

    async def _pump(self, run: Run) -> None:
        """Send a frame whenever one has been asked for."""
        with suppress(RuntimeError, WebSocketDisconnect):  # closed meanwhile
            while True:
                await self._asked.wait()
                self._asked.clear()
                now, self._is_at_once = self._is_at_once, False
                found = await run.frame(now)
                if found is None:
                    break
                async with self._sending:
                    await self._socket.send_bytes(found)
            message = "The training process has ended. Reset starts another one."
            await self._send({"errors": [{"field": "run", "message": message}], "ended": True})

    # -- coming and going ----------------------------------------------------------------

    def _opened(self) -> Run:
        if self._run is None:
            raise refusal([("run", "No run is open.")])
        return self._run

    def _enter(self, run: Run) -> None:
        self._leave()
        self._run = run
        run.viewers += 1
        self._asked.clear()
        self._frames = asyncio.create_task(self._pump(run))

    def _leave(self) -> None:
        if self._frames is not None:
            self._frames.cancel()
            self._frames = None
        if self._run is not None:
            run, self._run = self._run, None
            run.viewers -= 1
            run.seen = time.monotonic()
            if not run.viewers:
                asyncio.get_running_loop().call_later(UNSEEN + 1, runs.tidy)


async def socket(websocket: WebSocket) -> None:
    """Serve a tab."""
    await websocket.accept()
    await Viewer(websocket).serve()


routes: list[BaseRoute] = [
    Route("/api/playground/options", options),
    Route("/api/playground/check", check, methods=["POST"]),
    Route("/api/playground/table", table, methods=["POST"]),
    WebSocketRoute("/api/playground/socket", socket),
]
