"""Notations of function calls with parameters."""

from __future__ import annotations

from typing import Any

from chainrule.notation import Notation, keywords


def operator_name(name: str) -> str:
    r"""Return a name as LaTeX has it.

    Examples
    --------
    >>> print(operator_name("expand_dims"))
    \operatorname{expand\_dims}
    """
    return rf"\operatorname{{{name}}}".replace("_", r"\_")


def by_position(name: str, *shown: str) -> Notation:
    """Notation of ``np.name(a, param, ...)`` with the named parameters shown by position."""

    def write(prefix: str) -> Any:
        def fill(a: Any, **params: Any) -> str:
            extra = "".join(f", {_plain(params[p])}" for p in shown)
            return f"{prefix}{name}({a}{extra})"

        return fill

    def latex(a: Any, **params: Any) -> str:
        return rf"{operator_name(name)}\left({a}\right)"

    return Notation(write("np."), write(""), latex)


def _plain(value: Any) -> str:
    return repr(value[0] if isinstance(value, tuple) and len(value) == 1 else value)


def by_keyword(name: str) -> Notation:
    """Notation of ``np.name(a, ..., param=...)`` with all parameters shown as keywords."""

    def write(prefix: str) -> Any:
        def fill(*operands: Any, **params: Any) -> str:
            return f"{prefix}{name}({', '.join(map(str, operands))}{keywords(**params)})"

        return fill

    def latex(*operands: Any, **params: Any) -> str:
        return rf"{operator_name(name)}\left({', '.join(map(str, operands))}\right)"

    return Notation(write("np."), write(""), latex)
