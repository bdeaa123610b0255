"""The parts of a line: what values are called, and one element of each as code."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule.emit.kernel import Kernel, Size, free_name
from chainrule.emit.loops.index import Affine, Index, Lookup, Read, Var
from chainrule.emit.loops.lower import Lowering
from chainrule.emit.loops.scalars import (
    cast,
    literal,
    operand_types,
    type_name,
    vector_name,
    widened,
)
from chainrule.emit.loops.schedule import numbers_first, scheduled
from chainrule.emit.loops.statement import Statement
from chainrule.emit.loops.storage import Storage
from chainrule.graph import Node
from chainrule.notation import Written
from chainrule.rules import TABLE

_SIZE = TABLE["size"]
#: Names that stand for something else in the code.
RESERVED = (
    "np", "math", "f32", "f64", "range", "part", "meet", "product", "gemm", "thread", "threads",
    "counter", "shared", "low", "high", "placed", "array_at", "order", "start", "stop", "turn",
    "at", *(f"at{k}" for k in range(8)), "row", "len", "squares", "squared", "carried",
    "tiny_to_zero", "as_before", "setting",
)  # fmt: skip
#: Those of them that are handed to the code.
GIVEN = ("gemm", "thread", "threads", "counter", "shared")


class Elements:
    """Writes elements of a kernel's values.

    Parameters
    ----------
    kernel : Kernel
    """

    def __init__(self, kernel: Kernel) -> None:
        self.kernel = kernel
        self.lowering = Lowering(kernel)
        statements = self.lowering.statements
        self.items = scheduled(statements if kernel.shown else numbers_first(statements))
        self.storage = Storage(kernel, self.lowering, self.items)
        self.taken = {*RESERVED, *kernel.given}
        self.names: dict[Node, str] = {}
        self.vars: dict[Var, str] = {}
        self.inline: dict[Node, tuple[Written, np.dtype[Any]]] = {}
        self.constants: dict[str, Any] = {}
        self.functions: dict[str, None] = {}
        #: Elements that have been read before the loop at hand, and the names they have there.
        self.ahead: dict[Read, str] = {}
        #: Whether there are positions that are computed, and looked at as they come.
        self.asks = False

    # -- names ---------------------------------------------------------------------------

    def free(self, name: str) -> str:
        """Return a name that is not taken yet."""
        return free_name(name, self.taken)

    def name(self, node: Node) -> str:
        """Return what a value is called; values that share an array share its name."""
        place = self.storage.places.get(node)
        if place is not None and place.shares is not None:
            return self.name(place.array.node)
        if node not in self.names:
            if node in self.kernel.varying:
                self.names[node] = self.kernel.varying[node]
            else:
                sharing = [node]
                if place is not None and place.axes:
                    sharing = self.storage.kept_in[place]
                found = (n.name for n in sharing if n.name and n.name.isidentifier())
                label = next(found, None)
                self.names[node] = self.free(label or ("c" if node.is_constant else "t"))
        return self.names[node]

    def array_name(self, node: Node) -> str:
        """Return the name of an array, an argument or not."""
        return self.leaf_name(node) if node.is_leaf else self.name(node)

    def leaf_name(self, node: Node) -> str:
        """Return the name of an argument; fixed arrays become some."""
        name = self.name(node)
        if node.is_constant and node not in self.kernel.varying:
            self.constants[name] = node.value
        return name

    def axes(self, read: Read) -> Sequence[int]:
        """Return which axes of a value the array has that it is kept in."""
        if read.node.is_leaf:
            return range(len(read.index))
        place = self.storage.places.get(read.node)
        return () if place is None else place.axes

    def cast(self, written: Written, have: np.dtype[Any], want: np.dtype[Any]) -> Written:
        """Convert a number to a type; Python's own numbers need no conversion to doubles."""
        if self.kernel.shown and want == np.float64 and have.kind in "biu":
            return written
        return cast(written, have, want)

    # -- elements ------------------------------------------------------------------------

    def target(self, statement: Statement) -> str:
        """Write where an element is put."""
        place = self.storage.places[statement.node]
        name = self.name(statement.node)
        if not place.axes:
            return name
        return f"{name}[{', '.join(self.place_code(statement.index[k]) for k in place.axes)}]"

    def place_code(self, index: Index) -> str:
        """Write one place."""
        if isinstance(index, Affine):
            return index.written(self.vars)
        position = str(self.element(index.read, index.read.node.abstract.dtype))
        if index.read.node.is_leaf:  # it has been looked at before
            return position
        self.asks = True
        return f"placed({position}, {index.extent})"

    def value(self, statement: Statement) -> Written:
        """Write the value of one element."""
        node, reads = statement.node, statement.reads
        dtype = node.abstract.dtype
        if statement.multiply:
            length = len(reads) // statement.terms
            products = [
                self.product(reads[k * length : (k + 1) * length], dtype)
                for k in range(statement.terms)
            ]
            if len(products) == 1:
                return products[0]
            return Written(" + ".join(map(str, products)), "sum")
        if statement.copies or statement.fold is not None or node.op.origin is not None:
            as_it_is = statement.fold is not None and statement.fold.of_truth
            return self.element(reads[0], reads[0].node.abstract.dtype if as_it_is else dtype)
        return self.applied(node, reads)

    def product(self, reads: Sequence[Read], dtype: np.dtype[Any]) -> Written:
        """Write a product of elements."""
        factors = [self.element(read, dtype) for read in reads]
        if len(factors) == 1:
            return factors[0]
        return Written(" * ".join(f"{f:unary}" for f in factors), "product")

    def applied(self, node: Node, reads: Sequence[Read]) -> Written:
        """Write an operation on elements that are read."""
        dtype = node.abstract.dtype
        wanted = [widened(d) for d in operand_types(node)]
        operands = [self.element(r, want) for r, want in zip(reads, wanted, strict=True)]
        if node.op.notation.loop is not None:
            operands = [self.once(o) for o in operands]
        alone = len(operands) == 1 and not self.kernel.shown
        vector = vector_name(node.op, wanted[0]) if alone else None
        if vector is not None:
            self.functions[vector] = None
            return self.cast(Written(f"{vector}({operands[0]})"), wanted[0], dtype)
        written = node.op.notation.write("loop", operands, node.params)
        if written.string in ("0", "1"):
            return literal(int(written.string), dtype)
        if node.op is TABLE["astype"]:
            return written
        produced = _produced(node, wanted)
        return self.cast(written, produced, dtype)

    def once(self, written: Written) -> Written:
        """Give a long expression a name of its own where a template may write it twice."""
        return written if written.level == "atom" else Written(f"({written})")

    def element(self, read: Read, want: np.dtype[Any]) -> Written:
        """Write one element that is read, in the type that is wanted."""
        node = read.node
        have = node.abstract.dtype
        if read.operands:
            return self.cast(self.applied(node, read.operands), have, want)
        if node.op is _SIZE:
            return self.cast(self.count(node), np.dtype(np.int64), want)
        if node in self.inline:
            written, have = self.inline[node]
            return self.cast(written, have, want)
        if node.is_constant and node not in self.kernel.varying and np.ndim(node.value) == 0:
            return literal(node.value, want)
        if self.is_one_hot(read):
            return self.one_hot(read, want)
        name = self.leaf_name(node) if node.is_leaf else self.name(node)
        if read in self.ahead:
            return self.cast(Written(self.ahead[read]), have, want)
        axes = self.axes(read)
        if axes:
            name += f"[{', '.join(self.place_code(read.index[k]) for k in axes)}]"
        return self.cast(Written(name), have, want)

    def is_one_hot(self, read: Read) -> bool:
        """Whether an element of an identity matrix is read, in a row that a label picks."""
        node = read.node
        if not node.is_constant or node in self.kernel.varying or len(read.index) != 2:
            return False
        row, column = read.index
        if not isinstance(row, Lookup) or not isinstance(column, Affine):
            return False
        value = np.asarray(node.value)
        return value.shape[0] == value.shape[1] and np.array_equal(value, np.eye(len(value)))

    def one_hot(self, read: Read, want: np.dtype[Any]) -> Written:
        """Write it as a comparison, which many samples take at once: an array would be gathered."""
        row, column = read.index
        assert isinstance(row, Lookup)
        label, place = self.place_code(row), self.place_code(column)
        classes = len(read.node.value)
        same = Written(f"({label} == {place}) | ({label} + {classes} == {place})", "or")
        return Written(f"{type_name(want)}({same})")

    def count(self, node: Node) -> Written:
        """Write how many elements an array has."""
        dims = self.lowering.dims(node.inputs[0])
        axis = node.params["axis"]
        kept = dims if axis is None else (dims[axis],)
        fixed = int(np.prod([n for n in kept if not isinstance(n, Size)], dtype=int))
        sizes = [str(n) for n in kept if isinstance(n, Size)]
        parts = sizes if fixed == 1 and sizes else [str(fixed), *sizes]
        return Written(" * ".join(parts), "product" if len(parts) > 1 else "atom")


def _produced(node: Node, wanted: Sequence[np.dtype[Any]]) -> np.dtype[Any]:
    """Return the type that the code for numbers gives."""
    if node.abstract.dtype.kind == "b":
        return node.abstract.dtype
    numbers = [d for d in wanted if d.kind in "fiu"]
    return np.result_type(*numbers) if numbers and node.op.chooses is False else node.abstract.dtype
