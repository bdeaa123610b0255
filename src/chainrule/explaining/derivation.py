"""From a recorded function to everything that is explained about it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from chainrule.backward import Joint, differentiate
from chainrule.emit.program import Program
from chainrule.explaining.gradient_names import gradient_name
from chainrule.graph import Graph, Node
from chainrule.graphing import Recording
from chainrule.recognise import Recognised, recognise
from chainrule.simplify import simplify, tidied


@dataclass(frozen=True)
class Derivation:
    """A forward pass with its backward pass, and what each value is called.

    Attributes
    ----------
    recording : Recording
    graph : Graph
        The forward pass as the user wrote it.
    joint : Joint
        The backward pass, through recognised operations where there are some.
    same : tuple of (Node, Node)
        Nodes that recognition added, with the node that each equals, mostly the user's.
    conditions : dict
        What has to hold for a node that recognition added, if that is not certain.
    """

    recording: Recording
    graph: Graph
    joint: Joint
    same: tuple[tuple[Node, Node], ...]
    conditions: Mapping[Node, str]

    @cached_property
    def twins(self) -> Mapping[Node, Node]:
        """Node that recognition added -> the node that it equals."""
        return dict(self.same)

    @cached_property
    def labels(self) -> dict[Node, str]:
        """Name of each node of the forward pass: the user's, or t1, t2, ..."""
        taken = {node.name for node in self.graph.nodes if node.name}
        labels: dict[Node, str] = {}
        count = 0
        # What recognition added for the rules' sake alone is not on the way, and has no name.
        there = self.joint.forward.reachable().nodes
        for node in dict.fromkeys((*self.graph.nodes, *there)):
            if node in self.twins:
                labels[node] = labels[self.twins[node]]
            elif node.name:
                labels[node] = node.name
            elif not node.is_constant:
                count += 1
                while f"t{count}" in taken:
                    count += 1
                labels[node] = f"t{count}"
        return labels

    @cached_property
    def recognised(self) -> Mapping[Node, tuple[tuple[Node, str], ...]]:
        """Operand -> what is known to be computed from it alone, and what that is called."""
        found: dict[Node, list[tuple[Node, str]]] = defaultdict(list)
        for node, twin in self.same:
            if len(node.inputs) == 1 and twin in self.labels:
                found[node.inputs[0]].append((node, self.labels[twin]))
        return {operand: tuple(known) for operand, known in found.items()}

    def label(self, node: Node) -> str:
        """Return what a node of the forward pass is called."""
        return self.labels.get(node) or node.op.name

    @cached_property
    def simplified(self) -> tuple[Graph, dict[Node, Node]]:
        """The joint graph simplified, with the image of each node in it."""
        joint = self.joint.graph
        # The value comes by the user's own lines, not by what was recognised in them.
        graph = Graph(joint.nodes, (self.graph.output, *joint.outputs[1:]))
        return simplify(graph, self.same)

    @property
    def relied_on(self) -> tuple[str, ...]:
        """The conditions under which the gradients are right, if not always."""
        held = (text for node, text in self.conditions.items() if node in self.joint.gradients)
        return tuple(dict.fromkeys(held))

    @cached_property
    def program(self) -> Program:
        """What the emitters are given."""
        graph, image = self.simplified
        gradients: dict[Node, str] = {}
        gradient_of: dict[Node, Node] = {}
        for node, gradient in self.joint.gradients.items():
            now = image.get(gradient)
            if now is not None and now.is_constant and now.name is None:
                continue  # a number that happens to be a gradient, too
            if now is not None and node.name and node.name.isidentifier():
                gradients.setdefault(now, gradient_name(node.name))
            if now is not None and node in image:
                gradient_of.setdefault(now, image[node])
        # What simplification put in between belongs to the forward pass as well.
        needed = {image[n] for n in self.graph.nodes if n in image}
        for node in reversed(graph.nodes):
            if node in needed:
                needed.update(node.inputs)
        forward = frozenset(needed)
        upstream = next((n for n in graph.inputs if n not in forward), None)
        recording = self.recording
        return Program(
            recording.name if recording.name.isidentifier() else "function",
            graph, forward, gradients, recording.arguments, recording.values, recording.wrt,
            gradient_of, upstream, self.relied_on,
        )  # fmt: skip


def derive(recording: Recording, upstream: Any = None, simplified: bool = True) -> Derivation:
    """Derive the backward pass of a recorded function.

    Parameters
    ----------
    recording : Recording
    upstream : number or array, optional
    simplified : bool
        Recognise softmax, sigmoid and the like; False takes every operation as written.
    """
    wrt = recording.wrt_inputs()
    graph = tidied(recording.graph)
    found = recognise(graph, tuple(wrt)) if simplified else Recognised(graph)
    joint = differentiate(found.graph, wrt, upstream, name=graph.output.name)
    return Derivation(recording, graph, joint, found.same, found.conditions)
