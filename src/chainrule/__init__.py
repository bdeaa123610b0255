"""Backpropagation that shows its work."""

from chainrule.transform import grad, hessian, jacobian, value_and_grad, vjp

__version__ = "0.1.0"

__all__ = ["grad", "hessian", "jacobian", "value_and_grad", "vjp"]
