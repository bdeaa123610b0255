"""Transposes of matrices and of stacks of them, and the shapes that they must have."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from chainrule.op import Abstract, Infer, Op, Sample, shape_of, stand_in
from chainrule.rules.complex import conjugated

Shape = tuple[int, ...]


def swap(a: Any) -> Any:
    """Transpose the last two axes."""
    return a.T if np.ndim(a) == 2 else np.swapaxes(a, -1, -2)


def adjoint(a: Any) -> Any:
    """Conjugate transpose of the last two axes."""
    return swap(conjugated(a))


def matrices(a: Shape) -> Shape:
    """Return the shape of matrices, or refuse as NumPy does."""
    if len(a) < 2:
        raise np.linalg.LinAlgError(
            f"{len(a)}-dimensional array given. Array must be at least two-dimensional"
        )
    return a


def square(a: Shape) -> Shape:
    """Return the shape of square matrices, or refuse as NumPy does."""
    if matrices(a)[-1] != a[-2]:
        raise np.linalg.LinAlgError("Last 2 dimensions of the array must be square")
    return a


def shaped(shape: Callable[..., Shape]) -> Infer:
    """Infer for functions of matrices: `shape` of the operands' shapes and the parameters."""

    def infer(op: Op, operands: Sequence[Any], params: Mapping[str, Any]) -> Abstract:
        shapes = [shape_of(o) for o in operands]
        # A matrix of one element tells the type, and costs nothing.
        ones = [stand_in(o, (1,) * min(len(s), 2)) for o, s in zip(operands, shapes, strict=True)]
        out = shape(*shapes, **params)
        return Abstract(out, np.asarray(op.forward(*ones, **params)).dtype)

    return infer


# -- on which rows are tested ----------------------------------------------------------

REGULAR = np.array([[2.0, -0.5, 0.7], [0.4, 1.5, -0.6], [-0.3, 0.8, 1.8]])
STACK = np.stack([REGULAR, REGULAR.T @ REGULAR, -REGULAR + 0.1])
SQUARES = (Sample((REGULAR,)), Sample((STACK,)))
TALL = np.array([[1.0, 0.3], [-0.4, 1.2], [0.6, 0.9]])
