"""``compile``: a function with the signature of the one given, run as emitted code."""

from __future__ import annotations

import functools
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from chainrule.arguments import name_of, signature_of
from chainrule.calling import public
from chainrule.collector import slowed_down
from chainrule.compiling import kept
from chainrule.compiling.arguments import TracedArgumentError, builder, flatten
from chainrule.compiling.choice import Choice
from chainrule.compiling.plans import (
    Call,
    Plan,
    all_finite,
    kept_plan,
    key_for,
    planned,
    traced,
)
from chainrule.compiling.report import CompileReport, reported
from chainrule.compiling.tracing import Kinds, kinds_of
from chainrule.errors import ArgumentError, ExecutorWarning
from chainrule.execute.executors import Executor
from chainrule.execute.executors import executor as executor_named
from chainrule.execute.runnable import NotForThisExecutorError
from chainrule.op import Abstract
from chainrule.trace import warn

_EXECUTORS = ("auto", "numpy", "numba", "jax")


class Plans:
    """All plans of one function, by what its arguments are.

    Parameters
    ----------
    f : callable
    executor : str
    mesh, specs
        For JAX; see :func:`compile`.
    """

    def __init__(self, f: Callable[..., Any], executor: str, mesh: Any, specs: Any) -> None:
        self.f = f
        self.choice = Choice(executor, mesh, specs)
        self.lock = threading.RLock()
        #: Structure, types and numbers of axes of the arguments -> plans.
        self.plans: dict[Any, list[Plan]] = {}
        self._warned = False

    def find(self, key: Any, call: Call, kinds: Kinds, leading: Sequence[int]) -> Plan:
        """Return a plan that serves for some arguments, made if there is none."""
        kind = (key, tuple((k.dtype, k.ndim, k.weak) for k in kinds))
        with self.lock, slowed_down():
            wanted = self.choice.executor(kind)
            known = self.plans.setdefault(kind, [])
            for plan in known:
                if plan.executor.name == wanted.name and plan.given_for(call, kinds) is not None:
                    return plan
            plan = self.made(wanted, known, call, kinds, leading)
            known.append(plan)
            if plan.executor.name != wanted.name:
                self.choice.settle(kind, plan.executor)
            return plan

    def made(
        self,
        wanted: Executor,
        known: Sequence[Plan],
        call: Call,
        kinds: Kinds,
        leading: Sequence[int],
    ) -> Plan:
        """Make a plan; where the executor cannot run an operation, NumPy does."""
        earlier = [p for p in known if p.executor.name == wanted.name]
        other = earlier[-1].kinds if earlier else None
        traces = traced(call, kinds, leading, other)
        key = key_for(call, wanted, traces)
        plan = kept_plan(key, kinds, wanted, traces)
        if plan is not None:
            return plan
        try:
            plan = planned(call, kinds, wanted, traces)
            kept.keep(key, plan.kernel, plan.runnable.emitted, plan.note)
            return plan
        except NotForThisExecutorError as error:
            if not self.choice.is_automatic and not self._warned:
                self._warned = True
                warn(
                    f"{name_of(self.f)} runs on NumPy: the executor {wanted.name!r} cannot run "
                    f"all of it ({error}).",
                    ExecutorWarning,
                )
            plan = planned(call, kinds, executor_named("numpy"), traces)
            plan.note = f"{wanted.name} cannot run it: {error}"
            return plan


@public
class Compiled:
    """A compiled function; made by :func:`compile`.

    It has the signature of the function that it was made of.
    """

    def __init__(
        self, f: Callable[..., Any], executor: str = "auto", mesh: Any = None, specs: Any = None
    ) -> None:
        functools.update_wrapper(self, f)
        self._f = f
        self._plans = Plans(f, executor, mesh, specs)
        self._entries: dict[Any, tuple[Plan, Any, Any]] = {}
        self._last: Plan | None = None
        self._parameters = _order(f)

    def __repr__(self) -> str:
        return f"<compiled {name_of(self._f)}>"

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function."""
        if len(kwargs) > 1:
            kwargs = {n: kwargs[n] for n in sorted(kwargs, key=self._parameters)}
        found: list[Any] = []
        try:
            key = flatten(args, found), flatten(kwargs, found) if kwargs else None
        except TracedArgumentError:
            return self._f(*args, **kwargs)
        signature = (key, tuple([kind_of(v) for v in found]))
        entry = self._entries.get(signature)
        if entry is None:
            entry = self._enter(signature, args, kwargs, found)
        plan, given, build = entry
        choice = self._plans.choice
        if choice.is_settled:
            outputs = self._run(plan, found, given, args, kwargs)
        else:
            began = time.perf_counter()
            outputs = self._run(plan, found, given, args, kwargs)
            if choice.spent(plan, time.perf_counter() - began):
                self._entries.clear()  # from now on by another executor
        self._last = plan
        if not all_finite(outputs):
            return self._f(*args, **kwargs)  # which takes care of 0 · ∞, or names the line
        return build(outputs)

    def _run(self, plan: Plan, found: list[Any], given: Any, args: Any, kwargs: Any) -> list[Any]:
        try:
            return plan.runnable(found, given)
        except (IndexError, ArithmeticError, ValueError):
            self._f(*args, **kwargs)  # which tells the line
            raise

    def _enter(
        self, signature: Any, args: tuple[Any, ...], kwargs: dict[str, Any], found: list[Any]
    ) -> tuple[Plan, Any, Any]:
        kinds = kinds_of(found)
        leading = [i for i, leaf in enumerate(found) if any(leaf is a for a in args)]
        call = Call(self._f, args, kwargs)
        plan = self._plans.find(signature[0], call, kinds, leading)
        whole = getattr(plan.runnable, "whole", None)
        if whole is not None:  # several processes hold parts of what the sizes are those of
            shapes = whole(found)
            kinds = tuple(
                Abstract(shape, kind.dtype, kind.weak)
                for shape, kind in zip(shapes, kinds, strict=True)
            )
        entry = plan, plan.given_for(call, kinds), builder(plan.result)
        self._entries[signature] = entry
        return entry

    def report(self) -> CompileReport:
        """Tell what runs: executor, fused loops, arrays and bytes, operations, expected time.

        Returns
        -------
        CompileReport
            Of the last call; it shows itself as text.

        Raises
        ------
        ArgumentError
            Before the first call: what runs depends on the arguments.
        """
        if self._last is None:
            raise ArgumentError(
                f"{name_of(self._f)} has not been called yet, and what runs depends on the "
                "arguments.",
                instead="compiled(*args) first, then compiled.report()",
            )
        return reported(self._last, self._plans)

    def code(self) -> str:
        """Return the source that ran in the last call.

        Raises
        ------
        ArgumentError
            Before the first call.
        """
        self.report()
        assert self._last is not None
        return self._last.runnable.source


def kind_of(value: Any) -> Any:
    """Return what decides, of a leaf of the arguments, which code serves for it."""
    dtype = getattr(value, "dtype", None)
    return value.__class__ if dtype is None else (value.shape, dtype)


def _order(f: Callable[..., Any]) -> Callable[[str], Any]:
    """Return the order in which keyword arguments are taken: that of the parameters."""
    signature = signature_of(f)
    names = [] if signature is None else list(signature.parameters)
    return lambda name: (names.index(name) if name in names else len(names), name)


@public
def compile(
    f: Callable[..., Any], executor: str = "auto", *, mesh: Any = None, specs: Any = None
) -> Compiled:
    """Return a function that computes what `f` does, as emitted code.

    The first call traces `f` for the shapes of its arguments, without values, and emits the graph
    as source. A graph with a gradient in it, as of ``compile(value_and_grad(f))``, is forward and
    backward pass in one. One compilation serves every batch size.

    Parameters
    ----------
    f : callable
        Written in plain NumPy. What it reads besides its arguments is taken as it is at the first
        call. Python numbers that are whole, and strings, are fixed: other ones are compiled anew.
    executor : {"auto", "numpy", "numba", "jax"}
        ``"numpy"`` needs nothing but NumPy. ``"numba"`` runs loops, fused and compiled to machine
        code. ``"jax"`` runs on whatever devices JAX has. ``"auto"`` starts at once with NumPy, and
        goes on with numba once the time spent has come up to what compiling costs.
    mesh : jax.sharding.Mesh, optional
        Devices to share the work, for the executor ``"jax"``.
    specs : dict, optional
        Path of an argument, such as ``"params['W1']"`` -> ``PartitionSpec``. Unless given, what
        has a batch axis is split along it, and all else is on every device.

    Returns
    -------
    Compiled
        With the signature of `f`, and methods `report` and `code`.

    Raises
    ------
    ArgumentError
        For an executor that there is none of.
    MissingExtraError
        For an executor that is not installed.
    BranchError
        At the first call, when `f` branches on a value; names the line.

    Examples
    --------
    >>> import numpy as np, chainrule as cr
    >>> def loss(w, X, y):
    ...     return np.mean((X @ w - y) ** 2)
    >>> step = cr.compile(cr.value_and_grad(loss))
    >>> step(np.ones(2), np.array([[1.0, 2.0], [0.0, 1.0]]), np.array([1.0, 1.0]))
    (np.float64(2.0), array([2., 4.]))
    """
    check_executor(executor, mesh, specs)
    return Compiled(f, executor, mesh, specs)


def check_executor(executor: str, mesh: Any, specs: Any) -> None:
    """Refuse an executor that is not there, before anything is done."""
    if executor not in _EXECUTORS:
        raise ArgumentError(
            f"There is no executor {executor!r}.",
            expected=" or ".join(map(repr, _EXECUTORS)),
            got=repr(executor),
        )
    if (mesh is not None or specs is not None) and executor != "jax":
        raise ArgumentError(
            "Only JAX shares work among the devices of a mesh.",
            expected="executor='jax' beside mesh= or specs=",
            got=f"executor={executor!r}",
        )
    if executor != "auto":
        executor_named(executor).require()
