"""How rewrites are written: what they say of themselves, and ask about the nodes they look at."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from chainrule.graph import Node
from chainrule.rewriting import NUMBERS, Rewrite, Rewriter
from chainrule.rules import TABLE
from chainrule.trace import Traced


def rewrite(
    *among: str, every: bool = False, derived: bool = False
) -> Callable[[Callable[..., Any]], Rewrite]:
    """Make a row of a function; says of it what :class:`Rewrite` has.

    Operations go by their names; "number" is any constant.
    """
    kinds = {name if name in NUMBERS else TABLE[name] for name in among if name != "number"}
    numbers = NUMBERS if "number" in among else ()
    return lambda replacement: Rewrite(replacement, frozenset([*kinds, *numbers]), every, derived)


def known(node: Node) -> Any:
    """Return the value of a node, or None; also of one that stands in another trace."""
    return None if node.value.__class__ is Traced else node.value


def number(rw: Rewriter, traced: Any) -> Any:
    """Return the value of a constant number, or None."""
    node = rw.node(traced)
    return known(node) if node.is_constant and node.shape == () else None


def is_op(rw: Rewriter, traced: Any, name: str) -> bool:
    """Whether a traced value is the result of the operation of that name."""
    return rw.node(traced).op is TABLE[name]


def is_inner(rw: Rewriter, traced: Any, original: Node) -> bool:
    """Whether an operand has no name and is read nowhere else: it need not stay as it is.

    Where it has only just come to stand for the original, the next pass will tell.
    """
    # The rewriter is asked first: that it has been makes it look at the node again next time.
    if rw.uses(original) > 1:
        return False
    now = rw.node(traced)
    return now.name is None and now.op is original.op


def is_negative(rw: Rewriter, traced: Any) -> bool:
    """Whether a value is the negative of another, and has no name: a sign costs nothing."""
    return is_op(rw, traced, "negative") and rw.node(traced).name is None
