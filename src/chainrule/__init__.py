"""Backpropagation that shows its work."""

from typing import TYPE_CHECKING, Any

from chainrule.custom import constant, custom
from chainrule.errors import ChainruleError
from chainrule.transform import (
    elementwise_grad,
    grad,
    hessian,
    hvp,
    jacobian,
    jvp,
    value_and_grad,
    vjp,
)

if TYPE_CHECKING:
    from chainrule.solution import Solution, explain

__version__ = "0.1.0"

__all__ = [
    "ChainruleError",
    "Solution",
    "constant",
    "custom",
    "elementwise_grad",
    "explain",
    "grad",
    "hessian",
    "hvp",
    "jacobian",
    "jvp",
    "value_and_grad",
    "vjp",
]


def __getattr__(name: str) -> Any:
    # Half of what there is to import serves explanations; a gradient does not wait for it.
    if name in ("Solution", "explain"):
        from chainrule import solution

        return getattr(solution, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
