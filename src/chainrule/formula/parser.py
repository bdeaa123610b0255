"""From text to a formula."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

from chainrule.formula import scanner
from chainrule.formula.interpreter import Formula
from chainrule.formula.source import Source
from chainrule.formula.translator import Translator


def parse(
    text: str,
    functions: Mapping[str, Callable[..., Any]],
    *,
    variables: Collection[str] = (),
) -> Formula:
    """Parse a formula, without ever running it as Python.

    Statements ``name = expression`` stand on lines of their own or are separated by ``;``. The
    last may be a bare expression. Expressions are numbers, names, ``+ - * / ** @``, one
    comparison, calls of known functions (as in ``exp(x)``, ``np.exp(x)`` and
    ``np.linalg.norm(x)``), lists of numbers,
    ``.T`` and indexing.

    Parameters
    ----------
    text : str
        The formula.
    functions : mapping of str to callable
        The functions that may be called, by name.
    variables : collection of str, optional
        Names among ``pi``, ``π`` and ``e`` that are variables here, not constants.

    Returns
    -------
    Formula
        The formula, to be called with values for its `Formula.names`.

    Raises
    ------
    FormulaError
        The text is no formula. The message points at the column and says what to write.

    Examples
    --------
    >>> import numpy as np
    >>> f = parse("1 / (1 + exp(-x))", {"exp": np.exp})
    >>> f.names
    ('x',)
    >>> float(f(0.0))
    0.5
    >>> parse("y = x^2", {})
    Traceback (most recent call last):
        ...
    chainrule.errors.FormulaError: ^ has no meaning here (column 6)
        y = x^2
             ^
      instead:  write ** for powers, as in x**2
    """
    source = Source.of(text)
    statements = scanner.statements(source)
    translator = Translator(source, functions, variables)
    translated = tuple(
        translator.statement(statement, last=statement is statements[-1])
        for statement in statements
    )
    if not translated:
        raise source.refusal(0, "there is nothing here", "write, for example, z = w*x + b")
    return Formula(
        text=text,
        names=tuple(translator.names),
        assigned=tuple(translator.assigned),
        output=translated[-1].name,
        constants=tuple(translator.constants),
        indices=tuple(translator.indices),
        statements=translated,
    )
