"""The widget itself: a session, and the messages between it and the page."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib.resources import files
from typing import Any

import anywidget
import traitlets

from chainrule import view
from chainrule.solution import Solution
from chainrule.view.notebook import DARK, LIGHT, paint
from chainrule.widget.session import Session


def module() -> str:
    """Return the module that a notebook loads: the view's, and what connects it to Python."""
    own = files("chainrule.widget").joinpath("static", "widget.js").read_text("utf-8")
    paints = {"dark": paint(dark=True), "light": paint(dark=False)}
    given = {"STYLE": view.style(), "DARK": DARK, "LIGHT": LIGHT, "PAINT": paints}
    constants = "".join(f"const {name} = {json.dumps(value)};\n" for name, value in given.items())
    body = f"{constants}{own}\nreturn {{ render }};"
    return f"{view.module()}\nexport default (() => {{\n{body}\n}})();\n"


class SolutionWidget(anywidget.AnyWidget):
    """The view of a solution in a notebook; what is changed in it, changes the solution.

    A message of the page is ``{id, ask, given}``, and its answer ``{id, ...}`` with what
    :meth:`Session.answer <chainrule.widget.session.Session.answer>` returns, and the serial
    number of the document that is shown then.

    Parameters
    ----------
    solution : Solution

    Attributes
    ----------
    solution : Solution
        The one that is shown: after a change it has the new numbers.
    document : dict
    serial : int
        Counts the documents, so that a second view of the same widget knows of a change.
    edits : int
        The same, as the page sets it, once it has the document.
    """

    document = traitlets.Dict().tag(sync=True)
    serial = traitlets.Int(0).tag(sync=True)
    edits = traitlets.Int(0).tag(sync=True)

    def __init__(self, solution: Solution) -> None:
        self.session = Session(solution)
        super().__init__(document=self.session.document, _esm=module())
        self.on_msg(self._asked)

    @property
    def solution(self) -> Solution:
        """The solution that is shown."""
        return self.session.solution

    def _asked(self, _: Any, content: Any, buffers: Any) -> None:
        if not isinstance(content, Mapping) or "id" not in content:
            return  # nobody waits for an answer
        answer = self.session.answer(content.get("ask"), content.get("given"))
        if "document" in answer:
            with self.hold_sync():
                self.serial += 1
                self.document = answer["document"]
        self.send({"id": content["id"], "serial": self.serial, **answer})
