"""Compiled code on disk: a directory for each source, which many processes may share.

Entries are only ever added. What cannot be written or read costs the time to compile again, and
nothing else.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import platform
import shutil
import sys
import tempfile
from functools import lru_cache
from pathlib import Path

_SOURCE = "kernel.py"


def cache_directory() -> Path:
    """Return where compiled code is kept: ``CHAINRULE_CACHE``, or the user's own cache."""
    chosen = os.environ.get("CHAINRULE_CACHE")
    if chosen:
        return Path(chosen)
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "chainrule"


def key_of(source: str, *versions: str) -> str:
    """Return what tells one entry from all others: source, versions and processor."""
    parts = [source, *versions, platform.python_version(), platform.machine(), _processor()]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]


@lru_cache(maxsize=1)
def _processor() -> str:
    with contextlib.suppress(OSError), Path("/proc/cpuinfo").open(encoding="utf-8") as lines:
        kept = [line for line in lines if line.startswith(("model name", "flags"))]
        return "".join(dict.fromkeys(kept))
    return platform.processor()


def stored(key: str, source: str) -> Path | None:
    """Return the file of an entry, written if it was not there; None where that is not possible.

    A file that is there and has the right content is left alone, since its time stamp is part
    of what says that compiled code beside it is up to date.
    """
    told = source.encode()
    with contextlib.suppress(OSError, RuntimeError):  # no home to look in
        path = cache_directory() / key / _SOURCE
        if read(key, _SOURCE) == told:
            return path if os.access(path.parent, os.W_OK) else None
    return write(key, _SOURCE, told)


def read(key: str, name: str) -> bytes | None:
    """Return a file of an entry, or None where there is none."""
    try:
        return (cache_directory() / key / name).read_bytes()
    except (OSError, RuntimeError):
        return None


def write(key: str, name: str, content: bytes) -> Path | None:
    """Write a file of an entry, all of it or nothing; None where that is not possible."""
    try:
        directory = cache_directory() / key
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = directory / name
        handle, temporary = tempfile.mkstemp(dir=directory, suffix=".tmp")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
            Path(temporary).replace(path)
        except OSError:
            with contextlib.suppress(OSError):
                Path(temporary).unlink()
            raise
        return path
    except (OSError, RuntimeError):  # no home, no room, no right to write
        return None


def forget(key: str) -> None:
    """Remove an entry that turned out to be broken."""
    shutil.rmtree(cache_directory() / key, ignore_errors=True)
