"""The largest of very many paths, and sums over all of them, without listing any.

Paths are ranked after V. M. Jiménez and A. Marzal, "Computing the K shortest paths"
(1999): an element asks its predecessors for their next best way only when it needs one.
Its cost does not depend on how many paths there are, nor on how many are equally large.
Magnitudes are compared by their logarithms, so that long products neither vanish nor
overflow.
"""

from __future__ import annotations

import heapq
from typing import Any

import numpy as np

from chainrule.explain.probe import Edges, Floats, Ints
from chainrule.graph import Node

#: Counts that may grow past this are kept as Python's whole numbers.
_EXACT = 2.0**62

#: Elements that a path passes, the last first: layer, place in it, derivative on the way in.
Chain = list[tuple["Layer", int, float]]


class Layer:
    """The elements of one node that the scalar reaches, and the edges into them.

    Edges are sorted by target; those into element i stand from ``starts[i]`` to
    ``starts[i + 1]``.
    """

    def __init__(self, node: Node | None, incoming: list[tuple[Layer, Edges]]) -> None:
        self.node = node
        self.origins = [layer for layer, _ in incoming]
        targets = np.concatenate([e.targets for _, e in incoming])
        order = np.argsort(targets, kind="stable")

        def gathered(parts: list[Any]) -> Any:
            return np.concatenate(parts)[order]

        #: Row-major numbers of the elements.
        self.elements, starts = np.unique(targets[order], return_index=True)
        self.starts: list[int] = [*starts.tolist(), len(targets)]
        places = [np.searchsorted(layer.elements, e.sources) for layer, e in incoming]
        self.origin: Ints = gathered([np.full(len(p), i) for i, p in enumerate(places)])
        self.source: Ints = gathered(places)
        self.value: Floats = gathered([e.values for _, e in incoming])
        known = [(layer, place) for (layer, _), place in zip(incoming, places, strict=True)]
        totals = gathered([layer.total[p] for layer, p in known])
        scales = gathered([layer.scale[p] for layer, p in known])
        bests = gathered([layer.best[p] for layer, p in known])
        self.log: Floats = np.log(np.abs(self.value))
        self.score: Floats = bests + self.log
        with np.errstate(all="ignore"):
            self.total: Floats = np.add.reduceat(totals * self.value, starts)
            self.scale: Floats = np.add.reduceat(scales * np.abs(self.value), starts)
        self.best: Floats = np.maximum.reduceat(self.score, starts)
        counts = gathered([layer.count[p] for layer, p in known])
        if counts.dtype != object:
            bound = np.add.reduceat(counts.astype(np.float64), starts)
            counts = counts if np.max(bound) < _EXACT else counts.astype(object)
        self.count: Any = np.add.reduceat(counts, starts)

    @classmethod
    def start(cls, node: Node, number: int) -> Layer:
        """Return the layer of the scalar itself: one empty path."""
        layer = cls.__new__(cls)
        layer.node, layer.origins, layer.starts = node, [], [0, 0]
        none = np.zeros(0, np.intp)
        layer.elements, layer.origin, layer.source = np.array([number]), none, none
        layer.value = layer.log = layer.score = np.zeros(0)
        layer.total, layer.scale, layer.best = np.ones(1), np.ones(1), np.zeros(1)
        layer.count = np.ones(1, np.int64)
        return layer


class _Way:
    """The ways to one element that are known so far, the largest first."""

    __slots__ = ("candidates", "exhausted", "found", "layer", "place")

    def __init__(self, layer: Layer, place: int) -> None:
        self.layer = layer
        self.place = place
        first, last = layer.starts[place], layer.starts[place + 1]
        self.exhausted = first == last
        self.candidates: list[tuple[float, int, int]] | None = None
        if self.exhausted:
            self.found = [(0.0, -1, -1)]
        else:
            edge = first + int(np.argmax(layer.score[first:last]))
            #: Logarithm of the magnitude, last edge, rank of the way to its source.
            self.found = [(float(layer.score[edge]), edge, 0)]

    def others(self) -> list[tuple[float, int, int]]:
        """Return the heap of what may come next, made when first asked for."""
        if self.candidates is None:
            first, last = self.layer.starts[self.place], self.layer.starts[self.place + 1]
            best = self.found[0][1]
            scores = self.layer.score[first:last].tolist()
            self.candidates = [
                (-s, e, 0) for e, s in enumerate(scores, first) if e != best
            ]  # fmt: skip
            heapq.heapify(self.candidates)
        return self.candidates


class Ranking:
    """Ranks the paths to the one element of the last layer."""

    def __init__(self, end: Layer) -> None:
        self.end = end
        self._ways: dict[tuple[int, int], _Way] = {}

    def way(self, layer: Layer, place: int) -> _Way:
        """Return the ways to one element."""
        key = id(layer), place
        if key not in self._ways:
            self._ways[key] = _Way(layer, place)
        return self._ways[key]

    def source(self, way: _Way, edge: int) -> _Way:
        """Return the ways to where an edge comes from."""
        layer = way.layer
        return self.way(layer.origins[layer.origin[edge]], int(layer.source[edge]))

    def largest(self, k: int) -> list[Chain]:
        """Return the k largest paths as elements with the derivative into each."""
        end = self.way(self.end, 0)
        while len(end.found) < k and not end.exhausted:
            self.extend(end)
        return [self.chain(end, rank) for rank in range(min(k, len(end.found)))]

    def extend(self, end: _Way) -> None:
        """Find the next best way to an element, and those that it is made of."""
        pending = [end]
        while True:
            _, edge, rank = pending[-1].found[-1]
            before = self.source(pending[-1], edge)
            if before.exhausted or len(before.found) > rank + 1:
                break
            pending.append(before)
        for way in reversed(pending):
            _, edge, rank = way.found[-1]
            candidates = way.others()
            before = self.source(way, edge)
            if len(before.found) > rank + 1:
                score = before.found[rank + 1][0] + float(way.layer.log[edge])
                heapq.heappush(candidates, (-score, edge, rank + 1))
            if candidates:
                score, edge, rank = heapq.heappop(candidates)
                way.found.append((-score, edge, rank))
            else:
                way.exhausted = True

    def chain(self, way: _Way, rank: int) -> Chain:
        """Follow one way back to the scalar; the end comes first."""
        steps: Chain = []
        while way.found[rank][1] >= 0:
            _, edge, rank = way.found[rank]
            steps.append((way.layer, way.place, float(way.layer.value[edge])))
            way = self.source(way, edge)
        return steps
