"""A script or notebook that assigns gradients by name: ``dz``, ``dw``, ``drelu_dx0``.

The script is run as the body of a function, so that its statements can be watched and
edited like those of any other, with the numbers that it assigns to its inputs exchanged.
"""

from __future__ import annotations

import ast
import contextlib
import inspect
import io
import linecache
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import FunctionType
from typing import Any

import numpy as np

from chainrule.arguments import name_of
from chainrule.checking.examining import examine
from chainrule.checking.flow import reads
from chainrule.checking.functions import raised
from chainrule.checking.naming import gradient_of, says_gradient
from chainrule.checking.report import Report
from chainrule.checking.script_cutting import once, run_once, until
from chainrule.checking.script_reading import (
    Place,
    boundary_of,
    first_value,
    given_names,
    source_of,
)
from chainrule.checking.source import Unit, targets_of
from chainrule.checking.subject import Around, Called, Subject
from chainrule.checking.targets import Target, targets_in
from chainrule.checking.watching import Watch
from chainrule.errors import ArgumentError, Location
from chainrule.structure import leaves

_PUT = "__chainrule_put__"


def examine_script(
    path: str, forward: str | Callable[..., Any] | None = None, output: str | None = None
) -> Report:
    """Check the gradients that a script or notebook assigns by name.

    Parameters
    ----------
    path : str
        A file ending in .py or .ipynb. It is run, several times and with its output held back.
    forward : str or callable, optional
        The function that is differentiated, or the name of one in the script: its inputs are
        the values of the same names, or its defaults. Unless given, the forward pass is what
        stands before the first gradient.
    output : str, optional
        The name of the value that is differentiated, where there is no `forward`.

    Raises
    ------
    ArgumentError
        When there is no such file or function, or no gradient in it.
    """
    source, place = source_of(Path(path))
    return examine(Script(Path(path), source, forward, output, place))


def examine_source(source: str, forward: str | None = None, output: str | None = None) -> Report:
    """Check the gradients that some code assigns by name, such as a cell of a notebook."""
    name = f"<cell {abs(hash(source)) % 10**6}>"
    linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
    return examine(Script(Path(name), source, forward, output))


class Script(Subject):
    """A script at the point that it stands for.

    Parameters
    ----------
    path : Path
    source : str
    forward, output : str or None
        As for :func:`examine_script`.
    """

    def __init__(
        self,
        path: Path,
        source: str,
        forward: str | Callable[..., Any] | None,
        output: str | None,
        place: Place | None = None,
    ) -> None:
        self.name = path.name
        self._path = str(path)
        self._place: Place = place or (lambda line: (self._path, line))
        tree = _parsed(source, self._path, self._place)
        once(tree)
        self._body = tree.body
        self._put: Callable[[str, Any], Any] = lambda name, value: value
        self.upstream = None
        self._inputs: list[str] = []
        self._exchanged: set[str] = set()
        first = self._function(tree.body)
        watch = Watch([self._unit(first, tree.body, source)])
        with self._quiet():
            try:
                with watch.around({}):
                    first()
            except Exception as error:
                raise ArgumentError(
                    f"{self.name} raised {type(error).__name__}: {error}",
                    expected="a script that runs",
                    where=_where(error, self._path, self._place),
                ) from error
        scope = dict(watch.events[-1].scope) if watch.events else {}
        self._choose(watch, scope, forward, output)
        if self._boundary > 0:
            run_once(tree.body, self._boundary)
        body = self._with_puts(tree.body)
        function = self._function(body)
        self._script = self._unit(function, body, source)
        self.backward = (function,)
        super().__init__()

    # -- what is what ----------------------------------------------------------------------

    def _choose(
        self,
        watch: Watch,
        scope: Mapping[str, Any],
        forward: str | Callable[..., Any] | None,
        output: str | None,
    ) -> None:
        """Find the inputs, the output and the names of gradients."""
        statements = watch.units[0].statements
        assigned = [n for s in statements for n in targets_of(s)]
        if forward is not None:
            function = scope.get(forward) if isinstance(forward, str) else forward
            if not callable(function):
                raise ArgumentError(
                    f"There is no function {forward!r} in {self.name}.",
                    expected=", ".join(n for n, v in scope.items() if inspect.isfunction(v))
                    or "a function",
                    got=repr(forward),
                )
            self._forward: Callable[..., Any] | None = function
            self.forward = (function,)
            parameters = inspect.signature(function).parameters.values()
            names = [p.name for p in parameters]
            given = {p.name: p.default for p in parameters} | dict(scope)
            missing = [n for n in names if given[n] is inspect.Parameter.empty]
            scope = given
            if missing:
                raise ArgumentError(
                    f"{self.name} lacks {', '.join(missing)}, which {name_of(function)} takes.",
                    expected=f"{name_of(function)}{inspect.signature(function)}",
                    got=", ".join(n for n in assigned if not says_gradient(n))[:200],
                )
            self._boundary = -1
        else:
            self._forward = None
            self.forward = ()
            self._boundary, self._output = boundary_of(watch, output, self.name)
            names = given_names(watch, self._boundary, {gradient_of(n, assigned) for n in assigned})
        claimed = {gradient_of(n, names) for n in assigned}
        first = {n: first_value(watch, n, scope) for n in names}
        # A whole number is a count, unless there is a gradient of it.
        kept = {n: v for n, v in first.items() if type(v) is not int or n in claimed}
        self.arguments = {n: _as_float(v) for n, v in kept.items()}
        self._inputs = [n for n in kept if any(map(_real, leaves(self.arguments[n], n)))]
        known = [*self.targets(), *self._values(statements, assigned), *self._names_inside()]
        self._seed = self._seed_of(watch, known)
        if self._seed is not None:
            self.upstream = _as_float(first_value(watch, self._seed, scope))
        self._means = self._meanings(watch, known)
        if not set(self._means.values()) & set(self.targets()):
            raise ArgumentError(
                f"{self.name} assigns nothing that is called a gradient of its inputs, "
                f"{', '.join(self.arguments) or 'of which it has none'}.",
                expected="names such as dw, dz or dloss_dw, outside of functions",
                got=", ".join(dict.fromkeys(assigned))[:200] or "no assignments",
                instead="file.py:forward:backward for two functions, or in Python "
                "cr.check([layer, ...], inputs, y_true=labels) for objects",
            )
        result: Any = scope.get(getattr(self, "_output", ""))
        if self._forward is None and self._seed is None and np.ndim(result):
            raise ArgumentError(
                f"It is not clear what {self.name} differentiates: before its first gradient, "
                f"the last value is {self._output}, an array of shape {np.shape(result)}.",
                expected="a single number, such as a loss, or an upstream gradient",
                instead="--forward FUNCTION, --output NAME, or a line such as dvalue = 1.0",
            )

    def _values(self, statements: Sequence[ast.stmt], assigned: Sequence[str]) -> list[str]:
        """Return what has been assigned, but for the gradients of other names.

        Where ``dx = [drelu_dx0, ...]`` stands, ``drelu_dx0`` is still the gradient of x[0].
        """
        later = {n for s in statements if s.lineno > self._boundary for n in targets_of(s)}
        early = {n for s in statements if s.lineno <= self._boundary for n in targets_of(s)}
        return [n for n in assigned if n in early or n not in later or not gradient_of(n, assigned)]

    def _names_inside(self) -> list[str]:
        """Return the names of the values in the function that is differentiated."""
        if self._forward is None:
            return []
        code = getattr(self._forward, "__code__", None)
        return list(code.co_varnames) if code is not None else []

    def _seed_of(self, watch: Watch, known: list[str]) -> str | None:
        """Return the name of the upstream gradient: called a gradient, and of nothing there is."""
        real: set[str] = set()
        for event in watch.events:
            made = {n for n, v in event.assigned.items() if np.asarray(v).dtype.kind == "f"}
            for name in event.assigned:
                unknown = gradient_of(name, known) is None and not re.fullmatch(r"d\w+_d\w+", name)
                read = reads(event.statement)
                plain = not any(says_gradient(n) or n in real for n in read)
                if says_gradient(name) and unknown and plain and name not in self.arguments:
                    return name
            real |= made
        return None

    def _meanings(self, watch: Watch, known: list[str]) -> dict[str, str]:
        """Map each name of a gradient to what it is the gradient of."""
        found: dict[str, str] = {}
        from_seed = {self._seed} if self._seed else set()
        outputs = [self._output] if self._forward is None else []
        for event in watch.events:
            follows = bool(reads(event.statement) & from_seed)
            for name in event.assigned:
                of = gradient_of(name, known, outputs)
                match = re.fullmatch(r"d\w+?_d(\w+)", name)
                if of is None and match and follows:
                    of = gradient_of(f"d{match[1]}", known)
                if follows and says_gradient(name):
                    from_seed.add(name)
                if of is not None and name not in self.arguments:
                    found[name] = of
        return found

    def meaning(self, name: str, known: Any) -> str | None:
        """Return what a name is the gradient of."""
        return self._means.get(name)

    def may_edit(self, statement: ast.stmt) -> bool:
        """Whether a statement belongs to the backward pass."""
        names = targets_of(statement)
        given = bool(names) and all(n in self.arguments for n in names)
        is_end = isinstance(statement, ast.Return)
        return statement.lineno > self._boundary and not given and not is_end

    # -- running ---------------------------------------------------------------------------

    def _function(self, body: list[ast.stmt]) -> FunctionType:
        """Make a function of statements, that returns all that they assign."""
        definition = _definition(body)
        module = ast.fix_missing_locations(ast.Module([definition], []))
        scope: dict[str, Any] = {"__name__": "__main__", "__file__": self._path}
        scope[_PUT] = lambda name, value: self._put(name, value)
        try:
            exec(compile(module, self._path, "exec", dont_inherit=True), scope)
        except SyntaxError as error:
            raise ArgumentError(
                f"{self.name} cannot be run as it is: {error}.",
                instead="import names one by one instead of with *",
            ) from None
        function = scope["script"]
        assert isinstance(function, FunctionType)
        return function

    def _unit(self, function: FunctionType, body: list[ast.stmt], source: str) -> Unit:
        lines = source.splitlines()
        return Unit(function, _definition(body), lines, offset=0, place=self._place)

    def _with_puts(self, body: list[ast.stmt]) -> list[ast.stmt]:
        """Let the values of inputs be exchanged, inside other statements too."""
        found: list[ast.stmt] = []
        for statement in body:
            if not isinstance(statement, (ast.FunctionDef, ast.ClassDef)):
                for field in ("body", "orelse", "finalbody"):
                    if getattr(statement, field, None):
                        setattr(statement, field, self._with_puts(getattr(statement, field)))
            found += self._with_put(statement)
        return found

    def _with_put(self, statement: ast.stmt) -> Iterator[ast.stmt]:
        """Let the value of an input be exchanged where it is assigned first."""
        yield statement
        names = [*self._inputs, *([self._seed] if self._seed else [])]
        for name in targets_of(statement) if isinstance(statement, ast.Assign) else ():
            if name in names and name not in self._exchanged:
                self._exchanged.add(name)
                put = ast.parse(f"{name} = {_PUT}({name!r}, {name})").body[0]
                for node in ast.walk(put):
                    ast.copy_location(node, statement)
                yield put

    @contextlib.contextmanager
    def _quiet(self) -> Iterator[None]:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            yield

    def _exchanging(self, arguments: Mapping[str, Any], upstream: Any = None) -> Any:
        def put(name: str, value: Any) -> Any:
            if name == self._seed:
                return value if upstream is None else upstream
            return arguments.get(name, value)

        return put

    def value(self, arguments: Mapping[str, Any]) -> Any:
        """Run forward alone."""
        if self._forward is not None:
            return self._forward(**arguments)
        self._put = self._exchanging(arguments)
        with self._quiet():
            return self._function(until(self._script.tree.body, self._boundary))()[self._output]

    def called(self, arguments: Mapping[str, Any], upstream: Any, around: Around) -> Called:
        """Run forward and backward."""
        done = Called()
        with np.errstate(all="ignore"):
            done.output = self.value(arguments)
        self._put = self._exchanging(arguments, upstream)
        try:
            with self._quiet(), around({}):
                scope = self.backward[0]()
        except Exception as error:
            done.problems.append(raised(error))
            return done
        targets = self.targets()
        for name, of in self._means.items():
            if name in scope and of in targets:
                done.gradients[of], done.said[of] = scope[name], name
        return done

    def units(self) -> list[Unit]:
        """Return the script as one function."""
        return [self._script]

    @property
    def takes_upstream(self) -> bool:
        """Whether the script starts from an upstream gradient of its own."""
        return self._seed is not None

    def targets(self) -> dict[str, Target]:
        """Return what has a gradient here: lists of numbers, and each number of them."""
        whole = targets_in(self.arguments)
        parts = {p: Target(p, (p,), ()) for t in whole.values() for p in t.paths}
        return {**parts, **whole}


def _definition(body: list[ast.stmt]) -> ast.FunctionDef:
    definition = ast.parse("def script():\n    return locals()").body[0]
    assert isinstance(definition, ast.FunctionDef)
    definition.body = [*body, *definition.body]
    return definition


def _parsed(source: str, path: str, place: Place) -> ast.Module:
    try:
        return ast.parse(source)
    except SyntaxError as error:
        raise ArgumentError(
            f"{path} is no Python: {error.msg}.",
            where=Location(*place(error.lineno or 1), "script"),
        ) from None


def _where(error: BaseException, path: str, place: Place) -> Location | None:
    trace = error.__traceback__
    line = None
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == path:
            line = trace.tb_lineno
        trace = trace.tb_next
    return Location(*place(line), "script") if line else None


def _as_float(value: Any) -> Any:
    """Take whole numbers for the floats that are meant."""
    if type(value) is int:
        return float(value)
    if isinstance(value, list) and value and all(type(v) in (int, float) for v in value):
        return [float(v) for v in value]
    return value


def _real(leaf: tuple[str, Any]) -> bool:
    return isinstance(leaf[1], float) or (
        isinstance(leaf[1], (np.ndarray, np.generic)) and leaf[1].dtype.kind == "f"
    )
