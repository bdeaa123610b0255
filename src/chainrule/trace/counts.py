"""Counts among the arguments of a NumPy function: a shape, a number of times, an axis.

A whole number that the user's function was given is traced, as it may be an operand. What a
function cannot take as one, k in ``np.tile(x, k)``, is a plain int to it.
"""

from __future__ import annotations

import operator
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from chainrule.errors import ConversionError
from chainrule.op import Op
from chainrule.rules.operands import is_traced, known
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
    given = [*args, *kwargs.values()]
    traced = [v for v in _flat(given) if is_traced(v)]
    whole = [v for v in traced if isinstance(known(v), WholeFloat)]
    if not 0 < len(whole) < len(traced) or any(known(v) is None for v in traced):
        return None

    def plain(more: Any) -> Callable[[Any], Any]:
        def visit(leaf: Any) -> Any:
            if not is_traced(leaf):
                return leaf.copy() if isinstance(leaf, np.ndarray) else leaf  # np.put writes to it
            number = np.copy(plain_number(known(leaf)))[()]
            return number + 0.5 if leaf is more else number

        return visit

    def refused(leaf: Any) -> bool:
        made = [_mapped(plain(leaf), v) for v in given]
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            try:
                function(*made[: len(args)], **dict(zip(kwargs, made[len(args) :], strict=True)))
            except Exception:  # whatever NumPy raises of it
                return True
        return False

    counts = {id(leaf) for leaf in whole if refused(leaf)}
    if not counts:
        return None
    made = [_mapped(lambda v: int(known(v)) if id(v) in counts else v, v) for v in given]
    return made[: len(args)], dict(zip(kwargs, made[len(args) :], strict=True))


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


def _flat(value: Any) -> Iterator[Any]:
    if isinstance(value, (list, tuple)):
        for item in value:
            yield from _flat(item)
    else:
        yield value


def _mapped(f: Callable[[Any], Any], value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return type(value)(_mapped(f, item) for item in value)
    return f(value)
