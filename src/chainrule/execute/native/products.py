"""Products of matrices, by a BLAS's own interface.

A part of a matrix, transposed or not, needs no copy. The address of the function is an argument, so
that compiled code can be kept on disk.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from chainrule.execute.native.calls import compiled


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


@compiled
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
