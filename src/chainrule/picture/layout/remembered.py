"""Orders and heights that were found before, for graphs that are drawn again.

Neither depends on what is written, only on what there is and how high it is. So a computation with
another number, which somebody has edited, or in another notation mostly has those that it had.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import accumulate

from chainrule.picture.layout.coordinates import heights
from chainrule.picture.layout.ordering import Link, ordered

#: Source, target, leave and enter of a link.
_Piece = tuple[int, int, float, float]


def in_order(columns: Sequence[Sequence[int]], links: Sequence[Link]) -> list[list[int]]:
    """Return the columns, each in an order with few crossings."""
    pieces = tuple((link.source, link.target, link.leave, link.enter) for link in links)
    return [list(column) for column in _ordered(tuple(map(tuple, columns)), pieces)]


def settled(
    columns: Sequence[Sequence[int]],
    links: Sequence[Link],
    above: Sequence[float],
    below: Sequence[float],
    gaps: tuple[float, float],
    stiff: Sequence[bool],
) -> list[float]:
    """Return the height of each item's axis; 0 for those that stand in no column.

    Parameters
    ----------
    columns, links, above, below, stiff
        As for :func:`~chainrule.picture.layout.coordinates.heights`.
    gaps : tuple of float
        The least distance between items, in every other column.
    """
    items = [item for column in columns for item in column]
    place = {item: at for at, item in enumerate(items)}
    found = _heights(
        tuple(map(len, columns)),
        tuple((place[link.source], place[link.target], link.leave, link.enter) for link in links),
        tuple((above[item], below[item], stiff[item]) for item in items),
        gaps,
        len(above),
    )
    y = [0.0] * len(above)
    for item, height in zip(items, found, strict=True):
        y[item] = height
    return y


@lru_cache(maxsize=32)
def _ordered(
    columns: tuple[tuple[int, ...], ...], links: tuple[_Piece, ...]
) -> tuple[tuple[int, ...], ...]:
    return tuple(map(tuple, ordered(columns, [Link(*piece) for piece in links])))


@lru_cache(maxsize=128)
def _heights(
    lengths: tuple[int, ...],
    links: tuple[_Piece, ...],
    items: tuple[tuple[float, float, bool], ...],
    gaps: tuple[float, float],
    count: int,
) -> tuple[float, ...]:
    ends = accumulate(lengths)
    columns = [range(end - length, end) for end, length in zip(ends, lengths, strict=True)]
    above, below, stiff = zip(*items, strict=True) if items else ((), (), ())
    wires = [Link(*piece) for piece in links]
    return tuple(heights(columns, wires, above, below, lambda at: gaps[at % 2], stiff, count))
