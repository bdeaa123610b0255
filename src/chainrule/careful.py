"""Where 0 · ∞ arises on the way back: what has been cut off passes nothing back.

``np.where(x > 0, np.log(x), 0)`` does not depend on its logarithm at x = 0, yet the chain rule
asks for 0 · (1 / 0). Whether such a product is 0 cannot be told from its numbers: in
``np.sqrt(x) ** 2`` the very same one is 1 in truth. It is 0

- where the upstream gradient was *cut off* by a choice (``where``, ``maximum``, a mask), or by
  indexing and the like, so that it is 0 whatever the values;
- where a choice cuts off an upstream gradient that is infinite, as in
  ``np.sqrt(np.maximum(x, 0))``;
- where the upstream gradient is 0 and the local derivative is only too large for a
  floating-point number, as in ``1 / (1 + np.exp(1000))``;
- where the upstream gradient is 0 and a constant was infinite from the start, as where a mask
  of -inf is scaled before a softmax.

Everywhere else it is left as it is, and refused by those who find it. A gradient is derived in
this way once it has turned out not to be finite: a :class:`Guard` looks at each product, while
the ordinary way back costs nothing more.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule.op import Abstract, shape_of
from chainrule.rules import TABLE

_WHERE, _MULTIPLY = TABLE["where"], TABLE["multiply"]


def plain(value: Any) -> Any:
    """Return the number or array that a value stands for in the outermost trace."""
    while hasattr(value, "__apply_op__"):
        value = value.value
    return value


class Guard:
    """Puts 0 for the products of the chain rule that are 0 in truth and NaN in numbers.

    Parameters
    ----------
    records : sequence of (op, parents, operands, params, out)
    seeds : collection of int
        Indices of the outputs.
    needed : sequence of bool, optional
        Records that depend on what is differentiated by.
    """

    def __init__(
        self, records: Sequence[Any], seeds: Any, needed: Sequence[bool] | None = None
    ) -> None:
        self._records = records
        self._needed = needed
        #: For each record, which of its elements the outputs depend on; None for no element.
        self._alive: list[Any] = [None] * len(records)
        with np.errstate(all="ignore"):
            self._mark(seeds)

    def product(self, rule: Any, index: int, position: int, g: Any) -> Any:
        """Return the product of an upstream gradient and a local derivative."""
        _, _, operands, params, out = self._records[index]
        try:
            product = rule(g, out, *operands, **params)
        except Exception as error:
            if not _is_division_by_zero(error):
                raise
            # Python's numbers raise where NumPy's turn infinite.
            product = rule(g, *(_numpys(v) for v in (out, *operands)), **params)
        return self.guarded(product, index, position, g)

    def guarded(self, product: Any, index: int, position: int, g: Any) -> Any:
        """Return a product with 0 in place of what is 0 in truth."""
        number, upstream = plain(product), np.asarray(plain(g))
        if isinstance(number, Abstract) or np.all(np.isfinite(number)):
            return product
        op, _, operands, _, _ = self._records[index]
        if not op.elementwise:
            return product if np.any(self._alive[index]) else np.zeros_like(operands[position])
        bad = ~np.isfinite(number)
        cut = ~np.asarray(self._alive[index])
        if op.entire:
            finite = [np.isfinite(plain(o)) for o in operands]
            cut = cut | np.logical_and.reduce(np.broadcast_arrays(*finite))
        cut = cut | self._infinite_constant(index)
        nothing = bad & (upstream == 0) & cut
        if op.chooses:
            nothing = nothing | bad & ~self._chosen(index, position)
        if not np.any(nothing):
            return product
        # Where it can be, by a condition that holds for other values, too: it may become code.
        same = np.array_equal(nothing, bad & (upstream == 0))
        return _WHERE(g == 0 if same else nothing, 0.0, product)

    def _infinite_constant(self, index: int) -> Any:
        """Tell where an operand was infinite from the start, as in a mask of -inf."""
        _, parents, operands, _, _ = self._records[index]
        marks = [
            np.isinf(plain(o)) if not self._varies(p) else np.False_
            for o, p in zip(operands, parents, strict=True)
        ]
        return np.logical_or.reduce(np.broadcast_arrays(*marks))

    def _chosen(self, index: int, position: int) -> Any:
        op, _, operands, params, out = self._records[index]
        rule = op.pullback(position)
        shape = shape_of(plain(out))
        if rule is None:
            return np.zeros(shape, bool)
        return rule(np.ones(shape), plain(out), *map(plain, operands), **params) != 0

    # -- which elements the outputs depend on ----------------------------------------------

    def _mark(self, seeds: Any) -> None:
        for index in seeds:
            self._alive[index] = np.ones(shape_of(plain(self._records[index][4])), bool)
        for index in range(max(seeds), -1, -1):
            op, parents, operands, _, _ = self._records[index]
            if self._alive[index] is None or op.vjp is None:
                continue
            for position, parent in enumerate(parents):
                if not self._varies(parent) or op.pullback(position) is None:
                    continue
                mine = self._alive_below(index, position)
                mine = _reduced(mine, shape_of(plain(operands[position])))
                before = self._alive[parent]
                self._alive[parent] = mine if before is None else before | mine

    def _varies(self, parent: int) -> bool:
        return parent >= 0 and (self._needed is None or self._needed[parent])

    def _alive_below(self, index: int, position: int) -> Any:
        op, parents, operands, _, _ = self._records[index]
        alive = self._alive[index]
        if op.chooses:
            return alive & self._chosen(index, position)
        if op is _MULTIPLY and not self._varies(parents[1 - position]):
            return alive & (np.asarray(plain(operands[1 - position])) != 0)
        if op.elementwise:
            return alive
        values = [plain(o) for o in operands]
        others = [self._other(v, p) for v, p in zip(values, parents, strict=True)]
        return self._depends(index, position, values) | self._depends(index, position, others)

    def _other(self, value: Any, parent: int) -> Any:
        """Return other numbers in place of those that vary: a dependence is seen with either."""
        array = np.asarray(value)
        if not self._varies(parent) or array.dtype.kind != "f":
            return value
        return np.random.default_rng(0).uniform(0.5, 1.5, array.shape).astype(array.dtype)

    def _depends(self, index: int, position: int, operands: Sequence[Any]) -> Any:
        """Tell which elements of an operand reach an element that is alive."""
        op, _, _, params, _ = self._records[index]
        alive = self._alive[index]
        probe = alive * np.random.default_rng(1).uniform(0.5, 1.5, alive.shape)
        rule: Any = op.pullback(position)
        try:
            found = np.asarray(rule(probe, op.forward(*operands, **params), *operands, **params))
        except Exception:  # other numbers may lie outside of the domain
            return np.any(alive)
        return ~np.isfinite(found) | (found != 0)


def _numpys(value: Any) -> Any:
    return np.float64(value) if value.__class__ is float else value


def _is_division_by_zero(error: Exception) -> bool:
    zero = (ZeroDivisionError, OverflowError)
    return isinstance(error, zero) or isinstance(error.__cause__, zero)


def _reduced(alive: Any, shape: tuple[int, ...]) -> Any:
    """Fit marks to the shape of an operand that was repeated, or that is smaller than they are."""
    alive = np.asarray(alive)
    extra = max(alive.ndim - len(shape), 0)
    alive = np.any(alive, axis=tuple(range(extra)))
    if alive.ndim == len(shape):
        pairs = enumerate(zip(alive.shape, shape, strict=True))
        alive = np.any(alive, axis=tuple(i for i, (n, m) in pairs if m == 1 != n), keepdims=True)
    return np.broadcast_to(alive, shape)
