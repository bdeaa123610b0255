"""From an explanation to a scene, at the level and with the parts open that are asked for."""

from __future__ import annotations

from chainrule.explaining.explanation import Explanation
from chainrule.picture.scene import Scene
from chainrule.picture.shown import Shown
from chainrule.picture import tensors


def scene(explanation: Explanation, level: str = "auto", open: tuple[str, ...] = ()) -> Scene:
    shown = Shown(explanation)
    boxes = tensors.boxes(shown, shown.drawn())
    edges = [tensors.edge(shown, line) for line in shown.lines]
    return Scene("tensors", tuple(boxes), tuple(edges)).validate()
