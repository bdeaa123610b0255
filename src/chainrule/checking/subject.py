"""A hand-written pass in one form, whatever form it was written in.

A :class:`Subject` runs somebody's forward and backward pass on given values. What it was
made of (two functions, an object, a class of PyTorch's) is known to its subclass alone.
"""

from __future__ import annotations

import ast
import inspect
import io
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext, redirect_stdout
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from chainrule.arguments import with_signature
from chainrule.checking.naming import gradient_of
from chainrule.checking.source import Unit, plain_function
from chainrule.checking.state import Randomness, fresh
from chainrule.checking.targets import Target, as_floats, is_real, targets_in
from chainrule.errors import ConversionError, Location
from chainrule.graphing import Recording, record
from chainrule.structure import leaves, map_leaves
from chainrule.trace import location

#: What labels are called.
LABELS = ("y_true", "y", "labels", "targets", "target", "t", "true", "Y")
#: Leaf path -> number or array.
Values = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Problem:
    """What a pass did that no pass may do.

    Attributes
    ----------
    kind : str
        A key of :data:`chainrule.checking.mistakes.MISTAKES`.
    what : str
        One sentence.
    target : str or None
    error : Exception or None
    """

    kind: str
    what: str
    target: str | None = None
    error: Exception | None = None
    instead: str = ""
    where: Location | None = None


@dataclass(slots=True, eq=False)
class Called:
    """What one run of a pass gave.

    Attributes
    ----------
    output : number or array
    gradients : dict
        Target name -> gradient, as the user gave it.
    said : dict
        Target name -> what the user calls the gradient.
    problems : list of Problem
    ignored : list of str
        What it gave that is the gradient of nothing that is asked about.
    """

    output: Any = None
    gradients: dict[str, Any] = field(default_factory=dict)
    said: dict[str, str] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    ignored: list[str] = field(default_factory=list)


class ForwardError(Exception):
    """The forward pass raised while a subject was being made of it.

    Attributes
    ----------
    error : Exception
        What it raised.
    """

    def __init__(self, error: Exception) -> None:
        super().__init__(str(error))
        self.error = error


#: Wraps the user's backward pass alone; it is told what backward is handed.
Around = Callable[[Mapping[str, Any]], AbstractContextManager[Any]]


def unwatched(handed: Mapping[str, Any]) -> AbstractContextManager[None]:
    """Run backward as it is."""
    return nullcontext()


class Subject(ABC):
    """A hand-written pass at one point.

    Attributes
    ----------
    name : str
    arguments : dict
        Argument name -> value, as given.
    upstream : number, array or None
        As given.
    backward : tuple of callables
        The functions of the user's that make up the backward pass.
    forward : tuple of callables
        Those of the forward pass.
    """

    name: str
    arguments: dict[str, Any]
    upstream: Any
    backward: tuple[Callable[..., Any], ...]
    forward: tuple[Callable[..., Any], ...]
    #: Whether the output's elements are losses, of which the mean is meant.
    is_loss = False

    def __init__(self) -> None:
        self.randomness = Randomness((*self.forward, *self.backward))
        self._moving: frozenset[str] | None = None

    @property
    def asked(self) -> list[str]:
        """The targets that the pass should have a gradient of, where that can be told."""
        return []

    @abstractmethod
    def value(self, arguments: Mapping[str, Any]) -> Any:
        """Run forward alone and return its output; the arguments may be traced."""

    @abstractmethod
    def called(self, arguments: Mapping[str, Any], upstream: Any, around: Around) -> Called:
        """Run forward and backward on arguments of its own."""

    def units(self) -> list[Unit]:
        """Return the functions of the backward pass whose source is at hand."""
        return [unit for f in self.backward if (unit := Unit.of(f)) is not None]

    def meaning(self, name: str, known: Collection[str]) -> str | None:
        """Return what a name in the backward pass is the gradient of."""
        return gradient_of(name, known)

    def may_edit(self, statement: ast.stmt) -> bool:
        """Whether a statement may be where the mistake is."""
        return True

    def call_after(self, first: Any, point: Any) -> Called | None:
        """Run the pass at one point after another one, with what the first left behind."""
        self.call(first.values, first.upstream)
        return self.call(point.values, point.upstream)

    def repeated(self, point: Any, around: Around = unwatched) -> Called:
        """Run the pass twice at one point, and return what the second run gave."""
        self.call(point.values, point.upstream)
        return self.call(point.values, point.upstream, around)

    @property
    def place(self) -> Location | None:
        """The first line of the backward pass."""
        plain = plain_function(self.backward[0]) if self.backward else None
        code = getattr(plain, "__code__", None)
        return location(code=code) if code is not None else None

    def stale(self, first: Any, point: Any) -> tuple[str, Any] | None:
        """Return the attribute that forward did not renew at a second point, and its line."""
        return None

    @property
    @abstractmethod
    def takes_upstream(self) -> bool:
        """Whether backward is handed an upstream gradient."""

    @property
    def upstream_names(self) -> frozenset[str]:
        """What backward calls the upstream gradients that it is handed."""
        return frozenset(filter(None, [self.upstream_name]))

    @property
    def upstream_name(self) -> str | None:
        """What backward calls the upstream gradient, where it is a parameter."""
        return None

    # -- what is the same for all forms ----------------------------------------------------

    @property
    def traceable(self) -> bool:
        """Whether it makes sense to try and trace it."""
        return True

    @property
    def owner(self) -> type | None:
        """The class whose method backward is, where it is one."""
        return None

    @property
    def array_module(self) -> Any:
        """The module whose functions backward calls, where that is not NumPy."""
        return None

    @property
    def constants(self) -> list[float]:
        """Numbers that stand in the arguments by themselves, such as the weight of a penalty."""
        found = (leaf for n, value in self.arguments.items() for _, leaf in leaves(value, n))
        return [float(v) for v in found if isinstance(v, float) and 0 < abs(v) < 1]

    @property
    def values(self) -> dict[str, Any]:
        """The real leaves of the arguments."""
        return {
            path: leaf
            for name, value in self.arguments.items()
            for path, leaf in leaves(value, name)
            if is_real(leaf)
        }

    def placed(self, values: Values) -> dict[str, Any]:
        """Return fresh arguments with other numbers in them."""

        def visit(leaf: Any, path: str) -> Any:
            if path not in values:
                return leaf.copy() if isinstance(leaf, np.ndarray) else leaf
            new = values[path]
            return new.copy() if isinstance(new, np.ndarray) else new

        # Arrays are copied as they are put in their places.
        arrays = [leaf for n, v in self.arguments.items() for _, leaf in leaves(v, n)]
        copies = fresh(self.arguments, (a for a in arrays if isinstance(a, np.ndarray)))
        return {name: map_leaves(visit, value, name) for name, value in copies.items()}

    def take_whole_numbers(self) -> None:
        """Take whole numbers for floats, where the pass gives a gradient of them."""
        for name, value in list(self.arguments.items()):
            floats = as_floats(value)
            if floats is None or (name in LABELS and type(value) is not int):
                continue
            self.arguments[name] = floats
            try:
                upstream = self.default_upstream(self.output(self.values))
                called = self.call(self.values, upstream)
                if not called.problems and name in called.gradients:
                    continue
            except Exception:  # it is an index or a count
                pass
            self.arguments[name] = value

    @property
    def moving(self) -> frozenset[str]:
        """The leaves that the pass has gradients of: what is differentiated by."""
        if self._moving is None:
            self._moving = frozenset(self.values)
            upstream = self.upstream
            if upstream is None:
                upstream = self.default_upstream(self.output(self.values))
            found = self.call(self.values, upstream).gradients
            all_ = self.targets()
            paths = {p for name in found if name in all_ for p in all_[name].paths}
            self._moving = frozenset(paths) or self._moving
        return self._moving

    def targets(self) -> dict[str, Target]:
        """Return all that could have a gradient, by name."""
        return targets_in(self.arguments)

    @contextmanager
    def undisturbed(self) -> Iterator[None]:
        """Run the user's code as if it had not been run before, and without its printing."""
        quiet = redirect_stdout(io.StringIO())
        with self.randomness.replayed(), np.errstate(all="ignore"), quiet:
            yield

    def call(self, values: Values, upstream: Any, around: Around = unwatched) -> Called:
        """Run forward and backward, with the same random numbers each time."""
        with self.undisturbed():
            return self.called(self.placed(values), upstream, around)

    def output(self, values: Values) -> Any:
        """Run forward alone on plain numbers."""
        with self.undisturbed():
            return self.value(self.placed(values))

    def recording(self, values: Values) -> Recording:
        """Trace the forward pass; what has no gradient in the pass stays plain."""

        def forward(**arguments: Any) -> Any:
            return self.value(arguments)

        keyword = inspect.Parameter.KEYWORD_ONLY
        with_signature(forward, [inspect.Parameter(name, keyword) for name in self.arguments])
        forward.__name__ = self.name

        def traced(buffers: bool) -> Recording:
            placed = self.placed(values)
            with self.undisturbed():
                return record(forward, (), placed, strict=False, only=self.moving, buffers=buffers)

        try:
            return traced(buffers=False)
        except ConversionError:
            return traced(buffers=True)  # an array that is filled in a loop, perhaps

    def default_upstream(self, output: Any, seed: int = 0) -> Any:
        """Return an upstream gradient that hides nothing, as ones would."""
        shape = np.shape(output)
        if self.is_loss and shape:
            return np.full(shape, 1.0 / np.size(output))
        if not shape:
            return np.float64(1.0)
        drawn = np.random.default_rng(seed).standard_normal(shape)
        # People draw their inputs with the same seed, and an upstream gradient that is one of
        # them would hide that somebody takes one for the other.
        while any(_begin_alike(drawn, value) for value in self.values.values()):
            seed += 1000
            drawn = np.random.default_rng(seed).standard_normal(shape)
        return drawn


def _begin_alike(some: Any, other: Any) -> bool:
    first, second = np.ravel(some)[:4], np.ravel(other)[:4]
    count = min(first.size, second.size)
    return count > 0 and bool(np.all(first[:count] == second[:count]))


def parameters_of(f: Callable[..., Any], keyword: bool = False) -> list[inspect.Parameter]:
    """Return the parameters of a function, `self` and *args left out.

    Those by keyword alone are among them where `keyword` says so.
    """
    try:
        found = inspect.signature(f).parameters.values()
    except (TypeError, ValueError):
        return []
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return [p for p in found if p.kind in kinds or (keyword and p.kind is p.KEYWORD_ONLY)]
