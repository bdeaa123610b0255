"""How high everything stands in its column, so that wires run level where they can.

Each item asks for the mean height of what it is wired to. The heights of one column are those
nearest to what is asked for, by least squares, that keep the order and the distances: an isotonic
regression, solved by pooling adjacent violators. Sweeps over the columns let heights settle.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import accumulate, pairwise, repeat

from chainrule.picture.layout.ordering import Link

#: Rounds of sweeps: more where they cost little.
_ROUNDS, _SMALL = 6, 1500
#: Steps in a wire up to this height are taken out.
_STEP = 24.0


def nearest(asked: Sequence[float], weights: Sequence[float], gaps: Sequence[float]) -> list[float]:
    """Return the heights nearest to those asked for that keep the gaps between neighbours.

    Parameters
    ----------
    asked, weights : sequence of float
        One for each item, from top to bottom.
    gaps : sequence of float
        The least distance of each from the one above it; the first is not read.

    Examples
    --------
    >>> nearest([0.0, 0.0, 9.0], [1.0, 1.0, 1.0], [0.0, 4.0, 4.0])
    [-2.0, 2.0, 9.0]
    """
    return _pooled(asked, weights, _offsets(gaps))


def _offsets(gaps: Sequence[float]) -> list[float]:
    """Return how far each item is from the first where all stand as near as they may."""
    return list(accumulate(gaps[1:], initial=0.0))[: len(gaps)]


def _pooled(
    asked: Sequence[float], weights: Sequence[float], offsets: Sequence[float]
) -> list[float]:
    if len(asked) == 1:
        return list(asked)
    blocks: list[tuple[float, float, int]] = []  # mean, weight, how many
    for want, weight, offset in zip(asked, weights, offsets, strict=True):
        mean, count = want - offset, 1
        while blocks and blocks[-1][0] > mean:
            before, heavy, many = blocks.pop()
            mean = (before * heavy + mean * weight) / (heavy + weight)
            weight += heavy
            count += many
        blocks.append((mean, weight, count))
    if len(blocks) == len(asked):
        return [mean + off for (mean, _, _), off in zip(blocks, offsets, strict=True)]
    levels = [mean for mean, _, count in blocks for _ in range(count)]
    return [level + off for level, off in zip(levels, offsets, strict=True)]


def heights(
    columns: Sequence[Sequence[int]],
    links: Sequence[Link],
    above: Sequence[float],
    below: Sequence[float],
    gap: Callable[[int], float],
    stiff: Sequence[bool],
    count: int = 0,
) -> list[float]:
    """Return the height of each item's axis.

    Parameters
    ----------
    columns : sequence of sequences of int
        From left to right, each from top to bottom.
    links : sequence of Link
    above, below : sequence of float
        How far each item reaches from its axis.
    gap : callable
        Number of a column -> the least distance between its items.
    stiff : sequence of bool
        Items that only pass a wire on: it should run straight through them.
    count : int
        Of how many items these are some; all unless given.
    """
    size = len(above)
    near: list[list[tuple[int, float, float]]] = [[] for _ in range(size)]  # other, lift, weight
    left: list[list[tuple[int, float, float]]] = [[] for _ in range(size)]
    for link in links:
        straight = stiff[link.source] + stiff[link.target]
        weight = (1.0, 3.0, 8.0)[straight]
        lift = link.leave - link.enter
        left[link.target].append((link.source, lift, weight))
        near[link.target].append((link.source, lift, weight))
        near[link.source].append((link.target, -lift, weight))
    spaces = [
        [0.0][: len(column)] + [below[a] + gap(at) + above[b] for a, b in pairwise(column)]
        for at, column in enumerate(columns)
    ]
    y = [0.0] * size
    for column, space in zip(columns, spaces, strict=True):
        at, middle = 0.0, sum(space) / 2
        for item, step in zip(column, space, strict=True):
            at += step
            y[item] = at - middle
    both, before = ([_Pull(*c) for c in zip(columns, spaces, repeat(n))] for n in (near, left))
    times = _ROUNDS + _SMALL // max(30, count or size)
    rounds = [both[::-1], before] + [both[::-1], both] * times
    for sequence in rounds:
        for pull in sequence:
            pull.settle(y)
    _straighten(columns, spaces, left, y)
    _level(columns, spaces, links, stiff, y)
    return y


class _Pull:
    """A column, and what each of its items is pulled at by; the same in each round.

    Parameters
    ----------
    column : sequence of int
    space : sequence of float
        The least distance of each item from the one above it.
    neighbours : sequence
        Of each item of the picture: others, how much higher a wire enters, and its weight.
    """

    def __init__(
        self,
        column: Sequence[int],
        space: Sequence[float],
        neighbours: Sequence[Sequence[tuple[int, float, float]]],
    ) -> None:
        self.items = column
        self.weights: list[float] = []
        #: Of each item: its share of each other one's height, and what is added to their sum.
        self.pulls: list[tuple[list[tuple[int, float]], float]] = []
        for item in column:
            weight = sum(heavy for _, _, heavy in neighbours[item])
            shares = [(other, heavy / weight) for other, _, heavy in neighbours[item]]
            lift = sum(lift * heavy / weight for _, lift, heavy in neighbours[item])
            self.weights.append(weight or 0.01)
            self.pulls.append((shares or [(item, 1.0)], lift))
        self.offsets = _offsets(space)

    def settle(self, y: list[float]) -> None:
        """Move the items to where they are pulled, as far as there is room."""
        asked = []
        for shares, height in self.pulls:
            for other, share in shares:
                height += share * y[other]
            asked.append(height)
        for item, height in zip(
            self.items, _pooled(asked, self.weights, self.offsets), strict=True
        ):
            y[item] = height


def _straighten(
    columns: Sequence[Sequence[int]],
    spaces: Sequence[Sequence[float]],
    left: Sequence[Sequence[tuple[int, float, float]]],
    y: list[float],
) -> None:
    """Take out small steps: what one wire leads to moves to its height where there is room."""
    for column, space in zip(columns, spaces, strict=True):
        for at, item in enumerate(column):
            if len(left[item]) != 1:
                continue
            other, lift, _ = left[item][0]
            wanted = y[other] + lift
            if abs(wanted - y[item]) > _STEP:
                continue
            if at:
                wanted = max(wanted, y[column[at - 1]] + space[at])
            if at + 1 < len(column):
                wanted = min(wanted, y[column[at + 1]] - space[at + 1])
            y[item] = wanted


def _level(
    columns: Sequence[Sequence[int]],
    spaces: Sequence[Sequence[float]],
    links: Sequence[Link],
    stiff: Sequence[bool],
    y: list[float],
) -> None:
    """Give the pieces of a wire that passes several columns one height, as far as there is room."""
    into: dict[int, list[Link]] = {}
    out: dict[int, list[Link]] = {}
    for link in links:
        into.setdefault(link.target, []).append(link)
        out.setdefault(link.source, []).append(link)
    near = {}  # item -> those above and below it, and how far away they have to be
    for column, space in zip(columns, spaces, strict=True):
        for at, item in enumerate(column):
            above = (column[at - 1], space[at]) if at else None
            below = (column[at + 1], space[at + 1]) if at + 1 < len(column) else None
            near[item] = above, below

    def goes_on(item: int) -> bool:
        return stiff[item] and len(out.get(item, ())) == 1

    for first in (item for column in columns for item in column if stiff[item]):
        begin = into[first][0] if first in into else None
        if begin is not None and goes_on(begin.source):
            continue  # in the middle of a wire
        run = [first]
        while goes_on(run[-1]) and stiff[out[run[-1]][0].target]:
            run.append(out[run[-1]][0].target)
        end = out[run[-1]][0] if len(out.get(run[-1], ())) == 1 else None
        wanted = [] if begin is None else [y[begin.source] + begin.leave]
        if end is not None:
            wanted.append(y[end.target] + end.enter)
        while len(run) > 1:
            low, high, count = -math.inf, math.inf, 0
            for item in run:
                above, below = near[item]
                lower = max(low, y[above[0]] + above[1]) if above else low
                upper = min(high, y[below[0]] - below[1]) if below else high
                if lower > upper:
                    break
                low, high, count = lower, upper, count + 1
            piece, run = run[:count], run[max(1, count) :]
            if not piece:
                continue
            fitting = [height for height in wanted if low <= height <= high]
            mean = sum(y[item] for item in piece) / len(piece)
            height = fitting[0] if fitting else min(max(mean, low), high)
            for item in piece:
                y[item] = height
