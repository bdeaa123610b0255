"""A model run once on some rows, forward and backward, as a graph that knows its layers."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule.backward import differentiate
from chainrule.errors import Location
from chainrule.graph import Graph, Node
from chainrule.nn.base import Context
from chainrule.nn.health.lines import line_of_layer
from chainrule.recognise import recognise
from chainrule.structure import leaves, map_leaves
from chainrule.trace import Recorder, Traced, tracing
from chainrule.trace.source import user_frame

if TYPE_CHECKING:
    from collections.abc import Iterator

    from chainrule.nn.trainable import Trainable

#: ``objective(prediction, y)``: the loss.
Objective = Callable[[Any, Any], Any]


class Tracker(Recorder):
    """A recorder that knows in which layer each node arose, and on which line of it."""

    def __init__(self, level: int = 0) -> None:
        super().__init__(level, locate=True)
        self.layer = ""
        self.layers: list[str] = []
        self.lines: list[Location | None] = []

    def add(self, node: Node) -> Traced:
        """Append a node."""
        self.layers.append(self.layer)
        self.lines.append(None if node.is_leaf else line_of_layer())
        return super().add(node)

    @contextmanager
    def inside(self, layer: str) -> Iterator[None]:
        """Take note that what is computed for a while belongs to a layer."""
        before, self.layer = self.layer, layer
        try:
            yield
        finally:
            self.layer = before


class _Watched:
    """A layer in the place of another, which tells the tracker when it is at work."""

    def __init__(self, layer: Any, name: str, tracker: Tracker, seen: dict[str, Any]) -> None:
        self._layer, self._name, self._tracker, self._seen = layer, name, tracker, seen

    def __getattr__(self, name: str) -> Any:
        return getattr(self._layer, name)

    def apply(self, params: Any, state: Any, x: Any, context: Any = None) -> Any:
        with self._tracker.inside(self._name):
            y, kept = self._layer.apply(params, state, x, context)
        self._seen[self._name] = x, y
        return y, kept


@dataclass
class Forward:
    """The forward pass.

    Attributes
    ----------
    nodes : list of Node
        All that was computed, with values.
    layers : dict of Node to str
        The layer in which each arose; empty for none.
    lines : dict of Node to Location or None
        The line of chainrule's own layer or loss in which it arose.
    params : dict of str to Node
        Path of the parameter -> its input.
    x : Node
    prediction : Node
    loss : Node or None
    results : dict of str to (Node, Node)
        Layer -> what it was given, and what it gave.
    state : dict of str to Node
        What layers keep for the next step.
    """

    nodes: list[Node]
    layers: dict[Node, str]
    lines: dict[Node, Location | None]
    params: dict[str, Node]
    x: Node
    prediction: Node
    loss: Node | None
    results: dict[str, tuple[Node, Node]] = field(default_factory=dict)
    state: dict[str, Node] = field(default_factory=dict)

    def graph(self) -> Graph:
        """Return the graph of the loss."""
        assert self.loss is not None
        return Graph(self.nodes, [self.loss])

    def gradients(self) -> Mapping[Node, Node]:
        """Derive the backward pass, through softmax and the like where they are recognised.

        The line that a recognised operation stands for has the gradient of that operation.
        """
        wrt = tuple(self.params.values())
        found = recognise(self.graph(), wrt)
        with np.errstate(all="ignore"):
            gradients = differentiate(found.graph, wrt).gradients
        lines = {line: gradients[made] for made, line in found.same if made in gradients}
        return {**lines, **gradients}


def forward(
    model: Trainable,
    params: Any,
    state: Any,
    x: Any,
    y: Any = None,
    objective: Objective | None = None,
    penalty: Callable[[Any], Any] | None = None,
    context: Context | None = None,
    follow_y: bool = False,
) -> Forward:
    """Run a model and, if there is an objective, the loss, and record it.

    With `follow_y`, what is computed from the targets alone is recorded, too.

    Raises
    ------
    ChainruleError
        For what cannot be traced.
    """
    seen: dict[str, tuple[Any, Any]] = {}
    with np.errstate(all="ignore"), tracing(Tracker) as tracker:
        tracker.root = user_frame()
        inputs: dict[str, Any] = {}

        def visit(leaf: Any, path: str) -> Any:
            inputs[readable(path)] = tracker.input(readable(path), np.asarray(leaf)[()])
            return inputs[readable(path)]

        traced = map_leaves(visit, params, "")
        given = tracker.input("x", x)
        watched = _watched(model, tracker, seen)
        prediction, kept = watched.apply(traced, state, given, context)
        loss = None
        if objective is not None:
            with tracker.inside("loss"):
                target = tracker.input("y", y) if follow_y else y
                loss = objective(prediction, target)
                if penalty is not None:
                    loss = loss + penalty(traced)
        node = tracker.node
        found = Forward(
            tracker.nodes, {}, {}, {path: node(v) for path, v in inputs.items()}, node(given),
            node(prediction), None if loss is None else node(loss),
            {name: (node(a), node(b)) for name, (a, b) in seen.items()},
            {readable(path): node(v) for path, v in leaves(kept) if isinstance(v, Traced)},
        )  # fmt: skip
    found.layers = dict(zip(tracker.nodes, tracker.layers, strict=True))
    found.lines = dict(zip(tracker.nodes, tracker.lines, strict=True))
    return found


def _watched(model: Trainable, tracker: Tracker, seen: dict[str, Any]) -> Any:
    """Return the model with layers that tell the tracker; itself where it has no layers."""
    layers = getattr(model, "layers", None)
    if not isinstance(layers, Mapping):
        return model
    double: Any = copy.copy(model)
    double.layers = {name: _Watched(v, name, tracker, seen) for name, v in layers.items()}
    return double


def readable(path: str) -> str:
    """Return a path in nested parameters as it is told: ``['dense1']['W']`` is dense1.W."""
    text = path.replace("']['", ".").replace("['", ".").replace("']", "").lstrip(".")
    return text or "params"


def layer_of(path: str) -> str:
    """Return the layer, or the parameter itself where there are no layers."""
    return path.rpartition(".")[0] or path
