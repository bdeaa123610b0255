"""The table of rules: one row an operation, one file a family."""

from __future__ import annotations

from typing import Any

from chainrule.op import Op
from chainrule.rules import (
    arithmetic,
    choices,
    convolution,
    decompositions,
    diagonals,
    functions,
    index,
    inverses,
    joining,
    linalg,
    norms,
    order,
    quantiles,
    reduce,
    scan,
    shape,
    softmax,
    special,
    stepwise,
    windows,
)
from chainrule.rules.composed import COMPOSED

#: All rows, by name.
TABLE: dict[str, Op] = {
    row.name: row
    for family in (
        arithmetic,
        functions,
        choices,
        stepwise,
        reduce,
        shape,
        diagonals,
        joining,
        index,
        scan,
        order,
        quantiles,
        convolution,
        linalg,
        inverses,
        norms,
        decompositions,
        softmax,
        special,
        windows,
    )
    for row in family.TABLE
}

#: NumPy function -> its row.
BY_FUNCTION: dict[Any, Op] = {f: row for row in TABLE.values() for f in row.numpy}

__all__ = ["BY_FUNCTION", "COMPOSED", "TABLE"]
