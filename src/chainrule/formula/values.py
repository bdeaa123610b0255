"""Values written as text: what stands after ``--at``."""

from __future__ import annotations

import ast
import math
from collections.abc import Collection
from typing import Any

import numpy as np

from chainrule.errors import FormulaError
from chainrule.formula import scanner, tree
from chainrule.formula.interpreter import CONSTANTS, entries
from chainrule.formula.source import Source
from chainrule.formula.translator import Translator
from chainrule.structure import leaves

_NOT_FINITE = ("nan", "inf", "infinity")


class _ValueTranslator(Translator):
    """Numbers, lists and arithmetic; the only names are those of constants."""

    def _name(self, node: ast.Name) -> tree.Name:
        if node.id in CONSTANTS:
            return super()._name(node)
        if node.id.lower() in _NOT_FINITE:
            raise self._refusal(
                node,
                f"a derivative at {node.id} says nothing",
                "write a finite number, such as 1e9 for a large one",
            )
        raise self._refusal(
            node,
            f"'{node.id}' is a word where a number belongs",
            "write a number, as in 2 or -1.5e3, or a list, as in [1, -2]",
        )

    def _call(self, node: ast.Call, depth: int) -> tree.Call:
        raise self._refusal(
            node, "a value calls no functions", "write the number that the call gives"
        )


def parse_value(
    text: str, *, integers: bool = False, whole: bool = False
) -> float | np.ndarray[Any, np.dtype[Any]]:
    """Read a number or an array from text, without ever running it as Python.

    Parameters
    ----------
    text : str
        A number, a list of numbers, or lists of one shape within lists. Each number may be
        arithmetic on numbers, ``pi`` and ``e``, as in ``1/3``.
    integers : bool, optional
        Keep whole numbers whole, where all entries are: for labels.
    whole : bool, optional
        Keep whole numbers whole, and take no others: for what stands in an index.

    Returns
    -------
    float or ndarray
        A Python float for a number, an array of float64 for a list. With `integers` or `whole`, an
        int and an array of int64 where all entries are whole numbers.

    Raises
    ------
    FormulaError
        The text is no number and no list of numbers, or not finite, or not whole. The
        message points at the column and says what to write.

    Examples
    --------
    >>> parse_value("-1.5e3")
    -1500.0
    >>> parse_value("[[1, 2], [3, 4]]")
    array([[1., 2.],
           [3., 4.]])
    >>> parse_value("[0, 2, 1]", integers=True)
    array([0, 2, 1])
    """
    source = Source.of(text)
    statements = scanner.statements(source)
    translator = _ValueTranslator(source, {})
    match statements:
        case [ast.Expr(value=expression)]:
            node = translator.expression(expression, 0)
        case []:
            raise source.refusal(0, "there is no value", "write a number or a list: 2 or [1, -2]")
        case [first, *others]:
            at = source.start(others[0] if others and isinstance(first, ast.Expr) else first)
            raise source.refusal(
                at, "this is more than one value", "write a number or a list: 2 or [1, -2]"
            )
    if isinstance(node, tree.Array):
        listed = entries(node, integers=integers or whole)
        if whole and listed.dtype.kind != "i":
            raise _not_whole(source, node)
        return listed
    if node.constant is None:
        raise source.refusal(
            node.at,
            "this is neither a number nor a list of numbers",
            "write the result itself, as in 2 or [1, -2]",
        )
    is_whole = type(node.constant) is int
    if whole and not is_whole:
        raise _not_whole(source, node)
    value = node.constant if is_whole and (integers or whole) else float(node.constant)
    assert math.isfinite(value), "the translator lets finite numbers through alone"
    return value


def _not_whole(source: Source, node: tree.Node) -> FormulaError:
    return source.refusal(
        node.at, "this stands in an index, where whole numbers belong", "write 0, or [0, 2, 1]"
    )


def parse_assignment(
    text: str, *, indices: Collection[str] = ()
) -> tuple[str, float | np.ndarray[Any, np.dtype[Any]]]:
    """Read ``name=VALUE``.

    Parameters
    ----------
    text : str
        A name, ``=``, and a value as `parse_value` reads it.
    indices : collection of str, optional
        Names of what stands in an index: their values are whole numbers, and no others are taken.

    Returns
    -------
    name : str
        The name.
    value : float or ndarray
        The value.

    Raises
    ------
    FormulaError
        The ``=`` is missing, the name is none, or the value does not parse.

    Examples
    --------
    >>> parse_assignment("w=2")
    ('w', 2.0)
    >>> parse_assignment("x = [1, -2]")
    ('x', array([ 1., -2.]))
    """
    source = Source.of(text)
    left, equals, right = source.text.partition("=")
    name = left.strip()
    if not equals:
        raise source.refusal(
            len(source.text.rstrip()), "the = is missing", "write name=VALUE, as in w=2"
        )
    if not name:
        raise source.refusal(0, "the name is missing", "write name=VALUE, as in w=2")
    at = left.index(name)
    scanner.check_name(source, name, at)
    if not name.isidentifier() or name in ("True", "False", "None"):
        raise source.refusal(
            at, f"{name!r} is no name", "write letters and digits, a letter first, as in w1=2"
        )
    if not right.strip():
        raise source.refusal(
            len(source.text), "the value is missing", f"write a number or a list: {name}=2"
        )
    if "=" in right:
        at = source.text.rindex("=")
        raise source.refusal(at, "there is one = too many", f"write {name}=VALUE")
    try:
        return name, parse_value(right, whole=name in indices)
    except FormulaError as error:
        error.add_note(f"in the value of '{name}'")
        raise


def like(default: Any, value: Any) -> Any:
    """Return a value in the form of a default: a list, whole numbers, single precision."""
    if isinstance(default, np.ndarray | np.generic):
        fits = default.dtype.kind == "f" or (default.dtype.kind in "iub" and _is_whole(value))
        return np.asarray(value).astype(default.dtype)[()] if fits else value
    if isinstance(default, list | tuple) and isinstance(value, np.ndarray):
        numbers = [leaf for _, leaf in leaves(default)]
        whole = bool(numbers) and all(type(n) is int for n in numbers) and _is_whole(value)
        items = (value.astype(int) if whole else value).tolist()
        return tuple(items) if isinstance(default, tuple) else items
    if type(default) is int and isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def _is_whole(value: Any) -> bool:
    return bool(np.all(np.equal(np.mod(value, 1), 0)))
