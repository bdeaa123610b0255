"""The worked solution as plain text, to be read from top to bottom."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby

from chainrule.explaining.explanation import Explanation
from chainrule.explaining.gradient_names import gradient_asked, gradient_name, gradient_text
from chainrule.explaining.softmax import both_ways
from chainrule.explaining.step import Step
from chainrule.render import page
from chainrule.render.fitting import wrapped
from chainrule.structure import leaves

_INDENT = " " * 8


def to_text(explanation: Explanation) -> str:
    """Return the worked solution as plain text.

    Examples
    --------
    >>> import chainrule as cr
    >>> print(cr.explain(lambda w, x: w * x, 2.0, 3.0).text().splitlines()[-4])
      dw = 3
    """
    return "\n".join(part for line in _lines(explanation) for part in wrapped(line)) + "\n"


def gradient_to_text(explanation: Explanation, target: str) -> str:
    """Return the steps of one gradient as plain text, such as those of ``dz``."""
    asked = gradient_asked(target)
    steps = [s for s in explanation.of_kind("upstream", "backward", "sum") if s.target == asked]
    lines = [line for name, group in _by_operation(steps) for line in _backward(name, group)]
    if lines:
        lines += (f"      {said}" for said in page.in_code([asked]))
    return "\n".join(part for line in lines for part in wrapped(line))


def _by_operation(steps: Iterable[Step]) -> Iterator[tuple[str, list[Step]]]:
    grouped = groupby(steps, key=lambda s: s.through.text if s.through is not None else s.target)
    return ((through, list(group)) for through, group in grouped)


def _lines(explanation: Explanation) -> Iterator[str]:
    yield page.title(explanation)
    yield ""
    yield "Inputs"
    for name, value in explanation.arguments.items():
        yield from _named(name, value)
    yield ""
    yield "Forward pass"
    for step in explanation.of_kind("forward"):
        yield from _forward(step)
    yield from _branches(explanation)
    yield ""
    yield "Backward pass"
    yield from (f"  {line}" for line in page.what_gradients_mean(explanation))
    for through, steps in _by_operation(explanation.of_kind("upstream", "backward", "sum")):
        yield ""
        yield from _backward(through, steps)
    yield from _softmax(explanation)
    yield ""
    yield "Gradients"
    for name, gradient in explanation.gradients.items():
        yield from _named(gradient_text(gradient_name(name)), gradient)
    yield ""
    yield from page.what_it_says(explanation)


def _forward(step: Step) -> Iterator[str]:
    assert step.symbols is not None
    formula = f"{step.target} = {step.symbols.text}"
    if step.numbers is not None and step.numbers.text != page.value_text(step.value):
        formula += f" = {step.numbers.text}"
    yield from _valued(f"{step.number:>4}  {formula} =", step.value)


def _branches(explanation: Explanation) -> Iterator[str]:
    for sentence in page.branches(explanation):
        yield f"      {sentence}"


def _backward(through: str, steps: list[Step]) -> Iterator[str]:
    first = steps[0]
    if first.kind == "backward":
        line = f"   {first.where.short}" if first.where is not None else ""
        yield f"  through  {through}{line}"
    for reason, group in groupby(steps, key=lambda s: s.reason):
        if first.kind == "backward":
            yield f"      {page.sentence(reason)}"
        for step in group:
            yield from _gradient(step)


def _gradient(step: Step) -> Iterator[str]:
    lead = f"{step.number:>4}  "
    target = page.part_text(step)
    if step.kind == "upstream":
        yield from _valued(f"{lead}{target} =", step.value)
        yield f"      {page.sentence(step.reason)}"
        return
    if step.kind == "sum":
        assert step.symbols is not None
        target = gradient_text(step.target)
        formula = f"{target} = {step.symbols.text}"
        if step.numbers is not None:
            formula += f" = {step.numbers.text}"
        yield f"      {page.sentence(step.reason)}"
        if step.simpler is not None:
            yield f"{lead}{formula}"
            formula = f"{' ' * len(target)} = {step.simpler.text}"
            lead = " " * len(lead)
        yield from _valued(f"{lead}{formula} =", step.value)
        return
    if step.local is not None:
        local = step.local
        head = f"∂{local.of}/∂{local.by} = {page.grouped(local.symbols.text)}"
        shown = page.value_text(local.value)
        if local.numbers.text not in (local.symbols.text, shown):
            head += f" = {page.grouped(local.numbers.text)}"
        if shown == local.symbols.text:
            yield f"{lead}{head}"
        else:
            yield from _valued(f"{lead}{head} =", local.value)
        formula = f"{target} = {page.chain_text(step)}"
        if step.numbers is not None:
            formula += f" = {step.numbers.text}"
        yield from _valued(f"      {formula} =", step.value)
        return
    assert step.symbols is not None
    if step.simpler is not None:
        yield f"{lead}{target} = {step.symbols.text}"
        yield from _valued(f"      {' ' * len(target)} = {step.simpler.text} =", step.value)
    else:
        yield from _valued(f"{lead}{target} = {step.symbols.text} =", step.value)


def _softmax(explanation: Explanation) -> Iterator[str]:
    found = both_ways(explanation.derivation)
    if found is None:
        return
    p, z = found.probabilities, found.logits
    dp, dz = (gradient_text(gradient_name(name)) for name in (p, z))
    yield ""
    yield f"Softmax both ways: the Jacobian ∂{p}/∂{z} times {dp}, and {dz} as above"
    for row in found.rows:
        at = f"[{', '.join(map(str, row.index))}]" if row.index else ""
        yield from _valued(f"  {p}{at} =", row.probabilities)
        yield from _valued(f"  {dp}{at} =", row.upstream)
        yield from _valued("  diag(p) - p pᵀ =", row.jacobian)
        yield from _valued("  Jacobian · upstream =", row.product)
        yield from _valued(f"  {dz}{at} =", row.short)


def _named(name: str, value: object) -> Iterator[str]:
    """Write an argument or a gradient: a list of numbers in one line, others leaf by leaf."""
    parts = [(name, value)] if page.is_flat(value) else leaves(value, name)
    for path, part in parts:
        yield from _valued(f"  {path} =", part)


def _valued(head: str, value: object) -> Iterator[str]:
    """Write what stands before an equals sign, and a value: beside it, or below."""
    text = page.value_text(value)
    if "\n" not in text:
        yield f"{head} {text}"
        return
    yield head
    for line in text.splitlines():
        yield f"{_INDENT}{line}"
