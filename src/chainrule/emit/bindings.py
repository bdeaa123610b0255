"""Names of buffered NumPy code, and when each is bound.

There are three times: once for given sizes (0), once before the steps (1), and in each step (2). A
view of an array that stays is made when that array is; so are numbers that never change.
"""

from __future__ import annotations

import keyword
from collections.abc import Mapping
from typing import Any

import numpy as np

from chainrule.emit.kernel import Kernel, Size, free_name
from chainrule.emit.liveness import Plan
from chainrule.graph import Node
from chainrule.rules import TABLE
from chainrule.writing import number

#: What the code names by itself.
_RESERVED = ("np", "special", "range", "slice", "kept", "carry", "data", "order", "size", "start",
             "stop", "outputs", "i", "rows", "blocks")  # fmt: skip


class Bindings:
    """Gives names to the results of a kernel, and keeps the lines that bind them.

    Parameters
    ----------
    kernel : Kernel
    plan : Plan
        Which array each result goes to.
    stages : mapping
        Input -> when its array is there to stay; 2 where it is another one in each call.
    """

    def __init__(self, kernel: Kernel, plan: Plan, stages: Mapping[Node, int]) -> None:
        self.kernel = kernel
        self.plan = plan
        self.stage = dict(stages)
        self.lines: tuple[list[str], list[str], list[str]] = ([], [], [])
        #: Names that the first lines bind.
        self.kept: list[str] = []
        self.constants: dict[str, Any] = {}
        self.names: dict[Node, str] = {}
        self._taken = {*_RESERVED, *kernel.given}
        self._counts: dict[str, int] = {}
        self._fixed: dict[Any, str] = {}
        for node in (*kernel.graph.inputs, *kernel.graph.nodes):
            if node not in self.names:
                self.names[node] = self._name(node)

    def free(self, stem: str) -> str:
        """Return a name that is not taken, and take it."""
        stem = stem if stem.isidentifier() and not keyword.iskeyword(stem) else f"{stem}_"
        return free_name(stem, self._taken, "_")

    def _name(self, node: Node) -> str:
        storage = self.plan.storage.get(node)
        if storage is not None and storage.carry is not None and not node.is_input:
            return self.names[storage.carry]
        if node in self.kernel.varying:
            return self.kernel.varying[node]
        if node.is_constant and not node.shape and node.abstract.weak:
            written = number(node.value, "code")
            return written.string if written.level == "atom" else f"({written})"
        if node.name and node.name.isidentifier():
            return self.free(node.name)
        if node.op is TABLE["transpose"] and node.inputs[0] in self.names:
            return self.free(f"{self.names[node.inputs[0]]}_T")
        return self._numbered("c" if node.is_constant else "t")

    def _numbered(self, letter: str) -> str:
        count = self._counts.get(letter, 0) + 1
        while f"{letter}{count}" in self._taken:
            count += 1
        self._counts[letter] = count
        return self.free(f"{letter}{count}")

    def constant(self, stem: str, value: Any, *operands: str) -> str:
        """Hand in a value, and return its name, or a call of it."""
        name = next((n for n, v in self.constants.items() if v is value), None)
        if name is None:
            name = self.free(stem)
            self.constants[name] = value
        return f"{name}({', '.join(operands)})" if operands else name

    def fix(self, stage: int, expression: str, stem: str, key: Any = None) -> str:
        """Bind a name to what stays, and return it."""
        if key is not None and key in self._fixed:
            return self._fixed[key]
        name = self.free(stem)
        self.bind(stage, name, expression)
        if key is not None:
            self._fixed[key] = name
        return name

    def bind(self, stage: int, name: str, expression: str) -> None:
        """Bind a name, or several names, at some time."""
        self.lines[stage].append(f"{name} = {expression}")
        if stage == 0:
            self.kept += name.split(" = ")

    def dims(self, node: Node) -> str:
        """Write the shape of a node."""
        return repr(self.kernel.dims[node])


def size_key(size: Any) -> Any:
    """Return a size as what tells it from other sizes."""
    return size.name if isinstance(size, Size) else size


def dtype_name(dtype: np.dtype[Any]) -> str:
    """Return what NumPy calls a type."""
    return "bool_" if dtype.kind == "b" else dtype.name


def dtype_of(node: Node) -> str:
    """Write the type of a node."""
    return f"np.{dtype_name(node.abstract.dtype)}"


def factor(size: int) -> str:
    """Write a size so that it can stand in a product."""
    written = str(size)
    return written if written.isalnum() or written.isidentifier() else f"({written})"
