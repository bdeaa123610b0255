"""Loops run as plain Python: what numba would compile, without numba."""

from __future__ import annotations

import math

import numpy as np

from chainrule.emit.kernel import at
from chainrule.emit.numba_code import numba_code


def _product(gemm, a, turn_a, b, turn_b, c, low, high):
    for matrix in (a, b, c):
        assert matrix.ndim == 2
        assert matrix.flags.c_contiguous
    c[low:high] = ((a.T if turn_a else a) @ (b.T if turn_b else b))[low:high]


def _placed(position, end):
    if not -end <= position < end:
        raise IndexError("a position is out of range")
    return position


def _array_at(table, place, ndim, kind):
    array = table[place]
    assert (array.ndim, array.dtype) == (ndim, np.dtype(kind))
    assert array.flags.c_contiguous
    return array


#: What the source imports, in NumPy.
_CALLED = {"product": _product, "placed": _placed, "array_at": _array_at}
_NAMES = {"np": np, "math": math, **_CALLED} | {
    f"{name}{bits}": getattr(np, name)
    for name in ("exp", "expm1", "tanh", "log", "log1p")
    for bits in (32, 64)
}


def _unset(shape, dtype):
    """Return an array in which what was never written is seen."""
    if dtype.kind == "f":
        return np.full(shape, np.nan, dtype)
    return np.full(shape, True if dtype.kind == "b" else np.iinfo(dtype).max, dtype)


class AsPython:
    """A kernel whose loops Python runs."""

    def __init__(self, kernel):
        self.kernel = kernel
        code = numba_code(kernel)
        self.loops, self.source, self.listed = code.loops, code.source, code.listed
        lines = [
            line for line in code.with_cache(False).splitlines() if not line.startswith("from ")
        ]
        names = dict(_NAMES, njit=lambda **options: lambda function: function)
        exec(compile("\n".join(lines), "<loops>", "exec"), names)
        self.function = names[kernel.name]

    def __call__(self, inputs, given):
        kernel, loops = self.kernel, self.loops
        sizes = dict(zip(kernel.given, given, strict=True))

        def shape(dims):
            return tuple(at(n, sizes) for n in dims)

        nodes = kernel.graph.inputs
        taken = [
            n.abstract.dtype.type(v) if n.shape == () else np.ascontiguousarray(v)
            for n, v in zip(nodes, inputs, strict=True)
        ]
        outputs = [
            _unset(shape(kernel.dims[n]) or 1, n.abstract.dtype) for n in kernel.graph.outputs
        ]
        buffers = [_unset(shape(b.dims), b.dtype) for b in loops.buffers]
        constants = [np.ascontiguousarray(c) for c in loops.constants.values()]
        arguments = [*taken, *given, *constants, *outputs, *buffers, *([None] * loops.products)]
        if self.listed:
            table = [arguments[k] for k in self.listed]
            arguments = [table, *(a for k, a in enumerate(arguments) if k not in self.listed)]
        with np.errstate(all="ignore"):
            self.function(*arguments)
        return [
            out if n.shape else out[0] for out, n in zip(outputs, kernel.graph.outputs, strict=True)
        ]
