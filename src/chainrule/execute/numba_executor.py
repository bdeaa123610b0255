"""Kernels as loops that numba compiles: products of matrices by BLAS, the rest fused."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.emit.kernel import Kernel, at
from chainrule.emit.loops.statement import NoLoopsError
from chainrule.emit.numba_code import kept_apart, numba_code
from chainrule.execute.native import gemm_addresses
from chainrule.execute.numba_function import Function
from chainrule.execute.runnable import Facts, Loop, NotForThisExecutorError
from chainrule.execute.teams import threads, together
from chainrule.execute.work import work

#: Floating-point operations from which on several threads share a step.
_LARGE_WORK = 10_000_000


@dataclass(frozen=True)
class _Shapes:
    """What follows from the sizes: shapes and types of results and of arrays to work in."""

    of: Sequence[Any]
    given: list[Any]
    positions: list[tuple[int, int]]
    outputs: list[tuple[Any, np.dtype[Any]]]
    buffers: list[tuple[Any, np.dtype[Any]]]


class NumbaRunnable:
    """A kernel that numba has compiled.

    Parameters
    ----------
    kernel : Kernel

    Raises
    ------
    NotForThisExecutorError
        When an operation has no loops.
    """

    def __init__(self, kernel: Kernel) -> None:
        self.kernel = kernel
        #: Large work is shared among threads; small work would wait for them longer than it takes.
        self._team = sum(work(kernel)) >= _LARGE_WORK
        try:
            self._code = numba_code(kernel, team=self._team)
        except NoLoopsError as error:
            raise NotForThisExecutorError(str(error)) from error
        if self._team and self._code.loops.asks:  # who stops at a position is missed by the others
            self._team, self._code = False, numba_code(kernel)
        loops = self._code.loops
        self._once = Function(self._code, kernel.name)
        #: Number of inputs that are carried from step to step -> the loop over steps.
        self._steps: dict[int, Function] = {}
        self._apart: dict[int, list[int]] = {}
        self._shapes: _Shapes | None = None
        self._constants = tuple(np.ascontiguousarray(v) for v in loops.constants.values())
        self._kinds = [(n.shape == (), n.abstract.dtype) for n in kernel.graph.inputs]
        places = {name: k for k, name in enumerate(loops.inputs)}
        #: Inputs that hold positions, with the length of the axis that they are places on.
        self._positions = [(places[n], end) for n, end in loops.checks if n in places]

    @property
    def source(self) -> str:
        """The source that runs."""
        last = [f.code for f in self._steps.values()] or [self._code]
        return last[-1].with_cache(True)

    def __call__(self, inputs: Sequence[Any], given: Sequence[Any]) -> list[Any]:
        """Run once."""
        taken = [_argument(v, *kind) for v, kind in zip(inputs, self._kinds, strict=True)]
        at = self._at(given)
        for position, end in at.positions:
            _check_positions(taken[position], end)
        outputs = [np.empty(shape, dtype) for shape, dtype in at.outputs]
        self._call(self._once, [*taken, *at.given, *self._constants, *outputs], at)
        return [
            out if node.shape else out[0]
            for out, node in zip(outputs, self.kernel.graph.outputs, strict=True)
        ]

    def _at(self, given: Sequence[Any]) -> _Shapes:
        """Return what follows from the values of ``kernel.given``; the last is kept."""
        known = self._shapes
        if known is None or known.of is not given:
            sizes = dict(zip(self.kernel.given, given, strict=True))
            outputs = self.kernel.graph.outputs
            known = self._shapes = _Shapes(
                given,
                [_given(v) for v in given],
                [(position, _shape((end,), sizes)[0]) for position, end in self._positions],
                [(_shape(self.kernel.dims[n], sizes) or 1, n.abstract.dtype) for n in outputs],
                [(_shape(b.dims, sizes), b.dtype) for b in self._code.loops.buffers],
            )
        return known

    def _call(self, function: Function, arguments: list[Any], at: _Shapes) -> None:
        """Call a function with arrays to work in, in as many threads as are worth it."""
        loops = function.code.loops
        gemm = [gemm_addresses()] if loops.products else []
        arrays = [np.empty(shape, dtype) for shape, dtype in at.buffers]
        if loops.shared is None:
            function([*arguments, *arrays, *gemm])
            return

        def own() -> list[np.ndarray]:
            return [
                np.empty_like(a) if b.is_private else a
                for a, b in zip(arrays, loops.buffers, strict=True)
            ]

        with threads() as count:
            counter, shared = np.zeros(1, np.int64), np.empty(max(loops.shared, 1))

            def arguments_of(thread: int) -> list[Any]:
                return [*arguments, *own(), *gemm, thread, count, counter, shared]

            together(function, [arguments_of(k) for k in range(count)])

    def run_steps(self, loop: Loop, start: int, stop: int) -> None:
        """Run steps."""
        carry = len(loop.carry)
        if carry not in self._steps:
            stepping = numba_code(self.kernel, carry, self._team)
            self._steps[carry] = Function(stepping, f"{self.kernel.name}s")
            self._apart[carry] = kept_apart(stepping.loops, carry)
        nodes = self.kernel.graph.inputs
        for k, (is_number, kind) in enumerate(self._kinds[:carry]):
            held = loop.carry[k]
            if is_number:
                loop.carry[k] = np.asarray(held, kind).reshape(1)
            elif held.dtype != kind or not held.flags.c_contiguous:
                loop.carry[k] = np.ascontiguousarray(held, kind)
        spare = [np.empty_like(loop.carry[k]) for k in self._apart[carry]]
        data = [
            np.ascontiguousarray(d, n.abstract.dtype)
            for d, n in zip(loop.data, nodes[carry:], strict=True)
        ]
        full = len(loop.order) // loop.batch_size
        parts = [(loop.batch_size, loop.given, start, min(stop, full), 0, 0)]
        if stop > full:  # the last minibatch is smaller
            first = full * loop.batch_size
            parts.append((len(loop.order) - first, loop.last, 0, 1, first, full))
        for size, given, begin, end, first, row in parts:
            if begin >= end:
                continue
            at = self._at(given)
            for position, extent in at.positions:
                array = loop.carry[position] if position < carry else data[position - carry]
                _check_positions(array, extent)
            minibatch = [np.empty((size, *d.shape[1:]), d.dtype) for d in data]
            self._call(self._steps[carry], [
                *loop.carry, *spare, *data, loop.order[first:], *at.given,
                *self._constants, begin, end, *(o[row:] for o in loop.outputs), *minibatch,
            ], at)  # fmt: skip
        for k, (is_number, _) in enumerate(self._kinds[:carry]):
            if is_number:
                loop.carry[k] = loop.carry[k].reshape(())

    def facts(self) -> Facts:
        """Tell what runs."""
        loops = self._code.loops
        size = sum(int(np.prod([int(n) for n in b.dims])) * b.dtype.itemsize for b in loops.buffers)
        notes = ("several threads share each loop",) if self._team else ()
        return Facts("numba", loops.groups, len(loops.buffers), size, notes)


def _check_positions(positions: Any, end: int) -> None:
    """Refuse positions that are out of range."""
    array = np.asarray(positions)
    if array.size and (array.min() < -end or array.max() >= end):
        raise IndexError(
            f"positions reach from {array.min()} to {array.max()}, on an axis of {end}"
        )


def _shape(dims: Sequence[int], sizes: dict[str, Any]) -> tuple[int, ...]:
    """Return a shape with what varies filled in."""
    return tuple(at(n, sizes) for n in dims)


def _argument(value: Any, is_number: bool, dtype: np.dtype[Any]) -> Any:
    if is_number:
        return dtype.type(value)
    if value.flags.c_contiguous and value.dtype == dtype:
        return value
    return np.ascontiguousarray(value, dtype)


def _given(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return np.ascontiguousarray(value) if value.ndim else value[()]
    return value
