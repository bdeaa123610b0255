"""The gradient of a function inside a trace that records a graph without values.

There the backward pass is derived on the graph, as for an explanation: what is recognised in the
forward pass, a softmax for one, takes part in it, and the user's names come along.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from chainrule.arguments import Wrt, bound, differentiable, resolve_wrt
from chainrule.backward import differentiate
from chainrule.graph import Graph, Node
from chainrule.op import Abstract
from chainrule.recognise import recognise
from chainrule.simplify import simplify, tidied
from chainrule.structure import leaves, map_leaves
from chainrule.trace import Recorder, Traced, tracing
from chainrule.trace.source import user_frame


def graphed(
    f: Callable[..., Any], wrt: Wrt, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[Any, list[Any]] | None:
    """Return the value of a function and its gradients, recorded in the trace around it.

    Returns
    -------
    tuple or None
        The value, and the gradient of each argument of `wrt` in its structure; None where there
        is no such trace around, or the function does not return a single real number.
    """
    if not any(_recorder(leaf) for value in args for _, leaf in leaves(value)) and not any(
        _recorder(leaf) for value in kwargs.values() for _, leaf in leaves(value)
    ):
        return None
    arguments = bound(f, args, kwargs)
    names = resolve_wrt(f, list(arguments.arguments), wrt)
    asked = {name: arguments.arguments[name] for name in names}
    found_traces = (_recorder(leaf) for v in asked.values() for _, leaf in leaves(v))
    outer = next((trace for trace in found_traces if trace is not None), None)
    if outer is None:
        return None
    given: dict[str, Any] = {}
    with tracing(lambda level: Recorder(level, values=False, locate=True)) as inner:
        inner.root = user_frame()

        def visit(leaf: Any, path: str) -> Any:
            number = differentiable(leaf, path)
            if number is None:
                return leaf
            given[path] = number
            return inner.input(path, abstract=Abstract.of(number))

        arguments.arguments.update({n: map_leaves(visit, v, n) for n, v in asked.items()})
        output = f(*arguments.args, **arguments.kwargs)
        if output.__class__ is not Traced or output._trace is not inner:
            return None
        if output.shape or output.dtype.kind != "f":
            return None
        inner.name(output, "loss")
        graph = tidied(inner.graph([output]))
    wrt_nodes = {n.name: n for n in graph.inputs if n.name in given}
    found = recognise(graph, tuple(wrt_nodes.values()))
    joint = differentiate(found.graph, list(wrt_nodes.values()), values=False)
    # The value comes by the user's own lines, not by what was recognised in them.
    ends = (graph.output, *joint.graph.outputs[1:])
    simplified, image = simplify(Graph(joint.graph.nodes, ends), found.same)
    labels = {
        image[g]: f"d{node.name}"
        for node, g in joint.gradients.items()
        if g in image and node.name and node.name.isidentifier()
    }
    value, *gradients = _replayed(simplified, given, outer, labels)
    by_path = {
        path: _like(gradient, given[path])
        for path, gradient in zip(wrt_nodes, gradients, strict=True)
    }
    return value, [
        map_leaves(lambda leaf, path: by_path.get(path), value, name)
        for name, value in asked.items()
    ]


def _recorder(leaf: Any) -> Recorder | None:
    """Return the trace of a value of which only the shape is known."""
    if leaf.__class__ is not Traced or not isinstance(leaf.value, Abstract):
        return None
    trace = leaf._trace
    return trace if isinstance(trace, Recorder) else None


def _replayed(
    graph: Graph, given: Mapping[str, Any], outer: Recorder, labels: Mapping[Node, str]
) -> list[Any]:
    """Record the nodes of a graph in another trace, with the names and lines that they have."""
    made: dict[Node, Any] = {}
    with outer.unlocated():
        for node in graph.nodes:
            if node.is_input:
                made[node] = given[node.name or ""]
                continue
            if node.is_constant:
                made[node] = node.value
                continue
            operands = [made[i] for i in node.inputs]
            name = node.name or labels.get(node)
            if {o._trace for o in operands if o.__class__ is Traced} == {outer}:
                made[node] = outer.again(node, operands, name)
            else:  # of numbers alone, or of a trace in between
                made[node] = node.op(*operands, **node.params)
                outer.retell(made[node], name, node.where)
    return [made[o] for o in graph.outputs]


def _like(gradient: Any, leaf: Any) -> Any:
    """Give a gradient the precision of what it belongs to."""
    kind = Abstract.of(leaf)
    if gradient.__class__ is Traced and not kind.weak and gradient.dtype != kind.dtype:
        return gradient.astype(kind.dtype)
    return gradient
