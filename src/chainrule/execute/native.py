"""What loops call that NumPy has no name for: products in place, arrays of a table, threads.

Products go to a BLAS by its own interface: a part of a matrix, transposed or not, needs no copy.
The address of its function is an argument, so that compiled code can be kept on disk.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core.cgutils import (
    alloca_once,
    alloca_once_value,
    for_range,
    get_or_insert_function,
)
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


_I64 = ir.IntType(64)


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


#: Where an array's object has the address of its numbers, how many axes, and the address of its
#: shape: what NumPy's interface for C calls PyArrayObject begins with what every object has.
_DATA, _AXES, _SHAPE = (object.__basicsize__ + k for k in (0, 8, 16))


def _loaded(builder: Any, address: Any, offset: int, kind: Any = _I64) -> Any:
    """Read a number from an address."""
    address = builder.add(address, ir.Constant(_I64, offset))
    return builder.load(builder.inttoptr(address, kind.as_pointer()))


def _made(context: Any, builder: Any, array: Any, holder: Any, shape: list[Any]) -> Any:
    """Return an array of the numbers that an object has."""
    size = context.get_abi_sizeof(context.get_data_type(array.dtype))
    strides = [ir.Constant(_I64, size)]
    for length in shape[:0:-1]:
        strides.insert(0, builder.mul(strides[0], length))
    made = make_array(array)(context, builder)
    data = _loaded(builder, holder, _DATA, made.data.type)
    populate_array(made, data, shape, strides, size, None)
    return made._getvalue()


def _array_at(context, table, place, ndim, kind):
    """Return an array of which a table has the object."""
    if not isinstance(ndim, types.IntegerLiteral):
        raise RequireLiteralValue("ndim")
    array = types.Array(kind.dtype, ndim.literal_value, "C")

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        rows = make_array(table)(context, builder, arguments[0])
        holder = builder.load(builder.gep(rows.data, [arguments[1]]))
        lengths = _loaded(builder, holder, _SHAPE)
        shape = [_loaded(builder, lengths, 8 * k) for k in range(array.ndim)]
        return _made(context, builder, array, holder, shape)

    return array(table, types.int64, ndim, kind), generate


#: `array_at(table, place, ndim, kind)`; who calls keeps the arrays.
array_at: Any = intrinsic(_array_at)


def table_of(arrays: Sequence[np.ndarray]) -> np.ndarray:
    """Return a table of arrays that are laid out row after row: where their objects are.

    To ask each array for its address would take longer than a step of a deep network.
    """
    return np.fromiter(map(id, arrays), np.int64, len(arrays))


def _squares(context, table, first, last, kind, thread, threads):
    """Write the loops down for LLVM at once: numba would take as long for them as for a layer."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        rows, first, last, _, thread, threads = arguments
        rows = make_array(table)(context, builder, rows)
        number = context.get_data_type(kind.dtype)
        total = alloca_once_value(builder, ir.Constant(number, 0.0))
        count = alloca_once(builder, _I64)
        with for_range(builder, last, first) as place:
            holder = builder.load(builder.gep(rows.data, [place.index]))
            data = _loaded(builder, holder, _DATA, number.as_pointer())
            axes = builder.zext(_loaded(builder, holder, _AXES, ir.IntType(32)), _I64)
            lengths = _loaded(builder, holder, _SHAPE, _I64.as_pointer())
            builder.store(ir.Constant(_I64, 1), count)
            with for_range(builder, axes) as axis:
                length = builder.load(builder.gep(lengths, [axis.index]))
                builder.store(builder.mul(builder.load(count), length), count)
            numbers = builder.load(count)
            low = builder.sdiv(builder.mul(numbers, thread), threads)
            after = builder.mul(numbers, builder.add(thread, ir.Constant(_I64, 1)))
            with for_range(builder, builder.sdiv(after, threads), low) as at:
                x = builder.load(builder.gep(data, [at.index]))
                square = builder.fmul(x, x, flags=("contract",))
                so_far = builder.load(total)
                builder.store(builder.fadd(so_far, square, flags=("reassoc", "contract")), total)
        found = builder.load(total)
        return found if number == ir.DoubleType() else builder.fpext(found, ir.DoubleType())

    return types.float64(table, *[types.int64] * 2, kind, *[types.int64] * 2), generate


#: `squares(table, first, last, kind, thread, threads)`: the sum of the squares of arrays of one
#: type, which tells whether all numbers are finite. Each thread has its part of each array.
squares: Any = intrinsic(_squares)


def _staying(context):
    """Keep the function that calls this from being copied to the many lines that call it."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        builder.function.attributes.add("noinline")
        return context.get_dummy_value()

    return types.void(), generate


_stay: Any = intrinsic(_staying)


def _setting(builder: Any, name: str, slot: Any) -> None:
    """Call one of the instructions that read or write how the processor treats numbers."""
    kind = ir.FunctionType(ir.VoidType(), [slot.type])
    builder.call(get_or_insert_function(builder.module, kind, f"llvm.x86.sse.{name}"), [slot])


def _tiny_to_zero(context):
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        if not _IS_X86:
            return ir.Constant(_I32, 0)
        slot = builder.bitcast(alloca_once(builder, _I32), ir.IntType(8).as_pointer())
        setting = builder.bitcast(slot, _I32.as_pointer())
        _setting(builder, "stmxcsr", slot)
        before = builder.load(setting)
        builder.store(builder.or_(before, ir.Constant(_I32, _TINY_ARE_ZERO)), setting)
        _setting(builder, "ldmxcsr", slot)
        return before

    return types.int32(), generate


def _as_before(context, before):
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        if _IS_X86:
            slot = alloca_once_value(builder, arguments[0])
            _setting(builder, "ldmxcsr", builder.bitcast(slot, ir.IntType(8).as_pointer()))
        return context.get_dummy_value()

    return types.void(types.int32), generate


_I32 = ir.IntType(32)
_IS_X86 = platform.machine().lower() in ("x86_64", "amd64")
#: Bits of x86's register MXCSR: results, and operands, that are too small for all their digits.
_TINY_ARE_ZERO = 0x8000 | 0x0040
#: `tiny_to_zero()`: from now on numbers below the smallest normal one are 0, in this thread; it
#: takes a processor a hundred times as long to compute with these. Returns what was set before.
tiny_to_zero: Any = intrinsic(_tiny_to_zero)
#: `as_before(setting)`
as_before: Any = intrinsic(_as_before)


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
    _stay()
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
