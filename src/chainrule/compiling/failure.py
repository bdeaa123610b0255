"""Where a NaN arose in a step of a compiled epoch: it is run once more, with its values."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from chainrule.arguments import name_of
from chainrule.compiling.arguments import is_number
from chainrule.compiling.plans import Call
from chainrule.errors import ChainruleError, NonFiniteError
from chainrule.execute.runnable import Loop
from chainrule.structure import map_leaves
from chainrule.trace import Recorder, tracing
from chainrule.trace.source import user_frame


class StepError(NonFiniteError):
    """A NaN or an infinity arose in a step of an epoch.

    Attributes
    ----------
    step : int
        Number of the step, from 0.
    carry : structure of arrays, or None
        What the step before it returned: the last good one. None where the carry was given up.
    """

    step: int
    carry: Any


def step_failure(
    step: Callable[..., Any], number: int, steps: int, carry: Any, batch: Sequence[np.ndarray],
    rows: np.ndarray,
) -> ChainruleError:  # fmt: skip
    """Return the error for a step that gave a number that is not finite.

    Parameters
    ----------
    step : callable
    number, steps : int
        Which of how many steps it is.
    carry : structure of arrays
        What the step was given.
    batch : sequence of array
        Its minibatch.
    rows : array of int
        Which rows these are.
    """
    cause = _bad_rows(batch, rows) or _located(step, carry, batch)
    error = StepError(
        f"A NaN or an infinity arose in step {number} of {steps} ({name_of(step)}).{_what(cause)}",
        got=cause.got if cause else None,
        where=cause.where if cause else None,
        instead="a smaller learning rate, data without NaN and of moderate size, or what keeps "
        "operands inside the domain of the function",
    )
    error.step, error.carry = number, carry
    error.__cause__ = cause
    return error


def untraceable_failure(step: Callable[..., Any], loop: Loop) -> StepError:
    """Return the error for an epoch that cannot be run again, since its carry was given up."""
    finite = [np.isfinite(o).reshape(loop.steps, -1).all(axis=1) for o in loop.outputs]
    good = np.logical_and.reduce(finite, axis=0) if finite else np.ones(loop.steps, bool)
    # What is reported may stay finite in the very step that spoils the carry.
    number = int(np.argmin(good)) if not good.all() else loop.steps - 1
    error = StepError(
        f"A NaN or an infinity arose in step {number} of {loop.steps} ({name_of(step)}), or in one "
        "before that reported finite numbers.",
        instead="donate=False, which finds the step, the operation and the line, and keeps the "
        "last good carry",
    )
    error.step, error.carry = number, None
    return error


def index_failure(
    step: Callable[..., Any], call: Call, loop: Loop, start: Sequence[Any]
) -> Exception | None:
    """Return the error, with its line, of the first step that picks what there is not."""
    carry = put_together(call, start)
    for number in range(loop.steps):
        first = number * loop.batch_size
        rows = loop.order[first : first + loop.batch_size]
        try:
            step(carry, *(d[rows] for d in loop.data))
        except (IndexError, ChainruleError) as error:
            error.add_note(f"in step {number} of {loop.steps}")
            return error
    return None


def put_together(call: Call, values: Sequence[Any]) -> Any:
    """Return a carry with these values in it."""
    remaining = iter(values)
    return map_leaves(
        lambda leaf, path: next(remaining)[()] if is_number(leaf) else leaf, call.args[0], "carry"
    )


def _bad_rows(batch: Sequence[np.ndarray], rows: np.ndarray) -> NonFiniteError | None:
    """Return the error for data that hold a NaN or an infinity."""
    for k, array in enumerate(batch):
        if array.dtype.kind in "fc":
            flat = np.isfinite(array).reshape(len(array), -1).all(axis=1)
            if not flat.all():
                row = int(rows[np.argmin(flat)])
                return NonFiniteError(
                    f"The data hold a NaN or an infinity: row {row} of array {k}.",
                    expected="finite numbers",
                    got=f"{int((~flat).sum())} such rows in this minibatch",
                )
    return None


def _what(cause: ChainruleError | None) -> str:
    return f" {cause.what}" if cause else ""


def _located(
    step: Callable[..., Any], carry: Any, batch: Sequence[np.ndarray]
) -> ChainruleError | None:
    """Run a step with its values, and return the error for the first NaN or infinity in it."""
    with np.errstate(all="ignore"):
        try:
            with tracing(lambda level: Recorder(level, locate=True, strict=True)) as recorder:
                recorder.root = user_frame()

                def visit(leaf: Any, path: str) -> Any:
                    return recorder.input(path, leaf) if is_number(leaf) else leaf

                step(map_leaves(visit, carry, "carry"), *batch)
        except ChainruleError as error:
            return error
    return recorder.suspect
