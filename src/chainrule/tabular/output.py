"""Files that are written as a whole or not at all."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from chainrule.errors import ArgumentError
from chainrule.nn.files import atomic


def check_writable(file: str | Path) -> Path:
    """Refuse a path that nothing can be written to, before any work is done for it.

    Parameters
    ----------
    file : str or Path

    Returns
    -------
    Path

    Raises
    ------
    ArgumentError
    """
    path = Path(file)
    if path.is_dir():
        raise ArgumentError(
            "The file cannot be written: there is a folder of this name.", got=str(file)
        )
    if not path.parent.is_dir():
        raise ArgumentError(
            "The file cannot be written: its folder is not there.", got=str(file),
            instead=f"mkdir -p {path.parent}",
        )  # fmt: skip
    if path.exists() and not (path.is_file() and os.access(path, os.W_OK)):
        raise ArgumentError(
            "The file cannot be written: what has this name may not be replaced.", got=str(file)
        )
    try:
        with tempfile.NamedTemporaryFile(dir=path.parent):
            pass
    except OSError as error:
        raise _refused(path, error) from error
    return path


def replace(path: Path, text: str) -> None:
    """Write a text; what was there before stays until the new file is complete.

    Parameters
    ----------
    path : Path
    text : str

    Raises
    ------
    FileError
        When it cannot be written.
    """
    atomic.replace(str(path), [text.encode("utf-8")], verify=lambda temporary: None)


def _refused(path: Path, error: OSError) -> ArgumentError:
    return ArgumentError(f"The file cannot be written: {error.strerror or error}.", got=str(path))
