"""``health``: a model looked at on data, through one forward and one backward pass."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule.errors import ArgumentError, ChainruleError
from chainrule.graph import Node
from chainrule.nn.base import Context
from chainrule.nn.health.averages import running_averages
from chainrule.nn.health.finding import Finding
from chainrule.nn.health.gradients import gradient_findings, norm, rate_of, update_findings
from chainrule.nn.health.inputs import (
    guess,
    input_findings,
    logit_findings,
    loss_findings,
    non_finite,
    spread_rows,
    target_findings,
)
from chainrule.nn.health.probe import Forward, forward, layer_of, readable
from chainrule.nn.health.report import Health, worst_first
from chainrule.nn.health.thresholds import MIN_ROWS, ROWS
from chainrule.nn.health.units import Activation, activations, identical_units, unit_findings
from chainrule.nn.losses import found_loss
from chainrule.nn.trees import float_type
from chainrule.structure import leaves, map_leaves

if TYPE_CHECKING:
    from chainrule.nn.trainable import Trainable


def health(
    model: Trainable,
    x: Any,
    y: Any = None,
    *,
    loss: Any = None,
    optimizer: Any = None,
    slots: Any = None,
    rows: int = ROWS,
) -> Health:
    """Look at a model on data: what keeps it from learning, or may do so.

    It is run as in training, forward and backward, and nothing of it is changed. Of many rows some
    that are evenly spread are looked at, always the same ones.

    Parameters
    ----------
    model : Trainable
        With parameters.
    x : array, shape (n, ...)
    y : array, shape (n, ...), optional
        Without it gradients are not looked at.
    loss : str or callable
        That of the last `fit` unless given.
    optimizer : Optimizer, optional
        With it, how far one step takes the weights is looked at.
    slots : dict, optional
        The state of the optimizer; new unless given.
    rows : int
        How many rows are looked at, at most.

    Returns
    -------
    Health

    Raises
    ------
    ArgumentError
        When the model has no parameters yet, there are no rows, or no such loss.

    Examples
    --------
    >>> from chainrule import nn
    >>> model = nn.Sequential(nn.Dense(4), nn.ReLU(), nn.Dense(2))
    >>> X = np.random.default_rng(0).normal(size=(100, 3)).astype(np.float32)
    >>> model.initialise((3,), seed=1)
    >>> model.params["dense1"]["b"][2] = -100
    >>> for finding in health(model, X, (X[:, 0] > 0).astype(int), loss="cross_entropy").findings:
    ...     print(finding.kind, finding.layer, finding.units)
    dead relu1 (2,)
    """
    examination = Examination(model, x, y, loss, optimizer, slots, rows)
    return examination.result()


class Examination:
    """One look at a model, with its own parameters and state or with others."""

    def __init__(
        self, model: Trainable, x: Any, y: Any, loss: Any, optimizer: Any, slots: Any, rows: int,
        params: Any = None, state: Any = None,
    ) -> None:  # fmt: skip
        self.params = model.params if params is None else params
        self.state = model.state if params is None else state
        if self.params is None:
            raise ArgumentError(
                "The model has no parameters yet, and cannot be looked at.",
                instead="fit(...), or initialise(x.shape[1:]) first",
            )
        self.model = model
        self.names = [str(c) for c in getattr(x, "columns", ())]
        self.x, self.y = np.asarray(x), None if y is None else np.asarray(y)
        self.every = len(self.x) if self.x.ndim else 0
        if not self.x.size or self.x.dtype.kind not in "fiub":
            raise ArgumentError(
                "There is nothing to look at.", expected="x of shape (n, ...), with numbers",
                got=f"an array of {self.x.dtype} with shape {self.x.shape}",
            )  # fmt: skip
        self.loss: Any = getattr(model, "loss", None) if loss is None else loss
        if self.loss is not None:
            found_loss(self.loss)  # a name that is not one is refused at once
        self.optimizer, self.slots, self.rows = optimizer, slots, max(1, int(rows))
        self.findings: list[Finding] = []
        self.looked: list[str] = []
        self.notes: list[str] = []
        self.measures: dict[str, dict[str, Any]] = {}
        self.value: float | None = None
        self.guess: float | None = None
        self.seen_y: np.ndarray | None = None

    def result(self) -> Health:
        """Look at everything."""
        finite = self._data()
        self._weights()
        places = np.flatnonzero(finite)
        places = places[spread_rows(len(places), self.rows)]
        run = self._forward(places) if len(places) else None
        if run is not None:
            self._results(run, len(places))
            if run.loss is not None:
                self._backward(run)
        return Health(
            worst_first(self.findings), self.measures, len(places), self.every, self.value,
            tuple(self.looked), tuple(self.notes),
        )  # fmt: skip

    # -- data ----------------------------------------------------------------------------

    def _data(self) -> np.ndarray:
        """Look at x and y; return which rows are finite."""
        finite, bad = non_finite(self.x, "x")
        if bad is not None:
            self.findings.append(bad)
        if finite.any():
            self.findings += input_findings(self.x[finite], self.names)
        self.looked += ["NaN and infinities in data", "scale and spread of columns"]
        return finite

    def _targets(self, prediction: Any) -> bool:
        """Look at y; return whether the loss can be taken of it."""
        if self.y is None or self.loss is None:
            missing = "targets" if self.y is None else "loss"
            self.notes.append(f"No {missing} given: gradients and the loss were not looked at.")
            return False
        shape = (self.every, *prediction.shape[1:])
        found = target_findings(self.loss, shape, self.y)
        self.findings += found
        self.looked.append("range and balance of targets")
        if any(f.kind == "targets" for f in found):
            self.notes.append("Gradients were not looked at, since the targets do not fit.")
            return False
        return True

    # -- the model -----------------------------------------------------------------------

    def _weights(self) -> None:
        self.looked.append("weights that are not finite")
        for path, leaf in leaves(self.params):
            bad = ~np.isfinite(leaf)
            if np.any(bad):
                name = readable(path)
                self.findings.append(
                    Finding(
                        "not_finite", layer_of(name),
                        f"{name} holds {int(np.sum(bad))} of {np.size(leaf)} numbers that are NaN "
                        "or infinite.",
                        "new parameters, by model.initialise(x.shape[1:]); then a smaller learning "
                        "rate",
                        "severe", {"numbers": int(np.sum(bad))},
                    )
                )  # fmt: skip

    def _forward(self, places: np.ndarray) -> Forward | None:
        model, params, state = self.model, self.params, self.state
        x = np.ascontiguousarray(self.x[places], float_type(params))
        fits = self.y is not None and self.y.ndim and len(self.y) == self.every
        self.seen_y = self._target(places) if fits else None
        with np.errstate(all="ignore"):
            prediction = np.asarray(model.apply(params, state, x)[0])
        if not self._targets(prediction):
            return self._traced(x)
        try:
            return self._run(x, found_loss(self.loss))
        except Exception as error:  # whatever a loss of the user's own raises
            self.findings.append(
                Finding(
                    "targets", "loss",
                    f"The loss cannot be taken of these targets: {type(error).__name__}: {error}",
                    "targets of the shape and range that the loss takes", "severe",
                )
            )  # fmt: skip
            return self._traced(x)

    def _traced(self, x: np.ndarray) -> Forward | None:
        """Run the layers alone."""
        try:
            return self._run(x, None)
        except ChainruleError as error:
            self.notes.append(f"Layers were not looked at: they cannot be traced. {error.what}")
            return None

    def _run(self, x: np.ndarray, objective: Any) -> Forward:
        context = Context(seed=0, step=0)
        return forward(
            self.model, self.params, self.state, x, self.seen_y, objective, None, context
        )

    def _target(self, places: np.ndarray) -> np.ndarray:
        assert self.y is not None
        y = self.y[places]
        return np.asarray(y, float_type(self.params)) if y.dtype.kind == "f" else y

    def _results(self, run: Forward, rows: int) -> None:
        """Look at what layers give."""
        found = activations(run)
        self._measure_results(run, found)
        if rows >= MIN_ROWS:
            self.findings += unit_findings(found, rows)
            self.looked.append("dead and saturated units")
        else:
            self.notes.append(f"Single units are looked at from {MIN_ROWS} rows on.")
        self.findings += running_averages(run, self.state)
        if any(path.endswith(".var") for path in run.state):
            self.looked.append("running averages of normalisations")

    def _measure_results(self, run: Forward, found: list[Activation]) -> None:
        for name, (_, result) in run.results.items():
            values = np.asarray(result.value, float)
            layer = self.measures.setdefault(name, _blank())
            with np.errstate(all="ignore"):
                layer |= {
                    "activation_mean": float(values.mean()),
                    "activation_std": float(values.std()),
                }
        for name, group in _grouped(_in_order_of_use(run)).items():
            layer = self.measures.setdefault(name, _blank())
            layer["parameters"] = sum(int(np.size(each)) for each in group)
            layer["weight_norm"] = norm(group)
        for each in found:
            layer = self.measures.setdefault(each.layer, _blank())
            layer["dead_share"] = len(each.dead) / each.units
            layer["saturated_share"] = len(each.saturated) / each.units
            layer["units"] = each.units

    def _backward(self, run: Forward) -> None:
        """Look at gradients, and at what a step would change."""
        assert run.loss is not None
        assert self.seen_y is not None
        self.value = float(run.loss.value)
        self.looked += ["the loss beside that of guessing", "vanishing and exploding gradients"]
        guessed = guess(self.loss, np.asarray(run.prediction.value), self.seen_y)
        self.guess = guessed[0] if guessed else None
        self.findings += loss_findings(self.value, guessed)
        self.findings += logit_findings(self.loss, np.asarray(run.prediction.value))
        if not np.isfinite(self.value):
            return
        gradients = run.gradients()

        def of(node: Node) -> Any:
            found = gradients.get(node)
            return None if found is None else found.value

        by_path = {path: of(node) for path, node in run.params.items()}
        for name, group in _grouped(by_path).items():
            self.measures[name]["gradient_norm"] = norm(group)
        for name, (_, result) in run.results.items():
            slope = of(result)
            self.measures[name]["result_gradient_norm"] = None if slope is None else norm([slope])
        self.findings += gradient_findings(self.measures)
        self.findings += identical_units(run, of)
        self.looked.append("units that are copies of each other")
        if self.optimizer is not None and all(np.all(np.isfinite(g)) for g in by_path.values()):
            self._update(by_path)

    def _update(self, by_path: Mapping[str, Any]) -> None:
        params = self.params
        gradients = map_leaves(
            lambda leaf, path: np.asarray(by_path[readable(path)], leaf.dtype), params, ""
        )
        slots = self.optimizer.init(params) if self.slots is None else self.slots
        with np.errstate(all="ignore"):
            after, _ = self.optimizer.apply(params, gradients, slots)
        new, old = dict(leaves(after)), dict(leaves(params))
        changes = {readable(p): np.asarray(new[p], float) - old[p] for p in old}
        for name, group in _grouped(changes).items():
            size = self.measures[name]["weight_norm"]
            self.measures[name]["update_ratio"] = norm(group) / size if size else None
        self.findings += update_findings(self.measures, rate_of(self.optimizer))
        self.looked.append("the size of updates")


def _blank() -> dict[str, Any]:
    names = (
        "weight_norm", "gradient_norm", "update_ratio", "activation_mean", "activation_std",
        "result_gradient_norm", "dead_share", "saturated_share",
    )  # fmt: skip
    return {"parameters": 0, "units": 0, **dict.fromkeys(names)}


def _in_order_of_use(run: Forward) -> dict[str, Any]:
    """Return the parameters, those that are read first before the others."""
    first: dict[Node, int] = {}
    for place, node in enumerate(run.nodes):
        for operand in node.inputs:
            first.setdefault(operand, place)
    paths = sorted(run.params, key=lambda path: first.get(run.params[path], len(run.nodes)))
    return {path: run.params[path].value for path in paths}


def _grouped(by_path: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Return arrays by the layer that they belong to."""
    groups: dict[str, list[Any]] = {}
    for path, array in by_path.items():
        groups.setdefault(layer_of(path), []).append(array)
    return groups
