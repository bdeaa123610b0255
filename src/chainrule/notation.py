"""How an operation is written: as NumPy code, as plain text and as LaTeX.

A :class:`Notation` holds one template a style. In a template ``{0}`` stands for
the first operand and ``{axis}`` for a parameter; after a colon stands how tightly
the operand must bind to go without parentheses, so ``{0:product} * {1:unary}`` puts
them where the reader of the code needs them and nowhere else. A trailing ``!`` asks
for parentheses around a leading minus sign as well: ``2 * (-3)``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

Style = Literal["code", "text", "latex", "loop", "jax"]
Template = str | Callable[..., str]

#: How tightly an expression binds, loosest first.
LEVELS = {
    level: i
    for i, level in enumerate(
        ("any", "compare", "or", "xor", "and", "sum", "product", "unary", "power", "atom")
    )
}


@dataclass(frozen=True, slots=True)
class Written:
    """An expression that has been written, and how tightly it binds.

    Parameters
    ----------
    string : str
        The expression.
    level : str
        A key of :data:`LEVELS`.
    style : {"code", "text", "latex", "loop", "jax"}
        Decides what its parentheses look like.
    """

    string: str
    level: str = "atom"
    style: Style = "code"

    def __format__(self, spec: str) -> str:
        strict = spec.endswith("!")
        needed = spec.removesuffix("!") or "any"
        loose = LEVELS[self.level] < LEVELS[needed]
        if loose or (strict and self.string.startswith("-")):
            return parenthesised(self.string, self.style)
        return self.string

    def __str__(self) -> str:
        return self.string


def parenthesised(string: str, style: Style) -> str:
    """Put parentheses of the given style around an expression."""
    return rf"\left({string}\right)" if style == "latex" else f"({string})"


@dataclass(frozen=True, slots=True)
class Notation:
    """The three ways to write an operation.

    Parameters
    ----------
    code, text, latex : str or callable
        Templates. A callable is given the operands and, as keywords, the parameters.
    level, latex_level : str
        How tightly the result binds; `latex_level` is `level` unless given.
    statement : bool
        The code is one or more statements that assign ``{out}``, not an expression.
    requires : tuple of str
        Statements that the code needs above it, beyond ``import numpy as np``.
    loop : str or callable, optional
        Code for single numbers, as in the body of a loop; `code` unless given. Empty where there
        is none.
    jax : str or callable, optional
        Code over ``jax.numpy``, by its NumPy name, where it differs from `code`: a call, or
        statements where the filled template begins with ``{out} =``. Empty where there is none.
    """

    code: Template
    text: Template
    latex: Template
    level: str = "atom"
    latex_level: str | None = None
    statement: bool = False
    requires: tuple[str, ...] = ()
    loop: Template | None = None
    jax: Template | None = None

    def write(
        self, style: Style, operands: Iterable[Written], params: Mapping[str, Any]
    ) -> Written:
        """Write the operation with its operands already written."""
        template: Template | None = getattr(self, style)
        if template is None:
            template = self.code
        fill = template.format if isinstance(template, str) else template
        level = self.latex_level or self.level if style == "latex" else self.level
        if style == "jax" and self.jax is not None:
            level = "atom"
        return Written(fill(*operands, **params), level, style)


def call(
    code: str,
    latex: str | None = None,
    text: str | None = None,
    arity: int = 1,
    loop: Template | None = None,
) -> Notation:
    r"""Notation of a function call: ``np.exp(x)``, ``exp(x)``, ``\exp(x)``."""
    text = text or code.removeprefix("np.")
    latex = latex or rf"\operatorname{{{text}}}"
    slots = ", ".join(f"{{{i}}}" for i in range(arity))
    return Notation(
        code=f"{code}({slots})",
        text=f"{text}({slots})",
        latex=f"{_escape(latex)}\\left({slots}\\right)",
        loop=loop,
    )


def infix(
    symbol: str, level: str, tighter: str, text: str = "", latex: str = "", left: str = ""
) -> Notation:
    """Notation of an operator; `tighter` is what its right side needs.

    Its left side needs `left`: unless given, the level of the operator itself, which
    makes it associate to the left.
    """

    def template(sign: str) -> str:
        return f"{{0:{left or level}}} {_escape(sign)} {{1:{tighter}!}}"

    return Notation(
        template(symbol), template(text or symbol), template(latex or text or symbol), level
    )


def _escape(template: str) -> str:
    return template.replace("{", "{{").replace("}", "}}")


def keywords(**params: Any) -> str:
    """Write the keyword arguments that differ from NumPy's defaults, with a leading comma."""
    shown = {k: v for k, v in params.items() if v is not None and v is not False}
    return "".join(f", {k}={_literal(v)}" for k, v in shown.items())


def _literal(value: Any) -> str:
    if isinstance(value, tuple) and len(value) == 1:
        return _literal(value[0])
    return repr(value)
