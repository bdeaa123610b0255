"""Temporary files: made under a lock, and found again when their writer was killed.

A writer holds a lock on its temporary file, which the system lets go of when the process ends, in
whatever way. So a file that looks like one of ours and that nobody holds is left over, and two
processes that write to the same path never take away each other's.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import secrets
import time
from collections.abc import Iterator
from pathlib import Path

with contextlib.suppress(ImportError):  # Windows, which removes no file that is open
    import fcntl

HAS_LOCKS = "fcntl" in globals()
#: Where there are no locks, only what is older is left over, in seconds.
_OLD = 86_400


def name_for(target: str) -> str:
    """Return a path for a temporary file beside a target, which nobody else takes."""
    directory, name = os.path.split(target)
    return os.path.join(directory, f"{_prefix(name)}{secrets.token_hex(8)}.tmp")


def created(path: str) -> io.FileIO:
    """Make a temporary file; an object, so that an interrupt does not leave it open."""
    return io.FileIO(path, "x+")


def is_held(file: io.FileIO) -> bool:
    """Take the lock on a temporary file; False where another took the file away before."""
    if HAS_LOCKS:
        with contextlib.suppress(OSError):  # a file system without locks
            fcntl.flock(file.fileno(), fcntl.LOCK_EX)
    return os.fstat(file.fileno()).st_nlink > 0


def clear(target: str) -> None:
    """Remove what writers to this target left that were killed.

    Nothing is removed that is in use, and nothing raises: to clear up is not what was asked for.
    """
    directory, name = os.path.split(target)
    with contextlib.suppress(OSError):
        for path in _candidates(directory, name):
            with contextlib.suppress(OSError):
                _remove_if_left(path)


def remove(path: str) -> None:
    """Remove a temporary file, if it is still there."""
    Path(path).unlink(missing_ok=True)


def _prefix(name: str) -> str:
    """Return how names of temporary files begin; names of files have 255 bytes at most."""
    return f".{os.fsdecode(os.fsencode(name)[:200])}."


def _candidates(directory: str, name: str) -> Iterator[str]:
    pattern = re.compile(re.escape(_prefix(name)) + r"[0-9a-f]{16}\.tmp", re.DOTALL)
    with os.scandir(directory or os.curdir) as found:
        yield from [entry.path for entry in found if pattern.fullmatch(entry.name)]


def _remove_if_left(path: str) -> None:
    with io.FileIO(path, "r+", opener=_opened) as file:
        if HAS_LOCKS:
            fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
        elif time.time() - os.fstat(file.fileno()).st_mtime < _OLD:
            return
        remove(path)


def _opened(path: str, flags: int) -> int:
    # Neither to follow a link nor to wait for a pipe.
    return os.open(path, flags | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
