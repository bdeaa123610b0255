"""The source of a user's function, statement by statement, to be watched and edited.

A function is watched or edited by giving it other code for a while: its ``__code__`` is
replaced and put back, so that whoever holds the function, a class or a closure, runs the
other code without noticing.
"""

from __future__ import annotations

import ast
import functools
import inspect
import textwrap
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import CodeType, FunctionType, MethodType
from typing import Any

from chainrule.checking.naming import says_gradient
from chainrule.errors import Location
from chainrule.trace.source import is_user_file

#: Statements that compute something, as opposed to those that hold others.
Simple = ast.Assign | ast.AugAssign | ast.AnnAssign | ast.Expr | ast.Return
_SIMPLE = (
    ast.Assign, ast.AugAssign, ast.AnnAssign, ast.Expr, ast.Return, ast.Raise, ast.Assert,
)  # fmt: skip


class Unit:
    """A function whose source is at hand.

    Attributes
    ----------
    function : function
    tree : ast.FunctionDef
        With the line numbers of its file.
    statements : list of ast.stmt
        Those that compute something, in the order in which they are written.
    lines : list of str
        The source, without what all lines are indented by.
    watched : dict
        Code with probes that was compiled of the tree as it is.
    """

    def __init__(
        self,
        function: FunctionType,
        tree: ast.FunctionDef,
        lines: list[str],
        offset: int | None = None,
        place: Callable[[int], tuple[str, int]] | None = None,
    ) -> None:
        self.function = function
        self.tree = tree
        self.lines = lines
        self.statements = list(simple_statements(tree.body))
        self.watched: dict[int, CodeType | None] = {}
        self._original = function.__code__
        self._place = place or (lambda line: (self.file, line))
        if offset is None:  # the decorators stand above
            starts = (i for i, line in enumerate(lines) if line.lstrip().startswith("def "))
            offset = next(starts, 0)
        self._first = tree.lineno - offset

    @classmethod
    def of(cls, function: Callable[..., Any]) -> Unit | None:
        """Return the unit of a function, or None where its source cannot be had."""
        plain = plain_function(function)
        found = None if plain is None else _parsed(plain.__code__)
        return None if plain is None or found is None else cls(plain, *found)

    @property
    def name(self) -> str:
        """The function's name."""
        return self.function.__name__

    @property
    def file(self) -> str:
        """The file that it is written in."""
        return self._original.co_filename

    def where(self, statement: ast.AST) -> Location:
        """Return the line of a statement."""
        return Location(*self._place(getattr(statement, "lineno", self.tree.lineno)), self.name)

    def text(self, statement: ast.AST) -> str:
        """Return a statement as it is written."""
        start = getattr(statement, "lineno", 1)
        end = getattr(statement, "end_lineno", None) or start
        lines = self.lines[start - self._first : end - self._first + 1]
        return textwrap.dedent("\n".join(lines)).strip()

    def rewritten(self, statement: ast.stmt, new: str) -> str:
        """Return the lines of a statement with other code in its place, and the rest as it is."""
        start, end = statement.lineno - self._first, (statement.end_lineno or 1) - self._first
        if not 0 <= start <= end < len(self.lines):
            return new
        before = self.lines[start].encode()[: statement.col_offset].decode()
        after = self.lines[end].encode()[statement.end_col_offset :].decode()
        return textwrap.dedent(f"{before}{new}{after}").strip()

    def compiled(self, tree: ast.FunctionDef) -> CodeType | None:
        """Compile another version of the function; None where it would not fit in its place."""
        return _compiled(tree, self._original)

    @contextmanager
    def running(self, code: CodeType) -> Iterator[None]:
        """Run other code in the function's place for a while."""
        before = self.function.__code__
        self.function.__code__ = code
        try:
            yield
        finally:
            self.function.__code__ = before


def plain_function(function: Any) -> FunctionType | None:
    """Return the Python function behind a method or a wrapper."""
    if isinstance(function, MethodType):
        function = function.__func__
    if isinstance(function, (staticmethod, classmethod)):
        function = function.__func__
    if isinstance(function, functools.partial):
        return plain_function(function.func)
    function = inspect.unwrap(function) if callable(function) else function
    if callable(function) and not isinstance(function, (FunctionType, type)):
        function = vars(type(function)).get("__call__")  # an object that is called
    return function if isinstance(function, FunctionType) else None


def _compiled(tree: ast.FunctionDef, original: CodeType) -> CodeType | None:
    """Compile another version of a function's code; None where it would not fit in its place."""
    free = original.co_freevars
    # Without what is evaluated where the function is defined; its fields differ by Python.
    fields = {name: getattr(tree, name) for name in tree._fields}
    fields |= {"args": _bare(tree.args), "decorator_list": [], "returns": None}
    fields |= {"type_params": []} if "type_params" in fields else {}
    bare = ast.FunctionDef(**fields)
    ast.copy_location(bare, tree)
    # The body has places already, and hundreds of edits are compiled: only what is new gets any.
    ast.fix_missing_locations(bare.args)
    outer = ast.parse(f"def __outer__({', '.join(free)}): pass").body[0]
    assert isinstance(outer, ast.FunctionDef)
    outer.body = [bare]
    try:
        code = compile(ast.Module([outer], []), original.co_filename, "exec", dont_inherit=True)
    except (SyntaxError, ValueError, TypeError):
        return None
    inner = _inner(_inner(code, "__outer__"), tree.name)
    return inner if inner is not None and inner.co_freevars == free else None


def _bare(arguments: ast.arguments) -> ast.arguments:
    """Return parameters without annotations; defaults stay, so that they count the same."""
    strip = functools.partial(map, lambda a: ast.copy_location(ast.arg(a.arg), a))
    return ast.arguments(
        posonlyargs=list(strip(arguments.posonlyargs)),
        args=list(strip(arguments.args)),
        vararg=next(strip([arguments.vararg])) if arguments.vararg else None,
        kwonlyargs=list(strip(arguments.kwonlyargs)),
        kw_defaults=[d and ast.Constant(None) for d in arguments.kw_defaults],
        kwarg=next(strip([arguments.kwarg])) if arguments.kwarg else None,
        defaults=[ast.Constant(None) for _ in arguments.defaults],
    )


def _inner(code: CodeType | None, name: str) -> CodeType | None:
    constants = code.co_consts if code is not None else ()
    return next((c for c in constants if isinstance(c, CodeType) and c.co_name == name), None)


@functools.lru_cache(maxsize=256)
def _parsed(code: CodeType) -> tuple[ast.FunctionDef, list[str]] | None:
    try:
        lines, first = inspect.getsourcelines(code)
        text = textwrap.dedent("".join(lines))
        tree = ast.parse(text).body[0]
    except (OSError, TypeError, SyntaxError, IndexError):
        return None
    if not isinstance(tree, ast.FunctionDef) or tree.name != code.co_name:
        return None  # a lambda, perhaps on a line that begins with def
    ast.increment_lineno(tree, max(first, 1) - 1)
    return (tree, text.splitlines()) if _compiled(tree, code) is not None else None


def simple_statements(body: Sequence[ast.stmt]) -> Iterator[ast.stmt]:
    """Yield the statements that compute something, those inside others included."""
    for statement in body:
        if isinstance(statement, _SIMPLE):
            yield statement
        elif not isinstance(statement, (ast.FunctionDef, ast.ClassDef)):
            for field in ("body", "orelse", "finalbody"):
                yield from simple_statements(getattr(statement, field, []))


def targets_of(statement: ast.stmt) -> list[str]:
    """Return what a statement assigns to: names, attributes, items of dicts, arrays written to.

    Examples
    --------
    >>> targets_of(ast.parse("dx, self.dw = 1, 2").body[0])
    ['dx', 'self.dw']
    >>> targets_of(ast.parse("np.add.at(dW, index, dz)").body[0])
    ['dW']
    """
    if isinstance(statement, ast.Assign):
        return [name for target in statement.targets for name in _assigned(target)]
    if isinstance(statement, (ast.AugAssign, ast.AnnAssign)):
        return _assigned(statement.target)
    if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call):
        arguments = statement.value.args
        if arguments and isinstance(arguments[0], (ast.Name, ast.Attribute, ast.Subscript)):
            return _assigned(arguments[0])
    return []


def _assigned(target: ast.expr) -> list[str]:
    if isinstance(target, (ast.Tuple, ast.List)):
        return [name for element in target.elts for name in _assigned(element)]
    if isinstance(target, ast.Starred):
        return _assigned(target.value)
    if isinstance(target, ast.Subscript):
        if isinstance(target.slice, ast.Constant) and isinstance(target.slice.value, str):
            return [ast.unparse(target)]
        return _assigned(target.value)
    if isinstance(target, (ast.Name, ast.Attribute)):
        return [ast.unparse(target)]
    return []


def returned_names(function: Callable[..., Any]) -> list[tuple[str | None, str | None]] | None:
    """Return what is written in the last return statement of a function, item by item.

    Each is the name that is returned, or None for an expression, and the gradient that it is
    or that is the only one in it.
    """
    unit = Unit.of(function)
    if unit is None:
        return None
    returns = [s for s in unit.statements if isinstance(s, ast.Return) and s.value is not None]
    if not returns:
        return None
    value = returns[-1].value
    items = value.elts if isinstance(value, (ast.Tuple, ast.List)) else [value]
    named = (ast.Name, ast.Attribute, ast.Subscript)
    return [
        (ast.unparse(item) if isinstance(item, named) else None, _name_in(item))
        for item in items
        if item
    ]


def returned_keys(function: Callable[..., Any]) -> dict[str, str]:
    """Return what stands for each key of a dict that a function returns, where it is written."""
    unit = Unit.of(function)
    returns = [s for s in unit.statements if isinstance(s, ast.Return)] if unit else []
    value = returns[-1].value if returns else None
    if not isinstance(value, ast.Dict):
        return {}
    pairs = zip(value.keys, value.values, strict=True)
    return {
        str(key.value): name
        for key, item in pairs
        if isinstance(key, ast.Constant) and (name := _name_in(item)) is not None
    }


def _name_in(item: ast.expr) -> str | None:
    """Return the name that an expression is, or the only one in it that is called a gradient."""
    named = (ast.Name, ast.Attribute, ast.Subscript)
    if isinstance(item, named):
        return ast.unparse(item)
    inner = {ast.unparse(n) for n in ast.walk(item) if isinstance(n, (ast.Name, ast.Attribute))}
    found = [name for name in inner if says_gradient(name)]
    return found[0] if len(found) == 1 else None


def helpers(functions: Sequence[Unit], owner: type | None = None, limit: int = 8) -> list[Unit]:
    """Return the functions of the user's that some functions call by name, and so on.

    Methods that they call of an object of the class `owner` are among them.
    """
    found = list(functions)
    seen = {unit.function for unit in found}
    for unit in found:
        for called in (*_called(unit), *_methods(unit, owner)):
            if called in seen or not is_user_file(called.__code__.co_filename):
                continue
            seen.add(called)
            more = Unit.of(called)
            if more is not None and len(found) < limit:
                found.append(more)
    return found[len(functions) :]


def _methods(unit: Unit, owner: type | None) -> Iterator[FunctionType]:
    names = {
        node.func.attr
        for node in ast.walk(unit.tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and ast.unparse(node.func.value) in ("self", "super()")
    }
    for kind in owner.__mro__ if owner is not None else ():
        for name in names & vars(kind).keys():
            function = plain_function(vars(kind)[name])
            if function is not None:
                yield function


def _called(unit: Unit) -> Iterator[FunctionType]:
    scope = inspect.getclosurevars(unit.function)
    known = {**scope.globals, **scope.nonlocals}
    for node in ast.walk(unit.tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            function = plain_function(known.get(node.func.id))
            if function is not None:
                yield function


def assignment(function: Callable[..., Any], name: str) -> Location | None:
    """Return the line of a function that assigns to a name."""
    unit = Unit.of(function)
    for statement in unit.statements if unit is not None else ():
        if unit is not None and name in targets_of(statement):
            return unit.where(statement)
    return None
