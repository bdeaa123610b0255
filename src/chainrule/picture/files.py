"""A drawing as a file, by its suffix; whoever reads the path finds the old file or the new one."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from chainrule.picture.animation import to_gif
from chainrule.picture.drawing import Drawing
from chainrule.picture.raster import to_bytes
from chainrule.picture.svg import to_svg

#: What a picture can be saved as.
SUFFIXES = (".svg", ".png", ".pdf", ".gif")


def save(drawing: Drawing, path: Path, steps: range, seconds: float = 0.9) -> Path:
    """Write a drawing to a file, in the form that its suffix says.

    Parameters
    ----------
    drawing : Drawing
    path : pathlib.Path
        With one of ``SUFFIXES``.
    steps : range
        The numbers of the steps, which a GIF shows one by one.
    seconds : float
        How long a GIF shows each.

    Raises
    ------
    MissingExtraError
        Without matplotlib, for any suffix but .svg.
    OSError
        When it cannot be written.
    """
    if path.suffix == ".svg":
        content = to_svg(drawing).encode()
    elif path.suffix == ".gif":
        content = to_gif(drawing, steps, seconds)
    else:
        content = to_bytes(drawing, "png" if path.suffix == ".png" else "pdf")
    replace(path, content)
    return path


def replace(path: Path, content: bytes) -> None:
    """Write a file as a whole or not at all."""
    target = Path(os.path.realpath(path))
    if target.exists() and not target.is_file():
        target.write_bytes(content)  # a pipe or a device, which cannot be replaced; or a refusal
        return
    handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        mode = target.stat().st_mode & 0o7777 if target.exists() else 0o666 & ~_umask()
        Path(temporary).chmod(mode)
        Path(temporary).replace(target)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
