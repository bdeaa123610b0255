"""From a port to a lab that runs until it is stopped."""

from __future__ import annotations

import asyncio
import errno
import secrets
import socket
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from chainrule.errors import ArgumentError, MissingExtraError
from chainrule.lab import limits

if TYPE_CHECKING:
    import uvicorn

#: The port that is tried first, so that a page that is open finds the next lab again.
PORT = 8765
_TRIES = 20
_HOST = "127.0.0.1"


def listening(port: int | None = None) -> socket.socket:
    """Return a socket that listens, on this machine alone.

    Parameters
    ----------
    port : int, optional
        Any that is free unless given.

    Raises
    ------
    ArgumentError
        When it is taken, or none.
    """
    if port is not None:
        try:
            return _bound(port)
        except OverflowError:
            raise ArgumentError(
                "There is no such port.", expected="a number from 1024 to 65535", got=str(port)
            ) from None
        except OSError as error:
            with _free() as other:
                free = other.getsockname()[1]
            taken = error.errno == errno.EADDRINUSE
            raise ArgumentError(
                f"Port {port} is taken." if taken else f"Port {port} cannot be used: {error}.",
                instead=f"chainrule lab --port {free}, or leave --port out",
            ) from None
    return _free()


def _free() -> socket.socket:
    for port in range(PORT, PORT + _TRIES):
        try:
            return _bound(port)
        except OSError:
            continue
    return _bound(0)


def _bound(port: int) -> socket.socket:
    # With the protocol named, asyncio turns off the wait for more to send, 40 ms an answer.
    made = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind((_HOST, port))
        made.listen(64)
    except BaseException:
        made.close()
        raise
    return made


class Lab:
    """A lab on a socket: its link, and a way to run and to stop it.

    Parameters
    ----------
    on : socket
        From :func:`listening`.
    """

    def __init__(self, on: socket.socket) -> None:
        try:
            import uvicorn

            from chainrule.lab.app import application
        except ImportError as error:
            on.close()
            if (error.name or "").partition(".")[0] not in ("uvicorn", "starlette", "websockets"):
                raise
            raise MissingExtraError(
                f"The lab needs {error.name}, which is not installed.",
                instead="pip install 'chainrule[look]'",
            ) from None
        self._socket = on
        self.port: int = on.getsockname()[1]
        self.token = secrets.token_urlsafe(24)
        self.app = application(token=self.token, port=self.port, stop=self.stop)
        self._server = uvicorn.Server(_config(self.app))

    @property
    def link(self) -> str:
        """What opens the lab in a browser; whoever has it may use the lab."""
        return f"http://{_HOST}:{self.port}/?token={self.token}"

    def run(self, started: Callable[[], None] = lambda: None) -> None:
        """Serve until somebody stops it; `started` is called once it answers."""
        asyncio.run(self._serve(started))

    async def _serve(self, started: Callable[[], None]) -> None:
        serving = asyncio.ensure_future(self._server.serve(sockets=[self._socket]))
        while not self._server.started and not serving.done():
            await asyncio.sleep(0.005)
        if self._server.started:
            started()
        await serving

    def stop(self) -> None:
        """Ask the server to end."""
        self._server.should_exit = True

    # -- in a thread, for tests and notebooks ----------------------------------------------

    def __enter__(self) -> Lab:
        began = threading.Event()
        self._thread = threading.Thread(target=self.run, args=(began.set,), daemon=True)
        self._thread.start()
        began.wait(10)
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()
        deadline = time.monotonic() + 5
        self._thread.join(deadline - time.monotonic())


def _config(app: Any) -> uvicorn.Config:
    import uvicorn

    from chainrule.lab.connections import Connection

    return uvicorn.Config(
        app,
        http=Connection,
        proxy_headers=False,  # nothing stands before the lab: such headers are somebody's own
        log_level="error",
        access_log=False,  # it would write the token to the terminal
        lifespan="on",
        ws="websockets-sansio",
        ws_max_size=limits.MAX_BODY,
        ws_per_message_deflate=False,
        server_header=False,
        limit_concurrency=limits.MAX_REQUESTS + limits.MAX_SOCKETS + 16,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=1,
        h11_max_incomplete_event_size=64 * 1024,
    )
