"""Curves as SVG that a page holds in itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

import numpy as np

_WIDTH, _HEIGHT = 460, 240
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 10, 12, 34
#: Points of a curve; more cannot be seen.
_POINTS = 400


def curves(
    title: str, lines: Mapping[str, Sequence[Sequence[float]]], *, mark: int | None = None
) -> str:
    """Return a chart of numbers by epoch.

    Parameters
    ----------
    title : str
    lines : mapping of str to a sequence of curves
        Name -> curves that look alike: the first name gets one colour, the second another.
    mark : int, optional
        The epoch, from 1, that a vertical line marks.

    Returns
    -------
    str
        An ``<svg>`` element; empty where there is nothing to draw.

    Examples
    --------
    >>> svg = curves("loss", {"training": [[2.0, 1.0, 0.5]]})
    >>> svg.count("<polyline"), "epoch" in svg
    (1, True)
    """
    every = [np.asarray(c, float) for own in lines.values() for c in own if len(c)]
    finite = np.concatenate([c[np.isfinite(c)] for c in every]) if every else np.empty(0)
    if not len(finite):
        return ""
    longest = max(2, *(len(c) for c in every))
    ticks = _ticks(float(finite.min()), float(finite.max()))
    low, high = ticks[0], ticks[-1]

    def x(epoch: float) -> float:
        return _LEFT + (epoch - 1) / (longest - 1) * (_WIDTH - _LEFT - _RIGHT)

    def y(value: float) -> float:
        return _TOP + (high - value) / (high - low) * (_HEIGHT - _TOP - _BOTTOM)

    parts = [
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{escape(title)} by epoch">'
    ]
    for tick in ticks:
        parts.append(
            f'<line class="grid" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y(tick):.1f}" '
            f'y2="{y(tick):.1f}"/><text x="{_LEFT - 6}" y="{y(tick) + 4:.1f}" '
            f'class="end">{tick:.4g}</text>'
        )
    for epoch in sorted({1, round((1 + longest) / 2), longest}):
        parts.append(
            f'<text x="{x(epoch):.1f}" y="{_HEIGHT - 18}" '
            f'class="{"end" if epoch == longest else "middle"}">{epoch}</text>'
        )
    parts.append(f'<text x="{_WIDTH / 2}" y="{_HEIGHT - 3}" class="middle">epoch</text>')
    if mark is not None and 1 <= mark <= longest:
        parts.append(
            f'<line class="mark" x1="{x(mark):.1f}" x2="{x(mark):.1f}" y1="{_TOP}" '
            f'y2="{_HEIGHT - _BOTTOM}"/>'
        )
    for i, own in enumerate(lines.values()):
        thin = " thin" if len(own) > 1 else ""
        for curve in own:
            points = " ".join(f"{x(e):.1f},{y(v):.1f}" for e, v in _thinned(curve))
            if points:
                parts.append(f'<polyline class="line{i}{thin}" points="{points}"/>')
    return "".join([*parts, "</svg>"])


def _thinned(curve: Sequence[float]) -> list[tuple[int, float]]:
    at = np.unique(np.linspace(0, len(curve) - 1, min(len(curve), _POINTS)).astype(int))
    return [(int(i) + 1, float(curve[i])) for i in at if np.isfinite(curve[i])]


def _ticks(low: float, high: float) -> list[float]:
    """Return round numbers that go from below the least to above the greatest."""
    spread = high - low or abs(high) or 1.0
    raw = spread / 4
    unit = 10.0 ** np.floor(np.log10(raw))
    step = float(unit * next(m for m in (1, 2, 2.5, 5, 10) if m * unit >= raw * 0.999))
    first, last = int(np.floor(low / step)), int(np.ceil(high / step))
    return [round(k * step, 12) for k in range(first, max(last, first + 1) + 1)]
