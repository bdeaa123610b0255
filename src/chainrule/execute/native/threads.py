"""Threads that run the same function, each its part, and meet."""

from __future__ import annotations

import os
from typing import Any

from llvmlite import ir
from numba import types
from numba.core.cgutils import get_or_insert_function, pack_array
from numba.extending import intrinsic

from chainrule.execute.native.calls import array_parts, once
from chainrule.execute.native.values import I32, I64, Value

#: Looks at the counter before the processor is left to others.
_PATIENCE = 4000
#: The system call by which a processor is left, where one is known.
_GIVE_WAY = None if os.name == "nt" else "sched_yield"


def _write_meeting(builder: Any, address: Value, threads: Value) -> None:
    """Add 1 to the counter, and look at it until as many have done so as there are threads."""
    counter = builder.inttoptr(address.value, I64.as_pointer())
    arrived = Value(builder, builder.atomic_rmw("add", counter, I64(1), "seq_cst"))
    goal = (arrived / threads + 1) * threads
    start = builder.block
    look, again, leave, end = (builder.append_basic_block() for _ in range(4))
    builder.branch(look)
    builder.position_at_end(look)
    looks = builder.phi(I64)
    now = Value(builder, builder.load_atomic(counter, "seq_cst", 8))
    builder.cbranch((now < goal).value, again, end)
    builder.position_at_end(again)
    count = Value(builder, looks) + 1
    builder.cbranch((count > _PATIENCE).value, leave, look)
    builder.position_at_end(leave)
    if _GIVE_WAY is not None:
        kind = ir.FunctionType(I32, [])
        builder.call(get_or_insert_function(builder.module, kind, _GIVE_WAY), [])
    builder.branch(look)
    for block, value in ((start, I64(0)), (again, count.value), (leave, count.value)):
        looks.add_incoming(value, block)
    builder.position_at_end(end)


def _meet(context, counter, threads):
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        data = array_parts(counter, context, builder, arguments[0]).data
        function = once(builder, "chainrule_meet", [I64, I64], _write_meeting)
        builder.call(function, [builder.ptrtoint(data, I64), arguments[1]])
        return context.get_dummy_value()

    return types.void(counter, types.int64), generate


def _part(context, count, thread, threads):
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        count, thread, threads = (Value(builder, argument) for argument in arguments)
        low, high = (count * k / threads for k in (thread, thread + 1))
        return pack_array(builder, [low.value, high.value])

    return types.UniTuple(types.int64, 2)(*[types.int64] * 3), generate


#: `meet(counter, threads)`: wait until all threads have come here. `counter` is an array of one, 0
#: at first.
meet: Any = intrinsic(_meet)
#: `part(count, thread, threads)`: the first of the turns that fall to a thread, and the one after
#: the last.
part: Any = intrinsic(_part)
