"""The lines of buffered NumPy code."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from chainrule.emit import forms
from chainrule.emit.arrays import aligned
from chainrule.emit.bindings import dtype_name, dtype_of, size_key
from chainrule.emit.expressions import Expressions
from chainrule.emit.kernel import Kernel
from chainrule.emit.liveness import Plan, Storage, is_view, may_copy
from chainrule.emit.packing import PACK
from chainrule.graph import Node
from chainrule.rules import TABLE
from chainrule.writing import number

#: Constant arrays up to this size are written out.
_WRITTEN = 16
#: Views that lie in one piece where what they are views of does.
_KEEP_WHOLE = frozenset(TABLE[name] for name in ("reshape", "expand_dims", "squeeze"))


class Statements(Expressions):
    """Writes the nodes of a kernel, one after the other.

    Parameters
    ----------
    kernel : Kernel
    plan : Plan
        Which array each result goes to.
    stages : mapping
        Input -> when its array is there to stay; 2 where it is another one in each call.
    blocked : frozenset of Node
        Results of which only a block at a time is kept, unless others read them.
    """

    def __init__(
        self,
        kernel: Kernel,
        plan: Plan,
        stages: Mapping[Node, int],
        blocked: frozenset[Node] = frozenset(),
    ) -> None:
        super().__init__(kernel, plan, stages)
        self.blocked = blocked
        #: Elements of a block, once blocks are written.
        self.block = 0
        #: Bytes of each array that stays.
        self.allocated: list[int] = []
        #: What lies in one piece, row after row.
        self._whole: set[Node] = set()
        self._there: set[Storage] = set()

    def write(self, node: Node) -> None:
        """Write a node."""
        name = self.names[node]
        if node.is_input:
            self._input(node, name)
        elif node in self.plan.static:
            self.stage[node] = 0
            if node.is_constant:
                self._constant(node, name)
            else:
                self.bind(0, name, self.expression(node, fixed=True))
        elif node in self.plan.forms:
            self._owner(node)
        elif is_view(node):
            self._view(node, name)
        else:
            self.stage[node] = 2
            form = forms.form_of(node)
            if form is None:
                self.lines[2].append(f"{name} = {self.expression(node)}")
                return
            operands = self.operands(node)
            if form.expression is not None:
                self.lines[2].append(f"{name} = {form.expression(operands)}")
                return
            made = f"{name} = np.empty({self.dims(node)}, {dtype_of(node)})"
            self.lines[2].extend([made, *form.lines(name, operands)])

    def _input(self, node: Node, name: str) -> None:
        if self.stage[node] == 0:  # a minibatch
            made = self.constant("aligned", aligned)
            self.bind(0, name, f"{made}({self.dims(node)}, {dtype_of(node)})")
            self.allocated.append(node.abstract.size * node.abstract.dtype.itemsize)
        if self.stage[node] < 2:
            self._whole.add(node)

    def _constant(self, node: Node, name: str) -> None:
        if node in self.kernel.varying or (not node.shape and node.abstract.weak):
            return
        value = np.asarray(node.value)
        if value.size <= _WRITTEN and value.dtype.kind in "biuf":
            written = number(value if value.shape else value[()], "code").string
            if value.shape and value.dtype != float:
                written = written.removesuffix(f", dtype={dtype_of(node)})").removesuffix(")")
                written = written.removeprefix("np.array(")
                written = f"np.array({written}, {dtype_of(node)})"
            elif not value.shape:
                written = f"{dtype_of(node)}({written})"
            self.bind(0, name, written)
        else:
            self.bind(0, name, self.constant(f"{name}_value", node.value))

    def _view(self, node: Node, name: str) -> None:
        base = node.inputs[0]
        stage = self.stage[base] if base.shape and node.shape else 2
        whole = base in self._whole and node.params.get("order", "C") == "C"
        if may_copy(node) and not whole:
            stage = 2
        self.stage[node] = stage
        self.bind(stage, name, self.expression(node, fixed=stage < 2))
        if whole and stage < 2 and _keeps_whole(node):
            self._whole.add(node)

    def _owner(self, node: Node) -> None:
        self._place(node)
        self.stage[node] = 1 if self.plan.storage[node].carry is not None else 0
        self._whole.add(node)
        name = self.names[node]
        if node.op is PACK:
            self._pack(node, name)
        else:
            self.lines[2].extend(self._lines(node, name))

    def _place(self, node: Node) -> None:
        """Make the array that a result goes to, under the names of all results it will hold."""
        storage = self.plan.storage[node]
        if storage in self._there or storage.carry is not None:
            return
        self._there.add(storage)
        if storage.part is not None:
            whole, start, stop = storage.part
            self._place(whole.names[0])
            base = self.names[whole.names[0]]
            shape = ", ".join(map(str, storage.dims))
            self.bind(0, self.names[node], f"{base}[{start}:{stop}].reshape({shape})")
            return
        dims: Any = storage.dims
        if self.is_scratch(storage):
            dims = (min(self.block, int(storage.dims[0])),)
        names = " = ".join(self.names[n] for n in storage.names)
        made = self.constant("aligned", aligned)
        self.bind(0, names, f"{made}({dims!r}, np.{dtype_name(storage.dtype)})")
        self.allocated.append(math.prod(map(int, dims)) * storage.dtype.itemsize)

    def is_scratch(self, storage: Storage) -> bool:
        """Whether only a block of an array is needed at a time."""
        return (
            self.block > 0
            and storage.carry is None
            and storage.part is None
            and all(n in self.blocked for n in storage.names)
            and not any(n in self.kernel.graph.outputs for n in storage.names)
        )

    def _pack(self, node: Node, name: str) -> None:
        start = 0
        for part in node.inputs:
            stop = start + part.abstract.size
            placed = self.plan.storage.get(part)
            within = placed.part if placed is not None else None
            if within is None or within[0] is not self.plan.storage[node]:
                shape = ", ".join(map(str, self.kernel.dims[part])) or "()"
                view = self.fix(0, f"{name}[{start}:{stop}].reshape({shape})", f"{name}_part")
                self.lines[2].append(f"np.copyto({view}, {self.names[part]})")
            start = stop

    def _lines(self, node: Node, out: str) -> list[str]:
        """Write a result into its array."""
        operands = self.operands(node)
        matrix = next(iter(node.inputs), node)
        if matrix in self._whole and not node.op.elementwise:
            dims = self.kernel.dims[matrix]
            if forms.sums_matrix(node, dims):
                return self._sum(node, out, operands[0], dims)
            if forms.short_last_axis(node, dims):
                return self._short(node, out, operands[0], dims)
        return self.plan.forms[node].lines(out, operands)

    def _sum(self, node: Node, out: str, a: str, dims: tuple[int, ...]) -> list[str]:
        """Sum with the help of BLAS, as a product with ones: several times as fast."""
        axis = node.params["axis"][0]
        length = dims[axis]
        ones = self.fix(
            0, f"np.ones({length!r}, {dtype_of(node)})", "ones",
            ("ones", size_key(length), node.abstract.dtype),
        )  # fmt: skip
        flat = self._flat(node, out, dims[1 - axis])
        return [f"{ones}.dot({a}, out={flat})" if axis == 0 else f"{a}.dot({ones}, out={flat})"]

    def _short(self, node: Node, out: str, a: str, dims: tuple[int, ...]) -> list[str]:
        """Reduce short rows side by side: of a copy that has them as columns."""
        ufunc = forms.REDUCED[node.op].__name__
        columns = self.fix(
            0, f"np.empty({(dims[1], dims[0])!r}, {dtype_of(node.inputs[0])})", "columns",
            ("columns", *map(size_key, dims), node.inputs[0].abstract.dtype),
        )  # fmt: skip
        flat = self._flat(node, out, dims[0])
        rows = self.fix(0, f"{columns}.T", f"{columns}_T", ("T", columns))
        return [
            f"np.copyto({rows}, {a})",
            f"np.{ufunc}.reduce({columns}, axis=0, out={flat})",
        ]

    def _flat(self, node: Node, out: str, length: int) -> str:
        """Return a name of a result without the axis of length 1 that it kept."""
        if not node.params["keepdims"]:
            return out
        return self.fix(self.stage[node], f"{out}.reshape({length})", f"{out}_flat", ("flat", out))

    # -- after the step ------------------------------------------------------------------

    def replacements(self, replaced: Mapping[Node, Node]) -> list[str]:
        """Write what puts the new carry in the place of the old, all at once."""
        saved, copied, bound = [], [], {}
        for carried, output in replaced.items():
            if not carried.shape:
                bound[self.names[carried]] = self.names[output]
                continue
            storage = self.plan.storage.get(output)
            if output is carried or (storage is not None and storage.carry is carried):
                continue
            name = self.names[output]
            if any(o.is_input for o in self.plan.owners[output]):
                name = self.free(f"{self.names[carried]}_new")
                saved.append(f"{name} = {self.names[output]}.copy()")
            copied.append(f"np.copyto({self.names[carried]}, {name})")
        bound = {old: new for old, new in bound.items() if old != new}
        if bound:
            copied.append(f"{', '.join(bound)} = {', '.join(bound.values())}")
        return saved + copied

    def write_blocks(
        self, nodes: Sequence[Node], length: int, in_blocks: Callable[..., Any]
    ) -> None:
        """Write results of many elements so that a few of each are computed at a time."""
        self.block = length
        for node in nodes:
            self._place(node)
            self.stage[node] = 2
        whole: dict[str, str] = {}
        scratch: dict[str, str] = {}
        part: dict[Node, str] = {}
        for node in dict.fromkeys([i for n in nodes for i in n.inputs if i.shape] + list(nodes)):
            storage = self.plan.storage.get(node)
            name = self.names[node]
            if storage is not None and storage.carry is None and storage.part is None:
                name = self.names[storage.names[0]]
            there = scratch if storage is not None and self.is_scratch(storage) else whole
            if name not in there:
                there[name] = self.free(f"{name}_block")
            part[node] = there[name]
        lines = []
        for node in nodes:
            lines += self.plan.forms[node].lines(part[node], self.operands(node, part))
        call = self.constant("in_blocks", in_blocks)
        blocks = f"{call}({_tuple(whole)}, {_tuple(scratch)}, {length})"
        self.lines[1].append(f"blocks = {blocks}")
        self.lines[2].append(f"for {', '.join([*whole.values(), *scratch.values()])} in blocks:")
        self.lines[2].extend(f"    {line}" for line in lines)


def _keeps_whole(node: Node) -> bool:
    """Whether a view of what lies in one piece does so, too."""
    if node.op is TABLE["getitem"]:
        (first, *others) = node.params["key"] or (None,)
        plain = isinstance(first, slice) and first.step is None
        return not others and (plain or type(first) is int)
    return node.op in _KEEP_WHOLE


def _tuple(names: Mapping[str, str]) -> str:
    return f"({', '.join(names)}{',' if len(names) == 1 else ''})"
