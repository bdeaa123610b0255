"""Threads that run one compiled function together; the caller's settings stay what they are."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

from chainrule.execute.blas import blas


@lru_cache(maxsize=1)
def _controller() -> Any:
    from threadpoolctl import ThreadpoolController

    blas()  # loaded now, it is among those that are found
    return ThreadpoolController().select(user_api="blas")


@contextmanager
def threads(most: int) -> Iterator[int]:
    """Give the number of threads to use; each has BLAS to itself for a while.

    As many are used as the caller lets BLAS use, and there are processors for; no more than `most`.
    What is set for BLAS is as before in the end.
    """
    controller = _controller()
    # MKL that was loaded here does not know what the caller has set for the BLAS of NumPy.
    pools = controller.lib_controllers
    told = [p for p in pools if p.internal_api != "mkl"] or pools
    allowed = max([pool.num_threads for pool in told], default=1)
    with controller.limit(limits=1):
        yield max(1, min(allowed, processors(), most))


def processors() -> int:
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
