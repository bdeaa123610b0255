"""Plans kept on disk, found again by what a function computes.

A program that starts again traces its function for the same sizes as before, and asks whether the
same graphs were planned then. If so, there is nothing to rewrite, or to write as loops: what was
written then is loaded, and with it the code that it was compiled to.

All sizes that decide what is planned count, and not the first ones alone: one function says
``len(X)`` where another says 32, and neither is to get the code of the other, which holds for fewer
sizes or rounds in another way. What runs is therefore the same whatever a cache has in it.
"""

from __future__ import annotations

import copyreg
import hashlib
import io
import os
import pickle
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import FunctionType
from typing import Any

import numpy as np

from chainrule.compiling.tracing import Outline
from chainrule.emit.kernel import Kernel
from chainrule.execute import cache
from chainrule.graph import CONSTANT, INPUT, Graph, Node
from chainrule.op import Op
from chainrule.rules import TABLE

_FILE = "plan.pickle"
#: Bytes of constants in a graph up to which it is kept.
_LARGEST = 1 << 20
_NUMBERS = "biufc"
_DIGEST = hashlib.sha256().digest_size
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


def key_of(outlines: Sequence[Outline | None], *asked: Any) -> str:
    """Return what tells a plan from all others; empty for one that is not to be kept.

    Parameters
    ----------
    outlines : sequence of Outline or None
        Of the function, for the sizes at hand, and for all others that decide what is planned.
    *asked
        What else decides, such as the executor.
    """
    graphs = [outline.graph for outline in outlines if outline is not None]
    if not all(map(_is_worth_keeping, graphs)):
        return ""
    name = next((outline.name for outline in outlines if outline is not None), "")
    try:
        told = _pickled((name, [*map(_told, graphs)], asked), anew=True)
        return cache.key_of(hashlib.sha256(told).hexdigest(), np.__version__, _written_by())
    except (*_CANNOT, OSError):
        return ""


def found(key: str) -> Kept | None:
    """Return what is kept under a key; a broken entry is removed, and costs only the time."""
    told = cache.read(key, _FILE) if key else None
    if told is None:
        return None
    digest, written = told[:_DIGEST], told[_DIGEST:]
    try:
        kept = pickle.loads(written) if digest == _digest(key, written) else None
        if isinstance(kept, Kept):
            return kept
    except Exception:  # such as what a chainrule of the same date wrote, and this one cannot read
        pass
    cache.forget(key)
    return None


def keep(key: str, kernel: Kernel, emitted: Any, note: str) -> None:
    """Keep a plan, where that is possible."""
    if not key or emitted is None:
        return
    try:
        written = _pickled(Kept(kernel, emitted, note))
    except _CANNOT:
        return
    cache.write(key, _FILE, _digest(key, written) + written)


def _digest(key: str, written: bytes) -> bytes:
    """Return what tells an entry that is whole, and stands where it was put, from any other."""
    return hashlib.sha256(key.encode() + written).digest()


def _is_worth_keeping(graph: Graph) -> bool:
    """Whether all constants are numbers and arrays of them, and not large in all."""
    constants = [node.value for node in graph.nodes if node.is_constant]
    return (
        all(map(_is_plain, constants))
        and sum(getattr(value, "nbytes", 0) for value in constants) <= _LARGEST
    )


def _is_plain(value: Any) -> bool:
    if isinstance(value, (np.generic, np.ndarray)):
        return value.dtype.kind in _NUMBERS
    return isinstance(value, (bool, int, float, complex))


# -- graphs as bytes -------------------------------------------------------------------------

#: What pickle raises for what it cannot write, such as an operation of the user's own.
_CANNOT = (pickle.PicklingError, TypeError, AttributeError, ValueError, RecursionError)


def _pickled(value: Any, anew: bool = False) -> bytes:
    """Write a value with graphs in it; operations go by their names in the table of rules.

    Parameters
    ----------
    anew : bool
        Write what occurs twice twice: the bytes then do not tell which of equal parts are one.
    """
    file = io.BytesIO()
    pickler = _Pickler(file, protocol=5)
    pickler.fast = anew
    pickler.dump(value)
    return file.getvalue()


def _told(graph: Graph) -> Any:
    """Return what a graph computes as plain tuples, in which nodes go by their positions.

    Of the lines that made the nodes it says only whether there are any, as simplifying asks.
    """
    places = {node: k for k, node in enumerate(graph.nodes)}
    nodes = [
        (
            _name(node.op), [places[i] for i in node.inputs], sorted(node.params.items()),
            node.shape, _dtype(node.abstract.dtype), node.abstract.weak, node.value, node.name,
            node.where is None,
        )
        for node in graph.nodes
    ]  # fmt: skip
    return nodes, [places[o] for o in graph.outputs]


def _operation(name: str) -> Op:
    return _LEAVES.get(name) or TABLE[name]


def _name(op: Op) -> str:
    """Return the name of an operation, by which it is found again."""
    if op is not (_LEAVES.get(op.name) or TABLE.get(op.name)):
        raise pickle.PicklingError(f"{op.name} is no operation of chainrule's")
    return op.name


def _op(op: Op) -> Any:
    return _operation, (_name(op),)


def _node(node: Node) -> Any:
    """Write a node without its line: the same computation may stand anywhere."""
    params: Mapping[str, Any] = node.params
    return Node, (node.op, node.inputs, params, node.abstract, node.value, node.name)


def _dtype(dtype: np.dtype[Any]) -> Any:
    """Write a type such that it comes back as the one that NumPy has, and not as a copy."""
    return np.dtype, (dtype.char if dtype.isnative else dtype.str,)


_DTYPES = {type(np.dtype(code)): _dtype for code in "?bBhHiIlLqQefdgFDG"}
#: Whose functions and classes are what their names say; those of users change from run to run.
_KNOWN = {"builtins", "chainrule", "collections", "copyreg", "numpy", "operator", "_operator"}


class _Pickler(pickle.Pickler):
    dispatch_table = {**copyreg.dispatch_table, Op: _op, Node: _node, **_DTYPES}  # noqa: RUF012

    def reducer_override(self, value: Any) -> Any:
        """Refuse what would be written by its name alone, where another may have that name."""
        if isinstance(value, (FunctionType, type)):
            package = (value.__module__ or "").partition(".")[0]
            if package not in _KNOWN:
                raise pickle.PicklingError(f"{value!r} is not chainrule's")
        return NotImplemented


@lru_cache(maxsize=1)
def _written_by() -> str:
    """Return what tells this chainrule from any other: when its files were written, how long.

    Some installers give all files one date; the version, in the package's own file, then tells.
    """
    package = Path(__file__).parents[1]
    return repr(((package / "__init__.py").read_bytes(), sorted(_facts(str(package)))))


def _facts(directory: str) -> Iterator[tuple[str, int, int]]:
    with os.scandir(directory) as entries:
        for entry in entries:
            if entry.is_dir():
                yield from _facts(entry.path)
            elif entry.name.endswith(".py") and entry.is_file():  # editors put down broken links
                known = entry.stat()
                yield entry.path, known.st_mtime_ns, known.st_size
