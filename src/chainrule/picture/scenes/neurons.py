"""Boxes and edges of units: one box a unit, one edge a weight."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np

from chainrule.explaining.elements import Index
from chainrule.explaining.why import element_name
from chainrule.graph import Node
from chainrule.notation import Written
from chainrule.picture.scene import Box, Edge
from chainrule.picture.scenes import tensors
from chainrule.picture.scenes.grouping import parameters
from chainrule.picture.scenes.numbers import brief, known, signed
from chainrule.picture.scenes.reads import aligned
from chainrule.picture.scenes.scalars import element_id
from chainrule.picture.scenes.shown import Line, Shown
from chainrule.picture.scenes.titles import LONGEST, is_folded
from chainrule.picture.scenes.units import Layer, Weighted, layers_of
from chainrule.writing import number, write


class Neurons:
    """The boxes and edges of a graph, its units in one box each.

    Attributes
    ----------
    boxes : list of Box
    edges : list of Edge
    sample : bool
        Whether units are shown for the first of several samples.
    """

    def __init__(self, shown: Shown) -> None:
        self.shown = shown
        self.parameters = parameters(shown)
        self.layers = {layer.end: layer for layer in layers_of(shown, self.parameters)}
        self.sample = any(layer.sample for layer in self.layers.values())
        self._absorbed = {n for layer in self.layers.values() for n in layer.chain}
        self.boxes: list[Box] = []
        self.edges: list[Edge] = []
        read = {
            (w.data.source, w.data_at)
            for layer in self.layers.values()
            for unit in layer.units.values()
            for w in unit
        }
        self._read: dict[Node, list[Index]] = {}
        for node, index in sorted(read, key=lambda n: n[1]):
            self._read.setdefault(node, []).append(index)
        self._hidden = self._hidden_nodes()
        for node in shown.drawn():
            self._node(node)
        for line in shown.lines:
            self._line(line)

    def _hidden_nodes(self) -> set[Node]:
        """Find weights and biases, and what only moves them, that units alone read."""
        hidden: set[Node] = set()
        for node in reversed(self.shown.nodes):
            targets = [line.target for line in self.shown.readers[node]]
            own = node in self.parameters or node.is_constant
            inside = targets and all(t in self._absorbed or t in hidden for t in targets)
            if own and inside and node not in self._read:
                hidden.add(node)
        return hidden

    def _moving_steps(self, node: Node) -> set[int]:
        """Return the steps of what moves a weight or a bias before a unit reads it."""
        steps: set[int] = set()
        while not node.is_leaf and node in self._hidden:
            steps.update(self.shown.steps_of(node))
            lines = self.shown.operands(node)
            steps.update(line.back.number for line in lines if line.back is not None)
            node = lines[0].source
        return steps

    def _node(self, node: Node) -> None:
        if node in self.layers:
            layer = self.layers[node]
            for index in sorted(layer.units):
                self._unit(layer, index)
            return
        readers = self.shown.readers[node]
        inside = bool(readers) and all(line.target in self._absorbed for line in readers)
        if node in self._absorbed or node in self._hidden:
            return
        whole = tensors.box(self.shown, node)
        elements = [i for i in self._read.get(node, ()) if i]
        if not (inside and elements and node.is_input):
            self.boxes.append(whole)
        for index in elements:
            self._element(node, index, whole, apart=inside and node.is_input)

    def _element(self, node: Node, index: Index, whole: Box, apart: bool) -> None:
        """Show a number that a unit reads: beside its array, or in its place."""
        id_ = element_id(self.shown, node, index)
        value = known(_at(node.value, index), self.shown.known(node))
        gradient = self._gradient(node, index)
        self.boxes.append(
            replace(whole, id=id_, title=element_name(self.shown.label(node), index), name="",
                    detail="", value=value, gradient=gradient,
                    kind=whole.kind if apart else "operation", steps=whole.steps if apart else ())
        )  # fmt: skip
        if not apart:
            position = ".".join(map(str, index))
            self.edges.append(Edge(f"{whole.id}->{id_}:{position}", whole.id, id_, value, gradient))

    def _unit(self, layer: Layer, index: Index) -> None:
        shown, end = self.shown, layer.end
        steps = {n for node in layer.chain for n in shown.steps_of(node)}
        biases = []
        for node in layer.chain:
            for line in shown.operands(node):
                inner = line.source in self._absorbed
                steps |= self._moving_steps(line.source)
                if line.back is not None and (inner or line.source in self.parameters):
                    steps.add(line.back.number)
                if line.source in self.parameters and not self._is_weight(layer, line):
                    value = _at(line.source.value, aligned(index, line.source.shape))
                    biases.append(f"{shown.label(line.source)} = {brief(value)}")
        weights = {n for w in layer.units[index] for n in _numbers(w)}
        whole = tensors.box(shown, end)
        gradient = self._gradient(end, index)
        self.boxes.append(
            replace(
                whole, id=element_id(shown, end, index), title=_activation(shown, layer),
                name=element_name(shown.label(end), index), detail=", ".join(biases),
                value=known(_at(end.value, index), shown.known(end)),
                gradient=gradient, steps=tuple(sorted(steps - weights)),
            )
        )  # fmt: skip
        seen: dict[str, int] = {}
        for weighted in layer.units[index]:
            self._weight(layer, index, weighted, seen)

    @staticmethod
    def _is_weight(layer: Layer, line: Line) -> bool:
        return any(w.weight is line or (w.weight.source is line.source and w.weight.target is
                   line.target) for unit in layer.units.values() for w in unit)  # fmt: skip

    def _weight(self, layer: Layer, index: Index, w: Weighted, seen: dict[str, int]) -> None:
        shown = self.shown
        source = element_id(shown, w.data.source, w.data_at)
        target = element_id(shown, layer.end, index)
        position = seen[source] = seen.get(source, -1) + 1
        weight = w.weight.source
        self.edges.append(
            Edge(
                f"{source}->{target}:{position}", source, target,
                value=known(_at(weight.value, w.weight_at), shown.known(weight)),
                gradient=self._gradient(weight, w.weight_at),
                symbols=element_name(shown.label(weight), w.weight_at),
                steps=tuple(sorted(_numbers(w))),
            )
        )  # fmt: skip

    def _line(self, line: Line) -> None:
        """Lead what is no unit's own: whole arrays, and units to what reads their array."""
        shown = self.shown
        if line.target in self._absorbed or line.target in self._hidden:
            return
        layer = self.layers.get(line.source)
        if layer is None:
            self.edges.append(tensors.edge(shown, line))
            return
        plain = tensors.edge(shown, line)
        for index in sorted(layer.units):
            source = element_id(shown, line.source, index)
            gradient = None
            if line.back is not None:
                gradient = known(_at(line.gradient, index), line.back.number)
            self.edges.append(
                replace(plain, id=f"{source}->{plain.target}:{line.position}", source=source,
                        value=known(_at(line.source.value, index), shown.known(line.source)),
                        gradient=gradient, local=plain.local if not line.source.shape else None)
            )  # fmt: skip

    def _gradient(self, node: Node, index: Index) -> Any:
        found = self.shown.gradient_of(node)
        return None if found is None else known(_at(found[0], index), found[1])


def _activation(shown: Shown, layer: Layer) -> str:
    """Write what is applied to the weighted sum, or the sign of a sum where nothing is."""
    chain = layer.chain[layer.chain.index(layer.start) :]
    inner = layer.start
    for before, node in pairwise(n for n in chain if not shown.aside(n)):
        if any(x.source is not before and not x.aside for x in shown.operands(node)):
            inner = node  # a bias, or a scale, that is a parameter
    if inner is layer.end:
        return "Σ"

    def label(node: Node) -> Written | None:
        if shown.stands(node) is inner:
            return Written("Σ", "atom", "text")
        return number(node.value, "text", 4) if is_folded(node) else None

    text = signed(write(shown.done(layer.end), "text", label).string)
    return text if len(text) <= LONGEST else f"{layer.end.op.name}(Σ)"


def _numbers(weighted: Weighted) -> set[int]:
    return {x.back.number for x in (weighted.data, weighted.weight) if x.back is not None}


def _at(value: Any, index: Index) -> Any:
    return np.asarray(value)[index]
