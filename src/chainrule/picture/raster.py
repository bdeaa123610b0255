"""A drawing as PNG and PDF, by matplotlib: the same places as in the SVG, in its light colours."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterable
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal

from chainrule.errors import MissingExtraError
from chainrule.picture.drawing import ARROW, Area, Drawing, Point, Text, strokes
from chainrule.picture.measure import FACES, is_doubtful
from chainrule.picture.styles import COLOURS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: Pixels of the picture to the inch, and points of a font to the pixel.
_INCH, _POINT = 96.0, 0.75
#: Families that matplotlib brings; for other letters it is asked which fonts there are.
_FAMILIES = {"mono": "DejaVu Sans Mono", "serif": "DejaVu Serif"}
#: Where the controls of a quarter of a circle lie, as a share of its radius.
_ARC = 0.5523
#: The most pixels that a side of a PNG may have.
_LARGEST = 2**15


def to_bytes(
    drawing: Drawing, form: Literal["png", "pdf"], step: int | None = None, scale: float = 2.0
) -> bytes:
    """Return a drawing as a file of a form: the same bytes for the same drawing.

    Parameters
    ----------
    drawing : Drawing
    form : {"png", "pdf"}
    step : int, optional
        The moment to show, as for :func:`chainrule.picture.svg.to_svg`.
    scale : float
        Pixels of a PNG for each of the picture; less where it would get too large.

    Raises
    ------
    MissingExtraError
        Without matplotlib.
    """
    figure = _figure(drawing, step)
    scale = min(scale, _LARGEST / max(drawing.width, drawing.height))
    written = io.BytesIO()
    metadata: dict[str, Any] = (
        {"Software": None} if form == "png" else {"CreationDate": None, "Producer": None}
    )
    with warnings.catch_warnings():
        # A letter that no font at hand holds is drawn as an empty box; that is all to be done.
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        figure.savefig(written, format=form, dpi=_INCH * scale, metadata=metadata)
    return written.getvalue()


def to_pixels(drawing: Drawing, step: int | None, scale: float) -> Any:
    """Return a drawing as an array of bytes: height, width, and red, green, blue, alpha."""
    figure = _figure(drawing, step)
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    figure.set_dpi(_INCH * scale)
    canvas: Any = FigureCanvasAgg(figure)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        canvas.draw()
    return canvas.buffer_rgba()


def _figure(drawing: Drawing, step: int | None) -> Figure:
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtraError(
            "A picture as PNG, PDF or GIF needs matplotlib.",
            got=str(error),
            instead="pip install 'chainrule[plot]', or .svg, which needs nothing else",
        ) from error
    size = (drawing.width / _INCH, drawing.height / _INCH)
    figure = Figure(figsize=size, facecolor=_colour("paper"))
    axes = figure.add_axes((0.0, 0.0, 1.0, 1.0))
    axes.set_xlim(0, drawing.width)
    axes.set_ylim(drawing.height, 0)
    axes.set_axis_off()
    _Painter(axes, step).paint(drawing)
    return figure


class _Painter:
    """Puts the parts of a drawing on axes whose units are its pixels."""

    def __init__(self, axes: Any, step: int | None) -> None:
        self.axes, self.step = axes, step
        self.layer = 0
        self.families: tuple[str, ...] = ()

    def paint(self, drawing: Drawing) -> None:
        texts = [frame.title for frame in drawing.frames]
        texts += [text for wire in drawing.wires for text in wire.texts]
        texts += [text for placed in drawing.boxes for text in placed.texts]
        rare = {letter for text in texts for letter in text.text if is_doubtful(letter)}
        self.families = _families_for(frozenset(rare))
        for frame in drawing.frames:
            self._rect(frame.area, 10, "frame", "muted", 1.0, (6, 3))
            self._text(frame.title)
        for wire in drawing.wires:
            lit = self.step is not None and self.step in wire.edge.steps
            self._wire(wire.points, lit, wire.edge.aside)
            local = [text for text in wire.texts if text.role == "local"]
            if wire.pill is not None and self._is_known(local[0]):
                self._rect(wire.pill, wire.pill.height / 2, "pill", None)
            self._texts(wire.texts)
        for placed in drawing.boxes:
            box, area = placed.box, placed.area
            lit = self.step is not None and self.step in box.steps
            if placed.tail:
                self._wire(placed.tail, lit, box.aside)
            fill, stroke, thick = ("lit", "accent", 2.0) if lit else ("box", "stroke", 1.2)
            for sheet in placed.sheets:
                self._rect(sheet, 7, "box", "stroke", 0.8)
            dashes = (3.0, 2.5) if box.kind == "constant" else (2.0, 3.0) if box.aside else None
            self._rect(area, placed.radius, fill, stroke, thick, dashes)
            if placed.inner is not None:
                self._rect(placed.inner, 4.5, None, "stroke", 0.8)
            self._texts(placed.texts)

    def _is_known(self, text: Text) -> bool:
        return self.step is None or text.step <= self.step

    def _texts(self, texts: Iterable[Text]) -> None:
        for text in texts:
            if self._is_known(text):
                self._text(text)

    def _text(self, text: Text) -> None:
        face = FACES[text.role]
        colour = {"title": "ink", "name": "muted", "detail": "muted", "frame": "muted"}
        self.axes.text(
            text.x, text.y, text.text, fontsize=face.size * _POINT, parse_math=False,
            family=[_FAMILIES[face.family], *self.families],
            style="italic" if face.italic else "normal",
            color=_colour(colour.get(text.role, text.role)), verticalalignment="baseline",
            horizontalalignment={"start": "left", "middle": "center", "end": "right"}[text.anchor],
            zorder=self._above(), clip_on=False,
        )  # fmt: skip

    def _wire(self, points: tuple[Point, ...], lit: bool, aside: bool) -> None:
        from matplotlib.patches import PathPatch, Polygon
        from matplotlib.path import Path

        start, drawn = strokes(points)
        corners, codes = [start], [Path.MOVETO]
        for stroke in drawn:
            corners += stroke
            codes += [Path.CURVE4 if len(stroke) == 3 else Path.LINETO] * len(stroke)
        x, y = points[-1]
        colour = _colour("accent" if lit else "wire")
        width = (2.0 if lit else 1.3) * _POINT
        way = PathPatch(
            Path(corners, codes), fill=False, edgecolor=colour, linewidth=width,
            linestyle=(0, (2, 3)) if aside else "solid", zorder=self._above(), clip_on=False,
        )  # fmt: skip
        self.axes.add_artist(way)
        long, half = ARROW
        head = [(x, y), (x - long, y - half), (x - long, y + half)]
        self.axes.add_artist(
            Polygon(head, closed=True, color=colour, lw=0, zorder=self._above(), clip_on=False)
        )

    def _rect(
        self,
        area: Area,
        radius: float,
        fill: str | None,
        stroke: str | None,
        width: float = 0.0,
        dashes: tuple[float, float] | None = None,
    ) -> None:
        from matplotlib.patches import PathPatch

        self.axes.add_artist(
            PathPatch(
                _rounded(area, min(radius, area.height / 2, area.width / 2)),
                facecolor="none" if fill is None else _colour(fill),
                edgecolor="none" if stroke is None else _colour(stroke),
                linewidth=width * _POINT, linestyle="solid" if dashes is None else (0, dashes),
                zorder=self._above(), clip_on=False,
            )
        )  # fmt: skip

    def _above(self) -> int:
        """Return a layer above all that is there: what comes later lies on top, as in an SVG."""
        self.layer += 1
        return self.layer


def _rounded(area: Area, radius: float) -> Any:
    """Return a rectangle with round corners as a path."""
    from matplotlib.path import Path

    left, top, right, low = area.x, area.y, area.x + area.width, area.y + area.height
    points: list[Point] = []
    for (x, y), (across, down) in zip(
        ((left, top), (right, top), (right, low), (left, low)),
        ((1, 1), (-1, 1), (-1, -1), (1, -1)), strict=True,
    ):  # fmt: skip
        near, far = (x, y + radius * down), (x + radius * across, y)
        bend = radius * (1 - _ARC)
        corner = [near, (x, y + bend * down), (x + bend * across, y), far]
        points += corner if across == down else corner[::-1]
    codes = [Path.LINETO, Path.CURVE4, Path.CURVE4, Path.CURVE4] * 4
    return Path([*points, points[0]], [Path.MOVETO, *codes[1:], Path.CLOSEPOLY])


def _colour(name: str) -> str:
    return COLOURS[name][0]


@lru_cache(maxsize=64)
def _families_for(letters: frozenset[str]) -> tuple[str, ...]:
    """Return families of fonts on this machine that hold letters which few fonts hold."""
    from matplotlib.font_manager import fontManager, get_font

    found, missing = ["DejaVu Sans"], {ord(letter) for letter in letters}
    for entry in sorted(fontManager.ttflist, key=lambda font: (font.name, font.fname)):
        if not missing:
            break
        if entry.style != "normal" or entry.name == "Last Resort":
            continue
        try:
            holds = missing.intersection(get_font(entry.fname).get_charmap())
        except (OSError, RuntimeError):  # a font that cannot be read holds nothing
            continue
        if holds:
            found.append(entry.name)
            missing -= holds
    return tuple(dict.fromkeys(found))
