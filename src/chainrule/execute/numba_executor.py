"""Kernels as loops that numba compiles: products of matrices by BLAS, the rest fused."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule.emit.kernel import Kernel
from chainrule.emit.loops.statement import NoLoopsError
from chainrule.emit.numba_code import NumbaCode, kept_apart, numba_code, with_squares
from chainrule.execute.blas import blas
from chainrule.execute.native import table_of
from chainrule.execute.numba_function import Function
from chainrule.execute.runnable import Facts, Loop, NotForThisExecutorError
from chainrule.execute.teams import threads, together
from chainrule.execute.work import work
from chainrule.execute.workspace import KEPT, Sizes, Workspace

#: Floating-point operations from which on several threads share a step.
_LARGE_WORK = 20_000_000


def large_work() -> int:
    """Return from how many floating-point operations on loops are written for several threads."""
    return _LARGE_WORK


class NumbaRunnable:
    """A kernel that numba has compiled.

    Parameters
    ----------
    kernel : Kernel
    emitted : NumbaCode, optional
        What was written for it before.

    Raises
    ------
    NotForThisExecutorError
        When an operation has no loops.
    """

    def __init__(self, kernel: Kernel, emitted: NumbaCode | None = None) -> None:
        self.kernel = kernel
        self.emitted = _emitted(kernel) if emitted is None else emitted
        loops = self.emitted.loops
        self._team = loops.shared is not None
        #: Number of inputs that are carried from step to step -> the loop over steps; None -> one
        #: call. The one that is likely to be called is there at once.
        self._functions = {kernel.carry: self._named(self.emitted, kernel.carry)}
        self._apart: dict[int, list[int]] = {}
        self._squared: dict[int, list[int]] = {}
        self._sizes: list[Sizes] = []
        self._constants = tuple(np.ascontiguousarray(v) for v in loops.constants.values())
        self._kinds = [(n.shape == (), n.abstract.dtype) for n in kernel.graph.inputs]
        self._dtypes = [n.abstract.dtype for n in kernel.graph.inputs]
        self._numbers = [(k, kind) for k, (is_number, kind) in enumerate(self._kinds) if is_number]
        places = {name: k for k, name in enumerate(loops.inputs)}
        #: Inputs that hold positions, with the length of the axis that they are places on.
        self._positions = [(places[n], end) for n, end in loops.checks if n in places]

    @property
    def source(self) -> str:
        """The source that runs."""
        steps = [f.code for carry, f in self._functions.items() if carry is not None]
        return (steps or [self.emitted])[-1].with_cache(True)

    def _function(self, carry: int | None) -> Function:
        """Return the loop over steps, or what runs once, written when it is first asked for."""
        if carry not in self._functions:
            made = self._named(numba_code(self.kernel, carry, self._team), carry)
            self._functions.setdefault(carry, made)
        return self._functions[carry]

    def _named(self, code: NumbaCode, carry: int | None) -> Function:
        return Function(code, self.kernel.name + ("" if carry is None else "s"))

    def __call__(self, inputs: Sequence[Any], given: Sequence[Any]) -> list[Any]:
        """Run once."""
        taken = [_argument(v, *kind) for v, kind in zip(inputs, self._kinds, strict=True)]
        at = self._at(given)
        for position, end in at.positions:
            _check_positions(taken[position], end)
        outputs = [at.memory.empty(shape, dtype) for shape, dtype in at.outputs]
        function = self._function(None)
        space = at.workspace(None, function.code.loops)
        self._call(function, [*taken, *at.given, *self._constants, *outputs], space)
        at.give_back(None, space)
        return [
            out if node.shape else out[0]
            for out, node in zip(outputs, self.kernel.graph.outputs, strict=True)
        ]

    def _at(self, given: Sequence[Any]) -> Sizes:
        """Return what follows from the values of ``kernel.given``; the last few are kept."""
        for known in self._sizes:
            if known.of is given:
                return known
        made = Sizes(self.kernel, given, self._positions)
        self._sizes = [made, *self._sizes[: KEPT - 1]]
        return made

    def _call(self, function: Function, arguments: list[Any], space: Workspace) -> None:
        """Call a function in as many threads as are worth it."""
        loops = function.code.loops
        if loops.shared is None:
            if not loops.products:
                function([*arguments, *space.threads[0]])
                return
            with blas().one_thread():
                function([*arguments, *space.threads[0], blas().addresses])
            return
        gemm = [blas().addresses] if loops.products else []
        with threads(most=len(space.threads)) as count:
            space.counter[0] = 0
            together(function, [
                [*arguments, *own, *gemm, k, count, space.counter, space.shared]
                for k, own in enumerate(space.threads[:count])
            ])  # fmt: skip

    def run_steps(self, loop: Loop, start: int, stop: int) -> None:
        """Run steps."""
        held = loop.carry
        carry = len(held)
        if carry not in self._apart:
            self._squared[carry] = with_squares(self.kernel, carry)
            self._apart[carry] = kept_apart(self._function(carry).code.loops, carry)
        for k, kind in self._numbers:
            if k < carry:
                held[k] = np.array(held[k], kind, ndmin=1)
        if not loop.is_returned:  # else they are as they came from here
            held[:] = map(_contiguous, held, self._dtypes)
        data = [*map(_contiguous, loop.data, self._dtypes[carry:])]
        size = loop.batch_size
        full = len(loop.order) // size
        if start < full:
            self._run_steps(loop, data, size, loop.given, (start, min(stop, full)))
        if stop > full:  # the last minibatch is smaller
            rest = len(loop.order) - full * size
            self._run_steps(loop, data, rest, loop.last, (0, 1), full)
        for k, _ in self._numbers:
            if k < carry:
                held[k] = held[k].reshape(())

    def _run_steps(
        self, loop: Loop, data: list[Any], size: int, given: Sequence[Any],
        turns: tuple[int, int], before: int = 0,
    ) -> None:  # fmt: skip
        """Run steps on as many rows each, of which the first is the one after others."""
        carry = len(loop.carry)
        at = self._at(given)
        for position, extent in at.positions:
            array = loop.carry[position] if position < carry else data[position - carry]
            _check_positions(array, extent)
        function = self._function(carry)
        space = at.workspace(carry, function.code.loops, data, size, self._apart[carry])
        at_end = turns[1] + before == loop.steps  # only then is it of interest what is finite
        carried = table_of([loop.carry[k] for k in self._squared[carry]] if at_end else [])
        order, outputs = loop.order, loop.outputs
        if before:
            order, outputs = order[before * loop.batch_size :], [o[before:] for o in outputs]
        self._call(function, [
            *loop.carry, *space.spare, *data, order, *at.given, *self._constants, *turns,
            *outputs, carried, space.squared, *space.rows,
        ], space)  # fmt: skip
        loop.is_finite = at_end and math.isfinite(sum(space.squared.tolist()))
        at.give_back(carry, space)

    def facts(self) -> Facts:
        """Tell what runs."""
        loops = self.emitted.loops
        size = sum(int(np.prod([int(n) for n in b.dims])) * b.dtype.itemsize for b in loops.buffers)
        notes = ["several threads share each loop"] * self._team
        notes += [f"products of matrices by {blas().title}"] * loops.products
        return Facts("numba", loops.groups, len(loops.buffers), size, tuple(notes))


def _emitted(kernel: Kernel) -> NumbaCode:
    """Write loops: for large work of several threads; for small they would wait too long."""
    team = sum(work(kernel)) >= large_work()
    try:
        code = numba_code(kernel, kernel.carry, team)
    except NoLoopsError as error:
        raise NotForThisExecutorError(str(error)) from error
    if team and code.loops.asks:  # who stops at a position is missed by the others
        return numba_code(kernel, kernel.carry)
    return code


def _check_positions(positions: Any, end: int) -> None:
    """Refuse positions that are out of range."""
    array = np.asarray(positions)
    if not array.size:
        return
    if np.minimum.reduce(array, None) < -end or np.maximum.reduce(array, None) >= end:
        raise IndexError(
            f"positions reach from {array.min()} to {array.max()}, on an axis of {end}"
        )


def _argument(value: Any, is_number: bool, dtype: np.dtype[Any]) -> Any:
    if is_number:
        return dtype.type(value)
    return _contiguous(value, dtype)


def _contiguous(value: np.ndarray, dtype: np.dtype[Any]) -> np.ndarray:
    if value.dtype is dtype and value.flags.c_contiguous:
        return value
    return np.ascontiguousarray(value, dtype)
