"""Neural networks in plain NumPy: every backward pass is derived, none is written by hand."""

from chainrule.nn import schedules, transformations
from chainrule.nn.configs import from_config
from chainrule.nn.optimizer import Composed, Optimizer
from chainrule.nn.optimizers import SGD, AdaGrad, Adam, AdamW, Lion, RMSProp

__all__ = [
    "SGD",
    "AdaGrad",
    "Adam",
    "AdamW",
    "Composed",
    "Lion",
    "Optimizer",
    "RMSProp",
    "from_config",
    "schedules",
    "transformations",
]
