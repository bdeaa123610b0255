"""Which column a box stands in: every wire leads to the right, and inputs stand by their use."""

from __future__ import annotations

from collections.abc import Sequence


def layers(count: int, links: Sequence[tuple[int, int]]) -> list[int] | None:
    """Return the layer of each node: longest paths from the left, pulled tight from the right.

    Parameters
    ----------
    count : int
        Nodes are numbers below it.
    links : sequence of (int, int)
        From a node to another one.

    Returns
    -------
    list of int or None
        None where the links form a circle.

    Examples
    --------
    >>> layers(4, [(0, 1), (1, 2), (3, 2)])
    [0, 1, 2, 1]
    """
    after: list[list[int]] = [[] for _ in range(count)]
    waiting = [0] * count
    for source, target in links:
        after[source].append(target)
        waiting[target] += 1
    reading = list(waiting)
    ready = [node for node in range(count) if not waiting[node]]
    layer = [0] * count
    order: list[int] = []
    while ready:
        node = ready.pop()
        order.append(node)
        for target in after[node]:
            layer[target] = max(layer[target], layer[node] + 1)
            waiting[target] -= 1
            if not waiting[target]:
                ready.append(target)
    if len(order) < count:
        return None
    # What reads at most one value gains nothing by standing far from those that read it.
    for node in reversed(order):
        if after[node] and reading[node] <= 1:
            layer[node] = min(layer[target] for target in after[node]) - 1
    first = min(layer, default=0)
    return [place - first for place in layer]


def circle(count: int, links: Sequence[tuple[int, int]]) -> set[int]:
    """Return the nodes that lie on circles, or between two of them.

    Examples
    --------
    >>> sorted(circle(4, [(0, 1), (1, 2), (2, 1), (2, 3)]))
    [1, 2]
    """
    left = set(range(count))
    for forward in (True, False):
        while True:
            reached = {(b if forward else a) for a, b in links if a in left and b in left}
            if reached == left:
                break
            left = reached & left
    return left
