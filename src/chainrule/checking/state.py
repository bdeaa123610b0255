"""Running somebody's code again and again as if for the first time."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from types import FunctionType
from typing import Any

import numpy as np

from chainrule.structure import map_leaves


def fresh(value: Any, keeping: Iterable[Any] = ()) -> Any:
    """Return a deep copy, with what cannot be copied left as it is, and some things kept."""
    try:
        return copy.deepcopy(value, {id(kept): kept for kept in keeping})
    except Exception:  # whatever a class of the user's raises when it is copied
        return map_leaves(lambda leaf, path: _own(leaf), value, "")


def with_floats(value: Any) -> Any:
    """Return nested lists of numbers with all of them floats, where some are."""
    if not isinstance(value, (list, tuple)) or hasattr(value, "_fields"):
        return value
    if all(type(v) in (int, float) for v in value) and any(type(v) is float for v in value):
        return type(value)(float(v) for v in value)
    return type(value)(with_floats(v) for v in value)


def _own(leaf: Any) -> Any:
    return leaf.copy() if isinstance(leaf, np.ndarray) else leaf


class Randomness:
    """The random state that some functions draw from, to be drawn from again.

    Parameters
    ----------
    functions : iterable
        Their globals and closures are looked through for generators.
    """

    def __init__(self, functions: Iterable[Callable[..., Any]]) -> None:
        self._generators = list(_generators(functions))
        self._start = self._now()

    def _now(self) -> tuple[Any, ...]:
        states = [copy.deepcopy(_state(g)) for g in self._generators]
        return np.random.get_state(), random.getstate(), states

    def _set(self, state: tuple[Any, ...]) -> None:
        np.random.set_state(state[0])
        random.setstate(state[1])
        for generator, one in zip(self._generators, state[2], strict=True):
            _put(generator, one)

    @contextmanager
    def replayed(self) -> Iterator[None]:
        """Draw once more what was drawn first, and leave the state as it was before."""
        before = self._now()
        self._set(self._start)
        try:
            yield
        finally:
            self._set(before)

    def stir(self, held: Mapping[str, Any]) -> None:
        """Go on to other draws, those of generators among an object's attributes included."""
        np.random.random(7)
        for _ in range(7):
            random.random()
        kinds = (np.random.Generator, np.random.RandomState)
        own = [value for value in held.values() if isinstance(value, kinds)]
        for generator in (*self._generators, *own):
            generator.random(7) if hasattr(generator, "random") else generator.random_sample(7)


def _generators(functions: Iterable[Callable[..., Any]]) -> Iterator[Any]:
    seen: set[int] = set()
    for function in functions:
        if not isinstance(function, FunctionType):
            continue
        cells = [c.cell_contents for c in function.__closure__ or () if _is_full(c)]
        for value in (*function.__globals__.values(), *cells):
            is_generator = isinstance(value, (np.random.Generator, np.random.RandomState))
            if is_generator and id(value) not in seen:
                seen.add(id(value))
                yield value


def _is_full(cell: Any) -> bool:
    try:
        return cell.cell_contents is not None
    except ValueError:
        return False


def _state(generator: Any) -> Any:
    if isinstance(generator, np.random.Generator):
        return generator.bit_generator.state
    return generator.get_state()


def _put(generator: Any, state: Any) -> None:
    if isinstance(generator, np.random.Generator):
        generator.bit_generator.state = state
    else:
        generator.set_state(state)


def same(some: Any, other: Any) -> bool:
    """Whether two arrays hold the same numbers, NaN included."""
    if other is None or np.shape(some) != np.shape(other):
        return False
    return bool(np.array_equal(some, other, equal_nan=np.asarray(some).dtype.kind in "fc"))
