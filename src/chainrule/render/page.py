"""The sentences and the order of a worked solution, the same in every format."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Any

import numpy as np

from chainrule.explaining.explanation import Explanation
from chainrule.explaining.gradient_names import gradient_name, gradient_text
from chainrule.explaining.nudge import fitting_step, largest
from chainrule.explaining.step import Step
from chainrule.graph import Node
from chainrule.notation import Written
from chainrule.structure import is_object
from chainrule.writing import LITERAL_SIZE, complex_text, scalar_text, symbol, write


def title(explanation: Explanation) -> str:
    """Return the function's call, and where it stands."""
    where = place(explanation)
    return f"{call(explanation)}   {where}" if where else call(explanation)


def call(explanation: Explanation) -> str:
    """Return the function's name with those of its arguments."""
    return f"{explanation.name}({', '.join(explanation.derivation.recording.values)})"


def place(explanation: Explanation) -> str:
    """Return the file and the line of the function's first step; empty where none is known."""
    planned = (p for p in explanation.plan if p.kind == "forward")
    places = (p.node.where for p in planned if p.node.where is not None)
    where = next((w for w in places if w.function == explanation.name), None)
    return where.short if where is not None else ""


def what_gradients_mean(explanation: Explanation) -> list[str]:
    """Say what dv is short for, how code calls it, and what a step does."""
    output = explanation.output_name
    if explanation.has_upstream:
        first = [
            "dv is short for the gradient of what follows with respect to v.",
            f"{gradient_text(gradient_name(output))} is given; the others are worked out from it.",
        ]
    else:
        first = [f"dv is short for ∂{output}/∂v: how fast {output} changes when v does."]
    return [
        *first,
        *in_code(map(gradient_name, explanation.gradients)),
        "Each step takes the gradient of a line's result (upstream), multiplies it by the",
        "local derivative of that line, and so gets the gradient of what went into it.",
    ]


def in_code(names: Iterable[str]) -> list[str]:
    """Say of the first gradient that a formula writes in two words how it is called in code."""
    name = next((n for n in names if gradient_text(n) != n), None)
    return [] if name is None else [f"In code, {gradient_text(name)} is {name}."]


def sentence(text: str) -> str:
    """Return a reason as a sentence."""
    return text[:1].upper() + text[1:] + "." if text else ""


def grouped(formula: str) -> str:
    """Put parentheses around a comparison, so that the equals signs beside it stand apart."""
    compared = any(f" {sign} " in formula for sign in (">", "<", "≥", "≤", "=", "≠"))
    return f"({formula})" if compared else formula


def grouped_latex(formula: str) -> str:
    """Do the same in LaTeX, in the brackets that turn a condition into 1 or 0."""
    compared = any(f" {sign} " in formula for sign in (">", "<", r"\ge", r"\le", "=", r"\ne"))
    return rf"\left[{formula}\right]" if compared else formula


def branches(explanation: Explanation) -> list[str]:
    """Say which branches were taken on values."""
    found = []
    for branch in explanation.branches:
        place = f" ({branch.where.short})" if branch.where is not None else ""
        condition = write(branch.condition, "text", _named).string
        found.append(
            f"The condition {condition} was {branch.taken}{place}: "
            "the gradient is that of the branch taken."
        )
    return found


def _named(node: Node) -> Written | None:
    return None if node.name is None else symbol(node.name, "text")


def part_name(step: Step) -> str:
    """Return the name of what a step gives: ``dx``, or ``dx(1)`` for one of several ways."""
    return _of_several(step.target, step)


def part_text(step: Step) -> str:
    """Return the same as formulas in plain text have it: ``d loss``, ``d loss(1)``."""
    return _of_several(gradient_text(step.target) if step.is_gradient else step.target, step)


def _of_several(name: str, step: Step) -> str:
    return name if step.part[1] == 1 else f"{name}({step.part[0]})"


def chain_text(step: Step) -> str:
    """Return upstream times local derivative in symbols, with the sum that undoes a broadcast."""
    assert step.local is not None
    product = f"{gradient_text(step.upstream)} · ∂{step.local.of}/∂{step.local.by}"
    axes = summed_axes(step)
    return f"sum({product}, axis={axes[0] if len(axes) == 1 else axes})" if axes else product


def summed_axes(step: Step) -> tuple[int, ...]:
    """Return the axes of the upstream gradient that are summed to undo a broadcast."""
    if step.contribution is None or step.local is None:
        return ()
    want, have = step.node.shape, step.contribution.consumer.shape
    padded = (1,) * (len(have) - len(want)) + want
    extra = len(have) - len(want)
    return tuple(
        i for i, (n, m) in enumerate(zip(padded, have, strict=True)) if i < extra or n != m
    )


def is_flat(value: Any) -> bool:
    """Whether a value is a leaf, or a list of nothing but numbers."""
    if not isinstance(value, (list, tuple, dict)) and not hasattr(value, "__dataclass_fields__"):
        return not is_object(value)
    numbers = (float, int, np.generic, type(None))
    return isinstance(value, (list, tuple)) and all(isinstance(v, numbers) for v in value)


def value_text(value: Any) -> str:
    """Write a value: whole when small, by its shape, size and range when large."""
    if isinstance(value, (list, tuple)) and is_flat(value):
        return "[" + ", ".join(value_text(v) for v in value) + "]"
    if value is None or isinstance(value, str) or hasattr(value, "__dataclass_fields__"):
        return "-" if value is None else str(value)
    array = np.asarray(value)
    if array.shape == ():
        number = array.item()
        if isinstance(number, complex):
            return complex_text(number)
        return scalar_text(number) if isinstance(number, float) else str(number)
    if not array.size:
        of = f" of {' x '.join(map(str, array.shape))}" if array.ndim > 1 else ""
        return f"empty array{of}"
    if array.size > LITERAL_SIZE:
        return summary(array)
    if array.dtype.kind not in "fiubc":
        return _small_text(array)
    return _remembered(array.tobytes(), array.dtype, array.shape)


@lru_cache(maxsize=2048)
def _remembered(data: bytes, dtype: np.dtype[Any], shape: tuple[int, ...]) -> str:
    """Write a small array; the same one stands in steps, in pictures and in the text."""
    return _small_text(np.frombuffer(data, dtype).reshape(shape))


def _small_text(array: np.ndarray[Any, Any]) -> str:
    if array.ndim == 2:
        return _aligned(array)
    return np.array2string(
        array, separator=", ", max_line_width=100,
        formatter={
            "float_kind": lambda v: scalar_text(float(v), 5),
            "complex_kind": lambda v: complex_text(complex(v), 5),
        },
    )  # fmt: skip


def _aligned(array: np.ndarray[Any, Any]) -> str:
    if array.dtype == bool:  # a truth value in a product is the number 1 or 0
        array = array.astype(int)
    cells = [[value_text_short(v) for v in row] for row in array.tolist()]
    widths = [max(len(row[j]) for row in cells) for j in range(array.shape[1])]
    rows = [
        "[" + ", ".join(c.rjust(w) for c, w in zip(row, widths, strict=True)) + "]" for row in cells
    ]
    body = ",\n ".join(rows)
    return f"[{body}]"


def value_text_short(value: Any) -> str:
    """Write one number of a table, five significant digits."""
    if isinstance(value, complex):
        return complex_text(value, 5)
    return scalar_text(value, 5) if isinstance(value, float) else str(value)


def summary(array: np.ndarray[Any, Any]) -> str:
    """Describe a large array."""
    shape = " x ".join(map(str, array.shape))
    if array.dtype.kind not in "fiu" or not array.size:
        return f"array of {shape}"
    norm = float(np.linalg.norm(array.astype(float).ravel()))
    low, high = scalar_text(float(array.min()), 4), scalar_text(float(array.max()), 4)
    return f"array of {shape}, norm {scalar_text(norm, 4)}, from {low} to {high}"


def what_it_says(explanation: Explanation) -> list[str]:
    """Say in one sentence what the largest gradient means."""
    best = None if explanation.has_upstream else largest(explanation)
    if best is None:
        return []
    if not best.slope:
        return [
            "All of them are 0: a small change of a number changes the result hardly or not at all."
        ]
    name, output = best.name, explanation.output_name
    step = fitting_step(explanation, best)
    if step is None:  # too steep, too bent or too fine for a number that can be named
        slope = scalar_text(best.slope, 4)
        return [f"The largest is that of {name}: {output} changes {slope} times as fast as {name}."]
    return [
        f"The largest is that of {name}: raise {name} by {scalar_text(step)}, "
        f"and {output} changes by about {scalar_text(best.slope * step, 3)}."
    ]
