"""What a tape need not keep: large arrays of which the way back reads the shape alone.

Which those are is found by asking: a rule that gives the same answer when an operand is
only a shape does not read it. A sum needs none of its terms, a product only the factor
that its gradient does not belong to.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule.op import Op, Sample

#: Arrays of at least so many bytes are worth the question.
LARGE = 1 << 12


class Shape:
    """Stands for an array whose elements are gone.

    Parameters
    ----------
    array : numpy.ndarray
    """

    __slots__ = ("dtype", "ndim", "shape", "size")
    __array_ufunc__ = None  # arithmetic with it fails instead of making an array of objects

    def __init__(self, array: np.ndarray[Any, Any]) -> None:
        self.shape = array.shape
        self.dtype = array.dtype
        self.ndim = array.ndim
        self.size = array.size

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        raise TypeError("the elements of this array have not been kept")


def lightened(
    op: Op, parents: Sequence[int], operands: Sequence[Any], out: Any
) -> tuple[Sequence[Any], Any]:
    """Return the operands and the result of an operation without what its rule does not read."""
    if not op.samples:  # a function of the user's own, of which nothing is known
        return operands, out
    wanted = tuple([p >= 0 for p in parents])
    unread = _known.get((op, wanted))
    if unread is None:
        unread = _known[op, wanted] = _unread(op, wanted)
    if not unread or _is_complex(out) or _is_complex(operands[0]):
        return operands, out  # the samples are real; of complex numbers rules may read more
    kept = []
    for i, operand in enumerate(operands):
        large = operand.__class__ is np.ndarray and operand.nbytes >= LARGE
        kept.append(Shape(operand) if large and i in unread else operand)
    if RESULT in unread and out.__class__ is np.ndarray and out.nbytes >= LARGE:
        out = Shape(out)
    return kept, out


def _is_complex(value: Any) -> bool:
    return value.__class__ is np.ndarray and value.dtype.kind == "c"


#: Answers to the question, by operation and by which of its operands are differentiated.
_known: dict[tuple[Op, tuple[bool, ...]], frozenset[int]] = {}
#: Stands for the result among the positions of operands.
RESULT = 1 << 30


def _unread(op: Op, wanted: tuple[bool, ...]) -> frozenset[int]:
    """Positions that no rule of the operands wanted reads, on any of the row's samples."""
    samples = [s for s in op.samples if _suits(op, s, wanted)]
    if not samples:
        return frozenset()
    candidates = {RESULT, *range(len(wanted))}
    for sample in samples:
        candidates &= _unread_on(op, sample, wanted)
    return frozenset(candidates)


def _suits(op: Op, sample: Sample, wanted: Sequence[bool]) -> bool:
    return len(sample.operands) == len(wanted) or not isinstance(op.vjp, tuple)


def _unread_on(op: Op, sample: Sample, wanted: Sequence[bool]) -> set[int]:
    middle = (op.low + op.high) / 2 + 0.1
    operands = [
        np.full(o, middle) if isinstance(o, tuple) else np.asarray(o) for o in sample.operands
    ]
    # A sample of an operation of many operands has a number of its own.
    positions = [i for i in range(len(operands)) if i >= len(wanted) or wanted[i]]
    out = np.asarray(op.forward(*operands, **sample.params))
    g = np.full(out.shape, 0.7, np.result_type(out.dtype, float))

    def products(values: Sequence[Any], result: Any) -> list[Any]:
        found = []
        for i in positions:
            rule = op.pullback(i)
            found.append(None if rule is None else rule(g, result, *values, **sample.params))
        return found

    with np.errstate(all="ignore"):
        full = products(operands, out)
        unread = set()
        for i in (RESULT, *range(len(operands))):
            values = [Shape(o) if j == i else o for j, o in enumerate(operands)]
            try:
                less = products(values, Shape(out) if i == RESULT else out)
                same = all(_equal(a, b) for a, b in zip(full, less, strict=True))
            except Exception:  # whatever it is, the elements were asked for
                same = False
            if same:
                unread.add(i)
    return unread


def _equal(a: Any, b: Any) -> bool:
    if a is None or b is None:
        return a is b
    return not isinstance(b, Shape) and np.array_equal(np.asarray(a), np.asarray(b), equal_nan=True)


def are_light(records: Sequence[Any]) -> bool:
    """Whether elements of some array have not been kept."""
    return any(
        out.__class__ is Shape or any(o.__class__ is Shape for o in operands)
        for _, _, operands, _, out in records
    )
