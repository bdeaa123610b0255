"""The command line; one file a command. Only tables need more than NumPy.

::

    explain, check, train, predict, lab, tour
                    the commands
    targets         what can be explained: a file's function, a formula, a shipped example
    files           a user's file: loaded by its path, its errors told without our own frames
    values          what stands after --at
    screen          what is printed: plain in a pipe, with a little colour in a terminal
"""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Sequence
from typing import NoReturn

from chainrule import __version__
from chainrule.cli import check, explain, lab, predict, screen, tour, train
from chainrule.errors import ArgumentError, ChainruleError

#: Exit status of a command that was asked for something it cannot do.
REFUSED = 2
INTERRUPTED = 130

_EPILOG = """\
examples:
  chainrule tour
  chainrule explain neuron
  chainrule check layer.py:affine:affine_backward
  chainrule train data.csv --target species
  chainrule predict model.safetensors data.csv
"""


class _Parser(argparse.ArgumentParser):
    """Refuses in the same form as everything else."""

    def error(self, message: str) -> NoReturn:
        raise ArgumentError(message[:1].upper() + message[1:] + ".", instead=f"{self.prog} --help")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    arguments : sequence of str, optional
        Those of the process unless given.

    Returns
    -------
    int
        Exit status: 0, 1 for a backward pass that is wrong, 2 for a request that cannot be met,
        130 when interrupted.
    """
    screen.prepare()
    status = 0
    try:
        try:
            status = _run(sys.argv[1:] if arguments is None else arguments)
        finally:
            # Here, so that a reader who has left is noticed here, after --help too.
            sys.stdout.flush()
    except ChainruleError as error:
        notes: list[str] = getattr(error, "__notes__", [])
        print("\n".join([f"error: {error}", *notes]), file=sys.stderr)
        return REFUSED
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # Nothing more to say to the reader, also not when Python flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return status


def _run(arguments: Sequence[str]) -> int:
    parser = _Parser(
        prog="chainrule",
        description="Backpropagation that shows its work.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"chainrule {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    explain.add(commands)
    check.add(commands)
    train.add(commands)
    predict.add(commands)
    lab.add(commands)
    tour.add(commands)
    options = parser.parse_args([_unlike_an_option(text) for text in arguments])
    status: int | None = options.run(options)
    return status or 0


def _unlike_an_option(text: str) -> str:
    """Let a formula or a number begin with a minus sign: `-w*x` is no option, `-o` and `-h` are."""
    return f" {text}" if re.match(r"-[^-ho]", text) else text
