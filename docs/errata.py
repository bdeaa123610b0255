"""Write ``errata.md``: what the checker finds in the code of the five hand-worked documents.

``python docs/errata.py DIRECTORY`` reads the documents, which are not part of this repository,
and writes the page; ``--check`` tells whether it is up to date. Every line, mistake and repair on
the page is the checker's.
"""

from __future__ import annotations

import ast
import contextlib
import io
import linecache
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

import chainrule as cr
from chainrule.checking.examining import examine
from chainrule.checking.report import Report
from chainrule.checking.script import Script

TARGET = Path(__file__).with_name("errata.md")

HEAD = """\
# Errata

What `cr.check` finds in the code of the documents that this library started from, in which people
backpropagate by hand. Written by `python docs/errata.py DIRECTORY`; each line, mistake and repair
is the checker's. Line numbers count from the start of a document. A document's prose and arithmetic
are held by the tests in `tests/test_seeds.py`.
"""

#: Inputs for a layer whose document gives none.
SAMPLE = np.array([[1.0, 2.0, -3.0, 0.5]])


class Block:
    """A piece of code in a document, at its place."""

    def __init__(self, document: str, source: str, line: int) -> None:
        # Blank lines in front keep the line numbers of the document.
        self.source = "\n" * (line - 1) + source
        self.name = document

    def with_(self, other: Block) -> Block:
        """Return this piece and one further on as one."""
        last = self.source.count("\n") + 1
        return Block(self.name, self.source + other.source[last - 1 :], 1)

    def script(self, forward: Callable[..., Any] | None = None) -> Report:
        """Check it as a script."""
        return examine(Script(Path(self.name), self.source, forward, None))

    def module(self) -> dict[str, Any]:
        """Run it as a module."""
        scope: dict[str, Any] = {"np": np, "__name__": self.name}
        exec(compile(self.source, self.name, "exec"), scope)
        return scope


def blocks(path: Path, title: str) -> list[Block]:
    """Return the pieces of code in a document: in fences, or after a prompt of a notebook."""
    lines = path.read_text(encoding="utf-8").replace("\r", "").splitlines()
    linecache.cache[title] = (len(lines), None, [f"{line}\n" for line in lines], title)
    found = []
    fences = [i for i, line in enumerate(lines) if line.startswith("```")]
    if fences:
        for start, end in zip(fences[::2], fences[1::2], strict=True):
            found.append(Block(title, "\n".join(lines[start + 1 : end]), start + 2))
        return found
    prompts = [i for i, line in enumerate(lines) if re.match(r"In \[.*\]:", line)]
    for start, end in zip(prompts, [*prompts[1:], len(lines)], strict=True):
        code = lines[start + 1 : end]
        while code and not _parses("\n".join(code)):
            code.pop()  # what the notebook printed, and prose
        found.append(Block(title, "\n".join(code), start + 2))
    return found


def _parses(source: str) -> bool:
    try:
        ast.parse(source)
    except SyntaxError:
        return False
    return True


def found(path: Path, number: int) -> Iterator[tuple[str, Report]]:
    """Yield what is checked in one document, and the report."""
    title = f"document {number}"
    yield from CHECKS[number - 1](blocks(path, title))


def _containing(code: list[Block], *texts: str) -> Block:
    """Return the last piece of code that has some texts in it."""
    return [b for b in code if all(t in b.source for t in texts)][-1]


def _neuron_and_layer(code: list[Block]) -> Iterator[tuple[str, Report]]:
    yield "one ReLU neuron", _containing(code, "drelu_dsum", "delta_change_w2").script()

    def layer(weights: Any, inputs: Any = SAMPLE) -> Any:
        return inputs @ weights

    dinputs = _containing(code, "dinputs", "weights")
    yield "the gradient of a layer's inputs", dinputs.script(layer)


def _neuron_by_numbers(code: list[Block]) -> Iterator[tuple[str, Report]]:
    yield "one ReLU neuron", _containing(code, "drelu_dsum").script()


def _neuron_in_steps(code: list[Block]) -> Iterator[tuple[str, Report]]:
    yield "one ReLU neuron, up to the sum", _containing(code, "drelu_dz", "drelu_db").script()
    whole = _containing(code, "drelu_dxw0 = ").with_(_containing(code, "dmul_dx0"))
    yield "the same, to the weights", whole.script()


def _two_layers(code: list[Block]) -> Iterator[tuple[str, Report]]:
    names: dict[str, Any] = {}
    for block in code:
        if "range(epochs)" not in block.source and block.source.strip() != "layer2":
            names |= block.module()
    x, y, w0, w1 = (np.array(names[n], float) for n in ("input_data", "output_data", "w0", "w1"))
    step = names["backpropogate"]

    def loss(w0: Any, w1: Any) -> Any:
        layer1 = x.T @ w0
        layer2 = layer1 @ w1
        return 0.5 * np.mean((layer2 - y) ** 2)

    step.__globals__.update(output_data=y, input_data=x)
    layers = names["forward_pass"](x, w0, w1)
    with contextlib.redirect_stdout(io.StringIO()):
        moved = step(0, *layers, y, w0, w1, 1.0)
    gradients = {"w0": w0 - moved[0], "w1": w1 - moved[1]}
    report = cr.check(loss, w0, w1, gradients=gradients)
    yield "the step of gradient descent, on its one sample", report


def _classes(code: list[Block]) -> Iterator[tuple[str, Report]]:
    scope: dict[str, Any] = {"np": np}
    for block in code:
        if "class " in block.source:
            exec(compile(block.source, block.name, "exec"), scope)
    rng = np.random.default_rng(0)
    z, labels = rng.normal(size=(5, 3)), np.array([0, 2, 1, 1, 0])
    p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    sure = np.array([[1e-9, 1 - 1e-9], [0.4, 0.6], [0.7, 0.3]])
    yield "ReLU", cr.check(scope["Activation_ReLU"](), z)
    yield "softmax", cr.check(scope["Activation_Softmax"](), z)
    loss = scope["Loss_CategoricalCrossentropy"]
    yield "cross-entropy", cr.check(loss(), p, y_true=labels)
    both = scope["Activation_Softmax_Loss_CategoricalCrossentropy"]
    yield "softmax and cross-entropy", cr.check(both(), z, y_true=labels)
    yield (
        "cross-entropy, at a probability below 1e-7",
        cr.check(loss(), sure, y_true=np.array([0, 1, 0])),
    )


CHECKS = (_neuron_and_layer, _neuron_by_numbers, _neuron_in_steps, _two_layers, _classes)


def page(directory: Path) -> str:
    """Return the page."""
    parts = [HEAD]
    for number, path in enumerate(sorted(directory.glob("*.txt")), 1):
        parts.append(f"## Document {number}\n")
        for what, report in found(path, number):
            verdict = "right" if report.ok else "wrong"
            parts.append(f"### {what[0].upper()}{what[1:]}: {verdict}\n")
            parts.append("```text\n" + report.text().rstrip() + "\n```\n")
    return "\n".join(parts)


if __name__ == "__main__":
    arguments = [a for a in sys.argv[1:] if a != "--check"]
    if len(arguments) != 1:
        sys.exit("usage: python docs/errata.py [--check] DIRECTORY")
    written = page(Path(arguments[0]))
    if "--check" in sys.argv:
        sys.exit(TARGET.read_text(encoding="utf-8") != written)
    TARGET.write_text(written, encoding="utf-8")
