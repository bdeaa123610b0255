"""Functions of other modules that are replaced while a trace is open.

Some functions leave no way for a traced value to answer for itself: Python's ``max`` compares
and picks, and functions of SciPy's put their arguments into plain arrays first. While a trace is
open, they ask first, and do what they always did on anything untraced.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Mapping
from typing import Any

Function = Callable[..., Any]


class Patches:
    """Replacements of a module's functions, put in place by the first trace of several.

    A module that nobody has imported is left alone.

    Parameters
    ----------
    module : str
    wrappers : mapping
        Name of a function -> a callable that takes the original and returns what replaces it.
        All of them are called before anything is replaced.
    """

    def __init__(self, module: str, wrappers: Mapping[str, Callable[[Function], Function]]) -> None:
        self._module = module
        self._wrappers = wrappers
        self._lock = threading.Lock()
        self._open_traces = 0
        self._namespace: dict[str, Any] | None = None  # while the functions are replaced
        self._originals: dict[str, Function] = {}
        self._replacements: dict[str, Function] = {}

    def install(self) -> None:
        """Begin to replace the functions; calls nest."""
        with self._lock:
            self._open_traces += 1
            module = sys.modules.get(self._module)
            if module is None or self._namespace is not None:
                return
            namespace = vars(module)
            originals = {name: namespace[name] for name in self._wrappers}
            if originals != self._originals:
                self._replacements = {n: self._wrappers[n](f) for n, f in originals.items()}
                self._originals = originals
            namespace.update(self._replacements)
            self._namespace = namespace

    def restore(self) -> None:
        """Undo one :meth:`install`; the last one puts the originals back."""
        with self._lock:
            self._open_traces -= 1
            if self._open_traces == 0 and self._namespace is not None:
                self._namespace.update(self._originals)
                self._namespace = None
