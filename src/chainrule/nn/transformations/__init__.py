"""Transformations of gradients, of which optimizers are composed.

Each is a pair of pure functions: ``init(params)`` makes what is kept from step to step,
``update(gradients, state, params)`` returns other gradients and the next state. All are NumPy
that can be traced, leaf by leaf over nested parameters, so that a whole epoch is compiled with
them. The last of a chain, :func:`scale`, turns gradients into what is added to the parameters.
"""

from chainrule.nn.transformations.averages import (
    lion,
    momentum,
    scale_by_adagrad,
    scale_by_adam,
    scale_by_rms,
)
from chainrule.nn.transformations.base import Transformation
from chainrule.nn.transformations.steps import chain, clip_by_norm, clip_by_value, decay, l2, scale

__all__ = [
    "Transformation",
    "chain",
    "clip_by_norm",
    "clip_by_value",
    "decay",
    "l2",
    "lion",
    "momentum",
    "scale",
    "scale_by_adagrad",
    "scale_by_adam",
    "scale_by_rms",
]
