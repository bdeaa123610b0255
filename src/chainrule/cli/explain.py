"""``chainrule explain``."""

from __future__ import annotations

import argparse
import shlex
from typing import Any

import numpy as np

from chainrule.cli import screen
from chainrule.cli.targets import EXAMPLES, completed, find, told
from chainrule.errors import ArgumentError, ChainruleError
from chainrule.explain.why import element_name
from chainrule.formula import parse_assignment, parse_value
from chainrule.render import RENDERERS
from chainrule.solution import Solution
from chainrule.solution import explain as explain_function
from chainrule.writing import scalar_text

HELP = "show the worked backward pass of a function, a formula or an example"

_EPILOG = """\
targets:
  a shipped example   chainrule explain neuron
  a formula           chainrule explain "z = w*x + b; y = max(z, 0)" --at w=2 --at x=3 --at b=1
  a file's function   chainrule explain network.py:loss --at lr=0.1 --wrt w

more examples:
  chainrule explain classifier --why "W1[0, 2]"
  chainrule explain two-layer --step 0.05 --steps 10
  chainrule explain softmax --as markdown
"""


def add(commands: Any) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "explain", help=HELP, description=HELP[0].upper() + HELP[1:] + ".", epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument(
        "target", metavar="TARGET",
        help=f"file.py:function, a formula in quotes, or one of {', '.join(EXAMPLES)}",
    )  # fmt: skip
    parser.add_argument(
        "--at", action="append", default=[], metavar="NAME=VALUE",
        help="the value of an argument: a number or a list such as [1, -2, 3]",
    )  # fmt: skip
    parser.add_argument("--wrt", metavar="NAMES", help="arguments to differentiate by: w,b")
    parser.add_argument("--upstream", metavar="VALUE", help="gradient of what follows the output")
    parser.add_argument("--why", metavar="NAME", help="one gradient as a sum over paths: w[0]")
    parser.add_argument("--open", metavar="NAME", help="one gradient as its scalar products")
    parser.add_argument("--shapes", action="store_true", help="why each transpose and sum is there")
    parser.add_argument("--step", type=float, metavar="LR", help="take a gradient step")
    parser.add_argument("--steps", type=int, metavar="N", help="take N of them (with --step)")
    parser.add_argument(
        "--as", dest="form", choices=[*RENDERERS, "code"], default="text", help="what to print"
    )
    parser.add_argument(
        "--no-simplify", action="store_true", help="take every operation as it is written"
    )
    parser.add_argument("-o", dest="file", metavar="FILE", help="write .txt .md .tex .json or .py")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Explain a target."""
    solution = _solution(options)
    if options.file:
        path = solution.save(options.file)
        print(f"wrote {path}")
    elif options.why:
        screen.show(solution.why(options.why).text())
    elif options.open:
        screen.show(_opened(solution, options.open))
    elif options.shapes:
        notes = solution.shapes()
        screen.show("\n\n".join(n.text() for n in notes) or "No gradient here is an index sum.")
    elif options.step is not None and options.steps is None:
        screen.show(solution.step(options.step).text())
    elif options.step is not None:
        screen.show(solution.descend(options.step, options.steps).text())
    elif options.steps is not None:
        raise ArgumentError("--steps needs a learning rate.", instead="--step 0.01 --steps 10")
    elif options.form == "code":
        print(solution.code(), end="")
    elif options.form == "text":
        screen.show(solution.text())
    else:
        print(getattr(solution, options.form)(), end="")


def _solution(options: argparse.Namespace) -> Solution:
    target = find(options.target)
    given = {}
    for text in options.at:
        name, value = parse_assignment(text)
        given[name] = _like(target.values.get(name), value)
    values = completed(target, given, f"chainrule explain {shlex.quote(options.target)}")
    wrt = options.wrt.split(",") if options.wrt else target.wrt
    wrt = [name.strip() for name in wrt] if isinstance(wrt, list) else wrt
    upstream = parse_value(options.upstream) if options.upstream else target.upstream
    try:
        return explain_function(
            target.function, *values.values(), wrt=wrt,
            upstream=upstream, simplify=not options.no_simplify,
        )  # fmt: skip
    except ChainruleError:
        raise
    except Exception as error:
        raise told(error) from error


def _like(default: Any, value: Any) -> Any:
    """Return a value in the form of the default that it takes the place of."""
    if isinstance(default, list) and isinstance(value, np.ndarray):
        return value.tolist()
    whole = isinstance(default, np.ndarray) and default.dtype.kind in "iu"
    return value.astype(default.dtype) if whole and isinstance(value, np.ndarray) else value


def _opened(solution: Solution, name: str) -> str:
    terms = solution.open(name)
    total = scalar_text(sum(term.product for term in terms))
    head = name if name.startswith("d") else f"d{name}"
    lines = [f"{head} = {total}, the sum of"]
    for term in terms:
        through = element_name(solution.label(term.node), term.index)
        lines.append(
            f"  {scalar_text(term.product):>12} = d{through} · local derivative "
            f"= {scalar_text(term.upstream)} · {scalar_text(term.derivative)}"
        )
    return "\n".join(lines)
