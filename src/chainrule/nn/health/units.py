"""Units that learn nothing: dead, saturated, or all the same."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.errors import ChainruleError
from chainrule.graph import Node
from chainrule.nn.health.finding import Finding, listed
from chainrule.nn.health.probe import Forward
from chainrule.nn.health.regions import Region, Shape, regions
from chainrule.nn.health.thresholds import (
    MANY_UNITS,
    MOST_UNITS,
    NEARLY_ALL,
    NO_DERIVATIVE,
    TINY_DERIVATIVE,
)


@dataclass(frozen=True)
class Activation:
    """What an activation passes back, unit by unit.

    Attributes
    ----------
    layer : str
        Of the activation itself.
    before : str
        The layer whose results it is given.
    dead, saturated : tuple of int
        Units through which no gradient comes, and hardly any.
    units : int
        How many there are.
    is_output : bool
        Whether the model ends with it.
    is_flat : bool
        Whether its derivative is 0 everywhere, as that of a step.
    """

    layer: str
    before: str
    dead: tuple[int, ...]
    saturated: tuple[int, ...]
    units: int
    is_output: bool
    is_flat: bool


def activations(run: Forward) -> list[Activation]:
    """Return what each activation of a model passes back.

    Parameters
    ----------
    run : Forward
    """
    end = run.nodes.index(run.prediction) + 1
    found = []
    for region in regions(run.nodes[:end], run.x.shape[0], run.prediction):
        shape = region.shape()
        if shape is None:
            continue
        try:
            slopes = np.abs(region.slopes(region.start.value))
        except ChainruleError:
            continue  # numbers that are not finite are told of elsewhere
        found.append(_activation(run, region, shape, slopes))
    return found


def _activation(run: Forward, region: Region, shape: Shape, slopes: np.ndarray) -> Activation:
    steepest = np.broadcast_to(shape.steepest, slopes.shape[1:])
    rows = slopes.reshape(-1, slopes.shape[-1] if slopes.ndim > 1 else 1)
    most = np.broadcast_to(steepest, slopes.shape).reshape(rows.shape)
    is_flat = not np.any(most)
    dead = np.all(rows <= NO_DERIVATIVE * most, axis=0)
    tiny = np.mean(rows < TINY_DERIVATIVE * most, axis=0) >= NEARLY_ALL
    if shape.level_ends == 0:
        dead, tiny = dead & is_flat, np.zeros_like(tiny)
    elif shape.level_ends == 1:
        tiny = np.zeros_like(tiny)
    elif not shape.has_flat_part:
        dead = np.zeros_like(dead)  # a sigmoid's derivative is never 0, but for rounding
    saturated = tiny & ~dead
    # What follows in the same region, such as Dropout's factor, belongs to a layer of its own.
    first = region.nodes[0] if run.layers.get(region.nodes[0]) else region.end
    return Activation(
        place_of(run, first), place_of(run, region.start), _indices(dead),
        _indices(saturated), rows.shape[1], region.end is run.prediction, is_flat,
    )  # fmt: skip


def _indices(mask: np.ndarray) -> tuple[int, ...]:
    return tuple(map(int, np.flatnonzero(mask)))


def place_of(run: Forward, node: Node) -> str:
    """Return the layer of a node; in a model without layers its name or its line."""
    if run.layers.get(node):
        return run.layers[node]
    if node is run.x:
        return "x"
    if node.name:
        return node.name
    return node.where.short if node.where else node.op.name


def unit_findings(found: Sequence[Activation], rows: int) -> list[Finding]:
    """Return what is to be said of dead and saturated units.

    Parameters
    ----------
    found : sequence of Activation
    rows : int
        How many rows were looked at.
    """
    findings = []
    for each in found:
        if each.is_flat:
            findings.append(_flat(each))
        elif each.dead:
            findings.append(_dead(each, rows))
        if each.saturated:
            findings.append(_saturated(each, rows))
    return findings


def _flat(each: Activation) -> Finding:
    return Finding(
        "flat", each.layer,
        f"{each.layer} has the derivative 0 everywhere: nothing before it learns.",
        "a function with a slope, such as a sigmoid in the place of a step", "severe",
        {"units": each.units},
    )  # fmt: skip


def _dead(each: Activation, rows: int) -> Finding:
    share = len(each.dead) / each.units
    return Finding(
        "dead", each.layer,
        f"{_before(each)}{len(each.dead)} of {each.units} units of {each.layer} "
        f"{_are(each.dead)} dead on all {rows} rows ({_units(each.dead)}): their derivative is 0, "
        "so that the weights before them do not change.",
        "a smaller learning rate; He initialisation; inputs scaled to mean 0; LeakyReLU or ELU",
        _severity(share, each.is_output), {"dead": len(each.dead), "units": each.units}, each.dead,
    )  # fmt: skip


def _saturated(each: Activation, rows: int) -> Finding:
    share = len(each.saturated) / each.units
    return Finding(
        "saturated", each.layer,
        f"{_before(each)}{len(each.saturated)} of {each.units} units of {each.layer} "
        f"{_are(each.saturated)} saturated on nearly all of {rows} rows "
        f"({_units(each.saturated)}): their derivative is below {TINY_DERIVATIVE:.0%} of its "
        "greatest.",
        "inputs scaled to mean 0 and spread 1; Glorot initialisation; a smaller learning rate; "
        "BatchNorm before it"
        + ("; a loss that takes logits, without this layer" if each.is_output else ""),
        _severity(share, each.is_output),
        {"saturated": len(each.saturated), "units": each.units}, each.saturated,
    )  # fmt: skip


def _before(each: Activation) -> str:
    return f"{each.before}: " if each.before != each.layer else ""


def _are(units: tuple[int, ...]) -> str:
    return "is" if len(units) == 1 else "are"


def _units(units: tuple[int, ...]) -> str:
    return f"unit{'s' if len(units) > 1 else ''} {listed(units)}"


def _severity(share: float, is_output: bool) -> str:
    # Predictions that are certain are what training an output is for.
    if is_output or share < MANY_UNITS:
        return "note"
    return "severe" if share >= MOST_UNITS else "warning"


def identical_units(run: Forward, gradient: Callable[[Node], Any]) -> list[Finding]:
    """Return what is to be said of units with equal results and equal gradients on all rows.

    They change alike, whatever the data: a layer of such units is worth a single one.

    Parameters
    ----------
    run : Forward
    gradient : callable
        Node -> its gradient, or None.
    """
    findings = []
    for layer, (_, result) in run.results.items():
        if not any(path.startswith(f"{layer}.") for path in run.params):
            continue
        slope = gradient(result)
        if slope is None or result.shape != np.shape(slope) or len(result.shape) < 2:
            continue
        pair = np.concatenate([_columns(result.value), _columns(slope)])
        if result is run.prediction and not np.any(slope):
            continue  # nothing left to learn
        keys = [column.tobytes() for column in np.ascontiguousarray(pair.T + 0.0)]  # no -0.0
        counts = Counter(keys)
        alike = np.array([counts[key] > 1 for key in keys])
        if np.any(alike):
            findings.append(_identical(layer, _indices(alike), pair.shape[1]))
    return findings


def _columns(array: Any) -> np.ndarray:
    return np.reshape(array, (-1, np.shape(array)[-1]))


def _identical(layer: str, units: tuple[int, ...], every: int) -> Finding:
    return Finding(
        "identical", layer,
        f"{layer}: {len(units)} of {every} units are copies of others ({_units(units)}): they give "
        "the same and are changed the same, and will never differ.",
        "random initial weights, such as init='he'; zeros for biases only",
        "severe" if len(units) == every else "warning",
        {"identical": len(units), "units": every}, units,
    )  # fmt: skip
