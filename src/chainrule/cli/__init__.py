"""The command line; one file a command. It needs nothing but the standard library and NumPy."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from chainrule import __version__
from chainrule.cli import explain, tour
from chainrule.errors import ChainruleError

#: Exit status of a command that was asked for something it cannot do.
REFUSED = 2
INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    arguments : sequence of str, optional
        Those of the process unless given.

    Returns
    -------
    int
        Exit status: 0, 2 for a request that cannot be met, 130 when interrupted.
    """
    parser = argparse.ArgumentParser(
        prog="chainrule",
        description="Backpropagation that shows its work.",
        epilog="example:\n  chainrule explain neuron\n",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"chainrule {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    explain.add(commands)
    tour.add(commands)
    options = parser.parse_args(arguments)
    try:
        options.run(options)
        sys.stdout.flush()
    except ChainruleError as error:
        print(f"error: {error}", file=sys.stderr)
        return REFUSED
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # The reader has left: nothing more to say, also not when Python flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0
