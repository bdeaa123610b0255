"""Softmax, its logarithm, the log-sum-exp and the sigmoid, recognised in hand-written code.

``exp(z - m) / sum(exp(z - m))`` is softmax(z) whatever m is, as long as it is the same
along the axes of the sum; ``z - m - log(sum(exp(z - m)))`` is its logarithm, and
``m + log(sum(exp(z - m)))`` the log-sum-exp of z. The axes that a sum leaves out may be
kept or be put back in any way. The logarithm of a softmax, of elements picked from it,
or of its products with one-hot rows, is taken as one operation. So are the sigmoid
and the log-likelihood of labels under it (:mod:`logistic <chainrule.recognise.logistic>`).
The values are equal exactly; the derivative is the one of the recognised operation's rule.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from chainrule.graph import Graph, Node
from chainrule.recognise.comparing import (
    changes_nothing,
    equal,
    is_one_hot,
    keeps_order,
    padded_shape,
    same_elements,
    unshifted,
)
from chainrule.recognise.logistic import keeps_digits, likelihood_of, sigmoid_of
from chainrule.rules import TABLE
from chainrule.rules.sigmoid import LOG_LIKELIHOOD, SIGMOID
from chainrule.rules.softmax import LOG_SOFTMAX, LOG_SUM_EXP, SOFTMAX
from chainrule.trace import Recorder, Traced

#: Operations that move what a logarithm is taken of, and leave the numbers as they are.
_MOVING = frozenset(
    TABLE[name]
    for name in ("getitem", "take_along_axis", "reshape", "expand_dims", "squeeze", "transpose")
)


@dataclass(frozen=True, slots=True)
class Recognised:
    """A graph, and what was recognised in it.

    Attributes
    ----------
    graph : Graph
        The nodes of the original and, after them, a second way to its output that
        goes through the recognised operations.
    same : tuple of (Node, Node)
        Pairs of an added node and a node that is equal to it: one of the original, or
        one that says by the original's values what a rule will ask for.
    conditions : dict
        Added node -> what has to hold for it to be equal to what it stands for, if that
        is not certain; it holds for the values at hand.
    """

    graph: Graph
    same: tuple[tuple[Node, Node], ...] = ()
    conditions: Mapping[Node, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Total:
    """A sum of exp(z) over axes, or its logarithm; the axes are kept, or not."""

    z: Node
    axis: tuple[int, ...]
    log: bool


def recognise(graph: Graph, wrt: tuple[Node, ...] = ()) -> Recognised:
    """Extend a graph by what is recognised in it.

    Parameters
    ----------
    graph : Graph
    wrt : tuple of Node
        Labels among these are not taken as fixed.

    Returns
    -------
    Recognised
    """
    return _Recogniser(graph, wrt).run()


class _Recogniser:
    """Walks a graph once, and keeps what it knows about each node."""

    def __init__(self, graph: Graph, wrt: tuple[Node, ...]) -> None:
        self.graph = graph
        self.recorder = Recorder(values=all(node.value is not None for node in graph.nodes))
        self.handles = self.recorder.adopt(graph.nodes)
        self.added: dict[Node, Traced] = {}
        self.totals: dict[Node, _Total] = {}
        #: Node -> z and the axes, of those that are a softmax or the logarithm of one.
        self.softmaxes: dict[Node, tuple[Node, tuple[int, ...]]] = {}
        self.logarithms: dict[Node, tuple[Node, tuple[int, ...]]] = {}
        #: Node -> z, of those that are a sigmoid.
        self.sigmoids: dict[Node, Node] = {}
        #: What rules will ask for that is no part of the way, and what it is equal to.
        self.beside: list[tuple[Any, Any]] = []
        self.conditions: dict[Node, str] = {}
        #: What changes with what is differentiated with respect to.
        self.varying = set(wrt)
        for node in graph.nodes:
            if any(i in self.varying for i in node.inputs):
                self.varying.add(node)

    def run(self) -> Recognised:
        for node in self.graph.nodes:
            made = None if node.is_leaf else self.operation(node)
            if made is None and any(i in self.added for i in node.inputs):
                made = node.op(*map(self.now, node.inputs), **node.params)
            if made is not None:
                self.added[node] = made
        if self.graph.output not in self.added:
            return Recognised(self.graph)
        at = self.recorder.node
        same = [(at(made), original) for original, made in self.added.items()]
        self.add_softmaxes()
        same += [(at(asked), at(known)) for asked, known in self.beside]
        output = at(self.added[self.graph.output])
        return Recognised(Graph(self.recorder.nodes, [output]), tuple(same), self.conditions)

    def now(self, node: Node) -> Traced:
        """Return what stands for a node: what was added for it, or itself."""
        return self.added[node] if node in self.added else self.handles[node]

    def operation(self, node: Node) -> Any:
        """Return what a node is recognised as, or None."""
        total = self.total(node)
        if total is not None:
            self.totals[node] = total
        quotient = self.quotient(node)
        if quotient is not None:
            self.softmaxes[node] = quotient
            return SOFTMAX(self.now(quotient[0]), axis=quotient[1])
        z = sigmoid_of(node)
        if z is not None:
            self.sigmoids[node] = z
            return SIGMOID(self.now(z)) if keeps_digits(node) else None
        found = likelihood_of(node, self.sigmoids)
        if found is not None:
            made = LOG_LIKELIHOOD(self.now(found.y), self.now(found.z))
            self.rely(made, found.clips)
            if found.p not in self.added:
                self.beside.append((SIGMOID(self.now(found.z)), self.handles[found.p]))
            return -made if found.is_negative else made
        difference = self.difference(node)
        if difference is not None:
            self.logarithms[node] = difference
            return LOG_SOFTMAX(self.now(difference[0]), axis=difference[1])
        if node.op is TABLE["log"]:
            return self.logarithm(node.inputs[0])
        if total is not None and node.op is TABLE["add"]:
            kept = _kept(total)
            if node.shape in (kept, _left(total)):
                return LOG_SUM_EXP(self.now(total.z), axis=total.axis, keepdims=node.shape == kept)
        return None

    # -- what a node is ----------------------------------------------------------------

    def total(self, node: Node) -> _Total | None:
        """Return which sum of exponentials a node holds, or the logarithm of which."""
        if node.op is TABLE["sum"] and node.inputs[0].op is TABLE["exp"] and len(node.inputs) == 1:
            (z,) = node.inputs[0].inputs
            axis = node.params["axis"]
            return _Total(z, tuple(range(len(z.shape))) if axis is None else axis, False)
        if node.op is LOG_SUM_EXP:
            return _Total(node.inputs[0], node.params["axis"], True)
        if keeps_order(node):
            return self.totals.get(node.inputs[0])
        if node.op is TABLE["log"]:
            total = self.totals.get(node.inputs[0])
            return None if total is None or total.log else _Total(total.z, total.axis, True)
        if node.op is TABLE["add"] and len(node.inputs) == 2:
            for log, shift in (node.inputs, node.inputs[::-1]):
                total = self.totals.get(log)
                if total is None or not total.log or log.shape != node.shape:
                    continue
                z, shifts = unshifted(total.z, total.axis, most=1)
                if shifts and same_elements(shifts[0], shift):
                    return _Total(z, total.axis, True)
        return None

    def quotient(self, node: Node) -> tuple[Node, tuple[int, ...]] | None:
        """Recognise a softmax; returns z and the axes."""
        if node.op is SOFTMAX:
            return node.inputs[0], node.params["axis"]
        if node.op is TABLE["exp"]:
            return self.logarithms.get(node.inputs[0])
        if node.op is not TABLE["divide"] or node.inputs[0].op is not TABLE["exp"]:
            return None
        return self.over(node, node.inputs[0].inputs[0], log=False)

    def difference(self, node: Node) -> tuple[Node, tuple[int, ...]] | None:
        """Recognise the logarithm of a softmax; returns z and the axes."""
        if node.op is LOG_SOFTMAX:
            return node.inputs[0], node.params["axis"]
        return self.over(node, node.inputs[0], log=True) if node.op is TABLE["subtract"] else None

    def over(self, node: Node, z: Node, log: bool) -> tuple[Node, tuple[int, ...]] | None:
        """Whether the second operand is the sum of the exponentials of z, row for row."""
        total = self.totals.get(node.inputs[1])
        if total is None or total.log is not log or not equal(total.z, z):
            return None
        rows = padded_shape(node.inputs[1].shape, len(z.shape))
        if node.shape != z.shape or rows != _kept(total):
            return None
        return unshifted(z, total.axis)[0], total.axis

    # -- the logarithm of a softmax ----------------------------------------------------

    def logarithm(self, inner: Node) -> Any:
        """Take the logarithm of what was made of a softmax through the softmax itself."""
        way: list[tuple[Node, Node | None]] = []
        clips: list[Node] = []
        node = inner
        while node not in self.softmaxes:
            if node.op in _MOVING and node.inputs[0].abstract.dtype.kind == "f":
                way.append((node, None))
                node = node.inputs[0]
            elif changes_nothing(node, inner.value):
                clips.append(node)
                node = node.inputs[0]
            else:
                found = self.picked_by_labels(node)
                if found is None:
                    return None
                way.append((node, found[1]))
                node = found[0]
        z, axis = self.softmaxes[node]
        log: Any = LOG_SOFTMAX(self.now(z), axis=axis)
        self.rely(log, clips)
        for step, labels in reversed(way):
            if labels is None:
                log = step.op(log, *map(self.now, step.inputs[1:]), **step.params)
            else:
                log = step.op(log * self.now(labels), **step.params)
        return log

    def rely(self, log: Any, clips: Sequence[Node]) -> None:
        """Note that bounds have to hold none of the values of which a logarithm is taken."""
        if clips:
            names = " and ".join(dict.fromkeys(clip.op.name for clip in clips))
            self.conditions[self.recorder.node(log)] = (
                f"{names} changes none of the values of which the logarithm is taken here"
            )

    def picked_by_labels(self, node: Node) -> tuple[Node, Node] | None:
        """Part a sum of products with one-hot labels into what is picked from, and the labels."""
        if node.op is not TABLE["sum"] or len(node.inputs) != 1:
            return None
        product = node.inputs[0]
        if product.op is not TABLE["multiply"]:
            return None
        for p, labels in (product.inputs, product.inputs[::-1]):
            fixed = labels not in self.varying and labels.shape == p.shape
            if fixed and is_one_hot(labels.value, node.params["axis"]):
                return p, labels
        return None

    # -- what rules ask for ------------------------------------------------------------

    def add_softmaxes(self) -> None:
        """Pair each softmax that no line computes with the exponential of a line that exists."""
        known = {(z, axis) for z, axis in self.softmaxes.values()}
        for node, (z, axis) in self.logarithms.items():
            if (z, axis) not in known:
                known.add((z, axis))
                p = np.exp(self.handles[node])
                self.beside.append((SOFTMAX(self.now(z), axis=axis), p))
        for node, total in self.totals.items():
            shown = node.op is LOG_SUM_EXP or (node.op is TABLE["add"] and node in self.added)
            if shown and (total.z, total.axis) not in known:
                known.add((total.z, total.axis))
                lse: Any = self.handles[node]
                if node.shape != _kept(total):
                    lse = np.expand_dims(lse, total.axis)
                p = np.exp(self.handles[total.z] - lse)
                self.beside.append((SOFTMAX(self.now(total.z), axis=total.axis), p))


# -- shapes ----------------------------------------------------------------------------


def _kept(total: _Total) -> tuple[int, ...]:
    """Shape of a sum that keeps its axes."""
    return tuple(1 if i in total.axis else n for i, n in enumerate(total.z.shape))


def _left(total: _Total) -> tuple[int, ...]:
    """Shape of a sum that leaves its axes out."""
    return tuple(n for i, n in enumerate(total.z.shape) if i not in total.axis)
