"""In which order things stand in each column, so that few wires cross.

The first order is that of a walk from the results back through what they read: a tree has no
crossing then. Sweeps over the columns sort each by the mean place of its neighbours, and the
order with the fewest crossings is kept. Equal ones keep their order, so the same graph gives the
same picture.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Sequence
from dataclasses import dataclass

_SWEEPS = 12
#: With this many items a sweep costs more than what it gains is worth.
_MANY = 3000


@dataclass(slots=True)
class Link:
    """A piece of wire from something in one column to something in the next.

    `leave` and `enter` are heights, relative to the axes of what it leaves and enters.
    """

    source: int
    target: int
    leave: float = 0.0
    enter: float = 0.0


def ordered(columns: Sequence[Sequence[int]], links: Sequence[Link]) -> list[list[int]]:
    """Return the columns, each in an order with few crossings.

    Parameters
    ----------
    columns : sequence of sequences of int
        The items of each column.
    links : sequence of Link
        Between items of neighbouring columns.
    """
    size = sum(len(column) for column in columns)
    into: list[list[Link]] = [[] for _ in range(size)]
    out: list[list[Link]] = [[] for _ in range(size)]
    column_of = [0] * size
    for at, column in enumerate(columns):
        for item in column:
            column_of[item] = at
    for link in links:
        into[link.target].append(link)
        out[link.source].append(link)
    first = _walked(columns, into, out)
    order = [sorted(column, key=first.__getitem__) for column in columns]
    gaps: list[list[Link]] = [[] for _ in columns]
    for link in links:
        gaps[column_of[link.target]].append(link)
    best, fewest = order, _crossings(order, gaps)
    sweeps = _SWEEPS if size < _MANY else 4
    for sweep in range(sweeps):
        if not fewest:
            break
        order = [list(column) for column in order]
        _sweep(order, into if sweep % 2 == 0 else out, forward=sweep % 2 == 0)
        crossings = _crossings(order, gaps)
        if crossings < fewest:
            best, fewest = order, crossings
    return [list(column) for column in best]


def _walked(
    columns: Sequence[Sequence[int]], into: list[list[Link]], out: list[list[Link]]
) -> list[int]:
    """Return a number for each item: the order of a walk from the results back."""
    number = [-1] * len(into)
    count = 0
    for column in reversed(columns):
        for start in column:
            if out[start] or number[start] >= 0:
                continue
            stack = [start]
            while stack:
                item = stack.pop()
                if number[item] >= 0:
                    continue
                number[item] = count
                count += 1
                links = sorted(into[item], key=lambda link: link.enter)
                stack.extend(link.source for link in reversed(links))
    return number


def _sweep(order: list[list[int]], neighbours: list[list[Link]], *, forward: bool) -> None:
    place = [0.0] * len(neighbours)
    for column in order:
        for at, item in enumerate(column):
            place[item] = float(at)
    for column in order if forward else reversed(order):
        wanted: dict[int, float] = {}
        for item in column:
            links = neighbours[item]
            if links:
                total = sum(
                    place[link.source] + _tilt(link.leave)
                    if forward
                    else place[link.target] + _tilt(link.enter)
                    for link in links
                )
                wanted[item] = total / len(links)
            else:
                wanted[item] = place[item]
        column.sort(key=wanted.__getitem__)
        for at, item in enumerate(column):
            place[item] = float(at)


def _tilt(height: float) -> float:
    """Turn a height at an item into a fraction of a place, which keeps the order of heights."""
    return height / (abs(height) + 100) / 2


def _crossings(order: list[list[int]], gaps: list[list[Link]]) -> int:
    place: dict[int, int] = {}
    for column in order:
        for at, item in enumerate(column):
            place[item] = at
    total = 0
    for links in gaps:
        ends = sorted(((place[k.source], k.leave), (place[k.target], k.enter)) for k in links)
        seen: list[tuple[int, float]] = []
        last: tuple[int, float] | None = None
        pending: list[tuple[int, float]] = []
        for start, end in ends:
            if start != last:  # wires that leave the same point do not cross there
                for earlier in pending:
                    insort(seen, earlier)
                last, pending = start, []
            total += len(seen) - bisect_right(seen, end)
            pending.append(end)
    return total
