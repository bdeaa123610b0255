"""Connections that end when nothing is asked through them: there is room for a bounded number."""

from __future__ import annotations

from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

from chainrule.lab import limits


class Connection(H11Protocol):
    """One connection of a browser, or of whatever has found the port.

    uvicorn waits without end for the head of a request, and for a body that nobody reads. Here a
    connection has to bring a request in `limits.IDLE_SECONDS`; one that is being answered is let
    be, since the guard bounds how long that takes. Where there is no room for another, the one
    that has been idle the longest goes.
    """

    def connection_made(self, transport: Any) -> None:
        """Begin to watch a connection."""
        super().connection_made(transport)
        self._idle_since = self.loop.time()
        self.loop.call_later(limits.IDLE_SECONDS, self._look, None)
        if self.limit_concurrency is not None and len(self.connections) >= self.limit_concurrency:
            self._make_room()

    def on_response_complete(self) -> None:
        """Begin to be idle."""
        self._idle_since = self.loop.time()
        super().on_response_complete()

    @property
    def _is_idle(self) -> bool:
        cycle: Any = self.cycle
        return cycle is None or bool(cycle.response_complete)

    def _make_room(self) -> None:
        others = (c for c in self.connections if isinstance(c, Connection) and c is not self)
        idle = [c for c in others if c._is_idle and not c.transport.is_closing()]
        if idle:
            min(idle, key=lambda c: c._idle_since).transport.abort()

    def _look(self, last: Any) -> None:
        """End the connection if no request has come since the last look."""
        if self not in self.connections:
            return  # it has ended, or is a web socket now
        cycle = self.cycle
        if (cycle is last and self._is_idle) or self.transport.is_closing():
            self.transport.abort()
        else:
            self.loop.call_later(limits.IDLE_SECONDS, self._look, cycle)
