"""Plans: a function made ready for arguments of one kind, whatever their sizes."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from chainrule.compiling import kept
from chainrule.compiling.sizes import DiffersError, grown, refilled, unified
from chainrule.compiling.tracing import Kinds, Outline, outlined
from chainrule.emit.kernel import Kernel
from chainrule.errors import Location
from chainrule.execute.executors import Executor
from chainrule.execute.runnable import NotForThisExecutorError, Runnable
from chainrule.op import Abstract

#: Numbers that Python adds up before NumPy has begun.
_FEW = 64

#: A position among the leaves of the arguments, and an axis.
AxisOf = tuple[int, int]


@dataclass
class Call:
    """A function and arguments, of which only the structure counts.

    Of a step, the first leaves are carried from one call to the next; of others, `carry` is None.
    """

    f: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    carry: int | None = None
    _outlines: dict[tuple[Abstract, ...], Outline] = field(default_factory=dict, repr=False)

    def outline(self, kinds: Kinds) -> Outline:
        """Trace the function for arguments of these kinds, unless that has been done."""
        known = tuple(kinds)
        if known not in self._outlines:
            self._outlines[known] = outlined(self.f, self.args, self.kwargs, kinds)
        return self._outlines[known]


@dataclass
class Plan:
    """What an executor has made of a function.

    Attributes
    ----------
    executor : Executor
    kinds : sequence of Abstract
        Of the leaves of the arguments that it was made for.
    kernel : Kernel
    runnable : Runnable
    result : structure
        What the function returns, with a place for each output.
    lines : sequence of Location or None
        Where the function computes each output; a kernel that was made before may be another's.
    given : dict
        Shapes of all leaves -> the values of ``kernel.given`` for them.
    note : str
        Why it serves for certain sizes alone, if it does.
    """

    executor: Executor
    kinds: Kinds
    kernel: Kernel
    runnable: Runnable
    result: Any
    lines: Sequence[Location | None]
    given: dict[Any, tuple[Any, ...]] = field(default_factory=dict)
    note: str = ""

    def given_for(self, call: Call, kinds: Kinds) -> tuple[Any, ...] | None:
        """Return what follows from the sizes, or None where the plan does not serve for them."""
        shapes = tuple(k.shape for k in kinds)
        if shapes not in self.given:
            try:
                outline = call.outline(kinds)
                prepared = replace(outline, graph=self.executor.prepare(outline.graph))
                self.given[shapes] = refilled(self.kernel, prepared)
            except DiffersError:
                return None
        return self.given[shapes]


@dataclass(frozen=True)
class Traces:
    """A function traced for all sizes that decide what is planned.

    Attributes
    ----------
    first : Outline
        For the sizes at hand.
    second : Outline or None
        For those of which some axes are longer.
    note : str
        Why there is no second one, where some axes were to vary.
    """

    first: Outline
    second: Outline | None = None
    note: str = ""


def traced(call: Call, kinds: Kinds, leading: Sequence[int], other: Kinds | None = None) -> Traces:
    """Trace a function for arguments of some kinds, and of others with longer axes.

    Parameters
    ----------
    call : Call
    kinds : sequence of Abstract
    leading : sequence of int
        Positions of the leaves of which the first axes are likely to vary.
    other : sequence of Abstract, optional
        Kinds with other sizes that are known to occur; unless given, likely axes are made longer.
    """
    first = call.outline(kinds)
    axes = likely_axes(call, kinds, leading) if other is None else differing_axes(kinds, other)
    if not axes:
        return Traces(first)
    try:
        return Traces(first, call.outline(grown(kinds, axes) if other is None else other))
    except Exception as error:  # whatever the function does not do with other sizes
        return Traces(first, None, _alone(error))


def planned(call: Call, kinds: Kinds, executor: Executor, traces: Traces) -> Plan:
    """Make a plan.

    Raises
    ------
    NotForThisExecutorError
        When the executor cannot run some operation.
    """
    first = replace(traces.first, graph=executor.prepare(traces.first.graph))
    kernel, note = None, traces.note
    if traces.second is not None:
        try:
            second = replace(traces.second, graph=executor.prepare(traces.second.graph))
            kernel = unified(first, second)
        except NotForThisExecutorError:  # its message has a line in it, which is not kept
            note = _ALONE + f"with others, {executor.name} cannot run it"
        except Exception as error:
            note = _alone(error)
    if kernel is None:
        kernel = unified(first)
    kernel = replace(kernel, carry=call.carry)
    return _plan(executor, kinds, traces.first, executor.make(kernel), kernel, note)


def _plan(
    executor: Executor, kinds: Kinds, outline: Outline, runnable: Runnable, kernel: Kernel,
    note: str,
) -> Plan:  # fmt: skip
    lines = [node.where for node in outline.graph.outputs]
    plan = Plan(executor, kinds, kernel, runnable, outline.result, lines, note=note)
    plan.given[tuple(k.shape for k in kinds)] = kernel.values
    return plan


def key_for(call: Call, executor: Executor, traces: Traces) -> str:
    """Return what a plan would be kept under; empty where none is kept."""
    if executor.keeping is None:
        return ""
    decided = executor.name, executor.keeping.decided_by()
    return kept.key_of((traces.first, traces.second), traces.note, *decided, call.carry)


def kept_plan(key: str, kinds: Kinds, executor: Executor, traces: Traces) -> Plan | None:
    """Return a plan that was made before, of a function that computes the same."""
    found = kept.found(key)
    if found is None or executor.keeping is None:
        return None
    runnable = executor.keeping.made_of(found.kernel, found.emitted)
    return _plan(executor, kinds, traces.first, runnable, found.kernel, found.note)


_ALONE = "compiled for these sizes alone: "


def _alone(error: Exception) -> str:
    return _ALONE + _why(error)


def _why(error: Exception) -> str:
    if isinstance(error, DiffersError):
        return f"with others, the function computes something else ({error})"
    return f"with others, it fails ({str(error).splitlines()[0] if str(error) else error!r})"


def likely_axes(call: Call, kinds: Kinds, leading: Sequence[int]) -> list[AxisOf]:
    """Guess which axes vary from call to call: the first ones of arrays that grow together.

    Parameters
    ----------
    leading : sequence of int
        Positions of the leaves that are arguments of their own, as data are.
    """
    groups: dict[int, list[int]] = {}
    for position in leading:
        shape = kinds[position].shape
        if shape and shape[0] > 1:
            groups.setdefault(shape[0], []).append(position)
    found: list[AxisOf] = []
    for positions in groups.values():
        axes = [(p, 0) for p in positions]
        try:
            call.outline(grown(kinds, axes))
        except Exception:  # whatever the function cannot do with other sizes
            continue
        found += axes
    return found


def differing_axes(kinds: Kinds, other: Kinds) -> list[AxisOf]:
    """Return the axes of which the sizes differ."""
    return [
        (p, k)
        for p, (a, b) in enumerate(zip(kinds, other, strict=True))
        for k, (n, m) in enumerate(zip(a.shape, b.shape, strict=True))
        if n != m
    ]


def all_finite(values: Sequence[Any]) -> bool:
    """Whether all numbers are finite."""
    # The sum or squared length of finite numbers is finite but for overflow, and quick to get.
    total, large = 0.0, []
    for value in values:
        if value.__class__ is np.ndarray and value.ndim == 1 and value.size <= _FEW:
            total += abs(sum(value.tolist()))
        else:
            large.append(value)
    if large:
        with np.errstate(over="ignore", invalid="ignore"):
            for value in large:
                total += float(abs(np.vdot(value, value)))
    return math.isfinite(total) or all(np.isfinite(value).all() for value in values)
