"""Where the first number that is not finite arose, among nodes with values."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.graph import Node
from chainrule.notation import Written
from chainrule.writing import write

Index = tuple[int, ...]


@dataclass(frozen=True)
class Origin:
    """An operation of finite numbers whose result is not finite.

    Attributes
    ----------
    node : Node
        The operation; on the way back that of the forward pass whose derivative it is.
    element : tuple of int
        The first place of the result that is not finite.
    numbers : dict of str to float
        The operands there, by name.
    result : float
    text : str
        The operation with these numbers: ``0 / 0 = NaN``.
    inner : int or None
        The place along the axis that is summed, for the largest product of a matrix product.
    """

    node: Node
    element: Index
    numbers: dict[str, float]
    result: float
    text: str
    inner: int | None = None


def is_finite(value: Any) -> bool:
    """Whether all of it is finite; what is no number is."""
    array = np.asarray(value)
    return array.dtype.kind not in "fc" or bool(np.all(np.isfinite(array)))


def first_bad(array: Any) -> Index:
    """Return the first place that is not finite."""
    return tuple(map(int, np.argwhere(~np.isfinite(np.asarray(array)))[0]))


def told(value: float) -> str:
    """Return a number as it is read: ``∞``, ``NaN``, ``1.5e+26``.

    Examples
    --------
    >>> told(float("-inf")), told(0.0), told(1.47891e26)
    ('-∞', '0', '1.479e+26')
    """
    if np.isnan(value):
        return "NaN"
    if np.isinf(value):
        return "∞" if value > 0 else "-∞"
    return f"{value:.4g}"


# -- forward ---------------------------------------------------------------------------


def bad_nodes(nodes: Sequence[Node], ends: Iterable[Node]) -> list[Node]:
    """Return the nodes that are not finite and from which an end that is not finite is computed.

    An infinity that the program takes care of, as by a mask, does not reach an end and is not
    among them.
    """
    wanted = {end for end in ends if not is_finite(end.value)}
    for node in reversed(nodes):
        if node in wanted:
            wanted.update(i for i in node.inputs if not is_finite(i.value))
    return [node for node in nodes if node in wanted]


def first_origin(bad: Sequence[Node]) -> Origin | None:
    """Return the first operation of finite numbers among nodes that are not finite.

    Where there is none, since an infinity was put in on purpose, that in which the first NaN arose.
    """
    made = [node for node in bad if not node.is_leaf]
    for node in made:
        if all(is_finite(i.value) for i in node.inputs):
            return origin_of(node)
    for node in made:
        if np.isnan(node.value).any() and not any(np.isnan(i.value).any() for i in node.inputs):
            return origin_of(node, np.isnan(node.value))
    return None


def nan_from(bad: Sequence[Node], origin: Origin) -> Origin | None:
    """Return the operation that made a NaN of an infinity, if the origin gave an infinity."""
    if np.isnan(origin.result):
        return None
    for node in bad:
        if node.is_leaf or node is origin.node or not np.isnan(node.value).any():
            continue
        if not any(np.isnan(np.asarray(i.value)).any() for i in node.inputs):
            return origin_of(node, np.isnan(node.value))
    return None


def origin_of(node: Node, where: Any = None) -> Origin:
    """Return what is to be told of an operation, at the first place of a mask.

    Parameters
    ----------
    node : Node
    where : array of bool, optional
        Where its value is not finite, unless given.
    """
    value = np.asarray(node.value)
    mask = ~np.isfinite(value) if where is None else np.asarray(where)
    element = tuple(map(int, np.argwhere(mask)[0]))
    result = float(np.real(value[element]))
    if node.op.elementwise:
        found = {i: at(i.value, value.shape, element) for i in node.inputs}
        numbers = {label(i, k): found[i] for k, i in enumerate(node.inputs)}
        return Origin(node, element, numbers, result, f"{_formula(node, found)} = {told(result)}")
    if node.op.name == "matmul" and all(len(i.shape) == 2 for i in node.inputs):
        return _of_product(node, element, result)
    return _of_many(node, element, result)


def at(value: Any, shape: Index, element: Index) -> float:
    """Return the number that stands at a place, once a value is broadcast to a shape."""
    return float(np.real(np.broadcast_to(value, shape)[element]))


def label(node: Node, position: int) -> str:
    """Return what an operand is called."""
    return node.name or (f"operand {position + 1}" if node.is_leaf else node.op.name)


def _formula(node: Node, numbers: dict[Node, float]) -> str:
    """Write an operation with a number for each operand."""
    labels = {i: Written(told(v), "unary" if v < 0 else "atom", "text") for i, v in numbers.items()}
    return write(node, "text", labels.get).string


def _of_product(node: Node, element: Index, result: float) -> Origin:
    a, b = (np.asarray(i.value, float) for i in node.inputs)
    with np.errstate(all="ignore"):
        terms = a[element[0]] * b[:, element[1]]
    inner = int(np.argmax(np.where(np.isnan(terms), np.inf, np.abs(terms))))
    left, right = float(a[element[0], inner]), float(b[inner, element[1]])
    numbers = {
        label(i, k): v for k, (i, v) in enumerate(zip(node.inputs, (left, right), strict=True))
    }
    text = (
        f"the sum of {len(terms)} products, the largest of which is {told(left)} · "
        f"{signed(right)} = {told(terms[inner])}, is {told(result)}"
    )
    return Origin(node, element, numbers, result, text, inner)


def signed(value: float) -> str:
    """Return a number as a factor: in parentheses if it is negative."""
    return f"({told(value)})" if value < 0 else told(value)


def _of_many(node: Node, element: Index, result: float) -> Origin:
    numbers, shown = {}, []
    for k, operand in enumerate(node.inputs):
        array = np.asarray(operand.value)
        if array.dtype.kind not in "fc" or not array.size:
            continue
        low, high = float(np.min(array)), float(np.max(array))
        most = high if abs(high) >= abs(low) or np.isnan(high) else low
        numbers[label(operand, k)] = most
        between = f"{told(low)} to {told(high)}" if array.size > 1 else told(low)
        shown.append(f"{array.size} numbers from {between}" if array.size > 1 else between)
    text = f"{node.op.name} of {', '.join(shown) or 'nothing'} = {told(result)}"
    return Origin(node, element, numbers, result, text)
