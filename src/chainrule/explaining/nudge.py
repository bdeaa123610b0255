"""A small change of one number, of a size that fits it, and whether the output follows.

A gradient promises what a small change does. How small depends on the number, on how the function
bends and on how finely numbers are told apart there: so the graph is computed once more with the
change, and a step is returned only where the output did what was promised.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.explaining.explanation import Explanation
from chainrule.explaining.why import element_name
from chainrule.graph import Graph, Node
from chainrule.structure import leaves

#: How far the output may be from what was promised, as a part of it.
TOLERANCE = 1e-3
#: The step that a number of ordinary size is changed by, and what is ordinary.
_STEP, _ORDINARY = -3, (0.1, 100.0)
#: Powers of ten to try a step times, after the step itself.
_OTHERS = (0, -1, -2, -3, 1, 2)


@dataclass(frozen=True, slots=True)
class Largest:
    """The number whose gradient is largest.

    Attributes
    ----------
    node : Node
        The input that it is an element of.
    index : tuple of int
    name : str
    slope : float
        Its gradient.
    """

    node: Node
    index: tuple[int, ...]
    name: str
    slope: float


def largest(explanation: Explanation) -> Largest | None:
    """Return the number whose gradient is largest; None where there is none, or one is not finite.

    Complex numbers are left out: a gradient promises something else of them.
    """
    arguments = explanation.derivation.recording.arguments
    best: Largest | None = None
    for name, gradient in explanation.gradients.items():
        inputs = [node for _, node in leaves(arguments[name])]
        for (path, leaf), node in zip(leaves(gradient, name), inputs, strict=True):
            if leaf is None or not np.size(leaf) or np.iscomplexobj(leaf):
                continue
            sizes = np.abs(np.asarray(leaf))
            if not np.all(np.isfinite(sizes)):
                return None
            at = np.unravel_index(int(np.argmax(sizes)), sizes.shape)
            index = tuple(map(int, at))
            slope = float(np.asarray(leaf)[index])
            if best is None or abs(slope) > abs(best.slope):
                best = Largest(node, index, element_name(path, index), slope)
    return best


def fitting_step(explanation: Explanation, of: Largest) -> float | None:
    """Return a step by which a number can be raised with the promised result; None for none.

    Parameters
    ----------
    explanation : Explanation
        Of a function with a single number as its output.
    of : Largest

    Returns
    -------
    float or None
        A power of ten. Computed anew, the output changes by ``step * of.slope`` up to
        :data:`TOLERANCE`, and no branch turns out otherwise.
    """
    conditions = [branch.condition for branch in explanation.branches]
    graph = Graph.behind([explanation.output, *conditions])
    before = [np.asarray(node.value) for node in graph.outputs]
    for step in _steps(np.asarray(of.node.value), of.index):
        with np.errstate(all="ignore"):
            try:
                after = _changed(graph, of.node, _raised(of.node.value, of.index, step))
            except Exception:  # what the user's own functions raise may be anything
                continue
        change = np.subtract(after[0], before[0], dtype=float).item()
        promised = step * of.slope
        if not (promised and abs(change / promised - 1) <= TOLERANCE):  # nor a NaN
            continue
        if all(np.array_equal(a, b) for a, b in zip(after[1:], before[1:], strict=True)):
            return step
    return None


def _steps(value: np.ndarray[Any, Any], index: tuple[int, ...]) -> Iterator[float]:
    """Yield powers of ten: one that fits the number, then smaller, larger and ordinary ones."""
    sizes = np.abs(np.asarray(value, float))
    size = float(sizes[index]) or float(np.max(sizes)) or 1.0
    if not math.isfinite(size):
        return
    low, high = _ORDINARY
    power = _STEP + (0 if low <= size < high else math.floor(math.log10(size)))
    powers = [*(power + other for other in _OTHERS), _STEP]
    # As Python reads it: the nearest to the power of ten, which 10.0**power is not always.
    yield from (float(f"1e{tried}") for tried in powers)


def _raised(value: Any, index: tuple[int, ...], step: float) -> Any:
    """Return a number or an array in which one number is raised, of the same type."""
    if not isinstance(value, np.ndarray):
        return type(value)(value + step)
    raised = value.copy()
    raised[index] += step
    return raised


def _changed(graph: Graph, node: Node, value: Any) -> list[Any]:
    """Return the outputs of a graph with values when one input is another."""
    values: dict[Node, Any] = {node: value}
    for n in graph.nodes:
        if any(i in values for i in n.inputs):
            values[n] = n.op.forward(*(values.get(i, i.value) for i in n.inputs), **n.params)
    return [values.get(n, n.value) for n in graph.outputs]
