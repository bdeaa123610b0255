"""Lines of chainrule's own layers and losses, which are nobody's business elsewhere."""

from __future__ import annotations

import os
import sys
from types import FrameType

from chainrule.errors import Location
from chainrule.trace import location

_NN = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
#: Files whose lines say what a layer, a loss or an optimizer computes.
_TELLING = frozenset(
    os.path.join(_NN, *parts)
    for parts in (
        ("layers.py",), ("functional.py",), ("losses.py",), ("penalties.py",),
        ("transformations", "averages.py"), ("transformations", "steps.py"),
        ("transformations", "base.py"),
    )
)  # fmt: skip


def line_of_layer() -> Location | None:
    """Return the innermost line that is under way in a layer, a loss or an optimizer of ours."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        if frame.f_code.co_filename in _TELLING:
            return location(frame)
        frame = frame.f_back
    return None
