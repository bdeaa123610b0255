"""A kernel's nodes as statements about single elements."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from chainrule.emit.kernel import Kernel
from chainrule.emit.loops.index import Affine, Index, Read, Var, affine, is_long, is_one
from chainrule.emit.loops.positions import gather, gather_along, overwrite, scatter
from chainrule.emit.loops.products import index_sum
from chainrule.emit.loops.statement import Statement
from chainrule.emit.loops.woven import woven
from chainrule.graph import Node
from chainrule.op import Abstract, Fold, Placing
from chainrule.rules import TABLE
from chainrule.rules.index import is_basic

_TOTAL = TABLE["sum"].fold
_GETITEM, _SIZE = TABLE["getitem"], TABLE["size"]
#: Rows that read or write at positions that are data.
_AT_POSITIONS = {
    TABLE["scatter"]: scatter,
    TABLE["setitem"]: overwrite,
    TABLE["take_along_axis"]: gather_along,
}


class Lowering:
    """Writes the nodes of a kernel as statements.

    Attributes
    ----------
    statements : list of Statement
        Each after those whose values it reads.
    written : dict
        Node -> the statements that write its value.
    natural : set of Node
        Values that have to lie in memory as NumPy lays them.
    """

    def __init__(self, kernel: Kernel) -> None:
        self.kernel = kernel
        self.statements: list[Statement] = []
        #: Input -> a copy of it in which a long axis lies innermost.
        self.turned: dict[Node, Node] = {}
        self.copied_dims: dict[Node, tuple[int, ...]] = {}
        #: Array and shape -> the array seen in that shape.
        self.shapes: dict[tuple[Node, tuple[int, ...]], Node] = {}
        self.written: dict[Node, list[Statement]] = {}
        self.natural: set[Node] = set()
        self.outputs = outputs = set(kernel.graph.outputs)
        self.woven = woven(kernel)
        for node in kernel.graph.nodes:
            if node.is_leaf or node.op is _SIZE:
                if node in outputs:
                    continue
            elif node in outputs or not (self.is_seen_through(node) or self.is_repeated(node)):
                self.node(node)

    def dims(self, node: Node) -> tuple[int, ...]:
        """Return a node's shape, with names for what varies."""
        return self.copied_dims.get(node) or self.kernel.dims[node]

    def is_seen_through(self, node: Node) -> bool:
        """Whether a value is read where its operand lies."""
        if node.op.origin is None or node.is_leaf:
            return False
        index = tuple(Affine.of(Var(n)) for n in self.dims(node))
        return self.origin(node, index) is not None

    def origin(self, node: Node, index: tuple[Any, ...]) -> Any:
        """Return the place in the first operand where an element of a view stands."""
        if node.op.origin is None:
            return None
        return node.op.origin(index, self.dims(node.inputs[0]), **node.params)

    def read(self, node: Node, index: Iterable[Any]) -> Read:
        """Return where an element is read: views are looked through."""
        read = self.seen_through(node, index)
        if self.is_repeated(read.node):
            operands = tuple(self.broadcast(i, read.index) for i in read.node.inputs)
            return Read(read.node, read.index, operands)
        if not read.node.is_input:
            return read
        dims = self.dims(read.node)
        if len(dims) < 2 or is_long(dims[-1]) or not any(map(is_long, dims)):
            return read
        return Read(self.copy_of(read.node), read.index)

    def is_repeated(self, node: Node) -> bool:
        """Whether a value is computed where it is read: conditions cost less than to be kept."""
        return (
            (node in self.woven or (node.op.elementwise and node.abstract.dtype.kind == "b"))
            and node not in self.outputs
            and node not in self.written
            and not node.is_leaf
        )

    def copy_of(self, node: Node) -> Node:
        """Return a copy of an input that is read along a long axis which is not its last."""
        if node not in self.turned:
            copy = Node(TABLE["copy"], (node,), {}, node.abstract, name=f"{node.name}_T")
            self.turned[node] = copy
            self.copied_dims[copy] = self.dims(node)
            loops, index = self.loops_over(copy)
            self.add(Statement(copy, loops, index, (Read(node, index),), turns=True))
        return self.turned[node]

    def loops_over(self, node: Node) -> tuple[list[Var], tuple[Affine, ...]]:
        """Return loops over all elements of a value, and the place that they run through."""
        index = tuple(Affine() if is_one(n) else Affine.of(Var(n)) for n in self.dims(node))
        return [i.var for i in index if i.var is not None], index

    def seen_through(self, node: Node, index: Iterable[Any]) -> Read:
        """Return the value that a view shows, and the place in it."""
        place = tuple(map(affine, index))
        while not node.is_leaf and node not in self.written:
            try:
                found = self.origin(node, place)
            except TypeError:  # positions that are data count in the view, and not in its origin
                self.whole_read(node)
                break
            if found is None:
                break
            node = node.inputs[0]
            place = tuple(map(affine, found))
        return Read(node, place)

    def broadcast(self, node: Node, index: tuple[Index, ...]) -> Read:
        """Return where an operand of an elementwise operation is read."""
        dims = self.dims(node)
        kept = index[len(index) - len(dims) :]
        place = (Affine() if is_one(n) else i for i, n in zip(kept, dims, strict=True))
        return self.read(node, place)

    def add(self, statement: Statement) -> None:
        """Take in a statement."""
        if not statement.sequential:
            statement.loops = self.ordered(statement)
        self.statements.append(statement)
        self.written.setdefault(statement.node, []).append(statement)

    def ordered(self, statement: Statement) -> list[Var]:
        """Return the loops with the longest one innermost, where it runs over a size."""
        loops = statement.loops
        long = [v for v in loops if v.is_long]
        rest = [v for v in loops if v not in long]
        if statement.multiply:  # what is summed over comes inside, but for the last of the rest
            summed = [v for v in rest if not statement.kept(v)]
            kept = [v for v in rest if statement.kept(v)]
            rest = kept + summed if long or not kept else kept[:-1] + summed + kept[-1:]
        return rest + long

    # -- one node ------------------------------------------------------------------------

    def node(self, node: Node) -> None:
        """Write the statements of one node."""
        op = node.op
        loops, index = self.loops_over(node)
        if op is _GETITEM and not is_basic(node.params["key"]):
            gather(self, node)
        elif op in _AT_POSITIONS:
            _AT_POSITIONS[op](self, node)
        elif op.elementwise or op.notation.loop:
            reads = tuple(self.broadcast(i, index) for i in node.inputs)
            self.add(Statement(node, loops, index, reads))
        elif op.origin is not None:
            self.view(node, loops, index)
        elif op.placing is not None:
            self.placed(node, op.placing)
        elif op.running is not None:
            self.running(node, op.running)
        elif op.fold is not None:
            self.reduction(node, op.fold)
        else:
            index_sum(self, node)

    def view(self, node: Node, loops: list[Var], index: tuple[Affine, ...]) -> None:
        """Copy a view that is a result, or see an array in another shape."""
        (operand, *_) = node.inputs
        if self.origin(node, index) is not None:
            self.add(Statement(node, loops, index, (self.read_origin(node, index),)))
            return
        self.reshape(node, operand)

    def reshape(self, node: Node, operand: Node) -> None:
        """See an array in another shape."""
        read = self.whole_read(operand)
        self.natural |= {node, read.node}
        _, index = self.loops_over(node)
        self.add(Statement(node, [], index, (read,), whole="reshape"))

    def reshaped(self, node: Node, dims: tuple[int, ...]) -> Node:
        """Return an array in another shape, the same whenever it is asked for."""
        if (node, dims) not in self.shapes:
            self.shapes[node, dims] = self.made_up(node, dims)
            self.reshape(self.shapes[node, dims], node)
        return self.shapes[node, dims]

    def seen_in(self, node: Node) -> Node:
        """Return the array in whose memory a value lies, which may be seen in another shape."""
        while node in self.written and node not in self.outputs:
            (statement, *_) = self.written[node]
            if statement.whole != "reshape":
                break
            node = statement.reads[0].node
        return node

    def made_up(self, node: Node, dims: tuple[int, ...]) -> Node:
        """Return a node for an array of the elements of another one, in some arrangement."""
        shape = tuple(int(n) for n in dims)
        made = Node(TABLE["copy"], (node,), {}, Abstract(shape, node.abstract.dtype))
        self.copied_dims[made] = dims
        return made

    def read_origin(self, node: Node, index: tuple[Affine, ...]) -> Read:
        """Read an element of a view where its operand lies."""
        return self.read(node.inputs[0], self.origin(node, index))

    def whole_read(self, node: Node) -> Read:
        """Read a value as a whole: it has to be an array of its own."""
        loops, index = self.loops_over(node)
        if not node.is_leaf and node not in self.written:
            if self.is_repeated(node):
                reads = tuple(self.broadcast(i, index) for i in node.inputs)
            else:
                reads = (self.read_origin(node, index),)
            self.add(Statement(node, loops, index, reads))
        return Read(node, index)

    def reduction(self, node: Node, fold: Fold) -> None:
        """Write a sum, an extreme or the like."""
        (operand,) = node.inputs
        dims = self.dims(operand)
        axis, keepdims = node.params["axis"], node.params["keepdims"]
        axes = range(len(dims)) if axis is None else axis
        loops, place = self.loops_over(operand)
        index = tuple(
            Affine() if k in axes else i for k, i in enumerate(place) if keepdims or k not in axes
        )
        reads = (self.read(operand, place),)
        self.add(Statement(node, loops, index, reads, fold))

    def placed(self, node: Node, placing: Placing) -> None:
        """Put the elements of operands where they belong, one operand after the other."""
        fold = _TOTAL if placing.adds else None
        if placing.background is not None and not placing.adds:
            background = placing.background(**node.params)
            fold = Fold(lambda dtype: background, "{1}")
        shapes = [self.dims(i) for i in node.inputs]
        for position, operand in enumerate(node.inputs):
            loops, index = self.loops_over(operand)
            found = placing.place(position, index, shapes, **node.params)
            if found is not None:
                place = tuple(map(affine, found))
                reads = (self.read(operand, index),)
                self.add(Statement(
                    node, loops, place, reads, fold, partial=fold is not None, apart=fold is None,
                    copies=True,
                ))  # fmt: skip

    def running(self, node: Node, fold: Fold) -> None:
        """Copy an array, and let each element of the copy go on from the one before."""
        *factors, last = node.inputs
        axis = node.params["axis"] or 0
        loops, index = self.loops_over(last)
        self.add(Statement(node, loops, index, (self.read(last, index),), copies=True))
        extent = self.dims(last)[axis]
        if is_one(extent):
            return
        loops, index = self.loops_over(last)
        step = Var(extent - 1)
        near, far = Affine.of(step), Affine.of(step) + 1
        if node.params.get("reverse"):
            near, far = Affine.of(step) * -1 + (extent - 1), Affine.of(step) * -1 + (extent - 2)
        before, here = ((*index[:axis], i, *index[axis + 1 :]) for i in (near, far))
        at = before if node.params.get("reverse") else here
        reads = (*(self.broadcast(f, at) for f in factors), Read(node, before))
        loops = self.ordered(Statement(
            node, [step if v is index[axis].var else v for v in loops], here, reads
        ))  # fmt: skip
        self.add(Statement(
            node, loops, here, reads, fold, multiply=True, goes_on=True, sequential=True
        ))  # fmt: skip
