"""``chainrule explain``."""

from __future__ import annotations

import argparse
import ast
import contextlib
import itertools
import re
import shlex
import sys
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from chainrule.cli import screen, values
from chainrule.cli.files import loaded, told, written
from chainrule.cli.targets import Target, file_and_function, found, functions_of
from chainrule.errors import ArgumentError, ChainruleError
from chainrule.examples import EXAMPLES
from chainrule.formats import Formats
from chainrule.formula import FUNCTIONS, parse_value
from chainrule.render import RENDERERS
from chainrule.solution import Solution
from chainrule.solving import explain as explain_function

HELP = "show the worked backward pass of a function, a formula or an example"

_EPILOG = """\
targets:
  an example     chainrule explain neuron
  a formula      chainrule explain "z = w*x + b; y = max(z, 0)" --at w=2 --at x=3 --at b=1
  a function     chainrule explain network.py:loss --at lr=0.1 --wrt w

A word is the name of an example; a text with an operator, a call or an = is a formula.
A file may say WRT = ("w", "b") and UPSTREAM = ..., which --wrt and --upstream replace.

more examples:
  chainrule explain classifier --why "W1[0, 2]"
  chainrule explain classifier --open "W1[0, 2]"
  chainrule explain layer --shapes
  chainrule explain two-layer --step 0.014 --steps 5
  chainrule explain softmax --as markdown
  chainrule explain "w*x" --at w=[1,2] --at x=3 --upstream [1,1]
  chainrule explain neuron -o neuron.html
  chainrule explain neuron -o neuron.svg
  chainrule explain --list
"""

# An example command for a formula tries values of these many combinations of shapes.
_TRIALS = 200


def add(commands: Any) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "explain", help=HELP, description=HELP[0].upper() + HELP[1:] + ".", epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument(
        "target", metavar="TARGET", nargs="?",
        help=f"file.py:function, a formula in quotes, or one of {', '.join(EXAMPLES)}",
    )  # fmt: skip
    parser.add_argument(
        "--at", action="append", default=[], metavar="NAME=VALUE",
        help="the value of an argument: a number or a list such as [1,-2,3]; once for each",
    )  # fmt: skip
    parser.add_argument("--wrt", metavar="NAMES", help="arguments to differentiate by: w,b")
    parser.add_argument("--upstream", metavar="VALUE", help="gradient of what follows the output")
    asked = parser.add_mutually_exclusive_group()
    asked.add_argument("--why", metavar="NAME", help="one gradient as a sum over paths: w[0]")
    asked.add_argument("--open", metavar="NAME", help="one gradient as its scalar products")
    asked.add_argument("--shapes", action="store_true", help="why each transpose and sum is there")
    asked.add_argument("--step", type=float, metavar="LR", help="take a gradient step")
    asked.add_argument(
        "--list", action="store_true", help="list the examples, or a file's functions"
    )
    parser.add_argument("--steps", type=int, metavar="N", help="take N of them (with --step)")
    parser.add_argument(
        "--as", dest="form", choices=[*RENDERERS, "code"], help="what to print (default: text)"
    )
    parser.add_argument(
        "--notation", metavar="NAMES",
        help="columns or rows for the samples, the sum or the mean of them: columns,sum",
    )  # fmt: skip
    parser.add_argument(
        "--no-simplify", action="store_true", help="take every operation as it is written"
    )
    parser.add_argument(
        "-o", dest="file", metavar="FILE",
        help="write .txt .md .tex .json .py, .html to step through, or .svg .png .pdf .gif",
    )  # fmt: skip
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Explain a target."""
    _check(options)
    if options.list:
        screen.show(_listing(options.target))
        return
    given = [values.name_in(text) for text in options.at]
    # What the user's code prints is no part of a page, least of all of JSON.
    with (
        contextlib.redirect_stdout(sys.stderr),
        found(options.target, given) as target,
        _in_the_words_of_the_command(options, target),
    ):
        solution = _solution(options, target)
        answer = _answer(options, solution)
        shown = _in_notation(options, solution)
        path = _written(options, shown, answer)
        page = _page(options, shown) if answer is None and path is None else None
    if path is not None:
        print(f"wrote {path}")
    elif answer is not None:
        screen.show(answer)
    elif page is not None and options.form in (None, "text"):
        screen.show(page)
    elif page is not None:
        print(page.rstrip("\n"))


def _check(options: argparse.Namespace) -> None:
    """Refuse options that do not go together."""
    if options.target is None and not options.list:
        raise ArgumentError(
            "There is nothing to explain.",
            expected=f"one of {', '.join(EXAMPLES)}, file.py:function, or a formula in quotes",
            instead="chainrule explain neuron",
        )
    question = _question(options)
    if options.steps is not None and options.step is None:
        raise ArgumentError(
            "--steps needs a learning rate.", instead=f"--step 0.01 --steps {options.steps}"
        )
    if options.notation is not None and question is not None:
        raise ArgumentError(
            f"--notation is for the whole page, and {question} answers in that of the function."
        )
    if options.form is not None and question is not None:
        raise ArgumentError(f"--as is for the whole page, and {question} answers in text.")
    if options.form is not None and options.file is not None:
        raise ArgumentError(
            "--as and -o both say what to write.", instead="-o FILE, whose suffix decides"
        )
    if options.file is not None and question is not None and Path(options.file).suffix != ".txt":
        raise ArgumentError(
            f"{question} answers in text.",
            expected="a file that ends in .txt", got=options.file,
            instead=f"-o {Path(options.file).with_suffix('.txt')}",
        )  # fmt: skip


def _question(options: argparse.Namespace) -> str | None:
    asked = {
        "--list": options.list, "--why": options.why, "--open": options.open,
        "--shapes": options.shapes, "--step": options.step is not None,
    }  # fmt: skip
    return next((name for name, value in asked.items() if value), None)


def _solution(options: argparse.Namespace, target: Target) -> Solution:
    given = values.read(options.at, target.values, target.indices)
    positional, by_name = target.call(_completed(options, target, given))
    wrt = target.wrt
    if options.wrt is not None:
        wrt = [name.strip() for name in options.wrt.split(",") if name.strip()]
    upstream = target.upstream if options.upstream is None else parse_value(options.upstream)
    return explain_function(
        target.function, *positional, wrt=wrt,
        upstream=upstream, simplify=not options.no_simplify, **by_name,
    )  # fmt: skip


def _answer(options: argparse.Namespace, solution: Solution) -> str | None:
    """Answer the question asked; None where the whole page is."""
    if options.why is not None:
        return solution.why(options.why).text()
    if options.open is not None:
        return solution.open(options.open).text()
    if options.shapes:
        return solution.shapes().text()
    if options.step is None:
        return None
    if options.steps is None:
        return solution.step(options.step).text()
    return solution.descend(options.step, options.steps).text()


def _in_notation(options: argparse.Namespace, solution: Solution) -> Formats:
    if options.notation is None:
        return solution
    return solution.notation(*(n.strip() for n in options.notation.split(",") if n.strip()))


def _page(options: argparse.Namespace, solution: Formats) -> str:
    view = getattr(solution, options.form or "text")
    return str(view())


def _written(options: argparse.Namespace, solution: Formats, answer: str | None) -> Path | None:
    if options.file is None:
        return None
    if answer is None:
        return written(solution.save, options.file)

    def save(file: str) -> Path:
        path = Path(file)
        path.write_text(answer.rstrip("\n") + "\n", encoding="utf-8")
        return path

    return written(save, options.file)


def _listing(target: str | None) -> str:
    path = None if target is None else file_and_function(target)[0]
    if path is not None:
        with loaded(path) as module:
            names = functions_of(module)
        return "\n".join(f"chainrule explain {path}:{name}" for name in names)
    lines = ["examples"]
    for name in EXAMPLES:
        with found(name) as example:
            lines.append(f"  {name:<20}{example.function.__name__}({', '.join(example.names)})")
    lines += ["", "functions that a formula may call"]
    row = " "
    for name in sorted(FUNCTIONS):
        if len(row) + len(name) > 90:
            lines.append(row)
            row = " "
        row += f" {name}"
    return "\n".join([*lines, row])


# -- missing values ------------------------------------------------------------------------


def _completed(
    options: argparse.Namespace, target: Target, given: Mapping[str, Any]
) -> dict[str, Any]:
    """Return a value for each argument; one that is missing is refused with a way to give it."""
    known, missing = values.completed(target.names, target.values, given)
    if missing:
        words = ["chainrule", "explain", options.target]
        for text in options.at:
            words += ["--at", text]
        raise ArgumentError(
            values.none_for(missing),
            instead=shlex.join([*words, *_example(options, target, known, missing)]),
        )
    return {name: known[name] for name in target.names}


def _example(
    options: argparse.Namespace, target: Target, known: Mapping[str, Any], missing: Sequence[str]
) -> list[str]:
    """Find values for missing arguments that work; a user's function is not run to find them."""
    sizes = sorted({n for value in known.values() for n in np.shape(value)} | {2})
    shapes = [(), *((n,) for n in sizes), *itertools.product(sizes, sizes)]
    trials: Iterator[tuple[tuple[int, ...], ...]] = itertools.islice(
        itertools.product(shapes, repeat=len(missing)), _TRIALS
    )
    first: list[str] = []
    if target.formula is None:
        written = values.shapes_written(target.function)
        trials = iter([tuple(written.get(name, ()) for name in missing)])
    for trial in trials:
        made = {
            name: np.zeros(shape, int)
            if name in target.indices
            else np.arange(start, start + np.prod(shape, dtype=int), dtype=float).reshape(shape)
            for start, (name, shape) in enumerate(zip(missing, trial, strict=True), 2)
        }
        words = [
            w
            for name, value in made.items()
            for w in ("--at", f"{name}={values.written_list(value)}")
        ]
        first = first or words
        if target.formula is None:
            break
        positional, by_name = target.call({**known, **{n: v[()] for n, v in made.items()}})
        with contextlib.suppress(Exception), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            shape = np.shape(target.function(*positional, **by_name))
            upstream = np.ones(shape) if shape else None
            if options.upstream is not None:
                upstream = np.asarray(parse_value(options.upstream))
            explain_function(target.function, *positional, upstream=upstream, **by_name)
            if upstream is not None:
                words += ["--upstream", options.upstream or values.written_list(upstream)]
            return words
    return first


# -- errors --------------------------------------------------------------------------------


@contextlib.contextmanager
def _in_the_words_of_the_command(options: argparse.Namespace, target: Target) -> Iterator[None]:
    """Tell errors of the user's code, and tell ours with options in place of Python."""
    try:
        yield
    except ChainruleError as error:
        instead = None if error.instead is None else _as_options(error.instead, options)
        spoken = type(error)(
            error.what, expected=error.expected, got=error.got, instead=instead,
            # A formula has no file, and the line that is running is that of the command itself.
            where=None if target.formula is not None else error.where,
        )  # fmt: skip
        for note in getattr(error, "__notes__", []):
            spoken.add_note(note)
        raise spoken from error
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # SystemExit too
        raise told(error) from error


def _as_options(instead: str, options: argparse.Namespace) -> str:
    if upstream := re.match(r"explain\(\.\.\., upstream=np\.ones\((\([\d, ]*\))\)\)(.*)", instead):
        ones = np.ones(ast.literal_eval(upstream[1]))
        shown = values.written_list(ones) if ones.size <= 20 else "VALUE"
        return f"--upstream {shown}{upstream[2]}"
    if wrt := re.fullmatch(r"wrt='(\w+)'", instead):
        return f"--wrt {wrt[1]}"
    if why := re.fullmatch(r"why\('(.*)'\)", instead):
        return f'--{"why" if options.why is not None else "open"} "{why[1]}"'
    return instead
