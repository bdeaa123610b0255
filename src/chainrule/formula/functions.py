"""The functions that a formula may call."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from typing import Any

import numpy as np

from chainrule.rules import BY_FUNCTION, COMPOSED
from chainrule.rules.sigmoid import SIGMOID


def _largest(*values: Any, **keywords: Any) -> Any:
    alone = len(values) == 1 or keywords  # np.max(x, axis=1)
    return np.max(*values, **keywords) if alone else reduce(np.maximum, values)


def _smallest(*values: Any, **keywords: Any) -> Any:
    alone = len(values) == 1 or keywords
    return np.min(*values, **keywords) if alone else reduce(np.minimum, values)


def _softmax(x: Any, axis: int = -1) -> Any:
    e = np.exp(x - np.max(x, axis=axis, keepdims=True))
    return e / np.sum(e, axis=axis, keepdims=True)


#: Name -> function: NumPy's that have a rule or a composition, and what people write for them.
FUNCTIONS: dict[str, Callable[..., Any]] = {
    **{function.__name__: function for function in (*BY_FUNCTION, *COMPOSED)},
    "abs": np.absolute,
    "ln": np.log,
    "max": _largest,
    "min": _smallest,
    "relu": lambda x: np.maximum(x, 0),
    "sigmoid": SIGMOID,
    "softmax": _softmax,
}
