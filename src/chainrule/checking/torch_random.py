"""The random state of PyTorch, to be drawn from again."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import FunctionType
from typing import Any

from chainrule.checking.state import Randomness


class TorchRandomness(Randomness):
    """The random state of PyTorch besides: its own, and that of generators."""

    def __init__(self, functions: Iterable[Callable[..., Any]]) -> None:
        functions = list(functions)
        self._of_torch = list(_generators(functions))
        super().__init__(functions)

    def _now(self) -> tuple[Any, ...]:
        states = [generator.get_state() for generator in self._of_torch]
        return (*super()._now(), states)

    def _set(self, state: tuple[Any, ...]) -> None:
        super()._set(state[:-1])
        for generator, one in zip(self._of_torch, state[-1], strict=True):
            generator.set_state(one)

    def stir(self, held: Mapping[str, Any]) -> None:
        """Go on to other draws."""
        super().stir(held)
        torch = sys.modules["torch"]
        for generator in self._of_torch:
            torch.rand(7, generator=generator)


def _generators(functions: Iterable[Callable[..., Any]]) -> Iterator[Any]:
    torch = sys.modules["torch"]
    yield torch.default_generator
    for function in functions:
        if isinstance(function, FunctionType):
            scope = inspect.getclosurevars(function)
            for value in (*scope.globals.values(), *scope.nonlocals.values()):
                if isinstance(value, torch.Generator):
                    yield value
