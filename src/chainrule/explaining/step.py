"""What one line of a worked solution says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from chainrule.backward import Contribution
from chainrule.errors import Location
from chainrule.graph import Node

Kind = Literal["input", "forward", "upstream", "backward", "sum"]


@dataclass(frozen=True, slots=True)
class Formula:
    """A formula as plain text and as LaTeX."""

    text: str
    latex: str


@dataclass(frozen=True, slots=True)
class Local:
    """The local derivative of an elementwise operation with respect to one operand.

    Attributes
    ----------
    of, by : str
        The result and the operand: ∂of/∂by.
    symbols, numbers : Formula
        `numbers` repeats `symbols` where the operands are large.
    value : number or array
    """

    of: str
    by: str
    symbols: Formula
    numbers: Formula
    value: Any


@dataclass(frozen=True, slots=True)
class Step:
    """One line of a worked solution.

    Attributes
    ----------
    number : int
        From 1; 0 for inputs.
    kind : {"input", "forward", "upstream", "backward", "sum"}
    target : str
        What the step computes: ``z`` or ``dz``.
    node : Node
        The node of the forward pass that it is about.
    value : number or array
        The result.
    symbols, numbers : Formula or None
        The formula in symbols, and with numbers where they are few.
    simpler : Formula or None
        What the formula simplifies to, where that is another one.
    through : str
        Backward: the line that the gradient passes through, as ``y = max(z, 0)``.
    upstream : str
        Backward: name of the upstream gradient.
    upstream_value : number or array
    local : Local or None
        Backward through an elementwise operation.
    reason : str
        One plain sentence.
    part : tuple of int
        ``(1, 2)``: the first of two ways out of `node`; ``(1, 1)`` where there is one.
    where : Location or None
        The user's line.
    contribution : Contribution or None
        Backward: the product itself.
    """

    number: int
    kind: Kind
    target: str
    node: Node
    value: Any
    symbols: Formula | None = None
    numbers: Formula | None = None
    simpler: Formula | None = None
    through: Formula | None = None
    upstream: str = ""
    upstream_value: Any = None
    local: Local | None = None
    reason: str = ""
    part: tuple[int, int] = (1, 1)
    where: Location | None = None
    contribution: Contribution | None = None

    @property
    def is_gradient(self) -> bool:
        """Whether `target` is the name of a gradient."""
        return self.kind not in ("input", "forward")


@dataclass(frozen=True, slots=True)
class Planned:
    """What one step is about, before it is written; fields as in :class:`Step`."""

    number: int
    kind: Kind
    node: Node
    contribution: Contribution | None = None
    part: tuple[int, int] = (1, 1)
