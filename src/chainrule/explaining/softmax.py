"""Softmax's gradient both ways: the explicit Jacobian product, and the short form."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.explaining.derivation import Derivation, derive
from chainrule.graph import Node
from chainrule.rules.softmax import SOFTMAX

#: Rows with more classes than this are not written out.
MOST_CLASSES = 8


@dataclass(frozen=True, slots=True)
class Row:
    """One sample of a batch.

    Attributes
    ----------
    index : tuple of int
        Which sample.
    probabilities, upstream : array
        p, and the gradient with respect to p.
    jacobian : array
        ∂p/∂z of this row: diag(p) - p pᵀ.
    product : array
        The Jacobian times the upstream gradient.
    short : array
        The same row of the gradient as it was derived without the Jacobian.
    """

    index: tuple[int, ...]
    probabilities: Any
    upstream: Any
    jacobian: Any
    product: Any
    short: Any


@dataclass(frozen=True, slots=True)
class BothWays:
    """The gradient with respect to the logits, row by row.

    Attributes
    ----------
    probabilities, logits : str
        The user's names.
    rows : tuple of Row
    """

    probabilities: str
    logits: str
    rows: tuple[Row, ...]


def both_ways(derivation: Derivation, most_rows: int = 3) -> BothWays | None:
    """Work out the first softmax of a derivation both ways.

    Returns
    -------
    BothWays or None
        None where no softmax was recognised, or it runs over another axis than the last.
    """
    for added, original in derivation.same:
        written = original in derivation.labels
        if added.op is SOFTMAX and written and added.params["axis"] == (len(added.shape) - 1,):
            return _rows(derivation, added, original, most_rows)
    return None


def _rows(derivation: Derivation, softmax: Node, original: Node, most_rows: int) -> BothWays | None:
    (logits,) = softmax.inputs
    short = derivation.joint.gradients.get(logits)
    explicit = derive(derivation.recording, _upstream(derivation), simplified=False)
    name = derivation.label(original)
    upstream = next(
        (g for node, g in explicit.joint.gradients.items() if explicit.label(node) == name), None
    )
    if short is None or upstream is None or softmax.shape[-1] > MOST_CLASSES:
        return None
    rule = SOFTMAX.pullback(0)
    assert rule is not None
    rows = []
    for index in list(np.ndindex(softmax.shape[:-1]))[:most_rows]:
        p, z = softmax.value[index], logits.value[index]
        units = np.eye(len(p), dtype=p.dtype)
        jacobian = np.stack([rule(unit, p, z, axis=(0,)) for unit in units])
        g = upstream.value[index]
        # Row i of the Jacobian is ∂p_i/∂z, so the gradient is its transpose times dp.
        rows.append(Row(index, p, g, jacobian, jacobian.T @ g, short.value[index]))
    return BothWays(name, derivation.label(logits), tuple(rows))


def _upstream(derivation: Derivation) -> Any:
    node = derivation.program.upstream
    return None if node is None else node.value
