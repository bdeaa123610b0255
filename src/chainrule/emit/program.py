"""What an emitter is given, and the proof that what it emitted is right."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.errors import EmitError, NotAloneError
from chainrule.graph import Graph, Node
from chainrule.structure import leaves


@dataclass(frozen=True, slots=True)
class Program:
    """A forward pass and its backward pass, with the user's names.

    Attributes
    ----------
    name : str
        What to call the function.
    graph : Graph
        Simplified; its outputs are the value, then the gradient of each leaf of `wrt`.
    forward : frozenset of Node
        The nodes that belong to the forward pass.
    gradients : dict
        Node -> name of the gradient that it is, such as ``dz``.
    arguments : dict
        Argument name -> structure with input nodes as leaves.
    values : dict
        Argument name -> value given.
    wrt : tuple of str
        Arguments whose gradients are returned.
    gradient_of : dict
        Gradient node -> the node of the forward pass that it belongs to.
    upstream : Node or None
        The upstream gradient, where it is an argument.
    conditions : tuple of str
        Under which the backward pass is right, if not always.
    """

    name: str
    graph: Graph
    forward: frozenset[Node]
    gradients: Mapping[Node, str]
    arguments: Mapping[str, Any]
    values: Mapping[str, Any]
    wrt: tuple[str, ...]
    gradient_of: Mapping[Node, Node]
    upstream: Node | None = None
    conditions: tuple[str, ...] = ()

    def call_values(self) -> dict[str, Any]:
        """Return the arguments with which the emitted function is called."""
        given = {name: self.values[name] for name in self.used_arguments()}
        if self.upstream is not None and self.upstream.name:
            given[self.upstream.name] = self.upstream.value
        return given

    def used_arguments(self) -> list[str]:
        """Return the names of the arguments that the code reads or returns gradients of."""
        read = {i for node in self.graph.nodes for i in node.inputs} | set(self.graph.outputs)
        return [
            name
            for name, structure in self.arguments.items()
            if name in self.wrt or any(leaf in read for _, leaf in leaves(structure))
        ]


@dataclass(frozen=True, slots=True)
class Emitted:
    """Source code of a program, and how to call it.

    Attributes
    ----------
    name : str
        Of the function in it.
    source : str
    constants : dict
        Name -> value of the constants that are too large to be written: arguments, too.
    """

    name: str
    source: str
    constants: Mapping[str, Any]


def verified(program: Program, emitted: Emitted) -> str:
    """Run emitted source, compare it with the graph's own values, and return it.

    Raises
    ------
    EmitError
        When a number differs by more than rounding.
    """
    namespace: dict[str, Any] = {"__name__": "emitted"}
    try:
        exec(compile(emitted.source, f"<emitted {program.name}>", "exec"), namespace)
        with np.errstate(all="ignore"):
            results = namespace[emitted.name](**program.call_values(), **emitted.constants)
    except (NameError, ImportError) as error:
        raise NotAloneError(
            f"The code emitted for {program.name} cannot stand alone: {error}.",
            instead="a function with a vjp of its own that reads nothing but its arguments and np, "
            "written with def",
        ) from error
    # A leaf that carries no gradient has None in its place.
    got = [value for _, value in leaves(tuple(results)) if value is not None]
    want = [output.value for output in program.graph.outputs]
    single = any(n.abstract.dtype in (np.float32, np.complex64) for n in program.graph.nodes)
    for position, (mine, theirs) in enumerate(zip(got, want, strict=True)):
        if not np.allclose(mine, theirs, rtol=1e-4 if single else 1e-9, atol=1e-6 if single else
                           1e-12, equal_nan=True):  # fmt: skip
            raise EmitError(
                f"The code emitted for {program.name} does not give the graph's numbers.",
                expected=str(theirs)[:200],
                got=f"{str(mine)[:200]} for result {position}",
            )
    return emitted.source
