"""An operation that NumPy refuses, told in terms of the user's line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule.errors import ChainruleError, NonFiniteError, ShapeError, SingularError
from chainrule.notation import Written
from chainrule.op import Op, shape_of
from chainrule.trace.source import location


def explained(error: Exception, op: Op, values: Sequence[Any]) -> Exception:
    """Return the error to raise in place of one that an operation raised.

    Mismatched shapes and a division of Python numbers by zero become chainrule's own
    errors; others are passed on, since they are NumPy's word on the user's call.
    """
    if isinstance(error, ChainruleError):
        return error
    shapes = [shape_of(v) for v in values]
    if isinstance(error, (ZeroDivisionError, OverflowError)):
        return NonFiniteError(
            f"{op.name} has no finite result: {error}.",
            got=", ".join(str(v) for v in values),
            where=location(),
            instead="values at which it has one",
        )
    if isinstance(error, np.linalg.LinAlgError) and "dimension" not in str(error):
        return SingularError(
            f"{op.name} has no result here: {error}.",
            got=" and ".join(f"an array of {s}" for s in shapes),
            where=location(),
            instead="a matrix that is not singular, as with + 1e-6 * np.eye(n), or np.linalg.pinv",
        )
    if isinstance(error, ValueError) and any(shapes):
        return ShapeError(
            f"{op.name} does not take arrays of these shapes.",
            expected=_expected(op, shapes),
            got=" and ".join(map(str, shapes)),
            where=location(),
            instead=_instead(op, shapes),
        )
    return error


def _expected(op: Op, shapes: Sequence[tuple[int, ...]]) -> str:
    if op.elementwise:
        return "shapes that are equal, or 1, or missing in each axis, counted from the last"
    if op.subscripts is not None and op.bind is None and len(shapes) == 2:
        names = [Written("a"), Written("b")]
        formula = op.notation.write("text", names, {}).string
        return f"for {formula}: as many columns in a as b has rows"
    return "what NumPy takes"


def _instead(op: Op, shapes: Sequence[tuple[int, ...]]) -> str | None:
    if len(shapes) != 2 or not all(shapes):
        return None
    a, b = shapes
    if not op.elementwise and len(a) == len(b) == 2:
        if a[0] == b[0]:
            return f"a.T for a, whose shape is {a[::-1]}, if that is what is meant"
        if a[1] == b[1]:
            return f"b.T for b, whose shape is {b[::-1]}, if that is what is meant"
    if op.elementwise and a[0] == b[0] and len(a) != len(b):
        short = "b" if len(b) < len(a) else "a"
        return f"{short}[:, None] if {short} holds one number a row"
    return None
