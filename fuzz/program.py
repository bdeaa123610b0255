"""A program: source text, and arguments to run it on."""

from __future__ import annotations

import copy
import linecache
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from types import CodeType
from typing import Any

import numpy as np

from chainrule.rules import TABLE
from chainrule.structure import leaves, map_leaves

#: What the source of a program may name besides its own variables.
SCOPE: dict[str, Any] = {"np": np, "TABLE": TABLE}

#: What a leaf must be to carry a gradient.
REAL = (float, np.floating)


def is_real(leaf: Any) -> bool:
    return isinstance(leaf, REAL) or (isinstance(leaf, np.ndarray) and leaf.dtype.kind == "f")


@dataclass(frozen=True)
class Program:
    """Source of a function ``program``, its arguments by name, and how it was drawn.

    Attributes
    ----------
    source : str
    arguments : dict
        Numbers, arrays and structures of them.
    direction : list of arrays
        One for each real leaf of the arguments: along it no kink is near.
    seed : int
    traits : frozenset of str
        "jax": all its operations are known to JAX. "alias": it may read what chainrule refuses to
        follow. "branch": its control flow or a shape depends on values. "odd": a call has operands
        of other shapes than it was written for, which chainrule may refuse. "single": float32.
    functions : frozenset of str
        The NumPy functions that it calls.
    """

    source: str
    arguments: dict[str, Any]
    direction: list[Any] = field(default_factory=list)
    seed: int = -1
    traits: frozenset[str] = frozenset()
    functions: frozenset[str] = frozenset()

    def function(self, scope: dict[str, Any] | None = None) -> Callable[..., Any]:
        """Compile the program over what `scope` gives for NumPy."""
        return compiled(self.source, f"<program {self.seed}>", scope)

    def values(self, step: float = 0.0, dtype: type | None = None) -> list[Any]:
        """Return fresh arguments, moved along the direction: a program may write to them."""
        ways = iter(self.direction)

        def visit(leaf: Any, path: str) -> Any:
            if not is_real(leaf):
                return copy.copy(leaf)
            way = next(ways, 0.0)
            if isinstance(leaf, float) and not isinstance(leaf, np.generic):
                return float(leaf + step * way)
            out = np.array(leaf + step * way, dtype or leaf.dtype)
            return out if out.ndim else out[()]

        return [map_leaves(visit, v, k) for k, v in self.arguments.items()]

    @property
    def wrt(self) -> tuple[int, ...]:
        """Positions of the arguments that carry a gradient."""
        return tuple(
            i
            for i, value in enumerate(self.arguments.values())
            if any(is_real(leaf) for _, leaf in leaves(value))
        )


@contextmanager
def quietly() -> Iterator[None]:
    """Leave what NumPy warns of to those who are asked about it."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        yield


def real_leaves(value: Any) -> list[Any]:
    return [leaf for _, leaf in leaves(value) if is_real(leaf)]


@lru_cache(maxsize=16)  # a program is run some twenty times
def _code(source: str, filename: str) -> CodeType:
    with quietly():  # a program that is being shrunk may index a number
        return compile(source, filename, "exec")


def compiled(source: str, filename: str, scope: dict[str, Any] | None = None) -> Callable[..., Any]:
    names = dict(SCOPE if scope is None else scope)
    # Errors of chainrule show the user's line, which they look up like a traceback does.
    linecache.cache[filename] = (len(source), None, source.splitlines(True), filename)
    exec(_code(source, filename), names)
    program: Callable[..., Any] = names["program"]
    return program
