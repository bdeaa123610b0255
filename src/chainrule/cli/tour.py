"""``chainrule tour``."""

from __future__ import annotations

import argparse
import textwrap
from typing import Any

from chainrule.cli import screen
from chainrule.examples import classifier, neuron, two_layer
from chainrule.solution import explain
from chainrule.writing import scalar_text

HELP = "see what chainrule does, on one neuron and on a small network"

_EPILOG = """\
example:
  chainrule tour
"""

_WIDTH = 96

_NEXT = """\
Where to go next
  your own formula    chainrule explain "y = sigmoid(w*x + b)" --at w=2 --at x=3 --at b=1
  your own function   chainrule explain file.py:function
  your backward pass  chainrule check file.py:forward:backward   (or a script, a notebook)
  to hand out         chainrule explain classifier -o classifier.md   (or .tex, .json, .txt, .py)
  all options         chainrule explain --help
  in Python           import chainrule as cr; print(cr.explain(f, *args)); cr.grad(f)(*args)"""


def add(commands: Any) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "tour", help=HELP, description=HELP[0].upper() + HELP[1:] + ".", epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Run the main job end to end."""
    solved = explain(neuron.neuron)
    _section(
        "1. One neuron, from its forward pass alone",
        "You write the forward pass in plain Python or NumPy; chainrule works the rest out.",
        ("chainrule explain neuron", solved.text()),
    )
    _section(
        "2. Why is a gradient what it is?",
        "It is the sum over all paths to the output of the local derivatives along each.",
        ('chainrule explain neuron --why "w[0]"', solved.why("w[0]").text()),
    )
    _section(
        "3. One gradient step",
        "Moving each weight a little against its gradient lowers the output, as predicted.",
        ("chainrule explain neuron --step 0.001", solved.step(lr=0.001).text()),
    )
    network = explain(two_layer.two_layer, wrt=two_layer.WRT)
    failed = network.descend(lr=0.05, steps=2)
    stable = scalar_text(failed.stable_lr or 0.0, 2)
    _section(
        "4. A 2-2-1 network, and a learning rate that is too large",
        "The gradient is right at one point; too long a step leaves the place where it holds.",
        ("chainrule explain two-layer --step 0.05 --steps 2", failed.text()),
        (
            f"chainrule explain two-layer --step {stable} --steps 2",
            network.descend(lr=float(stable), steps=2).text(),
        ),
    )
    batch = explain(classifier.classifier, wrt=classifier.WRT)
    code = batch.code().split("\n\n\nif __name__")[0].partition("def ")
    _section(
        "5. A classifier on a batch: the backward pass as code",
        "The line `dz2 = ...` is all that is left of softmax and cross-entropy: "
        "(probabilities - one_hot) / N. The code has been run and compared before it is shown.",
        ("chainrule explain classifier --as code", code[1] + code[2]),
    )
    screen.show(_NEXT)


def _section(title: str, idea: str, *commands: tuple[str, str]) -> None:
    parts = [title, *textwrap.wrap(idea, _WIDTH, initial_indent="  ", subsequent_indent="  ")]
    for command, output in commands:
        parts += ["", f"  $ {command}"]
        parts += [part for line in output.rstrip().splitlines() for part in _fitted(line)]
    screen.show("\n".join(parts))
    print()


def _fitted(line: str) -> list[str]:
    """Indent a line, and fold it where it is wider than a screen."""
    if len(line) <= _WIDTH:
        return [f"  {line}" if line else ""]
    return textwrap.wrap(line, _WIDTH, initial_indent="  ", subsequent_indent="    ")
