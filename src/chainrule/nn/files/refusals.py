"""Errors about files: which file, what is wrong with it, what to do."""

from __future__ import annotations

import contextlib
import errno
from pathlib import Path
from typing import Any

from chainrule.errors import FileError, MissingFileError

#: No more of what a file says goes into a message.
_LONGEST = 200

_DAMAGED = "a copy of the file that is whole, or save it again"

_ADVICE = {
    errno.ENOSPC: "make room on the disk, or save to another one",
    errno.EDQUOT: "make room within your quota, or save elsewhere",
    errno.EFBIG: "raise the limit on the size of files, or save elsewhere",
    errno.EACCES: "a directory and a file that you may read and write",
    errno.EPERM: "a directory and a file that you may read and write",
    errno.EROFS: "a directory that can be written to",
    errno.ENOENT: "check the path; a directory has to be there before a file in it",
    errno.ENOTDIR: "check the path: a part of it is a file and not a directory",
    errno.EISDIR: "the path of a file, such as 'model.safetensors' in that directory",
    errno.ENAMETOOLONG: "a shorter name",
    errno.ELOOP: "a path without symbolic links that lead back to themselves",
}


def damaged(path: str, what: str, *, expected: str | None = None, got: Any = None) -> FileError:
    """Return the error for a file whose content is not what chainrule wrote.

    Examples
    --------
    >>> print(damaged("m.safetensors", "ends too early."))
    m.safetensors ends too early.
      instead:  a copy of the file that is whole, or save it again
    """
    return refused(path, what, expected=expected, got=got, instead=_DAMAGED)


def refused(
    path: str, what: str, *, expected: str | None = None, got: Any = None, instead: str
) -> FileError:
    """Return the error for a file that is not of use here."""
    return FileError(
        f"{path} {shortened(what)}",
        expected=expected and shortened(expected),
        got=None if got is None else shortened(str(got)),
        instead=instead,
    )


def failed(path: str, action: str, error: OSError, safe: bool = False) -> FileError:
    """Return the error for what the operating system did not do.

    Parameters
    ----------
    path : str
    action : str
        "written" or "read".
    error : OSError
    safe : bool
        Tell that a file which was there before is as it was.
    """
    what = f"{path} could not be {action}: {error.strerror or error}."
    with contextlib.suppress(OSError):
        if safe and Path(path).is_file():
            what += " The file that was there is as it was."
    kind = MissingFileError if error.errno == errno.ENOENT else FileError
    advice = _ADVICE.get(error.errno or 0)
    if kind is MissingFileError and action == "read":
        advice = "check the path"
    made = kind(what, instead=advice)
    made.errno, made.strerror, made.filename = error.errno, error.strerror, path
    return made


def shortened(text: str) -> str:
    """Return a text without its middle where it is long: a file may hold names of any length."""
    if len(text) <= _LONGEST:
        return text
    return f"{text[: _LONGEST // 2]} ... {text[-_LONGEST // 2 :]}"
