"""Products of matrices, by a BLAS's own interface.

A part of a matrix, transposed or not, needs no copy. The address of the function is an argument, so
that compiled code can be kept on disk.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core.cgutils import unpack_tuple
from numba.extending import intrinsic

from chainrule.execute.native.calls import array_parts, once
from chainrule.execute.native.values import I32, I64, Value

_LETTER = ir.IntType(8)


def _write_product(
    builder: Any, gemm: Value, turn_a: Value, turn_b: Value, a: Value, a_rows: Value,
    a_columns: Value, b: Value, b_columns: Value, c: Value, c_columns: Value, low: Value,
    high: Value,
) -> None:  # fmt: skip
    """Write rows of a product. What lies row after row is, column after column, the transpose."""
    number = a.value.type.pointee

    def reference(value: Any) -> Any:
        slot = builder.alloca(value.type)
        builder.store(value, slot)
        return slot

    def letter(turned: Value) -> Any:
        chosen = (turned != 0).where(*(Value(builder, _LETTER(ord(name))) for name in "TN"))
        return reference(chosen.value)

    def size(value: Value) -> Any:
        return reference(builder.trunc(value.value, I32))

    def from_element(array: Value, element: Value) -> Any:
        return builder.gep(array.value, [element.value])

    rows = high - low
    inner = (turn_a != 0).where(a_rows, a_columns)
    first = (turn_a != 0).where(low, low * a_columns)
    one, zero = reference(number(1.0)), reference(number(0.0))
    passed = [
        letter(turn_b), letter(turn_a), size(c_columns), size(rows), size(inner), one, b.value,
        size(b_columns), from_element(a, first), size(a_columns), zero,
        from_element(c, low * c_columns), size(c_columns),
    ]  # fmt: skip
    kind = ir.FunctionType(ir.VoidType(), [p.type for p in passed]).as_pointer()
    with builder.if_then((rows * c_columns != 0).value):
        builder.call(builder.inttoptr(gemm.value, kind), passed)


def _product(context, gemm, a, turn_a, b, turn_b, c, low, high):
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        gemm, a, turn_a, b, turn_b, c, low, high = arguments
        kinds = signature.args
        places = array_parts(kinds[0], context, builder, gemm).data
        single = kinds[1].dtype == types.float32
        address = builder.load(builder.gep(places, [I64(0 if single else 1)]))
        shapes, data = [], []
        for kind, value in ((kinds[1], a), (kinds[3], b), (kinds[5], c)):
            array = array_parts(kind, context, builder, value)
            shapes.append(unpack_tuple(builder, array.shape))
            data.append(array.data)
        passed = [
            address, turn_a, turn_b, data[0], *shapes[0], data[1], shapes[1][1], data[2],
            shapes[2][1], low, high,
        ]  # fmt: skip
        name = f"chainrule_product_{kinds[1].dtype}"
        builder.call(once(builder, name, [p.type for p in passed], _write_product), passed)
        return context.get_dummy_value()

    whole = types.int64
    return types.void(gemm, a, whole, b, whole, c, whole, whole), generate


#: `product(gemm, a, turn_a, b, turn_b, c, low, high)`: write rows of `c`, from `low` to `high`, of
#: the product of `a` and `b`. They have two axes, and lie row after row. `gemm` is an array of
#: addresses, from `blas.blas`; `turn_a` and `turn_b` are 1 where the transpose is read.
product: Any = intrinsic(_product)
