"""``minimize``: the parameters at which a function that is written in NumPy is smallest."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import numpy as np

from chainrule.arguments import differentiable, name_of
from chainrule.calling import public
from chainrule.compiling.compiled import check_executor
from chainrule.errors import ArgumentError, DtypeError, NonFiniteError
from chainrule.nn.descent import Descent
from chainrule.nn.minimum import Callback, Minimum, Objective, diverged_error
from chainrule.nn.quasi_newton import LBFGS, StalledError
from chainrule.nonfinite import located
from chainrule.structure import map_leaves


@public
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
    objective = Objective(f, start)
    if isinstance(optimizer, str):
        return _by_lbfgs(objective, value, steps, tolerance, executor, callback)
    if optimizer is None:
        from chainrule.nn.optimizers import Adam

        optimizer = Adam(lr=0.01)
    return Descent(objective, optimizer, tolerance, executor).run(steps, callback)


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


def _by_lbfgs(
    objective: Objective,
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
        raise diverged_error(
            objective, stalled.cause, search.params, search.values[-1], len(search.values) - 1
        ) from stalled.cause
    return Minimum(
        objective.result(search.params), float(search.values[-1]), len(search.values) - 1,
        converged, np.array(search.values),
    )  # fmt: skip
