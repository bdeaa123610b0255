"""What is compiled, kept for the next fit of the same kind; and which executor compiles it."""

from __future__ import annotations

import threading
from functools import lru_cache
from typing import Any

from chainrule import nn
from chainrule.compiling.compiled import Compiled, compile
from chainrule.compiling.epochs import Epoch, epoch
from chainrule.execute.executors import executor
from chainrule.sklearn.network import Network
from chainrule.sklearn.updates import optimizer
from chainrule.transform import value_and_grad

#: Kinds of networks that are remembered.
_KINDS = 64

#: NumPy does about so many operations on numbers in a second, and begins so many steps.
_OPERATIONS, _STEPS = 5e9, 5e3

#: Seconds of NumPy's work from which on loops are worth being compiled, or read from the disk.
_WORTH = 1.5

#: Tracing replaces things of Python for a while, and what is compiled has memory to work in: so
#: threads that train take turns. Each step has all processors to itself.
TURN = threading.RLock()


def chosen(name: str, rows: int, passes: float, steps: float, network: Network) -> str:
    """Return the executor for so much work.

    By an estimate and never by timing, so that the same seed gives the same numbers on each run.

    Parameters
    ----------
    name : str
        As the user has it; only "auto" leaves a choice.
    rows : int
    passes : float
        How often each row will be seen.
    steps : float
        Of all passes together.
    network : Network

    Returns
    -------
    str
    """
    if name != "auto":
        return name
    weights = sum(a * b for a, b in zip(network.units, network.units[1:], strict=False))
    seconds = 6.0 * weights * rows * passes / _OPERATIONS + steps / _STEPS
    return "numba" if seconds > _WORTH and executor("numba").is_installed else "numpy"


@lru_cache(maxsize=_KINDS)
def epoch_of(network: Network, solver: str, nesterov: bool, executor: str) -> Epoch:
    """Return the compiled epoch of a kind of networks, over ``(X, y, weights)``.

    It carries ``{"params", "optimizer", "alpha"}``, and ``{"seed", "step"}`` with dropout. There
    are always weights: the rows of a batch are then counted by a sum rather than by a number in
    the graph, and one compilation serves with weights and without.
    """
    update = optimizer(solver, nesterov).apply

    def training_step(carry: Any, X: Any, y: Any, weights: Any) -> Any:
        context = None
        if network.dropout:
            context = nn.Context(carry["seed"], carry["step"])
            carry = {**carry, "step": carry["step"] + 1}

        def loss(params: Any) -> Any:
            return network.loss(params, X, y, weights, carry["alpha"], context)

        value, gradients = value_and_grad(loss)(carry["params"])
        params, state = update(carry["params"], gradients, carry["optimizer"])
        return {**carry, "params": params, "optimizer": state}, value

    return epoch(training_step, executor)


@lru_cache(maxsize=_KINDS)
def gradient_of(network: Network, executor: str) -> Compiled:
    """Return the compiled loss and gradient of a kind of networks, for L-BFGS.

    Of ``(params, alpha, X, y, weights)``.
    """

    def loss(params: Any, alpha: Any, X: Any, y: Any, weights: Any) -> Any:
        return network.loss(params, X, y, weights, alpha)

    return compile(value_and_grad(loss), executor)
