"""Python's search for garbage, made rarer while a graph grows.

A graph is a million small objects of which none is garbage. Python would walk over them
again and again as they are made, which makes a large graph cost more a node than a small
one. The search goes on, for the sake of what the user's function leaves behind, at
intervals that suit a graph.
"""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_INTERVALS = (100_000, 50, 50)

_lock = threading.Lock()
_holders = 0
_before: tuple[int, int, int] = (0, 0, 0)


def slow_down() -> None:
    """Make the search rarer, until :func:`restore` has been called as often."""
    global _holders, _before
    with _lock:
        if _holders == 0:
            _before = gc.get_threshold()
            if _before[0]:  # 0 is a search that the user has switched off
                gc.set_threshold(*_INTERVALS)
        _holders += 1


def restore() -> None:
    """End one :func:`slow_down`; the last one gives the user's intervals back."""
    global _holders
    with _lock:
        _holders -= 1
        if _holders == 0 and gc.get_threshold() == _INTERVALS:
            gc.set_threshold(*_before)


@contextmanager
def slowed_down() -> Iterator[None]:
    """Hold the search at the rarer intervals in a ``with`` statement or a function."""
    slow_down()
    try:
        yield
    finally:
        restore()
