"""Loops for a person to read: every product and sum by single numbers, run and compared."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.emit.kernel import Kernel, identifier
from chainrule.emit.loops.apart import expanded
from chainrule.emit.loops.statement import NoLoopsError
from chainrule.emit.loops.write import Loops, written_loops
from chainrule.emit.program import Program
from chainrule.errors import ArgumentError, EmitError
from chainrule.graph import Graph, Node


def loops_source(program: Program) -> str:
    """Write a program as loops over single numbers.

    Results that are single numbers are returned; arrays are written to the last arguments.

    Raises
    ------
    ArgumentError
        For an operation that has no loops.
    EmitError
        When the loops do not give the graph's numbers.
    """
    try:
        graph = expanded(_named(program))
    except NoLoopsError as error:
        raise ArgumentError(
            f"There are no loops for {error.node.op.name}.",
            expected="operations on single numbers, sums and products of them",
            where=error.node.where,
            instead="code('numpy')",
        ) from None
    dims = {node: node.shape for node in graph.nodes}
    loops = written_loops(Kernel(program.name, graph, dims, shown=True))
    source = _source(loops)
    _verify(program, loops, source)
    return source


def _named(program: Program) -> Graph:
    """Return the program's graph with a name for each input and gradient, and without values."""
    results = [program.graph.outputs[0].name or "value"]
    results += [f"d{name}" for name in _wrt_names(program)]
    ends = dict(zip(program.graph.outputs, results, strict=True))
    made: dict[Node, Node] = {}
    for node in program.graph.nodes:
        name = node.name or program.gradients.get(node) or ends.get(node)
        name = identifier(name) if name and not node.is_constant else name
        value = node.value if node.is_constant else None
        inputs = tuple(made[i] for i in node.inputs)
        made[node] = Node(node.op, inputs, node.params, node.abstract, value, name, node.where)
    return Graph(made.values(), (made[o] for o in program.graph.outputs))


def _wrt_names(program: Program) -> list[str]:
    from chainrule.structure import leaves

    found = []
    for name in program.wrt:
        for _, leaf in leaves(program.arguments[name], name):
            if isinstance(leaf, Node) and leaf.carries_gradient:
                found.append(identifier(leaf.name or name))
    return found


def _source(loops: Loops) -> str:
    written = [
        name
        for name, node in zip(loops.outputs, loops.kernel.graph.outputs, strict=True)
        if node.shape
    ]
    last = loops.body[-1] if loops.body else ""
    returned = last.removeprefix("return ") if last.startswith("return ") else ""
    says = [f"Return {returned}"] if returned else []
    says += [f"{'write' if says else 'Write'} {', '.join(written)}"] if written else []
    parameters = [*loops.inputs, *loops.constants, *written]
    lines = [
        "import numpy as np",
        *(["", "f32 = np.float32"] if any("f32(" in line for line in loops.body) else []),
        "",
        "",
        f"def {loops.kernel.name}({', '.join(parameters)}):",
        f'    """{"; ".join(says)}."""',
        *(
            f"    {b.name} = np.empty({tuple(map(int, b.dims))}, np.{b.dtype.name})"
            for b in loops.buffers
        ),
        *(f"    {line}" for line in loops.body),
    ]
    return "\n".join(lines).replace("f64(", "np.float64(") + "\n"


def _verify(program: Program, loops: Loops, source: str) -> None:
    """Run the loops as plain Python, and compare what they write."""
    namespace: dict[str, Any] = {}
    exec(compile(source, f"<loops of {program.name}>", "exec"), namespace)
    values = {identifier(n.name or ""): n.value for n in program.graph.inputs}
    inputs = [
        np.asarray(values[identifier(n.name or "")], n.abstract.dtype)[()]
        for n in loops.kernel.graph.inputs
    ]
    ends = loops.kernel.graph.outputs
    arrays = [np.empty(n.shape, n.abstract.dtype) for n in ends if n.shape]
    with np.errstate(all="ignore"):
        got = namespace[loops.kernel.name](*inputs, *loops.constants.values(), *arrays)
    numbers = iter(got if isinstance(got, tuple) else (got,))
    filled = iter(arrays)
    outputs = [next(filled) if n.shape else np.asarray(next(numbers)) for n in ends]
    for mine, theirs in zip(outputs, program.graph.outputs, strict=True):
        single = theirs.abstract.dtype == np.float32
        tolerance = 1e-4 if single else 1e-9
        want = np.reshape(theirs.value, mine.shape)
        if not np.allclose(mine, want, rtol=tolerance, atol=tolerance * 1e-3, equal_nan=True):
            raise EmitError(
                f"The loops emitted for {program.name} do not give the graph's numbers.",
                expected=str(theirs.value)[:200],
                got=str(mine)[:200],
            )
