"""A file is replaced as a whole or not at all.

Whoever reads the path at any moment finds the old file or the new one: the new one is written under
another name, on disk and read again before it takes the name of the old one.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Sequence
from pathlib import Path

from chainrule.errors import FileError
from chainrule.nn.files import leftovers
from chainrule.nn.files.refusals import failed, refused

#: What a file system says that has no way to flush a directory.
_NO_SUCH_FLUSH = {errno.EINVAL, errno.ENOTSUP, errno.EBADF}


def replace(
    path: str, parts: Sequence[bytes | memoryview], *, verify: Callable[[str], None]
) -> None:
    """Write a file, or leave the one that is there as it is.

    A symbolic link is followed: the file that it leads to is replaced. A new file has the
    permissions that the umask gives, one that replaces another has the other's.

    Parameters
    ----------
    path : str
    parts : sequence of bytes
        What the file is to hold.
    verify : callable
        Called with the path of the file that was written, before it replaces anything; raises
        when it is not good.

    Raises
    ------
    FileError
        When there is no room, no right or no directory to write to, or when what was written is
        not what is read. Nothing is changed then, and no temporary file stays.
    """
    try:
        target = os.path.realpath(path)
        mode = _mode_of(path, target)
        leftovers.clear(target)
        _write(target, parts, mode, verify)
    except OSError as error:
        if isinstance(error, FileError):
            raise
        raise failed(path, "written", error, safe=True) from error
    try:
        _flush_directory(os.path.dirname(target))
    except OSError as error:
        raise failed(path, "made safe from a loss of power, though it is written", error) from error


def _mode_of(path: str, target: str) -> int | None:
    """Return the permissions of the file that is to be replaced; None where there is none."""
    try:
        found = Path(target).stat()
    except FileNotFoundError:
        return None
    if stat.S_ISDIR(found.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if not stat.S_ISREG(found.st_mode):
        raise refused(
            path, "is a device or a pipe, which is not replaced.", instead="the path of a file"
        )
    if not os.access(target, os.W_OK):  # to replace it would only need rights on the directory
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    return stat.S_IMODE(found.st_mode)


def _write(
    target: str,
    parts: Sequence[bytes | memoryview],
    mode: int | None,
    verify: Callable[[str], None],
) -> None:
    temporary = leftovers.name_for(target)
    try:
        with leftovers.created(temporary) as file:
            if not leftovers.is_held(file):
                return _write(target, parts, mode, verify)
            if mode is not None and hasattr(os, "fchmod"):
                os.fchmod(file.fileno(), mode)
            for part in parts:
                _write_all(file.fileno(), memoryview(part))
            os.fsync(file.fileno())
            verify(temporary)
            if os.name != "nt":  # where an open file cannot be renamed
                Path(temporary).replace(target)
        if os.name == "nt":
            Path(temporary).replace(target)
    except BaseException:  # an interrupt, too
        leftovers.remove(temporary)
        raise


def _write_all(handle: int, data: memoryview) -> None:
    while data:
        data = data[os.write(handle, data[: 2**26]) :]


def _flush_directory(directory: str) -> None:
    """Have the new name on disk, where directories are files that can be flushed."""
    if os.name == "nt":
        return
    handle = os.open(directory, os.O_RDONLY | getattr(os, "O_DIRECTORY", 0))
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in _NO_SUCH_FLUSH:
            raise
    finally:
        os.close(handle)
