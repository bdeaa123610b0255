"""The same computation in another notation: samples as columns, a sum in place of a mean.

A notation is a rewrite of the graph, and all else is derived anew from what comes out of it.

``columns`` (or ``rows``, for a function that has samples as columns): every matrix is its
transpose, parameters among them. Where a function says ``z = x @ W + b``, with W of shape
(inputs, outputs), the notation says ``z = W @ x + b``, with W of shape (outputs, inputs) and b
a column, as textbooks with column vectors do; and ``dW = dz @ x.T`` instead of ``x.T @ dz``.
Vectors that are not added to the rows of a matrix stay vectors.

``sum`` and ``mean``: where the output is a multiple of a mean, the same of the sum, and the
reverse where the terms are samples. Each gradient then differs by the number of terms.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from chainrule.errors import ArgumentError
from chainrule.explaining.averaging import NotAveragedError, averaged, found_average
from chainrule.explaining.derivation import derive
from chainrule.explaining.explanation import Explanation
from chainrule.explaining.turning import NotTurnedError, columns_of, turned, turned_value
from chainrule.explaining.update import DATA_NAMES
from chainrule.graph import Graph, Node
from chainrule.graphing import Recording
from chainrule.structure import map_leaves

#: All that there are, in the order in which they are offered.
IDS = ("columns", "rows", "sum", "mean")


@dataclass(frozen=True, slots=True)
class Notation:
    """Another way to write the same computation.

    Attributes
    ----------
    id : {"columns", "rows", "sum", "mean"}
    title : str
        What to show a reader.
    """

    id: str
    title: str


def notations(explanation: Explanation) -> tuple[Notation, ...]:
    """Return the notations that a computation can be rewritten in.

    Parameters
    ----------
    explanation : Explanation

    Returns
    -------
    tuple of Notation

    Examples
    --------
    >>> from chainrule.graphing import record
    >>> from chainrule.explaining.derivation import derive
    >>> def loss(X, w):
    ...     return np.mean((X @ w) ** 2)
    >>> made = derive(record(loss, (np.eye(3), np.ones(3)), {}))
    >>> [n.title for n in notations(Explanation(made))]
    ['samples as columns', 'sum instead of mean (gradients times 3)']
    """
    offered = []
    graph = explanation.derivation.graph
    for name in IDS:
        if _attempt(graph, name)[1] is None:
            offered.append(Notation(name, _title(graph, name)))
    return tuple(offered)


def reason_against(explanation: Explanation, notation: str) -> str | None:
    """Return why a notation is not offered, or None where it is."""
    _check(notation)
    return _attempt(explanation.derivation.graph, notation)[1]


def rewritten(explanation: Explanation, ids: Iterable[str]) -> Explanation:
    """Derive the same computation anew in other notations.

    Parameters
    ----------
    explanation : Explanation
    ids : iterable of str
        Notations, one applied after the other.

    Returns
    -------
    Explanation
        Its arguments and gradients are transposed, or multiplied by the number of terms.

    Raises
    ------
    ArgumentError
        For a notation that there is not, or that cannot be had here, with the reason.
    """
    for name in (ids,) if isinstance(ids, str) else tuple(ids):
        _check(name)
        result, reason = _attempt(explanation.derivation.graph, name)
        if result is None:
            raise ArgumentError(
                f"This computation cannot be written with {_WORDS[name]}.",
                expected=f"one of {_listed(n.id for n in notations(explanation))}",
                got=f"{name!r}: {reason}",
            )
        explanation = _derived(explanation, *result, turns=name in _TURNS)
    return explanation


def given_value(value: Any, like: Any, ids: Iterable[str]) -> Any:
    """Return a value that was written in a notation as the function takes it.

    Parameters
    ----------
    value : number, list or array
        An argument, or the upstream gradient, as :func:`rewritten` shows it.
    like : number, list or array
        What the function was given, which has the number of axes that is wanted.
    ids : iterable of str
        The notations.
    """
    turns = sum(name in _TURNS for name in ids)
    if np.ndim(value) != 2 or not (turns % 2 or np.ndim(like) == 1):
        return value
    return np.ravel(value) if np.ndim(like) == 1 else np.transpose(value)


#: The notations in which every matrix is its transpose.
_TURNS = ("columns", "rows")
_WORDS = {
    "columns": "samples as columns", "rows": "samples as rows",
    "sum": "the sum instead of the mean", "mean": "the mean instead of the sum",
}  # fmt: skip


def _check(name: str) -> None:
    if name not in IDS:
        raise ArgumentError(
            f"There is no notation {name!r}.", expected=f"one of {', '.join(IDS)}", got=repr(name)
        )


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names) or "none: this computation is written in one way"


def _title(graph: Graph, name: str) -> str:
    if name in ("columns", "rows"):
        return _WORDS[name]
    count = found_average(graph).count
    words = ("sum", "mean", "times") if name == "sum" else ("mean", "sum", "divided by")
    return f"{words[0]} instead of {words[1]} (gradients {words[2]} {count})"


Rewritten = tuple[Graph, dict[Node, Node]]


def _attempt(graph: Graph, name: str) -> tuple[Rewritten | None, str | None]:
    """Return the rewritten graph, or else why there is none."""
    try:
        return _REWRITES[name](graph), None
    except (NotTurnedError, NotAveragedError) as error:
        return None, str(error)


def _turned_from(wanted: bool) -> Callable[[Graph], Rewritten]:
    def rewrite(graph: Graph) -> Rewritten:
        if not any(len(n.shape) == 2 for n in graph.nodes):
            raise NotTurnedError("there is no matrix in it")
        if has_columns(graph) is wanted:
            raise NotTurnedError(f"its samples are {'columns' if wanted else 'rows'} already")
        return turned(graph)

    return rewrite


_REWRITES: Mapping[str, Callable[[Graph], Rewritten]] = {
    "columns": _turned_from(True),
    "rows": _turned_from(False),
    "sum": lambda graph: averaged(graph, mean=False),
    "mean": lambda graph: averaged(graph, mean=True),
}


def has_columns(graph: Graph) -> bool:
    """Whether samples are columns, as far as the graph tells.

    Data stand left of parameters in products with samples as rows, and right of them with
    samples as columns. What is computed is data rather than parameters; of two arguments, the
    name decides. Biases are vectors or rows there, and columns here.
    """
    votes = -int(bool(columns_of(graph)))
    for node in graph.nodes:
        if len(node.inputs) != 2 or len(node.shape) != 2:
            continue
        left, right = node.inputs
        if node.op.subscripts is not None and len(left.shape) == len(right.shape) == 2:
            votes += _is_data(right) - _is_data(left)
        if node.op.elementwise:
            votes += sum(
                (i.shape[1] == 1 < node.shape[1]) - (i.shape[0] == 1 < node.shape[0])
                for i in node.inputs
                if i.is_leaf and len(i.shape) == 2
            )
    return votes > 0


def _is_data(node: Node) -> bool:
    while node.op.view and len(node.inputs) == 1:
        (node,) = node.inputs
    return not node.is_leaf or node.name in DATA_NAMES


def _derived(
    explanation: Explanation, graph: Graph, image: dict[Node, Node], turns: bool
) -> Explanation:
    derivation = explanation.derivation
    old = derivation.recording
    inputs = {n.name: image[n] for n in derivation.graph.inputs}

    def node(leaf: Any, path: str) -> Any:
        return image.get(leaf, leaf) if isinstance(leaf, Node) else leaf

    def value(leaf: Any, path: str) -> Any:
        there = inputs.get(path)
        return leaf if there is None or stays(leaf, there) else there.value

    def stays(value: Any, there: Node) -> bool:
        # A square matrix has the shape of its transpose.
        return np.shape(value) == there.shape and not (turns and np.ndim(value) == 2)

    recording: Recording = replace(
        old,
        graph=graph,
        arguments={n: map_leaves(node, a, n) for n, a in old.arguments.items()},
        values={n: map_leaves(value, v, n) for n, v in old.values.items()},
    )
    upstream = None
    if explanation.has_upstream:
        given = derivation.joint.gradients[derivation.joint.forward.output].value
        upstream = given if stays(given, graph.output) else turned_value(given, column=True)
    return Explanation(derive(recording, upstream, bool(derivation.same)))
