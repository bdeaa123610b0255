"""Statements: what a loop does to one element."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from chainrule.emit.loops.index import Affine, Index, Lookup, Read, Var
from chainrule.graph import Node
from chainrule.op import Fold

#: A product of matrices that is left to a library, or an array seen in another shape.
Whole = Literal["product", "reshape"]


class NoLoopsError(Exception):
    """There is no way to write an operation as loops.

    Attributes
    ----------
    node : Node
    """

    def __init__(self, node: Node) -> None:
        super().__init__(node.op.name)
        self.node = node


@dataclass(eq=False)
class Statement:
    """How an element of a node's value comes about, for each place of some loops.

    Attributes
    ----------
    node : Node
    loops : list of Var
        Outermost first, of those that are still to be opened.
    index : tuple of Index
        The place in the value that is written.
    reads : tuple of Read
    fold : Fold or None
        The element is taken into what stands there already.
    multiply : bool
        What is read is multiplied; else the node's operation is applied to it.
    terms : int
        How many products of the same length are added.
    partial : bool
        Whether places are left out, which hold what the fold starts from.
    copies : bool
        What is read is taken as it is, whatever the node's operation.
    goes_on : bool
        The fold goes on from what another statement has put there.
    sequential : bool
        It shares no loop with others: the order of its turns counts.
    turns : bool
        It reads across memory: others do not share its innermost loop, and run along memory.
    apart : bool
        Other statements write to other places of the same value, and need not be waited for.
    whole : str or None
        Not a loop at all, but one call for whole arrays.
    path : list of Var
        The loops that it has come to stand in.
    beside : frozenset of Node
        What is read together with its value.
    known_reads : list of Read, or None
        What `all_reads` has found.
    """

    node: Node
    loops: list[Var]
    index: tuple[Index, ...]
    reads: tuple[Read, ...]
    fold: Fold | None = None
    multiply: bool = False
    terms: int = 1
    partial: bool = False
    apart: bool = False
    copies: bool = False
    goes_on: bool = False
    sequential: bool = False
    turns: bool = False
    whole: Whole | None = None
    path: list[Var] = field(default_factory=list)
    beside: frozenset[Node] = frozenset()
    known_reads: list[Read] | None = None

    def replace(self, old: Var, new: Var) -> None:
        """Let it run in another loop of the same extent."""
        self.known_reads = None
        self.loops = [new if v is old else v for v in self.loops]
        self.index = tuple(i.replaced(old, new) for i in self.index)
        self.reads = tuple(r.replaced(old, new) for r in self.reads)

    def all_reads(self) -> list[Read]:
        """Return what it reads, positions included."""
        if self.known_reads is not None:
            return self.known_reads
        found = [r for read in self.reads for r in read.all()]
        for index in self.index:
            if isinstance(index, Lookup):
                found += index.read.all()
        self.known_reads = found
        return found

    def kept(self, var: Var) -> bool:
        """Whether each turn of a loop writes to other places."""
        return any(isinstance(i, Affine) and i.var is var for i in self.index)
