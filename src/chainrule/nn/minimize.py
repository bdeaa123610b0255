"""``minimize``: the parameters at which a function that is written in NumPy is smallest."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np

from chainrule.arguments import differentiable, name_of
from chainrule.compiling.compiled import check_executor
from chainrule.compiling.epochs import epoch
from chainrule.compiling.failure import StepError
from chainrule.errors import ArgumentError, ChainruleError, DtypeError, NonFiniteError
from chainrule.nn.quasi_newton import LBFGS, StalledError
from chainrule.nonfinite import located
from chainrule.structure import leaves, map_leaves
from chainrule.transform import value_and_grad

#: Seconds that a block of steps is to take: what is between two looks at how far things are.
_PULSE = 0.1

#: ``callback(step, value)``; what it returns says whether to stop.
Callback = Callable[[int, float], Any]


@dataclass(frozen=True)
class Minimum:
    """What :func:`minimize` found.

    Attributes
    ----------
    params : structure of arrays
        As the start.
    value : float
        Of the function there.
    steps : int
        How often the parameters were changed.
    converged : bool
        Whether no element of the gradient is larger than the tolerance; with L-BFGS also whether
        the value could not become smaller.
    values : array, shape (steps + 1,)
        The value at the start and after each step.
    """

    params: Any
    value: float
    steps: int
    converged: bool
    values: np.ndarray = field(repr=False)


class DivergedError(NonFiniteError):
    """A NaN or an infinity arose while a function was minimised.

    Attributes
    ----------
    params : structure of arrays
        The last parameters at which the function was finite.
    value : float
        Of the function there.
    step : int
        How many steps had led there.
    """

    params: Any
    value: float
    step: int


def minimize(
    f: Callable[[Any], Any],
    params: Any,
    *,
    optimizer: Any = None,
    steps: int = 1000,
    tolerance: float = 1e-6,
    executor: str = "auto",
    callback: Callback | None = None,
) -> Minimum:
    """Find parameters at which a function is smallest, starting from given ones.

    The function is compiled once, with its gradient and the optimizer's update; what it reads
    besides its argument, such as data, is taken as it is at the start.

    Parameters
    ----------
    f : callable
        ``f(params) -> number``, written in plain NumPy.
    params : structure of floating-point arrays or numbers
        Nested dicts, lists, tuples and dataclasses; not written to.
    optimizer : Optimizer, or "l-bfgs"
        Unless given, Adam with a rate of 0.01. L-BFGS needs SciPy, and is the better choice for a
        smooth function of all data at once.
    steps : int
        At most so many.
    tolerance : float
        The search ends where no element of the gradient is larger.
    executor : {"auto", "numpy", "numba", "jax"}
        See :func:`chainrule.compile`.
    callback : callable, optional
        ``callback(step, value)``, called about ten times a second, by L-BFGS after each step. The
        search ends when it returns something true.

    Returns
    -------
    Minimum

    Raises
    ------
    ArgumentError
        When there is nothing to minimise with respect to, the start holds a NaN, or `f` does not
        return one number.
    DtypeError
        When parameters are integers or complex numbers.
    NonFiniteError
        When `f` is not finite at the start.
    DivergedError
        When a NaN or an infinity arises later; it has the last good parameters.

    References
    ----------
    R. H. Byrd, P. Lu, J. Nocedal, C. Zhu, "A Limited Memory Algorithm for Bound Constrained
    Optimization", SIAM Journal on Scientific Computing 16 (1995), p. 1190-1208.

    Examples
    --------
    >>> def valley(p):
    ...     return (1 - p["x"]) ** 2 + 100 * (p["y"] - p["x"] ** 2) ** 2
    >>> found = minimize(valley, {"x": -1.0, "y": 2.0}, optimizer="l-bfgs")
    >>> found.converged, found.params["x"].round(4), found.params["y"].round(4)
    (True, np.float64(1.0), np.float64(1.0))
    """
    check_executor(executor, None, None)
    _check_options(optimizer, steps, tolerance)
    start = _start(params)
    value = _value_at_start(f, start)
    objective = _Objective(f, start)
    if isinstance(optimizer, str):
        return _by_lbfgs(objective, value, steps, tolerance, executor, callback)
    if optimizer is None:
        from chainrule.nn.optimizers import Adam

        optimizer = Adam(lr=0.01)
    return _Descent(objective, optimizer, tolerance, executor).run(steps, callback)


# -- arguments -------------------------------------------------------------------------


def _check_options(optimizer: Any, steps: Any, tolerance: Any) -> None:
    known = optimizer is None or (hasattr(optimizer, "init") and hasattr(optimizer, "apply"))
    if not known and optimizer != "l-bfgs":
        raise ArgumentError(
            "There is no such optimizer.",
            expected="'l-bfgs', or an optimizer with init and apply, such as Adam(lr=0.01)",
            got=repr(optimizer)[:80],
            instead=f"{optimizer.__name__}()" if isinstance(optimizer, type) else None,
        )
    if not hasattr(steps, "__index__") or steps < 1:
        raise ArgumentError(
            "steps is how often the parameters may be changed.", expected="a whole number from 1",
            got=repr(steps),
        )  # fmt: skip
    if not tolerance >= 0:
        raise ArgumentError(
            "tolerance is how large an element of the gradient may be in the end.",
            expected="a number from 0", got=repr(tolerance),
        )  # fmt: skip


def _start(params: Any) -> Any:
    """Return the parameters as floating-point arrays, or refuse them."""
    sizes: list[int] = []

    def visit(leaf: Any, path: str) -> np.ndarray:
        value = differentiable(leaf, path)
        if value is None:
            raise ArgumentError(
                f"{path} is no number or array.", expected="floating-point parameters",
                got=repr(leaf)[:80],
            )  # fmt: skip
        array = np.array(value)
        if array.dtype.kind != "f":
            raise DtypeError(
                f"{path} is complex, and which of two complex numbers is smaller is not defined.",
                expected="real parameters", got=f"an array of {array.dtype}",
                instead="the real and the imaginary part as two parameters",
            )  # fmt: skip
        if not np.isfinite(array).all():
            place = tuple(map(int, np.argwhere(~np.isfinite(array))[0]))
            at = f"[{', '.join(map(str, place))}]" if place else ""
            raise ArgumentError(
                f"The start holds a NaN or an infinity: {path}{at}.", expected="finite numbers",
                got=str(array[place]),
            )  # fmt: skip
        sizes.append(array.size)
        return array

    start = map_leaves(visit, params, "params")
    if not sum(sizes):
        raise ArgumentError(
            "There are no parameters to find.", expected="at least one number in params",
            got=repr(params)[:80],
        )  # fmt: skip
    return start


def _value_at_start(f: Callable[[Any], Any], start: Any) -> float:
    """Return the value at the start; refuse what is not one finite number."""
    with np.errstate(all="ignore"):
        value = f(_scalars(start))
    got = np.asarray(value) if isinstance(value, (np.ndarray, np.generic, float, int)) else None
    if got is None or got.shape or got.dtype.kind not in "fiu":
        raise ArgumentError(
            f"{name_of(f)} does not return one real number, so there is no smallest one.",
            expected="one number, such as a loss",
            got=type(value).__name__ if got is None else f"{got.dtype} of shape {got.shape}",
            instead="return np.sum(...) or np.mean(...) of it" if np.ndim(value) else None,
        )
    if not np.isfinite(got):
        what = f"{name_of(f)} is not finite at the start."
        cause = located(f, 0, (start,), {})
        raise NonFiniteError(
            f"{what} {cause.what}" if cause else what, got=str(got),
            where=cause.where if cause else None, instead="a start at which it is finite",
        ) from cause  # fmt: skip
    return float(got)


def _scalars(start: Any) -> Any:
    """Return parameters with NumPy's numbers for arrays without axes, as results have them."""
    return map_leaves(lambda leaf, path: leaf[()], start, "params")


class _Objective:
    """A function of a flat dict of arrays: whatever the structure, an optimizer sees one level."""

    def __init__(self, f: Callable[[Any], Any], start: Any) -> None:
        self.f = f
        self.__name__ = name_of(f)
        self._template = start
        self.start: dict[str, np.ndarray] = dict(leaves(start, "params"))

    def __call__(self, flat: dict[str, Any]) -> Any:
        return self.f(self.structured(flat))

    def structured(self, flat: dict[str, Any]) -> Any:
        """Return parameters in the structure of the start."""
        return map_leaves(lambda leaf, path: flat[path], self._template, "params")

    def result(self, flat: dict[str, Any]) -> Any:
        """Return parameters to be given to the user."""
        return self.structured({k: np.asarray(v)[()] for k, v in flat.items()})


# -- first-order optimizers ------------------------------------------------------------


class _Descent:
    """Steps of an optimizer, compiled as an epoch; the row that each takes is not looked at."""

    def __init__(
        self, objective: _Objective, optimizer: Any, tolerance: float, executor: str
    ) -> None:
        self.objective = objective
        self.optimizer = optimizer
        self.tolerance = tolerance

        def step(carry: Any, row: Any) -> Any:
            params, state = carry
            value, gradients = value_and_grad(objective)(params)
            sizes = [np.max(np.abs(g)) for k, g in gradients.items() if objective.start[k].size]
            largest = functools.reduce(np.maximum, sizes)
            return optimizer.apply(params, gradients, state), (value, largest)

        step.__name__ = objective.__name__
        self._epoch = epoch(step, executor)

    def advance(self, carry: Any, count: int) -> Any:
        """Return the carry after some steps, with values and gradients' sizes before each."""
        with np.errstate(all="ignore"):
            return self._epoch(carry, np.zeros(count), batch_size=1)

    def after(self, carry: Any, count: int) -> Any:
        """Return the parameters after some steps."""
        return (self.advance(carry, count)[0] if count else carry)[0]

    def run(self, steps: int, callback: Callback | None) -> Minimum:
        """Go on until the gradient is small, the steps are done or the callback says so."""
        start = self.objective.start
        carry = previous = (start, self.optimizer.init(start))
        values: list[np.ndarray] = []
        done = block = count = 0
        while True:
            before, count = count, max(1, min(block, steps - done))
            began = time.perf_counter()
            try:
                after, (found, sizes) = self.advance(carry, count)
            except StepError as error:
                raise self.diverged(error, done, carry, previous, before) from error
            block = _next_block(count, time.perf_counter() - began, first=not block)
            small = np.flatnonzero(sizes <= self.tolerance)
            if len(small) or done >= steps:
                last = int(small[0]) if len(small) else 0
                values.append(found[: last + 1])
                params = self.objective.result(self.after(carry, last))
                every = np.concatenate(values)
                return Minimum(params, float(every[-1]), done + last, bool(len(small)), every)
            values.append(found)
            previous, carry, done = carry, after, done + count
            if callback is not None and callback(done - 1, float(found[-1])):
                steps = done

    def diverged(
        self, error: StepError, done: int, carry: Any, previous: Any, before: int
    ) -> DivergedError:
        """Return the error for a step that failed, with the last parameters that were good.

        Those that the step began with may have been spoiled by the one before it: finite, but
        where the function is not.
        """
        good, step = error.carry[0], done + error.step
        value = self.value(good)
        if not np.isfinite(value) and step > 0:
            if error.step:
                good = self.after(carry, error.step - 1)
            else:
                good = self.after(previous, before - 1)
            step -= 1
            value = self.value(good)
        return _diverged(self.objective, error, good, value, step)

    def value(self, params: dict[str, Any]) -> float:
        """Return the function's value, finite or not."""
        with np.errstate(all="ignore"):
            return float(self.objective(params))


def _next_block(count: int, seconds: float, first: bool) -> int:
    """Return how many steps to take before the next look; the very first one compiles, too."""
    if first:
        return 2
    return max(1, min(2 * count, int(count * _PULSE / max(seconds, 1e-9))))


def _diverged(
    objective: _Objective, cause: ChainruleError, params: dict[str, Any], value: float, step: int
) -> DivergedError:
    error = DivergedError(
        f"The minimisation of {objective.__name__} came to a NaN or an infinity after step {step}.",
        got=f"a value of {value:g} at the last good parameters, which the error has as .params",
        where=cause.where,
        instead="a smaller learning rate, clip_norm=1.0, or another start",
    )
    error.params, error.value, error.step = objective.result(params), value, step
    return error


# -- L-BFGS ----------------------------------------------------------------------------


def _by_lbfgs(
    objective: _Objective,
    value: float,
    steps: int,
    tolerance: float,
    executor: str,
    callback: Callback | None,
) -> Minimum:
    search = LBFGS(cast("Callable[..., Any]", objective), objective.start, executor)
    try:
        converged = search.run(steps, tolerance, callback)
    except StalledError as stalled:
        raise _diverged(
            objective, stalled.cause, search.params, search.values[-1], len(search.values) - 1
        ) from stalled.cause
    return Minimum(
        objective.result(search.params), float(search.values[-1]), len(search.values) - 1,
        converged, np.array(search.values),
    )  # fmt: skip
