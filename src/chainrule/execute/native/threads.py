"""Threads that run the same function, each its part, and meet."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from chainrule.execute.native.calls import compiled, stay


def _dividing(context, dividend, divisor):
    """Divide whole numbers that are not negative: Python's division has to look at more cases."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.sdiv(*arguments)

    return types.int64(types.int64, types.int64), generate


_divided: Any = intrinsic(_dividing)


def _adding(context, address):
    """Add 1 to a number that other threads see; returns what it was."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        i64 = ir.IntType(64)
        pointer = builder.inttoptr(arguments[0], i64.as_pointer())
        return builder.atomic_rmw("add", pointer, ir.Constant(i64, 1), "seq_cst")

    return types.int64(types.int64), generate


_add: Any = intrinsic(_adding)


def _looking(context, address):
    """Return a number that other threads change."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        pointer = builder.inttoptr(arguments[0], ir.IntType(64).as_pointer())
        return builder.load_atomic(pointer, "seq_cst", 8)

    return types.int64(types.int64), generate


_look: Any = intrinsic(_looking)


@compiled
def _nothing():
    """Keep the processor, where no system call is known by which it is left."""


_give_way: Any = (
    _nothing if os.name == "nt" else types.ExternalFunction("sched_yield", types.int32())
)

#: Looks at the counter before the processor is left to others.
_PATIENCE = 4000


@compiled
def meet(counter, threads):
    """Wait until all threads have come here. `counter` is an array of one, 0 at first."""
    stay()
    address = np.int64(counter.ctypes.data)
    arrived = _add(address)
    goal = (_divided(arrived, threads) + 1) * threads
    looks = 0
    while _look(address) < goal:
        looks += 1
        if looks > _PATIENCE:
            _give_way()


@compiled
def part(count, thread, threads):
    """Return the first of the turns that fall to a thread, and the one after the last."""
    return _divided(count * thread, threads), _divided(count * (thread + 1), threads)
