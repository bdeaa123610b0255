"""A small backward expression as an index sum: Σ_n X[n,i] · dZ[n,j].

The sum is put together from the ``subscripts`` of the operations in the expression, from
the result down to the named arrays. Products are taken apart into factors; any other
elementwise operation is one factor, read at one place. A view that only adds, drops or
repeats axes passes the indices through; which views do is asked of the view itself, by
moving numbered elements.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from chainrule.explain.probe import index_terms
from chainrule.graph import Node
from chainrule.notation import Style, Written
from chainrule.rules import TABLE
from chainrule.writing import latex_name, number

#: Number of an index, one an axis; None where only element 0 is read.
Slots = tuple[int | None, ...]


@dataclass(frozen=True, slots=True)
class Name:
    """What an array is called, as text and as LaTeX."""

    text: str
    latex: str

    @classmethod
    def of(cls, name: str) -> Name:
        """Name a value of the forward pass."""
        return cls(name, latex_name(name))

    @classmethod
    def of_gradient(cls, name: str) -> Name:
        """Name the gradient with respect to a value."""
        return cls(f"d{name}", rf"\mathrm{{d}}{latex_name(name)}")

    def at(self, index: tuple[str, ...], style: Style) -> Written:
        """Write an element: ``W[i,j]``."""
        if style != "latex":
            text = f"{self.text}[{','.join(index)}]" if index else self.text
            return Written(text, "atom", style)
        if not index:
            return Written(self.latex, "atom", style)
        head = rf"\left({self.latex}\right)" if "_{" in self.latex else self.latex
        return Written(f"{head}_{{{','.join(index)}}}", "atom", style)


@dataclass(frozen=True, slots=True)
class IndexSum:
    """A value as a sum of products over indices.

    Attributes
    ----------
    result : Slots
        Indices of the value.
    factors : list of (Node, Slots)
    sizes : list of int
        How many values each index takes.
    summed : list of int
        The indices that are summed over.
    """

    result: Slots
    factors: list[tuple[Node, Slots]]
    sizes: list[int]
    summed: list[int]


def index_sum(root: Node, names: Mapping[Node, Name]) -> IndexSum | None:
    """Derive the index sum of an expression in terms of named nodes.

    Parameters
    ----------
    root : Node
        It is taken apart even if it has a name.
    names : mapping

    Returns
    -------
    IndexSum or None
        None where an operation in it is no index sum.
    """
    sizes: list[int] = list(root.shape)
    result: Slots = tuple(range(len(sizes)))
    factors: list[tuple[Node, Slots]] = []
    waiting: list[tuple[Node, Slots]] = [(root, result)]
    while waiting:
        node, slots = waiting.pop()
        if (node in names and node is not root) or node.is_leaf:
            if not _is_one(node):
                factors.append((node, slots))
            continue
        parts = _parts(node, slots, sizes)
        if parts is not None:
            waiting.extend(reversed(parts))
        elif node.op.elementwise and _readable(node, slots, names):
            factors.append((node, slots))
        else:
            return None
    read = {slot for _, slots in factors for slot in slots}
    if any(i not in read and sizes[i] != 1 for i in range(len(result), len(sizes))):
        return None
    return IndexSum(result, factors, sizes, sorted(i for i in read - set(result) if i is not None))


def place(found: IndexSum, wanted: Node) -> Slots:
    """Return the indices at which a node is read in the factors, where it is read."""
    waiting = list(reversed(found.factors))
    while waiting:
        node, slots = waiting.pop()
        if node is wanted:
            return slots
        if not node.is_leaf:
            waiting.extend(_inside(node, slots) or [])
    return ()


def _is_one(node: Node) -> bool:
    """Whether a constant is a 1 everywhere, which a product does without."""
    return node.is_constant and node.name is None and bool(np.all(np.asarray(node.value) == 1))


def _parts(node: Node, slots: Slots, sizes: list[int]) -> list[tuple[Node, Slots]] | None:
    """Spread the indices of a result over the operands; None where it is no index sum."""
    written = index_terms(node)
    if written is not None:
        terms, result = written
        known: dict[str, int | None] = {}
        for letter, slot in zip(result, slots, strict=True):
            if letter is not None:
                known[letter] = slot
        parts = []
        for operand, term in zip(node.inputs, terms, strict=True):
            read: list[int | None] = []
            for letter, size in zip(term, operand.shape, strict=True):
                assert letter is not None
                if letter not in known:
                    known[letter] = len(sizes)
                    sizes.append(_size(letter, terms, node))
                slot = known[letter]
                read.append(None if slot is None or size != sizes[slot] else slot)
            parts.append((operand, tuple(read)))
        return parts
    if node.op is TABLE["multiply"]:
        return [(operand, _aligned(operand, node, slots)) for operand in node.inputs]
    if node.op.view and not node.op.elementwise:
        read_at = _through_view(node, slots)
        return None if read_at is None else [(node.inputs[0], read_at)]
    return None


def _size(letter: str, terms: tuple[tuple[str | None, ...], ...], node: Node) -> int:
    return max(
        size
        for term, operand in zip(terms, node.inputs, strict=True)
        for c, size in zip(term, operand.shape, strict=True)
        if c == letter
    )


def _aligned(operand: Node, node: Node, slots: Slots) -> Slots:
    """Return the indices of an operand: None along axes where it was repeated."""
    extra = len(node.shape) - len(operand.shape)
    return tuple(
        slot if size == whole else None
        for slot, size, whole in zip(slots[extra:], operand.shape, node.shape[extra:], strict=True)
    )


def _through_view(node: Node, slots: Slots) -> Slots | None:
    """Follow indices through a view that keeps the order of the elements."""
    operand, *rest = node.inputs
    values = [i.value for i in rest]
    if any(value is None for value in values):
        return None
    size = operand.abstract.size
    numbered = np.arange(size).reshape(operand.shape)
    moved = np.asarray(node.op.forward(numbered, *values, **node.params))
    if _broadcasts(operand.shape, node.shape) and np.array_equal(
        moved, np.broadcast_to(numbered, node.shape)
    ):
        return _aligned(operand, node, slots)
    long = [slot for slot, n in zip(slots, node.shape, strict=True) if n != 1]
    same = [n for n in operand.shape if n != 1] == [n for n in node.shape if n != 1]
    if not same or not np.array_equal(moved.reshape(-1), np.arange(size)):
        return None
    slot = iter(long)
    return tuple(next(slot) if n != 1 else None for n in operand.shape)


def _broadcasts(shape: tuple[int, ...], to: tuple[int, ...]) -> bool:
    aligned = to[len(to) - len(shape) :] if len(shape) <= len(to) else ()
    if len(shape) != len(aligned):
        return False
    return all(n in (1, m) for n, m in zip(shape, aligned, strict=True))


def _readable(node: Node, slots: Slots, names: Mapping[Node, Name]) -> bool:
    """Whether one element of an elementwise expression can be written out."""
    waiting = [(node, slots)]
    while waiting:
        current, at = waiting.pop()
        if current in names or current.is_leaf:
            continue
        inner = _inside(current, at)
        if inner is None:
            return False
        waiting.extend(inner)
    return True


def _inside(node: Node, slots: Slots) -> list[tuple[Node, Slots]] | None:
    if node.op.elementwise:
        return [(operand, _aligned(operand, node, slots)) for operand in node.inputs]
    if node.op.view and node.op.subscripts is None:
        read = _through_view(node, slots)
        return None if read is None else [(node.inputs[0], read)]
    return None


def entry(
    node: Node, slots: Slots, names: Mapping[Node, Name], letters: Mapping[int, str], style: Style
) -> Written:
    """Write one element of a factor: ``X[n,i]``, or an elementwise expression of such.

    The expression is a rule's, and so a few operations deep at most.
    """
    if node in names or node.is_leaf:
        return _element(node, slots, names, letters, style)
    inner = _inside(node, slots)
    assert inner is not None
    written = [entry(operand, at, names, letters, style) for operand, at in inner]
    if not node.op.elementwise:
        return written[0]
    return node.op.notation.write(style, written, node.params)


def _element(
    node: Node, slots: Slots, names: Mapping[Node, Name], letters: Mapping[int, str], style: Style
) -> Written:
    name = names.get(node) or (Name.of(node.name) if node.name else None)
    if name is None:
        if node.abstract.size == 1:
            return number(np.asarray(node.value).reshape(-1)[0], style)
        name = Name.of("I" if _is_identity(node) else "c")
    return name.at(indices(slots, letters), style)


def _is_identity(node: Node) -> bool:
    shape = node.shape
    square = len(shape) == 2 and shape[0] == shape[1]
    return square and bool(np.array_equal(np.asarray(node.value), np.eye(shape[0])))


def indices(slots: Slots, letters: Mapping[int, str]) -> tuple[str, ...]:
    """Return the letter of each index, and 0 where only that element is read."""
    return tuple("0" if slot is None else letters[slot] for slot in slots)
