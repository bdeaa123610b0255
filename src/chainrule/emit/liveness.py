"""Which array each result is written to: arrays are used again once nobody reads them.

A result that is written into an array *owns* it. Views, and whatever may share memory with their
operands, keep the arrays of their owners alive. An elementwise result takes the array of an
operand that is read there for the last time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from chainrule.emit.forms import Form, form_of, ufunc_of
from chainrule.emit.packing import PACK
from chainrule.graph import Node
from chainrule.rules import TABLE
from chainrule.rules.index import is_basic

#: Read until the end.
_FOREVER = 1 << 60


@dataclass(eq=False)
class Storage:
    """An array that stays from step to step.

    Attributes
    ----------
    dims : tuple
        Its shape, in which a size that varies is a `Size`.
    dtype : numpy.dtype
    names : list of Node
        Whose results it holds, one after the other.
    part : tuple, optional
        The storage that it is a part of, and from where to where.
    carry : Node, optional
        The input whose array it is.
    """

    dims: tuple[int, ...]
    dtype: np.dtype[Any]
    names: list[Node] = field(default_factory=list)
    part: tuple[Storage, int, int] | None = None
    carry: Node | None = None


def is_view(node: Node) -> bool:
    """Whether a result shares memory with its first operand, whatever that is."""
    return node.op.view and is_basic(node.params.get("key", ()))


def is_fresh(node: Node) -> bool:
    """Whether a result surely has memory of its own, though it is written into no array."""
    op = node.op
    if op.view:
        # What single numbers pick is a view, too, though they are data.
        key = node.params.get("key", ())
        ranges = any(hasattr(k, "stop") and not isinstance(k, slice) for k in key)
        return not is_view(node) and (ranges or any(i.shape for i in node.inputs[1:]))
    counts = ufunc_of(op) is not None or op.fold is not None
    return op.into is not None or (counts and not node.shape)


class Plan:
    """Decides where each result goes.

    Parameters
    ----------
    nodes : sequence of Node
        In the order in which they are computed.
    dims : mapping
        Node -> its shape, in which what varies is a `Size`.
    outputs : sequence of Node
    replaced : mapping
        Input -> the output that takes its place in the next step, written to the same array.
    """

    def __init__(
        self,
        nodes: Sequence[Node],
        dims: Mapping[Node, tuple[int, ...]],
        outputs: Sequence[Node],
        replaced: Mapping[Node, Node] | None = None,
    ) -> None:
        self.dims = dims
        self.replaced = replaced or {}
        self.forms: dict[Node, Form] = {}
        self.storage: dict[Node, Storage] = {}
        self.static: set[Node] = set()
        #: Node -> the nodes whose arrays it may share.
        self.owners: dict[Node, frozenset[Node]] = {}
        self._placed: dict[Node, tuple[Node, int, int]] = {}
        # What a call returns is new: it goes into no array that stays.
        new = set(outputs) if replaced is None else set()
        for node in nodes:
            self._look_at(node, node in new)
        self._place_parts(nodes, set(outputs))
        self._last = self._last_reads(nodes, outputs)
        self._ending: dict[int, list[Node]] = {}
        for node, index in self._last.items():
            self._ending.setdefault(index, []).append(node)
        self._wishes = self._wanted(nodes)
        self._free: dict[tuple[Any, Any], list[Storage]] = {}
        self._holder: dict[Storage, Node] = {}
        for node in nodes:
            if node in self.replaced and node.shape:
                self._hold(Storage(dims[node], node.abstract.dtype, carry=node), node)
        for index, node in enumerate(nodes):
            if node in self.forms:
                self._assign(index, node)
            self._release(index)

    def _look_at(self, node: Node, new: bool) -> None:
        read = [i for k, i in enumerate(node.inputs) if k not in node.op.shape_only]
        if node.is_constant or (not node.is_input and all(i in self.static for i in read)):
            self.static.add(node)
            self.owners[node] = frozenset((node,))
            return
        form = form_of(node)
        if node.is_input:
            self.owners[node] = frozenset((node,))
        elif form is not None or node.op is PACK:
            self.owners[node] = frozenset((node,))
            if not new and form is not None:
                self.forms[node] = form
            elif not new:
                self.forms[node] = Form(lambda out, operands: [])
        elif is_fresh(node):
            self.owners[node] = frozenset()
        else:
            self.owners[node] = frozenset(o for i in read for o in self.owners[i])

    def _place_parts(self, nodes: Sequence[Node], outputs: set[Node]) -> None:
        """Let the parts of an array be written where they belong."""
        for pack in nodes:
            if pack.op is not PACK or pack not in self.forms:
                continue
            start = 0
            for part in pack.inputs:
                stop = start + part.abstract.size
                free = part in self.forms and part not in self._placed and part not in outputs
                if free and part.op is not PACK and part.abstract.dtype == pack.abstract.dtype:
                    self._placed[part] = (pack, start, stop)
                start = stop
        for node in nodes:
            if not any(o in self._placed for o in self.owners[node]):
                continue
            self.owners[node] = frozenset(
                self._placed[o][0] if o in self._placed else o for o in self.owners[node]
            )

    def _last_reads(self, nodes: Sequence[Node], outputs: Iterable[Node]) -> dict[Node, int]:
        last: dict[Node, int] = {}
        for index, node in enumerate(nodes):
            for owner in (node, *self.owners[node]):
                last[owner] = max(last.get(owner, index), index)
            for position, operand in enumerate(node.inputs):
                if position in node.op.shape_only:
                    continue
                for owner in self.owners[operand]:
                    last[owner] = max(last.get(owner, index), index)
        for output in outputs:
            for owner in self.owners[output]:
                last[owner] = _FOREVER
        return last

    def _wanted(self, nodes: Sequence[Node]) -> dict[Node, Node]:
        """Return which results would best be written to the array of which input."""
        readers: dict[Node, int] = {}
        for node in nodes:
            for operand in node.inputs:
                readers[operand] = readers.get(operand, 0) + 1
        wishes: dict[Node, Node] = {}
        for carried, output in self.replaced.items():
            if not carried.shape or output not in self.forms or output in wishes:
                continue
            if not self._alike(carried, output) or output in self._placed:
                continue
            wishes[output] = carried
            node = output
            while (node := self._before(node, carried, readers, wishes)) is not None:
                wishes[node] = carried
        return wishes

    def _before(
        self, node: Node, carried: Node, readers: Mapping[Node, int], wishes: Mapping[Node, Node]
    ) -> Any:
        """Return an operand over whose array a node may be written, on the way from an input."""
        for position in self.forms[node].over:
            operand = node.inputs[position]
            if operand is carried:
                return None
            chained = operand in self.forms and self.forms[operand].ufunc is not None
            if (
                chained
                and readers[operand] == 1
                and operand not in wishes
                and operand not in self._placed
                and self._alike(operand, node)
                and carried in operand.inputs
            ):
                return operand
        return None

    def _alike(self, a: Node, b: Node) -> bool:
        return _key(self.dims[a], a.abstract.dtype) == _key(self.dims[b], b.abstract.dtype)

    def _assign(self, index: int, node: Node) -> None:
        if node in self._placed:
            pack, start, stop = self._placed[node]
            whole = self.storage.get(pack) or self._new(pack)
            part = Storage(self.dims[node], node.abstract.dtype, [node], (whole, start, stop))
            self.storage[node] = part
            return
        if node in self.storage:  # an array of which the parts are written already
            return
        self._hold(self._carried(index, node) or self._found(index, node), node)

    def _carried(self, index: int, node: Node) -> Storage | None:
        wish = self._wishes.get(node)
        if wish is None:
            return None
        storage = self.storage[wish]
        return storage if self._may_overwrite(index, node, self._holder[storage]) else None

    def _may_overwrite(self, index: int, node: Node, holder: Node) -> bool:
        """Whether a result may take the array of another one now."""
        if self._last[holder] < index:
            return True
        reads = [k for k, i in enumerate(node.inputs) if holder in self.owners[i]]
        form = self.forms[node]
        return self._last[holder] == index and all(
            k in form.over and (node.inputs[k] is holder or form.ufunc is not None) for k in reads
        )

    def _found(self, index: int, node: Node) -> Storage:
        for position in self.forms[node].over:
            operand = node.inputs[position]
            storage = self.storage.get(operand)
            if (
                storage is not None
                and storage.carry is None
                and storage.part is None
                and self._holder[storage] is operand
                and self._alike(operand, node)
                and self._may_overwrite(index, node, operand)
            ):
                return storage
        free = self._free.get(_key(self.dims[node], node.abstract.dtype))
        return free.pop() if free else self._new(node)

    def _new(self, node: Node) -> Storage:
        storage = Storage(self.dims[node], node.abstract.dtype)
        self._hold(storage, node)
        return storage

    def _hold(self, storage: Storage, node: Node) -> None:
        if node not in storage.names:
            storage.names.append(node)
        self.storage[node] = storage
        self._holder[storage] = node

    def _release(self, index: int) -> None:
        for node in self._ending.get(index, ()):
            storage = self.storage.get(node)
            if storage is None or storage.carry is not None or storage.part is not None:
                continue
            if self._holder[storage] is node:  # and nobody else has taken it
                self._free.setdefault(_key(storage.dims, storage.dtype), []).append(storage)


def _key(dims: tuple[int, ...], dtype: np.dtype[Any]) -> tuple[Any, ...]:
    """Return what two arrays must have in common for one to serve as the other."""
    return tuple(getattr(n, "name", n) for n in dims), dtype


def may_copy(node: Node) -> bool:
    """Whether a view may turn out a copy, where its operand does not lie in one piece."""
    return node.op is TABLE["reshape"]
