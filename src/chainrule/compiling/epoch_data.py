"""What an epoch is given and its step returns, refused where it does not fit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.arguments import name_of
from chainrule.compiling.arguments import Place
from chainrule.compiling.plans import Plan
from chainrule.compiling.tracing import Kinds
from chainrule.errors import ArgumentError, DtypeError
from chainrule.structure import leaves


@dataclass
class Data:
    """Arrays of which each step takes some rows."""

    arrays: list[np.ndarray]
    rows: int


def data_of(data: Any) -> Data:
    """Return the arrays of data.

    Raises
    ------
    ArgumentError, DtypeError
    """
    arrays = data if isinstance(data, (tuple, list)) else (data,)
    found = [a if a.__class__ is np.ndarray else np.asarray(a) for a in arrays]
    lengths = {a.shape[0] if a.shape else None for a in found}
    if not found or None in lengths or len(lengths) > 1:
        raise ArgumentError(
            "The arrays of data do not have the same number of rows.",
            expected="arrays with a row for each sample along the first axis",
            got=", ".join(str(a.shape) for a in found) or "nothing",
        )
    for array in found:
        if array.dtype.kind not in "fiubc":
            raise DtypeError(
                "The data are not numbers.", expected="arrays of numbers", got=str(array.dtype)
            )
    return Data(found, len(found[0]))


def order_of(order: Any, rows: int) -> np.ndarray:
    """Return which row comes when.

    Raises
    ------
    ArgumentError
    """
    if order is None:
        return np.arange(rows, dtype=np.int64)
    places = np.asarray(order)
    if places.ndim != 1 or places.dtype.kind not in "iu":
        raise ArgumentError(
            "order says which row comes when.", expected="an array of row numbers",
            got=f"an array of {places.dtype}, shape {places.shape}",
        )  # fmt: skip
    whole = np.ascontiguousarray(places, np.int64)
    # Seen without a sign, a negative number is larger than all.
    if whole.size and np.maximum.reduce(whole.view(np.uint64)) >= rows:
        raise ArgumentError(
            "order names a row that there is not.", expected=f"numbers from 0 to {rows - 1}",
            got=f"{places.min()} to {places.max()}",
        )  # fmt: skip
    return whole


def check_result(step: Callable[..., Any], plan: Plan, kinds: Kinds) -> None:
    """Refuse a step whose carry does not come back as it went in."""
    result = plan.result
    if not isinstance(result, tuple) or len(result) != 2:
        raise ArgumentError(
            f"{name_of(step)} does not return a carry and outputs.",
            expected="return carry, outputs",
            got=type(result).__name__ + (f" of {len(result)}" if isinstance(result, tuple) else ""),
        )
    back = [(path, leaf) for path, leaf in leaves(result[0], "carry") if isinstance(leaf, Place)]
    if len(back) != len(kinds) or any(p.index != k for k, (_, p) in enumerate(back)):
        raise ArgumentError(
            f"The carry that {name_of(step)} returns does not have the structure of the one that "
            "it is given.",
            expected=f"{len(kinds)} arrays in the same containers",
            got=f"{len(back)}: {', '.join(path for path, _ in back[:6])}",
        )
    for (path, place), kind in zip(back, kinds, strict=True):
        now = plan.kernel.graph.outputs[place.index].abstract
        if now.shape != kind.shape or (now.dtype != kind.dtype and not kind.weak):
            raise ArgumentError(
                f"{name_of(step)} returns {path} as another kind of array than it is given.",
                expected=f"shape {kind.shape}, {kind.dtype}",
                got=f"shape {now.shape}, {now.dtype}",
                where=plan.lines[place.index],
                instead=f"the result .astype({kind.dtype}), where only the type differs",
            )
