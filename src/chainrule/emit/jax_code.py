"""A kernel as a function over ``jax.numpy``: the lines that a person would have written.

NumPy and JAX write most operations alike; a row that differs says so in its notation. What JAX
makes of types is brought to what NumPy makes of them by :mod:`chainrule.emit.jax_types`.
"""

from __future__ import annotations

import keyword
import re
from typing import Any

import numpy as np

from chainrule.emit.jax_types import (
    Operand,
    TypeKeeper,
    converted,
    in_jax,
    is_statement,
    over_jax,
)
from chainrule.emit.kernel import Kernel, free_name
from chainrule.emit.program import Emitted
from chainrule.graph import Node
from chainrule.notation import Written
from chainrule.rules import TABLE
from chainrule.rules.index import filled, is_basic
from chainrule.writing import LITERAL_SIZE, is_identity, number

_LONGEST = 72
_WIDTH = 100
#: Names that the emitted code itself uses.
_RESERVED = frozenset(("jax", "jnp", "np", "special", "range", "int", *keyword.kwlist))
_PLAIN = (np.float64, np.int64, np.complex128, np.bool_)


class _Emitter:
    """Writes one kernel, line by line in the order of its nodes."""

    def __init__(self, kernel: Kernel) -> None:
        self.kernel = kernel
        self.types = TypeKeeper(dict(zip(kernel.given, kernel.values, strict=True)))
        self.lines: list[str] = []
        self.operands: dict[Node, Operand] = {}
        self.constants: dict[str, Any] = {}
        self.taken = set(_RESERVED)
        # Sizes are written by their names among the parameters, too: these stay as they are.
        self.given = [self.free(name) for name in kernel.given]
        self.name = self.free(kernel.name)
        graph = kernel.graph
        self.arguments = [self.free(n.name or "x") for n in graph.inputs]
        self.mixed = any(n.abstract.dtype not in _PLAIN for n in graph.nodes)
        self.uses: dict[Node, int] = {}
        for node in (*(i for n in graph.nodes for i in n.inputs), *graph.outputs):
            self.uses[node] = self.uses.get(node, 0) + 1

    def free(self, name: str) -> str:
        """Return a name that is not taken yet."""
        return free_name(name, self.taken, "_")

    def temporary(self) -> str:
        count = 1
        while f"t{count}" in self.taken:
            count += 1
        return self.free(f"t{count}")

    def run(self) -> None:
        """Write all nodes."""
        graph = self.kernel.graph
        for node, name in zip(graph.inputs, self.arguments, strict=True):
            self.operands[node] = self.types.known(Written(name), node.abstract)
        for node in graph.nodes:
            if node.is_constant:
                self.constant(node)
            elif not node.is_input:
                self.node(node)

    def constant(self, node: Node) -> None:
        """Write a constant: as a number, or as an argument where it is long or varies."""
        if node in self.kernel.varying:
            name = self.given[self.kernel.given.index(self.kernel.varying[node])]
            self.operands[node] = self.types.known(Written(name), node.abstract)
            return
        value = node.value
        identity = _identity(value)
        if np.size(value) > LITERAL_SIZE and identity is None:
            name = self.free(node.name or "c")
            self.constants[name] = value
            self.operands[node] = self.types.known(Written(name), node.abstract)
            return
        written = identity or number(value, "code")
        if not node.shape and not node.abstract.weak and self.mixed:
            # Beside other types it matters that this number is not a Python one.
            written = Written(f"np.{node.abstract.dtype.name}({written})")
        written = over_jax(written)
        self.operands[node] = Operand(written, value=written.string)

    def operand(self, node: Node, operand: Node) -> Operand:
        """Return an operand; a mask that is known, as the positions that it picks."""
        mask = operand.value
        known = operand.is_constant and operand not in self.kernel.varying
        if not known or "key" not in node.params or np.ndim(mask) == 0 or mask.dtype != bool:
            return self.operands[operand]
        if operand is node.inputs[0]:
            return self.operands[operand]
        parts = []
        for places in np.nonzero(mask):
            if places.size <= LITERAL_SIZE:
                parts.append(over_jax(Written(f"np.array({places.tolist()}, int)")).string)
            else:
                parts.append(self.free("places"))
                self.constants[parts[-1]] = self.types.names[parts[-1]] = places
        text = ", ".join(parts)
        return Operand(Written(text), value=text)

    def node(self, node: Node) -> None:
        """Write an operation: in line where it is read once, else on a line of its own."""
        operands = [self.operand(node, i) for i in node.inputs]
        fitted = self.types.fitted(node, operands)
        written = in_jax(node.op.notation, fitted.operands, node.params, "out")
        label = node.name
        if is_statement(node.op.notation, written):
            name = self.free(label) if label else self.temporary()
            again = in_jax(node.op.notation, fitted.operands, node.params, name)
            self.lines += again.string.splitlines()
            written = Written(name)
            if fitted.dtype is not None:
                self.lines.append(f"{name} = {converted(written, fitted.dtype, node)}")
        else:
            written = converted(written, fitted.dtype, node)
            if _writes_all(node):
                # XLA 0.10 aborts at the reverse of such an array; so it does not look through.
                written = Written(f"jax.lax.optimization_barrier({written})")
            alone = self.uses.get(node, 0) > 1 and not _is_short_view(node)
            if label or alone or len(written.string) > _LONGEST:
                name = self.free(label) if label else self.temporary()
                self.lines.append(f"{name} = {written}")
                written = Written(name)
        self.operands[node] = Operand(written, fitted.struct)

    def source(self) -> str:
        """Return the module: imports and the one function."""
        results = [self.operands[o].written.string for o in self.kernel.graph.outputs]
        body = [*self.lines, *_returned(results)]
        above = {
            "import jax": "jax.",
            "import jax.numpy as jnp": "jnp.",
            "from jax.scipy import special": "special.",
        }
        text = "\n".join(body)
        imports = [line for line, name in above.items() if re.search(rf"\b{name}", text)]
        arguments = [*self.arguments, *self.given, *self.constants]
        head = f"def {self.name}({', '.join(arguments)}):"
        if len(head) > _WIDTH:
            head = f"def {self.name}(\n    {', '.join(arguments)}\n):"
        return "\n".join([*imports, "", "", head, *(f"    {line}" for line in body)]) + "\n"


def _identity(value: Any) -> Written | None:
    """Write an identity matrix by its name, whatever its precision."""
    if np.ndim(value) == 2 and value.dtype.kind == "f" and is_identity(value.astype(float)):
        kind = "" if value.dtype == float else f", dtype=np.{value.dtype.name}"
        return Written(f"np.eye({len(value)}{kind})")
    return None


def _writes_all(node: Node) -> bool:
    """Whether slices are written that make up the whole of an array."""
    if node.op not in (TABLE["setitem"], TABLE["scatter"]) or not is_basic(node.params["key"]):
        return False
    shape = tuple(map(int, node.shape))
    picked = np.broadcast_to(np.zeros(()), shape)[filled(node.params["key"], ())]
    return bool(picked.size == np.prod(shape))


def _is_short_view(node: Node) -> bool:
    """Whether it is as easily written as its name: the transpose of something named."""
    return node.op.name == "transpose" and all(i.is_input or bool(i.name) for i in node.inputs)


def _returned(results: list[str]) -> list[str]:
    line = f"return {', '.join(results)}{',' if len(results) == 1 else ''}"
    if len(line) <= _WIDTH - 4:
        return [line]
    return ["return (", *(f"    {result}," for result in results), ")"]


def jax_code(kernel: Kernel) -> Emitted:
    """Write a kernel as a module over ``jax.numpy``.

    To be called while JAX computes in double precision, since what it makes of types is asked.

    Returns
    -------
    Emitted
        One function; it takes the inputs, then what varies with the sizes, then the constants
        that are too long to be written.

    Raises
    ------
    RefusedError
        At the first operation that JAX cannot do, or not as NumPy does it.
    """
    emitter = _Emitter(kernel)
    emitter.run()
    return Emitted(emitter.name, emitter.source(), emitter.constants)
