"""Readable NumPy: the code that a person would have written for the same gradients."""

from __future__ import annotations

import ast
from typing import Any

import numpy as np

from chainrule.emit.program import Emitted, Program
from chainrule.emit.writes import Writes, apart, ascending, is_fresh, joined_along
from chainrule.errors import NotAloneError
from chainrule.graph import Node
from chainrule.notation import Written
from chainrule.rules import TABLE
from chainrule.structure import leaves, map_leaves
from chainrule.writing import LITERAL_SIZE, is_identity, leaf, number

_LONGEST = 72
#: Operations that take a whole number for a float.
_ARITHMETIC = ("add", "subtract", "multiply", "divide")


class _Emitter:
    """Writes one program, line by line in the order of its nodes."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.lines: list[tuple[bool, str]] = []
        self.written: dict[Node, Written] = {}
        self.parameters: dict[str, Any] = {}
        self.taken = {"np", program.name, *program.arguments}
        self.taken |= _defined_above(program)
        self.mixed = any(n.abstract.dtype == np.float32 for n in program.graph.nodes)
        self.writes = Writes(program)
        self.uses: dict[Node, int] = {}
        for node in program.graph.nodes:
            for operand in node.inputs:
                self.uses[operand] = self.uses.get(operand, 0) + 1
        for output in program.graph.outputs:
            self.uses[output] = self.uses.get(output, 0) + 1

    def free(self, name: str) -> str:
        """Return a name that is not taken yet."""
        while name in self.taken:
            name += "_"
        self.taken.add(name)
        return name

    def temporary(self, node: Node) -> str:
        """Return a name for a value that the user did not name."""
        origin = self.program.gradient_of.get(node)
        if node in self.program.forward:
            origin = None
        forward = self.written.get(origin) if origin is not None else None
        name = f"d{forward}"
        # Several versions of an array may go by one name: the last one's gradient has it.
        meant = {
            *self.program.gradients.values(),
            *(f"d{argument}" for argument in self.program.wrt),
        }
        free = name not in self.taken and name not in meant
        if forward is not None and forward.string in self.taken and free:
            return self.free(name)
        count = 1
        while f"t{count}" in self.taken:
            count += 1
        return self.free(f"t{count}")

    def run(self) -> None:
        """Write all nodes."""
        for node in self.program.graph.nodes:
            if node.is_leaf:
                self.leaf(node)
                self.writes.note(node, inline=False)
            elif node in self.writes.gathered:
                self.gathered(node)
                self.writes.note(node, inline=False)
            elif node not in self.writes.left:
                before = len(self.lines)
                self.node(node)
                self.writes.note(node, inline=len(self.lines) == before)

    def leaf(self, node: Node) -> None:
        """Write an input or a constant."""
        if node.is_input:
            self.written[node] = leaf(node, "code")
            return
        label = self.program.gradients.get(node) or node.name
        if label is None and np.size(node.value) > LITERAL_SIZE and not is_identity(node.value):
            label = "c"
        if label is None:
            written = number(node.value, "code")
            if self.mixed and not node.shape and not node.abstract.weak:
                # Beside float32 it matters that this number is not a Python one.
                written = Written(f"np.{node.abstract.dtype.name}({written})")
            self.written[node] = written
            return
        if node not in self.uses:
            return
        name = self.free(label)
        self.written[node] = Written(name)
        if np.size(node.value) > LITERAL_SIZE:
            self.parameters[name] = node.value
        else:
            self.assign(node, name, str(number(node.value, "code")))

    def node(self, node: Node) -> None:
        """Write an operation: in line where it is read once, else on a line of its own."""
        notation = node.op.notation
        operands = [self.operand(node, i) for i in node.inputs]
        label = node.name
        if label is None and node not in self.program.forward:
            label = self.program.gradients.get(node)
        if node.op is TABLE["setitem"] and self.in_place(node, label, operands):
            return
        if notation.statement:
            name = self.free(label) if label else self.temporary(node)
            self.statement(node, name, operands)
            return
        expression = notation.write("code", operands, node.params)
        if (
            node.op.name == "negative"
            and node.inputs[0].op.name in ("multiply", "divide")
            and (operands[0].level == "product")
        ):
            expression = Written(f"-{operands[0]:product!}", "product")  # -a / b is (-a) / b
        cheap = node.op.view and all(i.is_leaf or i.name for i in node.inputs)
        plain = node.op.vjp is None and not node.shape
        alone = self.uses.get(node, 0) > 1 and not (cheap or plain)
        if label is None and not alone and len(expression.string) <= _LONGEST:
            self.written[node] = expression
            return
        name = self.free(label) if label else self.temporary(node)
        self.assign(node, name, expression.string)
        self.written[node] = Written(name)

    def statement(
        self, node: Node, name: str, operands: list[Written], first: str | None = None
    ) -> None:
        """Write a statement; `first` takes the place of its first line, where it is given."""
        code = node.op.notation.write("code", operands, {**node.params, "out": name})
        lines = code.string.splitlines()
        if first is not None:
            lines = [first, *lines[1:]] if first else lines[1:]
        self.lines += [(node in self.program.forward, line) for line in lines]
        self.written[node] = Written(name)

    def in_place(self, node: Node, label: str | None, operands: list[Written]) -> bool:
        """Write to an array itself, where nobody asks later what it was before."""
        array, name = node.inputs[0], operands[0].string
        if not name.isidentifier():
            if not is_fresh(array):
                return False
            name = self.free(label) if label else self.temporary(node)
            self.statement(node, name, operands, f"{name} = {operands[0]}")
            return True
        if label or not self.writes.is_last(node, array):
            return False
        self.statement(node, name, operands, "" if is_fresh(array) else f"{name} = {name}.copy()")
        return True

    def gathered(self, node: Node) -> None:
        """Put the gradients of several parts of an array into one array."""
        parts = self.writes.gathered[node]
        separate = apart(parts)
        if len(parts) > 1 and all(separate):
            parts = ascending(parts)
        label = node.name or self.program.gradients.get(node)
        others = [i for i in node.inputs if i not in parts]
        rest = [self.written[i] for i in others]
        start = " + ".join(f"{w:product}" for w in rest)
        if len(rest) == 1 and rest[0].string.isidentifier():
            own = is_fresh(others[0]) and self.writes.is_last(node, others[0])
            start = f"{start}.copy()" if not own else start if label else ""
        elif len(rest) == 1 and not is_fresh(others[0]):
            start = f"{rest[0]:atom}.copy()"
        if rest and not start:
            name = rest[0].string
        else:
            name = self.free(label) if label else self.temporary(node)
        values = [self.written[part.inputs[1]] for part in parts]
        axis = joined_along(parts) if all(separate) and not rest else None
        if axis is not None:
            along = f", axis={axis}" if axis else ""
            joined = f"np.concatenate([{', '.join(map(str, values))}]{along})"
            if len(joined) <= _LONGEST:
                self.assign(node, name, joined)
                self.written[node] = Written(name)
                return
        if start:
            self.assign(node, name, start)
        elif not rest:
            self.assign(node, name, f"np.zeros_like({self.written[parts[0].inputs[0]]})")
        for part, alone in zip(parts, separate, strict=True):
            operands = [self.written[i] for i in part.inputs]
            line = part.op.notation.write("code", operands, {**part.params, "out": name})
            written = line.string.splitlines()[-1]
            if written.startswith(f"{name}[") and (rest or not alone):
                written = written.replace("] = ", "] += ", 1)
            self.lines.append((node in self.program.forward, written))
        self.written[node] = Written(name)

    def operand(self, node: Node, operand: Node) -> Written:
        """Write an operand; beside an array or a variable, a whole number goes without ``.0``."""
        value = operand.value
        whole = operand.is_constant and type(value) is float and value.is_integer()
        if not whole or node in self.program.forward or node.op.name not in _ARITHMETIC:
            return self.written[operand]
        beside = any(i.abstract.dtype.kind in "fc" for i in node.inputs if not i.is_constant)
        if beside or (node.op.name == "divide" and len(set(node.inputs)) > 1):
            return number(int(value), "code")
        return self.written[operand]

    def assign(self, node: Node, name: str, expression: str) -> None:
        """Write an assignment."""
        self.lines.append((node in self.program.forward, f"{name} = {expression}"))

    def results(self) -> list[str]:
        """Assign the gradients asked for, and return the names of all results."""
        value, *gradients = self.program.graph.outputs
        shown = [self.written[value].string]
        remaining = iter(gradients)
        for name in self.program.wrt:
            structure = self.program.arguments[name]

            def visit(input_: Any, path: str) -> Any:
                real = isinstance(input_, Node) and input_.carries_gradient
                return self.written[next(remaining)].string if real else "None"

            found = map_leaves(visit, structure, name)
            expression = found if isinstance(found, str) else _structure_code(found)
            label = f"d{name}"
            if expression.rstrip("_") == label:  # the name was taken: it is called so already
                label = expression
            else:
                label = self.free(label)
                self.lines.append((False, f"{label} = {expression}"))
            shown.append(label)
        return shown


def _structure_code(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_structure_code, value))}]"
    if isinstance(value, tuple):
        return f"({', '.join(map(_structure_code, value))}{',' if len(value) == 1 else ''})"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{k!r}: {_structure_code(v)}" for k, v in value.items()) + "}"
    if hasattr(value, "__dataclass_fields__"):
        fields = {name: getattr(value, name) for name in value.__dataclass_fields__}
        return _structure_code(fields)
    if not isinstance(value, str) and isinstance(getattr(value, "__dict__", None), dict):
        return _structure_code(vars(value))
    return str(value)


def numpy_code(program: Program) -> Emitted:
    """Write a program as a NumPy module that runs on its own.

    Returns
    -------
    Emitted
        One function that returns the value and the gradients; below it, where they are
        small, a call with the numbers at hand.

    Raises
    ------
    NotAloneError
        When a name that the user chose means two things in one module.
    """
    above = _above(program)
    name = program.name
    while name in _defined_above(program):  # the function itself brings its own derivative
        name += "_worked"
    emitter = _Emitter(program)
    emitter.run()
    results = emitter.results()
    arguments = program.used_arguments()
    if program.upstream is not None and program.upstream.name:
        arguments.append(program.upstream.name)
    arguments += emitter.parameters
    gradients = ", ".join(results[1:])
    body = [f'    """Return {program.graph.outputs[0].name or "the value"} and {gradients}."""']
    for is_forward, title in ((True, "forward pass"), (False, "backward pass")):
        part = [line for forward, line in emitter.lines if forward == is_forward]
        if part:
            body.append(f"    # {title}")
            body += [f"    # as long as {c}" for c in program.conditions if not is_forward]
            body += [f"    {line}" for line in part]
    body.append(f"    return {', '.join(results)}")
    head = f"def {name}({', '.join(arguments)}):"
    source = [*above, head, *body]
    call = _call(program, name, list(emitter.parameters), results)
    return Emitted(name, "\n".join([*source, *call]) + "\n", emitter.parameters)


def _defined(statement: str) -> set[str]:
    """Return the names that an import or a definition makes."""
    (node,) = ast.parse(statement).body
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        return {alias.asname or alias.name for alias in node.names}
    return {node.name} if isinstance(node, ast.FunctionDef) else set()


def _required(program: Program) -> list[str]:
    """Return the statements that the operations need above them, each once."""
    nodes = program.graph.nodes
    return list(dict.fromkeys(line for n in nodes for line in n.op.notation.requires))


def _defined_above(program: Program) -> set[str]:
    return {name for statement in _required(program) for name in _defined(statement)}


def _above(program: Program) -> list[str]:
    """Write what the function needs above it: imports, and the functions that it calls."""
    required = _required(program)
    names = [name for statement in required for name in _defined(statement)]
    for name in names:
        if names.count(name) > 1 or name in program.arguments or name == "np":
            raise NotAloneError(
                f"Two things are called {name} in {program.name}, so that there is no code for it.",
                instead="another name for one of the two",
            )
    imports = [r for r in required if r.startswith(("import ", "from "))]
    definitions = [r for r in required if r not in imports]
    lines = ["import numpy as np", *sorted(imports), "", ""]
    for definition in definitions:
        lines += [*definition.splitlines(), "", ""]
    return lines


def _call(program: Program, name: str, parameters: list[str], results: list[str]) -> list[str]:
    """Write the call with the numbers at hand, where they fit on a page."""
    given = program.call_values()
    flat = [v for name, value in given.items() for _, v in leaves(value, name)]
    if (
        parameters
        or not all(map(_is_writable, given.values()))
        or sum(np.size(v) for v in flat) > 4 * LITERAL_SIZE
    ):
        return []
    lines = ["", "", 'if __name__ == "__main__":', f"    results = {name}("]
    lines += [f"        {key}={_literal(value)}," for key, value in given.items()]
    lines += ["    )"]
    names = ", ".join(repr(r) for r in [_title(program), *results[1:]])
    lines += [f"    for name, result in zip([{names}], results):"]
    lines += ['        print(name, "=", result)']
    return lines


def _is_writable(value: Any) -> bool:
    """Whether a value can be written as source, containers and all."""
    if type(value) in (list, tuple):
        return all(map(_is_writable, value))
    if type(value) is dict:
        return all(map(_is_writable, value.values()))
    return isinstance(value, (float, int, complex, str, type(None), np.ndarray, np.generic))


def _title(program: Program) -> str:
    return program.graph.outputs[0].name or "value"


def _literal(value: Any) -> str:
    if isinstance(value, (list, tuple, dict)):
        return _structure_code(map_leaves(lambda v, path: _literal(v), value, ""))
    if isinstance(value, (str, type(None), bool)):
        return repr(value)
    if isinstance(value, np.generic):
        return f"np.{value.dtype.name}({value})"
    return number(value, "code").string if isinstance(value, np.ndarray) else repr(value)
