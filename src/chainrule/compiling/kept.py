"""Plans kept on disk, found again by what a function computes.

A program that starts again traces its function once, and asks whether the same graph was planned
before. If so, there is nothing to trace for other sizes, to rewrite, or to write as loops: what was
written then is loaded, and with it the code that it was compiled to.

That the graphs are the same for one set of sizes does not make them the same for others: one
function says ``len(X)`` where another says 32. A plan, new or kept, is therefore asked about each
further set of sizes, and refuses those for which the function computes something else; see
`chainrule.compiling.sizes`.
"""

from __future__ import annotations

import copyreg
import hashlib
import io
import os
import pickle
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from chainrule.compiling.tracing import Outline
from chainrule.emit.kernel import Kernel
from chainrule.execute import cache
from chainrule.graph import CONSTANT, INPUT, Node
from chainrule.op import Op
from chainrule.rules import TABLE

_FILE = "plan.pickle"
#: Bytes of constants in a graph up to which it is kept.
_LARGEST = 1 << 20
_LEAVES = {op.name: op for op in (INPUT, CONSTANT)}


@dataclass(frozen=True)
class Kept:
    """What is kept of a plan.

    Attributes
    ----------
    kernel : Kernel
    emitted : object
        What the executor wrote for it.
    note : str
    """

    kernel: Kernel
    emitted: Any
    note: str


def key_of(outline: Outline, *asked: Any) -> str:
    """Return what tells a plan from all others; empty for one that is not to be kept.

    Parameters
    ----------
    outline : Outline
        Of the function, for the sizes at hand.
    *asked
        What else decides: the executor, which sizes are to vary.
    """
    if not all(_is_plain(node) for node in outline.graph.nodes if node.is_constant):
        return ""
    try:
        told = _pickled((outline.name, outline.graph, asked))
    except _CANNOT:
        return ""
    return cache.key_of(hashlib.sha256(told).hexdigest(), np.__version__, _written_by())


def found(key: str) -> Kept | None:
    """Return what is kept under a key; a broken entry is removed, and costs only the time."""
    told = cache.read(key, _FILE) if key else None
    if told is None:
        return None
    try:
        kept = pickle.loads(told)
        if isinstance(kept, Kept):
            return kept
    except Exception:  # a broken entry may raise anything
        pass
    cache.forget(key)
    return None


def keep(key: str, kernel: Kernel, emitted: Any, note: str) -> None:
    """Keep a plan, where that is possible."""
    if not key or emitted is None:
        return
    try:
        told = _pickled(Kept(kernel, emitted, note))
    except _CANNOT:
        return
    cache.write(key, _FILE, told)


def _is_plain(node: Node) -> bool:
    """Whether a constant is a number or an array, and no large one."""
    value = node.value
    plain = isinstance(value, (bool, int, float, complex, np.generic, np.ndarray))
    return plain and getattr(value, "nbytes", 0) <= _LARGEST


# -- graphs as bytes -------------------------------------------------------------------------

#: What pickle raises for what it cannot write, such as an operation of the user's own.
_CANNOT = (pickle.PicklingError, TypeError, AttributeError, ValueError, RecursionError)


def _pickled(value: Any) -> bytes:
    """Write a value with graphs in it; operations go by their names in the table of rules."""
    file = io.BytesIO()
    _Pickler(file, protocol=5).dump(value)
    return file.getvalue()


def _operation(name: str) -> Op:
    return _LEAVES.get(name) or TABLE[name]


def _op(op: Op) -> Any:
    if op is not (_LEAVES.get(op.name) or TABLE.get(op.name)):
        raise pickle.PicklingError(f"{op.name} is no operation of chainrule's")
    return _operation, (op.name,)


def _node(node: Node) -> Any:
    """Write a node without its line: the same computation may stand anywhere."""
    params: Mapping[str, Any] = node.params
    return Node, (node.op, node.inputs, params, node.abstract, node.value, node.name)


def _dtype(dtype: np.dtype[Any]) -> Any:
    """Write a type such that it comes back as the one that NumPy has, and not as a copy."""
    return np.dtype, (dtype.str,)


#: Types of numbers; a byte order of another machine's is not among what is compiled.
_DTYPES = {type(np.dtype(code)): _dtype for code in "?bBhHiIlLqQefdgFDG"}


class _Pickler(pickle.Pickler):
    dispatch_table = {**copyreg.dispatch_table, Op: _op, Node: _node, **_DTYPES}  # noqa: RUF012


@lru_cache(maxsize=1)
def _written_by() -> str:
    """Return what tells this chainrule from any other: when its files were written, how long."""
    return repr(sorted(_facts(str(Path(__file__).parents[1]))))


def _facts(directory: str) -> Iterator[tuple[str, int, int]]:
    with os.scandir(directory) as entries:
        for entry in entries:
            if entry.is_dir():
                yield from _facts(entry.path)
            elif entry.name.endswith(".py"):
                known = entry.stat()
                yield entry.path, known.st_mtime_ns, known.st_size
