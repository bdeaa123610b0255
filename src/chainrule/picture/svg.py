"""A drawing as SVG: one picture for every step, told apart by what is known when.

Colours are custom properties that a page can set; without any, they follow the reader's choice of
light or dark. Nothing is told by colour alone: gradients are below the wire, slanted, with an
arrow; kinds of boxes differ in shape and stroke.
"""

from __future__ import annotations

from collections.abc import Iterable
from xml.sax.saxutils import escape, quoteattr

from chainrule.errors import ArgumentError
from chainrule.picture.drawing import (
    ARROW,
    Area,
    Drawing,
    Frame,
    Placed,
    Point,
    Text,
    Wire,
    strokes,
)
from chainrule.picture.measure import FACES, is_doubtful, plain
from chainrule.picture.scene import Box, Edge
from chainrule.picture.styles import STYLE

#: Roles of the texts that are numbers; the others say what a box is.
_NUMBERS = ("value", "gradient", "local")


def to_svg(drawing: Drawing, step: int | None = None) -> str:
    """Return a drawing as SVG.

    Parameters
    ----------
    drawing : Drawing
    step : int, optional
        The moment to show: numbers that are known after this step, what it computes lit. All
        numbers unless given. Sizes and places are the same for each.

    Raises
    ------
    ArgumentError
        When `step` is not a number of a step.

    Examples
    --------
    >>> from chainrule.picture.layout import draw
    >>> from chainrule.picture.scene import Box, Known, Scene
    >>> box = Box("n0", "output", "exp", value=Known("2.5", 1), steps=(1,))
    >>> drawing = draw(Scene("tensors", (box,), ()))
    >>> "2.5" in to_svg(drawing), ">2.5<" in to_svg(drawing, step=0)
    (True, False)
    """
    if step is not None and (type(step) is not int or step < 0):
        raise ArgumentError(
            "There is no such step.", expected="the number of a step, from 0", got=f"step={step!r}"
        )
    wide, high = _number(drawing.width), _number(drawing.height)
    label = drawing.title or "Picture of a computation"
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" class="chainrule-picture" '
        f'data-level="{drawing.level}" viewBox="0 0 {wide} {high}" width="{wide}" '
        f'height="{high}" role="group" aria-label={_attribute(label)}>',
        f"<style>{STYLE}</style>",
        f'<rect class="paper" width="{wide}" height="{high}"/>',
        *(_frame(frame) for frame in drawing.frames),
        *(_wire(wire, step) for wire in drawing.wires),
        *(_box(placed, step) for placed in drawing.boxes),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


# -- parts -----------------------------------------------------------------------------------


def _frame(frame: Frame) -> str:
    return (
        f'<g class="frame" data-id={_attribute(frame.group.id)} tabindex="0" role="button" '
        f"aria-label={_attribute(f'{frame.group.title}, an open group')}>"
        f"{_rect(frame.area, 'border', 10)}{_text(frame.title)}</g>"
    )


def _wire(wire: Wire, step: int | None) -> str:
    edge = wire.edge
    pill = "" if wire.pill is None else _rect(wire.pill, "pill", wire.pill.height / 2)
    if wire.pill is not None:
        shown = next(text.step for text in wire.texts if text.role == "local")
        if step is not None and shown > step:
            pill = ""
        pill = pill.replace("<rect ", f'<rect data-known="{shown}" ', 1)
    return (
        f'<g class="{_classes("edge", edge.aside, edge.steps, step)}" '
        f"data-id={_attribute(edge.id)} data-source={_attribute(edge.source)} "
        f'data-target={_attribute(edge.target)} data-steps="{_steps(edge.steps)}" '
        f'role="img" aria-label={_attribute(_edge_label(edge))}>'
        f'<path class="wire" d="{path(wire.points)}"/>'
        f'<path class="head" d="{_head(wire.points[-1])}"/>'
        f"{pill}{_texts(wire.texts, step)}</g>"
    )


def _box(placed: Placed, step: int | None) -> str:
    box = placed.box
    attributes = [
        f'class="{_classes(f"box {box.kind}", box.aside, box.steps, step)}"',
        f"data-id={_attribute(box.id)}",
        f"data-name={_attribute(box.name)}",
        f'data-steps="{_steps(box.steps)}"',
    ]
    if box.where is not None:
        attributes.append(f'data-line="{box.where.line}"')
    if box.opens:
        attributes.append(f"data-opens={_attribute(box.opens)}")
    tail = ""
    if placed.tail:
        tail = (
            f'<path class="wire" d="{path(placed.tail)}"/>'
            f'<path class="head" d="{_head(placed.tail[-1])}"/>'
        )
    title = _box_title(box)
    face = [text for text in placed.texts if text.role not in _NUMBERS]
    numbers = [text for text in placed.texts if text.role in _NUMBERS]
    # What is pressed is the face alone: its name has to have all words that are seen in it.
    return (
        f"<g {' '.join(attributes)}>" + (f"<title>{_content(title)}</title>" if title else "")
        + f'{tail}<g class="face" tabindex="0" role="button" '
        f"aria-label={_attribute(_box_label(box, face))}>"
        f"{''.join(_shapes(placed))}{_texts(face, step)}</g>{_texts(numbers, step)}</g>"
    )  # fmt: skip


def _shapes(placed: Placed) -> Iterable[str]:
    for sheet in placed.sheets:
        yield _rect(sheet, "sheet", 7)
    yield _rect(placed.area, "shape", placed.radius)
    if placed.inner is not None:
        yield _rect(placed.inner, "inner", 4.5)


def _texts(texts: Iterable[Text], step: int | None) -> str:
    return " ".join(_text(text) for text in texts if step is None or text.step <= step)


def _text(text: Text) -> str:
    number = text.role in _NUMBERS
    known = f' data-known="{text.step}"' if number else ""
    fitted = ""
    if is_doubtful(text.text):
        face = FACES[text.role]
        fitted = f' textLength="{_number(max(1.0, text.width - 0.12 * face.size))}"'
        fitted += ' lengthAdjust="spacingAndGlyphs"'
    anchor = {"start": " start", "middle": "", "end": " end"}[text.anchor]
    title = ""
    if text.full and ("…" in text.text or (number and not text.text.endswith(text.full))):
        title = f"<title>{_content(text.full)}</title>"
    return (
        f'<text class="{text.role}{anchor}" x="{_number(text.x)}" y="{_number(text.y)}"'
        f"{known}{fitted}>{title}{_content(text.text)}</text>"
    )


# -- words -----------------------------------------------------------------------------------


def _box_label(box: Box, face: Iterable[Text]) -> str:
    words = [text.text for text in face]
    words += [text.full for text in face if text.full and text.full != text.text]
    if box.value is not None:
        words.append(f"value {box.value.text}")
    if box.gradient is not None:
        words.append(f"gradient {box.gradient.text}")
    return ", ".join(words)


def _box_title(box: Box) -> str:
    words = [] if box.where is None else [str(box.where)]
    if box.value is not None and box.value.full:
        words.append(f"value {box.value.full}")
    if box.gradient is not None and box.gradient.full:
        words.append(f"gradient {box.gradient.full}")
    return "\n".join(words)


def _edge_label(edge: Edge) -> str:
    words = []
    if edge.value is not None:
        words.append(f"value {edge.value.text}")
    if edge.local is not None:
        words.append(f"local derivative {edge.local.text}")
    if edge.gradient is not None:
        words.append(f"gradient {edge.gradient.text}")
    return ", ".join(words) or "wire"


# -- letters and numbers ---------------------------------------------------------------------


def _classes(name: str, aside: bool, steps: tuple[int, ...], step: int | None) -> str:
    return name + (" aside" if aside else "") + (" current" if step in steps else "")


def _steps(steps: Iterable[int]) -> str:
    return " ".join(str(step) for step in steps)


def _content(text: str) -> str:
    return escape("\n".join(plain(line) for line in text.split("\n")))


def _attribute(text: str) -> str:
    return quoteattr(plain(text))


def _number(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")


def _rect(area: Area, name: str, radius: float) -> str:
    return (
        f'<rect class="{name}" x="{_number(area.x)}" y="{_number(area.y)}" '
        f'width="{_number(area.width)}" height="{_number(area.height)}" rx="{_number(radius)}"/>'
    )


def path(points: tuple[Point, ...]) -> str:
    """Return the way of a wire as the data of a path; it ends where the arrow's head begins."""
    (x, y), drawn = strokes(points)
    written = [f"M{_number(x)} {_number(y)}"]
    for stroke in drawn:
        numbers = " ".join(f"{_number(x)} {_number(y)}" for x, y in stroke)
        written.append(f"{'C' if len(stroke) == 3 else 'L'}{numbers}")
    return "".join(written)


def _head(point: Point) -> str:
    x, y = point
    long, half = ARROW
    return (
        f"M{_number(x)} {_number(y)}L{_number(x - long)} {_number(y - half)}V{_number(y + half)}Z"
    )
