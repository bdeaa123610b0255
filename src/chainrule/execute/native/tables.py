"""Arrays that are reached through a table of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core.cgutils import alloca_once, alloca_once_value, for_range
from numba.core.errors import RequireLiteralValue
from numba.extending import intrinsic

from chainrule.execute.native.calls import array_parts

_I64 = ir.IntType(64)


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
    made = array_parts(array, context, builder)
    data = _loaded(builder, holder, _DATA, made.data.type)
    from numba.np.arrayobj import populate_array  # late, as in `array_parts`

    populate_array(made, data, shape, strides, size, None)
    return made._getvalue()


def _array_at(context, table, place, ndim, kind):
    """Return an array of which a table has the object."""
    if not isinstance(ndim, types.IntegerLiteral):
        raise RequireLiteralValue("ndim")
    array = types.Array(kind.dtype, ndim.literal_value, "C")

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        rows = array_parts(table, context, builder, arguments[0])
        holder = builder.load(builder.gep(rows.data, [arguments[1]]))
        lengths = _loaded(builder, holder, _SHAPE)
        shape = [_loaded(builder, lengths, 8 * k) for k in range(array.ndim)]
        return _made(context, builder, array, holder, shape)

    return array(table, types.int64, ndim, kind), generate


#: `array_at(table, place, ndim, kind)`; who calls keeps the arrays.
array_at: Any = intrinsic(_array_at)


def table_of(arrays: Sequence[np.ndarray]) -> np.ndarray:
    """Return a table of arrays that are laid out row after row: where their objects are.

    To ask each array for its address takes much longer.
    """
    return np.fromiter(map(id, arrays), np.int64, len(arrays))


def _squares(context, table, first, last, kind, thread, threads):
    """Write the loops down for LLVM at once: numba would take as long for them as for a layer."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        rows, first, last, _, thread, threads = arguments
        rows = array_parts(table, context, builder, rows)
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
