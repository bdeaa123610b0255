"""Formulas, and how they are worked out over whatever values they are given."""

from __future__ import annotations

import difflib
import inspect
import math
import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from types import MappingProxyType
from typing import Any

import numpy as np

from chainrule.errors import ChainruleError, FormulaError
from chainrule.formula import tree
from chainrule.formula.limits import MAX_INTEGER
from chainrule.formula.source import Source
from chainrule.trace import suspected

#: Names that need no value.
CONSTANTS: Mapping[str, float] = MappingProxyType({"pi": math.pi, "π": math.pi, "e": math.e})

#: What each symbol does.
OPERATORS: Mapping[str, Callable[[Any, Any], Any]] = MappingProxyType(
    {
        "+": operator.add,
        "-": operator.sub,
        "*": operator.mul,
        "/": operator.truediv,
        "**": operator.pow,
        "@": operator.matmul,
        ">": operator.gt,
        ">=": operator.ge,
        "<": operator.lt,
        "<=": operator.le,
        "==": operator.eq,
        "!=": operator.ne,
    }
)

_PLAIN = (int, float, bool)

#: Is told of an operation before it is run: the function, its operands, its keywords.
Before = Callable[[Callable[..., Any], tuple[Any, ...], Mapping[str, Any]], object]


def operate(symbol: str, left: Any, right: Any) -> Any:
    """Apply a binary operator.

    Two plain Python numbers follow NumPy's rules, not Python's: ``(-8.0)**0.5`` is no complex
    number, ``1.0/0.0`` warns and is infinite. They stay plain, so that a float32 array beside
    them stays float32. Whole numbers turn into floats before they outgrow NumPy's, which also
    bounds the work: ``y = y*y`` repeated would otherwise double the digits each time.
    """
    if type(left) not in _PLAIN or type(right) not in _PLAIN:
        return OPERATORS[symbol](left, right)
    if symbol not in ("/", "**"):
        result = OPERATORS[symbol](left, right)
        return float(result) if type(result) is int and abs(result) >= MAX_INTEGER else result
    result = float(OPERATORS[symbol](np.float64(left), np.float64(right)))
    whole = symbol == "**" and type(left) is int and type(right) is int and right >= 0
    # Below 2**53 a float holds a whole number exactly.
    return int(result) if whole and abs(result) < 2**53 else result


def signed(symbol: str, value: Any) -> Any:
    """Apply a sign."""
    return operator.neg(value) if symbol == "-" else operator.pos(value)


@dataclass(frozen=True)
class Formula:
    """A parsed formula, which can be called like a function. Made by `chainrule.formula.parse`.

    Parameters
    ----------
    text : str
        The text as it was given.
    names : tuple of str
        Free variables, in order of first appearance: the arguments of the call.
    assigned : tuple of str
        Names assigned by statements, in order.
    output : str or None
        Name of the result; None where the formula ends in an expression without a name.
    constants : tuple of str
        Those of ``pi``, ``π`` and ``e`` that the formula uses and does not assign first.
        A value may be given for them; none is needed.
    indices : tuple of str
        Those of `names` that stand in an index: their values are whole numbers.
    statements : tuple of Statement
        The parsed statements.

    Examples
    --------
    >>> import numpy as np
    >>> from chainrule.formula import parse
    >>> f = parse("z = w*x + b; y = max(z, 0)", {"max": np.maximum})
    >>> f.names, f.assigned, f.output
    (('w', 'x', 'b'), ('z', 'y'), 'y')
    >>> f(w=2.0, x=np.array([1.0, -2.0]), b=1.0)
    array([3., 0.])
    """

    text: str
    names: tuple[str, ...]
    assigned: tuple[str, ...]
    output: str | None
    constants: tuple[str, ...] = ()
    indices: tuple[str, ...] = ()
    statements: tuple[tree.Statement, ...] = field(default=(), repr=False)

    def __post_init__(self) -> None:
        kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
        signature = inspect.Signature([inspect.Parameter(name, kind) for name in self.names])
        # On the instance alone: inspect.signature(Formula) must still see the constructor.
        object.__setattr__(self, "__signature__", signature)

    @property
    def __name__(self) -> str:
        """Name that a trace gives to the function."""
        return "formula"

    def __call__(self, /, *args: Any, **values: Any) -> Any:
        """Work the formula out.

        Parameters
        ----------
        *args
            Values of `names`, in their order.
        **values
            Values by name.

        Returns
        -------
        object
            What the last statement gives: arrays for arrays, traced values for traced values.

        Raises
        ------
        FormulaError
            A value is missing, left over or given twice, or the values do not fit the formula.
        """
        if len(args) > len(self.names):
            raise Source.of(self.text).refusal(
                0,
                "too many values",
                f"give values for {_listed(self.names)} alone",
                expected=f"at most {len(self.names)}",
                got=str(len(args)),
            )
        given = dict(zip(self.names, args, strict=False))
        for name in values:
            if name in given:
                raise self._refusal(name, f"'{name}' is given twice", "give it once")
        return self.evaluate({**given, **values})

    def evaluate(
        self,
        values: Mapping[str, Any],
        on_assign: Callable[[str, Any], object] | None = None,
        before: Before | None = None,
    ) -> Any:
        """Work the formula out, telling of each assignment.

        Parameters
        ----------
        values : mapping of str to object
            A value for each of `names`; lists and tuples of numbers are taken as arrays.
        on_assign : callable, optional
            Called as ``on_assign(name, value)`` after each assignment.
        before : callable, optional
            Called as ``before(function, operands, keywords)`` before each operation; an error
            that it raises is told as one of the operation.

        Returns
        -------
        object
            What the last statement gives.

        Raises
        ------
        FormulaError
            A value is missing or left over, or the values do not fit the formula.

        Examples
        --------
        >>> from chainrule.formula import parse
        >>> f = parse("z = w*x; y = z**2", {})
        >>> f.evaluate({"w": 2, "x": 3}, on_assign=print)
        z 6
        y 36
        36
        """
        self._check(values)
        given = {name: self._value(name, value) for name, value in values.items()}
        run = _Run(given, self._note, before)
        result: Any = None
        for statement in self.statements:
            result = self._guarded(run, statement)
            if statement.name is not None:
                run.values[statement.name] = result
                if on_assign is not None:
                    on_assign(statement.name, result)
        return result

    def _guarded(self, run: _Run, statement: tree.Statement) -> Any:
        """One statement; what goes wrong in it points at the operation that went wrong."""
        try:
            return run.value(statement.value)
        except ChainruleError as error:
            error.add_note(self._note(run.at))
            error.place = error.place or Source.of(self.text).numbers(run.at)
            raise
        except (TypeError, ValueError, IndexError, ArithmeticError, MemoryError) as error:
            reason = (str(error) or type(error).__name__).splitlines()[0]
            raise Source.of(self.text).refusal(
                run.at,
                f"this cannot be worked out with these values: {reason}",
                "change the formula here, or the values that reach it",
                got=" and ".join(map(_described, run.operands)) or None,
            ) from error

    def _note(self, at: int) -> str:
        return "in the formula\n" + Source.of(self.text).pointer(at)

    def _check(self, values: Mapping[str, Any]) -> None:
        known = (*self.names, *self.constants)
        for name in values:
            if name in known:
                continue
            if name in self.assigned:
                raise self._refusal(
                    name,
                    f"'{name}' is worked out by the formula itself",
                    f"leave its value out, or take '{name} = ...' out of the formula",
                )
            close = difflib.get_close_matches(str(name), known, n=1)
            raise Source.of(self.text).refusal(
                0,
                f"the formula has no variable {name!r}",
                f"did you mean {close[0]}?" if close else "leave its value out",
                expected=f"values for {_listed(self.names)}",
            )
        for name in self.names:
            if name not in values:
                raise self._refusal(
                    name, f"'{name}' has no value", f"give it one: {name}=VALUE, as in {name}=2"
                )

    def _value(self, name: str, value: Any) -> Any:
        if isinstance(value, list | tuple):
            # A list times 2 would be the list twice.
            try:
                value = np.asarray(value)
            except ChainruleError:
                raise
            except (TypeError, ValueError) as error:
                raise self._refusal(
                    name, f"the list for '{name}' is no array", "give rows of one length"
                ) from error
        if isinstance(value, str | bytes) or (
            isinstance(value, np.ndarray) and value.dtype.kind in "US"
        ):
            raise self._refusal(
                name,
                f"the value of '{name}' is text",
                "give a number or an array; chainrule.formula.parse_value reads one from text",
            )
        return value

    def _refusal(self, name: str, what: str, instead: str) -> FormulaError:
        source = Source.of(self.text)
        found = re.search(rf"\b{re.escape(name)}\b", source.text)
        return source.refusal(found.start() if found else 0, what, instead)


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(names) or "nothing"


def _described(value: Any) -> str:
    shape = getattr(value, "shape", None)
    return type(value).__name__ if shape is None else f"shape {shape}"


class _Run:
    """One evaluation. Recursion is bounded by ``MAX_DEPTH``, which the parser has enforced.

    `at` and `operands` say what was being worked out, should it fail.
    """

    def __init__(
        self,
        values: dict[str, Any],
        note: Callable[[int], str] = lambda at: "",
        before: Before | None = None,
    ) -> None:
        self.values = values
        self.note = note
        self.before = before
        self.at = 0
        self.operands: tuple[Any, ...] = ()

    def apply(self, at: int, function: Callable[..., Any], *operands: Any, **keywords: Any) -> Any:
        self.at, self.operands = at, operands
        if self.before is not None:
            self.before(function, operands, keywords)
        result = function(*operands, **keywords)
        suspected(result, lambda: self.note(at))
        return result

    def value(self, node: tree.Node) -> Any:
        match node:
            case tree.Number():
                return node.constant
            case tree.Name():
                return self.values.get(node.name, node.constant)
            case tree.Unary():
                return self.apply(node.at, partial(signed, node.symbol), self.value(node.operand))
            case tree.Chain():
                result = self.value(node.first)
                for at, symbol, right in node.rest:
                    result = self.apply(at, partial(operate, symbol), result, self.value(right))
                return result
            case tree.Call():
                arguments = [self.value(argument) for argument in node.arguments]
                return self.apply(node.at, node.function, *arguments, **dict(node.keywords))
            case tree.Transpose():
                operand = self.value(node.operand)
                return operand if type(operand) in _PLAIN else operand.T
            case tree.Index():
                entries = tuple(self.entry(entry) for entry in node.entries)
                index = entries if node.several else entries[0]
                return self.apply(node.at, operator.getitem, self.value(node.operand), index)
            case tree.Array():
                return self.apply(node.at, _array, self.nested(node))
        raise AssertionError(f"the parser made a node that is not known here: {node!r}")

    def entry(self, entry: tree.Entry | None) -> Any:
        match entry:
            case tree.Slice():
                return slice(*map(self.entry, (entry.lower, entry.upper, entry.step)))
            case None:
                return None
        value = self.value(entry)
        # A list that is written in a formula holds floats, and here whole numbers are meant.
        if isinstance(value, np.ndarray) and value.dtype.kind == "f" and not np.any(value % 1):
            return value.astype(np.int64)
        return value

    def nested(self, node: tree.Node) -> Any:
        if isinstance(node, tree.Array):
            return [self.nested(item) for item in node.items]
        return self.value(node)


def _array(nested: Any) -> Any:
    return np.array(nested, dtype=np.float64)


def entries(node: tree.Array, *, integers: bool) -> np.ndarray[Any, np.dtype[Any]]:
    """Make the array that a list stands for: of integers if asked, and if all are."""
    nested = _Run({}).nested(node)
    array = np.array(nested)
    whole = integers and array.dtype.kind == "i"
    return array.astype(np.int64 if whole else np.float64)
