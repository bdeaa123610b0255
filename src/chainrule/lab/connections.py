"""Connections that end when nothing is asked through them: there is room for a bounded number."""

from __future__ import annotations

from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

from chainrule.lab import limits


class Connection(H11Protocol):
    """One connection of a browser, or of whatever has found the port.

    uvicorn waits without end for the head of a request, and for a body that nobody reads. Here a
    connection has to bring a request in `limits.IDLE_SECONDS`; one that is being answered is let
    be, since the guard bounds how long that takes.
    """

    def connection_made(self, transport: Any) -> None:
        """Begin to watch a connection."""
        super().connection_made(transport)
        self.loop.call_later(limits.IDLE_SECONDS, self._look, None)

    def _look(self, last: Any) -> None:
        """End the connection if no request has come since the last look."""
        if self not in self.connections:
            return  # it has ended, or is a web socket now
        cycle = self.cycle
        is_idle = cycle is last and (cycle is None or cycle.response_complete)
        if is_idle or self.transport.is_closing():
            self.transport.abort()
        else:
            self.loop.call_later(limits.IDLE_SECONDS, self._look, cycle)
