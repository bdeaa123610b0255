"""What the command line can explain: a file's function, a formula, a shipped example.

How a text is read, in this order:

1. the name of a shipped example, such as ``neuron`` or ``classifier:classifier_one_hot``;
2. ``file.py:function``;
3. one word, or one that nearly is the name of an example: refused with what was meant;
4. anything else is a formula.
"""

from __future__ import annotations

import difflib
import importlib
import inspect
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any, cast

from chainrule.arguments import signature_of, with_signature
from chainrule.cli.files import loaded
from chainrule.errors import ArgumentError, FormulaError
from chainrule.examples import EXAMPLES
from chainrule.formula import FUNCTIONS, Formula, parse
from chainrule.trace import named


@dataclass(frozen=True)
class Target:
    """A function with the values to explain it at.

    Attributes
    ----------
    function : callable
    names : tuple of str
        All arguments.
    values : dict
        Argument name -> default, for those that have one.
    by_name : tuple of str
        Arguments that can only be given by name.
    wrt, upstream
        What the file says they are.
    formula : Formula or None
    """

    function: Callable[..., Any]
    names: tuple[str, ...]
    values: Mapping[str, Any] = field(default_factory=dict)
    by_name: tuple[str, ...] = ()
    wrt: Any = None
    upstream: Any = None
    formula: Formula | None = None

    @property
    def indices(self) -> tuple[str, ...]:
        """The variables of a formula that stand in an index."""
        return () if self.formula is None else self.formula.indices

    def call(self, values: Mapping[str, Any]) -> tuple[list[Any], dict[str, Any]]:
        """Return the values as positional arguments and arguments by name."""
        by_name = {name: values[name] for name in self.by_name}
        return [values[name] for name in self.names if name not in by_name], by_name


@contextmanager
def found(text: str, given: Collection[str] = ()) -> Iterator[Target]:
    """Find what a target on the command line stands for, and keep its file at hand.

    Parameters
    ----------
    text : str
    given : collection of str
        Names that a value is given for: a formula's `e` is then no constant.

    Raises
    ------
    ArgumentError, FormulaError
        When it is neither a file's function nor an example nor a formula.
    """
    text = text.strip()
    example = _example(text)
    if example is not None:
        yield function_in(*example)
        return
    path, function = file_and_function(text)
    if path is not None:
        if not function:
            with loaded(path) as module:
                names = functions_of(module)
            raise ArgumentError(
                "The function of the file is missing.",
                expected=f"{path}:function, with one of {', '.join(names)}" if names else None,
                got=text,
                instead=f"chainrule explain {path}:{names[0] if names else 'function'}",
            )
        with loaded(path) as module:
            yield function_in(module, function, str(path))
        return
    yield _formula(text, given)


def file_and_function(text: str) -> tuple[Path | None, str]:
    """Take ``file.py:function`` apart; None where the text is something else."""
    path, colon, function = text.rpartition(":")
    if colon and path.endswith(".py"):
        return Path(path), function
    return (Path(text), "") if text.endswith(".py") else (None, "")


def _example(text: str) -> tuple[ModuleType, str, str] | None:
    """Find a shipped example; refuse what is meant as one, or as a file, and is not."""
    name, colon, function = text.partition(":")
    known = EXAMPLES.get(name.replace("_", "-"))
    if known is not None:
        module = importlib.import_module(f"chainrule.examples.{known[0]}")
        return module, function if colon else known[1], name
    if re.fullmatch(r"[\w./\\-]+:\w*", text) and not name.endswith(".py"):
        raise ArgumentError(
            "There is no such example, and a Python file ends in .py.",
            expected=f"one of {', '.join(EXAMPLES)}, file.py:function, or a formula in quotes",
            got=text,
            instead=f"chainrule explain {name}.py:{function or 'function'}",
        )
    close = difflib.get_close_matches(text, EXAMPLES, 1)
    if text.isidentifier() or (close and re.fullmatch(r"[\w-]+", text)):
        raise ArgumentError(
            f"There is no example {text!r}.",
            expected=f"one of {', '.join(EXAMPLES)}, file.py:function, or a formula in quotes "
            "(with an operator or a call, such as 'w*x')",
            instead=f"chainrule explain {close[0] if close else 'neuron'}",
        )
    return None


def functions_of(module: ModuleType) -> list[str]:
    """Return the names of the functions that a module defines."""
    return [
        name
        for name, f in vars(module).items()
        if inspect.isfunction(f) and f.__module__ == module.__name__
    ]


def callable_in(
    module: ModuleType, name: str, command: str, but: str | None = None
) -> Callable[..., Any]:
    """Return a function of a module.

    Parameters
    ----------
    module : module
    name : str
    command : str
        What to type instead where there is no such function, up to the function's name.
    but : str, optional
        A function that cannot be meant.

    Raises
    ------
    ArgumentError
    """
    function = getattr(module, name, None)
    if callable(function):
        return cast("Callable[..., Any]", function)
    here = [known for known in functions_of(module) if known != but]
    close = difflib.get_close_matches(name, here, 1) or here[:1]
    raise ArgumentError(
        f"{Path(module.__file__ or name).name} has no function {name!r}.",
        expected=f"one of {', '.join(here)}" if here else "a function in the file",
        instead=f"{command}{close[0]}" if close else None,
    )


def of_class(kind: type, asked: str, module: str) -> ArgumentError:
    """Return the error that a class is no function, with what to write for its objects."""
    signature = signature_of(getattr(kind, "forward"))  # noqa: B009  # a class of anybody's
    inputs = list(signature.parameters)[1:] if signature is not None else ["inputs"]
    labels = {"y_true": "y_true=y_true"} if asked == "check" else {}
    given = ", ".join(labels.get(name, name) for name in inputs)
    return ArgumentError(
        f"{kind.__name__} is a class, and its objects are made in Python.",
        expected="a function",
        got=kind.__name__,
        instead=f"import chainrule; from {module} import {kind.__name__}; "
        f"print(chainrule.{asked}({kind.__name__}(), {given}))",
    )


def function_in(
    module: ModuleType, name: str, shown: str, command: str = "chainrule explain"
) -> Target:
    """Return a function of a module as a target.

    Raises
    ------
    ArgumentError
        When there is no such function, or one whose arguments have no names.
    """
    function = callable_in(module, name, f"{command} {shown}:")
    if isinstance(function, type) and hasattr(function, "forward"):
        raise of_class(function, command.split()[-1], Path(shown.partition(":")[0]).stem)
    signature = signature_of(function)
    if signature is None:
        raise ArgumentError(
            f"{name} does not say what arguments it takes.",
            expected="a function written in Python",
        )
    parameters = {n: p for n, p in signature.parameters.items() if p.kind != p.VAR_KEYWORD}
    for parameter in parameters.values():
        if parameter.kind == parameter.VAR_POSITIONAL:
            raise ArgumentError(
                f"{name} takes any number of arguments, so there is nothing to name on a "
                "command line.",
                got=f"{name}{signature}",
                instead=f"write its arguments out: {name}(w, x, b)",
            )
    return Target(
        function,
        tuple(parameters),
        {n: p.default for n, p in parameters.items() if p.default is not p.empty},
        tuple(n for n, p in parameters.items() if p.kind == p.KEYWORD_ONLY),
        getattr(module, "WRT", None),
        getattr(module, "UPSTREAM", None),
    )


def _formula(text: str, given: Collection[str]) -> Target:
    parsed = parse(text, FUNCTIONS)
    names = (*parsed.names, *(name for name in parsed.constants if name in given))
    if not names:
        raise FormulaError(
            "The formula has no variable to differentiate with respect to.",
            got=text,
            instead="chainrule explain 'y = w*x + b' --at w=2 --at x=3 --at b=1",
        )
    taken = {*names, *parsed.assigned}
    output = parsed.output or ("y" if "y" not in taken else "output")

    def formula(*values: Any) -> Any:
        result = parsed.evaluate(
            dict(zip(names, values, strict=True)),
            on_assign=lambda name, value: named(value, name),
        )
        return named(result, output)

    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    with_signature(formula, [inspect.Parameter(name, kind) for name in names])
    return Target(formula, names, formula=parsed)
