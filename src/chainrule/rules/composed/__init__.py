"""NumPy functions that are written in terms of others: they need no rule of their own.

Each is plain NumPy over whatever it is given, like the function that it stands for.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from chainrule.rules.composed import (
    arrangement,
    differences,
    elementwise,
    fourier,
    joins,
    linear,
    making,
    norms,
    products,
    selecting,
    statistics,
)
from chainrule.rules.composed import complex as complex_

#: NumPy function -> the same in terms of others.
COMPOSED: dict[Any, Callable[..., Any]] = {
    function: composition
    for family in (
        statistics,
        products,
        arrangement,
        joins,
        selecting,
        differences,
        elementwise,
        linear,
        making,
        norms,
        fourier,
        complex_,
    )
    for function, composition in family.TABLE.items()
}
