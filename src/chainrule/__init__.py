"""Backpropagation that shows its work."""

import importlib
from typing import TYPE_CHECKING, Any

from chainrule import showing
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
    from chainrule import nn, plots
    from chainrule.checking.api import check
    from chainrule.checking.report import Report
    from chainrule.compiling.compiled import compile
    from chainrule.compiling.epochs import epoch
    from chainrule.solution import Solution
    from chainrule.solving import explain

__version__ = "0.1.0"

__all__ = [
    "ChainruleError",
    "Report",
    "Solution",
    "check",
    "compile",
    "constant",
    "custom",
    "elementwise_grad",
    "epoch",
    "explain",
    "grad",
    "hessian",
    "hvp",
    "jacobian",
    "jvp",
    "nn",
    "plots",
    "value_and_grad",
    "vjp",
]


#: Most of what there is to import serves explanations and checks; a gradient does not wait for it.
_LATER = {
    "Report": "chainrule.checking.report",
    "Solution": "chainrule.solution",
    "check": "chainrule.checking.api",
    "compile": "chainrule.compiling.compiled",
    "epoch": "chainrule.compiling.epochs",
    "explain": "chainrule.solving",
    "nn": "chainrule.nn",
    "plots": "chainrule.plots",
    "testing": "chainrule.testing",
}


def __getattr__(name: str) -> Any:
    if name in _LATER:
        module = importlib.import_module(_LATER[name])
        return module if module.__name__.endswith(f".{name}") else getattr(module, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def _widget(solution: Any) -> Any:
    """Make the notebook widget of a solution, which may not import it: it stands above."""
    return importlib.import_module("chainrule.widget").show(solution)


showing.register(_widget)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
