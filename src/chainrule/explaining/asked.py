"""What a name stands for that somebody asks about: ``w[0]``, ``dW1[0, 2]``."""

from __future__ import annotations

import re
from collections.abc import Mapping

from chainrule.errors import ArgumentError
from chainrule.explaining.derivation import Derivation
from chainrule.explaining.gradient_names import gradient_asked
from chainrule.graph import Node


def asked(name: str, derivation: Derivation) -> tuple[Node, tuple[int, ...]]:
    """Find the node and the element that a name such as ``W1[0, 2]`` stands for.

    Raises
    ------
    ArgumentError
        When there is no gradient of it, or it is more than one number.
    """
    labels = {label: node for node, label in derivation.labels.items()}
    wanted = gradient_asked(name)
    if wanted not in labels and wanted.startswith("d"):
        wanted = wanted[1:] if _base(wanted[1:], labels) else wanted
    base = _base(wanted, labels)
    if base is None or labels[base] not in derivation.joint.gradients:
        known = [
            label for label, node in labels.items()
            if node in derivation.joint.gradients
        ]  # fmt: skip
        raise ArgumentError(
            f"There is no gradient of {name!r}.",
            expected=f"one of {', '.join(known[:20])}, with an index for an array",
            got=repr(name),
        )
    node = labels[base]
    index = tuple(int(i) for i in re.findall(r"-?\d+", wanted[len(base) :]))
    if len(index) != len(node.shape):
        example = f"{base}[{', '.join('0' for _ in node.shape)}]"
        raise ArgumentError(
            f"{name!r} is not a single number.",
            expected=f"{len(node.shape)} indices for an array of shape {node.shape}",
            got=f"{len(index)}",
            instead=f"why({example!r})" if node.shape else f"why({base!r})",
        )
    for i, n in zip(index, node.shape, strict=True):
        if not -n <= i < n:
            raise ArgumentError(
                f"{name!r} lies outside {base}.",
                expected=f"indices below {node.shape}",
                got=str(index),
            )
    return node, tuple(i % n for i, n in zip(index, node.shape, strict=True))


def _base(wanted: str, labels: Mapping[str, Node]) -> str | None:
    """Return the longest label that a name starts with, followed by nothing or an index."""
    found = [
        label
        for label in labels
        if wanted == label or (wanted.startswith(label) and wanted[len(label)] == "[")
    ]
    return max(found, key=len, default=None)
