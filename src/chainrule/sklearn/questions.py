"""The loss of a few rows, explained back to each weight."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np

from chainrule.arguments import with_signature
from chainrule.sklearn.network import Network, Params
from chainrule.solution import Solution
from chainrule.solving import explain


def explained(
    network: Network,
    params: Params,
    X: np.ndarray,
    y: np.ndarray,
    weights: np.ndarray | None,
    alpha: float,
) -> Solution:
    """Explain the loss, with the penalty and without dropout.

    Parameters
    ----------
    network : Network
    params : dict
    X, y, weights
        As :meth:`Network.loss` takes them.
    alpha : float

    Returns
    -------
    Solution
        Of a function of ``X, y, dense1_W, dense1_b, ...``.
    """
    data = {"X": X, "y": y} | ({} if weights is None else {"weights": weights})
    arrays = {f"{n}_{k}": leaf for n, layer in params.items() for k, leaf in layer.items()}

    def loss(*given: Any) -> Any:
        rows, leaves = given[: len(data)], iter(given[len(data) :])
        own = {n: {k: next(leaves) for k in layer} for n, layer in params.items()}
        return network.loss(own, rows[0], rows[1], rows[2] if len(rows) > 2 else None, alpha)

    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    with_signature(loss, [inspect.Parameter(name, kind) for name in (*data, *arrays)])
    return explain(loss, *data.values(), *arrays.values(), wrt=tuple(arrays))
