"""Code that was not written to be traced: arrays that are filled, and functions of math's.

``out = np.zeros(n)``, then ``out[i] = ...`` in a loop: NumPy gives a plain array, into which
no traced value fits. Where a trace asks for it, the user's own calls of such functions give a
traced constant instead, which takes them, and ``math.exp`` of a traced number is ``np.exp``.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np

from chainrule.rules.operands import is_traced
from chainrule.structure import leaves
from chainrule.trace.operands import from_list
from chainrule.trace.patches import Patches
from chainrule.trace.recorder import Recorder
from chainrule.trace.source import is_user_file

_into: ContextVar[Recorder | None] = ContextVar("_into", default=None)


def _traced(original: Callable[..., Any]) -> Callable[..., Any]:
    def make(*args: Any, **kwargs: Any) -> Any:
        made = original(*args, **kwargs)
        recorder = _into.get()
        mine = recorder is not None and is_user_file(sys._getframe(1).f_code.co_filename)
        if not mine or not isinstance(made, np.ndarray) or made.dtype.kind != "f":
            return made
        if not np.all(np.isfinite(made)):
            made = np.zeros_like(made)  # what np.empty happened to find
        assert recorder is not None
        return recorder.constant(made)

    return make


def _gathered(original: Callable[..., Any]) -> Callable[..., Any]:
    def make(*args: Any, **kwargs: Any) -> Any:
        nested = len(args) == 1 and not kwargs and isinstance(args[0], (list, tuple))
        mine = _into.get() is not None and is_user_file(sys._getframe(1).f_code.co_filename)
        if nested and mine and any(is_traced(leaf) for _, leaf in leaves(args[0])):
            return from_list(args[0])
        return original(*args, **kwargs)

    return make


_MAKING = ("zeros", "empty", "ones", "full", "zeros_like", "empty_like", "ones_like", "full_like")


def _of_numpy(name: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    def wrap(original: Callable[..., Any]) -> Callable[..., Any]:
        def function(*args: Any) -> Any:
            return getattr(np, name)(*args) if any(map(is_traced, args)) else original(*args)

        return function

    return wrap


_MATH = Patches(
    "math",
    {name: _of_numpy(name) for name in dir(math) if isinstance(getattr(np, name, None), np.ufunc)},
)
_GATHERING = ("array", "asarray")
_PATCHES = Patches(
    "numpy", {**dict.fromkeys(_MAKING, _traced), **dict.fromkeys(_GATHERING, _gathered)}
)


@contextmanager
def traced_buffers(recorder: Recorder) -> Iterator[None]:
    """Let the user's own new arrays take traced values for a while."""
    _PATCHES.install()
    _MATH.install()
    token = _into.set(recorder)
    try:
        yield
    finally:
        _into.reset(token)
        _MATH.restore()
        _PATCHES.restore()
