"""From a function and its arguments to a graph."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.arguments import Wrt, bound, differentiable, name_of, resolve_wrt
from chainrule.errors import ArgumentError, NonFiniteError
from chainrule.graph import Graph, Node
from chainrule.op import Abstract
from chainrule.structure import map_leaves
from chainrule.trace import Branch, Recorder, Traced, WholeFloat, location, refuse_subclass, tracing
from chainrule.trace.buffers import traced_buffers
from chainrule.trace.source import user_frame


@dataclass(frozen=True, slots=True)
class Recording:
    """A function's graph, and which argument each input came from.

    Attributes
    ----------
    name : str
        The function's name.
    graph : Graph
    arguments : dict
        Argument name -> its value with each numeric leaf replaced by its input node.
    values : dict
        Argument name -> the value that was given.
    wrt : tuple of str
        Names of the arguments to differentiate with respect to.
    branches : tuple of Branch
        Branches that Python took on values.
    suspect : NonFiniteError or None
        The error for the first NaN or infinity that arose, to be raised if it reaches a
        gradient.
    """

    name: str
    graph: Graph
    arguments: Mapping[str, Any]
    values: Mapping[str, Any]
    wrt: tuple[str, ...]
    branches: tuple[Branch, ...] = ()
    suspect: NonFiniteError | None = None

    def inputs_of(self, name: str) -> list[Node]:
        """Return the input nodes of one argument, in order."""
        found: list[Node] = []

        def visit(leaf: Any, path: str) -> Any:
            if isinstance(leaf, Node):
                found.append(leaf)
            return leaf

        map_leaves(visit, self.arguments[name], name)
        return found

    def wrt_inputs(self) -> list[Node]:
        """Return the input nodes to differentiate with respect to, in order."""
        return [node for name in self.wrt for node in self.inputs_of(name) if node.carries_gradient]


def record(
    f: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
    wrt: Wrt | None = None,
    *,
    values: bool = True,
    strict: bool = True,
    name_output: str | None = None,
    only: Collection[str] | None = None,
    buffers: bool = False,
) -> Recording:
    """Run a function once and record its graph.

    Parameters
    ----------
    f : callable
    args, kwargs
        Its arguments. Numbers and arrays among them become inputs of the graph.
    wrt : position, name, sequence of them, or None
        None stands for every argument that can carry a gradient.
    values : bool
        Compute along the way; without, only shapes are known, and a branch on a value
        is refused.
    strict : bool
        Refuse an output that is a NaN or infinite, with the line where the first arose.
    name_output : str, optional
        Name of an output that the user gave none.
    only : collection of str, optional
        Paths of the leaves that become inputs; all others stay what they are.
    buffers : bool
        Let arrays that the function makes, as by ``np.zeros``, take traced values.

    Raises
    ------
    ArgumentError, DtypeError, TraceError, ShapeError, NonFiniteError
    """
    arguments = bound(f, args, dict(kwargs))
    given = dict(arguments.arguments)
    names = tuple(given) if wrt is None else resolve_wrt(f, list(given), wrt)
    caller = user_frame()
    with tracing(
        lambda level: Recorder(level, values=values, locate=True, strict=strict)
    ) as recorder:
        recorder.root = caller

        def visit(leaf: Any, path: str) -> Any:
            asked = wrt is not None and _head(path) in names
            if only is not None and path not in only:
                return leaf
            number = differentiable(leaf, path) if asked or _is_inexact(leaf) else _fixed(leaf)
            if number is None:
                return leaf
            return recorder.input(path, number, Abstract.of(number))

        traced = {name: map_leaves(visit, value, name) for name, value in given.items()}
        nodes = {name: map_leaves(_node(recorder), value, name) for name, value in traced.items()}
        arguments.arguments.update(traced)
        with traced_buffers(recorder) if buffers else nullcontext():
            output = f(*arguments.args, **arguments.kwargs)
        if not isinstance(
            output, (Traced, np.ndarray, np.generic, float, int, complex)
        ) or isinstance(output, bool):
            raise ArgumentError(
                f"{name_of(f)} returned {type(output).__name__}, which cannot be differentiated.",
                expected="one number or one array",
                got=repr(output)[:80],
                where=location(code=getattr(f, "__code__", None)),
                instead="return the value that matters, such as the loss"
                if output is not None or not hasattr(f, "__self__")
                else "explain(layer, ...) with the object itself, which has kept its output",
            )
        free = output if isinstance(output, Traced) else recorder.constant(output)
        recorder.name(free, name_output or "output")
        graph = recorder.graph([free])
    if recorder.suspect is not None and not _is_finite(graph.output.value):
        raise recorder.suspect
    if wrt is None:
        read = {operand for node in graph.reachable().nodes for operand in node.inputs}
        # A Python int that nothing is computed from, such as a count, is not asked about.
        names = tuple(
            name
            for name in names
            if any(
                n.carries_gradient and (n in read or not isinstance(n.value, WholeFloat))
                for n in _nodes(nodes[name], name)
            )
        )
    return Recording(
        name_of(f), graph, nodes, given, names, tuple(recorder.branches), recorder.suspect
    )


def _is_finite(value: Any) -> bool:
    if value is None or isinstance(value, Traced) or np.asarray(value).dtype.kind not in "fc":
        return True
    return bool(np.all(np.isfinite(value)))


def _head(path: str) -> str:
    for end in "[.":
        path = path.split(end)[0]
    return path


def _is_inexact(leaf: Any) -> bool:
    if isinstance(leaf, (np.ndarray, np.generic)):
        refuse_subclass(leaf, "an argument")
        return leaf.dtype.kind in "fc"
    return isinstance(leaf, (float, int, complex)) and not isinstance(leaf, bool)


def _fixed(leaf: Any) -> Any:
    """Return an input that carries no gradient, such as labels; None for what is no number."""
    if isinstance(leaf, np.ndarray):
        refuse_subclass(leaf, "an argument")
    return leaf if isinstance(leaf, (np.ndarray, np.generic)) and leaf.dtype.kind in "biu" else None


def _node(recorder: Recorder) -> Callable[[Any, str], Any]:
    return lambda leaf, path: recorder.node(leaf) if isinstance(leaf, Traced) else leaf


def _nodes(value: Any, name: str) -> list[Node]:
    found: list[Node] = []

    def visit(leaf: Any, path: str) -> None:
        if isinstance(leaf, Node):
            found.append(leaf)

    map_leaves(visit, value, name)
    return found
