"""Where in the user's code an operation happens, and what the user calls its result.

The name is read from the bytecode: when the instruction after the one that called
the operation stores into a name, that name is the result's. A value that is returned
gets the name that the caller stores it under.
"""

from __future__ import annotations

import dis
import os
import sys
import warnings
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from types import CodeType, FrameType

import numpy as np

from chainrule.errors import Location

_OWN = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
_EXAMPLES = os.path.join(_OWN, "examples")
#: Where the libraries lie whose own lines are nobody's business.
_NUMPY = os.path.dirname(os.path.abspath(np.__file__))
_SCIPY = os.path.join(os.path.dirname(_NUMPY), "scipy")
_SKIPPED = ("COPY", "NOP", "CACHE", "RESUME")


@lru_cache(maxsize=1024)
def is_user_file(filename: str) -> bool:
    """Whether a file is neither chainrule's nor NumPy's own; shipped examples are users'."""
    own = filename.startswith(_OWN) and not filename.startswith(_EXAMPLES)
    return not own and not filename.startswith((_NUMPY, _SCIPY))


def user_frame() -> FrameType | None:
    """Return the innermost frame that is the user's."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and not is_user_file(frame.f_code.co_filename):
        frame = frame.f_back
    return frame


def warn(text: str, category: type[Warning]) -> None:
    """Warn of something at the user's line, however many calls away that is."""
    level, frame = 2, sys._getframe(1)
    while frame.f_back is not None and not is_user_file(frame.f_code.co_filename):
        level, frame = level + 1, frame.f_back
    warnings.warn(text, category, stacklevel=level)


def foreign_call() -> str | None:
    """Return the function of SciPy's that the user called, if it is under way."""
    frame: FrameType | None = sys._getframe(1)
    found = None
    while frame is not None and not is_user_file(frame.f_code.co_filename):
        if frame.f_code.co_filename.startswith(_SCIPY):
            module = ".".join(frame.f_globals.get("__name__", "scipy").split(".")[:2])
            found = f"{module}.{frame.f_code.co_name}"
        frame = frame.f_back
    return found


def location(frame: FrameType | None = None, code: CodeType | None = None) -> Location | None:
    """Return the user's line that is running now, or the first one of a function's code."""
    if code is not None:
        return _location(code.co_filename, code.co_firstlineno, code.co_name)
    frame = frame or user_frame()
    if frame is None:
        return None
    code = frame.f_code
    return _location(code.co_filename, frame.f_lineno, code.co_name)


@lru_cache(maxsize=4096)
def _location(file: str, line: int, function: str) -> Location:
    return Location(file, line, function)


def assigned_name(frame: FrameType, root: FrameType | None) -> str | tuple[str, ...] | None:
    """Return the name that the value being computed in `frame` is about to get.

    Parameters
    ----------
    frame : frame
        The user's frame, stopped at the instruction that computes the value.
    root : frame or None
        The frame that called the function being traced: no name is sought there.

    Returns
    -------
    str, tuple of str, or None
        Several names where an array is unpacked into them.
    """
    current: FrameType | None = frame
    while current is not None and current is not root:
        name = _names(current.f_code).get(current.f_lasti)
        if name != _RETURNED:
            return name
        current = current.f_back
        while current is not None and not is_user_file(current.f_code.co_filename):
            if current is root:
                return None
            current = current.f_back
    return None


_RETURNED = "<returned>"
_STORES = ("STORE_FAST", "STORE_NAME", "STORE_DEREF", "STORE_GLOBAL")


@lru_cache(maxsize=1024)
def _names(code: CodeType) -> dict[int, str | tuple[str, ...]]:
    """Map the offset of each instruction whose result is stored to the name stored into."""
    found = [i for i in dis.get_instructions(code) if i.opname not in _SKIPPED]
    stored: dict[int, str | tuple[str, ...]] = {}
    for now, after, then in zip(found, found[1:], [*found[2:], None], strict=False):
        if after.opname.startswith(_STORES):
            name = after.argval[0] if isinstance(after.argval, tuple) else after.argval
            stored[now.offset] = str(name)
        elif then is not None and then.opname == "STORE_ATTR" and after.opname[:4] == "LOAD":
            stored[now.offset] = str(then.argval)  # self.name = value
        elif after.opname == "RETURN_VALUE":
            stored[now.offset] = _RETURNED
    for i, now in enumerate(found):
        if now.opname == "UNPACK_SEQUENCE":
            stored[now.offset] = _unpacked(found[i + 1 : i + 1 + now.argval])
    names: dict[int, str | tuple[str, ...]] = {}
    for now, after in pairwise(found):
        # Python 3.11 calls some functions from the instruction before CALL.
        name = stored.get(after.offset if now.opname == "PRECALL" else now.offset)
        if name is not None:
            # A frame that waits for a call may stand on the caches after the instruction.
            names.update(dict.fromkeys(range(now.offset, after.offset, 2), name))
    return names


def _unpacked(stores: Sequence[dis.Instruction]) -> tuple[str, ...]:
    """Return the names that the items of an unpacked sequence get, up to one without."""
    names: list[str] = []
    for store in stores:
        if not store.opname.startswith(_STORES):
            break
        both = store.argval if isinstance(store.argval, tuple) else (store.argval,)
        names += [str(name) for name in both]
    return tuple(names)
