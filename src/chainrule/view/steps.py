"""Each step of a worked solution as plain data: formulas, numbers, and where they are seen."""

from __future__ import annotations

from typing import Any

from chainrule.explaining.explanation import Explanation
from chainrule.explaining.gradient_names import gradient_text
from chainrule.explaining.step import Step
from chainrule.graph import Node
from chainrule.picture.scenes.shown import Shown
from chainrule.render import page
from chainrule.render.formulas import Equation, equations
from chainrule.view.mathml import mathml

#: What a step does, as the page calls it.
PHASES = {
    "input": "inputs", "forward": "forward", "upstream": "backward", "backward": "backward",
    "sum": "backward",
}  # fmt: skip


def places(explanation: Explanation) -> dict[Node, str]:
    """Return what each node is called in a picture, ``n3``; copies share one box."""
    shown = Shown(explanation)
    return {node: shown.id(node) for node in shown.place}


def step_data(step: Step, ids: dict[Node, str]) -> dict[str, Any]:
    """Return one step as plain data; :mod:`chainrule.view.document` says what is in it."""
    lines = [_line(equation) for equation in equations(step)]
    edge, through = "", None
    if step.contribution is not None:
        consumer, position = step.contribution.consumer, step.contribution.position
        edge = f"{ids[step.node]}->{ids[consumer]}:{position}"
    if step.through is not None:
        through = {"text": step.through.text, "mathml": mathml(step.through.latex)}
    return {
        "number": step.number,
        "kind": step.kind,
        "phase": PHASES[step.kind],
        "target": page.part_text(step),
        "title": title(step),
        "lines": lines,
        "latex": latex_of(equations(step)),
        "value": page.value_text(step.value),
        "upstream": {
            "name": gradient_text(step.upstream),
            "text": page.value_text(step.upstream_value),
        }
        if step.upstream
        else None,
        "local": {
            "name": f"∂{step.local.of}/∂{step.local.by}",
            "symbols": step.local.symbols.text,
            "text": page.value_text(step.local.value),
        }
        if step.local is not None
        else None,
        "through": through,
        "reason": page.sentence(step.reason),
        "part": list(step.part),
        "node": ids[step.node],
        "edge": edge,
        "place": step.where.short if step.where is not None else "",
    }


def _line(equation: Equation) -> dict[str, Any]:
    return {
        "left": mathml(equation.left),
        "rights": [mathml(right) for right in equation.rights],
        "latex": " = ".join((equation.left, *equation.rights)),
    }


def latex_of(lines: list[Equation]) -> str:
    """Return the formulas of one step as LaTeX to paste between dollars."""
    if len(lines) == 1:
        return " = ".join((lines[0].left, *lines[0].rights))
    rows = [f"  {line.left} &= {' = '.join(line.rights)}" for line in lines]
    return "\\begin{aligned}\n" + " \\\\\n".join(rows) + "\n\\end{aligned}"


def title(step: Step) -> str:
    """Return the step in one line of plain text."""
    rights = [f.text for f in (step.symbols, step.numbers) if f is not None]
    if step.kind == "backward" and step.local is not None:
        rights = [page.chain_text(step), *([step.numbers.text] if step.numbers else [])]
    elif step.simpler is not None:
        rights.append(step.simpler.text)
    value = " ".join(page.value_text(step.value).split())
    return " = ".join(dict.fromkeys((page.part_text(step), *rights, value)))
