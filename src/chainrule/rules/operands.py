"""What the arguments of NumPy's functions become before a rule sees them."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.op import Abstract, UnsupportedArgumentError
from chainrule.rules.axes import one_axis


def is_traced(value: Any) -> bool:
    """Whether a value stands for a number or an array in some trace."""
    return hasattr(value, "__apply_op__")


def known(value: Any) -> Any:
    """Return the plain value that a value stands for; None where only its shape is known."""
    while is_traced(value):
        value = value.value
    return None if isinstance(value, Abstract) else value


def counts(value: Any) -> Any:
    """Return counts as Python's whole numbers, those that the user's function was given too.

    For what NumPy rounds without a word, as in ``np.roll(x, 1.5)``.
    """
    if isinstance(value, (list, tuple)):
        return type(value)(map(counts, value))
    return int(value) if is_traced(value) and not value.shape else value


def as_array(a: Any) -> Any:
    """Return lists and Python's numbers as arrays, and all else as it is."""
    return a if hasattr(a, "dtype") else np.asarray(a)


def flat(a: Any) -> Any:
    """Return all elements along one axis."""
    return as_array(a) if np.ndim(a) == 1 else np.reshape(a, (-1,))


def flat_or_along(a: Any, axis: Any) -> tuple[Any, int]:
    """Return an array and the axis of it that is meant: None stands for all elements."""
    return (flat(a), 0) if axis is None else (a, one_axis(axis, np.ndim(a)))


def without_zero(a: Any) -> Any:
    """Put 1 in the place of 0, so that it can be divided by."""
    return a + (a == 0)


def refuse_out(out: Any) -> None:
    """Refuse ``out=``: writing into an array is the business of whoever calls."""
    if out is not None:
        raise UnsupportedArgumentError("out")


def refuse_device(device: Any) -> None:
    """Refuse devices that NumPy does not have, either."""
    if device not in (None, "cpu"):
        raise UnsupportedArgumentError("device")


def cast(a: Any, dtype: Any) -> Any:
    """Convert to a floating type before computing with it, as ``dtype=`` asks for."""
    if dtype is None:
        return a
    wanted = np.dtype(dtype)
    if wanted.kind not in "fc":
        raise UnsupportedArgumentError("dtype")
    array = as_array(a)
    return array if array.dtype == wanted else array.astype(wanted)


def masked(a: Any, where: Any, instead: Any) -> Any:
    """Put a value that changes nothing in the place of what ``where=`` leaves out."""
    if where is True:
        return a
    if np.broadcast_shapes(np.shape(a), np.shape(where)) != np.shape(a):
        raise UnsupportedArgumentError("where")
    kept = np.where(where, a, instead)
    dtype = as_array(a).dtype  # what stands in a gap takes the type of the array
    return kept if kept.dtype == dtype else cast(kept, dtype)
