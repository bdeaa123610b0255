"""Reading and writing elements of traced arrays, and the memory that views share."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from chainrule.errors import BranchError, UnsupportedError
from chainrule.rules import TABLE
from chainrule.rules.index import Slot, is_basic
from chainrule.rules.operands import is_traced, known
from chainrule.trace.operands import from_list
from chainrule.trace.source import location
from chainrule.trace.views import OUTDATED, refused

# -- views -----------------------------------------------------------------------------


def linked(result: Any, base: Any, key: Any = None) -> Any:
    """Remember that an array shares its memory with the one it was made from."""
    if is_traced(result) and is_traced(base) and result.ndim:
        result.share_with(base, key)
    return result


# -- indexing --------------------------------------------------------------------------


def split_key(key: Any) -> tuple[tuple[Any, ...], list[Any]]:
    """Part a key into what is fixed and the arrays of positions."""
    fixed: list[Any] = []
    positions: list[Any] = []
    for k in key if isinstance(key, tuple) else (key,):
        if isinstance(k, slice) and any(map(is_traced, (k.start, k.stop, k.step))):
            ends = (k.start, k.stop, k.step)
            fixed.append(slice(*(operator.index(e) if is_traced(e) else e for e in ends)))
        elif isinstance(k, (slice, range)) or k is None or k is Ellipsis:
            fixed.append(k)
        elif isinstance(k, (np.ndarray, list)) or (
            is_traced(k) and (k.shape or k.dtype.kind in "iu")
        ):
            fixed.append(Slot(len(positions)))
            positions.append(_positions(k) if isinstance(k, list) else k)
        elif isinstance(k, (bool, np.bool_)):
            raise UnsupportedError(
                "A single truth value cannot be used as an index of a traced array.",
                where=location(),
                instead="np.where(condition, a, b)",
            )
        elif hasattr(k, "__index__"):
            fixed.append(k.__index__())
        else:
            raise IndexError(
                "only integers, slices (`:`), ellipsis (`...`), numpy.newaxis (`None`) and integer "
                f"or boolean arrays are valid indices, not {type(k).__name__}"
            )
    return tuple(fixed), [_numbered(p) for p in positions]


def _positions(listed: list[Any]) -> Any:
    """Return a list of positions as an array; whole numbers of a trace count as what they are."""
    if not listed:
        return np.zeros(0, int)
    if any(is_traced(i) for i in listed):
        return np.array([i.__index__() for i in listed])
    return np.asarray(listed)


def _numbered(positions: Any) -> Any:
    """Return positions as an operand may have them: integers or truth values."""
    if positions.dtype.kind not in "biu":
        raise IndexError("arrays used as indices must be of integer or boolean type")
    return positions


def getitem(array: Any, key: Any) -> Any:
    """Read elements of a traced array."""
    fixed, positions = split_key(key)
    for p in positions:
        if p.dtype.kind == "b" and known(p) is None:
            raise BranchError(
                "How many elements a mask picks depends on its values, "
                "and only shapes are known here.",
                where=location(),
                instead="np.where(mask, x, 0.0), which keeps the shape",
            )
    result = TABLE["getitem"](array, *positions, key=fixed)
    if is_basic(fixed):
        return linked(result, array, fixed)
    if not any(isinstance(k, range) for k in fixed) and all(np.ndim(p) == 0 for p in positions):
        return linked(result, array)  # a view too, at a place that is known by value alone
    return result


def stands_already(view: Any, array: Any, key: Any) -> bool:
    """Whether a value to be written is the view of that very place, up to date."""
    link = view.link
    if link is None or link.base is not array or link.key is None or view._trace is OUTDATED:
        return False
    given = key if isinstance(key, tuple) else (key,)
    plain = all(isinstance(k, (int, slice)) or k is None or k is Ellipsis for k in given)
    return plain and tuple(link.key) == given


def _owner(value: Any) -> Any:
    """Return the array whose memory a view shares, or the value itself."""
    while is_traced(value) and value.link is not None and value.link.base is not None:
        value = value.link.base
    return value


def setitem(array: Any, key: Any, value: Any) -> Any:
    """Return a traced array with elements replaced."""
    fixed, positions = split_key(key)
    value = from_list(value) if isinstance(value, (list, tuple)) else value
    if any(p.dtype.kind == "b" for p in positions) and _owner(value) is _owner(array):
        # NumPy reads there what it has just written.
        raise refused("What is written through a mask shares its memory with the array.")
    return TABLE["setitem"](array, value, *positions, key=fixed)
