"""One element of an operation as code for numbers, each in the precision that NumPy would use."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from chainrule.graph import Node
from chainrule.notation import Written
from chainrule.op import Op

#: What a type is called in the code.
TYPE_NAMES = {
    np.dtype(np.float32): "f32",
    np.dtype(np.float64): "f64",
    np.dtype(np.float16): "f16",
}


#: Functions that there is a version of which compilers make vectors of.
VECTORISED = ("exp", "expm1", "tanh", "log", "log1p")


def vector_name(op: Op, dtype: np.dtype[Any]) -> str | None:
    """Return what the version of a function is called that becomes vectors, if there is one."""
    known = dtype in (np.dtype(np.float32), np.dtype(np.float64)) and op.name in VECTORISED
    return f"{op.name}{8 * dtype.itemsize}" if known and op.elementwise else None


def type_name(dtype: np.dtype[Any]) -> str:
    """Return what converts a number to a type."""
    return TYPE_NAMES.get(dtype, f"np.{'bool_' if dtype.kind == 'b' else dtype.name}")


def cast(written: Written, have: np.dtype[Any], want: np.dtype[Any]) -> Written:
    """Convert a number that has been written, where it is of another type."""
    if have == want:
        return written
    return Written(f"{type_name(want)}({written})")


def widened(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Return the type to compute in: of short integers a longer one, as compilers have it."""
    return np.dtype(np.int64) if dtype.kind in "iu" and dtype.itemsize < 8 else dtype


def literal(value: Any, want: np.dtype[Any]) -> Written:
    """Write a fixed number in the type that is wanted."""
    number = np.asarray(value).astype(want)[()]
    if want.kind == "b":
        return Written(str(bool(number)))
    if want.kind in "iu":
        plain = str(int(number))
        typed = plain if want == np.int64 else f"{type_name(want)}({plain})"
        return Written(typed, "unary" if plain.startswith("-") else "atom")
    plain = repr(float(str(number))) if np.isfinite(number) else _infinite(float(number))
    if want == np.float64:
        return Written(plain, "unary" if plain.startswith("-") else "atom")
    return Written(f"{type_name(want)}({plain})")


def _infinite(number: float) -> str:
    return "np.nan" if number != number else "np.inf" if number > 0 else "-np.inf"


def operand_types(node: Node) -> list[np.dtype[Any]]:
    """Return the type that each operand is converted to before an operation is computed.

    NumPy's ufuncs say so themselves. Of other operations the numbers take the type of the result,
    and conditions and positions stay what they are.
    """
    kinds = tuple(
        (i.abstract.dtype, i.abstract.weak and i.abstract.dtype.kind in "fi") for i in node.inputs
    )
    return list(_resolved(node.op, kinds, node.abstract.dtype))


@lru_cache(maxsize=4096)
def _resolved(op: Op, kinds: Sequence[Any], result: np.dtype[Any]) -> tuple[np.dtype[Any], ...]:
    have = tuple(dtype for dtype, _ in kinds)
    ufunc = next((f for f in op.numpy if isinstance(f, np.ufunc) and f.nin == len(kinds)), None)
    if ufunc is not None and ufunc.nout == 1:
        weak = tuple(
            (float if dtype.kind == "f" else int) if is_weak else dtype for dtype, is_weak in kinds
        )
        asked: Any = weak if not all(isinstance(k, type) for k in weak) else have
        try:
            return tuple(ufunc.resolve_dtypes((*asked, None)))[: len(kinds)]
        except TypeError:
            pass
    if result.kind not in "fiu" or (result.kind in "iu" and any(d.kind == "f" for d in have)):
        common = np.result_type(*have)
        return tuple(common if d.kind in "fiu" else d for d in have)
    return tuple(result if d.kind in "fiu" or op.notation.loop is None else d for d in have)
