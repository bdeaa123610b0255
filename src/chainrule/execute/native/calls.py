"""How compiled code comes to call a function."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba.extending import overload

from chainrule.execute.native.values import Value


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Let compiled code call a function.

    A function of `njit` would be compiled anew for every number that is written out in a call.
    """
    options: Any = {"error_model": "numpy", "no_cfunc_wrapper": True}
    known: Any = overload(function, jit_options=options, strict=False, prefer_literal=False)
    known(lambda *kinds: function)
    return function


def once(builder: Any, name: str, kinds: list[ir.Type], write: Callable[..., None]) -> ir.Function:
    """Return a function of the module that is being written; the first who asks writes it.

    It is not copied to the many lines that call it.

    Parameters
    ----------
    builder : llvmlite.ir.IRBuilder
        Of the code that calls it.
    name : str
    kinds : list of llvmlite.ir.Type
        Of the parameters. There is no result.
    write : callable
        Given a builder and the parameters, as `Value`, writes the body.
    """
    module = builder.module
    if name in module.globals:
        return module.globals[name]
    function = ir.Function(module, ir.FunctionType(ir.VoidType(), kinds), name)
    function.linkage = "linkonce_odr"  # modules that are linked have one in common
    function.attributes.add("noinline")
    body = ir.IRBuilder(function.append_basic_block())
    write(body, *(Value(body, argument) for argument in function.args))
    if not body.block.is_terminated:
        body.ret_void()
    return function


def array_parts(kind: Any, context: Any, builder: Any, value: Any = None) -> Any:
    """Return an array as compiled code has it, with its parts: data, shape and the like."""
    # Only who compiles needs it, and it takes long to import: a start from disk does without.
    from numba.np.arrayobj import make_array

    return make_array(kind)(context, builder, value)
