"""Threads that run one compiled function together; the caller's settings stay what they are."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import Any


@lru_cache(maxsize=1)
def _controller() -> Any:
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController().select(user_api="blas")


@contextmanager
def threads() -> Iterator[int]:
    """Give the number of threads to use; each has BLAS to itself for a while.

    As many are used as the caller lets BLAS use, and there are processors for. What is set for
    BLAS is as before in the end.
    """
    controller = _controller()
    allowed = max([pool.num_threads for pool in controller.lib_controllers], default=1)
    with controller.limit(limits=1):
        yield max(1, min(allowed, _processors()))


def _processors() -> int:
    """Return how many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def together(function: Callable[[Any], None], arguments: Sequence[Any]) -> None:
    """Call a function in several threads at once, this one among them.

    Raises
    ------
    BaseException
        What the first of them raised.
    """
    failures: list[BaseException] = []

    def run(own: Any) -> None:
        try:
            function(own)
        except BaseException as error:
            failures.append(error)

    others = [threading.Thread(target=run, args=(own,), daemon=True) for own in arguments[1:]]
    for thread in others:
        thread.start()
    run(arguments[0])
    for thread in others:
        thread.join()
    if failures:
        raise failures[0]
