"""L-BFGS of SciPy over nested parameters, with a line search that steps back from NaN."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.compiling.compiled import compile
from chainrule.errors import ChainruleError, MissingExtraError, NonFiniteError
from chainrule.transform import value_and_grad


class StalledError(Exception):
    """A search came no further beside values that are not finite; never reaches the user."""

    def __init__(self, cause: ChainruleError) -> None:
        super().__init__(str(cause))
        self.cause = cause


class LBFGS:
    """A search from a start.

    Parameters
    ----------
    f : callable
        Of a dict of arrays.
    start : dict of array
    executor : str

    Attributes
    ----------
    params : dict of array
        Where the search is.
    values : list of float
        The value at the start and after each step.
    """

    def __init__(self, f: Callable[..., Any], start: dict[str, np.ndarray], executor: str) -> None:
        self._start = start
        self._both = compile(value_and_grad(f), executor)
        self.params = start
        self.values: list[float] = []
        #: Place, value and gradient of the last step, and of the last point looked at.
        self._base: tuple[np.ndarray, float, np.ndarray] | None = None
        self._last: tuple[np.ndarray, float, np.ndarray] | None = None
        self._failure: NonFiniteError | None = None

    def run(
        self, steps: int, tolerance: float, callback: Callable[[int, float], Any] | None
    ) -> bool:
        """Search; says whether a minimum was found.

        Raises
        ------
        StalledError
            When the way on is barred by values that are not finite.
        """
        optimize = _scipy()

        def step_done(intermediate_result: Any) -> None:
            self._accept(intermediate_result.x)
            if callback is not None and callback(len(self.values) - 1, self.values[-1]):
                raise StopIteration

        first = self._packed(self._start)
        self._at(first)
        self._accept(first)
        result = optimize.minimize(
            self._at, first, jac=True, method="L-BFGS-B", callback=step_done,
            options={"maxiter": steps, "maxfun": 50 * steps + 100, "gtol": tolerance, "ftol": 0.0},
        )  # fmt: skip
        assert self._base is not None
        found = bool(result.success) or bool(np.max(np.abs(self._base[2])) <= tolerance)
        if not found and result.status == 2 and self._failure is not None:
            raise StalledError(self._failure)
        return found

    def _at(self, x: np.ndarray) -> tuple[float, np.ndarray]:
        """Return value and gradient at a point.

        Where they are not finite, the function is taken to rise as steeply as it fell at the last
        step: a line search then goes back to about a seventh of its way. NaN would end it.
        """
        try:
            with np.errstate(all="ignore"):
                value, gradient = self._both(self._unpacked(x))
            slope = self._packed(gradient)
            if not (np.isfinite(value) and np.isfinite(slope).all()):
                raise NonFiniteError("The value or its gradient is not finite.")
        except NonFiniteError as error:
            if self._base is None:
                raise
            self._failure = error
            place, value, slope = self._base
            return value + abs(float(slope @ (x - place))), -slope
        self._last = x.copy(), float(value), slope
        return self._last[1], slope

    def _accept(self, x: np.ndarray) -> None:
        """Take note of a step; SciPy has looked at where it leads just before."""
        if self._last is None or not np.array_equal(self._last[0], x):
            self._at(x)
        assert self._last is not None
        self._base = self._last
        self._failure = None
        self.params = self._unpacked(x)
        self.values.append(self._base[1])

    def _packed(self, params: dict[str, Any]) -> np.ndarray:
        return np.concatenate([np.ravel(params[k]).astype(np.float64) for k in self._start])

    def _unpacked(self, x: np.ndarray) -> dict[str, np.ndarray]:
        found: dict[str, np.ndarray] = {}
        first = 0
        for key, leaf in self._start.items():
            part = x[first : first + leaf.size]
            found[key] = part.reshape(leaf.shape).astype(leaf.dtype)
            first += leaf.size
        return found


def _scipy() -> Any:
    try:
        from scipy import optimize
    except ImportError:
        raise MissingExtraError(
            "L-BFGS needs SciPy.",
            instead="pip install 'chainrule[fast]', or optimizer=Adam(lr=0.01)",
        ) from None
    return optimize
