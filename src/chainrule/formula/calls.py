"""Calls in a formula: which function is meant, and the literals that its keywords take."""

from __future__ import annotations

import ast
import difflib
from collections.abc import Callable, Collection, Mapping
from typing import Any

import numpy as np

from chainrule.errors import FormulaError
from chainrule.formula import tree
from chainrule.formula.limits import MAX_AXES, MAX_INTEGER
from chainrule.formula.source import Source

#: Keyword arguments that a call may have. ``out=`` and ``where=`` would change values in place.
KEYWORDS = ("axis", "axes", "keepdims", "ddof")

#: Names that may stand before a function, and for nothing else.
PREFIXES = ("np", "numpy")

# Names that people try for functions called otherwise.
_ALIASES = {"ln": "log", "sgn": "sign", "tg": "tan", "pow": "power", "sqr": "square"}


def callee(
    source: Source,
    node: ast.Call,
    functions: Mapping[str, Callable[..., Any]],
    variables: Collection[str],
) -> str:
    """Find the function that a call means; `variables` are the names known not to be one."""
    function = node.func
    at = source.start(function)
    match function:
        case ast.Name(id=name):
            if name in functions:
                return name
            raise _unknown(source, at, name, functions, variables)
        case ast.Attribute(value=ast.Name(id=prefix), attr=name) if prefix in PREFIXES:
            if name not in functions:
                raise _unknown(source, at, name, functions, ())
            if name in ("max", "min") and len(node.args) > 1:
                # NumPy's second argument is an axis, Python's a second value.
                raise source.refusal(
                    at,
                    f"{prefix}.{name} takes one array",
                    f"write {name}(a, b) for the {name} of two, {name}(x, axis=0) along an axis",
                )
            return name
        case ast.Attribute(
            value=ast.Attribute(value=ast.Name(id=prefix), attr=module), attr=name
        ) if prefix in PREFIXES:
            # np.linalg.norm is norm, and np.linalg.trace is no np.trace.
            meant = getattr(getattr(np, module, None), name, None)
            if meant is not None and functions.get(name) is meant:
                return name
            raise _unknown(source, attribute(source, function), name, functions, ())
        case ast.Attribute(attr=name):
            instead = f"write {name}(x)" if name in functions else "write a known function: exp(x)"
            at = attribute(source, function)
            raise source.refusal(at, f"methods are not known: .{name}", instead)
    raise source.refusal(
        at, "only a known function can be called", "write its name before the bracket, as in exp(x)"
    )


def attribute(source: Source, node: ast.Attribute) -> int:
    """Find the position of the name after the dot."""
    end = source.offset(node.end_lineno or 1, node.end_col_offset or 0)
    return end - len(node.attr)


def _unknown(
    source: Source,
    at: int,
    name: str,
    functions: Mapping[str, Callable[..., Any]],
    variables: Collection[str],
) -> FormulaError:
    close = difflib.get_close_matches(name, functions, n=1)
    alias = _ALIASES.get(name)
    if name in variables:
        instead = f"write {name}*(...) to multiply"
    elif alias in functions:
        instead = f"did you mean {alias}?"
    elif close:
        instead = f"did you mean {close[0]}?"
    elif len(name) <= 2:
        instead = f"write {name}*(...) to multiply, or the name of a known function"
    else:
        known = ", ".join(sorted(functions))
        shown = known if len(known) < 300 else known[:300].rpartition(",")[0] + ", ..."
        instead = f"write one of {shown}" if shown else "write it out with + - * / **"
    return source.refusal(at, f"'{name}' is no known function", instead)


def keywords(source: Source, node: ast.Call) -> tuple[tuple[str, tree.Literal], ...]:
    """Translate the keyword arguments of a call."""
    found: dict[str, tree.Literal] = {}
    for word in node.keywords:
        at = source.start(word)
        if word.arg is None:
            raise source.refusal(at, "** has nothing on its left", "write the keyword: axis=0")
        if word.arg not in KEYWORDS:
            raise source.refusal(
                at,
                f"'{word.arg}=' cannot be given in a formula",
                f"write one of {', '.join(f'{known}=' for known in KEYWORDS)}",
            )
        # Python finds this only when it compiles, which never happens here.
        if word.arg in found:
            raise source.refusal(at, f"'{word.arg}=' is given twice", "write it once")
        found[word.arg] = _literal(source, word.value)
    return tuple(found.items())


def _literal(source: Source, node: ast.expr) -> tree.Literal:
    match node:
        case ast.Tuple(elts=elements):
            if len(elements) > MAX_AXES:
                raise source.refusal(
                    source.start(node), "there are too many axes", f"write at most {MAX_AXES}"
                )
            return tuple(whole(source, element) for element in elements)
        case ast.Constant(value=True | False | None as value):
            return value
    return whole(source, node)


def whole(source: Source, node: ast.expr) -> int:
    """Read a whole number, with or without a minus sign."""
    match node:
        case ast.Constant(value=int(value)) if _fits(value):
            return value
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int(value))) if _fits(value):
            return -value
    raise source.refusal(
        source.start(node),
        "a whole number belongs here",
        "write axis=0, axis=(0, 1) or keepdims=True; x[0] or x[1:3]",
    )


def _fits(value: int) -> bool:
    return type(value) is int and value < MAX_INTEGER
