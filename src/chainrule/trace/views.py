"""Traced arrays that share their memory, and what becomes of the ones that fall behind."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NoReturn

from chainrule.errors import MutationError
from chainrule.op import Op
from chainrule.trace.base import Trace
from chainrule.trace.source import location


class Link:
    """How a traced array shares its memory.

    Attributes
    ----------
    base : Traced or None
        The array that this one is a view of.
    key : tuple or None
        It is ``base[key]``; None for other views.
    views : list of Traced
        Its own views.
    """

    __slots__ = ("base", "key", "views")

    def __init__(self, base: Any, key: Any) -> None:
        self.base = base
        self.key = key
        self.views: list[Any] = []


def refused(what: str) -> MutationError:
    """Return the error for memory that is shared in a way that cannot be followed."""
    return MutationError(
        what,
        where=location(),
        instead="take a copy before writing, as in v = x[0].copy(), "
        "or build the result with np.where or np.stack",
    )


class _Outdated(Trace):
    """The trace of a view whose array has since been written to: it can no longer be read."""

    def record(self, op: Op, operands: Sequence[Any], params: Any) -> Any:
        self.refuse()

    @staticmethod
    def refuse() -> NoReturn:
        """Refuse to read the view."""
        raise refused(
            "This is a view of an array that has been written to since; "
            "in NumPy it would have changed along with it."
        )


OUTDATED = _Outdated(1 << 30)


def outdate(link: Link) -> None:
    """Mark the views of an array, and theirs, as fallen behind."""
    for view in link.views:
        view._trace = OUTDATED
        if view.link is not None:
            outdate(view.link)
    link.views.clear()
