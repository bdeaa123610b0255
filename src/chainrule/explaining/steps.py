"""The worked solution: one step for each line of the forward and the backward pass.

All renderers are views of this list, so that they cannot disagree.
"""

from __future__ import annotations

import re
from collections import ChainMap, Counter
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from chainrule.backward import Contribution
from chainrule.explaining.derivation import Derivation
from chainrule.explaining.gradient_names import (
    gradient_latex,
    gradient_name,
    gradient_text,
    gradient_written,
)
from chainrule.explaining.single import Single, holds_single_numbers, is_single
from chainrule.explaining.step import Formula, Local, Planned, Step
from chainrule.graph import Node
from chainrule.notation import Style, Written
from chainrule.rules import TABLE
from chainrule.writing import latex_name, number, symbol, write

#: What a sum of gradients simplifies to is shown up to this many characters.
LONGEST = 72
#: Of more operands than this, the line that a gradient passes through names the first and the last.
MOST_OPERANDS, FIRST_OPERANDS = 12, 3


class Writer:
    """Writes the steps of one derivation."""

    def __init__(self, derivation: Derivation) -> None:
        self.derivation = derivation
        self.joint = derivation.joint
        self.ways: dict[Node, list[Contribution]] = {}
        for contribution in self.joint.contributions:
            self.ways.setdefault(contribution.operand, []).append(contribution)
        self._single: Single | None = None
        self._lines: dict[Node, Formula] = {}

    @cached_property
    def aliases(self) -> dict[Node, str]:
        """Nodes of the backward pass that equal a value of the forward pass."""
        _, image = self.derivation.simplified
        known = {image[n]: v for n, v in self.derivation.labels.items() if n in image}
        return {n: known[now] for n, now in image.items() if now in known and not n.is_leaf}

    @cached_property
    def _names_of_simplified(self) -> tuple[dict[Node, str], dict[Node, str]]:
        """Names in the simplified graph: of values, and of those gradients that are no values."""
        _, image = self.derivation.simplified
        labels = self.derivation.labels
        values: dict[Node, str] = {}
        for node, label in labels.items():
            if node in image:
                values.setdefault(image[node], label)
        gradients: dict[Node, str] = {}
        for node, gradient in self.joint.gradients.items():
            there = image.get(gradient)
            if there is not None and there not in values:
                gradients.setdefault(there, gradient_name(labels[node]))
        return values, gradients

    @cached_property
    def _gradient_names(self) -> Mapping[Node, str]:
        """What each gradient is called: by the last value that it belongs to."""
        found: dict[Node, str] = {}
        for node, gradient in self.joint.gradients.items():
            found.setdefault(gradient, gradient_name(self.derivation.labels[node]))
        return found

    # -- formulas ----------------------------------------------------------------------

    def formula(
        self,
        node: Node,
        names: Mapping[Node, str],
        gradients: Mapping[Node, str] | None = None,
    ) -> Formula:
        """Write a node in terms of named ones, and of gradients under their names.

        Without names it is a node of its own graph, where none equals one of ours.
        """

        def written(style: Style) -> str:
            def label(n: Node) -> Written | None:
                if gradients and n in gradients:
                    return gradient_written(gradients[n], style)
                name = names.get(n)
                if name is None and names and n is not node and not n.is_leaf:
                    name = self.aliases.get(n)
                return None if name is None else symbol(name, style)

            return write(node, style, label).string

        return Formula(written("text"), written("latex"))

    def with_numbers(self, node: Node) -> Formula | None:
        """Write a node with the values of its operands, where these are single numbers."""
        if not all(is_single(i.value) for i in node.inputs):
            return None

        def written(style: Style) -> str:
            return write(node, style, lambda n: _single(n.value, style)).string

        return Formula(written("text"), written("latex"))

    # -- steps -------------------------------------------------------------------------

    def step(self, planned: Planned) -> Step:
        """Write the step that stands at a place of the solution."""
        if planned.kind == "backward":
            return self.product(planned)
        if planned.kind == "sum":
            return self.total(planned)
        labels, node = self.derivation.labels, planned.node
        if planned.kind == "input":
            return Step(0, "input", labels[node], node, node.value)
        if planned.kind == "forward":
            return Step(
                planned.number, "forward", labels[node], node, node.value,
                symbols=self.formula(node, labels), numbers=self.with_numbers(node),
                where=node.where,
            )  # fmt: skip
        seed = self.joint.gradients[node].value
        return Step(
            planned.number, "upstream", gradient_name(labels[node]), node, seed,
            reason="the upstream gradient: how fast what follows changes with the output"
            if self._has_upstream() else "the output changes one for one with itself",
            where=node.where,
        )  # fmt: skip

    def _has_upstream(self) -> bool:
        return self.joint.gradients[self.joint.forward.output].is_input

    def product(self, planned: Planned) -> Step:
        """Write upstream gradient times local derivative."""
        contribution = planned.contribution
        assert contribution is not None
        labels, gradients = self.derivation.labels, self.joint.gradients
        consumer, operand = contribution.consumer, contribution.operand
        upstream = gradients[consumer]
        name = gradient_name(labels[consumer])
        gradient = {upstream: name}
        if contribution.node is upstream:
            symbols = Formula(gradient_text(name), gradient_latex(name))
        elif consumer.op.elementwise and consumer.shape == operand.shape:
            single = self.single(consumer)
            node = single.product(contribution.position)
            symbols = self.formula(node, {}, {single.upstream: name})
        else:
            symbols = self.formula(contribution.node, ChainMap(gradient, labels), gradient)
        local = self.local(contribution)
        numbers = None
        if local is not None and np.size(local.value) == np.size(upstream.value) == 1:
            numbers = self._numbers(upstream.value, local.value, contribution.node.value)
        target = gradient_name(labels[operand])
        where = consumer.where
        twin = self.derivation.twins.get(consumer)
        return Step(
            planned.number, "backward", target, operand, contribution.node.value,
            symbols=symbols, numbers=numbers, simpler=self.simpler(contribution, symbols),
            through=self._through(consumer), upstream=name, upstream_value=upstream.value,
            local=local, reason=self.reason(contribution), part=planned.part,
            where=where or (twin.where if twin is not None else None), contribution=contribution,
        )  # fmt: skip

    def _through(self, consumer: Node) -> Formula:
        if consumer not in self._lines:
            labels = self.derivation.labels
            name = labels[consumer]
            right = self._in_short(consumer)
            self._lines[consumer] = Formula(
                f"{name} = {right.text}", f"{latex_name(name)} = {right.latex}"
            )
        return self._lines[consumer]

    def _in_short(self, node: Node) -> Formula:
        """Write a node, of many operands the first ones and the last.

        Each of its operands has a step that repeats this line.
        """
        labels, inputs = self.derivation.labels, node.inputs
        if len(inputs) <= MOST_OPERANDS:
            return self.formula(node, labels)
        hidden = set(inputs).difference(inputs[:FIRST_OPERANDS], inputs[-1:])
        whole = self.formula(node, ChainMap(dict.fromkeys(hidden, "…"), labels))
        return Formula(
            _in_one(whole.text, "…", "…"), _in_one(whole.latex, latex_name("…"), r"\ldots")
        )

    @staticmethod
    def _numbers(upstream: Any, local: Any, product: Any) -> Formula:
        def written(style: Style, times: str) -> str:
            a, b = _single(upstream, style), _single(local, style)
            return f"{a:product} {times} {b:power!}"

        return Formula(written("text", "·"), written("latex", r"\cdot"))

    def local(self, contribution: Contribution) -> Local | None:
        """Derive the local derivative: the vjp with upstream 1, simplified."""
        consumer = contribution.consumer
        if not consumer.op.elementwise:
            return None
        node = self.single(consumer).local(contribution.position)
        symbols = self.formula(node, {})
        numbers = self._valued(node) if holds_single_numbers(node) else symbols
        value = float(node.value) if isinstance(node.value, (bool, np.bool_)) else node.value
        labels = self.derivation.labels
        return Local(labels[consumer], labels[contribution.operand], symbols, numbers, value)

    def single(self, consumer: Node) -> Single:
        """Return an operation by itself; the same one as long as it is asked for in a row."""
        if self._single is None or self._single.consumer is not consumer:
            upstream = self.joint.gradients[consumer].value
            found = (self.derivation.recognised.get(i, ()) for i in dict.fromkeys(consumer.inputs))
            known = [pair for pairs in found for pair in pairs if pair[0] is not consumer]
            self._single = Single(consumer, self.derivation.labels, upstream, known)
        return self._single

    def _valued(self, node: Node) -> Formula:
        def written(style: Style) -> str:
            return write(
                node, style, lambda n: _single(n.value, style) if n.is_leaf else None
            ).string

        if node.is_leaf:
            return Formula(_single(node.value, "text").string, _single(node.value, "latex").string)
        return Formula(written("text"), written("latex"))

    def simpler(self, contribution: Contribution, symbols: Formula) -> Formula | None:
        """Write what the product became in the simplified graph, where that is shorter."""
        if contribution.consumer.op.elementwise:
            return None
        simple = self.simplified(contribution.node, self.joint.gradients[contribution.consumer])
        return simple if simple is not None and len(simple.text) < len(symbols.text) else None

    def simplified(self, node: Node, upstream: Node | None = None) -> Formula | None:
        """Write what a node of the backward pass is in the simplified graph."""
        _, image = self.derivation.simplified
        now = image.get(node)
        if now is None or now.is_leaf or now.op is TABLE["ones_like"]:
            return None
        values, gradients = self._names_of_simplified
        above: dict[Node, str] = {}
        if upstream is not None and upstream in image and not image[upstream].is_leaf:
            above[image[upstream]] = self._gradient_names[upstream]
        return self.formula(now, ChainMap(above, gradients, values), ChainMap(above, gradients))

    def reason(self, contribution: Contribution) -> str:
        """Say why, in one sentence; un-broadcasting is added to it."""
        consumer, operand = contribution.consumer, contribution.operand
        reason = consumer.op.reason
        if consumer.op.elementwise and operand.shape != consumer.shape:
            extra = len(consumer.shape) - len(operand.shape)
            shape = (1,) * extra + operand.shape
            both = enumerate(zip(shape, consumer.shape, strict=True))
            axes = [i for i, (n, m) in both if i < extra or n != m]
            label = self.derivation.labels[operand]
            over = ", ".join(map(str, axes))
            axis = f"ax{'is' if len(axes) == 1 else 'es'} {over}"
            reason += f"; {label} was repeated along {axis}, so its gradient is summed over {axis}"
        condition = self.derivation.conditions.get(consumer)
        if condition is not None:
            reason += f"; this is right because {condition}"
        return reason

    def total(self, planned: Planned) -> Step:
        """Write the sum over the ways out."""
        operand = planned.node
        parts = self.ways[operand]
        label = gradient_name(self.derivation.labels[operand])
        names = [f"{gradient_text(label)}({i})" for i in range(1, len(parts) + 1)]
        latex = [f"{gradient_latex(label)}^{{({i})}}" for i in range(1, len(parts) + 1)]
        numbers = None
        if all(is_single(p.node.value) for p in parts):
            values = [p.node.value for p in parts]
            numbers = Formula(_added(values, "text"), _added(values, "latex"))
        # Of a recognised operation's gradient it is the sum that a reader looks for.
        recognised = any(p.consumer in self.derivation.twins for p in parts)
        simpler = self.simplified(self.joint.gradients[operand]) if recognised else None
        return Step(
            planned.number, "sum", label, operand, self.joint.gradients[operand].value,
            simpler=simpler if simpler is not None and len(simpler.text) <= LONGEST else None,
            symbols=Formula(" + ".join(names), " + ".join(latex)), numbers=numbers,
            # It begins with a word: a sentence's capital must not change the user's name.
            reason=f"there are {len(parts)} ways from {self.derivation.labels[operand]} "
            "to the output, and their gradients add up",
        )  # fmt: skip


def _in_one(formula: str, dots: str, written: str) -> str:
    """Write dots once for all operands in a row that are left out, whatever stands between them."""
    found = re.escape(dots)
    return re.sub(rf"{found}(?:[^()\[\]{{}}]{{1,8}}?{found})*", lambda _: written, formula)


def _added(values: Sequence[Any], style: Style) -> str:
    """Write a sum of numbers; only a minus sign at its start stands without parentheses."""
    first, *others = (number(value, style) for value in values)
    return " + ".join([str(first), *(f"{other:product!}" for other in others)])


def _single(value: Any, style: Style) -> Written:
    """Write a number; an array of one element as that number in its brackets."""
    return number(value, style)


def planned_steps(derivation: Derivation) -> tuple[Planned, ...]:
    """Return what each step is about, forward and then backward, without writing any."""
    steps: list[Planned] = []
    number = 0
    for node in derivation.graph.nodes:
        if node.is_input:
            steps.append(Planned(0, "input", node))
        elif not node.is_constant:
            number += 1
            steps.append(Planned(number, "forward", node))
    joint = derivation.joint
    output = joint.forward.output
    if output not in joint.gradients:
        return tuple(steps)
    number += 1
    steps.append(Planned(number, "upstream", output))
    ways = Counter(contribution.operand for contribution in joint.contributions)
    done: Counter[Node] = Counter()
    for contribution in joint.contributions:
        operand = contribution.operand
        done[operand] += 1
        part = (done[operand], ways[operand])
        number += 1
        steps.append(Planned(number, "backward", operand, contribution, part))
        if part[0] == part[1] > 1:
            number += 1
            steps.append(Planned(number, "sum", operand))
    return tuple(steps)
