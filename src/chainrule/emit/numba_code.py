"""The module that numba compiles: one step as loops, one call of it, and many steps."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.emit.kernel import Kernel, free_name
from chainrule.emit.loops.scalars import type_name
from chainrule.emit.loops.table import Table
from chainrule.emit.loops.team import team_loops
from chainrule.emit.loops.write import Loops, written_loops

#: Fast, and yet a NaN or an infinity stays what it is.
_HEAD = '''"""Written by chainrule: {name} as loops."""

import numpy as np
from numba import njit
{imports}
f32, f64 = np.float32, np.float64
# NaN and infinity are not assumed away: whoever trains has to be told of them.
options = dict(
    error_model="numpy", fastmath={{"nsz", "arcp", "contract", "afn", "reassoc"}}, nogil=True,
    no_cfunc_wrapper=True,
)
compiled = njit(cache={cache}, **options)
'''
#: For functions that are called from compiled code alone, of which they become a part.
_INNER = "inner = njit(no_cpython_wrapper=True, **options)\n"


@dataclass(frozen=True)
class NumbaCode:
    """Source for numba, and how its functions are called.

    Attributes
    ----------
    loops : Loops
    source : str
        With a place for `cache`.
    listed : tuple of int
        Which of the arguments are handed over in a table of arrays, which then comes first.
    """

    loops: Loops
    source: str
    listed: tuple[int, ...] = ()

    def with_cache(self, cache: bool) -> str:
        """Return the source with caching on disk switched on or off."""
        return self.source.replace("cache=None", f"cache={cache}")


def numba_code(kernel: Kernel, carry: int | None = None, team: bool = False) -> NumbaCode:
    """Write a kernel for numba.

    Parameters
    ----------
    kernel : Kernel
    carry : int, optional
        How many of the inputs, and of the outputs, are carried from step to step, where there are
        to be many steps in one call.
    team : bool
        For several threads that call the function at once.

    Raises
    ------
    NoLoopsError
        For an operation that has none.
    """
    write = team_loops if team else written_loops
    loops = write(kernel, carry)
    table = loops.table
    called = ["product"] * loops.products + ["placed"] * loops.asks + ["meet", "part"] * team
    called += ["as_before", "tiny_to_zero"] * loops.flushes
    called += ["array_at"] * (table is not None) + ["squares"] * (carry is not None)
    modules = {"native": called, "vector_math": list(loops.functions)}
    imports = "".join(
        f"from chainrule.execute.{module} import {', '.join(sorted(names))}\n"
        for module, names in modules.items()
        if names
    )
    if any(
        "math." in line for p in (loops.body, *(p.lines for p in loops.shared_parts)) for line in p
    ):
        imports = f"import math\n{imports}"
    head = _HEAD.format(name=kernel.name, cache=None, imports=imports and f"\n{imports}")
    head += _INNER if loops.shared_parts else ""
    parts = "".join(
        _Function(p.name, [*p.parameters], p.summary, [*p.lines], "inner").written() + "\n\n"
        for p in loops.shared_parts
    )
    function = _once(loops) if carry is None else _steps(loops, carry)
    listed = [] if table is None else table.listed(function.parameters)
    rows = "" if table is None else table.header(function.parameters)
    source = f"{head}{rows}\n{parts}{function.written(table)}"
    return NumbaCode(loops, source, tuple(listed))


@dataclass(frozen=True)
class _Function:
    """A function to be written, with all that it is handed."""

    name: str
    parameters: list[str]
    summary: str
    body: list[str]
    decorator: str = "compiled"

    def written(self, table: Table | None = None) -> str:
        """Write it; what is in a table is not handed over as such."""
        taken = self.parameters if table is None else table.without_arrays(self.parameters)
        lines = [f"def {self.name}({', '.join(taken)}):", f'    """{self.summary}"""']
        lines += _indented(self.body)
        return "\n".join([f"@{self.decorator}", *lines]) + "\n"


def _indented(lines: list[str], depth: int = 1) -> list[str]:
    return ["    " * depth + line for line in lines]


def _once(loops: Loops) -> _Function:
    parameters = [*loops.inputs, *loops.kernel.given, *loops.constants, *loops.outputs]
    return _Function(
        loops.kernel.name,
        [*parameters, *(b.name for b in loops.buffers), *_helpers(loops)],
        f"Write {', '.join(loops.outputs)}; work in the other arrays.",
        loops.body,
    )


def _steps(loops: Loops, carry: int) -> _Function:
    """Write the loop over minibatches around the body of a step."""
    kernel, names, outs = loops.kernel, loops.inputs, loops.outputs
    nodes = kernel.graph.inputs
    carried, rows = names[:carry], names[carry:]
    #: Arrays that hold the carry; a number is held by an array of one.
    taken = set(loops.names)
    held = [
        name if node.shape else free_name(f"{name}_held", taken)
        for name, node in zip(carried, nodes, strict=False)
    ]
    data = [free_name(f"all_{name}", taken) for name in rows]
    each = [free_name(f"each_{name}", taken) for name in outs[carry:]]
    apart = kept_apart(loops, carry)
    parameters = [
        *held, *(outs[k] for k in apart), *data, "order", *kernel.given, *loops.constants,
        "start", "stop", *each, "carried", "squared", *rows, *(b.name for b in loops.buffers),
        *_helpers(loops),
    ]  # fmt: skip
    team, table = loops.shared is not None, loops.table
    made = table.with_arrays if table is not None else list[str]
    gathered = [line for node, name, whole in zip(nodes[carry:], rows, data, strict=True)
                for line in _gather(name, whole, node.abstract.ndim)]  # fmt: skip
    gather = [
        *([f"low, high = part(len({rows[0]}), thread, threads)"] if team else []),
        "for at in range(low, high):" if team else f"for at in range(len({rows[0]})):",
        f"    row = order[turn * len({rows[0]}) + at]",
        *_indented(gathered),
    ]
    copies = [
        line for k in apart for line in made(_copy(held[k], outs[k], len(nodes[k].shape) or 1))
    ]
    turn = [
        *made(gather),
        *(["meet(counter, threads)"] if team else []),
        *(f"{n} = {h}[0]" for n, h in zip(carried, held, strict=True) if n != h),
        *(
            f"{name} = {all_of_it}[turn]" if node.shape else
            f"{name} = {all_of_it}[turn : turn + 1]"
            for name, all_of_it, node in zip(
                outs[carry:], each, kernel.graph.outputs[carry:], strict=True
            )
        ),
        *loops.body,
        *_by_first(copies, team),
    ]  # fmt: skip
    return _Function(
        f"{kernel.name}s",
        parameters,
        "Do the steps from start up to stop, each on the next rows.",
        [
            "for turn in range(start, stop):",
            *_indented(turn),
            *_squares([nodes[k].abstract.dtype for k in with_squares(kernel, carry)], team),
        ],
    )


def _squares(dtypes: list[np.dtype[Any]], team: bool) -> list[str]:
    """Write a sum that is finite where all that is carried is; each thread has its part."""
    thread, threads = ("thread", "threads") if team else (0, 1)
    ends = np.cumsum([0, *Counter(dtypes).values()])
    sums = [
        f"squares(carried, {first}, {last}, {type_name(dtype)}, {thread}, {threads})"
        for dtype, first, last in zip(Counter(dtypes), ends[:-1], ends[1:], strict=True)
    ]
    lines = ["if len(carried):", f"    squared[{thread}] = {' + '.join(sums)}"]
    return lines if sums else []


def _helpers(loops: Loops) -> list[str]:
    """Return the parameters by which products and threads are reached."""
    team = ["thread", "threads", "counter", "shared"] if loops.shared is not None else []
    return ["gemm"] * loops.products + team


def _by_first(lines: list[str], team: bool) -> list[str]:
    """Let the first thread do something, where there are several; the others wait for it."""
    if not team:
        return lines
    alone = ["if thread == 0:", *_indented(lines)] if lines else []
    return ["meet(counter, threads)", *alone, *(["meet(counter, threads)"] if lines else [])]


def with_squares(kernel: Kernel, carry: int) -> list[int]:
    """Return which inputs that are carried may cease to be finite, those of a type together."""
    dtypes = {k: kernel.graph.inputs[k].abstract.dtype for k in range(carry)}
    return sorted((k for k, d in dtypes.items() if d.kind == "f"), key=lambda k: dtypes[k].char)


def kept_apart(loops: Loops, carry: int) -> list[int]:
    """Return the results that cannot be written over what they are the next value of."""
    nodes = loops.kernel.graph.inputs
    return [k for k in range(carry) if k not in loops.in_place or not nodes[k].shape]


def _copy(target: str, source: str, ndim: int) -> list[str]:
    """Write the copy of an array, number by number: the compiler makes less ado of it."""
    letters = [f"at{k}" for k in range(ndim)]
    lines = [
        "    " * k + f"for {letter} in range({target}.shape[{k}]):"
        for k, letter in enumerate(letters)
    ]
    key = ", ".join(letters)
    return [*lines, "    " * ndim + f"{target}[{key}] = {source}[{key}]"]


def _gather(name: str, data: str, ndim: int) -> list[str]:
    """Write the copy of one row of data."""
    letters = [f"at{k}" for k in range(1, ndim)]
    key = "".join(f", {letter}" for letter in letters)
    lines = [
        "    " * k + f"for {letter} in range({name}.shape[{k + 1}]):"
        for k, letter in enumerate(letters)
    ]
    return [*lines, "    " * len(letters) + f"{name}[at{key}] = {data}[row{key}]"]
