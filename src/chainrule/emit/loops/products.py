"""Products of matrices, and other sums of products over indices."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from chainrule.emit.kernel import Size
from chainrule.emit.loops.apart import index_sum_of
from chainrule.emit.loops.index import Affine, Read, Var, is_one
from chainrule.emit.loops.statement import Statement
from chainrule.graph import Node
from chainrule.rules import TABLE

if TYPE_CHECKING:
    from chainrule.emit.loops.lower import Lowering

#: Up to so many terms, a sum of products is written out.
_WRITTEN_OUT = 8
#: Up to so many sums are taken at once.
_FEW = 4
#: Multiplications from which on a product of matrices is left to a library.
_LARGE_PRODUCT = 60_000
_TOTAL, _TRANSPOSE = TABLE["sum"].fold, TABLE["transpose"]


@dataclass(frozen=True)
class _Sum:
    """An index sum: the letters of each operand and of the result, with what each runs over."""

    node: Node
    operands: tuple[Node, ...]
    sources: tuple[str, ...]
    target: str
    variables: dict[str, Var]


def index_sum(lowering: Lowering, node: Node) -> None:
    """Write a product of matrices, or any sum of products over indices."""
    spec = index_sum_of(node)
    assert spec is not None
    left, target = spec.split("->")
    operands, sources = [], []
    for letters, operand in zip(left.split(","), node.inputs, strict=True):
        while operand.op is _TRANSPOSE and operand not in lowering.written:
            letters = "".join(letters[operand.params["axes"].index(k)] for k in range(len(letters)))
            operand = operand.inputs[0]
        operands.append(operand)
        sources.append(letters)
    variables: dict[str, Var] = {}
    for letters, operand in zip(sources, operands, strict=True):
        for letter, extent in zip(letters, lowering.dims(operand), strict=True):
            known = variables.get(letter)
            if known is None or is_one(known.extent):
                variables[letter] = Var(extent)
    written = _Sum(node, tuple(operands), tuple(sources), target, variables)
    matrices = None if lowering.kernel.shown else _matrices(lowering, written)
    if matrices is None:
        _loops(lowering, written)
    else:
        _by_library(lowering, written, matrices)


def _loops(lowering: Lowering, written: _Sum) -> None:
    node, variables = written.node, written.variables
    at = {c: Affine() if is_one(v.extent) else Affine.of(v) for c, v in variables.items()}
    reads = tuple(
        lowering.broadcast(operand, tuple(at[c] for c in letters))
        for letters, operand in zip(written.sources, written.operands, strict=True)
    )
    index = tuple(at[letter] for letter in written.target)
    summed = [c for c, i in at.items() if c not in written.target and i.var is not None]
    loops = [i.var for i in at.values() if i.var is not None]
    short = [v for c in summed if not isinstance((v := variables[c]).extent, Size)]
    if len(summed) == len(short) == 1 and short[0].extent <= _WRITTEN_OUT:
        # A sum of few terms is written as one: no array has to hold what it has come to so far.
        (var,) = short
        terms = [tuple(read.replaced(var, k) for read in reads) for k in range(int(var.extent))]
        loops.remove(var)
        flat = tuple(read for term in terms for read in term)
        lowering.add(Statement(node, loops, index, flat, None, True, terms=len(terms)))
        return
    for fixed in _few(written, at, summed):
        own: dict[Var, Var | int] = {v: Var(v.extent) for v in loops}
        own.update(fixed)
        lowering.add(
            Statement(
                node,
                [v for v in own.values() if isinstance(v, Var)],
                tuple(_replaced(i, own) for i in index),
                tuple(_replaced(read, own) for read in reads),
                _TOTAL if summed else None,
                True,
                apart=bool(fixed),
            )
        )


def _few(written: _Sum, at: dict[str, Affine], summed: list[str]) -> list[dict[Var, int]]:
    """Return what each of several sums over samples is for, where they are few.

    Each then has a number of its own, and all can be taken in one loop over the samples, the one in
    which what they add up comes about.
    """
    whole: list[dict[Var, int]] = [{}]
    if not any((v := at[c].var) is not None and v.is_long for c in summed):
        return whole
    for c in written.target:
        var = at[c].var
        if var is None or isinstance(var.extent, Size) or var.extent > _FEW:
            continue
        if len(whole) * var.extent <= _FEW:
            whole = [{**k, var: n} for k in whole for n in range(int(var.extent))]
    return whole


def _replaced(part: Any, values: Mapping[Var, Var | int]) -> Any:
    for var, value in values.items():
        part = part.replaced(var, value)
    return part


@dataclass(frozen=True)
class _Matrices:
    """Letters of the rows, of the columns and of what is summed; others count matrices."""

    rows: str
    columns: str
    summed: str
    batch: str


def _matrices(lowering: Lowering, written: _Sum) -> _Matrices | None:
    """Tell an index sum of two operands as products of large matrices, where it is that."""
    node, sources, target = written.node, written.sources, written.target
    if len(sources) != 2 or any(len(set(s)) != len(s) for s in (*sources, target)):
        return None
    first, second = sources
    rows = "".join(c for c in target if c in first and c not in second)
    columns = "".join(c for c in target if c in second and c not in first)
    summed = "".join(c for c in first if c in second and c not in target)
    batch = "".join(c for c in target if c in first and c in second)
    found = _Matrices(rows, columns, summed, batch)
    kinds = {i.abstract.dtype for i in (node, *written.operands)}
    parts = len(rows + columns + summed + batch)
    if parts < len(written.variables) or len(kinds) > 1 or node.abstract.dtype.kind != "f":
        return None
    for letters, operand in zip(sources, written.operands, strict=True):
        for c, n in zip(letters, lowering.dims(operand), strict=True):
            if c not in batch and written.variables[c].extent != n:
                return None
    sizes = [
        math.prod(int(written.variables[c].extent) for c in group)
        for group in (rows, columns, summed)
    ]
    if not (rows and columns and summed) or math.prod(sizes) < _LARGE_PRODUCT:
        return None
    plain = len(rows) == len(columns) == len(summed) == 1 and target.startswith(batch)
    return found if plain or min(sizes) >= _WRITTEN_OUT else None


def _by_library(lowering: Lowering, written: _Sum, found: _Matrices) -> None:
    node, target, variables = written.node, written.target, written.variables
    merged = {
        group: variables[group] if len(group) == 1 else Var(_extent(variables, group))
        for group in (found.rows, found.columns, found.summed)
    }
    reads = tuple(
        _matrix(lowering, operand, letters, written, found.batch, (group, found.summed), merged)
        for letters, operand, group in zip(
            written.sources, written.operands, (found.rows, found.columns), strict=True
        )
    )
    turned = target == found.batch + found.columns + found.rows
    order = (found.columns, found.rows) if turned else (found.rows, found.columns)
    batch = [variables[c] for c in found.batch]
    loops = [v for v in batch if not is_one(v.extent)]
    index = (
        *(Affine() if is_one(v.extent) else Affine.of(v) for v in batch),
        *(Affine.of(merged[group]) for group in order),
    )
    dims = tuple([v.extent for v in batch] + [merged[group].extent for group in order])
    plain = len(target) == len(dims) and target == found.batch + "".join(order)
    result = node if plain else lowering.made_up(node, dims)
    if batch or any(is_one(n) for n in dims):
        lowering.natural.add(result)
    lowering.add(Statement(result, loops, index, reads, whole="product"))
    if plain:
        return
    if target == found.batch + "".join(order):
        lowering.reshape(node, result)
        return
    places, at = lowering.loops_over(node)
    letters = dict(zip(target, at, strict=True))
    place = [letters[c] for c in found.batch] + [_place(written, letters, g) for g in order]
    lowering.add(Statement(node, places, at, (lowering.read(result, place),), copies=True))


def _extent(variables: dict[str, Var], group: str) -> int:
    extent = 1
    for letter in group:
        extent = variables[letter].extent * extent
    return extent


def _place(written: _Sum, letters: dict[str, Affine], group: str) -> Affine:
    """Return the place on an axis that several have become, row after row."""
    place = Affine()
    for letter in group:
        place = place * written.variables[letter].extent + letters[letter]
    return place


def _matrix(
    lowering: Lowering, node: Node, letters: str, written: _Sum, batch: str,
    groups: tuple[str, str], merged: dict[str, Var],
) -> Read:  # fmt: skip
    """Return a matrix as it lies in memory; its index tells whether it is read transposed."""
    variables, dims = written.variables, dict(zip(letters, lowering.dims(node), strict=True))
    lead = [Affine() if is_one(dims[c]) else Affine.of(variables[c]) for c in letters if c in batch]
    for order in (groups, groups[::-1]):
        index = (*lead, *(Affine.of(merged[group]) for group in order))
        if letters != "".join((*(c for c in letters if c in batch), *order)):
            continue
        if len(letters) == len(index):  # as it is
            read = lowering.seen_through(node, index)
            if not _lies_whole(lowering, read, index[-2:]):
                read = Read(lowering.whole_read(node).node, index)
        else:
            shape = (*(dims[c] for c in letters[: len(lead)]), *(merged[g].extent for g in order))
            read = Read(lowering.reshaped(node, shape), index)
        break
    else:
        read = _laid_out(lowering, node, letters, written, lead, groups, merged)
    if len(read.index) > 2 or any(is_one(n) for n in lowering.dims(read.node)):
        lowering.natural.add(read.node)
    return read


def _laid_out(
    lowering: Lowering, node: Node, letters: str, written: _Sum, lead: list[Affine],
    groups: tuple[str, str], merged: dict[str, Var],
) -> Read:  # fmt: skip
    """Copy an operand so that its rows, and what is summed, are one axis each."""
    dims = lowering.dims(node)
    batch = [k for k, c in enumerate(letters) if c not in "".join(groups)]
    copy = lowering.made_up(
        node, (*(dims[k] for k in batch), *(merged[group].extent for group in groups))
    )
    loops, at = lowering.loops_over(node)
    known = dict(zip(letters, at, strict=True))
    place = (*(at[k] for k in batch), *(_place(written, known, group) for group in groups))
    read = lowering.read(node, at)
    lowering.add(Statement(copy, loops, place, (read,), copies=True, sequential=True))
    lowering.natural.add(copy)
    return Read(copy, (*lead, *(Affine.of(merged[group]) for group in groups)))


def _lies_whole(lowering: Lowering, read: Read, matrix: Sequence[Affine]) -> bool:
    """Whether a matrix is an array, or the last two axes of one."""
    if not read.node.is_leaf and read.node not in lowering.written:
        return False
    found = [i.var if isinstance(i, Affine) else None for i in read.index]
    extents = lowering.dims(read.node)
    return (
        {*found[-2:]} == {i.var for i in matrix}
        and all(isinstance(i, Affine) for i in read.index)
        and all(
            v is not None and v.extent == n for v, n in zip(found[-2:], extents[-2:], strict=True)
        )
    )
