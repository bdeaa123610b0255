"""``chainrule tour``."""

from __future__ import annotations

import argparse
from typing import Any

from chainrule.cli import screen
from chainrule.examples import classifier, neuron, two_layer
from chainrule.solution import explain

HELP = "see what chainrule does, on one neuron and on a small network"

_EPILOG = """\
example:
  chainrule tour
"""


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
        "1. One neuron, worked out from its forward pass alone",
        "chainrule explain neuron",
        solved.text(),
    )
    _section(
        "2. Why is dw[2] what it is? A sum over the paths from w[2] to the output",
        'chainrule explain neuron --why "w[2]"',
        solved.why("w[2]").text(),
    )
    _section(
        "3. One gradient step: the change promised, and the change that came",
        "chainrule explain neuron --step 0.001",
        solved.step(lr=0.001).text(),
    )
    network = explain(two_layer.two_layer, wrt=two_layer.WRT)
    _section(
        "4. A 2-2-1 network, and a learning rate that is too large",
        "chainrule explain two-layer --step 0.05 --steps 10",
        network.descend(lr=0.05, steps=10).text(),
    )
    batch = explain(classifier.classifier, wrt=classifier.WRT)
    code = batch.code().split("\n\n\nif __name__")[0]
    _section(
        "5. Softmax with cross-entropy on a batch, as the code that a person would write",
        "chainrule explain classifier --as code",
        "\n".join(f"  {line}" if line else "" for line in code.splitlines()),
    )
    screen.show(
        "Where to go next\n"
        '  your own formula    chainrule explain "y = sigmoid(w*x + b)" --at w=2 --at x=3 --at b=1\n'
        "  your own function   chainrule explain file.py:function\n"
        "  to hand out         chainrule explain classifier -o classifier.md   (or .tex, .json)\n"
        "  in Python           import chainrule as cr; cr.explain(f, *args); cr.grad(f)(*args)"
    )


def _section(title: str, command: str, text: str) -> None:
    body = "\n".join(f"  {line}" if line else "" for line in text.rstrip().splitlines())
    screen.show(f"{title}\n  $ {command}\n\n{body}\n")
    print()
