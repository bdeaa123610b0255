"""Why each transpose, sum over an axis and outer product of a backward pass is there.

Each note sets a formula, such as ``X.T @ dZ``, beside the index sum that it computes. The
index sum is derived from the formula and, where there are values, done by einsum and
compared with the gradient before it is shown.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.backward import Contribution, Joint
from chainrule.explain.indexsum import IndexSum, Name, Slots, entry, index_sum, indices, place
from chainrule.explain.probe import index_terms
from chainrule.graph import Node
from chainrule.notation import Written
from chainrule.writing import leaf, symbol, write

_POOL = "ijklabcdefghpqrstuvwxyz"


@dataclass(frozen=True, slots=True)
class Factor:
    """One array in an index sum, and the indices at which it is read.

    Attributes
    ----------
    node : Node
        Of the joint graph.
    indices : tuple of str
        One an axis; "0" where only that element is read.
    text, latex : str
        ``X[n,i]``.
    """

    node: Node
    indices: tuple[str, ...]
    text: str
    latex: str

    @property
    def letters(self) -> str:
        """Its subscripts in the notation of :func:`numpy.einsum`."""
        return "".join(i for i in self.indices if i != "0")

    @property
    def array(self) -> Any:
        """Its values along the axes that have an index."""
        place = tuple(0 if i == "0" else slice(None) for i in self.indices)
        return np.asarray(self.node.value)[place]


@dataclass(frozen=True, slots=True)
class ShapeNote:
    """Why a gradient has the form that it has.

    Attributes
    ----------
    contribution : Contribution
        What an operation passes back to one operand.
    gradient : str
        What is computed: ``dW``.
    formula : str
        ``X.T @ dZ``.
    indices : tuple of str
        Indices of the gradient.
    summed : dict
        Index that is summed over -> how many values it takes.
    factors : tuple of Factor
    index_sum, latex : str
        ``dW[i,j] = Σ_n X[n,i] · dZ[n,j]``, as text and as LaTeX.
    shapes : str
        ``(4, 3) @ (3, 2) -> (4, 2), the shape of W``.
    reason : str
        One plain sentence.
    """

    contribution: Contribution
    gradient: str
    formula: str
    indices: tuple[str, ...]
    summed: dict[str, int]
    factors: tuple[Factor, ...]
    index_sum: str
    latex: str
    shapes: str
    reason: str

    @property
    def operand(self) -> Node:
        """The value whose gradient it is."""
        return self.contribution.operand

    @property
    def consumer(self) -> Node:
        """The operation that the gradient comes back from."""
        return self.contribution.consumer

    @property
    def einsum(self) -> str:
        """The index sum in the notation of :func:`numpy.einsum`."""
        terms = [factor.letters for factor in self.factors]
        kept = "".join(i for i in self.indices if i in "".join(terms))
        return f"{','.join(terms)}->{kept}"

    def evaluate(self) -> Any:
        """Compute the index sum from the values of its factors, by einsum."""
        shape = self.contribution.node.shape
        arrays = [np.asarray(factor.array, np.float64) for factor in self.factors]
        spec = self.einsum
        value = np.einsum(spec, *arrays, optimize=True) if arrays else np.float64(1)
        kept = spec.partition("->")[2]
        sizes = [n if i in kept else 1 for i, n in zip(self.indices, shape, strict=True)]
        return np.broadcast_to(np.reshape(value, sizes), shape)

    def text(self) -> str:
        """Return the note in four lines."""
        return (
            f"{self.gradient} = {self.formula}\n  {self.index_sum}\n"
            f"  {self.shapes}\n  {self.reason}"
        )

    def __str__(self) -> str:
        return self.text()


def shapes(joint: Joint, label: Callable[[Node], str] | None = None) -> list[ShapeNote]:
    """Explain the form of each gradient that comes from an index sum or a repetition.

    Parameters
    ----------
    joint : Joint
    label : callable, optional
        What nodes of the forward pass are called; their names, or t1, t2, ... unless given.

    Returns
    -------
    list of ShapeNote
        In the order of the backward pass. A product for which no index sum can be
        derived, or whose index sum does not give the product's value, is left out.

    Examples
    --------
    >>> import numpy as np
    >>> from chainrule.graphing import record
    >>> from chainrule.backward import differentiate
    >>> def layer(X, W):
    ...     Z = X @ W
    ...     return np.sum(Z)
    >>> recording = record(layer, (np.ones((3, 4)), np.ones((4, 2))), {})
    >>> notes = shapes(differentiate(recording.graph, recording.wrt_inputs()))
    >>> print(notes[-1])
    dW = X.T @ dZ
      dW[i,j] = Σ_n X[n,i] · dZ[n,j]
      (4, 3) @ (3, 2) -> (4, 2), the shape of W
      W[i,j] meets X[n,i] in Z[n,j] for every n, and each meeting adds one product: \
they are summed over n, which is what X.T @ dZ does.
    """
    if label is None:
        labels = _labels(joint.forward.nodes)
        label = labels.__getitem__
    found = (_note(joint, contribution, label) for contribution in joint.contributions)
    return [note for note in found if note is not None]


def _labels(nodes: tuple[Node, ...]) -> dict[Node, str]:
    taken = {node.name for node in nodes}
    fresh = (f"t{i}" for i in range(1, 2 * len(nodes) + 2) if f"t{i}" not in taken)
    return {n: n.name or (n.op.name if n.is_constant else next(fresh)) for n in nodes}


def _note(
    joint: Joint, contribution: Contribution, label: Callable[[Node], str]
) -> ShapeNote | None:
    root, consumer = contribution.node, contribution.consumer
    upstream = joint.gradients[consumer]
    if root is upstream:
        return None
    names = {node: Name.of(label(node)) for node in joint.forward.nodes if not node.is_constant}
    names[upstream] = Name.of_gradient(label(consumer))
    found = index_sum(root, names)
    if found is None or not (found.summed or index_terms(consumer)):
        return None
    at = place(found, upstream)
    letters = _letters(found, contribution, at)
    if letters is None:
        return None
    several = len(found.factors) > 1 or bool(found.summed)
    factors = tuple(
        Factor(node, indices(slots, letters), *_entries(node, slots, names, letters, several))
        for node, slots in found.factors
    )
    note = _written(contribution, found, factors, letters, names, label, at)
    return note if root.value is None or _holds(note) else None


def _entries(
    node: Node, at: Slots, names: Mapping[Node, Name], letters: Mapping[int, str], several: bool
) -> tuple[str, str]:
    needed = "product!" if several else "sum"
    text, latex = (entry(node, at, names, letters, style) for style in ("text", "latex"))
    return format(text, needed), format(latex, needed)


def _holds(note: ShapeNote) -> bool:
    """Whether the index sum gives the value of the product."""
    value = np.asarray(note.contribution.node.value)
    kinds = [value.dtype, *(np.asarray(factor.node.value).dtype for factor in note.factors)]
    eps = max(float(np.finfo(kind).eps) for kind in kinds if kind.kind == "f")
    near = eps**0.5
    bound = float(np.max(np.abs(value), initial=0.0))
    return bool(np.allclose(note.evaluate(), value, rtol=near, atol=near * bound))


def _letters(
    found: IndexSum, contribution: Contribution, slots: Slots
) -> dict[int, str] | None:
    """Choose a letter for each index: the user's own, or n for the samples and i, j, k.

    Samples are taken to stand along the first axis of the upstream gradient, which is read
    at `slots`.
    """
    letters: dict[int, str] = {}
    terms = index_terms(contribution.consumer)
    if "spec" in contribution.consumer.params and terms is not None:
        pairs = [*zip(found.result, terms[0][contribution.position], strict=True)]
        pairs += zip(slots, terms[1], strict=False)
        letters = {slot: c for slot, c in pairs if slot is not None and c is not None}
        if len(set(letters.values())) < len(letters):
            letters = {}
    used = [s for s in found.result if s is not None] + found.summed
    if not letters and len(slots) > 1 and slots[0] is not None:
        if slots[0] in found.summed or (len(found.result) > 1 and found.result[0] == slots[0]):
            letters[slots[0]] = "n"
    fresh = iter(c for c in _POOL if c not in letters.values())
    for slot in used:
        if slot not in letters:
            letter = next(fresh, None)
            if letter is None:
                return None
            letters[slot] = letter
    return letters


def _written(
    contribution: Contribution,
    found: IndexSum,
    factors: tuple[Factor, ...],
    letters: Mapping[int, str],
    names: Mapping[Node, Name],
    label: Callable[[Node], str],
    slots: Slots,
) -> ShapeNote:
    operand = label(contribution.operand)
    read = "".join(factor.letters for factor in factors)
    result = tuple(
        letters[s] if found.sizes[s] != 1 or letters[s] in read else "0"
        for s in found.result
        if s is not None
    )
    summed = {letters[s]: found.sizes[s] for s in found.summed}
    gradient = Name.of_gradient(operand)
    right = " · ".join(f.text for f in factors) or "1"
    right_latex = r" \, ".join(f.latex for f in factors) or "1"
    sign = f"Σ_{','.join(summed)} " if summed else ""
    sign_latex = rf"\sum_{{{','.join(summed)}}} " if summed else ""
    formula = _formula(contribution.node, factors, result, names)
    at = indices(slots, letters)
    return ShapeNote(
        contribution, gradient.text, formula, result, summed, factors,
        f"{gradient.at(result, 'text')} = {sign}{right}",
        f"{gradient.at(result, 'latex')} = {sign_latex}{right_latex}",
        f"{_shapes(contribution.node, factors, result)} -> {contribution.node.shape}, "
        f"the shape of {operand}",
        _reason(contribution, result, at, summed, factors, formula, label),
    )  # fmt: skip


def _is_outer(factors: tuple[Factor, ...], result: tuple[str, ...]) -> bool:
    """Whether it is the outer product of two vectors."""
    return len(result) == 2 and [f.indices for f in factors] == [(i,) for i in result]


def _formula(
    root: Node, factors: tuple[Factor, ...], result: tuple[str, ...], names: Mapping[Node, Name]
) -> str:
    def written(node: Node) -> Written | None:
        if node in names:
            return symbol(names[node].text, "text")
        return leaf(node, "text") if node.is_leaf else None

    if _is_outer(factors, result):
        operands = [written(f.node) or write(f.node, "text", written) for f in factors]
        return f"outer({operands[0]}, {operands[1]})"
    return write(root, "text", written).string


def _shapes(root: Node, factors: tuple[Factor, ...], result: tuple[str, ...]) -> str:
    """Write the last operation of a formula over the shapes of its operands."""
    if _is_outer(factors, result):
        return f"outer({factors[0].node.shape}, {factors[1].node.shape})"
    terms = index_terms(root)
    if len(root.inputs) == 1 or root.op.view:
        shape = str(root.inputs[0].shape)
        summed = [i for i, c in enumerate(terms[0][0]) if c not in terms[1]] if terms else []
        return f"{shape} summed over {_axes(summed)}" if summed else shape
    operands = [Written(str(i.shape)) for i in root.inputs]
    return root.op.notation.write("text", operands, root.params).string


def _axes(axes: list[int]) -> str:
    return f"ax{'is' if len(axes) == 1 else 'es'} {' and '.join(map(str, axes))}"


def _reason(
    contribution: Contribution,
    result: tuple[str, ...],
    at: tuple[str, ...],
    summed: dict[str, int],
    factors: tuple[Factor, ...],
    formula: str,
    label: Callable[[Node], str],
) -> str:
    """Say in one sentence why the gradient has this form."""
    operand, consumer = contribution.operand, contribution.consumer
    one = Name.of(label(operand)).at(result, "text")
    there = Name.of(label(consumer)).at(at, "text")
    if summed and consumer.op.elementwise:
        axes = _axes([axis for axis, letter in enumerate(at) if letter in summed])
        times = " × ".join(map(str, summed.values()))
        return (
            f"{label(operand)} was repeated along {axes} ({times} times), and each copy passes "
            f"its gradient back, so its gradient is the sum over {axes}."
        )
    passed = Name.of_gradient(label(consumer)).at(at, "text")
    others = " and ".join(f.text for f in factors if f.text != passed)
    over = " and ".join(summed)
    meets = f"meets {others} in {there}" if others else f"is a term of {there}"
    if summed and set(summed.values()) == {1}:
        return (
            f"{one} {meets}, and there is one {over} only, so there is one product and nothing "
            f"to add: {formula} is an outer product."
        )
    if summed:
        adds = "one product" if others else "its gradient"
        return (
            f"{one} {meets} for every {over}, and each meeting adds {adds}: "
            f"they are summed over {over}, which is what {formula} does."
        )
    if others:
        outer = ", an outer product" if _is_outer(factors, result) else ""
        return f"{one} {meets} and nowhere else: one product{outer}, and nothing to sum."
    if any(letter not in at for letter in result if letter != "0"):
        return f"{one} {meets}, and a sum passes its gradient whole to every term."
    return f"{one} stands in {there} unchanged, so its gradient comes back from there."
