"""A long picture in rows, like text.

What goes on at the end of one goes on at the start of the next.

A wire from row to row leaves at the right, runs back between the two and enters from the left. The
uppermost turns outermost, so that such wires do not cross where their order stays.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from chainrule.picture.drawing import Point

#: A picture up to so much wider than a row stays one.
_SPARE = 1.1
#: What it costs, in pixels that a row is too wide: that it is at all, to begin another one, each
#: wire that goes over to it, the square of their number, and a row that is all but empty.
_WIDE, _BREAK, _OVER, _CROWD, _EMPTY = 400.0, 120.0, 12.0, 1.0, 240.0
#: Between wires that run side by side, and between them and what is in the rows.
_LANE, _CLEAR = 9.0, 14.0


def breaks(
    lefts: Sequence[float], rights: Sequence[float], over: Mapping[int, int], most: float
) -> list[int]:
    """Return the first column of each row: those with the least cost of all.

    Parameters
    ----------
    lefts, rights : sequence of float
        Where the columns begin and end in one long row.
    over : mapping of int to int
        Columns that a row may begin with -> how many wires come over from the row before.
    most : float
        How wide a row should be at most.

    Examples
    --------
    >>> breaks([0, 50, 100, 150], [40, 90, 140, 190], {1: 1, 2: 9, 3: 1}, 160)
    [0, 3]
    """
    if rights[-1] <= most * _SPARE:
        return [0]
    count = len(lefts)
    best: dict[int, tuple[float, int]] = {0: (0.0, 0)}  # column -> cost up to it, the row before it
    for end in [*sorted(at for at in over if at), count]:
        wires = over.get(end, 0)
        begins = 0.0 if end == count else _BREAK + _OVER * wires + _CROWD * wires**2
        found: list[tuple[float, int]] = []
        for start in reversed(best):
            wide = rights[end - 1] - lefts[start] + beside(over.get(start, 0)) + beside(wires)
            if found and wide > 4 * most:
                break
            cost = _WIDE + wide - most if wide > most else _EMPTY * (1 - wide / most) ** 2
            found.append((best[start][0] + cost + begins, start))
        best[end] = min(found, key=lambda one: (one[0], -one[1]))
    starts, at = [], count
    while at:
        at = best[at][1]
        starts.append(at)
    return starts[::-1]


@dataclass(slots=True)
class Carry:
    """A wire from one row to the next: from where it leaves, over a lane, to where it enters."""

    leaves: float  # height in the upper row
    enters: float  # height in the lower row
    right: float = 0.0
    lane: float = 0.0
    left: float = 0.0

    def points(self, right_end: float, left_end: float) -> list[Point]:
        """Return its way from the last column of a row to the first of the next."""
        return [
            (right_end, self.leaves), (self.right, self.leaves), (self.right, self.lane),
            (self.left, self.lane), (self.left, self.enters), (left_end, self.enters),
        ]  # fmt: skip


def room(count: int) -> float:
    """Return how much room so many wires need between rows."""
    return _CLEAR + max(0, count - 1) * _LANE + (_CLEAR if count else 0.0)


def beside(count: int) -> float:
    """Return how far from the left a row begins that so many wires enter."""
    return max(0, count - 1) * _LANE + _CLEAR if count else 0.0


def route(carries: Sequence[Carry], right: float, top: float) -> None:
    """Give the wires between two rows their lanes.

    Parameters
    ----------
    carries : sequence of Carry
    right : float
        Where the upper row ends.
    top : float
        Where the room between the rows begins.
    """
    down = sorted(carries, key=lambda carry: carry.leaves)
    for at, carry in enumerate(down):  # the uppermost turns outermost, and runs lowest
        rank = len(down) - 1 - at
        carry.right = right + _CLEAR + rank * _LANE
        carry.lane = top + _CLEAR + rank * _LANE
    for at, carry in enumerate(sorted(carries, key=lambda carry: -carry.enters)):
        carry.left = at * _LANE
