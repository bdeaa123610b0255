"""From Python's syntax tree to the nodes of a formula: an allow-list, with an answer for the rest.

Each form that is allowed has a branch below. All others fall through to a refusal, so that a
form which a later Python adds is refused as well.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Collection, Mapping
from typing import Any

import numpy as np

from chainrule.errors import FormulaError
from chainrule.formula import calls, tree
from chainrule.formula.interpreter import CONSTANTS, operate, signed
from chainrule.formula.limits import (
    MAX_AXES,
    MAX_DEPTH,
    MAX_EXPONENT,
    MAX_INTEGER,
    MAX_LIST,
    MAX_MAGNITUDE,
    MAX_NODES,
)
from chainrule.formula.source import Source

_SYMBOLS: Mapping[type[ast.AST], str] = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.Div: "/",
    ast.Pow: "**",
    ast.MatMult: "@",
    ast.Gt: ">",
    ast.GtE: ">=",
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Eq: "==",
    ast.NotEq: "!=",
    ast.USub: "-",
    ast.UAdd: "+",
}


class Translator:
    """One pass over the syntax tree.

    Parameters
    ----------
    source : Source
        The text, for messages.
    functions : mapping of str to callable
        The functions that may be called.
    variables : collection of str
        Names of constants that are variables here.
    """

    def __init__(
        self,
        source: Source,
        functions: Mapping[str, Callable[..., Any]],
        variables: Collection[str] = (),
    ) -> None:
        self.source = source
        self.functions = functions
        self.variables = variables
        # Dictionaries serve as ordered sets.
        self.names: dict[str, None] = {}
        self.assigned: dict[str, None] = {}
        self.constants: dict[str, None] = {}
        self.indices: dict[str, None] = {}
        self.count = 0

    def _refusal(
        self, node: ast.expr | ast.stmt | ast.keyword, what: str, instead: str
    ) -> FormulaError:
        return self.source.refusal(self.source.start(node), what, instead)

    def statement(self, node: ast.stmt, *, last: bool) -> tree.Statement:
        """Translate ``name = expression``, or an expression at the end."""
        at = self.source.start(node)
        match node:
            case ast.Assign(targets=[ast.Name(id=name)]):
                self._assignable(name, at)
                value = self.expression(node.value, 0)
                self.assigned[name] = None
                return tree.Statement(at, name, value)
            case ast.Assign(targets=[_]):
                raise self._refusal(
                    node.targets[0],
                    "only a name can be given a value",
                    "write one name on the left of =, as in z = w*x + b",
                )
            case ast.Assign():
                raise self._refusal(
                    node.targets[1], "two names are given one value", "write a = ...; b = a"
                )
            case ast.Expr() if last:
                return tree.Statement(at, None, self.expression(node.value, 0))
            case ast.Expr():
                raise self._refusal(
                    node, "only the last statement may go without a name", "write name = ..."
                )
        raise self._refusal(
            node, "this is no formula", "write statements such as z = w*x + b, separated by ;"
        )

    def _assignable(self, name: str, at: int) -> None:
        if name in self.functions:
            raise self.source.refusal(
                at, f"'{name}' is a function", f"choose another name, such as {name}_1"
            )
        if name in calls.PREFIXES:
            raise self.source.refusal(
                at, f"'{name}' stands for NumPy", "choose another name, such as n"
            )

    def expression(self, node: ast.expr, depth: int) -> tree.Node:
        """Translate an expression."""
        self._tally(node)
        if depth > MAX_DEPTH:
            raise self._refusal(
                node,
                f"parts stand more than {MAX_DEPTH} deep",
                "write the inner parts as statements of their own: a = ...; z = a + b",
            )
        match node:
            case ast.Constant():
                return self._number(node)
            case ast.Name():
                return self._name(node)
            case ast.BinOp() | ast.Compare():
                return self._chain(node, depth)
            case ast.UnaryOp(op=ast.USub() | ast.UAdd()):
                return self._unary(node, depth)
            case ast.Call():
                return self._call(node, depth)
            case ast.Attribute():
                return self._transpose(node, depth)
            case ast.Subscript():
                return self._index(node, depth)
            case ast.List():
                return self._array(node, depth, 1)
            case ast.Tuple():
                raise self._refusal(
                    node,
                    "values stand side by side",
                    "write a list, as in [1, 2], or a decimal point, as in 1.5",
                )
            case ast.Starred():
                raise self._refusal(
                    node, "a * has nothing on its left", "write the arguments one by one"
                )
        raise self._refusal(
            node, "this is no part of a formula", "write numbers, names and + - * /"
        )

    def _tally(self, node: ast.expr) -> None:
        self.count += 1
        if self.count > MAX_NODES:
            raise self._refusal(
                node,
                f"the formula has more than {MAX_NODES:,} parts",
                "write a function in a .py file",
            )

    def _number(self, node: ast.Constant) -> tree.Number:
        value = node.value
        if type(value) is int and value >= MAX_INTEGER:
            raise self._refusal(node, "the whole number is too large", f"write {float(value):g}")
        if type(value) is float and not np.isfinite(value):
            raise self._refusal(node, "the number is too large", "write at most 1e300")
        if type(value) is not int and type(value) is not float:
            raise self._refusal(
                node, f"{value!r} has a place in axis= and keepdims= alone", "write 1 or 0"
            )
        return tree.Number(self.source.start(node), value)

    def _name(self, node: ast.Name) -> tree.Name:
        name, at = node.id, self.source.start(node)
        if name in self.functions:
            raise self._refusal(
                node, f"'{name}' is a function, not a value", f"write {name}(...) to call it"
            )
        if name in calls.PREFIXES:
            raise self._refusal(
                node, f"'{name}' stands for NumPy, not for a value", f"write {name}.exp(x)"
            )
        if name in self.assigned or name in self.names:
            return tree.Name(at, None, name)
        if name in CONSTANTS and name not in self.variables:
            self.constants[name] = None
            return tree.Name(at, CONSTANTS[name], name)
        self.names[name] = None
        return tree.Name(at, None, name)

    def _unary(self, node: ast.UnaryOp, depth: int) -> tree.Unary:
        operand = self.expression(node.operand, depth + 1)
        symbol = _SYMBOLS[type(node.op)]
        constant = None if operand.constant is None else signed(symbol, operand.constant)
        return tree.Unary(self.source.start(node), constant, symbol, operand)

    def _chain(self, node: ast.expr, depth: int) -> tree.Chain:
        """Walk down the left operands in a loop; only the right ones nest."""
        start = self.source.start(node)
        pending: list[tuple[int, str, ast.expr]] = []
        while isinstance(node, ast.BinOp | ast.Compare):
            if pending:
                self._tally(node)
            if isinstance(node, ast.BinOp):
                left, right = node.left, node.right
                kind: type[ast.AST] = type(node.op)
            else:
                if len(node.ops) > 1:
                    raise self._refusal(
                        node, "comparisons stand in a row", "write (a < b) * (b < c)"
                    )
                left, right = node.left, node.comparators[0]
                kind = type(node.ops[0])
            symbol = _SYMBOLS.get(kind, "")
            if not symbol:
                raise self._refusal(node, "this operator is not known", "write + - * / ** or @")
            # Between an operand and its operator stand spaces and brackets at most.
            after = self.source.offset(left.end_lineno or 1, left.end_col_offset or 0)
            pending.append((max(self.source.text.find(symbol, after), start), symbol, right))
            node = left
        first = self.expression(node, depth + 1)
        constant, rest = first.constant, []
        for at, symbol, right in reversed(pending):
            operand = self.expression(right, depth + 1)
            constant = self._fold(at, symbol, constant, operand.constant)
            rest.append((at, symbol, operand))
        return tree.Chain(start, constant, first, tuple(rest))

    def _fold(
        self, at: int, symbol: str, left: tree.Plain | None, right: tree.Plain | None
    ) -> tree.Plain | None:
        """Work out what numbers alone decide; refuse what has no sensible value."""
        if symbol == "**" and right is not None and abs(right) > MAX_EXPONENT:
            raise self.source.refusal(
                at,
                f"the exponent {right:g} is too large",
                "write a smaller exponent, or exp(n * log(x))",
                expected=f"at most {MAX_EXPONENT} in magnitude",
            )
        if symbol == "@" and (left is not None or right is not None):
            raise self.source.refusal(at, "@ multiplies arrays, not numbers", "write *")
        if left is None or right is None:
            return None
        with np.errstate(all="ignore"):
            value = operate(symbol, left, right)
        if isinstance(value, bool):
            return None
        written = f"{f'({left:g})' if left < 0 else f'{left:g}'} {symbol} {right:g}"
        if (
            np.isnan(value)
            or (symbol == "/" and right == 0)
            or (symbol == "**" and left == 0 > right)
        ):
            raise self.source.refusal(
                at,
                f"{written} is no finite real number",
                "write other numbers",
            )
        if abs(value) > MAX_MAGNITUDE:
            raise self.source.refusal(
                at,
                f"{written} is too large",
                f"write numbers whose result stays below {MAX_MAGNITUDE:g}",
            )
        result: tree.Plain = value
        return result

    def _call(self, node: ast.Call, depth: int) -> tree.Call:
        name = calls.callee(self.source, node, self.functions, (*self.names, *self.assigned))
        arguments = tuple(self.expression(argument, depth + 1) for argument in node.args)
        keywords = calls.keywords(self.source, node)
        at = self.source.start(node)
        return tree.Call(at, None, name, self.functions[name], arguments, keywords)

    def _transpose(self, node: ast.Attribute, depth: int) -> tree.Node:
        match node:
            case ast.Attribute(value=ast.Name(id=prefix), attr=name) if prefix in calls.PREFIXES:
                instead = f"write {name}" if name in CONSTANTS else f"write {prefix}.exp(x)"
                if name in self.functions:
                    instead = f"write {name}(...) to call it"
                raise self._refusal(node, f"{prefix}.{name} is no value", instead)
            case ast.Attribute(attr="T"):
                operand = self.expression(node.value, depth + 1)
                return tree.Transpose(self.source.start(node), None, operand)
        known = f"write {node.attr}(x)" if node.attr in self.functions else "write x.T, or x[0]"
        at = calls.attribute(self.source, node)
        raise self.source.refusal(at, f".{node.attr} is no part of a formula", known)

    def _index(self, node: ast.Subscript, depth: int) -> tree.Index:
        operand = self.expression(node.value, depth + 1)
        several = isinstance(node.slice, ast.Tuple)
        parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        if not 0 < len(parts) <= MAX_AXES:
            raise self._refusal(node.slice, "the index does not fit", "write x[0] or x[0, 1]")
        entries = tuple(self._entry(part) for part in parts)
        return tree.Index(self.source.start(node), None, operand, entries, several)

    def _entry(self, node: ast.expr) -> tree.Entry:
        if not isinstance(node, ast.Slice):
            return self._bound(node)
        lower, upper, step = (
            None if part is None else self._bound(part)
            for part in (node.lower, node.upper, node.step)
        )
        return tree.Slice(lower, upper, step)

    def _bound(self, node: ast.expr) -> tree.Number | tree.Name:
        self._tally(node)
        if isinstance(node, ast.Name):
            name = self._name(node)
            if name.name in self.names:
                self.indices[name.name] = None
            return name
        match node:
            case (
                ast.Constant(value=int(value))
                | ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int(value)))
            ) if type(value) is int:
                return tree.Number(self.source.start(node), calls.whole(self.source, node))
        raise self._refusal(
            node,
            "this cannot stand in an index",
            "write whole numbers, names or :, as in x[0, 1:]; name others first: m = x > 0; x[m]",
        )

    def _array(self, node: ast.List, depth: int, axes: int) -> tree.Array:
        """Translate a list of numbers, or of lists that all have one shape."""
        if not node.elts:
            raise self._refusal(node, "the list is empty", "write its numbers, as in [1, 2]")
        if len(node.elts) > MAX_LIST:
            raise self._refusal(
                node.elts[MAX_LIST],
                f"the list has more than {MAX_LIST:,} entries",
                "write a function in a .py file",
            )
        if axes > MAX_AXES:
            raise self._refusal(
                node, f"lists stand more than {MAX_AXES} deep", f"write up to {MAX_AXES} axes"
            )
        items: list[tree.Node] = []
        shapes: list[tuple[int, ...]] = []
        for element in node.elts:
            if isinstance(element, ast.List):
                self._tally(element)
                inner = self._array(element, depth + 1, axes + 1)
                items.append(inner)
                shapes.append(inner.shape)
            else:
                item = self.expression(element, depth + 1)
                if item.constant is None:
                    raise self._refusal(
                        element,
                        "a list holds numbers alone",
                        "give the whole list a name, and its value beside the formula",
                    )
                items.append(item)
                shapes.append(())
            if shapes[-1] != shapes[0]:
                raise self._refusal(
                    element,
                    "the rows of the list differ in length",
                    "write rows of one length, as in [[1, 2], [3, 4]]",
                )
        shape = (len(items), *shapes[0])
        return tree.Array(self.source.start(node), None, tuple(items), shape)
