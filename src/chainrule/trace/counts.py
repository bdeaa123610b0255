"""Counts among the arguments of a NumPy function: a shape, a number of times, an axis.

A whole number that the user's function was given is traced, as it may be an operand. What a
function cannot take as one, k in ``np.tile(x, k)``, is a plain int to it.
"""

from __future__ import annotations

import operator
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from chainrule.errors import ConversionError
from chainrule.op import Op
from chainrule.rules.operands import is_traced, known
from chainrule.structure import leaves, map_leaves
from chainrule.trace.source import location
from chainrule.trace.whole import WholeFloat


def with_counts(
    function: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]
) -> tuple[list[Any], dict[str, Any]] | None:
    """Return arguments with those whole numbers as ints that are counts; None where none is.

    NumPy is asked: it refuses half a number more where it counts, and computes with it where it is
    an operand, whose gradient would be lost.

    Parameters
    ----------
    function : callable
        NumPy's.
    args, kwargs
        Traced values among them.
    """
    given = list(args), dict(kwargs)
    traced = [leaf for _, leaf in leaves(given) if is_traced(leaf)]
    whole = [leaf for leaf in traced if isinstance(known(leaf), WholeFloat)]
    if not 0 < len(whole) < len(traced) or any(known(leaf) is None for leaf in traced):
        return None

    def refused(count: Any) -> bool:
        def plain(leaf: Any, path: str) -> Any:
            if not is_traced(leaf):
                return leaf.copy() if isinstance(leaf, np.ndarray) else leaf  # np.put writes to it
            number = np.copy(plain_number(known(leaf)))[()]
            return number + 0.5 if leaf is count else number

        some, named = map_leaves(plain, given, "")
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            try:
                function(*some, **named)
            except Exception:  # whatever NumPy raises of it
                return True
        return False

    counts = {id(leaf) for leaf in whole if refused(leaf)}
    if not counts:
        return None
    found: tuple[list[Any], dict[str, Any]] = map_leaves(
        lambda leaf, path: int(known(leaf)) if id(leaf) in counts else leaf, given, ""
    )
    return found


def fixed(op: Op, params: Mapping[str, Any]) -> dict[str, Any]:
    """Return parameters of an operation with plain numbers for traced ones.

    Raises
    ------
    ConversionError
        Where one would have a gradient: none goes through a parameter.
    """
    found = dict(params)
    for name, value in params.items():
        if is_traced(value):
            number = known(value)
            if not isinstance(number, WholeFloat) and value.dtype.kind not in "biu":
                raise ConversionError(
                    f"The gradient by {name}= of {op.name} is not known.",
                    expected=f"a number for {name}= that is no argument of the function",
                    where=location(),
                )
            found[name] = operator.index(value) if number is None else plain_number(number)
    return found


def plain_number(number: Any) -> Any:
    """Return a whole number that serves as a float as Python's int, and others as they are."""
    return int(number) if isinstance(number, WholeFloat) else number
