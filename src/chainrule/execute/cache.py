"""Compiled code on disk: a directory for each source, which many processes may share.

What cannot be written or read costs the time to compile again, and nothing else. Nor is anything
read that another user could have put there: it is run. Where there are many entries, those that
nobody has asked for in the longest time make room for new ones.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import platform
import re
import shutil
import stat
import sys
import tempfile
from functools import lru_cache
from pathlib import Path

_SOURCE = "kernel.py"
#: Digest of the machine code beside a source: code that is broken would end the process.
_SEAL = "digest"
#: Entries that are kept: a few hundred megabytes.
_MOST = 2000
#: What entries are called; whatever else is in the directory is not touched.
_KEY = re.compile("[0-9a-f]{32}")


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
    if read(key, _SOURCE) != told:
        return write(key, _SOURCE, told)
    path = cache_directory() / key / _SOURCE
    try:
        if read(key, _SEAL) != _digest(path.parent):
            for code in _machine_code(path.parent):  # broken, or not sealed yet
                code.unlink(missing_ok=True)
    except OSError:
        return None
    return path if os.access(path.parent, os.W_OK) else None


def seal(key: str) -> None:
    """Take note of what machine code there is, so that it will be known for whole."""
    with contextlib.suppress(OSError, RuntimeError):
        write(key, _SEAL, _digest(cache_directory() / key))


def _digest(directory: Path) -> bytes:
    digest = hashlib.sha256()
    for code in _machine_code(directory):
        digest.update(code.name.encode() + code.read_bytes())
    return digest.hexdigest().encode()


def _machine_code(directory: Path) -> list[Path]:
    return sorted(directory.glob("__pycache__/*.nb[ic]"))


def read(key: str, name: str) -> bytes | None:
    """Return a file of an entry, or None where there is none."""
    try:
        directory = cache_directory() / key
        if not _is_ours(directory):
            return None
        content = (directory / name).read_bytes()
    except (OSError, RuntimeError):  # no home to look in
        return None
    with contextlib.suppress(OSError):  # what was asked for last goes last
        os.utime(directory)
    return content


def write(key: str, name: str, content: bytes) -> Path | None:
    """Write a file of an entry, all of it or nothing; None where that is not possible."""
    try:
        directory = cache_directory() / key
        if not directory.exists():
            _make_room(directory.parent)
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not _is_ours(directory):
            return None
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


def _is_ours(directory: Path) -> bool:
    """Whether nobody but the user, the system, or a group let in on purpose, can write to it."""
    known = directory.lstat()
    if not stat.S_ISDIR(known.st_mode):
        return False
    if not hasattr(os, "geteuid"):  # Windows, where the directory of a user is the user's
        return True
    return known.st_uid in (os.geteuid(), 0) and not known.st_mode & stat.S_IWOTH


def _make_room(directory: Path) -> None:
    """Remove the entries that were not asked for in the longest time, where there are many."""
    try:
        entries = [e for e in os.scandir(directory) if _KEY.fullmatch(e.name)]
        if len(entries) < _MOST:
            return
        entries.sort(key=lambda e: e.stat(follow_symlinks=False).st_mtime_ns)
    except OSError:  # not there yet, or others make room, too
        return
    for entry in entries[: len(entries) - _MOST * 9 // 10]:  # not at each new entry
        shutil.rmtree(entry.path, ignore_errors=True)
