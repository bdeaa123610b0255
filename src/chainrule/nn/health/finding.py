"""What was noticed, in one form for all that look."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from chainrule.calling import public

#: How bad a finding is, from the worst: training cannot go well; it is likely to go badly; it may
#: be as it should be.
SEVERITIES = ("severe", "warning", "note")

#: Numbers of units, columns or layers that a sentence names before it says how many more.
_NAMED = 8


@public
@dataclass(frozen=True)
class Finding:
    """Something that was noticed about a model, its data or a run.

    Attributes
    ----------
    kind : str
        What it is, in a word: ``"dead"``, ``"saturated"``, ``"vanishing"``, ...
    layer : str
        The layer, or the line in a model without layers; ``"x"`` and ``"y"`` for data, ``"loss"``
        for the loss.
    text : str
        One sentence, with the numbers.
    remedy : str
        What usually helps.
    severity : {"severe", "warning", "note"}
    numbers : dict of str to number
        The numbers by name.
    units : tuple of int
        Units or columns that it is about; empty where it is not about single ones.
    """

    kind: str
    layer: str
    text: str
    remedy: str
    severity: str = "warning"
    numbers: Mapping[str, float] = field(default_factory=dict)
    units: tuple[int, ...] = ()

    def __str__(self) -> str:
        return f"{self.text} Usual remedies: {self.remedy}."

    def to_dict(self) -> dict[str, Any]:
        """Return it as numbers, strings and lists, which JSON can hold.

        Returns
        -------
        dict
        """
        return {
            "kind": self.kind,
            "layer": self.layer,
            "text": self.text,
            "remedy": self.remedy,
            "severity": self.severity,
            "numbers": dict(self.numbers),
            "units": list(self.units),
        }


def listed(items: Sequence[Any], most: int = _NAMED) -> str:
    """Return the first few of some things, and how many more there are.

    Examples
    --------
    >>> listed([3, 7]), listed(range(20), most=2)
    ('3, 7', '0, 1 and 18 more')
    """
    shown = ", ".join(str(item) for item in items[:most])
    return shown if len(items) <= most else f"{shown} and {len(items) - most} more"


def counted(number: int, one: str) -> str:
    """Return a number of things: ``counted(1, "row")`` is ``1 row``."""
    return f"{number:,} {one if number == 1 else one + 's'}"
