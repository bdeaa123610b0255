"""What an autopsy found, and how it is told."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from chainrule.calling import public
from chainrule.errors import Location
from chainrule.nn.health.causes import Cause
from chainrule.nn.health.origin import told

_WIDTH = 96
_PHASES = {
    "forward": "forward pass",
    "backward": "backward pass",
    "update": "update of the weights",
    "data": "data, before anything was computed",
    "weights": "weights, before the step",
    "metric": "a metric",
    "unknown": "unknown",
}


@dataclass(frozen=True)
class Sample:
    """The row that a number belongs to.

    Attributes
    ----------
    row : int
        Its number in the data, or in the minibatch where that is not known.
    is_of_data : bool
        Whether it is its number in the data.
    values : tuple of float
        Its first numbers.
    size : int
        How many it has.
    target : tuple of float or None
    alone : bool or None
        Whether this row by itself leads to a number that is not finite.
    outlier : str
        What is to be said of it if it is far larger than the others.
    """

    row: int
    is_of_data: bool
    values: tuple[float, ...]
    size: int
    target: tuple[float, ...] | None = None
    alone: bool | None = None
    outlier: str = ""

    def __str__(self) -> str:
        shown = ", ".join(f"{v:.4g}" for v in self.values) + (
            ", ..." if self.size > len(self.values) else ""
        )
        whose = "of the data" if self.is_of_data else "of the minibatch"
        target = (
            "" if self.target is None else f", y = {', '.join(f'{v:.4g}' for v in self.target)}"
        )
        alone = {True: "; alone it fails as well", False: "; alone it does not fail", None: ""}
        return f"row {self.row} {whose}: x = [{shown}]{target}{alone[self.alone]}"


@public
@dataclass(frozen=True)
class Autopsy:
    """Where in a step of training the first NaN or infinity arose, and why.

    Attributes
    ----------
    phase : {"forward", "backward", "update", "data", "weights", "metric", "unknown"}
    epoch, batch : int or None
        From 0.
    layer : str
        ``"loss"`` for the loss.
    operation : str
        ``"log"``, ``"matmul"``, ...; on the way back the one whose derivative it is.
    name : str or None
        What the user calls its result.
    where : Location or None
        The line: the user's, or that of a layer.
    product : str
        The operation with the numbers of the first element that is not finite.
    then : str
        What made a NaN of the infinity, if that is what came.
    numbers : dict of str to float
        These numbers by name.
    sample : Sample or None
    weights : dict of str to (float, float or None)
        Layer -> largest weight, and the largest at the start.
    causes : tuple of Cause
        The likeliest first.
    learning_rate : float or None
    steps : int or None
        How many steps there were since the start.
    """

    phase: str
    causes: tuple[Cause, ...]
    epoch: int | None = None
    batch: int | None = None
    layer: str = ""
    operation: str = ""
    name: str | None = None
    where: Location | None = None
    product: str = ""
    then: str = ""
    numbers: Mapping[str, float] = field(default_factory=dict)
    sample: Sample | None = None
    weights: Mapping[str, tuple[float, float | None]] = field(default_factory=dict)
    learning_rate: float | None = None
    steps: int | None = None

    @property
    def cause(self) -> Cause:
        """The likeliest cause."""
        return self.causes[0]

    @property
    def when(self) -> str:
        """Epoch and batch, counted from 1 as people do; empty where they are not known."""
        parts = [("epoch", self.epoch), ("batch", self.batch)]
        return ", ".join(f"{name} {n + 1}" for name, n in parts if n is not None)

    @property
    def summary(self) -> str:
        """One sentence: when, where, and which numbers."""
        when = f" in {self.when}" if self.when else ""
        place = (
            f", in the {_PHASES[self.phase]}"
            if self.phase in ("forward", "backward", "update")
            else ""
        )
        layer = f" of {self.layer}" if self.layer and self.operation else ""
        what = f": {self.operation}{layer}, {self.product}" if self.operation else ""
        return f"A NaN or an infinity arose{when}{place}{what}."

    def to_dict(self) -> dict[str, Any]:
        """Return it as numbers, strings and lists, which JSON can hold.

        Returns
        -------
        dict
        """
        sample = (
            None
            if self.sample is None
            else vars(self.sample)
            | {
                "values": list(self.sample.values),
                "target": None if self.sample.target is None else list(self.sample.target),
            }
        )
        return {
            "phase": self.phase, "epoch": self.epoch, "batch": self.batch, "layer": self.layer,
            "operation": self.operation, "name": self.name,
            "where": None if self.where is None else str(self.where), "product": self.product,
            "then": self.then, "numbers": dict(self.numbers), "sample": sample,
            "weights": {k: list(v) for k, v in self.weights.items()},
            "causes": [vars(c) for c in self.causes], "learning_rate": self.learning_rate,
            "steps": self.steps,
        }  # fmt: skip

    def text(self) -> str:
        """Return the report as plain text.

        Returns
        -------
        str
        """
        operation = self.operation + (f", called {self.name}" if self.name else "")
        rows = [
            ("when", self.when),
            ("where", _PHASES[self.phase]),
            ("layer", self.layer),
            ("operation", operation),
            ("line", str(self.where) if self.where else ""),
            ("numbers", self.product),
            ("then", self.then),
            ("sample", str(self.sample) if self.sample else ""),
            ("weights", self._weights()),
        ]
        lines = ["Autopsy: a number became infinite or NaN"]
        for title, said in rows:
            if said:
                lines += _row(title, said)
        for k, cause in enumerate(self.causes):
            lines += _row("cause" if k == 0 else "besides", cause.text)
            lines += _row("remedies", cause.remedy)
        return "\n".join(lines)

    __str__ = __repr__ = text

    def _weights(self) -> str:
        shown = []
        for layer, (now, start) in list(self.weights.items())[:8]:
            was = "" if start is None else f", {told(start)} before"
            shown.append(f"{layer} up to {told(now)}{was}")
        more = f"; {len(self.weights) - 8} more" if len(self.weights) > 8 else ""
        return "; ".join(shown) + more


def _row(title: str, said: str) -> list[str]:
    return textwrap.wrap(
        f"  {title + ':':<11}{said}", _WIDTH, subsequent_indent=" " * 13, break_long_words=False,
        break_on_hyphens=False, replace_whitespace=False, drop_whitespace=True,
    )  # fmt: skip
