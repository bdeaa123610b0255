"""What the parameters of an estimator may be, and what is said when one is not that."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any

import numpy as np

from chainrule.errors import ArgumentError
from chainrule.sklearn.network import ACTIVATIONS


@dataclass(frozen=True)
class Allowed:
    """What a parameter may be: in words, and as a question."""

    words: str
    holds: Callable[[Any], bool]


def _one_of(*names: str) -> Allowed:
    return Allowed(" or ".join(map(repr, names)), lambda v: isinstance(v, str) and v in names)


def _real(words: str, holds: Callable[[Any], bool]) -> Allowed:
    """Return what a number may be; booleans are none, and NaN holds nowhere."""

    def is_allowed(value: Any) -> bool:
        return isinstance(value, Real) and not _is_switch(value) and holds(value)

    return Allowed(words, is_allowed)


def _is_switch(value: Any) -> bool:
    return isinstance(value, bool | np.bool_)


def _whole(value: Any, least: int) -> bool:
    return isinstance(value, Integral) and not _is_switch(value) and int(value) >= least


def _sizes(value: Any) -> bool:
    units = value if np.iterable(value) and not isinstance(value, str | bytes) else [value]
    return all(_whole(u, 1) for u in units)


_COUNT = Allowed("a whole number from 1", lambda v: _whole(v, 1))
_SWITCH = Allowed("True or False", _is_switch)
_FROM_0 = _real("a finite number from 0", lambda v: 0 <= v < math.inf)
_ABOVE_0 = _real("a finite number above 0", lambda v: 0 < v < math.inf)
_PART = _real("a number from 0, below 1", lambda v: 0 <= v < 1)

#: Parameter -> what it may be. random_state is asked by scikit-learn.
ALLOWED: Mapping[str, Allowed] = {
    "hidden_layer_sizes": Allowed("whole numbers from 1, as (100,) or (64, 32)", _sizes),
    "activation": _one_of(*ACTIVATIONS),
    "solver": _one_of("lbfgs", "sgd", "adam"),
    "alpha": _FROM_0,
    "batch_size": Allowed(
        "'auto' or a whole number from 1",
        lambda v: v == "auto" if isinstance(v, str) else _whole(v, 1),
    ),
    "learning_rate": _one_of("constant", "invscaling", "adaptive"),
    "learning_rate_init": _ABOVE_0,
    "power_t": _FROM_0,
    "max_iter": _COUNT,
    "loss": _one_of("squared_error", "poisson"),
    "shuffle": _SWITCH,
    "tol": _real("a number from 0", lambda v: v >= 0),
    "verbose": Allowed(
        "True, False or a whole number from 0",
        lambda v: _is_switch(v) or _whole(v, 0),
    ),
    "warm_start": _SWITCH,
    "momentum": _real("a number from 0 to 1", lambda v: 0 <= v <= 1),
    "nesterovs_momentum": _SWITCH,
    "early_stopping": _SWITCH,
    "validation_fraction": _PART,
    "beta_1": _PART,
    "beta_2": _PART,
    "epsilon": _ABOVE_0,
    "n_iter_no_change": Allowed(
        "a whole number from 1, or np.inf",
        lambda v: _whole(v, 1) or (isinstance(v, Real) and v == math.inf),
    ),
    "max_fun": _COUNT,
    "executor": _one_of("auto", "numpy", "numba", "jax"),
    "dropout": _PART,
    "class_weight": Allowed(
        "None, 'balanced', or a dict of class -> weight",
        lambda v: v is None or v == "balanced" or isinstance(v, Mapping | list),
    ),
}


def check_parameters(name: str, parameters: Mapping[str, Any]) -> None:
    """Refuse what no estimator can be fitted with.

    Parameters
    ----------
    name : str
        Of the estimator, for the message.
    parameters : mapping

    Raises
    ------
    ArgumentError
        Names the parameter.
    """
    for parameter, value in parameters.items():
        allowed = ALLOWED.get(parameter)
        if allowed is not None and not allowed.holds(value):
            raise ArgumentError(
                f"{name} cannot be fitted with this {parameter}.",
                expected=allowed.words,
                got=f"{parameter}={value!r}",
            )
