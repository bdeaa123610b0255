"""Units of a network: weighted inputs, a bias and what is applied to their sum, as one.

A unit is a column of a sum of products with a parameter, followed by the elementwise operations
that read it alone; on plain numbers, a sum of products with one parameter each.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from chainrule.explaining.elements import Index
from chainrule.graph import Node
from chainrule.picture.scenes.reads import contraction
from chainrule.picture.scenes.shown import Line, Shown
from chainrule.rules import TABLE

#: A number of the forward pass.
Number = tuple[Node, Index]
#: Layers with more weights than this stay as they are.
MOST_WEIGHTS = 400


@dataclass(frozen=True, slots=True)
class Weighted:
    """An input times a weight, with the lines of both."""

    data: Line
    weight: Line
    data_at: Index
    weight_at: Index


@dataclass(frozen=True, slots=True)
class Layer:
    """Units that are computed by the same lines.

    Attributes
    ----------
    start : Node
        The sum of products.
    chain : tuple of Node
        What is absorbed: products, the sum, and the elementwise operations up to the end.
    end : Node
    units : dict
        Element of the end -> its weighted inputs.
    sample : bool
        Whether there are others beside these units, of other samples.
    """

    start: Node
    chain: tuple[Node, ...]
    end: Node
    units: dict[Index, list[Weighted]]
    sample: bool


def layers_of(shown: Shown, parameters: Collection[Node]) -> Iterator[Layer]:
    """Find the layers of units in a graph."""
    for node in shown.nodes:
        if node.is_leaf or shown.aside(node):
            continue
        spec = contraction(node)
        if spec is not None and len(node.inputs) == 2:
            layer = _of_arrays(shown, node, spec, parameters)
        elif not node.shape and node.op is TABLE["add"]:
            layer = _of_numbers(shown, node, parameters)
        else:
            layer = None
        if layer is not None:
            yield layer


def _chain(shown: Shown, start: Node, parameters: Collection[Node]) -> list[Node]:
    """Follow what is done to each number of a result alone."""
    chain = [start]
    while True:
        readers = shown.readers[chain[-1]]
        targets = dict.fromkeys(line.target for line in readers if not shown.aside(line.target))
        if len(targets) != 1:
            return chain
        (target,) = targets
        passed = _spelled_out(shown, chain[-1], target)
        if passed is None or not target.op.elementwise or target.shape != start.shape:
            return chain
        own = {chain[-1], *passed}
        others = [x.source for x in shown.operands(target) if x.source not in own]
        if any(o not in parameters and not o.is_constant for o in others):
            return chain
        chain += [*passed, target]


def _spelled_out(shown: Shown, node: Node, target: Node) -> list[Node] | None:
    """Return the lines between two that no gradient takes; None where they lead elsewhere."""
    found: dict[Node, None] = {}
    waiting = [line.target for line in shown.readers[node]]
    while waiting:
        each = waiting.pop()
        if each is target or each in found:
            continue
        if not shown.aside(each):
            return None
        found[each] = None
        waiting += [line.target for line in shown.readers[each]]
    own = {node, *found}
    lines = (line for each in found for line in shown.operands(each))
    return list(found) if all(line.source in own for line in lines) else None


def _of_arrays(
    shown: Shown, node: Node, spec: tuple[list[str], str], parameters: Collection[Node]
) -> Layer | None:
    lines = {line.position: line for line in shown.operands(node)}
    which = [i for i in (0, 1) if i in lines and lines[i].source in parameters]
    if len(which) != 1 or len(lines) != 2:
        return None
    weight, data = lines[which[0]], lines[1 - which[0]]
    letters, result = spec
    w, x = letters[weight.position], letters[data.position]
    own = [c for c in result if c not in x]
    # Each letter of a weight is a unit's or is summed over: no batches of weights.
    if any(c in result and c in x for c in w) or weight.source.abstract.size > MOST_WEIGHTS:
        return None
    sizes = dict(zip(w, weight.source.shape, strict=True))
    if any(sizes.get(c, 1) != n for c, n in zip(x, data.source.shape, strict=True) if c in w):
        return None
    units: dict[Index, list[Weighted]] = {}
    for at in _places(w, sizes):
        index = tuple(at.get(c, 0) for c in result)
        data_at = tuple(at.get(c, 0) for c in x)
        weight_at = tuple(at[c] for c in w)
        units.setdefault(index, []).append(Weighted(data, weight, data_at, weight_at))
    chain = _chain(shown, node, parameters)
    samples = any(n > 1 for c, n in zip(result, node.shape, strict=True) if c not in own)
    return Layer(node, tuple(chain), chain[-1], units, samples) if units else None


def _places(letters: str, sizes: dict[str, int]) -> Iterator[dict[str, int]]:
    places: list[dict[str, int]] = [{}]
    for letter in dict.fromkeys(letters):
        places = [{**p, letter: i} for p in places for i in range(sizes[letter])]
    yield from places


def _of_numbers(shown: Shown, node: Node, parameters: Collection[Node]) -> Layer | None:
    weighted: list[Weighted] = []
    products: list[Node] = []
    for line in shown.operands(node):
        if line.source in parameters:
            continue  # a bias
        product = line.source
        found = None
        if product.op is TABLE["multiply"] and len(shown.readers[product]) == 1:
            found = _weighted(shown, product, parameters)
        if found is None:
            return None
        weighted.append(found)
        products.append(product)
    if not weighted:
        return None
    chain = _chain(shown, node, parameters)
    return Layer(node, (*products, *chain), chain[-1], {(): weighted}, False)


def _weighted(shown: Shown, product: Node, parameters: Collection[Node]) -> Weighted | None:
    lines = shown.operands(product)
    weights = [line for line in lines if line.source in parameters]
    if len(lines) != 2 or len(weights) != 1 or any(line.source.shape for line in lines):
        return None
    data = next(line for line in lines if line is not weights[0])
    return Weighted(data, weights[0], (), ())
