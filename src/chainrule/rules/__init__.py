"""The table of rules: one row an operation, one file a family.

What families share stands below them: :mod:`axes <chainrule.rules.axes>`, `operands`, `infer`
(shapes and types), `calls` (notations), `elementwise` (makers of rows) and `matrices`. Above
them, in `composed`, are the functions that need no row.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.op import Op
from chainrule.rules import (
    arithmetic,
    choices,
    convolution,
    decompositions,
    determinants,
    diagonals,
    fourier,
    functions,
    index,
    inverses,
    joining,
    norms,
    order,
    products,
    quantiles,
    reduce,
    scan,
    shape,
    sigmoid,
    softmax,
    stepwise,
    windows,
)
from chainrule.rules import complex as complex_
from chainrule.rules.composed import COMPOSED
from chainrule.rules.composed.special import log_sum_exp

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
        products,
        inverses,
        determinants,
        norms,
        decompositions,
        softmax,
        sigmoid,
        windows,
        complex_,
        fourier,
    )
    for row in family.TABLE
}

#: NumPy function -> its row.
BY_FUNCTION: dict[Any, Op] = {f: row for row in TABLE.values() for f in row.numpy}

#: Method of a ufunc -> the function that does the same.
BY_METHOD: dict[tuple[Any, str], Any] = {
    (np.add, "reduce"): np.sum,
    (np.multiply, "reduce"): np.prod,
    (np.maximum, "reduce"): np.max,
    (np.minimum, "reduce"): np.min,
    (np.logaddexp, "reduce"): log_sum_exp,
    (np.fmax, "reduce"): np.nanmax,
    (np.fmin, "reduce"): np.nanmin,
    (np.logical_and, "reduce"): np.all,
    (np.logical_or, "reduce"): np.any,
    (np.maximum, "accumulate"): order.accumulated(order.RUNNING_MAXIMUM),
    (np.minimum, "accumulate"): order.accumulated(order.RUNNING_MINIMUM),
    (np.add, "accumulate"): np.cumsum,
    (np.multiply, "accumulate"): np.cumprod,
}

__all__ = ["BY_FUNCTION", "BY_METHOD", "COMPOSED", "TABLE"]
