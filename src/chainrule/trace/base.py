"""What every trace has in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from chainrule.errors import LeakError
from chainrule.op import Op
from chainrule.rules.operands import is_traced
from chainrule.trace.source import location


class Trace(ABC):
    """What a traced value reports to. Subclasses decide what a record is.

    Parameters
    ----------
    level : int
        Depth of nesting: of the traces that meet in one operation the deepest records it.
    values : bool
        Whether values are computed along the way.
    """

    __slots__ = ("level", "open", "values")

    def __init__(self, level: int, values: bool = True) -> None:
        self.level = level
        self.values = values
        self.open = True

    @abstractmethod
    def record(self, op: Op, operands: Sequence[Any], params: Any) -> Any:
        """Record an operation and return its result."""

    def branch(self, traced: Any, taken: bool) -> None:  # noqa: B027  # most traces need not
        """Take note that Python branched on a value."""

    def compose(self) -> Callable[[Any], Any]:
        """Begin a NumPy function that is written in terms of others.

        Returns
        -------
        callable
            Ends it: takes its result and returns it.
        """
        return _unchanged

    def check_open(self) -> None:
        """Refuse to record after the traced function has returned."""
        if not self.open:
            raise LeakError(
                "A traced value was used after the function that was traced had returned.",
                where=location(),
                instead="return the value from the function instead of keeping it elsewhere",
            )


def _unchanged(result: Any) -> Any:
    return result


def composed(function: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    """Call a function whose parts are no lines of the user's: only its result is named."""
    traced = [a for a in (*args, *kwargs.values()) if is_traced(a)]
    ends = [a._trace.compose() for a in traced[:1]]
    result = None
    try:
        result = function(*args, **kwargs)
    finally:
        for end in ends:
            end(result)
    return result
