"""What a forward function returns: its output, or several, and beside them a cache.

Several outputs, as of a cell that returns its state twice, are checked as one: their numbers in
a row, with the numbers of their upstream gradients in a row.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from chainrule.checking.source import Unit
from chainrule.errors import ArgumentError
from chainrule.op import shape_of


def split(result: Any, count: int) -> tuple[list[Any], Any, bool]:
    """Return the outputs among what forward returned, the rest, and whether there is a rest.

    Parameters
    ----------
    result
        What forward returned.
    count : int
        How many of the values in front are outputs, unless they come as a tuple of their own.
    """
    if not isinstance(result, (tuple, list)) or len(result) < 2:
        return [result], None, False
    if is_several(result[0]):
        first, rest = list(result[0]), list(result[1:])
    elif _is_array(result[0]):
        first, rest = list(result[:count]), list(result[count:])
    else:
        return [result], None, False
    return first, rest[0] if len(rest) == 1 else tuple(rest), bool(rest)


def is_several(value: Any) -> bool:
    """Whether a value is a tuple of arrays, of more than one."""
    return isinstance(value, (tuple, list)) and len(value) > 1 and all(map(_is_array, value))


def in_front(result: Any) -> int:
    """Return how many outputs forward may have."""
    if not isinstance(result, (tuple, list)):
        return 1
    if result and is_several(result[0]):
        return len(result[0])
    arrays = [_is_array(value) for value in result]
    return arrays.index(False) if False in arrays else len(arrays)


def names(forward: Callable[..., Any]) -> list[str]:
    """Return what forward calls the values that it returns; "" for an expression."""
    unit = Unit.of(forward)
    returns = [s for s in unit.statements if isinstance(s, ast.Return)] if unit else []
    value = returns[-1].value if returns else None
    items = value.elts if isinstance(value, ast.Tuple) else [value]
    if isinstance(items[0], (ast.Tuple, ast.List)):
        items = items[0].elts
    return [ast.unparse(i) if isinstance(i, (ast.Name, ast.Attribute)) else "" for i in items]


def joined(values: Sequence[Any]) -> Any:
    """Return one output as it is, and the numbers of several in a row."""
    if len(values) == 1:
        return values[0]
    return np.concatenate([np.reshape(value, (-1,)) for value in values])


def parted(row: Any, shapes: Sequence[tuple[int, ...]]) -> list[Any]:
    """Undo what `joined` did."""
    ends = np.cumsum([int(np.prod(shape)) for shape in shapes])
    return [
        np.reshape(part, shape).copy()[()]
        for part, shape in zip(np.split(np.asarray(row), ends[:-1]), shapes, strict=True)
    ]


def upstream_of(given: Any, shapes: Sequence[tuple[int, ...]]) -> Any:
    """Return the upstream gradients of several outputs in a row, as they were given."""
    if given is None or len(shapes) == 1:
        return given
    if not isinstance(given, (tuple, list)) or [np.shape(g) for g in given] != list(shapes):
        shown = ", ".join(map(str, shapes))
        raise ArgumentError(
            "The upstream gradients do not have the shapes of the outputs.",
            expected=f"a tuple of arrays of the shapes {shown}",
            got=", ".join(str(np.shape(g)) for g in given)
            if isinstance(given, (tuple, list))
            else f"shape {np.shape(given)}",
        )
    return joined([np.asarray(g, float) for g in given])


def shapes_of(values: Sequence[Any]) -> list[tuple[int, ...]]:
    """Return the shapes of some outputs, which may be traced."""
    return [shape_of(value) for value in values]


def _is_array(value: Any) -> bool:
    return isinstance(value, (float, int, np.ndarray, np.generic)) or hasattr(value, "__apply_op__")
