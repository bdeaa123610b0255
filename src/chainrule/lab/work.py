"""Work beside the server's own thread, with a limit on how long and on how much at once."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Lock
from typing import Any, Generic, TypeVar

from chainrule.lab import limits
from chainrule.lab.bodies import Refusal

Key = TypeVar("Key")
Value = TypeVar("Value")


class Workers:
    """A few threads. What takes too long is answered so, and its thread is let run out.

    A thread cannot be stopped from outside; what the explorer does ends by itself, since
    `chainrule.lab.sizes` bounds it and looks at the clock between operations.
    """

    def __init__(self, count: int = 4) -> None:
        self._pool = ThreadPoolExecutor(count, thread_name_prefix="chainrule-lab")

    async def run(self, work: Callable[..., Value], *args: Any) -> Value:
        """Run a function in a thread.

        Raises
        ------
        Refusal
            When it takes longer than it may.
        """
        loop = asyncio.get_running_loop()
        try:
            return await asyncio.wait_for(
                loop.run_in_executor(self._pool, work, *args), limits.WORK_SECONDS
            )
        except TimeoutError:
            raise Refusal(
                503, f"This takes longer than {limits.WORK_SECONDS:g} seconds. Try smaller arrays."
            ) from None

    def close(self) -> None:
        """Begin nothing more, and wait for nothing."""
        self._pool.shutdown(wait=False, cancel_futures=True)


class Kept(Generic[Key, Value]):
    """The values that were made last, by key.

    Examples
    --------
    >>> kept = Kept(2)
    >>> [kept.get(k, lambda: k * 10) for k in (1, 2, 1, 3)], list(kept)
    ([10, 20, 10, 30], [1, 3])
    """

    def __init__(self, count: int) -> None:
        self._count = count
        self._values: OrderedDict[Key, Value] = OrderedDict()
        self._lock = Lock()

    def __iter__(self) -> Any:
        return iter(self._values)

    def get(self, key: Key, make: Callable[[], Value]) -> Value:
        """Return the value of a key, made now if it has not been kept."""
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)
                return self._values[key]
        value = make()
        with self._lock:
            self._values[key] = value
            if len(self._values) > self._count:
                self._values.popitem(last=False)
        return value
