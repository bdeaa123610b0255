"""A failed step of training, and what is asked of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule.errors import ChainruleError, Location
from chainrule.graph import Node
from chainrule.nn.base import Context
from chainrule.nn.health.causes import Cause, Evidence, causes
from chainrule.nn.health.gradients import rate_of
from chainrule.nn.health.origin import (
    Origin,
    bad_nodes,
    first_bad,
    first_origin,
    is_finite,
    nan_from,
    told,
)
from chainrule.nn.health.probe import Forward, Tracker, forward, layer_of, readable
from chainrule.nn.health.samples import Rows
from chainrule.nn.health.way_back import backward
from chainrule.nn.losses import found_loss
from chainrule.recognise import recognise
from chainrule.structure import leaves, map_leaves
from chainrule.trace import Traced, tracing
from chainrule.trace.source import user_frame

if TYPE_CHECKING:
    from chainrule.nn.model import Model


@dataclass
class Case:
    """A failed step: what :func:`~chainrule.nn.health.autopsy` is given, by the same names."""

    model: Model
    params: Any
    state: Any
    context: Context | None
    given_x: np.ndarray
    y: Any
    loss: Any
    weights: Any = None
    penalty: Callable[[Any], Any] | None = None
    metrics: Mapping[str, Callable[[Any, Any], Any]] | None = None
    optimizer: Any = None
    slots: Any = None
    rows: Any = None
    start: Any = None
    steps: int | None = None

    def __post_init__(self) -> None:
        first = next((np.asarray(leaf) for _, leaf in leaves(self.params)), self.given_x)
        with np.errstate(all="ignore"):
            self.x = self.given_x.astype(first.dtype) if first.dtype.kind == "f" else self.given_x
        self.y = None if self.y is None else np.asarray(self.y)
        self.function = found_loss(self.loss)
        self.batch = Rows(self.given_x, self.x, self.y, self.rows)

    # -- what was given ------------------------------------------------------------------

    def of_data(self) -> dict[str, Any] | None:
        """Return what is to be told if the minibatch is not finite."""
        for name, array in (("x", self.x), ("y", self.y), ("weights", self.weights)):
            if array is None or is_finite(array):
                continue
            place = first_bad(array)
            value = float(np.asarray(array)[place])
            column = f", column {', '.join(map(str, place[1:]))}" if len(place) > 1 else ""
            kind = "a NaN" if np.isnan(value) else "an infinity"
            row = f"{self.batch.name(place[0])}{column}"
            verb = "hold" if name == "weights" else "holds"
            text = f"{name} {verb} {kind}: {row}."
            if name == "x" and is_finite(self.given_x):
                number = float(self.given_x[place])
                text = f"x is too large for {self.x.dtype}: {told(number)} in {row}."
            remedy = "leave such rows out, or fill them: np.nan_to_num, or a SimpleImputer"
            return {
                "phase": "data", "layer": name, "product": told(value),
                "sample": self.batch.sample(place[0], None),
                "causes": (Cause("data", text, remedy),),
            }  # fmt: skip
        return None

    def of_weights(self) -> dict[str, Any] | None:
        """Return what is to be told if parameters, state or slots were not finite before."""
        for what, tree in (("params", self.params), ("state", self.state), ("slots", self.slots)):
            for path, leaf in leaves(tree):
                if not is_finite(leaf):
                    name = readable(path)
                    text = f"{name} of the {what} was not finite before the step already."
                    remedy = "model.initialise(x.shape[1:]) and a smaller learning rate"
                    return {
                        "phase": "weights", "layer": layer_of(name), "product": "",
                        "causes": (Cause("weights", text, remedy),),
                    }  # fmt: skip
        return None

    # -- the step ------------------------------------------------------------------------

    def of_step(self) -> dict[str, Any] | None:
        """Return what is to be told of the step: forward, then backward, then the update."""
        try:
            run = self.forward(slice(None))
        except ChainruleError as error:
            text = f"The step cannot be taken once more: {error.what}"
            return {"phase": "unknown", "causes": (Cause("unknown", text, "see the line above"),)}
        assert run.loss is not None
        bad = bad_nodes(run.nodes, [run.loss, *run.state.values()])
        origin = first_origin(bad)
        if origin is not None:
            return self.told(run, "forward", origin, nan_from(bad, origin))
        if bad:
            return self.of_constant(run, bad[0])
        graph = recognise(run.graph(), tuple(run.params.values())).graph
        back = backward(graph, run.params.values())
        found = back.origins(run.params.values())
        if found is not None:
            return self.told(run, "backward", *found)
        if self.optimizer is not None:
            zero = np.zeros_like
            slopes = {p: back.gradients.get(n, zero(n.value)) for p, n in run.params.items()}
            found_there = self.of_update(slopes)
            if found_there is not None:
                return found_there
        return self.of_metrics(run)

    def of_constant(self, run: Forward, node: Node) -> dict[str, Any]:
        """Return what is to be told of an array that was not finite when it was brought along."""
        label = node.name or "a constant"
        value = np.asarray(node.value)
        text = f"{label} was not finite before anything was computed from x or the parameters."
        return {
            "phase": "forward", "layer": _layer(run, node), "name": node.name,
            "product": f"{label} holds {told(float(value[first_bad(value)]))}",
            "causes": (Cause("constant", text, "a look at the line that makes it"),),
        }  # fmt: skip

    def of_metrics(self, run: Forward) -> dict[str, Any] | None:
        """Return what is to be told if a metric is not finite."""
        for name, metric in (self.metrics or {}).items():
            value = metric(run.prediction.value, self.y)
            if not is_finite(value):
                text = f"The metric {name} is {told(float(value))}; the step itself is finite."
                remedy = f"leave {name} out of metrics, or keep it from what is not defined"
                return {
                    "phase": "metric", "layer": name, "product": told(float(value)),
                    "causes": (Cause("metric", text, remedy),),
                }  # fmt: skip
        return None

    def forward(self, part: Any) -> Forward:
        """Run the forward pass on some of the rows."""
        try:
            return self._forward(part, follow_y=self.y is not None)
        except ChainruleError:  # a loss that asks for the targets' values
            return self._forward(part, follow_y=False)

    def _forward(self, part: Any, follow_y: bool) -> Forward:
        y = None if self.y is None else self.y[part]
        weights = None if self.weights is None else np.asarray(self.weights)[part]

        def objective(prediction: Any, y: Any) -> Any:
            if weights is None:
                return self.function(prediction, y)
            return self.function(prediction, y, weights=weights)

        return forward(
            self.model, self.params, self.state, self.x[part], y, objective, self.penalty,
            self.context, follow_y,
        )  # fmt: skip

    def of_update(self, gradients: Mapping[str, Any]) -> dict[str, Any] | None:
        """Return what is to be told if the update is not finite."""
        slots = self.optimizer.init(self.params) if self.slots is None else self.slots
        with tracing(Tracker) as tracker:
            tracker.root = user_frame()

            def visit(prefix: str) -> Callable[[Any, str], Any]:
                return lambda leaf, path: tracker.input(prefix + readable(path), leaf)

            params = map_leaves(visit(""), self.params, "")
            slopes = map_leaves(
                lambda leaf, path: tracker.input(
                    f"the gradient of {readable(path)}",
                    np.asarray(gradients[readable(path)], np.asarray(leaf).dtype),
                ),
                self.params, "",
            )  # fmt: skip
            after = self.optimizer.apply(params, slopes, map_leaves(visit("slots."), slots, ""))
            ends = {
                readable(path): tracker.node(leaf)
                for tree in after
                for path, leaf in leaves(tree)
                if isinstance(leaf, Traced)
            }
        lines = dict(zip(tracker.nodes, tracker.lines, strict=True))
        for path, end in ends.items():
            bad = bad_nodes(tracker.nodes, [end])
            origin = first_origin(bad)
            if origin is None:
                continue
            owner = next((layer_of(p) for p in gradients if path.endswith(p)), path)
            size = max(float(np.max(np.abs(g), initial=0)) for g in gradients.values())
            evidence = replace(self.evidence("update", origin, ""), largest_gradient=size)
            return {
                "phase": "update", "layer": owner, "operation": origin.node.op.name,
                "product": origin.text, "numbers": origin.numbers | {"largest gradient": size},
                "where": origin.node.where or lines.get(origin.node),
                "causes": tuple(causes(evidence)),
            }  # fmt: skip
        return None

    # -- what is told --------------------------------------------------------------------

    def told(
        self, run: Forward, phase: str, origin: Origin | None, then: Origin | None
    ) -> dict[str, Any]:
        """Return what is to be told of an operation."""
        if origin is None:
            return {"phase": phase, "causes": tuple(causes(self.evidence(phase, None, "")))}
        node = origin.node
        row = self.row_of(run, origin, phase)
        sample = None if row is None else self.batch.sample(row, self.fails_alone(row))
        outlier = sample.outlier if sample else ""
        return {
            "phase": phase,
            "layer": _layer(run, node),
            "operation": node.op.name,
            "name": node.name,
            "where": _line(run, node),
            "product": origin.text,
            "then": "" if then is None else _then(then),
            "numbers": origin.numbers,
            "sample": sample,
            "causes": tuple(causes(self.evidence(phase, origin, outlier))),
        }

    def evidence(self, phase: str, origin: Origin | None, outlier: str) -> Evidence:
        """Return what the causes are judged by."""
        largest = float(np.max(np.abs(self.x), initial=0)) if self.x.dtype.kind in "fiu" else 1.0
        return Evidence(
            phase, origin, self.sizes(), self.steps, rate_of(self.optimizer), largest, outlier
        )

    def sizes(self) -> dict[str, tuple[float, float | None]]:
        """Return the largest weight of each layer, now and at the start."""
        found: dict[str, tuple[float, float | None]] = {}
        before = {} if self.start is None else dict(leaves(self.start))
        for path, leaf in leaves(self.params):
            layer = layer_of(readable(path))
            now, then = found.get(layer, (0.0, None))
            size = float(np.max(np.abs(leaf), initial=0))
            if path in before:
                then = max(then or 0.0, float(np.max(np.abs(before[path]), initial=0)))
            found[layer] = (max(now, size), then)
        return found

    def row_of(self, run: Forward, origin: Origin, phase: str) -> int | None:
        """Return the row of the minibatch to which the number belongs, where it has one."""
        count, node = len(self.x), origin.node
        if origin.element and node.shape and node.shape[0] == count and _is_moving(run, node):
            return origin.element[0]
        if phase == "forward":  # one number of all rows: the row with the largest part in it
            for operand in node.inputs:
                if operand.shape[:1] == (count,) and _is_moving(run, operand):
                    sizes = np.abs(np.reshape(operand.value, (count, -1))).max(axis=1)
                    return int(np.argmax(sizes))
        return None

    def fails_alone(self, row: int) -> bool | None:
        """Whether a row by itself leads to a NaN or an infinity; None where that cannot be told."""
        try:
            run = self.forward(slice(row, row + 1))
            assert run.loss is not None
            if not is_finite(run.loss.value):
                return True
            graph = recognise(run.graph(), tuple(run.params.values())).graph
            return backward(graph, run.params.values()).origins(run.params.values()) is not None
        except (ChainruleError, ValueError, IndexError):
            return None


def _then(origin: Origin) -> str:
    name = origin.node.op.name
    return origin.text if name in origin.text else f"{name}: {origin.text}"


def _is_moving(run: Forward, node: Node) -> bool:
    """Whether a node depends on the samples."""
    seen: set[Node] = set()
    level: Sequence[Node] = [node]
    while level:
        if run.x in level:
            return True
        seen.update(level)
        level = list(dict.fromkeys(i for n in level for i in n.inputs if i not in seen))
    return False


def _near(run: Forward, node: Node) -> Iterator[Node]:
    """Yield a node, then those it is computed from: what was recognised has no line of its own."""
    yield node
    yield from node.inputs


def _layer(run: Forward, node: Node) -> str:
    return next((run.layers[n] for n in _near(run, node) if run.layers.get(n)), "")


def _line(run: Forward, node: Node) -> Location | None:
    for each in _near(run, node):
        found = each.where or run.lines.get(each)
        if found is not None:
            return found
    return None
