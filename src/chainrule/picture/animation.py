"""A drawing as an animated GIF: one frame for each step."""

from __future__ import annotations

import io
from typing import Any

import numpy as np

from chainrule.errors import ArgumentError
from chainrule.picture.drawing import Drawing
from chainrule.picture.raster import to_pixels

#: How much longer the last frame stays, which shows everything.
_LAST = 3
_SCALE = 1.5
_LARGEST = 1600
_LONGEST = 60.0


def check_seconds(seconds: Any) -> float:
    """Return how long a frame is shown, or refuse it.

    Raises
    ------
    ArgumentError

    Examples
    --------
    >>> check_seconds(0.9)
    0.9
    """
    is_number = isinstance(seconds, int | float) and not isinstance(seconds, bool)
    if not is_number or not 0.02 <= seconds <= _LONGEST:
        raise ArgumentError(
            "A frame cannot be shown for that long.",
            expected=f"seconds from 0.02 to {_LONGEST:g}",
            got=f"seconds={seconds!r}",
        )
    return float(seconds)


def to_gif(drawing: Drawing, steps: range, seconds: float = 0.9) -> bytes:
    """Return an animated GIF that shows one step after the other, again and again.

    Parameters
    ----------
    drawing : Drawing
    steps : range
        The numbers of the steps.
    seconds : float
        How long each frame stays; the last one three times as long.

    Raises
    ------
    MissingExtraError
        Without matplotlib.
    """
    scale = min(_SCALE, _LARGEST / max(drawing.width, drawing.height))
    frames = [to_pixels(drawing, step, scale) for step in steps]
    from PIL import Image  # comes with matplotlib, whose absence has been told by now

    images = [Image.fromarray(np.asarray(frame)).convert("RGB") for frame in frames]
    # The colours of the last frame, which has them all, and of the lit one: no frame flickers.
    both = Image.new("RGB", (images[-1].width, 2 * images[-1].height))
    both.paste(images[-1], (0, 0))
    both.paste(images[len(images) // 2], (0, images[-1].height))
    palette = both.quantize(64)
    first, *rest = [image.quantize(palette=palette, dither=Image.Dither.NONE) for image in images]
    long = round(seconds * 1000)
    written = io.BytesIO()
    first.save(
        written, "GIF", save_all=True, append_images=rest, loop=0, optimize=False,
        duration=[long] * len(rest) + [_LAST * long],
    )  # fmt: skip
    return written.getvalue()
