"""The rule of one operation, probed for the derivatives of its scalars by its scalars.

Every number here comes from the operation's rule: a row of its Jacobian is its ``vjp``
with a one-hot upstream, a column is the ``vjp`` of that ``vjp``, since the product is
linear in the upstream. What is clever is only how few of them are asked for:

- an elementwise operation gives all its derivatives at once, with upstream ones;
- in an index sum (``op.subscripts``) elements that differ in a subscript that operand
  and result share never meet, so that one probe serves all of them;
- where each element of the operand reaches one element of the result at most, as in
  reshapes, slices and reductions, three probes with weighted upstreams tell which.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chainrule.backward import backpropagate, fitted
from chainrule.errors import ArgumentError, NonFiniteError
from chainrule.graph import Node
from chainrule.trace import Tape, Traced, tracing

Ints = NDArray[np.intp]
Floats = NDArray[np.float64]

#: More scalar steps than this through one operation are refused.
LIMIT = 20_000_000
#: More probed numbers than this for one operation are refused: they take some ten seconds.
WORK = 4_000_000_000

Term = tuple[str | None, ...]


@dataclass(frozen=True, slots=True)
class Edges:
    """The non-zero local derivatives of one operation by one of its operands.

    Attributes
    ----------
    sources : array of int
        Elements of the operand, numbered in row-major order.
    targets : array of int
        Elements of the result, likewise.
    values : array of float
        Derivative of each target by its source.
    """

    sources: Ints
    targets: Ints
    values: Floats

    @classmethod
    def joined(cls, parts: list[Edges]) -> Edges:
        """Put edges one after another."""
        none = np.zeros(0, np.intp)
        parts = [*parts, cls(none, none, np.zeros(0))]
        return cls(
            np.concatenate([p.sources for p in parts]),
            np.concatenate([p.targets for p in parts]),
            np.concatenate([p.values for p in parts]),
        )

    def among(self, sources: Ints, size: int) -> Edges:
        """Keep the edges of some sources, out of `size`, whose derivative is not zero."""
        keep = self.values != 0
        if len(sources) < size:
            wanted = np.zeros(size, np.bool_)
            wanted[sources] = True
            keep &= wanted[self.sources]
        if bool(np.all(keep)):
            return self
        return Edges(self.sources[keep], self.targets[keep], self.values[keep])


def index_terms(node: Node) -> tuple[tuple[Term, ...], Term] | None:
    """Write an operation as an index sum, with one subscript an axis.

    Returns
    -------
    terms : tuple of tuples
        Subscripts of each operand.
    result : tuple
        Subscripts of the result; None for an axis of length 1 that a reduction kept.

    Examples
    --------
    >>> import numpy as np
    >>> from chainrule.graphing import record
    >>> f = lambda X, W: X @ W
    >>> index_terms(record(f, (np.ones((2, 3)), np.ones((3, 4))), {}).graph.output)
    ((('i', 'k'), ('k', 'j')), ('i', 'j'))
    """
    if node.op.subscripts is None:
        return None
    spec = node.op.subscripts([i.shape for i in node.inputs], **node.params)
    if spec is None:
        return None
    left, _, right = spec.partition("->")
    terms: tuple[Term, ...] = tuple(tuple(term) for term in left.split(","))
    result: Term = tuple(right)
    if len(result) < len(node.shape) == len(terms[0]):
        result = tuple(c if c in result else None for c in terms[0])
    fits = len(terms) == len(node.inputs) and len(result) == len(node.shape)
    if not fits or any(len(t) != len(i.shape) for t, i in zip(terms, node.inputs, strict=True)):
        return None
    return terms, result


def carries(consumer: Node, position: int) -> bool:
    """Tell whether a gradient passes through an operation to one of its operands."""
    operand = consumer.inputs[position]
    if not consumer.is_real or operand.abstract.dtype.kind != "f":
        return False
    return consumer.op.pullback(position) is not None


def edges(consumer: Node, position: int, sources: Ints | None = None) -> Edges:
    """Return the non-zero local derivatives by some elements of an operand.

    Parameters
    ----------
    consumer : Node
        An operation, with values.
    position : int
        Which operand.
    sources : array of int, optional
        Elements of the operand, in row-major numbers without repetition; all unless given.

    Raises
    ------
    ArgumentError
        When there are too many to list, or the graph has no values.
    NonFiniteError
        When a local derivative is not finite.
    """
    operand = consumer.inputs[position]
    if consumer.value is None:
        raise ArgumentError(
            f"{consumer} has no value, so its derivatives are no numbers.",
            instead="record the function with values=True",
        )
    if not carries(consumer, position) or 0 in consumer.shape + operand.shape:
        return Edges.joined([])
    if sources is None:
        sources = np.arange(operand.abstract.size)
    probe = Probe(consumer, position)
    found = probe.elementwise(sources) if consumer.op.elementwise else probe.edges(sources)
    if not bool(np.all(np.isfinite(found.values))):
        raise NonFiniteError(
            f"The local derivative of {consumer.name or consumer.op.name} with respect to "
            f"{operand.name or operand.op.name} is not finite.",
            where=consumer.where,
            instead="keep the operands inside the domain of the function",
        )
    return found


class Probe:
    """Asks the rule of one operation for its derivatives by one operand.

    Probes are float64 whatever the operation computes in.
    """

    def __init__(self, consumer: Node, position: int) -> None:
        self.consumer = consumer
        self.position = position
        self.rows = consumer.shape
        self.columns = consumer.inputs[position].shape
        self._tape: tuple[Any, int, int] | None = None

    def _rule(self, upstream: Any) -> Any:
        rule = self.consumer.op.pullback(self.position)
        assert rule is not None
        operands = (i.value for i in self.consumer.inputs)
        with np.errstate(all="ignore"):
            product = rule(upstream, self.consumer.value, *operands, **self.consumer.params)
        return 0.0 if product is None else product

    def pulled(self, upstream: Floats) -> Floats:
        """Upstream gradient times Jacobian: as the rule says."""
        product = self._rule(upstream if upstream.shape else float(upstream))
        return np.asarray(fitted(product, np.empty(self.columns)), np.float64)

    def pushed(self, tangent: Floats) -> Floats:
        """Jacobian times tangent: the backward pass of the backward pass."""
        if self._tape is None:
            with tracing(Tape) as tape:
                upstream = tape.input(np.zeros(self.rows) if self.rows else 0.0)
                product = fitted(self._rule(upstream), np.empty(self.columns))
            end = product.index if isinstance(product, Traced) else -1
            self._tape = tape.records, upstream.index, end
        records, start, end = self._tape
        seed = tangent if tangent.shape else float(tangent)
        with np.errstate(all="ignore"):
            found = backpropagate(records, {end: seed}, [start]) if end >= 0 else {}
        return np.broadcast_to(np.asarray(found.get(start, 0.0), np.float64), self.rows)

    # -- elementwise operations --------------------------------------------------------

    def elementwise(self, sources: Ints) -> Edges:
        """All derivatives at once: each element of the result has one, with upstream 1."""
        ones = np.ones(self.rows) if self.rows else 1.0
        product = np.asarray(self._rule(ones), np.float64)
        values = np.broadcast_to(product, self.rows).reshape(-1)
        size = math.prod(self.columns)
        if self.rows == self.columns:
            return Edges(sources, sources, values[sources]).among(sources, size)
        repeated = np.broadcast_to(np.arange(size).reshape(self.columns), self.rows).reshape(-1)
        return Edges(repeated, np.arange(len(repeated)), values).among(sources, size)

    # -- all others --------------------------------------------------------------------

    def edges(self, sources: Ints) -> Edges:
        """Choose the cheapest probes that tell the derivatives by `sources`."""
        shared = self._shared()
        rows = math.prod(n for o, n in enumerate(self.rows) if o not in shared.values())
        if shared or min(rows, len(sources)) <= 4:
            return self._dense(sources, shared)
        sparse, rest = self._sparse(sources)
        return Edges.joined([sparse, self._dense(rest, shared)]) if len(rest) else sparse

    def _shared(self) -> dict[int, int]:
        """Map axes of the operand to axes of the result that have the same subscript."""
        written = index_terms(self.consumer)
        if written is None:
            return {}
        term, result = written[0][self.position], written[1]
        return {
            a: result.index(c)
            for a, c in enumerate(term)
            if c in result and self.rows[result.index(c)] == self.columns[a]
        }

    def _dense(self, sources: Ints, shared: dict[int, int]) -> Edges:
        """Probe row by row or column by column, whichever is less, all shared axes at once."""
        free_rows = [o for o in range(len(self.rows)) if o not in shared.values()]
        free_columns = [a for a in range(len(self.columns)) if a not in shared]
        row_count = math.prod(self.rows[o] for o in free_rows)
        places = np.unravel_index(sources, self.columns) if self.columns else ()
        read = [places[a] for a in free_columns]
        combos = np.unique(np.stack(read, 1), axis=0) if read else np.zeros((1, 0), np.intp)
        by_row = row_count <= len(combos)
        self._bounded(len(sources) * row_count, min(row_count, len(combos)))
        choices: Iterable[Any]
        if by_row:
            shape, free, other = self.rows, free_rows, self.columns
            links = {o: a for a, o in shared.items()}
            choices = itertools.product(*(range(shape[o]) for o in free))
        else:
            shape, free, other, links = self.columns, free_columns, self.rows, shared
            choices = combos.tolist()
        parts = []
        for choice in choices:
            key: list[Any] = [slice(None)] * len(shape)
            for axis, number in zip(free, choice, strict=True):
                key[axis] = number
            unit = np.zeros(shape)
            unit[tuple(key)] = 1.0
            answer = (self.pulled(unit) if by_row else self.pushed(unit)).reshape(-1)
            far = np.flatnonzero(answer)
            # Along shared axes what was met stands at the same place on both sides.
            there = np.unravel_index(far, other) if other else ()
            near = _numbers([there[links[x]] if x in links else key[x] for x in range(len(shape))],
                            shape, len(far))  # fmt: skip
            sources_met, targets_met = (far, near) if by_row else (near, far)
            parts.append(Edges(sources_met, targets_met, answer[far]))
        return Edges.joined(parts).among(sources, math.prod(self.columns))

    def _bounded(self, count: int, probes: int) -> None:
        larger = max(math.prod(self.rows), math.prod(self.columns))
        if count > LIMIT or probes * larger > WORK:
            raise ArgumentError(
                f"{self.consumer.name or self.consumer.op.name} has too many scalar "
                "derivatives to list.",
                expected=f"at most {LIMIT:,}",
                got=f"{count:,}",
                where=self.consumer.where,
                instead="take fewer samples, or ask for a value nearer to the output",
            )

    def _sparse(self, sources: Ints) -> tuple[Edges, Ints]:
        """Find elements of the operand that reach one element of the result at most.

        With weights w, and w times number, as upstreams, the quotient of the two products
        is the number of the one element that was reached; a third weight, drawn at
        random, confirms it.

        Returns
        -------
        Edges
        array of int
            The sources that reach more than one.
        """
        size = math.prod(self.rows)
        weight, check = np.random.default_rng(0).uniform(1.0, 2.0, (2, size))
        with np.errstate(all="ignore"):
            first, second, third, exact = (
                self.pulled(upstream.reshape(self.rows)).reshape(-1)[sources]
                for upstream in (weight, weight * np.arange(size), weight * check, np.ones(size))
            )
            quotient = np.where(first == 0, 0.0, second / first)
            known = np.isfinite(quotient) & (quotient > -0.5) & (quotient < size - 0.5)
            target = np.rint(np.where(known, quotient, 0.0)).astype(np.intp)
            known &= np.abs(quotient - target) <= 1e-9 * np.maximum(target, 1)
            known &= np.abs(third - check[target] * first) <= 1e-9 * np.abs(first)
        found = Edges(sources[known], target[known], exact[known])
        return found.among(sources, math.prod(self.columns)), sources[~known]


def _numbers(places: list[Any], shape: tuple[int, ...], length: int) -> Ints:
    """Return row-major numbers of the elements at these places."""
    if not shape:
        return np.zeros(length, np.intp)
    full = tuple(np.broadcast_to(p, (length,)) for p in places)
    return np.asarray(np.ravel_multi_index(full, shape), np.intp)
