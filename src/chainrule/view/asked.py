"""Why a gradient is what it is, as plain data: paths with the boxes that they lead through."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from chainrule.errors import ArgumentError
from chainrule.explaining.asked import asked
from chainrule.explaining.explanation import Explanation
from chainrule.explaining.gradient_names import gradient_name, gradient_text
from chainrule.explaining.why import Path, Paths, Reached, element_name, paths
from chainrule.graph import Node
from chainrule.structure import leaves
from chainrule.view.steps import places
from chainrule.writing import scalar_text

#: How many paths of one number are shown.
SHOWN = 8
#: How many numbers can be asked about without a host, which would compute the answer.
PRECOMPUTED = 96
#: How many numbers may lie between one and the output, and between all that are precomputed and
#: the output: each takes about a tenth of a millisecond.
BETWEEN, PRECOMPUTED_BETWEEN = 100_000, 10_000


def why(
    explanation: Explanation, name: str, k: int = SHOWN, reached: Reached | None = None
) -> dict[str, Any]:
    """Return the gradient of one number as a sum over paths, as plain data.

    Parameters
    ----------
    explanation : Explanation
    name : str
        A number: ``"b"``, ``"w[0]"`` or ``"W1[0, 2]"``.
    k : int
        How many paths, largest first.
    reached : Reached, optional
        Where many numbers are asked about: what is known from those before.

    Returns
    -------
    dict
        ``name``; ``title``, what its gradient is called; ``gradient`` and ``rest`` (text and
        number); ``count``; ``terms``, each with its ``product``, ``factors`` as text, and
        ``stops``: the boxes from the number to the output, with ``id``, ``name``.

    Raises
    ------
    ArgumentError
        For what is no number with a gradient, and where too many numbers lie between.
    """
    node, index = asked(name, explanation.derivation)
    between = _between(explanation)
    if between > BETWEEN:
        raise ArgumentError(
            "Too many numbers lie between this one and the output to tell paths apart here.",
            expected=f"at most {BETWEEN:,}", got=f"{between:,}",
            instead="smaller arrays, or fewer samples",
        )  # fmt: skip
    label = explanation.derivation.label
    found = paths(explanation.derivation.joint, node, index, k, label=label, reached=reached)
    return _data(found, places(explanation))


def _between(explanation: Explanation) -> int:
    """Return how many numbers the paths of one number may lead through, at most."""
    joint = explanation.derivation.joint
    nodes = (n for n in joint.forward.nodes if n in joint.gradients and not n.is_input)
    return sum(math.prod(node.shape) for node in nodes)


def _data(found: Paths, ids: dict[Node, str]) -> dict[str, Any]:
    hidden = found.count - len(found.shown)
    name = element_name(found.label(found.node), found.index)
    return {
        "name": name,
        "title": gradient_text(gradient_name(name)),
        "gradient": _number(found.gradient),
        "count": found.count,
        "hidden": hidden,
        "rest": _number(found.rest),
        "terms": [_term(path, found, ids) for path in found.shown],
    }


def _term(path: Path, found: Paths, ids: dict[Node, str]) -> dict[str, Any]:
    stops = [(found.node, found.index), *((link.node, link.index) for link in path.links)]
    factors = [link.derivative for link in path.links]
    if path.upstream != 1 or not factors:
        factors.append(path.upstream)
    return {
        "product": _number(path.product),
        "factors": [scalar_text(factor) for factor in factors],
        "stops": [
            {"id": element_id(ids[node], index), "name": element_name(found.label(node), index)}
            for node, index in stops
        ],
    }


def _number(value: float) -> dict[str, Any]:
    return {"text": scalar_text(value), "number": value if np.isfinite(value) else None}


def element_id(node: str, index: tuple[int, ...]) -> str:
    """Return what one element of a node is called in a picture.

    Examples
    --------
    >>> element_id("n3", (0, 1))
    'n3[0,1]'
    """
    return f"{node}[{','.join(map(str, index))}]" if index else node


def elements(name: str, gradient: Any) -> Iterator[str]:
    """Yield the name of each single number in the gradient of an argument.

    Examples
    --------
    >>> list(elements("w", [1.0, np.zeros((1, 2))]))
    ['w[0]', 'w[1][0, 0]', 'w[1][0, 1]']
    """
    for path, leaf in leaves(gradient, name):
        if leaf is None or isinstance(leaf, str):
            continue
        for index in np.ndindex(np.shape(leaf)):
            yield element_name(path, index)


def precomputed(explanation: Explanation) -> dict[str, Any]:
    """Answer for each number of the small arguments, as far as one file should hold.

    Arguments come one element each in turn, so that none is left out for another's sake.
    """
    asked_for = [
        elements(name, gradient) for name, gradient in explanation.gradients.items()
    ]  # fmt: skip
    turns = itertools.chain.from_iterable(itertools.zip_longest(*asked_for))
    count = min(PRECOMPUTED, PRECOMPUTED_BETWEEN // max(1, _between(explanation)))
    names = itertools.islice((n for n in turns if n is not None), count)
    reached = Reached(explanation.derivation.joint)
    found: dict[str, Any] = {}
    for name in names:
        try:
            found[name] = why(explanation, name, reached=reached)
        except ArgumentError:  # through complex numbers there are no products
            continue
    return found
