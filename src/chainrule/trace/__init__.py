"""Tracing: run a function once and record what it computes.

A :class:`~chainrule.trace.tape.Tape` keeps what a gradient needs and no more; a
:class:`~chainrule.trace.recorder.Recorder` keeps everything as a graph. Neither knows
who will use it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from chainrule.trace import builtin
from chainrule.trace.recorder import Branch, Recorder
from chainrule.trace.source import location
from chainrule.trace.tape import Tape
from chainrule.trace.traced import Trace, Traced, WholeFloat, apply


class _Depth(threading.local):
    level = 0


_depth = _Depth()

T = TypeVar("T", bound=Trace)


@contextmanager
def tracing(make: Callable[[int], T]) -> Iterator[T]:
    """Open a trace, and close it whatever happens in between.

    Parameters
    ----------
    make : callable
        Takes the level of nesting, returns the trace.
    """
    _depth.level += 1
    trace = make(_depth.level)
    builtin.install()
    try:
        yield trace
    finally:
        builtin.restore()
        trace.open = False
        _depth.level -= 1




def named(value: Any, name: str) -> Any:
    """Return a value after telling the trace, if there is one, what it is called.

    For functions that have no lines of Python to read names from, such as formulas.
    """
    if isinstance(value, Traced) and isinstance(value._trace, Recorder):
        value._trace.name(value, name)
    return value


__all__ = ["Branch", "Recorder", "Tape", "Trace", "Traced", "WholeFloat", "apply", "location", "named", "tracing"]
