"""Layers, losses, optimizers and training: plain NumPy, so that every gradient can be explained."""

from chainrule.nn.losses import (
    LOSSES,
    binary_cross_entropy,
    cross_entropy,
    hinge,
    huber,
    mae,
    mse,
)
from chainrule.nn.minimize import DivergedError, Minimum, minimize
from chainrule.nn.penalties import l1, l2
from chainrule.nn.targets import check_targets

__all__ = [
    "LOSSES",
    "DivergedError",
    "Minimum",
    "binary_cross_entropy",
    "check_targets",
    "cross_entropy",
    "hinge",
    "huber",
    "l1",
    "l2",
    "mae",
    "minimize",
    "mse",
]
