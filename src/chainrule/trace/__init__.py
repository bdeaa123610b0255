"""Tracing: run a function once and record what it computes.

A :class:`~chainrule.trace.tape.Tape` keeps what a gradient needs and no more; a
:class:`~chainrule.trace.recorder.Recorder` keeps everything as a graph. Neither knows
who will use it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Any, Generic, TypeVar

from chainrule import collector
from chainrule.errors import ChainruleError, Location
from chainrule.trace import builtin, special
from chainrule.trace.base import Trace, composed
from chainrule.trace.operands import refuse_subclass
from chainrule.trace.recorder import Branch, Recorder
from chainrule.trace.source import location, warn
from chainrule.trace.tape import Tape, WholeTape
from chainrule.trace.traced import Traced, apply
from chainrule.trace.whole import WholeFloat


class _Depth(threading.local):
    level = 0
    #: How many of the open traces know shapes alone.
    abstract = 0


_depth = _Depth()

_PATCHES = (builtin.PATCHES, special.PATCHES)

T = TypeVar("T", bound=Trace)


class _Tracing(Generic[T]):
    """What :func:`tracing` returns: a class, which costs less than a generator."""

    __slots__ = ("_make", "_trace")

    def __init__(self, make: Callable[[int], T]) -> None:
        self._make = make

    def __enter__(self) -> T:
        self._trace = self._make(_depth.level + 1)
        _depth.level += 1
        _depth.abstract += not self._trace.values
        collector.slow_down()
        for patches in _PATCHES:
            patches.install()
        return self._trace

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        for patches in _PATCHES:
            patches.restore()
        collector.restore()
        self._trace.open = False
        _depth.level -= 1
        _depth.abstract -= not self._trace.values
        # NumPy wraps what a conversion raises; the user is told the reason itself.
        if isinstance(error, ValueError) and isinstance(error.__cause__, ChainruleError):
            raise error.__cause__ from None


def tracing(make: Callable[[int], T]) -> _Tracing[T]:
    """Open a trace in a ``with`` statement, and close it whatever happens in between.

    Parameters
    ----------
    make : callable
        Takes the level of nesting, returns the trace.
    """
    return _Tracing(make)


def inside_abstract_trace() -> bool:
    """Whether some trace that knows shapes alone is open in this thread."""
    return _depth.abstract > 0


def named(value: Any, name: str) -> Any:
    """Return a value after telling the trace, if there is one, what it is called.

    For functions that have no lines of Python to read names from, such as formulas.
    """
    if isinstance(value, Traced) and isinstance(value._trace, Recorder):
        value._trace.name(value, name)
    return value


def standing(values: Iterable[Any], where: Location) -> None:
    """Tell the trace that some values belong to at which line stands what is recorded next.

    For functions that have no lines of Python, as for `named`.
    """
    for value in values:
        if isinstance(value, (list, tuple)):
            standing(value, where)
        elif isinstance(value, Traced) and isinstance(value._trace, Recorder):
            value._trace.place = where
            return


def suspected(value: Any, note: Callable[[], str]) -> None:
    """Add a note to the error for the first NaN of a trace, where it has arisen just now."""
    if isinstance(value, Traced) and isinstance(value._trace, Recorder):
        error = value._trace.suspect
        if error is not None and not hasattr(error, "__notes__"):
            error.add_note(note())


__all__ = [
    "Branch",
    "Recorder",
    "Tape",
    "Trace",
    "Traced",
    "WholeFloat",
    "WholeTape",
    "apply",
    "composed",
    "inside_abstract_trace",
    "location",
    "named",
    "refuse_subclass",
    "standing",
    "suspected",
    "tracing",
    "warn",
]
