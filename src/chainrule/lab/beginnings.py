"""What values begin with where nobody has typed any: the least that the formula works with.

Numbers come first. Where the formula does not work with them, it is traced with shapes alone: the
first operation that fails says which values lead there, and one or two of those become lists or
matrices of a few sizes until it passes. So the operations say what they need, and none is known
here by name.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import combinations, product
from typing import Any

import numpy as np

from chainrule.formula import Formula
from chainrule.graph import Node
from chainrule.lab import limits
from chainrule.lab.fillings import filled, fillings
from chainrule.lab.sizes import UNKNOWN, Meter, soon
from chainrule.op import Abstract, shape_of
from chainrule.trace import Recorder, Traced, tracing

Shape = tuple[int, ...]

#: Lengths of lists, and of the sides of matrices, beside those that an operation meets.
_LENGTHS = (2, 3)
#: What it costs to change a number that an operation is given itself, an array, another number.
_ITSELF, _ARRAY, _FARTHER = 1, 2, 5


@dataclass(frozen=True)
class Begun:
    """Values to begin with.

    Attributes
    ----------
    values : dict
        Name -> number or array.
    upstream : array or None
        The gradient of an output that is an array.
    """

    values: Mapping[str, Any]
    upstream: Any


def begun(
    formula: Formula,
    given: Mapping[str, Any],
    present: Mapping[str, Any],
    labels: Sequence[str] = (),
) -> Begun | None:
    """Find values to begin with.

    Parameters
    ----------
    formula : Formula
    given : mapping
        Values that stay what they are.
    present : mapping
        Values that have begun before: they stay where the formula works with them, unless some of
        their names are gone from it.
    labels : sequence of str
        Names of data to compare with: their arrays begin as ones among zeros, as large as what
        they meet.

    Returns
    -------
    Begun or None
        None where nothing was found that the formula works with.

    Examples
    --------
    >>> from chainrule.formula import FUNCTIONS, parse
    >>> found = begun(parse("Z = X @ W + b", FUNCTIONS), {}, {})
    >>> {name: np.shape(value) for name, value in found.values.items()}
    {'X': (2, 3), 'W': (3, 2), 'b': (2,)}
    >>> begun(parse("z = w*x + b", FUNCTIONS), {}, {}).values
    {'w': 2.0, 'x': 3.0, 'b': 1.0}
    """
    begun_before = {n: present[n] for n in formula.indices if _is_whole(present.get(n))}
    given = {**dict.fromkeys(formula.indices, 0), **begun_before, **given}
    places = {name: given[name] for name in formula.indices}
    free = tuple(name for name in formula.names if name not in given)
    before = {name: np.shape(value) for name, value in present.items() if name not in given}
    fixed = {n: np.shape(given[n]) for n in formula.names if n in given and n not in places}
    with tracing(lambda level: Recorder(level, values=False)) as recorder:
        try:
            found = _Search(formula, fixed, places, free, labels, recorder).found(before)
        except _GivenUp:
            return None
    if found is None:
        return None
    shapes, traced = found
    large = sum(node.abstract.size for node in traced.nodes) > limits.MAX_ELEMENTS
    values = filled(
        formula, given, present, {name: shapes[name] for name in free}, labels, hold=not large
    )
    output = traced.output
    return Begun(values | places, fillings(len(formula.names), output)[0] if output else None)


# -- search ------------------------------------------------------------------------------------


class _GivenUp(Exception):  # noqa: N818  # it ends the search, and is no error
    """The search has come to as much as it may."""


@dataclass(frozen=True)
class _Trace:
    """How far the formula came with some shapes.

    Attributes
    ----------
    passed : int
        Operations that it came to.
    output : tuple of int or None
        The shape of the output, if it came there.
    nodes : sequence of Node
    leading : dict
        The names that lead to the operation that failed -> operations between, nearest first.
    lengths : frozenset of int
        Those that this operation met.
    """

    passed: int
    output: Shape | None
    nodes: Sequence[Node]
    leading: Mapping[str, int] = field(default_factory=dict)
    lengths: frozenset[int] = frozenset()


class _Search:
    """The search for shapes.

    Parameters
    ----------
    formula : Formula
    fixed : mapping
        Name -> shape.
    places : mapping
        Name -> whole numbers, of what stands in an index.
    free : sequence of str
    labels : sequence of str
    recorder : Recorder
        Of shapes alone.
    """

    def __init__(
        self,
        formula: Formula,
        fixed: Mapping[str, Shape],
        places: Mapping[str, Any],
        free: Sequence[str],
        labels: Sequence[str],
        recorder: Recorder,
    ) -> None:
        self.formula, self.fixed, self.free, self.labels = formula, fixed, free, labels
        self.places = places
        self.recorder = recorder
        self.meter = Meter(soon())
        self.left = limits.MAX_SEARCH
        self.inputs: dict[tuple[str, Shape], Traced] = {}

    def found(self, before: Mapping[str, Shape]) -> tuple[Mapping[str, Shape], _Trace] | None:
        """Return shapes with which the formula works, and how it does.

        What has begun before stays if it can. Otherwise all begin anew, so that what is found
        depends on the formula, and hardly on how it came to be.
        """
        numbers: dict[str, Shape] = dict.fromkeys(self.free, ())
        shapes = {**self.fixed, **numbers}
        traced = self.trace({**shapes, **before}) if before.keys() <= numbers.keys() else None
        if traced is not None and traced.output is not None:
            shapes |= before
        else:
            traced = self.trace(shapes)
        changed = traced.output is None
        while traced.output is None:
            tries = ((shapes | change) for change in self.changes(traced, shapes))
            better = ((s, t) for s in tries if (t := self.trace(s)).passed > traced.passed)
            step = next(better, None)
            if step is None:
                return None
            shapes, traced = step
        # A number beside an array that somebody typed stays one: the formula works with it.
        new = [name for name in self.free if changed or before.get(name) != ()]
        return self.widened(shapes, traced, new)

    def changes(self, traced: _Trace, shapes: Mapping[str, Shape]) -> Iterator[dict[str, Shape]]:
        """Yield changes of one or two values that lead to what failed, the likeliest first."""
        cost = {
            name: _ARRAY if shapes[name] else _FARTHER if traced.leading[name] else _ITSELF
            for name in self.free
            if name in traced.leading
        }
        groups = [*((name,) for name in cost), *combinations(cost, 2)]
        for group in sorted(groups, key=lambda names: sum(cost[n] for n in names)):
            others = ([s for s in _arrays(n, traced.lengths) if s != shapes[n]] for n in group)
            for chosen in product(*others):
                yield dict(zip(group, chosen, strict=True))

    def widened(
        self, shapes: Mapping[str, Shape], traced: _Trace, new: Sequence[str]
    ) -> tuple[Mapping[str, Shape], _Trace]:
        """Let a number that is added to an array, or the like, be one of its own as well.

        A bias works as one number and is meant as a list. Where an operation is no straight line
        in the number, as in an exponent or a divisor, a number is what is meant.
        """
        with suppress(_GivenUp):  # what there is works
            for name in new:
                met = None if shapes[name] else self.met(traced, name)
                if met is None:
                    continue
                likely = met if name in self.labels or _is_capital(name) else met[-1:]
                wider = ({**shapes, name: s} for s in (likely, *_arrays(name, frozenset(met))))
                tries = ((wide, self.trace(wide)) for wide in wider)
                same = (found for found in tries if found[1].output == traced.output)
                shapes, traced = next(same, (shapes, traced))
        return shapes, traced

    def met(self, traced: _Trace, name: str) -> Shape | None:
        """Return the shape of the first array that a number meets in a straight line."""
        same = {self.recorder.node(self.inputs[name, ()])}  # and what is worked out from it alone
        for node in traced.nodes:
            mine = [i for i in node.inputs if i in same]
            if not mine or not (node.op.elementwise or node.op.view):
                continue
            if node.shape and _is_straight(node, mine[0]):
                return node.shape
            if not node.shape and all(i in same or i.is_constant for i in node.inputs):
                same.add(node)
        return None

    def trace(self, shapes: Mapping[str, Shape]) -> _Trace:
        """Trace the formula with shapes alone."""
        recorder, passed = self.recorder, 0
        first = measured = len(recorder.nodes)
        last: tuple[Any, ...] = ()

        def before(
            function: Callable[..., Any], operands: tuple[Any, ...], keywords: Mapping[str, Any]
        ) -> None:
            nonlocal measured, passed, last
            self.spend(recorder.nodes[measured:])
            measured = len(recorder.nodes)
            passed, last = passed + 1, operands
            self.meter.admit(function, operands)
            if function is operator.getitem:
                _reach(*operands)
            if not any(isinstance(o, Traced) for o in operands) or any(
                isinstance(o, np.ndarray) for o in operands
            ):
                self.meter.measure(function, operands, keywords)  # this one may be computed

        try:
            inputs = {name: self.input(name, shape) for name, shape in shapes.items()}
            result = self.formula.evaluate({**inputs, **self.places}, before=before)
            output = shape_of(result) if _is_value(result) else None
        except UNKNOWN:
            output = None
        self.spend(recorder.nodes[measured:])
        nodes = recorder.nodes[first:]
        if output is not None:
            return _Trace(passed + 1, output, nodes)
        operands = [*_flat(last)]
        arrays = [recorder.node(o) for o in operands if isinstance(o, Traced | np.ndarray)]
        whole = [int(o) for one in operands if _is_whole(one) for o in np.ravel(one)]
        places = [o + 1 if o >= 0 else -o for o in whole]
        lengths = frozenset(n for a in arrays for n in a.shape)
        lengths = lengths.union(n for n in places if n > max(_LENGTHS))
        return _Trace(passed, None, nodes, self.leading(arrays), lengths)

    def spend(self, nodes: Sequence[Node]) -> None:
        """Count an operation with the nodes that it came to; give up beyond what is allowed."""
        self.left -= 1 + len(nodes)
        if self.left < 0 or any(node.abstract.size > limits.MAX_ELEMENTS for node in nodes):
            raise _GivenUp

    def input(self, name: str, shape: Shape) -> Traced:
        if (name, shape) not in self.inputs:
            kind = Abstract(shape, np.dtype(np.float64), weak=not shape)
            self.inputs[name, shape] = self.recorder.input(name, None, kind)
        return self.inputs[name, shape]

    def leading(self, nodes: Sequence[Node]) -> dict[str, int]:
        """Return the values that nodes come from, with the number of operations between."""
        found: dict[str, int] = {}
        seen, between = set(nodes), 0
        while nodes:
            for node in nodes:
                if node.is_input and node.name is not None:
                    found.setdefault(node.name, between)
            nodes = [i for i in dict.fromkeys(i for n in nodes for i in n.inputs) if i not in seen]
            seen.update(nodes)
            between += 1
        return found


def _arrays(name: str, lengths: frozenset[int]) -> Iterator[Shape]:
    """Yield the shapes that an array of this name may have.

    By the convention of most books a capital letter is a matrix. That is a matter of order: all
    shapes are tried.

    Examples
    --------
    >>> [*_arrays("x", frozenset())]
    [(2,), (3,), (2, 3), (3, 2), (2, 2), (3, 3)]
    >>> next(_arrays("X", frozenset()))
    (2, 3)
    """
    known = sorted(lengths.union(_LENGTHS), key=lambda n: (n == 1, n))
    lists = [(n,) for n in known]
    # The sides of a matrix differ if they can: then its shape says which is which.
    matrices = sorted(product(known, known), key=lambda s: s[0] == s[1])
    for shape in [*matrices, *lists] if _is_capital(name) else [*lists, *matrices]:
        if 0 < np.prod(shape) <= limits.MAX_BEGUN:
            yield shape


def _reach(array: Any, index: Any) -> None:
    """Raise what NumPy does where an index is out of bounds: shapes alone do not tell.

    The least and the greatest of some places stand for all of them, so that nothing is made.
    """
    if any(isinstance(entry, Traced) for entry in _flat([index])):
        return
    entries = index if isinstance(index, tuple) else (index,)
    for end in (np.min, np.max):
        at = tuple(int(end(e)) if _is_whole(e) and np.size(e) else e for e in entries)
        np.broadcast_to(0.0, shape_of(array))[at]


def _is_whole(value: Any) -> bool:
    return type(value) is int or (isinstance(value, np.ndarray) and value.dtype.kind == "i")


def _is_capital(name: str) -> bool:
    return name[0].isupper()


def _is_straight(node: Node, number: Node) -> bool:
    """Whether an elementwise operation is a straight line in one of its operands.

    Examples
    --------
    >>> from chainrule.graphing import record
    >>> for f in (lambda a, b: a * b, lambda a, b: a / b, lambda a, b: a**b):
    ...     graph = record(f, (1.0, 2.0), {}).graph
    ...     [_is_straight(graph.output, i) for i in graph.output.inputs]
    [True, True]
    [True, False]
    [False, False]
    """

    def at(point: float) -> Any:
        return node.op.forward(
            *(point if i is number else 0.75 for i in node.inputs), **node.params
        )

    try:
        with np.errstate(all="ignore"):
            return bool(np.isclose(at(0.25) + at(2.25), 2 * at(1.25)))
    except UNKNOWN:
        return False


def _is_value(result: Any) -> bool:
    return isinstance(result, Traced | np.ndarray | np.generic | float | int)


def _flat(operands: Any) -> Iterator[Any]:
    """Yield what operands hold, those in an index, too."""
    for operand in operands:
        if isinstance(operand, list | tuple):
            yield from _flat(operand)
        elif isinstance(operand, slice):
            yield from (operand.start, operand.stop)
        else:
            yield operand
