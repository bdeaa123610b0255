"""The worked solution as a list of headings, sentences and LaTeX formulas.

Markdown and LaTeX write the same list, each in its own way.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np

from chainrule.explaining.explanation import Explanation
from chainrule.explaining.gradient_names import gradient_latex, gradient_name
from chainrule.explaining.softmax import both_ways
from chainrule.explaining.step import Step
from chainrule.render import page
from chainrule.structure import leaves
from chainrule.writing import LITERAL_SIZE, latex_name, number


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading."""

    text: str


@dataclass(frozen=True, slots=True)
class Sentence:
    """Plain text."""

    text: str


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the user's code, and where it stands."""

    source: str
    place: str


@dataclass(frozen=True, slots=True)
class Through:
    """The line that a gradient passes through: its formula, and where it stands."""

    latex: str
    place: str


@dataclass(frozen=True, slots=True)
class Equation:
    """A chain of equal formulas, with the number of its step where it has one.

    Attributes
    ----------
    step : int
        0 for none.
    left : str
    rights : tuple of str
    """

    step: int
    left: str
    rights: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """Names with their values, both as formulas, under two headings."""

    head: tuple[str, str]
    rows: tuple[tuple[str, str], ...]


Item = Heading | Sentence | Line | Through | Equation | Table


def items(explanation: Explanation) -> Iterator[Item]:
    """Yield the parts of a worked solution, from top to bottom."""
    yield Heading("Inputs")
    for name, value in explanation.arguments.items():
        yield from _named(name, value, latex_name)
    yield Heading("Forward pass")
    for where, steps in groupby(explanation.of_kind("forward"), key=lambda s: s.where):
        if where is not None and where.source:
            yield Line(where.source, where.short)
        yield from map(_forward, steps)
    for sentence in page.branches(explanation):
        yield Sentence(sentence)
    yield Heading("Backward pass")
    yield Sentence(" ".join(page.what_gradients_mean(explanation)))
    for _, ways in groupby(
        explanation.of_kind("upstream", "backward", "sum"),
        key=lambda s: s.through.latex if s.through is not None else s.target,
    ):
        yield from _backward(list(ways))
    yield from _softmax(explanation)
    yield Heading("Gradients")
    rows = [
        (equation.left, equation.rights[0])
        for name, gradient in explanation.gradients.items()
        for equation in _named(gradient_name(name), gradient, gradient_latex)
    ]
    yield Table(("Gradient", "Value"), tuple(rows))
    for sentence in page.what_it_says(explanation):
        yield Sentence(sentence)


def _named(name: str, value: Any, write: Any) -> Iterator[Equation]:
    """Write an argument or a gradient: a list of numbers in one line, others leaf by leaf."""
    if isinstance(value, (list, tuple)) and page.is_flat(value):
        inside = ", ".join(number(v, "latex").string for _, v in leaves(value) if v is not None)
        yield Equation(0, write(name), (rf"\left[{inside}\right]",))
        return
    for path, leaf in leaves(value, name):
        if isinstance(leaf, (int, float, np.ndarray, np.generic)):
            yield Equation(0, write(path), (value_latex(leaf),))


def value_latex(value: Any) -> str:
    """Write a value: as a matrix when small, by its shape and size when large."""
    array = np.asarray(value)
    if array.dtype == bool:
        array = array.astype(int)
    if not array.size:
        return rf"\text{{{page.value_text(array)}}}"
    if array.size > LITERAL_SIZE or array.ndim > 2:
        return rf"\text{{{page.summary(array)}}}"
    return number(array, "latex", 5 if array.ndim else 6).string


def equations(step: Step) -> list[Equation]:
    """Return the formulas of one step; of an input, its value."""
    if step.kind == "input":
        return [Equation(0, latex_name(step.target), (value_latex(step.value),))]
    return [_forward(step)] if step.kind == "forward" else list(_gradient(step))


def _forward(step: Step) -> Equation:
    assert step.symbols is not None
    rights = [step.symbols.latex]
    if step.numbers is not None:
        rights.append(step.numbers.latex)
    return Equation(
        step.number, latex_name(step.target), _distinct(*rights, value_latex(step.value))
    )


def _distinct(*rights: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(rights))


def _backward(steps: list[Step]) -> Iterator[Item]:
    first = steps[0]
    if first.through is not None:
        yield Through(first.through.latex, first.where.short if first.where is not None else "")
    for reason, group in groupby(steps, key=lambda s: s.reason):
        yield Sentence(page.sentence(reason))
        for step in group:
            yield from _gradient(step)


def _gradient(step: Step) -> Iterator[Equation]:
    target = gradient_latex(step.target)
    if step.part[1] > 1:
        target += f"^{{({step.part[0]})}}"
    value = value_latex(step.value)
    if step.local is not None:
        local = step.local
        of, by = latex_name(local.of), latex_name(local.by)
        partial = rf"\frac{{\partial {of}}}{{\partial {by}}}"
        shown = (page.grouped_latex(local.symbols.latex), page.grouped_latex(local.numbers.latex))
        yield Equation(step.number, partial, _distinct(*shown, value_latex(local.value)))
        product = rf"{gradient_latex(step.upstream)} \cdot {partial}"
        axes = page.summed_axes(step)
        if axes:
            product = rf"\sum_{{\text{{axis {', '.join(map(str, axes))}}}}} {product}"
        numbers = (step.numbers.latex,) if step.numbers is not None else ()
        yield Equation(0, target, _distinct(product, *numbers, value))
        return
    rights = [f.latex for f in (step.symbols, step.numbers, step.simpler) if f is not None]
    yield Equation(step.number, target, _distinct(*rights, value))


def _softmax(explanation: Explanation) -> Iterator[Item]:
    found = both_ways(explanation.derivation)
    if found is None:
        return
    p = latex_name(found.probabilities)
    dp, dz = (gradient_latex(gradient_name(n)) for n in (found.probabilities, found.logits))
    yield Heading("Softmax both ways")
    yield Sentence(
        "Row by row: the explicit Jacobian times the upstream gradient, and the result above."
    )
    for row in found.rows:
        at = rf"_{{[{','.join(map(str, row.index))}]}}" if row.index else ""
        yield Equation(0, rf"{{{p}}}{at}", (value_latex(row.probabilities),))
        yield Equation(0, rf"{{{dp}}}{at}", (value_latex(row.upstream),))
        yield Equation(0, r"J = \operatorname{diag}(p) - p\,p^{\top}", (value_latex(row.jacobian),))
        yield Equation(0, rf"J\, {dp}", (value_latex(row.product),))
        yield Equation(0, rf"{{{dz}}}{at}", (value_latex(row.short),))
