"""Care for 0 · ∞ in compiled epochs: steps that gave a NaN or an infinity are taken once more.

Compiled steps have no guards, which would cost each of them. An epoch that ended with a number that
is not finite is run again step by step, and where a step spoils what is carried, the plain function
takes it in its place: its gradients are derived with care (:mod:`chainrule.careful`), as those of
``grad`` are. What a step gives does not depend on which others came before it in the same call.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from chainrule.compiling.arguments import Place
from chainrule.compiling.failure import put_together, step_failure
from chainrule.compiling.plans import Call, Plan, all_finite
from chainrule.errors import ChainruleError
from chainrule.execute.runnable import Loop
from chainrule.structure import leaves


def taken_with_care(
    step: Callable[..., Any], plan: Plan, call: Call, loop: Loop, start: Sequence[Any]
) -> tuple[Loop, int]:
    """Return the steps of a loop after they were run again, and how many of them needed care.

    Parameters
    ----------
    step : callable
    plan : Plan
    call : Call
    loop : Loop
        Of which something is not finite.
    start : sequence of array
        The carry that the epoch began with.

    Raises
    ------
    StepError
        For the first step that gives a number that is not finite with care, too.
    """
    again = Loop(
        [np.array(v) for v in start], loop.data, loop.order, loop.batch_size, loop.given, loop.last,
        [np.empty_like(o) for o in loop.outputs],
    )  # fmt: skip
    careful = 0
    for number in range(loop.steps):
        before = [np.array(v) for v in again.carry]
        with np.errstate(all="ignore"):
            plan.runnable.run_steps(again, number, number + 1)
        if all_finite([*(o[number] for o in again.outputs), *map(np.asarray, again.carry)]):
            continue
        first = number * loop.batch_size
        rows = loop.order[first : first + loop.batch_size]
        carry, batch = put_together(call, before), [d[rows] for d in loop.data]
        found = _plain(step, plan, carry, batch)
        if found is None:
            raise step_failure(step, number, loop.steps, carry, batch, rows)
        careful += 1
        again.carry[:] = found[: len(before)]
        for out, value in zip(again.outputs, found[len(before) :], strict=True):
            out[number] = value
    return again, careful


def _plain(
    step: Callable[..., Any], plan: Plan, carry: Any, batch: Sequence[np.ndarray]
) -> list[np.ndarray] | None:
    """Return the results of the plain function in order, or None where they are not finite."""
    with np.errstate(all="ignore"):
        try:
            result = dict(leaves(step(carry, *batch), ""))
        except (ChainruleError, ArithmeticError):
            return None
    outputs = plan.kernel.graph.outputs
    found = [np.empty(0)] * len(outputs)
    for path, place in leaves(plan.result, ""):
        if isinstance(place, Place):
            found[place.index] = np.array(result[path], outputs[place.index].abstract.dtype)
    return found if all_finite(found) else None
