"""The table of rules: one row an operation, one file a family."""

from __future__ import annotations

from typing import Any

from chainrule.op import Op
from chainrule.rules import complex as complex_
from chainrule.rules import (
    elementwise,
    fourier,
    index,
    joining,
    linalg,
    reduce,
    shape,
    softmax,
    stepwise,
)
from chainrule.rules.composed import COMPOSED

#: All rows, by name.
TABLE: dict[str, Op] = {
    row.name: row
    for family in (
        elementwise,
        stepwise,
        reduce,
        shape,
        joining,
        index,
        linalg,
        softmax,
        complex_,
        fourier,
    )
    for row in family.TABLE
}

#: NumPy function -> its row.
BY_FUNCTION: dict[Any, Op] = {f: row for row in TABLE.values() for f in row.numpy}

__all__ = ["BY_FUNCTION", "COMPOSED", "TABLE"]
