"""Loops, and what is done in them, as lines of code."""

from __future__ import annotations

from collections.abc import Sequence

from chainrule.emit.kernel import Kernel, Size
from chainrule.emit.loops.elements import Elements
from chainrule.emit.loops.index import Affine, Index, Lookup, Read, Var
from chainrule.emit.loops.scalars import VECTORISED, literal, type_name
from chainrule.emit.loops.schedule import Item, Loop
from chainrule.emit.loops.statement import Statement
from chainrule.graph import Node
from chainrule.notation import Written

_LONGEST = 60
#: Functions that become vectors, in either precision.
VECTORS = tuple(f"{name}{bits}" for name in VECTORISED for bits in (32, 64))
#: Turns of an innermost loop that the compiler may write out.
_SHORT = 16
#: Rows that are added in one turn.
_ROWS = 8
#: Names of loop variables, outermost first.
_LETTERS = "ijklpqrs"


class Body(Elements):
    """Writes loops.

    Parameters
    ----------
    kernel : Kernel
    carry : int
        So many of the first results take the place of inputs, where nobody reads these later.
    """

    def __init__(self, kernel: Kernel, carry: int = 0) -> None:
        super().__init__(kernel)
        self.carry = carry
        self.totals: dict[Statement, str] = {}
        self.lines: list[str] = []
        #: Result that is carried -> the inputs that it is the next value of.
        self.next_of: dict[Node, list[object]] = {}
        for out, given in zip(kernel.graph.outputs[:carry], kernel.graph.inputs, strict=False):
            self.next_of.setdefault(out, []).append(given)

    # -- loops ---------------------------------------------------------------------------

    def put(self, depth: int, line: str) -> None:
        """Write a line."""
        self.lines.append("    " * depth + line)

    def block(self, items: Sequence[Item], depth: int, path: list[Var]) -> None:
        """Write what is done in one turn of a loop, or in the whole."""
        for item in items:
            if isinstance(item, Loop):
                self.loop(item, depth, path)
            elif item.whole is not None:
                self.put(depth, self.whole(item))
            else:
                self.statement(item, depth, path)

    def loop(self, loop: Loop, depth: int, path: list[Var]) -> None:
        """Write a loop, with what is set before it and kept after it."""
        begun = [s for s in loop.statements if self.begins(s, loop.var, path)]
        for statement in begun:
            self.begin(statement, depth, path)
        letters = [c for c in _LETTERS if c not in self.taken]
        used = {self.vars[v] for v in path}
        self.vars[loop.var] = next(c for c in (*letters, "i_", "j_", "k_", "l_") if c not in used)
        if self.is_sum_of_rows(loop):
            self.sum_of_rows(loop, depth, path)
        else:
            turns = self.turns(loop, depth)
            self.read_ahead(loop, depth)
            self.put(depth, f"for {self.vars[loop.var]} in {turns}:")
            self.block(loop.body, depth + 1, [*path, loop.var])
            self.ahead.clear()
        for statement in begun:
            self.end(statement, depth, path)

    def read_ahead(self, loop: Loop, depth: int) -> None:
        """Read before an innermost loop what is the same in all its turns.

        The compiler would read it again in each, since for all that it knows the loop writes there.
        """
        body = [s for s in loop.body if isinstance(s, Statement)]
        if self.kernel.shown or len(body) < len(loop.body):
            return
        written = {id(a) for s in body for a in self.memory(s.node)}
        for read in dict.fromkeys(r for s in body for r in s.all_reads()):
            same = self.axes(read) and not _depends(read, loop.var)
            if same and not written & {id(a) for a in self.memory(read.node)}:
                self.keep(read, depth)

    def keep(self, read: Read, depth: int) -> None:
        """Give an element a name."""
        if read not in self.ahead:
            element = str(self.element(read, read.node.abstract.dtype))
            array = element[: element.index("[")]
            name = self.free(f"{array}_" if array[-1].isdigit() else array)
            self.put(depth, f"{name} = {element}")
            self.ahead[read] = name

    def memory(self, node: Node) -> list[object]:
        """Return what memory a value is in; a result that is carried may take that of an input."""
        node = self.lowering.seen_in(node)
        place = self.storage.places.get(node)
        return [node if place is None else place.array, *self.next_of.get(node, ())]

    def is_sum_of_rows(self, loop: Loop) -> bool:
        """Whether products with rows of numbers are added up, one row after the other."""
        if self.kernel.shown or len(loop.body) != 1 or not isinstance(loop.body[0], Loop):
            return False
        inner = loop.body[0]
        if len(inner.body) != 1 or not isinstance(inner.body[0], Statement):
            return False
        statement = inner.body[0]
        return (
            statement.multiply
            and statement.fold is not None
            and statement.terms == 1
            and not statement.goes_on
            and not statement.kept(loop.var)
            and statement.kept(inner.var)
            and not isinstance(loop.var.extent, Size)
        )

    def sum_of_rows(self, loop: Loop, depth: int, path: list[Var]) -> None:
        """Write a sum of rows with several rows in each turn.

        What the sum has come to is then read and written that many times less.
        """
        inner = loop.body[0]
        assert isinstance(inner, Loop)
        (statement,) = inner.body
        assert isinstance(statement, Statement)
        whole = int(loop.var.extent) // _ROWS * _ROWS
        names = {self.vars[v] for v in path} | {self.vars[loop.var]}
        self.vars[inner.var] = next(c for c in _LETTERS if c not in self.taken | names)
        name, at = self.vars[loop.var], self.vars[inner.var]
        for first, last, step in ((0, whole, _ROWS), (whole, int(loop.var.extent), 1)):
            if first == last:
                continue
            bounds = f"{first}, {last}" + (f", {step}" if step > 1 else "")
            self.put(depth, f"for {name} in range({bounds}):")
            products = []
            for k in range(step):
                self.vars[loop.var] = f"{name} + {k}" if k else name
                for read in statement.reads:
                    if self.axes(read) and not _depends(read, inner.var):
                        self.keep(read, depth + 1)
                products.append(str(self.value(statement)))
                self.ahead.clear()
            self.vars[loop.var] = name
            self.put(depth + 1, f"for {at} in range({inner.var.extent}):")
            line = f"{self.target(statement)} += {products[0]}"
            for product in products[1:]:
                line += f" + {product}"
            self.put(depth + 2, line)

    def turns(self, loop: Loop, depth: int) -> str:
        """Write the turns of a loop."""
        return f"range({self.extent(loop)})"

    def extent(self, loop: Loop) -> str:
        """Write how often a loop runs.

        Of a loop around others the compiler is not told the number: it would write out each turn,
        which takes long and makes nothing faster.
        """
        innermost = not any(isinstance(i, Loop) for i in loop.body)
        if isinstance(loop.var.extent, Size) or (innermost and loop.var.extent <= _SHORT):
            return str(loop.var.extent)
        for statement in loop.statements:
            for read in (Read(statement.node, statement.index), *statement.all_reads()):
                if self.is_one_hot(read):
                    continue  # which needs no array
                for k, axis in enumerate(self.axes(read)):
                    place = read.index[axis]
                    whole = self.lowering.dims(read.node)[axis] == loop.var.extent
                    if isinstance(place, Affine) and place.var is loop.var and whole:
                        return f"{self.array_name(read.node)}.shape[{k}]"
        return str(loop.var.extent)

    def begins(self, statement: Statement, var: Var, path: list[Var]) -> bool:
        """Whether a reduction begins with this loop."""
        if statement.fold is None or statement.goes_on:
            return False
        within = self.storage.places[statement.node].within
        first = next(
            (v for v in statement.path if v not in within
             and (statement.partial or not statement.kept(v))),
            None,
        )  # fmt: skip
        return first is var

    def in_number(self, statement: Statement, path: list[Var]) -> bool:
        """Whether a reduction can run in a single number: nothing else is kept inside it."""
        inner = statement.path[len(path) :]
        return not statement.partial and not any(statement.kept(v) for v in inner)

    def begin(self, statement: Statement, depth: int, path: list[Var]) -> None:
        """Set what a reduction starts from."""
        node, fold = statement.node, statement.fold
        assert fold is not None
        dtype = node.abstract.dtype
        start = literal(fold.start(dtype), dtype)
        place = self.storage.places[node]
        if self.in_number(statement, path):
            scalar = not place.axes
            self.totals[statement] = self.name(node) if scalar else self.free("total")
            self.put(depth, f"{self.totals[statement]} = {start}")
            return
        self.fill(statement, depth, path, f"= {start}")

    def fill(self, statement: Statement, depth: int, path: list[Var], change: str) -> None:
        """Do the same to each element that a reduction fills, from here on inwards."""
        place = self.storage.places[statement.node]
        name = self.name(statement.node)
        letters = iter(c for c in _LETTERS if c not in {self.vars[v] for v in path})
        key = []
        for k, axis in enumerate(place.axes):
            index = statement.index[axis]
            known = isinstance(index, Affine) and all(v in path for v, _ in index.terms)
            if known and not statement.partial:
                key.append(self.place_code(index))
                continue
            key.append(next(letters))
            self.put(depth, f"for {key[-1]} in range({name}.shape[{k}]):")
            depth += 1
        self.put(depth, f"{name}[{', '.join(key)}] {change}" if key else f"{name} {change}")

    def end(self, statement: Statement, depth: int, path: list[Var]) -> None:
        """Keep what a reduction came to."""
        node, fold = statement.node, statement.fold
        assert fold is not None
        place = self.storage.places[node]
        dtype = node.abstract.dtype
        over = [v.extent for v in statement.path if not statement.kept(v)]
        count = " * ".join(map(str, over)) or "1"
        total = self.totals.get(statement)
        if total is None:
            if fold.mean:
                self.fill(statement, depth, path, f"/= {type_name(dtype)}({count})")
            return
        value = f"{total} / {type_name(dtype)}({count})" if fold.mean else total
        if place.axes or fold.mean:
            self.put(depth, f"{self.target(statement)} = {value}")

    # -- statements ----------------------------------------------------------------------

    def statement(self, statement: Statement, depth: int, path: list[Var]) -> None:
        """Write what is done to one element."""
        node = statement.node
        value = self.value(statement)
        if statement.fold is not None:
            alone = not any(self.begins(statement, v, path) for v in statement.path)
            alone = alone and not statement.goes_on
            if alone:  # there is a single element
                self.begin(statement, depth, path)
            total = self.totals.get(statement) or self.target(statement)
            self.put(depth, _step(total, statement.fold.step, value))
            if alone:
                self.end(statement, depth, path)
            return
        place = self.storage.places[node]
        once = len(self.storage.readers.get(node, ())) == 1 == len(self.lowering.written[node])
        once = once and self.may_inline(path)
        if not place.axes and once and node.name is None and node not in self.storage.outputs:
            (reader,) = self.storage.readers[node]
            if (
                reader.path == path
                and self.times_written(reader, node) == 1
                and self.storage.stays(self.reads_of(statement), statement, reader)
                and len(value.string) <= _LONGEST
            ):
                self.inline[node] = (value, node.abstract.dtype)
                return
        self.put(depth, f"{self.target(statement)} = {value}")

    def reads_of(self, statement: Statement) -> list[Read]:
        """Return the elements that stand in the code of a statement."""
        found: list[Read] = []
        for read in statement.all_reads():
            inner = self.lowering.written[read.node] if read.node in self.inline else ()
            found += [r for s in inner for r in self.reads_of(s)] or [read]
        return found

    def may_inline(self, path: list[Var]) -> bool:
        """Whether a value need not have a line of its own here."""
        return True

    def times_written(self, reader: Statement, node: Node) -> int:
        """Return how often the code of a statement would write out a value that it reads."""
        places = [k for k, r in enumerate(reader.reads) if r.node is node]
        within = sum(r.node is node for r in reader.all_reads())
        template = reader.node.op.notation.loop
        step = reader.fold.step if reader.fold and not reader.multiply else None
        if step is not None:
            return step.count("{1}")
        if isinstance(template, str) and not reader.multiply:
            return sum(template.count(f"{{{k}") for k in places)
        return within

    # -- whole arrays --------------------------------------------------------------------

    def whole(self, statement: Statement) -> str:
        """Write a call for whole arrays."""
        node = statement.node
        if statement.whole == "reshape":
            shape = ", ".join(map(str, self.lowering.dims(node)))
            shape += "," if len(self.lowering.dims(node)) == 1 else ""
            source_name = self.array_name(statement.reads[0].node)
            target = self.name(node) + ("[...]" if node in self.storage.outputs else "")
            return f"{target} = {source_name}.reshape(({shape}))"
        # As the result lies in memory: its transpose is the product of the transposes.
        *batch, first, second = (statement.index[k] for k in self.storage.places[node].axes)
        left, right = statement.reads
        if first not in left.index:
            left, right = right, left
        a, b = self.matrix(left, first, 0), self.matrix(right, second, 1)
        name = self.one_matrix(node, batch)
        rows = f"0, {name}.shape[0]" if statement.path else self.rows(name)
        return f"product(gemm, {a}, {b}, {name}, {rows})"

    def one_matrix(self, node: Node, batch: Sequence[Index]) -> str:
        """Write an array of two axes, which may be one of many in another array."""
        places = ", ".join(map(self.place_code, batch))
        return self.array_name(node) + (f"[{places}]" if batch else "")

    def rows(self, name: str) -> str:
        """Write which rows of a product are computed."""
        return f"0, {name}.shape[0]"

    def matrix(self, read: Read, index: Index, axis: int) -> str:
        """Write a matrix, and whether its transpose is meant: an index runs along one axis."""
        place = self.storage.places.get(read.node)
        axes = range(len(read.index)) if place is None else place.axes
        *batch, first, second = (read.index[k] for k in axes)
        turned = (first, second)[axis] != index
        return f"{self.one_matrix(read.node, batch)}, {int(turned)}"


def _depends(read: Read, var: Var) -> bool:
    """Whether an element is another one in each turn of a loop."""
    return any(
        isinstance(i, Lookup) or any(v is var for v, _ in i.terms) for i in read.index
    ) or bool(read.operands)


def statements_of(item: Item) -> Sequence[Statement]:
    """Return the statements of an item."""
    return item.statements if isinstance(item, Loop) else [item]


def _step(total: str, step: str, value: Written) -> str:
    if step == "{0} + {1}":
        return f"{total} += {value}"
    if step == "{0} * {1}":
        return f"{total} *= {value:unary}"
    return f"{total} = {step.format(total, f'({value})' if value.level != 'atom' else value)}"
