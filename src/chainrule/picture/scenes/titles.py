"""What stands in the box of an operation, from the row's own notation: ``×``, ``max(·, 0)``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from chainrule.graph import Node
from chainrule.notation import Written
from chainrule.picture.scenes.numbers import signed
from chainrule.writing import number, write

#: Longer ones are cut down to the operation's name.
LONGEST = 26
_SLOT = "\ue000"


def is_folded(node: Node) -> bool:
    """Whether a constant is written into the boxes that read it, in place of a box of its own."""
    return node.is_constant and node.shape == ()


def title(node: Node, fixed: Mapping[Node, Any] | None = None) -> str:
    """Write an operation with a place for each operand that has a box.

    Parameters
    ----------
    node : Node
    fixed : mapping, optional
        Operands to write as a number, besides single constants.
    """

    def slot(operand: Node) -> Written:
        if fixed is not None and operand in fixed:
            return number(fixed[operand], "text", 4)
        if is_folded(operand):
            return number(operand.value, "text", 4)
        return Written(_SLOT, "atom", "text")

    text = write(node, "text", slot).string
    text = re.sub(r", keepdims=True", "", text)
    text = re.sub(rf"(?<=[{_SLOT}\w)]) · (?=[{_SLOT}\w(])", " × ", text)
    text = re.sub(rf"{_SLOT}\^(?=-?\d+$)", f"({_SLOT})^", text)  # a raised dot is hard to see
    text = _sign(text)
    text = signed(text.replace(_SLOT, "·"))
    return text if len(text) <= LONGEST else f"{node.op.name}(·)"


def _sign(text: str) -> str:
    """Return the sign of an operator whose operands all have boxes, or its first one does."""
    parts = re.findall(rf"{_SLOT} (\S+) (?={_SLOT})", text)
    if parts and len(set(parts)) == 1 and text == f" {parts[0]} ".join([_SLOT] * (len(parts) + 1)):
        return str(parts[0])
    one = re.fullmatch(rf"{_SLOT} (\S+) ([^{_SLOT}]+)", text)
    if one:
        return f"{one[1]} {one[2]}"
    factor = re.fullmatch(rf"([^ {_SLOT}(]+) × {_SLOT}", text)
    return f"× {factor[1]}" if factor else text
