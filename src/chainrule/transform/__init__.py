"""Derivatives of functions as functions: ``grad`` and its kin."""

from chainrule.transform.directional import hvp, jvp
from chainrule.transform.gradient import elementwise_grad, grad, value_and_grad, vjp
from chainrule.transform.matrix import hessian, jacobian

__all__ = [
    "elementwise_grad",
    "grad",
    "hessian",
    "hvp",
    "jacobian",
    "jvp",
    "value_and_grad",
    "vjp",
]
