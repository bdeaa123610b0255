from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Case:
    """A right hand-written backward pass, and what `cr.check` is called with to check it."""

    #: Unique among all modules, and readable: "dense, functions with a cache".
    name: str
    #: The function that holds the backward pass; of a class, the plain function `Dense.backward`.
    backward: Callable[..., Any]
    #: From a generator to the arguments and keyword arguments of `cr.check`.
    draw: Callable[[np.random.Generator], tuple[tuple[Any, ...], dict[str, Any]]]


def now_and_then(rng, array, value=0.0, one_in=10):
    """Return `array`, in about one draw of `one_in` with one element that is exactly `value`.

    A checker must not call a right pass wrong where the forward pass has a kink.
    """
    if rng.integers(one_in) == 0:
        array.flat[rng.integers(array.size)] = value
    return array
