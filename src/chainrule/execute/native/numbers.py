"""How the processor treats numbers, and positions that are computed."""

from __future__ import annotations

import platform
from typing import Any

from llvmlite import ir
from numba import types
from numba.core.cgutils import alloca_once, alloca_once_value, get_or_insert_function
from numba.extending import intrinsic

from chainrule.execute.native.calls import compiled

_I32 = ir.IntType(32)
IS_X86 = platform.machine().lower() in ("x86_64", "amd64")
#: Bits of x86's register MXCSR: results, and operands, that are too small for all their digits.
_TINY_ARE_ZERO = 0x8000 | 0x0040


def _setting(builder: Any, name: str, slot: Any) -> None:
    """Call one of the instructions that read or write how the processor treats numbers."""
    kind = ir.FunctionType(ir.VoidType(), [slot.type])
    builder.call(get_or_insert_function(builder.module, kind, f"llvm.x86.sse.{name}"), [slot])


def _tiny_to_zero(context):
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        if not IS_X86:
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
        if IS_X86:
            slot = alloca_once_value(builder, arguments[0])
            _setting(builder, "ldmxcsr", builder.bitcast(slot, ir.IntType(8).as_pointer()))
        return context.get_dummy_value()

    return types.void(types.int32), generate


#: `tiny_to_zero()`: from now on numbers below the smallest normal one are 0, in this thread; it
#: takes a processor many times as long to compute with these. Returns what was set before.
tiny_to_zero: Any = intrinsic(_tiny_to_zero)
#: `as_before(setting)`
as_before: Any = intrinsic(_as_before)


@compiled
def placed(position, end):
    """Return a position that was computed; refuse it where it is out of range."""
    if position < -end or position >= end:
        raise IndexError("a position is out of range")
    return position
