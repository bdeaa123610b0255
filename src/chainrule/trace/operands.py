"""What may stand beside a traced value, and what may not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule.errors import ConversionError, DtypeError
from chainrule.rules.operands import is_traced
from chainrule.trace.source import foreign_call, location


def is_known(value: Any) -> bool:
    """Whether a value is one that operations take: no object with a NumPy of its own."""
    if isinstance(value, np.ndarray):
        refuse_subclass(value, "an operand")
        return True
    return isinstance(value, _KNOWN) or is_traced(value)


def refuse_subclass(value: Any, what: str) -> None:
    """Refuse arrays that do not do as arrays do: masked ones, matrices, records."""
    kind = type(value)
    if not isinstance(value, np.ndarray) or kind in (np.ndarray, np.memmap):
        return
    raise DtypeError(
        f"{what or 'an argument'} is a {kind.__module__}.{kind.__name__}, which goes its own "
        "ways with NumPy.",
        expected="a plain numpy.ndarray",
        where=location(),
        instead="np.asarray(x); for a masked array np.where(mask, x, 0.0) beside its mask",
    )


#: What may stand beside a traced value in a NumPy function.
_KNOWN = (float, int, complex, np.generic, list, tuple, range, str, type(None), slice)


def from_list(values: Sequence[Any]) -> Any:
    """Make one array of a list; of one that holds traced values, by stacking."""
    if any(is_traced(v) or isinstance(v, (list, tuple)) for v in values):
        parts = [from_list(v) if isinstance(v, (list, tuple)) else v for v in values]
        return np.stack(parts) if any(map(is_traced, parts)) else np.array(parts)
    return np.array(values)


def made_plain() -> ConversionError:
    """Return the error for a traced value that something puts into a plain array."""
    caller = foreign_call()
    if caller is not None:
        return ConversionError(
            f"{caller} cannot be traced: it takes plain arrays, in which the gradient is lost.",
            where=location(),
            instead="NumPy's functions that amount to the same, or cr.custom(f, vjp=...), which "
            "gives a function a derivative of its own",
        )
    return ConversionError(
        "A traced value cannot be put into a plain NumPy array: its gradient would be lost.",
        where=location(),
        instead="np.stack([a, b, ...]) for np.array([a, b, ...]), np.block for nested lists; "
        "np.asarray(x) and np.array(x) can be left out; np.zeros_like(x, shape=...) of a traced x "
        "for an array to write into; int(n) for a count, as in np.arange(int(n))",
    )


def lossy(conversion: str, instead: str) -> ConversionError:
    """Return the error for a conversion to a plain number."""
    return ConversionError(
        f"{conversion} of a traced value would lose its gradient.",
        where=location(),
        instead=instead,
    )
