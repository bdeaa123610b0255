"""How an operation is written so that its result goes into an array that is there already.

What a row stands for says it: a universal function takes ``out=``, and so does its reduction;
other rows may have a template of their own, ``op.into``.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.graph import Node
from chainrule.op import Op
from chainrule.rules import BY_METHOD, TABLE

#: A shape, in which what varies is a `Size`.
Dims = tuple[int, ...]

#: Row -> the universal function of which it is the reduction.
REDUCED: dict[Op, np.ufunc] = {
    row: ufunc
    for (ufunc, method), function in BY_METHOD.items()
    for row in TABLE.values()
    if method == "reduce" and function in row.numpy
}

#: What NumPy's power does for an exponent that is a plain number.
_POWERS: dict[float, Any] = {2: np.square, 0.5: np.sqrt, -1: np.reciprocal, 1: np.positive}
#: Axes that are this short are reduced faster along the other one, where the numbers lie apart.
_NARROW = 64
#: Rows up to this length are added up by BLAS.
_SHORT = 1024


@dataclass(frozen=True)
class Form:
    """How a result is written into an array.

    Attributes
    ----------
    lines : callable
        ``lines(out, operands)``: statements, of the names of the array and of the operands.
    expression : callable, optional
        ``expression(operands)``: the same as a new array, where that is one expression.
    over : tuple of int
        Operands whose array may be the very one that is written to.
    ufunc : numpy.ufunc, optional
        The function of elements that is all it takes.
    """

    lines: Callable[[str, Sequence[str]], list[str]]
    expression: Callable[[Sequence[str]], str] | None = None
    over: tuple[int, ...] = ()
    ufunc: np.ufunc | None = None


def ufunc_of(op: Op) -> np.ufunc | None:
    """Return the universal function that a row stands for, if it does."""
    first = op.numpy[0] if op.numpy else None
    return first if isinstance(first, np.ufunc) and first.nout == 1 else None


def form_of(node: Node) -> Form | None:
    """Return how a node is written into an array; None where it has no such form."""
    if not node.shape or any(i.abstract.dtype.kind not in "biufc" for i in node.inputs):
        return None
    ufunc, kind = ufunc_of(node.op), node.abstract.dtype
    if ufunc is not None and ufunc.signature is not None:
        return _product(node, ufunc)
    if ufunc is not None and node.op.elementwise and not node.params:
        return _elementwise(node, ufunc)
    same = bool(node.inputs) and node.inputs[0].abstract.dtype == kind
    if len(node.inputs) == 1 and same and node.inputs[0].shape:
        if node.op in REDUCED:
            return _reduction(node, REDUCED[node.op])
        if _is_mean(node.op) and kind.kind == "f":
            return _mean(node)
    if node.op.into is not None and (same or node.op.elementwise or "dtype" in node.params):
        return _template(node)
    return None


def _is_mean(op: Op) -> bool:
    return op.fold is not None and op.fold.mean


def _elementwise(node: Node, ufunc: np.ufunc) -> Form | None:
    count = len(node.inputs)
    if count < ufunc.nin or (count > ufunc.nin and not _sums_up(node, ufunc)):
        return None
    if ufunc is np.power:
        ufunc = _power(node)
        count = ufunc.nin
    # The rows of SciPy's functions are called what their code is: special.erf.
    name = node.op.name if node.op.notation.requires else f"np.{ufunc.__name__}"
    first = ufunc.nin

    def expression(operands: Sequence[str]) -> str:
        return f"{name}({', '.join(operands[:first])})"

    def lines(out: str, operands: Sequence[str]) -> list[str]:
        start = f"{name}({', '.join(operands[:first])}, out={out})"
        return [start, *(f"{name}({out}, {term}, out={out})" for term in operands[first:count])]

    # What is read later must not be written to before.
    later = node.inputs[first:count]
    over = tuple(k for k, i in enumerate(node.inputs[:first]) if i not in later)
    return Form(lines, None if later else expression, over, ufunc)


def _sums_up(node: Node, ufunc: np.ufunc) -> bool:
    """Whether many operands may be taken one after the other into the result's array."""
    first = node.inputs[: ufunc.nin]
    return not all(i.abstract.weak for i in first) and not all(
        i.abstract.dtype.kind == "b" for i in node.inputs
    )


def _power(node: Node) -> np.ufunc:
    base, exponent = node.inputs
    value = exponent.value if exponent.is_constant and exponent.abstract.weak else None
    inexact = base.abstract.dtype.kind in "fc" and not isinstance(value, (bool, complex))
    return _POWERS.get(value, np.power) if inexact and value is not None else np.power


def _product(node: Node, ufunc: np.ufunc) -> Form | None:
    if len(node.inputs) != ufunc.nin or node.params:
        return None
    kinds = {i.abstract.dtype for i in node.inputs} | {node.abstract.dtype}
    # BLAS takes these types; the method goes there with the least on the way.
    if all(len(i.shape) == 2 for i in node.inputs) and len(kinds) == 1 and kinds & _BLAS:
        return Form(
            lambda out, operands: [f"{operands[0]}.dot({operands[1]}, out={out})"],
            lambda operands: f"{operands[0]}.dot({operands[1]})",
        )
    name = f"np.{ufunc.__name__}"
    return Form(
        lambda out, operands: [f"{name}({', '.join(operands)}, out={out})"],
        lambda operands: f"{name}({', '.join(operands)})",
    )


_BLAS = {np.dtype(t) for t in (np.float32, np.float64, np.complex64, np.complex128)}


def _along(node: Node) -> str:
    axis, keepdims = node.params["axis"], node.params["keepdims"]
    shown = axis[0] if axis is not None and len(axis) == 1 else axis
    return f"axis={shown!r}{', keepdims=True' if keepdims else ''}"


def _reduction(node: Node, ufunc: np.ufunc) -> Form:
    name = f"np.{ufunc.__name__}.reduce"
    along = _along(node)
    return Form(
        lambda out, operands: [f"{name}({operands[0]}, {along}, out={out})"],
        lambda operands: f"{name}({operands[0]}, {along})",
    )


def _mean(node: Node) -> Form:
    along = _along(node)
    return Form(
        lambda out, operands: [
            f"np.add.reduce({operands[0]}, {along}, out={out})",
            f"np.divide({out}, {operands[0]}.size // {out}.size, out={out})",
        ]
    )


def _template(node: Node) -> Form:
    into = node.op.into
    assert into is not None

    def lines(out: str, operands: Sequence[str]) -> list[str]:
        written = into(out, *operands, **node.params).splitlines()
        first = f"np.copyto({out}, {operands[0]})" if operands else None
        return written[1:] if written[0] == first and operands[0] == out else written

    names = [f"_{i}" for i in range(len(node.inputs))]
    copies = into("_out", *names, **node.params).startswith("np.copyto(_out, _0)\n")
    once = node.inputs.count(node.inputs[0]) == 1
    return Form(lines, over=(0,) if copies and once else ())


def short_last_axis(node: Node, dims: Dims) -> bool:
    """Whether a reduction runs along a last axis that is short, of a matrix that is long."""
    (a,) = node.inputs[:1]
    return (
        node.op in REDUCED
        and len(a.shape) == 2
        and node.params["axis"] == (1,)
        and type(dims[1]) is int
        and 1 < dims[1] <= _NARROW
    )


def _is_short(size: int) -> bool:
    return type(size) is int and size <= _SHORT


def sums_matrix(node: Node, dims: Dims) -> bool:
    """Whether a node adds up the rows, or the columns, of a matrix that BLAS takes."""
    return (
        REDUCED.get(node.op) is np.add
        and len(node.inputs) == 1
        and len(node.inputs[0].shape) == 2
        and node.abstract.dtype == node.inputs[0].abstract.dtype
        and node.abstract.dtype.char in "fd"
        # NumPy adds up a long row more exactly than BLAS does; rows one to another as BLAS does.
        and (node.params["axis"] == (0,) or (node.params["axis"] == (1,) and _is_short(dims[1])))
    )


@functools.lru_cache(maxsize=4096)
def loop_dtypes(
    ufunc: np.ufunc, kinds: tuple[tuple[np.dtype[Any], type | None], ...]
) -> tuple[Any, ...] | None:
    """Return the types with which a universal function computes; None where it cannot tell.

    Parameters
    ----------
    ufunc : numpy.ufunc
    kinds : tuple
        For each operand its dtype, and its Python type where it is a Python number.
    """
    asked = tuple(dtype if kind is None else kind for dtype, kind in kinds)
    try:
        return ufunc.resolve_dtypes((*asked, None))
    except (TypeError, ValueError):
        return None
