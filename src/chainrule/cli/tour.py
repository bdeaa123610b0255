"""``chainrule tour``."""

from __future__ import annotations

import argparse
import textwrap
import time
from typing import Any

import numpy as np

from chainrule.cli import screen
from chainrule.examples import classifier, neuron, two_layer
from chainrule.solving import explain
from chainrule.writing import scalar_text

HELP = "see what chainrule does: one neuron, small networks, training on real scans"

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
  as a picture        chainrule explain classifier -o classifier.svg
  in the browser      pip install 'chainrule[look]'; chainrule lab   (or -o classifier.html)
  all options         chainrule explain --help
  train a network     from chainrule import nn; nn.Sequential(...).fit(X, y, loss="cross_entropy")
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
    _digits()
    screen.show(_NEXT)


def _digits() -> None:
    """Train on scanned digits, and ask about one that is still taken for another."""
    try:
        from sklearn.datasets import load_digits
    except ImportError:
        screen.show("6. A network on real scans needs scikit-learn: pip install scikit-learn\n")
        return
    from chainrule import nn

    X, y = load_digits(return_X_y=True)
    X, y = X / 16, y.astype(int)
    order = np.random.default_rng(0).permutation(len(X))
    train, held = order[:1437], order[1437:]
    model = nn.Sequential(nn.Dense(32), nn.ReLU(), nn.Dense(10))
    began = time.perf_counter()
    history = model.fit(X[train], y[train], loss="cross_entropy", epochs=30, verbose=0)
    seconds = time.perf_counter() - began
    found = model.predict(X[held]).argmax(axis=1)
    right = int(np.sum(found == y[held]))
    trained = [
        f"{len(train)} scans, {len(np.unique(y))} digits, {history.length} epochs "
        f"in {seconds:.1f} s",
        f"  loss {history['loss'][0]:.3f} after the first epoch, {history['loss'][-1]:.3f} at the "
        "end",
        f"  {right} of {len(held)} scans that it has not seen are told right",
    ]
    wrong = int(np.argmax(found != y[held]))
    row = held[wrong : wrong + 1]
    solved = model.explain(X[row], y[row])
    gradient = np.abs(solved.grads["dense2_W"])
    i, k = map(int, np.unravel_index(gradient.argmax(), gradient.shape))
    asked = f"dense2_W[{i}, {k}]"
    _section(
        "6. A network on real scans, and why one of its weights is to change",
        "Real data, the same derived backward pass. Any weight of the result can be asked about.",
        (
            'model.fit(X, y, loss="cross_entropy", epochs=30)'
            "   # model: Dense(32), ReLU(), Dense(10)",
            "\n".join(trained),
        ),
        (
            f"X[{row[0]}]   # a {y[row[0]]}, which the network takes for a {found[wrong]}",
            "\n".join(_scan(X[row[0]])),
        ),
        (f'model.explain(X[[{row[0]}]], y[[{row[0]}]]).why("{asked}")', solved.why(asked).text()),
    )


def _scan(pixels: np.ndarray) -> list[str]:
    """Return a scan of 8 by 8 pixels from 0 to 1 as text."""
    shades = " .:-=+*#%@"
    levels = np.rint(pixels.reshape(8, 8) * (len(shades) - 1)).astype(int)
    return ["  " + "".join(shades[v] * 2 for v in row) for row in levels]


def _section(title: str, idea: str, *commands: tuple[str, str]) -> None:
    parts = [title, *textwrap.wrap(idea, _WIDTH, initial_indent="  ", subsequent_indent="  ")]
    for command, output in commands:
        prompt = "$" if command.startswith("chainrule ") else ">>>"
        parts += ["", f"  {prompt} {command}"]
        parts += [part for line in output.rstrip().splitlines() for part in _fitted(line)]
    screen.show("\n".join(parts))
    print()


def _fitted(line: str) -> list[str]:
    """Indent a line, and fold it where it is wider than a screen."""
    if len(line) <= _WIDTH:
        return [f"  {line}" if line else ""]
    return textwrap.wrap(line, _WIDTH, initial_indent="  ", subsequent_indent="    ")
