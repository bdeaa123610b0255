"""The playground: networks in training, each in a process of its own, watched from a page."""

from typing import Any


def __getattr__(name: str) -> Any:
    # The process that trains imports this package as well, and needs no server.
    if name == "routes":
        from chainrule.lab.playground.api import routes

        return routes
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
