"""A graph and its arguments to numbers: the reference that everything else is tested against."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from chainrule.errors import ArgumentError
from chainrule.graph import Graph, Node


def evaluate(graph: Graph, inputs: Mapping[str, Any]) -> tuple[Any, ...]:
    """Compute the outputs of a graph.

    Parameters
    ----------
    graph : Graph
    inputs : mapping
        Value of each input, by name.

    Returns
    -------
    tuple
        One value an output.

    Raises
    ------
    ArgumentError
        When an input is missing.
    """
    values: dict[Node, Any] = {}
    for node in graph.nodes:
        if node.is_constant:
            values[node] = node.value
        elif node.is_input:
            if node.name is None or node.name not in inputs:
                raise ArgumentError(
                    f"The graph's input {node.name} is missing.",
                    expected=", ".join(str(n.name) for n in graph.inputs),
                    got=", ".join(inputs) or "nothing",
                )
            values[node] = inputs[node.name]
        else:
            values[node] = node.op.forward(*(values[i] for i in node.inputs), **node.params)
    return tuple(values[output] for output in graph.outputs)
