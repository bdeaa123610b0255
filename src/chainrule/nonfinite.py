"""Where a NaN or an infinity first arose: the function is run again, with names and lines."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from chainrule.arguments import Wrt
from chainrule.backward import Joint, differentiate
from chainrule.errors import ChainruleError, NonFiniteError
from chainrule.graphing import Recording, record
from chainrule.structure import leaves
from chainrule.trace import Traced


def located(
    f: Callable[..., Any], wrt: Wrt, args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> ChainruleError | None:
    """Return the error that names the first operation with a NaN or infinite result.

    None when there are no plain values to look at, as inside another trace.
    """
    given = (*args, *kwargs.values())
    if any(isinstance(leaf, Traced) for value in given for _, leaf in leaves(value)):
        return None
    with np.errstate(all="ignore"):
        try:
            recording = record(f, args, kwargs, wrt)
        except ChainruleError as error:
            return error
        bad = non_finite_input(recording)
        if bad is not None:
            return bad
        joint = differentiate(recording.graph, recording.wrt_inputs())
    return non_finite_gradient(joint, recording.suspect)


def non_finite_input(recording: Recording) -> NonFiniteError | None:
    """Return the error for an argument that holds a NaN or an infinity already."""
    for node in recording.graph.inputs:
        if node.carries_gradient and not np.all(np.isfinite(node.value)):
            where = np.argwhere(~np.isfinite(np.atleast_1d(node.value)))[0]
            at = f" at {tuple(map(int, where))}" if node.shape else ""
            return NonFiniteError(
                f"The argument {node.name} holds a NaN or an infinity{at}.",
                expected="finite numbers",
            )
    return None


def non_finite_gradient(
    joint: Joint, suspect: NonFiniteError | None = None
) -> NonFiniteError | None:
    """Return the error for the first product of the backward pass that is not finite.

    Where a NaN arose in the forward pass already, that is what to blame.
    """
    if all(_is_finite(joint.gradients[node].value) for node in joint.wrt):
        return None
    for contribution in joint.contributions:
        if _is_finite(contribution.node.value):
            continue
        if suspect is not None:
            return suspect
        consumer, operand = contribution.consumer, contribution.operand
        label = operand.name or f"operand {contribution.position + 1}"
        return NonFiniteError(
            f"The derivative of {consumer.op.name} with respect to {label} is not finite: "
            "the first that arises on the way back.",
            expected="a finite derivative",
            got=f"{label} = {_extreme(operand.value)}",
            where=consumer.where,
            instead="keep the operand away from this point, as with np.clip or np.maximum",
        )
    return None


def _is_finite(value: Any) -> bool:
    return value is None or bool(np.all(np.isfinite(value)))


def _extreme(value: Any) -> str:
    array = np.asarray(value)
    if array.size == 1:
        return f"{array.item():g}"
    return f"array of {array.shape} between {np.min(array):g} and {np.max(array):g}"
