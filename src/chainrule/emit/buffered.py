"""NumPy code that writes into arrays that are there already, and uses them again.

A kernel becomes two functions. The first makes, for given sizes, the arrays that stay from call to
call, with the views of them and the numbers that never change. The second computes: one line an
operation, by the user's names. There are two forms of it: `buffered` computes once;
`buffered_steps` goes through minibatches, and writes what it carries from step to step where it
was.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from chainrule.emit.arrays import in_blocks, own
from chainrule.emit.forms import form_of
from chainrule.emit.kernel import Kernel
from chainrule.emit.liveness import Plan, is_fresh
from chainrule.emit.packing import LARGE, PACK
from chainrule.emit.statements import Statements
from chainrule.graph import Node

#: Elements of a long array that are updated at a time, so that they stay in the cache.
BLOCK = 1 << 14
_WIDTH = 100


@dataclass(frozen=True)
class Buffered:
    """Source code of a kernel, and how to run it.

    Attributes
    ----------
    source : str
    constants : dict
        What the source reads besides its arguments: name -> value.
    prepare : str
        Name of the function that takes the values of ``kernel.given`` and makes what stays.
    run : str
        Name of the function that computes, of which what stays is the last argument.
    buffers : int
        How many arrays stay.
    buffer_bytes : int
        Their size, for the sizes that were traced.
    blocks : int
        How many operations are done block by block.
    """

    source: str
    constants: Mapping[str, Any]
    prepare: str
    run: str
    buffers: int
    buffer_bytes: int
    blocks: int = 0


def buffered(kernel: Kernel) -> Buffered:
    """Write a kernel as a function that computes it once.

    The function takes the values of the kernel's inputs, those of ``kernel.given`` and what stays,
    and returns a list of results that share memory with nothing.
    """
    graph = kernel.graph
    plan = Plan(graph.nodes, kernel.dims, graph.outputs)
    writer = Statements(kernel, plan, dict.fromkeys(graph.inputs, 2))
    for node in graph.nodes:
        writer.write(node)
    returned, seen = [], set()
    for output in graph.outputs:
        name = writer.names[output]
        number = not output.shape and is_fresh(output)
        new = (number or form_of(output) is not None) and output not in plan.static
        returned.append(name if new and output not in seen else writer.constant("own", own, name))
        seen.add(output)
    arguments = [writer.names[node] for node in graph.inputs]
    head = f"def {kernel.name}({', '.join([*arguments, *kernel.given, 'kept'])}):"
    end = f"return [{', '.join(returned)}]"
    return _module(kernel, writer, head, [], [*writer.lines[2], end])


def buffered_steps(kernel: Kernel, count: int) -> Buffered:
    """Write a kernel as a function that makes steps over minibatches.

    Parameters
    ----------
    kernel : Kernel
    count : int
        How many of its inputs are replaced by as many outputs in each step. The arrays among
        them are written to.
    """
    graph = kernel.graph
    carry, data = graph.inputs[:count], graph.inputs[count:]
    replaced = dict(zip(carry, graph.outputs[:count], strict=True))
    nodes, blocked = _ordered(kernel, replaced)
    plan = Plan(nodes, kernel.dims, graph.outputs, replaced)
    stages = {node: 1 if node.shape else 2 for node in carry} | dict.fromkeys(data, 0)
    writer = Statements(kernel, plan, stages, frozenset(blocked))
    for node in nodes:
        if node not in blocked:
            writer.write(node)
    if blocked:
        writer.write_blocks([node for node in nodes if node in blocked], BLOCK, in_blocks)
    before, loop = _loop(writer, kernel, count)
    arguments = "carry, data, order, size, start, stop, outputs"
    head = f"def {kernel.name}_steps({', '.join([arguments, *kernel.given, 'kept'])}):"
    return _module(kernel, writer, head, before, loop, len(blocked))


def _loop(writer: Statements, kernel: Kernel, count: int) -> tuple[list[str], list[str]]:
    """Write what surrounds a step: the rows that it takes, and where its results go."""
    graph, names = kernel.graph, writer.names
    carry, data = graph.inputs[:count], graph.inputs[count:]
    before = []
    if carry:
        before.append(f"{_listed([names[node] for node in carry])} = carry")
    rows = [writer.free(f"all_{names[node]}") for node in data]
    if data:
        before.append(f"{_listed(rows)} = data")
    step = ["rows = order[i * size : (i + 1) * size]"]
    step += [
        f'{whole}.take(rows, 0, {names[node]}, "clip")'
        for whole, node in zip(rows, data, strict=True)
    ]
    step += writer.lines[2]
    reported = graph.outputs[count:]
    if reported:
        ends = [writer.free(f"{names[node]}_of_steps") for node in reported]
        before.append(f"{_listed(ends)} = outputs")
        step += [f"{end}[i] = {names[node]}" for end, node in zip(ends, reported, strict=True)]
    step += writer.replacements(dict(zip(carry, graph.outputs[:count], strict=True)))
    before += writer.lines[1]
    loop = ["for i in range(start, stop):", *(f"    {line}" for line in step)]
    if carry:
        after = f"carry[:] = {_listed([names[node] for node in carry])}"
        loop = ["try:", *(f"    {line}" for line in loop), "finally:", f"    {after}"]
    return before, loop


def _listed(names: Sequence[str]) -> str:
    return f"({', '.join(names)}{',' if len(names) == 1 else ''})"


def _ordered(kernel: Kernel, replaced: Mapping[Node, Node]) -> tuple[list[Node], dict[Node, None]]:
    """Put what overwrites the carry last, and of it what is done block by block at the very end."""
    graph = kernel.graph
    consumers = graph.consumers()
    blocked: dict[Node, None] = {}
    lengths = {kernel.dims[n] for n in replaced.values() if len(n.shape) == 1}
    longest = max((d for d in lengths if type(d[0]) is int), default=(0,))
    if longest[0] >= LARGE:
        for node in reversed(graph.nodes):
            form = form_of(node)
            if (
                kernel.dims[node] == longest
                and form is not None
                and form.ufunc is not None
                and all(not i.shape or _stays(i, node) for i in node.inputs)
                and all(reader in blocked for reader, _ in consumers[node])
                and node not in graph.outputs[len(replaced) :]
            ):
                blocked[node] = None
    late: set[Node] = set()
    written = set(replaced.values())
    for node in graph.nodes:
        if node in written or any(i in late for i in node.inputs):
            late.add(node)
    # What fails, as an index out of range does, should fail before anything is overwritten.
    for node in reversed(graph.nodes):
        updates = node.op.elementwise and any(i in replaced for i in node.inputs)
        if updates and consumers[node] and all(reader in late for reader, _ in consumers[node]):
            late.add(node)
    first = [n for n in graph.nodes if n not in late and n not in blocked]
    then = [n for n in graph.nodes if n in late and n not in blocked]
    return [*first, *then, *(n for n in graph.nodes if n in blocked)], blocked


def _stays(operand: Node, node: Node) -> bool:
    """Whether an operand is an array of the same length that is there from the start."""
    there = operand.is_leaf or operand.op is PACK or form_of(operand) is not None
    return operand.shape == node.shape and there


def _module(
    kernel: Kernel,
    writer: Statements,
    head: str,
    before: Sequence[str],
    body: Sequence[str],
    blocks: int = 0,
) -> Buffered:
    prepare = writer.free(f"{kernel.name}_arrays")
    read = set(re.findall(r"[^\W\d]\w*", "\n".join([*before, *body])))
    kept = [name for name in writer.kept if name in read]
    setup = [*writer.lines[0], f"return {_listed(kept)}" if kept else "return ()"]
    required = {line for node in kernel.graph.nodes for line in node.op.notation.requires}
    imports = ["import numpy as np", *sorted(r for r in required if r.startswith("from "))]
    lines = [*imports, "", "", f"def {prepare}({', '.join(kernel.given)}):"]
    lines += _indented(setup)
    lines += ["", "", head]
    lines += _indented([*([f"{_listed(kept)} = kept"] if kept else []), *before, *body])
    name = head.removeprefix("def ").partition("(")[0]
    return Buffered(
        "\n".join(lines) + "\n",
        writer.constants,
        prepare,
        name,
        len(writer.allocated),
        sum(writer.allocated),
        blocks,
    )


def _indented(lines: Sequence[str]) -> list[str]:
    """Indent lines, and break long lists of names, which may be broken after any comma."""
    found = []
    for line in lines:
        if len(line) <= _WIDTH or not line.startswith(("(", "return (", "return [")):
            found.append(f"    {line}")
            continue
        rest = f"    {line}"
        while len(rest) > _WIDTH and ", " in rest[8:_WIDTH]:
            end = rest.rindex(", ", 8, _WIDTH) + 1
            found.append(rest[:end])
            rest = f"        {rest[end + 1 :]}"
        found.append(rest)
    return found
