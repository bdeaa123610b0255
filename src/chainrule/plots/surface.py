"""What a model predicts over the plane of two features."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule.calling import public
from chainrule.errors import ArgumentError, ShapeError
from chainrule.nn.training.data import features as checked
from chainrule.plots.answers import classes_of, is_regression, numbers, probabilities
from chainrule.plotting import COLOURS, QUIET, axes_or_new, named, titled

#: Shapes of points: none of them is told from another by its size or its turn alone.
_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*", "<", ">", "p", "h", "8", "d", "H",
            "$A$", "$B$", "$C$", "$E$", "$F$")  # fmt: skip
#: Points that are drawn, at most; more cover the surface.
_POINTS = 1500
_SURE = 0.9


@public
def decision_surface(
    model: Any,
    X: Any,
    y: Any,
    *,
    features: Sequence[int | str] | None = None,
    regression: bool | None = None,
    resolution: int = 200,
    ax: Any = None,
) -> Any:
    """Draw what a model predicts over two features, with the data on top.

    Classes have regions, the paler the less certain, and points of a shape each; a line where
    the most likely class changes, and a dashed one where its probability is 0.9. Numbers are
    drawn as filled contours.

    Parameters
    ----------
    model : object with ``predict_proba`` or ``predict``, or callable
        A model of chainrule.nn, an estimator, or a function of rows.
    X : array or data frame, shape (n, d)
    y : array, shape (n,)
    features : two of int or str, optional
        Columns to draw; the others stay at their median. Needed for more than two.
    regression : bool, optional
        Whether numbers are predicted rather than classes; found out unless given.
    resolution : int
        Points along each side.
    ax : matplotlib axes, optional

    Returns
    -------
    matplotlib axes

    Raises
    ------
    ArgumentError, DtypeError, ShapeError
        For data or a model that cannot be drawn like this.
    MissingExtraError

    Examples
    --------
    >>> X = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    >>> ax = decision_surface(lambda rows: (rows[:, 0] > 0.5).astype(int), X, [0, 1, 0, 1])
    >>> [text.get_text() for text in ax.get_legend().texts]
    ['0', '1', 'boundary']
    """
    samples, targets = _data(X, y)
    columns = [str(c) for c in getattr(X, "columns", ())]
    pair = _pair(features, samples.shape[1], columns)
    if type(resolution) is not int or not 2 <= resolution <= 2000:
        raise ArgumentError(
            "The resolution is how many points a side has.", expected="a number from 2 to 2000",
            got=repr(resolution),
        )  # fmt: skip
    numeric = is_regression(model, targets) if regression is None else regression
    across, up = (_side(samples[:, k], resolution) for k in pair)
    rows = np.tile(np.median(samples, axis=0), (resolution * resolution, 1))
    rows[:, pair[0]], rows[:, pair[1]] = (g.ravel() for g in np.meshgrid(across, up))
    if columns:
        rows = type(X)(rows, columns=X.columns)  # an estimator wants the names that it learned
    points = samples[:, pair]
    shape = resolution, resolution
    if numeric:
        values = _finite(numbers(model)(rows)).reshape(shape)
        ax = axes_or_new(ax)
        _draw_numbers(ax, across, up, values, points, targets.astype(float))
    else:
        classes = classes_of(model, targets)
        found = _finite(probabilities(model, classes)(rows))
        if found.shape[1] > len(classes):
            classes = _all_classes(classes, found.shape[1])
        ax = axes_or_new(ax)
        _draw_classes(ax, across, up, found.reshape(*shape, -1), points, targets, classes)
    names = named([columns[k] if columns else f"feature {k}" for k in pair])
    ax.set(xlabel=names[0], ylabel=names[1], xlim=across[[0, -1]], ylim=up[[0, -1]])
    rest = samples.shape[1] - 2
    others = f", {rest} other feature{'s' if rest > 1 else ''} at the median" if rest else ""
    titled(ax, ("Predicted number" if numeric else "Most likely class") + others)
    return ax


def _data(X: Any, y: Any) -> tuple[np.ndarray, np.ndarray]:
    samples = checked(X, np.float64, "X")
    if samples.ndim != 2 or samples.shape[1] < 2:
        raise ShapeError(
            "A surface needs samples with two features or more.", expected="X of shape (n, d)",
            got=f"shape {samples.shape}",
        )  # fmt: skip
    targets = np.asarray(y)
    if targets.ndim == 2 and targets.shape[1] == 1:
        targets = targets[:, 0]
    if targets.shape != (len(samples),):
        raise ShapeError(
            "y does not belong to X.", expected=f"one for each row, shape ({len(samples)},)",
            got=f"shape {targets.shape}",
        )  # fmt: skip
    if targets.dtype.kind == "f" and not np.all(np.isfinite(targets)):
        row = int(np.flatnonzero(~np.isfinite(targets))[0])
        raise ArgumentError("y holds a NaN or an infinity.", got=f"{targets[row]} in row {row}")
    return samples, targets


def _pair(features: Any, count: int, columns: list[str]) -> list[int]:
    if features is None:
        if count == 2:
            return [0, 1]
        raise ArgumentError(
            f"A surface has two features, and there are {count}.",
            expected="two of them chosen", got=f"X with {count} columns",
            instead="features=(0, 1); the others stay at their median",
        )  # fmt: skip
    places = [columns.index(f) if f in columns else f for f in features]
    good = len(places) == 2 and all(
        isinstance(k, (int, np.integer)) and 0 <= k < count for k in places
    )
    if not good or places[0] == places[1]:
        raise ArgumentError(
            "The features of a surface are two different columns.",
            expected=f"two of {', '.join(columns) if columns else f'0 to {count - 1}'}",
            got=repr(features),
        )  # fmt: skip
    return [int(k) for k in places]


def _side(values: np.ndarray, resolution: int) -> np.ndarray:
    low, high = float(values.min()), float(values.max())
    room = 0.08 * (high - low) or 0.5 * max(1.0, abs(high))
    return np.linspace(low - room, high + room, resolution)


def _finite(values: np.ndarray) -> np.ndarray:
    if not np.all(np.isfinite(values)):
        raise ArgumentError(
            "What was predicted is not finite everywhere on the plane.",
            got=f"{int(np.sum(~np.isfinite(values)))} of {values.size} numbers",
        )
    return values


def _all_classes(classes: np.ndarray, count: int) -> np.ndarray:
    """Return labels from 0 where y happens to lack some of them."""
    if classes.dtype.kind in "iuf" and classes.max() < count and classes.min() >= 0:
        return np.arange(count)
    raise ShapeError(
        "There are more probabilities than classes in y.", expected=f"{len(classes)} columns",
        got=f"{count}",
    )  # fmt: skip


def _palette(count: int) -> np.ndarray:
    from matplotlib import colormaps
    from matplotlib.colors import to_rgb

    if count <= len(COLOURS):
        return np.array([to_rgb(c) for c in COLOURS[:count]])
    return np.asarray(colormaps["cividis"](np.linspace(0, 1, count)))[:, :3]


def _draw_classes(
    ax: Any, across: np.ndarray, up: np.ndarray, found: np.ndarray, points: np.ndarray,
    targets: np.ndarray, classes: np.ndarray,
) -> None:  # fmt: skip
    colours = _palette(len(classes))
    winner, most = found.argmax(axis=-1), found.max(axis=-1)
    sure = (most - 1 / len(classes)) / (1 - 1 / len(classes)) if len(classes) > 1 else most
    strength = (0.12 + 0.38 * np.clip(sure, 0, 1))[..., None]
    ax.imshow(
        1 - strength * (1 - colours[winner]), origin="lower", aspect="auto",
        extent=(across[0], across[-1], up[0], up[-1]), interpolation="bilinear",
    )  # fmt: skip
    _draw_points(ax, points, targets, classes, colours)
    _draw_boundaries(ax, across, up, found)
    ax.legend(
        loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False, fontsize=9,
        ncols=1 if len(classes) <= 12 else 2,
    )  # fmt: skip


def _draw_points(
    ax: Any, points: np.ndarray, targets: np.ndarray, classes: np.ndarray, colours: np.ndarray
) -> None:
    shown = np.unique(np.linspace(0, len(points) - 1, min(len(points), _POINTS)).astype(int))
    size = 34 if len(shown) <= 400 else 18
    for k, label in enumerate(classes):
        own = points[shown][targets[shown] == label]
        text = str(label.item() if hasattr(label, "item") else label)
        ax.scatter(
            own[:, 0], own[:, 1], size, [colours[k]], marker=_MARKERS[k],
            edgecolors="white" if colours[k].mean() < 0.55 else "black",
            linewidths=0.6, label=named([text])[0],
        )  # fmt: skip


def _draw_boundaries(ax: Any, across: np.ndarray, up: np.ndarray, found: np.ndarray) -> None:
    """Draw where another class becomes the likeliest, and where one is as good as sure."""
    lines = []
    for k in range(found.shape[-1]):
        own, others = found[..., k], np.delete(found, k, axis=-1)
        ahead = own - others.max(axis=-1) if others.size else own
        # Of two classes the second has the same boundary.
        if ahead.min() < 0 < ahead.max() and (k == 0 or found.shape[-1] > 2):
            ax.contour(across, up, ahead, [0.0], colors="black", linewidths=1.3)
            lines.append(("boundary", "-", 1.3))
        uncertain = np.any((own > 0.02) & (own < 0.98))
        if uncertain and own.min() < _SURE < own.max():
            ax.contour(across, up, own, [_SURE], colors=QUIET, linewidths=0.9, linestyles="--")
            lines.append((f"probability {_SURE}", "--", 0.9))
    for label, line, width in sorted(set(lines)):
        colour = "black" if line == "-" else QUIET
        ax.plot([], [], line, color=colour, linewidth=width, label=label)


def _draw_numbers(
    ax: Any, across: np.ndarray, up: np.ndarray, values: np.ndarray, points: np.ndarray,
    targets: np.ndarray,
) -> None:  # fmt: skip
    from matplotlib.ticker import MaxNLocator

    low = min(float(values.min()), float(targets.min()))
    high = max(float(values.max()), float(targets.max()))
    levels = MaxNLocator(12).tick_values(low, high if high > low else low + 1)
    filled = ax.contourf(across, up, values, levels, cmap="cividis", extend="neither")
    inner = [level for level in levels if values.min() < level < values.max()]
    if inner:
        ax.contour(across, up, values, inner, colors="white", linewidths=0.5, alpha=0.7)
    shown = np.unique(np.linspace(0, len(points) - 1, min(len(points), _POINTS)).astype(int))
    ax.scatter(
        points[shown, 0], points[shown, 1], 26, targets[shown], cmap=filled.cmap,
        norm=filled.norm, edgecolors="white", linewidths=0.8, label="y of the data",
    )  # fmt: skip
    ax.figure.colorbar(filled, ax=ax, label="predicted; points: y of the data")
