"""Why each transpose, sum over an axis and outer product of a backward pass is there.

The index sum of a gradient is put together from the ``subscripts`` of the operations in
its formula, so that ``X.T @ dZ`` is seen to be Σ_n X[n,i] · dZ[n,j].
"""

from __future__ import annotations

import math
from collections import ChainMap
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from chainrule.backward import Contribution, Joint
from chainrule.explaining.gradient_names import (
    gradient_latex,
    gradient_name,
    gradient_text,
    gradient_written,
)
from chainrule.graph import Node
from chainrule.notation import Written
from chainrule.rules import TABLE
from chainrule.writing import latex_name, symbol, write

_OUT = "ijklabcd"
_SUMMED = "nmpqrstuvw"


@dataclass(frozen=True, slots=True)
class Factor:
    """One array in an index sum, and the indices at which it is read."""

    node: Node
    name: str
    indices: tuple[str, ...]
    is_gradient: bool = False

    def text(self) -> str:
        """Return it as ``X[n,i]``."""
        name = gradient_text(self.name) if self.is_gradient else self.name
        return f"{name}[{','.join(self.indices)}]" if self.indices else name

    def latex(self) -> str:
        """Return it as LaTeX."""
        name = gradient_latex(self.name) if self.is_gradient else latex_name(self.name)
        return rf"\left({name}\right)_{{{','.join(self.indices)}}}" if self.indices else name


@dataclass(frozen=True, slots=True)
class ShapeNote:
    """Why a gradient has the form that it has.

    Attributes
    ----------
    contribution : Contribution
    gradient : str
        What is computed: ``dW``.
    formula : str
        ``X.T @ dZ``.
    indices : tuple of str
        Indices of the gradient.
    summed : dict
        Index that is summed over -> how many values it takes.
    factors : tuple of Factor
    shapes : str
        ``(4, 3) @ (3, 2) -> (4, 2), the shape of W``.
    reason : str
    """

    contribution: Contribution
    gradient: str
    formula: str
    indices: tuple[str, ...]
    summed: dict[str, int]
    factors: tuple[Factor, ...]
    shapes: str
    reason: str

    @property
    def index_sum(self) -> str:
        """The index sum as text: ``dW[i,j] = Σ_n X[n,i] · dZ[n,j]``."""
        sign = f"Σ_{','.join(self.summed)} " if self.summed else ""
        return f"{self._left.text()} = {sign}{' · '.join(f.text() for f in self.factors)}"

    @property
    def latex(self) -> str:
        """The index sum as LaTeX."""
        sign = rf"\sum_{{{','.join(self.summed)}}} " if self.summed else ""
        right = r" \, ".join(factor.latex() for factor in self.factors)
        return f"{self._left.latex()} = {sign}{right}"

    @property
    def _left(self) -> Factor:
        operand = self.contribution.operand
        return Factor(operand, self.gradient, self.indices, is_gradient=True)

    @property
    def einsum(self) -> str:
        """The index sum in the notation of :func:`numpy.einsum`."""
        terms = ",".join("".join(f.indices) for f in self.factors)
        return f"{terms}->{''.join(self.indices)}"

    def text(self) -> str:
        """Return the note in four lines."""
        return (
            f"{gradient_text(self.gradient)} = {self.formula}\n  {self.index_sum}\n"
            f"  {self.shapes}\n  {self.reason}"
        )

    def __str__(self) -> str:
        return self.text()


def shapes(joint: Joint, label: Callable[[Node], str] | None = None) -> list[ShapeNote]:
    """Explain the form of each gradient that is an index sum.

    Parameters
    ----------
    joint : Joint
    label : callable, optional
        What nodes of the forward pass are called.

    Returns
    -------
    list of ShapeNote
        In the order of the backward pass; a product for which no index sum can be
        derived is left out.
    """
    name = label or (lambda node: node.name or node.op.name)
    names = {node: name(node) for node in joint.forward.nodes if not node.is_constant}
    notes = (_note(joint, contribution, names, name) for contribution in joint.contributions)
    return [note for note in notes if note is not None]


def _note(
    joint: Joint,
    contribution: Contribution,
    values: dict[Node, str],
    label: Callable[[Node], str],
) -> ShapeNote | None:
    root = contribution.node
    upstream = joint.gradients[contribution.consumer]
    if root is upstream or root.op.subscripts is None:
        return None
    above = gradient_name(label(contribution.consumer))
    names = ChainMap({upstream: above}, values)
    letters = tuple(_OUT[: len(root.shape)])
    factors = _factors(root, letters, names, upstream)
    if factors is None:
        return None
    sizes = {i: n for f in factors for i, n in zip(f.indices, f.node.shape, strict=True)}
    summed = {i: sizes[i] for f in factors for i in f.indices if i not in letters}

    def named(node: Node) -> Written | None:
        if node is upstream:
            return gradient_written(above, "text")
        return None if node not in names else symbol(names[node], "text")

    text = write(root, "text", named)
    operand = label(contribution.operand)
    return ShapeNote(
        contribution, gradient_name(operand), text.string, letters, summed, tuple(factors),
        f"{_shapes(root)} -> {root.shape}, the shape of {operand}",
        _reason(operand, contribution, factors, summed),
    )  # fmt: skip


def _shapes(root: Node) -> str:
    operands = [Written(str(i.shape)) for i in root.inputs]
    if len(operands) == 2:
        return root.op.notation.write("text", operands, root.params).string
    return ", ".join(map(str, operands))


def _factors(
    root: Node, letters: tuple[str, ...], names: Mapping[Node, str], upstream: Node
) -> list[Factor] | None:
    """Spread the indices of a result over the named arrays that it is made of."""
    fresh = iter(_SUMMED)
    found: list[Factor] = []
    waiting = [(root, letters)]
    while waiting:
        node, indices = waiting.pop()
        if node is not root and node in names:
            found.append(Factor(node, names[node], indices, node is upstream))
            continue
        operands = _operands(node, indices, fresh)
        if operands is None:
            return None
        waiting.extend(reversed(operands))
    return found


def _operands(
    node: Node, indices: tuple[str, ...], fresh: Iterator[str]
) -> list[tuple[Node, tuple[str, ...]]] | None:
    if node.op is TABLE["multiply"]:
        # Elementwise: both factors are read at the same place.
        if any(i.shape != node.shape for i in node.inputs):
            return None
        return [(i, indices) for i in node.inputs]
    if node.op.subscripts is None:
        return None
    spec = node.op.subscripts([i.shape for i in node.inputs], **node.params)
    if spec is None:
        return None
    terms, result = spec.split("->")
    if len(result) != len(indices):
        return None
    known = dict(zip(result, indices, strict=True))
    operands = []
    for operand, term in zip(node.inputs, terms.split(","), strict=True):
        for letter in term:
            if letter not in known:
                known[letter] = next(fresh)
        operands.append((operand, tuple(known[letter] for letter in term)))
    return operands


def _reason(
    operand: str, contribution: Contribution, factors: list[Factor], summed: dict[str, int]
) -> str:
    over = " and ".join(summed)
    if len(factors) == 1 and summed:
        times = " x ".join(map(str, summed.values()))
        return (
            f"{operand} was used {times} times, once for each {over}; each use passes its "
            f"gradient back, and they add up: that is the sum over {over}."
        )
    met = " and ".join(f.text() for f in factors)
    if summed:
        one = math.prod(summed.values()) == 1
        ways = f"{' x '.join(map(str, summed.values()))} {'way' if one else 'ways'}"
        return (
            f"Each element of {operand} reaches the result once for each {over} ({ways}), "
            f"and each way is one product of {met}: they are summed over {over}, the axis that "
            "the product brings together."
        )
    return (
        f"Each element of {operand} goes into one product only, so nothing is summed: "
        f"each element of the gradient is one product of {met}."
    )
