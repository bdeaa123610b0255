"""A model that is a plain function of its parameters."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.arguments import name_of
from chainrule.calling import public
from chainrule.errors import ArgumentError
from chainrule.nn.base import Context
from chainrule.nn.initialisers import Shape
from chainrule.nn.model import Model
from chainrule.nn.trees import float_type
from chainrule.structure import map_leaves


@public
class FunctionModel(Model):
    """Trains any function of parameters and samples that is written in NumPy.

    Parameters
    ----------
    forward : callable
        ``forward(params, x)``, with the samples along the first axis of x and of what it returns.
    params : structure of floating-point arrays
        What it starts from: nested dicts, lists and tuples.

    Raises
    ------
    ArgumentError, DtypeError
        When `forward` is no function, or parameters are not floating-point.

    Examples
    --------
    >>> from chainrule import nn
    >>> def line(params, x):
    ...     return x[:, 0] * params["slope"] + params["offset"]
    >>> model = FunctionModel(line, {"slope": np.zeros(()), "offset": np.zeros(())})
    >>> X = np.linspace(-1, 1, 20)[:, None]
    >>> history = model.fit(X, 3 * X[:, 0] + 1, optimizer=nn.Adam(0.1), epochs=300)
    >>> model.params["slope"].round(2), model.params["offset"].round(2)
    (np.float64(3.0), np.float64(1.0))
    """

    def __init__(self, forward: Callable[[Any, Any], Any], params: Any) -> None:
        if not callable(forward):
            raise ArgumentError(
                "A FunctionModel is made of a function.", expected="forward(params, x)",
                got=repr(forward)[:80],
            )  # fmt: skip
        self.forward = forward
        self.params = map_leaves(lambda leaf, path: np.array(leaf), params, "params")
        float_type(self.params)
        self.state = {}
        self._start = self.params

    def __repr__(self) -> str:
        return f"FunctionModel({name_of(self.forward)})"

    def build(self, shape: Shape, seed: int = 0, dtype: Any = np.float32) -> tuple[Any, Any]:
        """Return the parameters that it was made with, and no state."""
        return map_leaves(lambda leaf, path: leaf.copy(), self._start, "params"), {}

    def apply(
        self, params: Any, state: Any, x: Any, context: Context | None = None
    ) -> tuple[Any, Any]:
        """Return what the function gives, and the state."""
        return self.forward(params, x), state

    def output_shape(self, shape: Shape) -> Shape:
        """Return the shape of what the function gives for a sample of a shape."""
        with np.errstate(all="ignore"):
            made = np.asarray(self.forward(self.params, np.zeros((2, *shape), self.dtype)))
        if made.ndim == 0 or len(made) != 2:
            raise ArgumentError(
                f"{name_of(self.forward)} does not return a row for each sample.",
                expected="shape (2, ...) for 2 samples", got=f"shape {made.shape}",
            )  # fmt: skip
        return made.shape[1:]
