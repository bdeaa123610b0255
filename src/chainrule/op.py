"""An operation and its one rule.

An :class:`Op` is a value: how to compute the operation, its derivative, how it is
written, and where to test it. All else is derived from these. The derivative is
written in plain NumPy over whatever it is given: on arrays it yields numbers, on
traced values it yields graph.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np

from chainrule.notation import Notation

#: ``vjp(g, out, *operands, **params)``: the upstream gradient times the local derivative.
Vjp = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class Abstract:
    """What is known of a value before it is computed.

    Parameters
    ----------
    shape : tuple of int
    dtype : numpy.dtype
    weak : bool
        A Python number, whose precision gives way to that of arrays.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    weak: bool = False

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)

    @classmethod
    def of(cls, value: Any) -> Abstract:
        """Describe a number, an array, or what stands for one in a trace."""
        if value.__class__ is float:
            return _NUMBER
        if hasattr(value, "__apply_op__"):
            known = value.value
            weak = known.weak if isinstance(known, Abstract) else _is_weak(known)
            return cls(value.shape, value.dtype, weak)
        array = np.asarray(value)
        return cls(array.shape, array.dtype, _is_weak(value))

    def stand_in(self, shape: tuple[int, ...] | None = None) -> Any:
        """Return ones of this kind in any shape, at the cost of a single element."""
        if self.weak:
            return self.dtype.type(1).item()
        one = np.ones((), self.dtype)
        return np.broadcast_to(one, self.shape if shape is None else shape)


#: What is known of a Python float, which most numbers of a scalar graph are.
_NUMBER = Abstract((), np.dtype(np.float64), weak=True)


class UnsupportedArgumentError(Exception):
    """Raised by a row's `bind`, with the name of an argument that the row does not take.

    Whoever binds turns it into an error with the user's line.
    """


#: ``infer(op, operands, params)``: what the result will be, from what the operands are.
Infer = Callable[["Op", Sequence[Any], Mapping[str, Any]], Abstract]


def stand_in(operand: Any, shape: tuple[int, ...] | None = None) -> Any:
    """Stand-in for an operand: constants stand for themselves, unless in another shape."""
    if isinstance(operand, Abstract):
        return operand.stand_in(shape)
    if shape is None:
        return operand
    return np.broadcast_to(np.ones((), np.asarray(operand).dtype), shape)


def shape_of(operand: Any) -> tuple[int, ...]:
    """Shape of an abstract or a concrete operand."""
    if operand.__class__ is float:
        return ()
    try:
        shape: tuple[int, ...] = operand.shape
    except AttributeError:
        return np.shape(operand)
    return shape


def broadcast(shapes: Sequence[tuple[int, ...]]) -> tuple[int, ...]:
    """Return the shape that operands broadcast to; where one shape alone occurs, at once.

    Examples
    --------
    >>> broadcast([(4, 3), (), (4, 3)]), broadcast([(4, 1), (3,)])
    ((4, 3), (4, 3))
    """
    distinct = set(shapes)
    distinct.discard(())
    if len(distinct) > 1:
        return np.broadcast_shapes(*shapes)
    return distinct.pop() if distinct else ()


def broadcasting(op: Op, operands: Sequence[Any], params: Mapping[str, Any]) -> Abstract:
    """Infer for elementwise operations."""
    shape = broadcast([shape_of(o) for o in operands])
    dtypes = tuple(
        (o.dtype, o.weak) if isinstance(o, Abstract) else (np.asarray(o).dtype, _is_weak(o))
        for o in operands
    )
    dtype, weak = _elementwise_dtype(op, dtypes)
    return Abstract(shape, dtype, weak and shape == ())


def _is_weak(value: Any) -> bool:
    return isinstance(value, (bool, int, float, complex)) and not isinstance(value, np.generic)


@lru_cache(maxsize=4096)
def _elementwise_dtype(op: Op, dtypes: tuple[Any, ...]) -> tuple[np.dtype[Any], bool]:
    ones = [dtype.type(1).item() if weak else np.ones((1,), dtype) for dtype, weak in dtypes]
    with np.errstate(all="ignore"):
        out = op.forward(*ones)
    return np.asarray(out).dtype, _is_weak(out)


def viewing(op: Op, operands: Sequence[Any], params: Mapping[str, Any]) -> Abstract:
    """Infer for operations that cost nothing on stand-ins: views, and copies of indices."""
    return Abstract.of(op.forward(*(stand_in(o) for o in operands), **params))


def like(position: int) -> Infer:
    """Infer for operations whose result looks like one of their operands."""

    def infer(op: Op, operands: Sequence[Any], params: Mapping[str, Any]) -> Abstract:
        operand = operands[position]
        return operand if isinstance(operand, Abstract) else Abstract.of(operand)

    return infer


@dataclass(frozen=True, slots=True)
class Sample:
    """Operands on which a rule is tested.

    Parameters
    ----------
    operands : tuple
        A tuple of ints is a shape to fill with random numbers; an array or a number
        stands for itself.
    params : dict
        The operation's parameters.
    """

    operands: tuple[Any, ...]
    params: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Fold:
    """A reduction as a loop that takes one element after the other.

    Parameters
    ----------
    start : callable
        Takes the dtype of the result; returns what it is before the first element.
    step : str
        Template of the code for the next value: of the value so far and of an element.
    mean : bool
        Divide by the number of elements in the end.
    of_truth : bool
        Whether an element is asked for its truth alone, whatever its type.
    """

    start: Callable[[np.dtype[Any]], Any]
    step: str
    mean: bool = False
    of_truth: bool = False


@dataclass(frozen=True, slots=True)
class Placing:
    """An operation that puts the elements of its operands at places of its result.

    Parameters
    ----------
    place : callable
        ``place(position, index, shapes, **params)``: where the element at `index` of the operand
        number `position` is put, in sums and multiples of the numbers in `index`; None for an
        operand of which only the shape counts.
    background : callable, optional
        ``background(**params)``: the number that stands where nothing is put, or None where that
        is no single one. Without it something is put everywhere.
    adds : bool
        Whether what is put at the same place adds up; else no two elements are.
    """

    place: Callable[..., Any]
    background: Callable[..., Any] | None = None
    adds: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Op:
    """An operation, with its rule.

    Parameters
    ----------
    name : str
        Unique; the one by which the rules table knows it.
    forward : callable
        ``forward(*operands, **params)`` on numbers and arrays.
    vjp : tuple of callables, a callable, or None
        One function an operand, ``(g, out, *operands, **params)``, where `g` is the
        upstream gradient, returning `g` times the local derivative (None for an operand
        without derivative). Its result may be smaller or larger than the operand as far
        as broadcasting goes: the engine fits it. With a variable number of operands, or
        with work that they share, one function ``(g, out, *operands, **params)`` that
        returns a function of the operand's position. None: no derivative, as for
        comparisons.
    notation : Notation
        How it is written.
    reason : str
        One plain sentence on its local derivative.
    numpy : tuple
        The NumPy functions that it stands for.
    bind : callable, optional
        Takes the arguments of those functions as NumPy has them; returns operands and
        parameters. Without it all arguments are operands.
    infer : callable
        Shape and dtype of the result; broadcasting unless given.
    elementwise : bool
        Each output element depends on one element of each operand.
    chooses : bool
        Elementwise, and its local derivatives are 1 where an element was chosen, else 0.
    entire : bool
        Elementwise, and finite at all finite operands, derivative included, but for numbers too
        large for the computer.
    view : bool
        NumPy's result shares memory with its first operand.
    constant_last : bool
        The operands may change places, and a constant is always put last.
    subscripts : callable, optional
        ``subscripts(shapes, **params)``: the operation as an index sum, in the notation
        of :func:`numpy.einsum`, where it is one.
    fold : Fold, optional
        For reductions over the parameter `axis`.
    origin : callable, optional
        ``origin(index, dims, **params)`` for operations that move elements: where in an operand of
        shape `dims` the element at `index` of the result stands, in sums and multiples of the
        numbers in `index`; None where there is no such place for this operand.
    placing : Placing, optional
        For operations that put elements at places of the result.
    running : Fold, optional
        For operations along the parameter `axis` (of a vector it may be None) in which each result
        goes on from the one before, or after it with the parameter `reverse`: how the product of
        that result and the factors, which are the operands but the last, is taken into an element
        of the last operand.
    composition : callable, optional
        ``composition(*operands, **params)``: the same in other operations, where `forward` is one
        call. It raises where there is no such way.
    into : callable, optional
        ``into(out, *operands, **params)``: statements that write the result into the array
        called `out`, of the names of the operands. Where the first statement copies the first
        operand to `out`, the two may be the same array.
    shape_only : tuple of int
        Positions of operands that are asked for their shape alone.
    low, high : float
        Random operands for tests are drawn between these.
    samples : tuple of Sample
        Operands for tests; elementwise operations have these by default.
    """

    name: str
    forward: Callable[..., Any]
    vjp: tuple[Vjp | None, ...] | Vjp | None
    notation: Notation
    reason: str = ""
    numpy: tuple[Any, ...] = ()
    bind: Callable[..., tuple[tuple[Any, ...], dict[str, Any]]] | None = None
    infer: Infer = broadcasting
    elementwise: bool = False
    chooses: bool = False
    entire: bool = False
    view: bool = False
    constant_last: bool = False
    subscripts: Callable[..., str | None] | None = None
    fold: Fold | None = None
    origin: Callable[..., Any] | None = None
    placing: Placing | None = None
    running: Fold | None = None
    composition: Callable[..., Any] | None = None
    into: Callable[..., str] | None = None
    shape_only: tuple[int, ...] = ()
    low: float = -2.0
    high: float = 2.0
    samples: tuple[Sample, ...] = ()

    def __repr__(self) -> str:
        return f"Op({self.name!r})"

    def __reduce__(self) -> Any:
        raise TypeError("An Op is a row of the rules table; refer to it by name.")

    def __call__(self, *operands: Any, **params: Any) -> Any:
        """Apply the operation: to numbers at once, to traced values by recording it."""
        for operand in operands:
            record = getattr(operand, "__apply_op__", None)
            if record is not None:
                return record(self, operands, params)
        return self.forward(*operands, **params)

    @property
    def differentiable(self) -> bool:
        """Whether a gradient passes through it at all."""
        if isinstance(self.vjp, tuple):
            return any(rule is not None for rule in self.vjp)
        return self.vjp is not None

    def pullback(self, position: int) -> Vjp | None:
        """Return the vjp for one operand, or None where it has no derivative."""
        vjp = self.vjp
        if vjp is None:
            return None
        if isinstance(vjp, tuple):
            return vjp[position] if position < len(vjp) else None
        return lambda *args, **params: vjp(*args, **params)(position)
