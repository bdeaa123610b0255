"""What a function has in scope at each of its lines, seen by running it."""

import ast
import copy
import sys
import types

import numpy as np

#: The value of an expression that cannot be evaluated.
MISSING = object()
NUMBERS = (np.ndarray, np.generic, float, int)


class Scope:
    """The values of names at one moment, in which expressions can be evaluated."""

    def __init__(self, names, module):
        self.names = names
        self.module = module
        self._known = {}

    def value(self, expression):
        text = expression if isinstance(expression, str) else ast.unparse(expression)
        if text not in self._known:
            self._known[text] = self._evaluate(text)
        return self._known[text]

    def _evaluate(self, text):
        try:
            with np.errstate(all="ignore"):
                return eval(text, self.module, self.names)
        except Exception:  # an index of a later turn of a loop, a name not yet bound
            return MISSING

    def shape(self, expression):
        value = self.value(expression)
        return np.shape(value) if isinstance(value, NUMBERS) else None

    def references(self):
        """Return the numbers that can be written by name: `x`, `self.x`, `params["x"]`."""
        found = {}
        for name, value in self.names.items():
            found |= _numbers(name, value)
            if name == "self":
                for attribute, kept in vars(value).items():
                    found |= _numbers(f"self.{attribute}", kept)
        return found


def _numbers(text, value):
    if isinstance(value, NUMBERS) and not isinstance(value, bool):
        return {text: value}
    if isinstance(value, dict):
        parts = {f"{text}[{key!r}]": part for key, part in value.items()}
        return {key: part for key, part in parts.items() if isinstance(part, NUMBERS)}
    return {}


def observe(functions, run):
    """Run `run()`; return by function, by line, the scope when the line was first reached.

    Under the line 0 stands the scope at the end of the function, with its answer as `returned`.
    """
    seen = {function.__code__: {} for function in functions}

    def trace(frame, event, answer):
        lines = seen.get(frame.f_code)
        if lines is None:
            return None
        if event == "line" and frame.f_lineno not in lines:
            lines[frame.f_lineno] = Scope(_copied(frame.f_locals), frame.f_globals)
        if event == "return":
            names = _copied(frame.f_locals) | {"returned": copy.deepcopy(answer)}
            lines[0] = Scope(names, frame.f_globals)
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        run()
    finally:
        sys.settrace(before)
    return {function: seen[function.__code__] for function in functions}


def _copied(names):
    return {name: copy.deepcopy(value) for name, value in names.items() if _can_be_copied(value)}


def _can_be_copied(value):
    return not isinstance(value, types.GeneratorType | zip | enumerate | reversed)
