"""Rewrites of sums, products and quotients, and of their signs."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import Any

from chainrule.graph import Node
from chainrule.rewriting import Rewriter, is_derived
from chainrule.rules import TABLE
from chainrule.simplify.reading import is_inner, is_negative, is_op, number, rewrite

# -- numbers ---------------------------------------------------------------------------


@rewrite("number", every=True)
def folded(rw: Rewriter, node: Node, *operands: Any, **params: Any) -> Any:
    """Compute arithmetic on Python numbers."""
    if not all(rw.node(o).is_constant and rw.node(o).abstract.weak for o in operands):
        return None
    numbers = [number(rw, o) for o in operands]
    if any(n is None for n in numbers):
        return None
    result = node.op.forward(*numbers, **params)
    return rw.recorder.constant(result) if type(result) in (bool, int, float) else None


@rewrite("one")
def without_one(rw: Rewriter, node: Node, a: Any, b: Any) -> Any:
    """Leave out a factor, a divisor or an exponent of 1."""
    if number(rw, b) == 1:
        return a
    return b if number(rw, a) == 1 and node.op is TABLE["multiply"] else None


@rewrite("zero")
def without_zero(rw: Rewriter, node: Node, *terms: Any) -> Any:
    """Leave terms of 0 out of a sum."""
    kept = [t for t in terms if number(rw, t) != 0]
    if len(kept) == len(terms) or not kept:
        return None
    return kept[0] if len(kept) == 1 else TABLE["add"](*kept)


@rewrite("zero", derived=True)
def from_zero(rw: Rewriter, node: Node, a: Any, b: Any) -> Any:
    """Turn 0 - b into -b; NumPy has no negative of truth values."""
    return -b if number(rw, a) == 0 and b.dtype.kind != "b" else None


@rewrite("one", "multiply")
def plain_one(rw: Rewriter, node: Node, a: Any, b: Any) -> Any:
    """Write the upstream gradient 1 as a number where it is divided, and leave out a factor 1."""
    if rw.node(a).name and number(rw, a) == 1:
        return 1.0 / b
    factors = rw.operands(a) if is_op(rw, a, "multiply") and is_derived(node) else ()
    ones = [i for i, factor in enumerate(factors) if number(rw, factor) == 1]
    return factors[1 - ones[0]] / b if ones else None


@rewrite("add")
def flat_sum(rw: Rewriter, node: Node, first: Any, *rest: Any) -> Any:
    """Write (a + b) + c as a + b + c, which is the order in which Python adds.

    The last sum of a chain takes the terms of all of them: if each took those of the one before
    it, n sums would copy n² terms.
    """
    inner = node.inputs[0]
    if not is_op(rw, first, "add") or not is_inner(rw, first, inner) or inner.name:
        return None
    reader = rw.only_reader(node)
    goes_on = reader is not None and reader.op is node.op and reader.inputs[0] is node
    if goes_on and not node.name and rw.may_defer(node):
        return rw.defer(node, TABLE["add"](first, *rest))
    later = [rest]
    while rw.take_up(first):
        first, *more = rw.operands(first)
        later.append(tuple(more))
    return TABLE["add"](*rw.operands(first), *chain.from_iterable(reversed(later)))


@rewrite(derived=True)
def doubled(rw: Rewriter, node: Node, *terms: Any) -> Any:
    """Turn a + a into 2 · a."""
    twice = len(terms) == 2 and rw.node(terms[0]) is rw.node(terms[1])
    return 2 * terms[0] if twice else None


def _fractions(rw: Rewriter, node: Node, a: Any, b: Any) -> Iterator[tuple[Any, Any, Any]]:
    """Yield the parts of each quotient among two factors, and the other factor.

    An array that is needed anyway stays as it is, as a product costs less than a quotient, and so
    does what has a name; but 1 / N is not what people write.
    """
    for fraction, other, original in ((a, b, node.inputs[0]), (b, a, node.inputs[1])):
        if is_op(rw, fraction, "divide"):
            top, bottom = rw.operands(fraction)
            is_share = not bottom.shape and rw.node(fraction).name is None
            if is_share or is_inner(rw, fraction, original):
                yield top, bottom, other


@rewrite("divide")
def one_fraction(rw: Rewriter, node: Node, a: Any, b: Any) -> Any:
    """Turn (1 / n) · b into b / n."""
    for top, bottom, other in _fractions(rw, node, a, b):
        if number(rw, top) == 1:
            return other / bottom
    return None


@rewrite("divide")
def one_quotient(rw: Rewriter, node: Node, a: Any, b: Any) -> Any:
    """Turn (c / n) · d into (c · d) / n, for Python numbers c and d."""
    for top, bottom, other in _fractions(rw, node, a, b):
        c, d = number(rw, top), number(rw, other)
        if type(c) in (int, float) and type(d) in (int, float):
            return c * d / bottom
    return None


@rewrite("multiply", "divide")
def factored(rw: Rewriter, node: Node, a: Any, b: Any) -> Any:
    """Turn c · a - c · b into c · (a - b), for a number c, and quotients likewise."""
    if is_op(rw, a, "multiply") and is_op(rw, b, "multiply"):
        for i, c in enumerate(rw.operands(a)):
            for j, d in enumerate(rw.operands(b)):
                if rw.node(c) is rw.node(d) and c.shape == ():
                    return c * (rw.operands(a)[1 - i] - rw.operands(b)[1 - j])
    if is_op(rw, a, "divide") and is_op(rw, b, "divide"):
        (x, n), (y, m) = rw.operands(a), rw.operands(b)
        if is_derived(node) and n.shape == () and rw.node(n) is rw.node(m):
            return (x - y) / n
    return None


# -- signs -----------------------------------------------------------------------------


def _opposite(rw: Rewriter, traced: Any) -> Any:
    """Return b of a value that is -b, or None."""
    if is_negative(rw, traced):
        return rw.operands(traced)[0]
    c = number(rw, traced)
    return -c if type(c) in (int, float) and c < 0 else None


@rewrite("negative", "negative number")
def sign_outside(rw: Rewriter, node: Node, a: Any, b: Any) -> Any:
    """Move a minus sign out of a quotient."""
    if is_op(rw, a, "negative"):
        return -(rw.operands(a)[0] / b)
    c = number(rw, a)
    return -(-c / b) if type(c) in (int, float) and c < 0 else None


@rewrite("negative", "negative number", derived=True)
def sign_out_of_product(rw: Rewriter, node: Node, a: Any, b: Any) -> Any:
    """Move a minus sign out of a product, matrix products among them."""
    for i, (factor, other) in enumerate(((a, b), (b, a))):
        positive = _opposite(rw, factor)
        if positive is not None:
            if number(rw, factor) == -1:
                return -other
            return -(node.op(positive, other) if i == 0 else node.op(other, positive))
    return None


@rewrite("negative", "negative number", derived=True)
def sign_out_of_divisor(rw: Rewriter, node: Node, a: Any, b: Any) -> Any:
    """Turn a / -b into -(a / b)."""
    positive = _opposite(rw, b)
    return None if positive is None else -(a / positive)


@rewrite("negative", derived=True)
def sign_passed(rw: Rewriter, node: Node, a: Any, *rest: Any, **params: Any) -> Any:
    """Let a minus sign come after a sum, a repetition or a change of shape."""
    if not is_negative(rw, a):
        return None
    return -node.op(rw.operands(a)[0], *rest, **params)


@rewrite("subtract")
def sign_turned(rw: Rewriter, node: Node, a: Any, b: Any) -> Any:
    """Turn -c · (a - b) into c · (b - a), and so spend the sign."""
    for factor, difference, original in ((a, b, node.inputs[1]), (b, a, node.inputs[0])):
        if not is_op(rw, difference, "subtract") or not is_inner(rw, difference, original):
            continue
        left, right = rw.operands(difference)
        if is_op(rw, factor, "negative"):
            return rw.operands(factor)[0] * (right - left)
        if number(rw, factor) == -1:
            return right - left
    return None


@rewrite("subtract", "multiply", "divide", derived=True)
def sign_spent(rw: Rewriter, node: Node, a: Any) -> Any:
    """Turn -(c · (a - b)) into c · (b - a), and quotients and bare differences likewise."""
    if not is_inner(rw, a, node.inputs[0]):
        return None
    if is_op(rw, a, "subtract"):
        left, right = rw.operands(a)
        return right - left
    if not (is_op(rw, a, "multiply") or is_op(rw, a, "divide")):
        return None
    parts = list(rw.operands(a))
    originals = node.inputs[0].inputs
    for i, part in enumerate(parts[: 1 if is_op(rw, a, "divide") else 2]):
        known = originals[i] if i < len(originals) else node
        if is_op(rw, part, "subtract") and is_inner(rw, part, known):
            left, right = rw.operands(part)
            parts[i] = right - left
            return rw.node(a).op(*parts)
    return None


@rewrite("negative", "negative number", derived=True)
def sign_in_sum(rw: Rewriter, node: Node, *terms: Any) -> Any:
    """Turn a + -b and -b + a into a - b."""
    if len(terms) != 2:
        return None
    for i in (1, 0):
        positive = _opposite(rw, terms[i])
        if positive is not None:
            return terms[1 - i] - positive
    return None


@rewrite("negative", "negative number", derived=True)
def sign_in_difference(rw: Rewriter, node: Node, a: Any, b: Any) -> Any:
    """Turn a - -b into a + b, and -a - b into -(a + b)."""
    positive = _opposite(rw, b)
    if positive is not None:
        return TABLE["add"](a, positive)
    if is_negative(rw, a):
        return -TABLE["add"](rw.operands(a)[0], b)
    return None
