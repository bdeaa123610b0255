"""Neural networks in plain NumPy: every backward pass is derived, none is written by hand."""

from chainrule.nn import schedules, transformations
from chainrule.nn.activations import (
    ELU,
    GELU,
    LeakyReLU,
    ReLU,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Tanh,
)
from chainrule.nn.base import Context, Layer
from chainrule.nn.configs import from_config
from chainrule.nn.layers import BatchNorm, Dense, Dropout, Flatten, LayerNorm
from chainrule.nn.losses import (
    LOSSES,
    binary_cross_entropy,
    cross_entropy,
    hinge,
    huber,
    mae,
    mse,
)
from chainrule.nn.minimize import minimize
from chainrule.nn.minimum import DivergedError, Minimum
from chainrule.nn.optimizer import Composed, Optimizer
from chainrule.nn.optimizers import SGD, AdaGrad, Adam, AdamW, Lion, RMSProp
from chainrule.nn.penalties import l1, l2
from chainrule.nn.sequential import Sequential
from chainrule.nn.targets import check_targets

__all__ = [
    "ELU",
    "GELU",
    "LOSSES",
    "SGD",
    "AdaGrad",
    "Adam",
    "AdamW",
    "BatchNorm",
    "Composed",
    "Context",
    "Dense",
    "DivergedError",
    "Dropout",
    "Flatten",
    "Layer",
    "LayerNorm",
    "LeakyReLU",
    "Lion",
    "Minimum",
    "Optimizer",
    "RMSProp",
    "ReLU",
    "Sequential",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Softplus",
    "Tanh",
    "binary_cross_entropy",
    "check_targets",
    "cross_entropy",
    "from_config",
    "hinge",
    "huber",
    "l1",
    "l2",
    "mae",
    "minimize",
    "mse",
    "schedules",
    "transformations",
]
