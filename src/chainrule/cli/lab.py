"""``chainrule lab``."""

from __future__ import annotations

import argparse
import threading
import webbrowser
from typing import Any

from chainrule.lab.server import Lab, listening

HELP = "open the explorer and the playground in the browser"

_EPILOG = """\
examples:
  chainrule lab
  chainrule lab --port 9000 --no-browser

The lab listens on this machine alone. Its link holds a token: whoever has it may use the lab.
Ctrl-C stops it, and so does the button on its page.
"""


def add(commands: Any) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "lab", help=HELP, description=HELP[0].upper() + HELP[1:] + ".", epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument(
        "--port", type=int, metavar="N", help="where to listen (default: one that is free)"
    )
    parser.add_argument(
        "--no-browser", action="store_true", help="print the link, and open nothing"
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Serve until Ctrl-C."""
    lab = Lab(listening(options.port))

    def started() -> None:
        print(f"The lab is at\n\n  {lab.link}\n\nCtrl-C stops it.", flush=True)
        if not options.no_browser:
            # A browser may take its time; some block until they are closed.
            threading.Thread(target=webbrowser.open, args=(lab.link,), daemon=True).start()

    lab.run(started)
