"""What loops call that NumPy has no name for: products in place, arrays of a table, threads.

Products go to a BLAS by its own interface: a part of a matrix, transposed or not, needs no copy.
The address of its function is an argument, so that compiled code can be kept on disk.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core.errors import RequireLiteralValue
from numba.extending import intrinsic, overload
from numba.np.arrayobj import make_array, populate_array


def _compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Let compiled code call a function.

    A function of `njit` would be compiled anew for every number that is written out in a call.
    """
    options: Any = {"error_model": "numpy"}
    known: Any = overload(function, jit_options=options, strict=False, prefer_literal=False)
    known(lambda *kinds: function)
    return function


def _gemm_call(context, address, kind, turn_a, turn_b, m, n, k, a, lda, b, ldb, c, ldc):
    signature = types.void(
        types.int64, kind, types.int64, types.int64, types.int64, types.int64, types.int64,
        types.int64, types.int64, types.int64, types.int64, types.int64, types.int64,
    )  # fmt: skip

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        address, _, turn_a, turn_b, m, n, k, a, lda, b, ldb, c, ldc = arguments
        number = ir.FloatType() if kind == types.float32 else ir.DoubleType()
        i32, i8 = ir.IntType(32), ir.IntType(8)

        def reference(value: Any) -> Any:
            slot = builder.alloca(value.type)
            builder.store(value, slot)
            return slot

        def letter(turned: Any) -> Any:
            is_turned = builder.icmp_signed("!=", turned, ir.Constant(turned.type, 0))
            chosen = builder.select(is_turned, ir.Constant(i8, ord("T")), ir.Constant(i8, ord("N")))
            return reference(chosen)

        def size(value: Any) -> Any:
            return reference(builder.trunc(value, i32))

        def pointer(value: Any) -> Any:
            return builder.inttoptr(value, number.as_pointer())

        one, zero = reference(ir.Constant(number, 1.0)), reference(ir.Constant(number, 0.0))
        passed = [
            letter(turn_a), letter(turn_b), size(m), size(n), size(k), one, pointer(a), size(lda),
            pointer(b), size(ldb), zero, pointer(c), size(ldc),
        ]  # fmt: skip
        kinds = [p.type for p in passed]
        function = ir.FunctionType(ir.VoidType(), kinds).as_pointer()
        builder.call(builder.inttoptr(address, function), passed)
        return context.get_dummy_value()

    return signature, generate


_call_gemm: Any = intrinsic(_gemm_call)


@_compiled
def product(gemm, a, turn_a, b, turn_b, c, low, high):
    """Write rows of a product of matrices.

    Parameters
    ----------
    gemm : array of int64
        Addresses, from `blas.blas`.
    a, b, c : arrays of two axes, laid out row after row
    turn_a, turn_b : int
        1 to read the transpose.
    low, high : int
        The rows of `c` that are written.
    """
    # What lies row after row is, column after column, the transpose; so is the product.
    rows, columns = high - low, c.shape[1]
    if rows == 0 or columns == 0:
        return
    inner = a.shape[0] if turn_a else a.shape[1]
    size = c.itemsize
    lda, ldb = a.shape[1], b.shape[1]
    first = low * size if turn_a else low * lda * size
    _call_gemm(
        gemm[0] if size == 4 else gemm[1], c.dtype.type(0), turn_b, turn_a, columns, rows, inner,
        np.int64(b.ctypes.data), ldb, np.int64(a.ctypes.data) + first, lda,
        np.int64(c.ctypes.data) + low * columns * size, columns,
    )  # fmt: skip


#: Where an array's object has the address of its numbers, and that of its shape: what NumPy's
#: interface for C calls PyArrayObject begins with what every object of Python has.
_DATA, _SHAPE = object.__basicsize__, object.__basicsize__ + 16


def _array_at(context, table, place, ndim, kind):
    """Return an array of which a table has the object."""
    if not isinstance(ndim, types.IntegerLiteral):
        raise RequireLiteralValue("ndim")
    array = types.Array(kind.dtype, ndim.literal_value, "C")

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        i64 = ir.IntType(64)

        def loaded(address: Any, offset: int, target: Any = i64) -> Any:
            address = builder.add(address, ir.Constant(i64, offset))
            return builder.load(builder.inttoptr(address, target.as_pointer()))

        rows = make_array(table)(context, builder, arguments[0])
        holder = builder.load(builder.gep(rows.data, [arguments[1]]))
        lengths = loaded(holder, _SHAPE)
        shape = [loaded(lengths, 8 * k) for k in range(array.ndim)]
        size = context.get_abi_sizeof(context.get_data_type(array.dtype))
        strides = [ir.Constant(i64, size)]
        for length in shape[:0:-1]:
            strides.insert(0, builder.mul(strides[0], length))
        made = make_array(array)(context, builder)
        populate_array(made, loaded(holder, _DATA, made.data.type), shape, strides, size, None)
        return made._getvalue()

    return array(table, types.int64, ndim, kind), generate


#: `array_at(table, place, ndim, kind)`; who calls keeps the arrays.
array_at: Any = intrinsic(_array_at)


def table_of(arrays: Sequence[np.ndarray]) -> np.ndarray:
    """Return a table of arrays that are laid out row after row: where their objects are.

    To ask each array for its address would take longer than a step of a deep network.
    """
    return np.fromiter(map(id, arrays), np.int64, len(arrays))


@_compiled
def squares(array):
    """Return the sum of the squares of all numbers, which is finite only if all of them are."""
    total = array.dtype.type(0)
    for x in array.reshape(array.size):
        total += x * x
    return total


@_compiled
def placed(position, end):
    """Return a position that was computed; refuse it where it is out of range."""
    if position < -end or position >= end:
        raise IndexError("a position is out of range")
    return position


def _dividing(context, dividend, divisor):
    """Divide whole numbers that are not negative: Python's division has to look at more cases."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.sdiv(*arguments)

    return types.int64(types.int64, types.int64), generate


_divided: Any = intrinsic(_dividing)


def _adding(context, address):
    """Add 1 to a number that other threads see; returns what it was."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        # `meet`, which this is a part of, is not to be copied to each of many lines that call it.
        builder.function.attributes.add("noinline")
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


@_compiled
def _nothing():
    """Keep the processor, where no system call is known by which it is left."""


_give_way: Any = (
    _nothing if os.name == "nt" else types.ExternalFunction("sched_yield", types.int32())
)

#: Looks at the counter before the processor is left to others.
_PATIENCE = 4000


@_compiled
def meet(counter, threads):
    """Wait until all threads have come here. `counter` is an array of one, 0 at first."""
    address = np.int64(counter.ctypes.data)
    arrived = _add(address)
    goal = (_divided(arrived, threads) + 1) * threads
    looks = 0
    while _look(address) < goal:
        looks += 1
        if looks > _PATIENCE:
            _give_way()


@_compiled
def part(count, thread, threads):
    """Return the first of the turns that fall to a thread, and the one after the last."""
    return _divided(count * thread, threads), _divided(count * (thread + 1), threads)
