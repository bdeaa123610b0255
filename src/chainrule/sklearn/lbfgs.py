"""Training on all rows at once, by SciPy's L-BFGS."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import optimize
from sklearn.exceptions import ConvergenceWarning

from chainrule.errors import ArgumentError, NonFiniteError
from chainrule.sklearn.compiled import TURN, chosen, gradient_of
from chainrule.sklearn.network import Network
from chainrule.sklearn.rows import Rows
from chainrule.trace import warn

if TYPE_CHECKING:
    from chainrule.sklearn.base import BaseMLP


class LBFGS:
    """A loss of all rows as a function of one vector.

    Parameters
    ----------
    estimator : BaseMLP
        Validated, with parameters to start from; gets what training gives.
    network : Network
    X, y, weights
        All rows, y as the network has it.
    """

    def __init__(
        self,
        estimator: BaseMLP,
        network: Network,
        X: Any,
        y: np.ndarray,
        weights: np.ndarray | None,
    ) -> None:
        self._estimator = estimator
        self._network = network
        self._rows = Rows(X, y, weights)
        self._order = np.arange(self._rows.count)
        self._total = float(self._rows.count if weights is None else weights.sum())
        passes = estimator.max_iter
        name = chosen(estimator.executor, self._rows.count, passes, passes, network)
        self._both = gradient_of(network, name)
        self._start = [*estimator.coefs_, *estimator.intercepts_]
        self._dtype = estimator.coefs_[0].dtype
        #: Place, value and slope of the last point that was finite.
        self._last: tuple[np.ndarray, float, np.ndarray] | None = None

    def run(self) -> None:
        """Search for the smallest loss, and give the estimator what was found."""
        estimator = self._estimator
        result = optimize.minimize(
            self._at,
            np.concatenate([np.ravel(a) for a in self._start]).astype(np.float64),
            method="L-BFGS-B",
            jac=True,
            options={
                "maxfun": estimator.max_fun, "maxiter": estimator.max_iter, "gtol": estimator.tol,
            },
        )  # fmt: skip
        estimator.n_iter_ = min(int(result.nit), estimator.max_iter)
        estimator.loss_ = float(result.fun)
        arrays = self._unpacked(result.x)
        half = len(arrays) // 2
        estimator.coefs_, estimator.intercepts_ = arrays[:half], arrays[half:]
        if result.status != 0:
            warn(
                f"lbfgs failed to converge after {result.nit} iteration(s) (status="
                f"{result.status}): {result.message}. Raise max_iter or max_fun, or scale the "
                "data.",
                ConvergenceWarning,
            )

    def _at(self, x: np.ndarray) -> tuple[float, np.ndarray]:
        """Return loss and slope at a point.

        Where they are not finite, as far out along a line that is searched, the loss is taken to
        rise as steeply as it fell at the last point: the search then goes back some of its way.
        """
        try:
            with TURN, np.errstate(all="ignore"):
                value, slope = self._both_at(x)
            if not (np.isfinite(value) and np.isfinite(slope).all()):
                raise NonFiniteError("The loss or its slope is not finite.")
        except NonFiniteError as error:
            if self._last is None:
                raise ArgumentError(
                    f"Training cannot start. {error.what}", got=error.got, where=error.where,
                    instead="scaled data, as of make_pipeline(StandardScaler(), ...)",
                ) from error  # fmt: skip
            place, value, slope = self._last
            return value + abs(float(slope @ (x - place))), -slope
        self._last = x.copy(), value, slope
        return value, slope

    def _both_at(self, x: np.ndarray) -> tuple[float, np.ndarray]:
        arrays = self._unpacked(x)
        half = len(arrays) // 2
        params = self._network.params(arrays[:half], arrays[half:])
        value, slope = 0.0, np.zeros(len(x))
        alpha = self._estimator.alpha
        for data, _ in self._rows.parts(self._order):
            share = float(data[2].sum()) / self._total  # of this mean in the mean over all rows
            found, gradient = self._both(params, np.array(alpha, self._dtype), *data)
            coefs, intercepts = self._network.lists(gradient)
            value += share * float(found)
            slope += share * np.concatenate([np.ravel(g) for g in (*coefs, *intercepts)])
            alpha = 0.0  # the penalty counts once
        return value, slope

    def _unpacked(self, x: np.ndarray) -> list[np.ndarray]:
        found, first = [], 0
        for leaf in self._start:
            part = x[first : first + leaf.size]
            found.append(part.reshape(leaf.shape).astype(leaf.dtype))
            first += leaf.size
        return found
