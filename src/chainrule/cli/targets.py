"""What the command line can explain: a file's function, a formula, a shipped example."""

from __future__ import annotations

import difflib
import importlib
import importlib.util
import inspect
import sys
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

from chainrule.cli.functions import FUNCTIONS
from chainrule.errors import ArgumentError, ChainruleError, FormulaError, Location
from chainrule.formula import parse
from chainrule.trace import named

#: Name of a shipped example -> its module and function.
EXAMPLES = {
    "neuron": ("neuron", "neuron"),
    "layer": ("layer", "layer"),
    "two-layer": ("two_layer", "two_layer"),
    "classifier": ("classifier", "classifier"),
    "classifier-one-hot": ("classifier", "classifier_one_hot"),
    "softmax": ("softmax", "softmax"),
}


@dataclass(frozen=True)
class Target:
    """A function with the values to explain it at.

    Attributes
    ----------
    function : callable
    values : dict
        Argument name -> value; those without a default are missing.
    names : tuple of str
        All arguments.
    wrt, upstream
        What the file says they are.
    """

    function: Callable[..., Any]
    names: tuple[str, ...]
    values: dict[str, Any] = field(default_factory=dict)
    wrt: Any = None
    upstream: Any = None


def find(text: str) -> Target:
    """Find what a target on the command line stands for.

    Raises
    ------
    ArgumentError, FormulaError
        When it is neither a file's function nor an example nor a formula.
    """
    if text in EXAMPLES:
        module, function = EXAMPLES[text]
        return _function(importlib.import_module(f"chainrule.examples.{module}"), function)
    path, colon, function = text.rpartition(":")
    if colon and path.endswith(".py"):
        return _function(_load(Path(path)), function)
    if text.endswith(".py"):
        raise ArgumentError(
            "The function of the file is missing.",
            got=text,
            instead=f"chainrule explain {text}:function",
        )
    if text.replace("-", "").replace("_", "").isalnum() and not text[:1].isdigit():
        close = difflib.get_close_matches(text, EXAMPLES, 1)
        raise ArgumentError(
            f"There is no example {text!r}.",
            expected=f"one of {', '.join(EXAMPLES)}, file.py:function, or a formula in quotes",
            instead=f"chainrule explain {close[0] if close else 'neuron'}",
        )
    return _formula(text)


def _function(module: ModuleType, name: str) -> Target:
    function = getattr(module, name, None)
    if not callable(function):
        here = [
            n for n, f in vars(module).items()
            if inspect.isfunction(f) and f.__module__ == module.__name__
        ]  # fmt: skip
        close = difflib.get_close_matches(name, here, 1) or here[:1]
        file = Path(module.__file__ or "").name
        raise ArgumentError(
            f"{file} has no function {name!r}.",
            expected=f"one of {', '.join(here)}" if here else "a function in the file",
            instead=f"chainrule explain {file}:{close[0]}" if close else None,
        )
    parameters = inspect.signature(function).parameters
    values = {n: p.default for n, p in parameters.items() if p.default is not p.empty}
    return Target(
        function, tuple(parameters), values,
        getattr(module, "WRT", None), getattr(module, "UPSTREAM", None),
    )  # fmt: skip


def _load(path: Path) -> ModuleType:
    if not path.is_file():
        raise ArgumentError("There is no such file.", got=str(path))
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(path.resolve().parent))
    try:
        spec.loader.exec_module(module)
    except ChainruleError:
        raise
    except BaseException as error:
        raise told(error, path) from error
    finally:
        sys.path.pop(0)
    return module


def told(error: BaseException, path: Path | None = None) -> ChainruleError:
    """Return an error of the user's code, with the user's line and nothing of ours."""
    frames = traceback.extract_tb(error.__traceback__)
    own = str(Path(__file__).resolve().parents[1])
    examples = str(Path(own) / "examples")
    theirs = [
        f for f in frames
        if not f.filename.startswith(("<frozen", own)) or f.filename.startswith(examples)
    ]  # fmt: skip
    where = None
    if isinstance(error, SyntaxError) and error.filename:
        where = Location(error.filename, error.lineno or 1, "module")
    elif theirs:
        last = theirs[-1]
        where = Location(last.filename, last.lineno or 1, last.name)
    message = str(error) or type(error).__name__
    return ArgumentError(
        f"The code raised {type(error).__name__}: {message.splitlines()[0]}", where=where
    )


def _formula(text: str) -> Target:
    parsed = parse(text, FUNCTIONS)
    if not parsed.names:
        raise FormulaError(
            "The formula has no variable to differentiate with respect to.",
            got=text,
            instead="a formula such as 'y = w*x + b' with --at w=2 --at x=3 --at b=1",
        )

    def formula(*given: Any) -> Any:
        values = dict(zip(parsed.names, given, strict=True))
        result = parsed.evaluate(values, on_assign=lambda name, value: named(value, name))
        return named(result, parsed.output or "y")

    formula.__signature__ = parsed.__signature__  # type: ignore[attr-defined]  # read by inspect
    return Target(formula, parsed.names)


def completed(target: Target, given: Mapping[str, Any], command: str) -> dict[str, Any]:
    """Return a value for each argument.

    Raises
    ------
    ArgumentError
        When one is missing, or a name is no argument.
    """
    for name in given:
        if name not in target.names:
            close = difflib.get_close_matches(name, target.names, 1)
            raise ArgumentError(
                f"There is no argument {name!r}.",
                expected=f"one of {', '.join(target.names)}",
                got=f"--at {name}=...",
                instead=f"--at {close[0]}=..." if close else None,
            )
    values = {**target.values, **given}
    missing = [name for name in target.names if name not in values]
    if missing:
        example = " ".join(f"--at {name}={i}" for i, name in enumerate(missing, 2))
        raise ArgumentError(
            f"No value is given for {', '.join(missing)}.",
            instead=f"{command} {example}",
        )
    return {name: values[name] for name in target.names}
