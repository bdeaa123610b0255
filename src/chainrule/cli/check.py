"""``chainrule check``."""

from __future__ import annotations

import argparse
import contextlib
import io
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule.cli import screen, values
from chainrule.cli.files import check_exists, loaded, told, written
from chainrule.cli.targets import Target, callable_in, function_in, functions_of, of_class
from chainrule.errors import ArgumentError, ChainruleError
from chainrule.formula import parse_value

if TYPE_CHECKING:
    from chainrule.checking.report import Report

HELP = "say whether a hand-written backward pass is right, and which line is the first wrong one"

#: Exit status for a backward pass that is wrong, or of which nothing could be tested.
WRONG = 1

_FORMS = ("text", "markdown", "json")

_EPILOG = """\
targets:
  two functions of a file    chainrule check layer.py:affine:affine_backward
  a script or a notebook     chainrule check homework.ipynb

The first function is the forward pass, the second its backward pass; the inputs are the
defaults of the first, or what --at says. A script or a notebook assigns dz, dw, ... by name;
its forward pass is its own code, or the function that --forward names.

more examples:
  chainrule check layer.py:affine:affine_backward --at "x=[[1,2],[3,4]]"
  chainrule check layer.py:affine:affine_backward --as json
  chainrule check layer.py:affine:affine_backward -o report.md
  chainrule check homework.py --output loss
  chainrule check homework.py --forward network

exit status: 0 when it is right, 1 when it is wrong, 2 when it cannot be checked
"""

_TARGET = re.compile(r"(.+\.(?:py|ipynb))((?::\w*){0,2})")


def add(commands: Any) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "check", help=HELP, description=HELP[0].upper() + HELP[1:] + ".", epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument(
        "target", metavar="TARGET", help="file.py:forward:backward, script.py or notebook.ipynb"
    )
    parser.add_argument(
        "--at", action="append", default=[], metavar="NAME=VALUE",
        help="the value of an input: a number or a list such as [1,-2,3]; once for each",
    )  # fmt: skip
    parser.add_argument("--upstream", metavar="VALUE", help="gradient of what follows the output")
    parser.add_argument("--forward", metavar="NAME", help="the forward pass of a script")
    parser.add_argument("--output", metavar="NAME", help="what a script differentiates: loss")
    parser.add_argument("--as", dest="form", choices=_FORMS, help="what to print (default: text)")
    parser.add_argument("-o", dest="file", metavar="FILE", help="write .txt .md or .json")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Check a target, and return the exit status."""
    target = options.target.strip()
    path, *functions = _taken_apart(target)
    _refuse_what_does_not_go_together(options, bool(functions))
    # What the user's code prints is no part of a report, and it is run many times.
    with contextlib.redirect_stdout(io.StringIO()), _told():
        report = (
            _of_functions(options, path, *functions) if functions else _of_script(options, path)
        )
        view = str(getattr(report, options.form or "text")())
        file = None if options.file is None else written(report.save, options.file)
    if file is not None:
        print(f"wrote {file}")
    elif options.form in (None, "text"):
        screen.show(view)
    else:
        print(view.rstrip("\n"))
    return _status(report)


def _status(report: Report) -> int:
    from chainrule.checking.telling import untested

    return 0 if report.ok and not untested(report) else WRONG


@contextlib.contextmanager
def _told() -> Iterator[None]:
    """Tell errors of the user's code without our own frames."""
    try:
        yield
    except (ChainruleError, KeyboardInterrupt):
        raise
    except BaseException as error:  # SystemExit too
        raise told(error) from error


# -- targets -----------------------------------------------------------------------------------


def _taken_apart(target: str) -> list[str]:
    """Return a file and, where they are named, its forward and its backward function."""
    match = _TARGET.fullmatch(target)
    if match is None:
        no_suffix = re.fullmatch(r"([\w./\\-]+)(:\w+:\w+)", target)
        raise ArgumentError(
            "There is nothing to check.",
            expected="file.py:forward:backward, script.py or notebook.ipynb",
            got=target,
            instead=f"chainrule check {no_suffix[1]}.py{no_suffix[2]}" if no_suffix else None,
        )
    path, names = match[1], [name for name in match[2].split(":") if name]
    if names and path.endswith(".ipynb"):
        raise ArgumentError(
            "A notebook is checked as a whole.",
            got=target,
            instead=f"chainrule check {path} --forward {names[0]}",
        )
    if len(names) == 1:
        raise _second_missing(path, names[0])
    return [path, *names]


def _second_missing(path: str, forward: str) -> ArgumentError:
    with _told(), loaded(Path(path)) as module:
        kind = getattr(module, forward, None)
        if isinstance(kind, type) and hasattr(kind, "forward"):
            return of_class(kind, "check", Path(path).stem)
        others = [name for name in functions_of(module) if name != forward]
    # Whoever writes both calls the second one backward, or a gradient.
    likely = [n for n in others if forward.removesuffix("_forward") in n] or others
    likely.sort(key=lambda name: not any(word in name for word in ("backward", "grad")))
    return ArgumentError(
        "The backward function of the file is missing.",
        expected=f"{path}:forward:backward",
        got=f"{path}:{forward}",
        instead=f"chainrule check {path}:{forward}:{likely[0] if likely else 'backward'}, or "
        f"chainrule check {path} --forward {forward} for a script",
    )


def _refuse_what_does_not_go_together(options: argparse.Namespace, is_functions: bool) -> None:
    if options.form is not None and options.file is not None:
        raise ArgumentError(
            "--as and -o both say what to write.", instead="-o FILE, whose suffix decides"
        )
    for_scripts = {"--forward": options.forward, "--output": options.output}
    for_functions = {"--at": options.at, "--upstream": options.upstream}
    for option, value in (for_scripts if is_functions else for_functions).items():
        if value:
            raise ArgumentError(
                f"{option} is for a script or a notebook, and this names two functions."
                if is_functions
                else f"{option} is for two functions, and a script has values of its own.",
                got=f"{options.target} {option}",
                instead=None if is_functions else "chainrule check file.py:forward:backward",
            )


# -- reports -----------------------------------------------------------------------------------


def _of_functions(options: argparse.Namespace, path: str, forward: str, backward: str) -> Report:
    from chainrule.checking.api import check  # the other commands do not wait for it

    command = "chainrule check"
    with loaded(Path(path)) as module:
        target = function_in(module, forward, path, command)
        second = callable_in(module, backward, f"{command} {path}:{forward}:", but=forward)
        positional, by_name = target.call(_completed(options, target))
        upstream = target.upstream if options.upstream is None else parse_value(options.upstream)
        return check(target.function, second, *positional, upstream=upstream, **by_name)


def _completed(options: argparse.Namespace, target: Target) -> dict[str, Any]:
    """Return a value for each argument; one that is missing is refused with ways to give it."""
    known, missing = values.completed(
        target.names, target.values, values.read(options.at, target.values)
    )
    if missing:
        words = ["chainrule", "check", options.target]
        words += [word for text in options.at for word in ("--at", text)]
        shapes = values.shapes_written(target.function)
        for start, name in enumerate(missing, 1):
            shape = shapes.get(name, (2,))
            made = np.arange(start, start + np.prod(shape, dtype=int)).reshape(shape)
            words += ["--at", f"{name}={values.written_list(made)}"]
        raise ArgumentError(
            values.none_for(missing),
            expected="a default for each in the file, such as x=np.ones((2, 3)), or --at",
            instead=shlex.join(words),
        )
    return known


def _of_script(options: argparse.Namespace, path: str) -> Report:
    check_exists(Path(path))
    from chainrule.checking.script import examine_script

    return examine_script(path, options.forward, options.output)
