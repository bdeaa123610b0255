"""Files that are written as a whole or not at all."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from chainrule.errors import ArgumentError


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
    ArgumentError
        When it cannot be written.
    """
    temporary = None
    try:
        with tempfile.NamedTemporaryFile(
            "w", encoding="utf-8", newline="", dir=path.parent, prefix=f".{path.name[:40]}.",
            delete=False,
        ) as file:  # fmt: skip
            temporary = Path(file.name)
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        mask = os.umask(0)
        os.umask(mask)
        temporary.chmod(path.stat().st_mode & 0o777 if path.exists() else 0o666 & ~mask)
        temporary.replace(path)
    except OSError as error:
        raise _refused(path, error) from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def _refused(path: Path, error: OSError) -> ArgumentError:
    return ArgumentError(f"The file cannot be written: {error.strerror or error}.", got=str(path))
