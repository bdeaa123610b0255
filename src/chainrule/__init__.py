"""Backpropagation that shows its work."""

from chainrule.errors import ChainruleError
from chainrule.solution import Solution, explain
from chainrule.transform import grad, hessian, jacobian, value_and_grad, vjp

__version__ = "0.1.0"

__all__ = [
    "ChainruleError",
    "Solution",
    "explain",
    "grad",
    "hessian",
    "jacobian",
    "value_and_grad",
    "vjp",
]
