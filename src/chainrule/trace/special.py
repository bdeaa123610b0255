"""SciPy's special functions that are written in Python, on traced values.

They put their arguments into plain arrays before anything else. While a trace is open they
ask first whether one of them is traced.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from chainrule.rules.composed.special import IN_PYTHON
from chainrule.rules.operands import is_traced
from chainrule.rules.special import rows
from chainrule.trace.patches import Patches


def _asking(traced: Callable[..., Any]) -> Callable[..., Any]:
    def wrap(original: Callable[..., Any]) -> Callable[..., Any]:
        rows()  # of which some hold the original

        @wraps(original)
        def function(*args: Any, **kwargs: Any) -> Any:
            if any(is_traced(a) for a in (*args, *kwargs.values())):
                return traced(*args, **kwargs)
            return original(*args, **kwargs)

        return function

    return wrap


PATCHES = Patches("scipy.special", {name: _asking(f) for name, f in IN_PYTHON.items()})
