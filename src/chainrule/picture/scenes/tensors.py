"""Boxes and edges of whole arrays: one box an operation, one edge an operand."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

import numpy as np

from chainrule.explaining.gradient_names import gradient_text
from chainrule.explaining.step import Step
from chainrule.graph import Node
from chainrule.picture.scene import Box, Edge, Kind, Known
from chainrule.picture.scenes.numbers import brief, known, shape_text, signed
from chainrule.picture.scenes.shown import Line, Shown
from chainrule.picture.scenes.titles import title

#: A local derivative that is no formula of single numbers is drawn up to this many characters.
LONGEST_LOCAL = 22


def kind_of(shown: Shown, node: Node) -> Kind:
    """Return the kind of a node's box."""
    if node.is_input:
        return "input"
    if node is shown.output:
        return "output"
    return "constant" if node.is_constant else "operation"


def box(shown: Shown, node: Node, parent: str = "", opens: str = "") -> Box:
    """Return the box of one node."""
    gradient = shown.gradient_of(node)
    told = node.is_input or node is shown.output or shown.several(node)
    heading = brief(node.value) if node.is_constant else title(shown.done(node))
    named = node.name or ("" if node.is_leaf else shown.label(node))
    equals = shown.is_equal_to_another(node)
    return Box(
        shown.id(node), kind_of(shown, node), named if node.is_input else heading,
        name="" if node.is_input or equals else named,
        value=known(node.value, shown.known(node)),
        gradient=known(*gradient) if gradient is not None and told else None,
        detail=shape_text(node.shape) if node.shape else "",
        where=node.where, parent=parent, opens=opens,
        steps=shown.steps_of(node), aside=shown.aside(node), equal=named if equals else "",
    )  # fmt: skip


def edge(shown: Shown, line: Line) -> Edge:
    """Return the edge of one operand."""
    source, target = shown.id(line.source), shown.id(line.target)
    plain = Edge(
        f"{source}->{target}:{line.position}", source, target,
        value=known(line.source.value, shown.known(line.source)), aside=line.aside,
    )  # fmt: skip
    if line.back is None:
        return plain
    step = shown.step(line.back)
    return Edge(
        plain.id, source, target, value=plain.value,
        gradient=known(line.gradient, step.number), local=local(step), symbols=symbols(step),
        upstream=f"{gradient_text(step.upstream)} = {brief(step.upstream_value)}",
        steps=(step.number,),
    )  # fmt: skip


def local(step: Step) -> Known | None:
    """Return the local derivative: its number, else its formula where that is short."""
    if step.local is not None:
        number = known(step.local.value, step.number)
        if number.text == number.full or np.ndim(step.local.value) == 0:
            return number
        text = signed(step.local.symbols.text)
        return Known(text if len(text) <= LONGEST_LOCAL else number.text, step.number, number.full)
    text = _applied(step)
    return Known(text, step.number, text) if 0 < len(text) <= LONGEST_LOCAL else None


def symbols(step: Step) -> str:
    """Return the local derivative in symbols, or the product where it is no factor."""
    if step.local is not None:
        return f"∂{step.local.of}/∂{step.local.by} = {signed(step.local.symbols.text)}"
    if step.symbols is None:
        return ""
    return f"{gradient_text(step.target)} = {signed(step.symbols.text)}"


def _applied(step: Step) -> str:
    """Write what is done to the upstream gradient, as in ``· @ W.T``."""
    if step.symbols is None:
        return ""
    upstream = re.escape(gradient_text(step.upstream))
    name = rf"(?<![\w.\])]){upstream}(?![\w\[])"
    # Parentheses hold two words together, and need not hold a dot.
    return signed(re.sub(rf"(?<!\w)\({upstream}\)|{name}", "·", step.symbols.text))


def boxes(
    shown: Shown, nodes: Iterable[Node], opens: Callable[[Node], str] = lambda node: ""
) -> list[Box]:
    """Return the boxes of some nodes."""
    return [box(shown, node, opens=opens(node)) for node in nodes]
