"""What a test that was pasted calls."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numpy as np

from fuzz.checks import Depth, Rough, examine
from fuzz.program import Program, real_leaves


def assert_right(program: Callable[..., Any], *arguments: Any) -> None:
    """Hold what chainrule makes of a function against differences, to second order.

    Parameters
    ----------
    program : callable
        Returns one number; its source is not needed.
    *arguments : numbers, arrays, and structures of them

    Examples
    --------
    >>> assert_right(lambda x: np.sum(x**3), np.array([1.0, 2.0]))
    """
    names = list(inspect.signature(program).parameters)
    given = dict(zip(names, arguments, strict=True))
    rng = np.random.default_rng(0)
    real = [leaf for a in arguments for leaf in real_leaves(a)]
    direction = [rng.standard_normal(np.shape(leaf)) for leaf in real]
    length = np.sqrt(sum(np.sum(w * w) for w in direction))

    class Given(Program):
        def function(self, scope: Any = None) -> Callable[..., Any]:
            return program

    single = {"single"} if any(np.asarray(leaf).dtype == np.float32 for leaf in real) else set()
    it = Given("", given, [w / length for w in direction], 0, frozenset({"branch", *single}))
    with suppress(Rough):
        examine(it, Depth())
