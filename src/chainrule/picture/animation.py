"""A drawing as an animated GIF: one frame for each step."""

from __future__ import annotations

import io
from typing import Any

import numpy as np

from chainrule.errors import ArgumentError
from chainrule.picture.drawing import Drawing
from chainrule.picture.raster import to_pixels
from chainrule.picture.styles import COLOURS

#: How much longer the last frame stays, which shows everything.
_LAST = 3
_SCALE = 1.5
_LARGEST = 1600
_LONGEST = 60.0
#: How many shades there are of a colour on another one.
_SHADES = 8


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


def _palette() -> list[tuple[int, ...]]:
    """Return the colours of all pictures: each on each, and what smooth edges have in between.

    They are the same for all frames, so that none flickers, and none is lost because it is rare.
    """
    light = {name: _parts(colours[0]) for name, colours in COLOURS.items()}
    shades = [
        tuple(round(a + (b - a) * share / _SHADES) for a, b in zip(back, front, strict=True))
        for back in (light[name] for name in ("paper", "pill", "frame", "lit"))
        for front in light.values()
        for share in range(_SHADES + 1)
    ]
    # Colours are compared roughly: what is all but one of them would be taken in its place.
    distinct = [shade for shade in shades if not any(_is_near(shade, c) for c in light.values())]
    return list(dict.fromkeys([*light.values(), *distinct]))


def _is_near(one: tuple[int, ...], other: tuple[int, ...]) -> bool:
    return max(abs(a - b) for a, b in zip(one, other, strict=True)) < 6


def _parts(colour: str) -> tuple[int, ...]:
    return tuple(int(colour[at : at + 2], 16) for at in (1, 3, 5))


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
    palette = Image.new("P", (1, 1))
    palette.putpalette([part for colour in _palette() for part in colour])
    first, *rest = [image.quantize(palette=palette, dither=Image.Dither.NONE) for image in images]
    long = round(seconds * 1000)
    written = io.BytesIO()
    first.save(
        written, "GIF", save_all=True, append_images=rest, loop=0, optimize=False,
        duration=[long] * len(rest) + [_LAST * long],
    )  # fmt: skip
    return written.getvalue()
