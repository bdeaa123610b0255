"""Two gradients beside each other, the one that was got and the one that is right."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from chainrule.writing import LITERAL_SIZE, scalar_text

#: More rows than these are summarised.
_ROWS = 12
#: Columns between two matrices.
_GAP = " " * 3
#: Differences that do not count beside the largest, and beside the largest number.
_BESIDE_WORST, _BESIDE_LARGEST = 1e-6, 1e-12
_LABELS = ("got", "expected")

#: Digits that are shown, and decimals at most.
_DIGITS, _MOST = 5, 17
#: Arrays that are more powers of ten apart have no decimals in common.
_APART = 3

_Array = np.ndarray[Any, Any]
_Rows = list[list[str]]


def contrast(got: Any, expected: Any, columns: int) -> list[str]:
    """Write two gradients so that they can be compared: whole when small, else summarised.

    Parameters
    ----------
    got, expected : number, array or anything
    columns : int
        As wide as a line may be.

    Examples
    --------
    >>> for line in contrast(np.array([1.0, 20.0]), np.array([1.0, 2.5]), 80):
    ...     print(line)
    got       [1.0, 20.0]
    expected  [1.0,  2.5]
    furthest apart at [1]: 20 instead of 2.5; 1 of 2 numbers differs
    """
    if got is None and expected is None:
        return []
    a, b = _as_array(got), _as_array(expected)
    if a is None or b is None:
        return _labelled([_described(got, a, columns)], [_described(expected, b, columns)])
    worst = _worst(a, b)
    lines = _whole(a, b, worst, columns) or list(_summaries(a, b))
    if worst is not None and a.size > 1:
        said = _furthest(a, b, worst), _how_many(a, b)
        together = "; ".join(said)
        lines += [together] if len(together) <= columns else said
    return lines


def _as_array(value: Any) -> _Array | None:
    """Return an array of floats, or None where there are no real numbers."""
    try:
        array = np.asarray(value)
    except (TypeError, ValueError):
        return None
    return array.astype(float) if array.dtype.kind in "fiub" else None


def _described(value: Any, array: _Array | None, columns: int) -> str:
    if value is None:
        return "-"
    if array is None:
        text = " ".join(repr(value).split())
    elif array.size <= LITERAL_SIZE:
        text = _nested(array.tolist())
    else:
        text = f"array of shape {array.shape}"
    room = columns - len("expected  ")
    return text if len(text) <= room else f"{text[: room - 1]}…"


def _labelled(got: Sequence[str], expected: Sequence[str]) -> list[str]:
    """Write two blocks under each other, with the names of each before its first line."""
    width = max(map(len, _LABELS)) + 2
    return [
        (label if first else "").ljust(width) + line
        for label, block in zip(_LABELS, (got, expected), strict=True)
        for first, line in zip([True] + [False] * len(block), block, strict=False)
    ]


# -- the worst number --------------------------------------------------------------------------


def _worst(a: _Array, b: _Array) -> tuple[int, ...] | None:
    """Return the index at which two arrays of one shape differ most."""
    if a.shape != b.shape or not a.size or np.array_equal(a, b, equal_nan=True):
        return None
    flat = np.nan_to_num(_difference(a, b), nan=np.inf)
    return tuple(map(int, np.unravel_index(int(np.argmax(flat)), a.shape)))


def _difference(a: _Array, b: _Array) -> _Array:
    with np.errstate(all="ignore"):
        return np.asarray(np.abs(a - b))


def _furthest(a: _Array, b: _Array, worst: tuple[int, ...]) -> str:
    at = ", ".join(map(str, worst))
    several = ((scalar_text(a[worst], n), scalar_text(b[worst], n)) for n in range(_DIGITS, 18))
    return f"furthest apart at [{at}]: {' instead of '.join(_told_apart(several))}"


def _how_many(a: _Array, b: _Array) -> str:
    """Say how many numbers differ by more than rounding."""
    difference = _difference(a, b)
    finite = difference[np.isfinite(difference)]
    bound = max(
        _BESIDE_WORST * float(np.max(finite, initial=0.0)),
        _BESIDE_LARGEST * float(np.max(np.abs(b[np.isfinite(b)]), initial=0.0)),
    )
    count = int(np.sum(~(difference <= bound)))
    if count == a.size:
        return f"all {a.size} numbers differ"
    return f"{count} of {a.size} numbers {'differs' if count == 1 else 'differ'}"


def _told_apart(pairs: Iterable[tuple[str, str]]) -> tuple[str, str]:
    """Return the first two texts that differ: with too few digits, two numbers look the same."""
    pair = ("", "")
    for pair in pairs:
        if pair[0] != pair[1]:
            break
    return pair


# -- small arrays ------------------------------------------------------------------------------


def _whole(a: _Array, b: _Array, worst: tuple[int, ...] | None, columns: int) -> list[str]:
    """Write every number of two arrays; nothing where they are too many or too wide."""
    if not all(0 < x.size <= LITERAL_SIZE for x in (a, b)):
        return []
    if max(a.ndim, b.ndim) > 2:
        lines = _labelled([_nested(a.tolist())], [_nested(b.tolist())])
        return lines if max(map(len, lines)) <= columns else []
    cells = _cells(a, b, worst)
    if a.shape == b.shape:  # what is compared stands in columns of one width
        widths = _widths([*cells[0], *cells[1]])
        cells = _justified(cells[0], widths), _justified(cells[1], widths)
    blocks = _block(cells[0], a.ndim), _block(cells[1], b.ndim)
    tallest = max(map(len, blocks))
    if tallest > _ROWS:
        return []
    lines = _labelled(*blocks) if tallest == 1 else _beside(*blocks)
    if max(map(len, lines)) > columns and tallest > 1:
        lines = _labelled(*blocks)
    return lines if max(map(len, lines)) <= columns else []


def _cells(a: _Array, b: _Array, worst: tuple[int, ...] | None) -> tuple[_Rows, _Rows]:
    """Write numbers with as many decimals each, where their sizes allow it."""
    decimals = _decimals(a, b)
    if decimals is None:
        return _rows(a, _short), _rows(b, _short)
    if worst is not None:
        while decimals < _MOST and _fixed(a[worst], decimals) == _fixed(b[worst], decimals):
            decimals += 1
    written = [v for v in (*a.ravel(), *b.ravel()) if v and math.isfinite(v)]
    while decimals and all(_fixed(v, decimals).endswith("0") for v in written):
        decimals -= 1
    return _rows(a, lambda v: _fixed(v, decimals)), _rows(b, lambda v: _fixed(v, decimals))


def _decimals(a: _Array, b: _Array) -> int | None:
    """Return how many decimals show enough of both arrays; None where none would."""
    largest = [float(np.max(np.abs(x[np.isfinite(x)]), initial=0.0)) for x in (a, b)]
    sizes = [math.floor(math.log10(n)) for n in largest if n]
    if not sizes:
        return 0
    if max(sizes) - min(sizes) > _APART or max(sizes) >= _DIGITS or min(sizes) < -_DIGITS + 1:
        return None
    return max(_DIGITS - 1 - min(sizes), 0)


def _fixed(value: float, decimals: int) -> str:
    if value == 0 or not math.isfinite(value):
        return scalar_text(value)
    text = f"{value:.{decimals}f}"
    return text.removeprefix("-") if float(text) == 0 else text


def _short(value: float) -> str:
    return scalar_text(value, _DIGITS)


def _rows(array: _Array, write: Callable[[float], str]) -> _Rows:
    rows = [[write(v) for v in row] for row in np.atleast_2d(array).tolist()]
    return _justified(rows, _widths(rows)) if array.ndim == 2 else rows


def _widths(rows: Sequence[Sequence[str]]) -> list[int]:
    return [max(map(len, column)) for column in zip(*rows, strict=True)]


def _justified(rows: _Rows, widths: Sequence[int]) -> _Rows:
    return [[cell.rjust(w) for cell, w in zip(row, widths, strict=True)] for row in rows]


def _block(rows: _Rows, ndim: int) -> list[str]:
    lines = [", ".join(row) for row in rows]
    if ndim == 0:
        return lines
    if ndim == 1:
        return [f"[{lines[0]}]"]
    last = len(lines) - 1
    return [
        f"{'[[' if i == 0 else ' ['}{line}{']]' if i == last else '],'}"
        for i, line in enumerate(lines)
    ]


def _nested(value: Any) -> str:
    return f"[{', '.join(map(_nested, value))}]" if isinstance(value, list) else _short(value)


def _beside(left: list[str], right: list[str]) -> list[str]:
    width = max(map(len, [*left, _LABELS[0]]))
    rows = max(len(left), len(right))
    left, right = [*left, *[""] * (rows - len(left))], [*right, *[""] * (rows - len(right))]
    pairs = zip([_LABELS[0], *left], [_LABELS[1], *right], strict=True)
    return [f"{one.ljust(width)}{_GAP}{other}".rstrip() for one, other in pairs]


# -- large arrays ------------------------------------------------------------------------------


def _summaries(a: _Array, b: _Array) -> Iterator[str]:
    rows = [("", "shape", "norm", "from", "to")]
    rows += [(label, *_summary(x)) for label, x in zip(_LABELS, (a, b), strict=True)]
    widths = _widths(rows)
    for row in rows:
        label, shape, *numbers = (cell.ljust(w) for cell, w in zip(row, widths, strict=True))
        numbers = [cell.rstrip().rjust(w) for cell, w in zip(numbers, widths[2:], strict=True)]
        yield "  ".join([label, shape, *numbers])


def _summary(array: _Array) -> tuple[str, str, str, str]:
    shape = " x ".join(map(str, array.shape)) or "a number"
    if not array.size:
        return shape, "-", "-", "-"
    with np.errstate(all="ignore"):
        numbers = np.linalg.norm(array.ravel()), array.min(), array.max()
    norm, low, high = (scalar_text(float(n), 4) for n in numbers)
    return shape, norm, low, high
