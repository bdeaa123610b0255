"""A function traced for shapes alone: any function of arrays, with any structure of results."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.arguments import bound, name_of, signature_of
from chainrule.compiling.arguments import Place, is_number
from chainrule.emit.kernel import free_name, identifier
from chainrule.errors import ArgumentError
from chainrule.graph import Graph
from chainrule.op import Abstract
from chainrule.simplify import simplify
from chainrule.structure import map_leaves
from chainrule.trace import Recorder, Traced, location, refuse_subclass, tracing
from chainrule.trace.source import user_frame

#: Shape and dtype of each leaf of the arguments, in the order of the arguments as they are given.
Kinds = Sequence[Abstract]


@dataclass(frozen=True)
class Outline:
    """What a function computes, for arguments of certain shapes.

    Attributes
    ----------
    name : str
        What the function is called; an identifier.
    graph : Graph
        Simplified; an input for each leaf of the arguments, an output for each of the results.
    result : structure
        What the function returns, with a `Place` for each output.
    """

    name: str
    graph: Graph
    result: Any


def outlined(
    f: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any], kinds: Kinds
) -> Outline:
    """Trace a function for arguments of the given kinds, whatever their values.

    Parameters
    ----------
    f : callable
    args, kwargs
        Arguments as in a call; their numbers and arrays are not looked at.
    kinds : sequence of Abstract
        What stands in the places of these, in order.

    Raises
    ------
    BranchError
        When Python branches on a value; names the line.
    ArgumentError
        When the function returns what is no number, array or structure of them.
    """
    remaining = iter(kinds)
    caller = user_frame()
    with tracing(lambda level: Recorder(level, values=False, locate=True)) as recorder:
        recorder.root = caller
        names: set[str] = set()

        def visit(leaf: Any, path: str) -> Any:
            if isinstance(leaf, np.ndarray):
                refuse_subclass(leaf, path)
            if not is_number(leaf):
                return leaf
            return recorder.input(free_name(identifier(path), names, "_"), abstract=next(remaining))

        given = bound(f, args, dict(kwargs))
        defaults = bound_names(f, args, kwargs)
        # In the order in which they are given, since the leaves come in this order.
        given.arguments.update(
            {
                name: map_leaves(visit, given.arguments[name], name)
                for name in given.arguments
                if name in defaults
            }
        )
        returned = f(*given.args, **given.kwargs)
        outputs: list[Any] = []

        def keep(leaf: Any, path: str) -> Any:
            if isinstance(leaf, (Traced, np.ndarray, np.generic, float, int, complex)):
                traced = leaf if isinstance(leaf, Traced) else recorder.constant(leaf)
                if path.isidentifier():
                    recorder.name(traced, path)
                outputs.append(traced)
                return Place(len(outputs) - 1)
            if leaf is None or isinstance(leaf, str):
                return leaf
            raise ArgumentError(
                f"{name_of(f)} returned {type(leaf).__name__}, which cannot be compiled.",
                expected="numbers, arrays, and structures of them",
                got=repr(leaf)[:80],
                where=location(code=getattr(f, "__code__", None)),
            )

        result = map_leaves(keep, returned, "output")
        graph = recorder.graph(outputs)
    simplified, _ = simplify(graph, tidy=True)
    return Outline(identifier(name_of(f)), simplified, result)


def bound_names(
    f: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> set[str]:
    """Return the names of the parameters that arguments are given for, and not by default."""
    signature = signature_of(f)
    if signature is None:
        return {f"x{i}" for i in range(len(args))}
    return set(signature.bind(*args, **kwargs).arguments)


def kinds_of(leaves: Sequence[Any]) -> tuple[Abstract, ...]:
    """Return what is to be known of each leaf before a function is traced."""
    return tuple(Abstract.of(leaf) for leaf in leaves)
