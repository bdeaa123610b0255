"""Local derivatives of one operation, scalar by scalar: elements, rows, columns, blocks."""

from __future__ import annotations

import numpy as np

from chainrule.errors import ArgumentError
from chainrule.explain.probe import Floats, Probe, carries, edges
from chainrule.graph import Node

Index = tuple[int, ...]


def flat_index(node: Node, index: int | Index) -> int:
    """Return the row-major number of an element.

    Raises
    ------
    ArgumentError
        When the node has no such element.
    """
    given = index if isinstance(index, tuple) else (index,)
    shape = node.shape
    inside = len(given) == len(shape) and all(
        -n <= i < n for i, n in zip(given, shape, strict=True)
    )
    if not inside:
        raise ArgumentError(
            f"{node.name or node.op.name} has no element {list(given)}.",
            expected=f"{len(shape)} whole numbers within shape {shape}"
            if shape
            else "no index: it is one number",
            got=repr(index),
        )
    place = tuple(i % n for i, n in zip(given, shape, strict=True))
    return int(np.ravel_multi_index(place, shape)) if shape else 0


def element(node: Node, number: int) -> Index:
    """Return the index of the element with a row-major number."""
    return tuple(int(i) for i in np.unravel_index(number, node.shape)) if node.shape else ()


def column(consumer: Node, position: int, index: int | Index = ()) -> dict[Index, float]:
    """Return how each element of a result changes with one element of an operand.

    Parameters
    ----------
    consumer : Node
    position : int
        Which operand.
    index : int or tuple of int
        Which element of the operand.

    Returns
    -------
    dict
        Index in the result -> derivative, where that is not zero.

    Examples
    --------
    >>> import numpy as np
    >>> from chainrule.graphing import record
    >>> f = lambda X, W: X @ W
    >>> z = record(f, (np.array([[1.0, 2.0], [3.0, 4.0]]), np.ones((2, 2))), {}).graph.output
    >>> column(z, 1, (0, 1))
    {(0, 1): 1.0, (1, 1): 3.0}
    """
    number = flat_index(consumer.inputs[position], index)
    found = edges(consumer, position, np.array([number]))
    return {
        element(consumer, int(t)): float(v)
        for t, v in sorted(zip(found.targets, found.values, strict=True))
    }


def row(consumer: Node, position: int, index: int | Index = ()) -> dict[Index, float]:
    """Return how one element of a result changes with each element of an operand.

    It is the rule's product with a one-hot upstream gradient.

    Parameters
    ----------
    consumer : Node
    position : int
        Which operand.
    index : int or tuple of int
        Which element of the result.

    Returns
    -------
    dict
        Index in the operand -> derivative, where that is not zero.

    Examples
    --------
    >>> import numpy as np
    >>> from chainrule.graphing import record
    >>> f = lambda X, W: X @ W
    >>> z = record(f, (np.array([[1.0, 2.0], [3.0, 4.0]]), np.ones((2, 2))), {}).graph.output
    >>> row(z, 1, (1, 0))
    {(0, 0): 3.0, (1, 0): 4.0}
    """
    number = flat_index(consumer, index)
    operand = consumer.inputs[position]
    if not carries(consumer, position) or 0 in operand.shape:
        return {}
    unit = np.zeros(consumer.abstract.size)
    unit[number] = 1.0
    values = Probe(consumer, position).pulled(unit.reshape(consumer.shape)).reshape(-1)
    return {element(operand, int(i)): float(values[i]) for i in np.flatnonzero(values)}


def jacobian_block(consumer: Node, position: int, limit: int = 4096) -> Floats:
    """Return all local derivatives of one operation by one operand, to be shown.

    Parameters
    ----------
    consumer : Node
    position : int
    limit : int
        More numbers than this are refused.

    Returns
    -------
    array
        Of the result's shape followed by the operand's.

    Raises
    ------
    ArgumentError
        When it would be too large to show.

    Examples
    --------
    >>> import numpy as np
    >>> from chainrule.graphing import record
    >>> y = record(lambda x: x**2, (np.array([1.0, 3.0]),), {}).graph.output
    >>> jacobian_block(y, 0)
    array([[2., 0.],
           [0., 6.]])
    """
    operand = consumer.inputs[position]
    rows, columns = consumer.abstract.size, operand.abstract.size
    if rows * columns > limit:
        raise ArgumentError(
            f"The Jacobian of {consumer.name or consumer.op.name} is too large to show.",
            expected=f"at most {limit:,} numbers",
            got=f"{rows:,} × {columns:,}",
            instead="ask for one row or one column of it",
        )
    found = edges(consumer, position)
    block = np.zeros((rows, columns))
    block[found.targets, found.sources] = found.values
    return block.reshape(consumer.shape + operand.shape)
