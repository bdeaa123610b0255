"""How much work a call is, counted: the same on every machine, however busy."""

import sys


def lines(function, *arguments):
    """Return how many lines of Python run in a call; each turn of a loop has its own."""
    count = 0

    def seen(frame, event, argument):
        nonlocal count
        count += event == "line"
        return seen

    before = sys.gettrace()
    sys.settrace(seen)
    try:
        function(*arguments)
    finally:
        sys.settrace(before)
    return count
