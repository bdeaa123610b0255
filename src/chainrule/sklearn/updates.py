"""scikit-learn's two updates, with their rates carried as numbers.

What is carried need not be compiled anew: one compilation serves a search over rates. Adam adds
its epsilon before it takes the bias out of the averages, which is the form at the end of section 2
of D. Kingma and J. Ba, arXiv:1412.6980; PyTorch and :class:`chainrule.nn.Adam` add it after.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule.nn import Composed
from chainrule.nn.transformations import Transformation
from chainrule.nn.trees import Tree, cast, mapped, zeros_like


def optimizer(solver: str, nesterov: bool) -> Composed:
    """Return an optimizer whose state also has the numbers that it works with.

    Parameters
    ----------
    solver : {"sgd", "adam"}
    nesterov : bool
        Look ahead along the momentum; for "sgd".

    Returns
    -------
    Composed
    """
    if solver == "adam":
        return Composed(Transformation(_ADAM, {}, _adam_init, _adam))
    return Composed(Transformation(_SGD, {"nesterov": nesterov}, _sgd_init, _sgd(nesterov)))


_ADAM, _SGD = "adam_with_numbers", "sgd_with_numbers"


def with_numbers(state: Tree, numbers: Sequence[float]) -> Tree:
    """Return the state of :func:`optimizer` with other numbers, of which the first is the rate.

    Parameters
    ----------
    state : dict
    numbers : sequence of float
        Rate, beta_1, beta_2 and epsilon for "adam", rate and momentum for "sgd".
    """
    return {key: {**part, "numbers": np.array(numbers, float)} for key, part in state.items()}


def numbers_of(state: Tree) -> list[float]:
    """Return the numbers that a state has; see :func:`with_numbers`."""
    (part,) = state.values()
    found: list[float] = part["numbers"].tolist()
    return found


def in_type(state: Tree, dtype: Any) -> Tree:
    """Return a state for parameters of another type; its numbers stay doubles."""
    return {
        key: {
            name: value
            if name in ("count", "numbers")
            else mapped(lambda leaf: leaf.astype(dtype, copy=False), value)
            for name, value in part.items()
        }
        for key, part in state.items()
    }


def _adam_init(params: Tree) -> Tree:
    return {"count": np.zeros(()), "m": zeros_like(params), "v": zeros_like(params)}


def _adam(gradients: Tree, state: Tree, params: Tree) -> tuple[Tree, Tree]:
    numbers, count = state["numbers"], state["count"] + 1
    rate, b1, b2, eps = (numbers[k] for k in range(4))
    rate = rate * np.sqrt(1 - b2**count) / (1 - b1**count)
    m = mapped(lambda m, g: cast(b1, m) * m + cast(1 - b1, m) * g, state["m"], gradients)
    v = mapped(lambda v, g: cast(b2, v) * v + cast(1 - b2, v) * (g * g), state["v"], gradients)
    steps = mapped(lambda m, v: -cast(rate, m) * m / (np.sqrt(v) + cast(eps, v)), m, v)
    return steps, {**state, "count": count, "m": m, "v": v}


def _sgd_init(params: Tree) -> Tree:
    return {"velocity": zeros_like(params)}


def _sgd(nesterov: bool) -> Any:
    def update(gradients: Tree, state: Tree, params: Tree) -> tuple[Tree, Tree]:
        rate, momentum = state["numbers"][0], state["numbers"][1]

        def ahead(velocity: Any, g: Any) -> Any:
            return cast(momentum, g) * velocity - cast(rate, g) * g

        velocity = mapped(ahead, state["velocity"], gradients)
        steps = mapped(ahead, velocity, gradients) if nesterov else velocity
        return steps, {**state, "velocity": velocity}

    return update
