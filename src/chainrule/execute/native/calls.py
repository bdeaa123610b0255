"""How compiled code comes to call a function."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numba import types
from numba.extending import intrinsic, overload


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Let compiled code call a function.

    A function of `njit` would be compiled anew for every number that is written out in a call.
    """
    options: Any = {"error_model": "numpy"}
    known: Any = overload(function, jit_options=options, strict=False, prefer_literal=False)
    known(lambda *kinds: function)
    return function


def _staying(context):
    """Keep the function that calls this from being copied to the many lines that call it."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        builder.function.attributes.add("noinline")
        return context.get_dummy_value()

    return types.void(), generate


stay: Any = intrinsic(_staying)
