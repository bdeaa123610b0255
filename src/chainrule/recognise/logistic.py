"""The sigmoid in hand-written code, ``1 / (1 + exp(-z))``, and the log-likelihood of labels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from chainrule.graph import Node
from chainrule.recognise.comparing import changes_nothing, equal
from chainrule.rules import TABLE
from chainrule.trace import Recorder, Traced


def sigmoid_of(node: Node) -> Node | None:
    """Return what a node is the sigmoid of, or None.

    That it is ``exp(z) / (1 + exp(z))``, that the reciprocal is a power, or that what is taken
    the exponential of is kept below a number so large that nothing is left of its reciprocal,
    makes no difference.
    """
    below = _denominator(node)
    power = None if below is None else _above_one(below)
    if power is None:
        return None
    (exponent,) = power.inputs
    if node.op is TABLE["divide"] and not _is(node.inputs[0], 1):
        z = exponent if equal(node.inputs[0], power) else None
    else:
        z = _negated(_unbounded(exponent))
    same_kind = z is not None and (z.shape, z.abstract.dtype) == (node.shape, node.abstract.dtype)
    return z if same_kind and node.abstract.dtype.kind == "f" else None


def keeps_digits(p: Node) -> bool:
    """Whether 1 - p is not so small anywhere that a third of its digits, or more, are lost.

    Where it is, or no values are known, the derivative p · (1 - p) would be less exact than that
    of the code as it is written.
    """
    if p.value is None or p.value.__class__ is Traced:
        return False
    return bool(np.all(1 - p.value >= np.cbrt(np.finfo(p.abstract.dtype).eps)))


def _denominator(node: Node) -> Node | None:
    """Return what a node is a quotient or the reciprocal of."""
    if node.op is TABLE["divide"]:
        return node.inputs[1]
    if node.op is TABLE["reciprocal"] or (node.op is TABLE["power"] and _is(node.inputs[1], -1)):
        return node.inputs[0]
    return None


def _above_one(node: Node) -> Node | None:
    """Return the exponential to which 1 is added."""
    if node.op is TABLE["add"] and len(node.inputs) == 2:
        for one, power in (node.inputs, node.inputs[::-1]):
            if _is(one, 1) and power.op is TABLE["exp"]:
                return power
    return None


def _unbounded(node: Node) -> Node:
    """Take off an upper bound whose exponential has a reciprocal as small as numbers get."""
    if node.op is TABLE["minimum"]:
        most = 4 * np.finfo(node.abstract.dtype).smallest_normal
        for bound, inner in (node.inputs, node.inputs[::-1]):
            if _is_known(bound) and bound.shape == () and np.exp(-float(bound.value)) <= most:
                return inner
    return node


def _negated(node: Node) -> Node | None:
    if node.op is TABLE["negative"]:
        return node.inputs[0]
    if node.op is TABLE["multiply"] and len(node.inputs) == 2:
        for sign, inner in (node.inputs, node.inputs[::-1]):
            if _is(sign, -1):
                return inner
    return None


def _is(node: Node, number: float) -> bool:
    return _is_known(node) and node.shape == () and bool(node.value == number)


def _is_known(node: Node) -> bool:
    """Whether a node is a constant, and not one that a trace around this one works out."""
    return node.is_constant and node.value.__class__ is not Traced


# -- the logarithms of p and 1 - p, weighted by labels ----------------------------------


@dataclass(frozen=True, slots=True)
class Likelihood:
    """What is y · log(p) + (1 - y) · log(1 - p), or its negative, where p is the sigmoid of z."""

    y: Node
    z: Node
    p: Node
    is_negative: bool
    clips: tuple[Node, ...]


def likelihood_of(node: Node, sigmoids: Mapping[Node, Node]) -> Likelihood | None:
    """Recognise the log-likelihood of labels; `sigmoids` has the z of each p."""
    if node.op not in (TABLE["add"], TABLE["subtract"]) or len(node.inputs) != 2:
        return None
    terms = [_term(i) for i in node.inputs]
    if terms[0] is None or terms[1] is None:
        return None
    (is_negative, *a), (is_second_negative, *b) = terms[0], terms[1]
    if node.op is TABLE["subtract"]:
        is_second_negative = not is_second_negative
    if is_negative != is_second_negative:
        return None
    for (y, log_p), (rest, log_q) in ((a, b), (b, a)):
        clips: list[Node] = []
        p = _unclipped(log_p.inputs[0], clips)
        q = _one_minus(_unclipped(log_q.inputs[0], clips))
        z = sigmoids.get(p)
        if z is None or q is None or not equal(_unclipped(q, clips), p):
            continue
        is_same_kind = z.abstract.dtype == node.abstract.dtype
        is_same_kind &= np.broadcast_shapes(y.shape, z.shape) == node.shape
        if is_same_kind and _are_complements(y, rest):
            return Likelihood(y, z, p, is_negative, tuple(clips))
    return None


def _term(node: Node) -> tuple[bool, Node, Node] | None:
    """Part ±(weight · logarithm) into whether it has a minus sign, the weight and the logarithm."""
    node, outer = _unsigned(node)
    if node.op is TABLE["multiply"] and len(node.inputs) == 2:
        for weight, log in (node.inputs, node.inputs[::-1]):
            if log.op is TABLE["log"]:
                weight, inner = _unsigned(weight)
                return outer is not inner, weight, log
    return None


def _unsigned(node: Node) -> tuple[Node, bool]:
    return (node.inputs[0], True) if node.op is TABLE["negative"] else (node, False)


def _unclipped(node: Node, clips: list[Node]) -> Node:
    """Take off bounds that hold no value; they are noted in the list."""
    while changes_nothing(node, node.value):
        clips.append(node)
        node = node.inputs[0]
    return node


def _one_minus(node: Node) -> Node | None:
    return node.inputs[1] if node.op is TABLE["subtract"] and _is(node.inputs[0], 1) else None


def _are_complements(y: Node, rest: Node) -> bool:
    y, rest = _outside(y), _outside(rest)
    if _is_known(y) and _is_known(rest):
        return bool(np.array_equal(rest.value, 1 - y.value))
    of = _one_minus(rest)
    return of is not None and equal(of, y)


def _outside(node: Node) -> Node:
    """Return the node of the trace around this one that a constant comes from, if it does."""
    value = node.value
    if value.__class__ is Traced and isinstance(value._trace, Recorder):
        return value._trace.node(value)
    return node
