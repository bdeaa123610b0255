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
from chainrule.nn.files import load
from chainrule.nn.function_model import FunctionModel
from chainrule.nn.health import Autopsy, Finding, Health, TrainingDivergedError, Watch
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
from chainrule.nn.model import Model
from chainrule.nn.optimizer import Composed, Optimizer
from chainrule.nn.optimizers import SGD, AdaGrad, Adam, AdamW, Lion, RMSProp
from chainrule.nn.penalties import l1, l2
from chainrule.nn.sequential import Sequential
from chainrule.nn.targets import check_targets
from chainrule.nn.training.callbacks import Callback, EarlyStopping
from chainrule.nn.training.history import History
from chainrule.nn.training.metrics import METRICS
from chainrule.nn.training.run import Run
from chainrule.nn.training.streams import Parquet

__all__ = [
    "ELU",
    "GELU",
    "LOSSES",
    "METRICS",
    "SGD",
    "AdaGrad",
    "Adam",
    "AdamW",
    "Autopsy",
    "BatchNorm",
    "Callback",
    "Composed",
    "Context",
    "Dense",
    "DivergedError",
    "Dropout",
    "EarlyStopping",
    "Finding",
    "Flatten",
    "FunctionModel",
    "Health",
    "History",
    "Layer",
    "LayerNorm",
    "LeakyReLU",
    "Lion",
    "Minimum",
    "Model",
    "Optimizer",
    "Parquet",
    "RMSProp",
    "ReLU",
    "Run",
    "Sequential",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Softplus",
    "Tanh",
    "TrainingDivergedError",
    "Watch",
    "binary_cross_entropy",
    "check_targets",
    "cross_entropy",
    "from_config",
    "hinge",
    "huber",
    "l1",
    "l2",
    "load",
    "mae",
    "minimize",
    "mse",
    "schedules",
    "transformations",
]
