"""What all plots share: matplotlib, which is an extra, colours, and axes to draw into."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule.errors import ArgumentError, MissingExtraError

#: Colours that stay apart for the colour-blind (Okabe and Ito), the darker ones first.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#8C7A00", "#555555")
#: What is to be noticed, and what is to be read without being noticed.
ALARM, QUIET = "#B34700", "#555555"


def pyplot() -> Any:
    """Return ``matplotlib.pyplot``.

    Raises
    ------
    MissingExtraError
        When matplotlib is not installed.
    """
    try:
        import matplotlib.pyplot as plt
    except ImportError:
        raise MissingExtraError(
            "A plot needs Matplotlib.", instead="pip install 'chainrule[plot]'"
        ) from None
    return plt


def axes_or_new(ax: Any, size: tuple[float, float] = (6.4, 4.8)) -> Any:
    """Return the axes that were given, or those of a new figure.

    Parameters
    ----------
    ax : matplotlib axes or None
    size : (float, float)
        Of a new figure, in inches.

    Raises
    ------
    ArgumentError
        For what is no axes.
    MissingExtraError
    """
    if ax is None:
        return pyplot().subplots(figsize=size, layout="constrained")[1]
    pyplot()
    return _checked(ax)


def grid_or_new(axes: Any, count: int, widest: int = 3) -> np.ndarray:
    """Return as many axes as there are panels: the first of those given, or new ones.

    Parameters
    ----------
    axes : axes, sequence or array of them, or None
    count : int
    widest : int
        Panels beside each other in a new figure.

    Raises
    ------
    ArgumentError
        When there are fewer than `count`, or something else is among them.
    MissingExtraError
    """
    plt = pyplot()
    if axes is not None:
        given = np.atleast_1d(np.asarray(axes, dtype=object)).ravel()
        if len(given) < count:
            raise ArgumentError(
                "There are fewer axes than panels.", expected=f"at least {count} axes",
                got=str(len(given)), instead=f"plt.subplots(1, {count})[1]",
            )  # fmt: skip
        return np.array([_checked(ax) for ax in given[:count]], dtype=object)
    columns = min(count, widest)
    rows = math.ceil(count / columns)
    size = (max(6.4, 3.2 * columns), max(4.0 if count > 1 else 4.8, 2.5 * rows))
    _, made = plt.subplots(rows, columns, figsize=size, squeeze=False, layout="constrained")
    every = made.ravel()
    for unused in every[count:]:
        unused.remove()
    return np.array(every[:count], dtype=object)


def _checked(ax: Any) -> Any:
    if not (hasattr(ax, "plot") and hasattr(ax, "transAxes")):
        raise ArgumentError(
            "A plot is drawn into axes of matplotlib.",
            expected="what plt.subplots()[1] gives, or None", got=type(ax).__name__,
        )  # fmt: skip
    return ax


def tidy(ax: Any, axis: str = "y") -> None:
    """Take away two sides of the frame, and draw a grid that stays in the background."""
    ax.spines[["top", "right"]].set_visible(False)
    ax.grid(axis=axis, color="#E5E5E5", linewidth=0.7)
    ax.set_axisbelow(True)


def titled(ax: Any, text: str, *, size: float = 10.5, colour: str = "black") -> None:
    """Set a title at the left, in as many lines as its axes are too narrow for."""
    # Labels beside the axes may take a quarter of them; a letter is half as wide as it is high.
    inches = 0.75 * ax.bbox.width / ax.figure.dpi
    width = max(20, int(inches * 72 / (0.5 * size)))
    text = "\n".join(textwrap.wrap(text, width))
    ax.set_title(_plain(text), loc="left", fontsize=size, color=colour)


def _plain(text: str) -> str:
    """Return a text whose dollars are dollars, and do not begin a formula."""
    return text.replace("$", r"\$")


def named(names: Sequence[str]) -> list[str]:
    """Return names as labels: without formulas, and not too long."""
    return [_plain(n if len(n) <= 24 else f"{n[:12]}…{n[-11:]}") for n in names]
