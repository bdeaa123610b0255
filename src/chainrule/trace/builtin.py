"""Python's ``max`` and ``min`` on traced numbers.

They compare and pick, which would record a branch and lose the operation that the
user means. While a trace is open they are therefore replaced by functions that record
``maximum`` and ``minimum`` when a traced number is among the arguments, and do
what they always did otherwise. The originals are put back when the last trace ends.
"""

from __future__ import annotations

import builtins
import threading
from collections.abc import Callable
from functools import reduce
from typing import Any

import numpy as np

_LOCK = threading.Lock()
_ORIGINAL = {"max": builtins.max, "min": builtins.min}
_open_traces = 0


def _recording(original: Callable[..., Any], pairwise: Any) -> Callable[..., Any]:
    def function(*args: Any, **kwargs: Any) -> Any:
        if len(args) == 1 and not hasattr(args[0], "__apply_op__"):
            args = (tuple(args[0]),)
        items = args[0] if len(args) == 1 else args
        if kwargs or not _traced_numbers(items):
            return original(*args, **kwargs)
        return reduce(pairwise, items)

    return function


def _traced_numbers(items: Any) -> bool:
    traced = False
    for item in items:
        if hasattr(item, "__apply_op__"):
            if item.shape:
                return False
            traced = True
    return traced


_RECORDING = {
    "max": _recording(builtins.max, np.maximum),
    "min": _recording(builtins.min, np.minimum),
}


def install() -> None:
    """Begin to record ``max`` and ``min``; calls nest."""
    global _open_traces
    with _LOCK:
        _open_traces += 1
        if _open_traces == 1:
            builtins.max, builtins.min = _RECORDING["max"], _RECORDING["min"]


def restore() -> None:
    """Undo one :func:`install`."""
    global _open_traces
    with _LOCK:
        _open_traces -= 1
        if _open_traces == 0:
            builtins.max, builtins.min = _ORIGINAL["max"], _ORIGINAL["min"]
