"""The executor that needs nothing but NumPy, and runs every operation.

The emitted code writes into arrays that stay from call to call. They are made once for each size,
and lent to one call at a time: two threads in one function have arrays of their own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule.emit.arrays import side_by_side
from chainrule.emit.buffered import Buffered, buffered, buffered_steps
from chainrule.emit.kernel import Kernel
from chainrule.emit.packing import packed
from chainrule.execute.runnable import Facts, Loop
from chainrule.op import Abstract

#: For how many sizes arrays are kept.
_SIZES = 8


class _Code:
    """Emitted code made callable, with the arrays that it works on."""

    def __init__(self, emitted: Buffered) -> None:
        self.emitted = emitted
        namespace: dict[str, Any] = dict(emitted.constants)
        exec(compile(emitted.source, f"<emitted {emitted.run}>", "exec"), namespace)
        self.prepare = namespace[emitted.prepare]
        self.run = namespace[emitted.run]
        #: What sizes were given last, and the sets of arrays for them that no call uses now.
        self._last: tuple[Any, list[Any]] = (None, [])
        self._pools: dict[Any, tuple[Any, list[Any]]] = {}

    def pool(self, given: Sequence[Any]) -> list[Any]:
        """Return the sets of arrays for some sizes that are free."""
        last, free = self._last
        if last is given:
            return free
        # An array that was given says what it holds by being the same one; the pool keeps it.
        key = tuple([v if v.__class__ is int else id(v) for v in given])
        held = self._pools.get(key)
        if held is None:
            while len(self._pools) >= _SIZES:
                self._pools.pop(next(iter(self._pools)), None)
            held = self._pools[key] = (tuple(given), [])
        if given.__class__ is tuple:  # which stays what it is
            self._last = (given, held[1])
        return held[1]

    def take(self, pool: list[Any], given: Sequence[Any]) -> Any:
        """Take a set of arrays from a pool, or make one."""
        try:
            return pool.pop()
        except IndexError:
            return self.prepare(*given)


class NumpyRunnable:
    """A kernel that runs as buffered NumPy code.

    Parameters
    ----------
    kernel : Kernel

    Attributes
    ----------
    source : str
        The code that ran last: one call, or steps over minibatches.
    """

    emitted = None

    def __init__(self, kernel: Kernel) -> None:
        self.kernel = kernel
        self._code = _Code(buffered(kernel))
        self._steps: dict[int, _Steps] = {}
        self._show(self._code)

    def _show(self, code: _Code) -> None:
        self._shown = code
        self.source = code.emitted.source

    def __call__(self, inputs: Sequence[Any], given: Sequence[Any]) -> list[Any]:
        """Run once; returns new arrays, which nothing of the executor's writes to later."""
        code = self._code
        pool = code.pool(given)
        kept = code.take(pool, given)
        try:
            results: list[Any] = code.run(*inputs, *given, kept)
        finally:
            pool.append(kept)
        return results

    def run_steps(self, loop: Loop, start: int, stop: int) -> None:
        """Run the steps from `start` up to `stop`, of which each takes the carry of the last."""
        count = len(loop.carry)
        steps = self._steps.get(count)
        if steps is None:
            steps = self._steps[count] = _Steps(self.kernel, count)
            self._show(steps.code)
        steps.run(loop, start, stop)

    def facts(self) -> Facts:
        """Tell what runs."""
        emitted = self._shown.emitted
        notes = []
        if emitted.blocks:
            notes.append(f"{emitted.blocks} operations of the update are done block by block.")
        return Facts("numpy", (), emitted.buffers, emitted.buffer_bytes, tuple(notes))


class _Steps:
    """Steps over minibatches, with a carry of which arrays that are updated alike are one."""

    def __init__(self, kernel: Kernel, count: int) -> None:
        found = packed(kernel, count)
        self.groups = found.carry
        inputs = kernel.graph.inputs
        self.kinds = [node.abstract for node in inputs[:count]]
        #: For each array of the carry whether others, or its own rows, are laid side by side.
        self.flat = [
            node.shape != self.kinds[group[0]].shape or len(group) > 1
            for node, group in zip(
                found.kernel.graph.inputs[: len(found.carry)], found.carry, strict=True
            )
        ]
        self.data = [node.abstract.dtype for node in inputs[count:]]
        self.code = _Code(buffered_steps(found.kernel, len(found.carry)))

    def run(self, loop: Loop, start: int, stop: int) -> None:
        """Run steps of a loop."""
        stop = min(stop, loop.steps)
        if start >= stop:
            return
        size, order = loop.batch_size, loop.order
        data = [
            np.ascontiguousarray(rows, dtype)
            for rows, dtype in zip(loop.data, self.data, strict=True)
        ]
        _check_rows(order[start * size : stop * size], data)
        carry = self._laid_out(loop.carry)
        whole = min(stop, len(order) // size)
        try:
            if whole > start:
                self._run(carry, data, loop, start, whole, loop.given)
            if stop > whole:
                self._run(carry, data, loop, max(start, whole), stop, loop.last)
        finally:  # the carry of the last step that was made, where one has failed
            self._hand_back(carry, loop.carry)

    def _run(
        self, carry: list[Any], data: list[Any], loop: Loop, start: int, stop: int,
        given: Sequence[Any],
    ) -> None:  # fmt: skip
        pool = self.code.pool(given)
        kept = self.code.take(pool, given)
        try:
            self.code.run(
                carry, data, loop.order, loop.batch_size, start, stop, loop.outputs, *given, kept
            )
        finally:
            pool.append(kept)

    def _laid_out(self, carry: Sequence[Any]) -> list[Any]:
        """Return the carry as the code wants it: arrays to write to, some laid side by side."""
        return [
            side_by_side([carry[k] for k in group])
            if self.flat[position]
            else _writable(carry[group[0]], self.kinds[group[0]])
            for position, group in enumerate(self.groups)
        ]

    def _hand_back(self, laid_out: Sequence[Any], carry: list[Any]) -> None:
        """Put what the steps have made of the carry in its place, in its shapes."""
        for position, group in enumerate(self.groups):
            found = laid_out[position]
            if not self.flat[position]:
                carry[group[0]] = found
                continue
            start = 0
            for k in group:
                kind = self.kinds[k]
                carry[k] = found[start : start + kind.size].reshape(kind.shape)
                start += kind.size


def _writable(value: Any, kind: Abstract) -> Any:
    """Return what is carried such that it can be written to, row after row."""
    if not kind.shape:
        return value[()] if isinstance(value, np.ndarray) else value
    good = value.flags.carray and value.dtype == kind.dtype
    return value if good else np.array(value, kind.dtype, order="C")


def _check_rows(order: np.ndarray, data: Sequence[np.ndarray]) -> None:
    """Refuse rows that are not there: `take` would go to the nearest one instead."""
    if not len(order):
        return
    low, high = int(order.min()), int(order.max())
    for rows in data:
        if low < 0 or high >= len(rows):
            raise IndexError(f"row {low if low < 0 else high} of {len(rows)} rows")
