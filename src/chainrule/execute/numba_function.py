"""Emitted source that numba has compiled, or loaded from what it compiled before."""

from __future__ import annotations

import gc
import linecache
import sys
import threading
import types
from collections.abc import Sequence
from importlib.machinery import SourceFileLoader
from pathlib import Path
from typing import Any

import numpy as np

from chainrule.emit.numba_code import NumbaCode
from chainrule.execute import cache, native

#: What the functions that emitted code calls are made of: it is part of what is compiled.
_CALLED = "".join(
    path.read_text(encoding="utf-8")
    for path in (
        Path(__file__).with_name("vector_math.py"),
        *sorted(Path(native.__file__).parent.glob("*.py")),
    )
)


class Function:
    """The function of one source, compiled when it is first called."""

    def __init__(self, code: NumbaCode, name: str) -> None:
        self.code = code
        self._name = name
        self._lock = threading.Lock()
        self._function: Any = None
        self._key = ""

    def __call__(self, arguments: Sequence[Any]) -> None:
        """Call it; several threads may do so at once, of which the first compiles."""
        if self.code.listed:
            arguments = self._with_table(arguments)
        function = self._function
        if function is None:
            with self._lock:
                if self._function is None:
                    self._function = self._compiled(arguments)
                function = self._function
        function(*arguments)

    def _with_table(self, arguments: Sequence[Any]) -> Sequence[Any]:
        """Put a table in the place of arrays, which stay alive since the caller has them."""
        listed = self.code.listed
        table = native.table_of([arguments[k] for k in listed])
        within = set(listed)
        return [table, *(a for k, a in enumerate(arguments) if k not in within)]

    def _compiled(self, arguments: Sequence[Any]) -> Any:
        """Compile, or load what was compiled; a cache that is broken costs only the time."""
        import numba

        typeof: Any = numba.typeof
        kinds = tuple(typeof(a) for a in arguments)
        try:
            function = self._loaded(cached=True)
            if not (self._key and _loads(function, kinds)):
                _compile(function, kinds)
                if self._key:
                    cache.seal(self._key)
        except Exception:  # a broken entry may raise anything, a full disk an OSError
            if not self._key:
                raise
            cache.forget(self._key)
            function = self._loaded(cached=False)
            _compile(function, kinds)
        return function

    def _loaded(self, cached: bool) -> Any:
        import numba

        source = self.code.with_cache(cached)
        versions = (numba.__version__, np.__version__, _CALLED, str(object.__basicsize__))
        self._key = cache.key_of(source, *versions) if cached else ""
        path = cache.stored(self._key, source) if cached else None
        if path is None:
            source, self._key = self.code.with_cache(False), ""
            filename = f"<chainrule {cache.key_of(source)}>"
            linecache.cache[filename] = (len(source), None, source.splitlines(True), filename)
        module = types.ModuleType(f"chainrule_{self._key or 'kernel'}")
        sys.modules[module.__name__] = module  # compiled code that was kept asks for it by name
        if path is None:
            exec(compile(source, filename, "exec"), module.__dict__)
        else:  # Python keeps its own code beside the file, as for any module
            SourceFileLoader(module.__name__, str(path)).exec_module(module)
        return getattr(module, self._name)


def _compile(function: Any, kinds: tuple[Any, ...]) -> None:
    """Compile for these kinds of arguments.

    Meanwhile Python does not look for garbage: nearly all that compiling makes is in use until it
    is done, and to go through it over and over takes a tenth of the time.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        function.compile(kinds)
    finally:
        if was_on:
            gc.enable()


def _loads(function: Any, kinds: tuple[Any, ...]) -> bool:
    """Load machine code that numba keeps on disk; says whether there was any.

    numba itself first makes ready to compile, with tables of everything that it has code for. That
    takes as long as all the rest of a start. Code that is compiled needs none of them, but what
    counts references to arrays.
    """
    try:
        from numba.core.compiler_lock import global_compiler_lock
        from numba.core.runtime.nrt import rtsys

        with global_compiler_lock:
            context = function.targetctx
            rtsys.initialize(context)
            found = function._cache._load_overload(kinds, context)
            if found is not None:
                function.add_overload(found)
    except (ImportError, AttributeError, OSError):  # another numba: the long way is always there
        return False
    return found is not None
