"""Python's ``max`` and ``min`` on traced numbers.

They compare and pick, which would record a branch and lose the operation that the
user means. While a trace is open they record ``maximum`` and ``minimum`` instead when a
traced number is among the arguments.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from typing import Any

import numpy as np

from chainrule.rules.operands import is_traced
from chainrule.trace.patches import Patches


def _recording(pairwise: Any) -> Callable[..., Any]:
    def wrap(original: Callable[..., Any]) -> Callable[..., Any]:
        def function(*args: Any, **kwargs: Any) -> Any:
            if len(args) == 1 and not is_traced(args[0]):
                args = (tuple(args[0]),)
            items = args[0] if len(args) == 1 else args
            if kwargs or not _traced_numbers(items):
                return original(*args, **kwargs)
            return reduce(pairwise, items)

        return function

    return wrap


def _traced_numbers(items: Any) -> bool:
    traced = False
    for item in items:
        if is_traced(item):
            if item.shape:
                return False
            traced = True
    return traced


PATCHES = Patches("builtins", {"max": _recording(np.maximum), "min": _recording(np.minimum)})
