"""The value that stands for an array while a function is traced.

A :class:`Traced` behaves as the number or array that it stands for: Python's
operators, NumPy's functions (through ``__array_ufunc__`` and ``__array_function__``)
and the methods of arrays all reach the trace, which decides what is recorded. This
module knows nothing of what the trace is for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from chainrule.errors import BranchError, ConversionError
from chainrule.graph import NO_PARAMS
from chainrule.op import Abstract, Op
from chainrule.rules import TABLE
from chainrule.rules.operands import known
from chainrule.trace import functions, indexing, methods, operands
from chainrule.trace.base import Trace
from chainrule.trace.counts import fixed
from chainrule.trace.source import location
from chainrule.trace.views import Link, outdate, refused
from chainrule.trace.whole import WholeFloat


def apply(op: Op, operands: Sequence[Any], params: Any = NO_PARAMS) -> Any:
    """Record an operation in the deepest trace among its operands."""
    trace: Trace | None = None
    for operand in operands:
        if operand.__class__ is Traced and (trace is None or operand._trace.level > trace.level):
            trace = operand._trace
    for value in params.values():
        if value.__class__ is Traced:
            params = fixed(op, params)
            break
    return op(*operands, **params) if trace is None else trace.record(op, operands, params)


#: What may stand beside a traced value in an operation as it is.
_PLAIN = (float, int, np.ndarray, np.generic, bool, complex)


#: The usual ones of these, which need no closer look.
_FAMILIAR: set[type] = {float, int, np.ndarray, np.float64, np.float32}


def _operand(value: Any) -> Any:
    """Return a value that an operation takes, or NotImplemented."""
    if value.__class__ in _FAMILIAR:
        return value
    if isinstance(value, _PLAIN):
        operands.refuse_subclass(value, "an operand")
        return value
    if isinstance(value, (list, tuple)):
        return operands.from_list(value)
    return NotImplemented


def _binary(op: Op, reflected: bool = False) -> Callable[[Traced, Any], Any]:

    def method(self: Traced, other: Any) -> Any:
        if other.__class__ is not float and other.__class__ is not Traced:
            other = _operand(other)
            if other is NotImplemented:
                return NotImplemented
        operands = (other, self) if reflected else (self, other)
        if other.__class__ is Traced and other._trace is not self._trace:
            return apply(op, operands)
        return self._trace.record(op, operands, NO_PARAMS)

    return method


def _in_place(op: Op) -> Callable[[Traced, Any], Any]:
    out_of_place = _binary(op)

    def method(self: Traced, other: Any) -> Any:
        result = out_of_place(self, other)
        if result is NotImplemented or not self.is_mutable:
            return result
        if result.dtype.kind == "c" != self.dtype.kind:
            raise TypeError(f"Cannot cast complex numbers into an array of {self.dtype}")
        if np.shape(result) != self.shape:
            raise ValueError(f"an array of {self.shape} cannot hold a result of {result.shape}")
        if result.__class__ is not Traced:  # it carries no gradient, and the array goes on
            result = np.zeros_like(self) + result
        self.become(result if result.dtype == self.dtype else result.astype(self.dtype))
        return self

    return method


def _divmod(reflected: bool) -> Callable[[Traced, Any], Any]:
    def method(self: Traced, other: Any) -> Any:
        operands = (other, self) if reflected else (self, other)
        return np.floor_divide(*operands), np.remainder(*operands)

    return method


class Traced:
    """A number or array inside a trace.

    Attributes
    ----------
    _trace : Trace
        Not `trace`, which is a method of arrays.
    index : int
        Its record in the trace.
    value : number, array, Traced of an outer trace, or Abstract
    """

    __slots__ = ("_trace", "index", "link", "value")

    def __init__(self, trace: Trace, index: int, value: Any) -> None:
        self._trace = trace
        self.index = index
        self.value = value
        self.link: Link | None = None

    # -- what it looks like ----------------------------------------------------------

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the value."""
        value = self.value
        return value.shape if hasattr(value, "shape") else ()

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """Number of elements."""
        return int(np.prod(self.shape, dtype=np.int64))

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the elements."""
        value = self.value
        return value.dtype if hasattr(value, "dtype") else np.asarray(value).dtype

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("len() of a number")
        return self.shape[0]

    def __repr__(self) -> str:
        return f"Traced({self.value!r})"

    def __format__(self, specification: str) -> str:
        return methods.formatted(self, specification)

    def __copy__(self) -> Any:
        return np.copy(self) if self.shape else self

    def __deepcopy__(self, memo: Any) -> Any:
        return self.__copy__()

    def __iter__(self) -> Iterator[Any]:
        if not self.shape:
            raise TypeError("iteration over a number")
        return (self[i] for i in range(len(self)))

    # -- operators -------------------------------------------------------------------

    __add__ = _binary(TABLE["add"])
    __sub__ = _binary(TABLE["subtract"])
    __rsub__ = _binary(TABLE["subtract"], reflected=True)
    __mul__ = _binary(TABLE["multiply"])
    __rmul__ = _binary(TABLE["multiply"], reflected=True)
    __truediv__ = _binary(TABLE["divide"])
    __rtruediv__ = _binary(TABLE["divide"], reflected=True)
    __pow__ = _binary(TABLE["power"])
    __rpow__ = _binary(TABLE["power"], reflected=True)
    __matmul__ = _binary(TABLE["matmul"])
    __rmatmul__ = _binary(TABLE["matmul"], reflected=True)
    __gt__ = _binary(TABLE["greater"])
    __ge__ = _binary(TABLE["greater_equal"])
    __lt__ = _binary(TABLE["less"])
    __le__ = _binary(TABLE["less_equal"])
    __and__ = _binary(TABLE["bitwise_and"])
    __rand__ = _binary(TABLE["bitwise_and"], reflected=True)
    __or__ = _binary(TABLE["bitwise_or"])
    __ror__ = _binary(TABLE["bitwise_or"], reflected=True)
    __xor__ = _binary(TABLE["bitwise_xor"])
    __rxor__ = _binary(TABLE["bitwise_xor"], reflected=True)
    __lshift__ = _binary(TABLE["left_shift"])
    __rshift__ = _binary(TABLE["right_shift"])
    __mod__ = _binary(TABLE["remainder"])
    __rmod__ = _binary(TABLE["remainder"], reflected=True)
    __floordiv__ = _binary(TABLE["floor_divide"])
    __rfloordiv__ = _binary(TABLE["floor_divide"], reflected=True)
    __divmod__ = _divmod(reflected=False)
    __rdivmod__ = _divmod(reflected=True)
    __iadd__ = _in_place(TABLE["add"])
    __isub__ = _in_place(TABLE["subtract"])
    __imul__ = _in_place(TABLE["multiply"])
    __itruediv__ = _in_place(TABLE["divide"])
    __ipow__ = _in_place(TABLE["power"])
    __imod__ = _in_place(TABLE["remainder"])
    __ifloordiv__ = _in_place(TABLE["floor_divide"])
    __iand__ = _in_place(TABLE["bitwise_and"])
    __ior__ = _in_place(TABLE["bitwise_or"])
    __ixor__ = _in_place(TABLE["bitwise_xor"])
    __imatmul__ = _in_place(TABLE["matmul"])
    __eq__ = _binary(TABLE["equal"])
    __ne__ = _binary(TABLE["not_equal"])
    __hash__ = None  # type: ignore[assignment]  # like an array, it equals no single thing

    _radd = _binary(TABLE["add"], reflected=True)

    def __radd__(self, other: Any) -> Any:
        # Python's sum() starts from the int 0, which adds nothing.
        if other.__class__ is int and other == 0:
            return self
        return self._radd(other)

    def __neg__(self) -> Any:
        return self._trace.record(TABLE["negative"], (self,), NO_PARAMS)

    def __pos__(self) -> Any:
        if not self.shape:
            return self
        return self._trace.record(TABLE["positive"], (self,), NO_PARAMS)  # a copy, in NumPy

    def __abs__(self) -> Any:
        return self._trace.record(TABLE["absolute"], (self,), NO_PARAMS)

    def __invert__(self) -> Any:
        return self._trace.record(TABLE["invert"], (self,), NO_PARAMS)

    # -- NumPy's protocols -----------------------------------------------------------

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        row = functions.PLAIN_ROWS.get(ufunc)
        if row is None or kwargs or method != "__call__":
            return functions.call_ufunc(ufunc, method, inputs, kwargs)
        if len(inputs) == 1:
            return self._trace.record(row, inputs, NO_PARAMS)
        for operand in inputs:
            if operand.__class__ not in _FAMILIAR:
                return functions.call_ufunc(ufunc, method, inputs, kwargs)
        return apply(row, functions.in_order(row, inputs))

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        for kind in types:
            if kind is not Traced and not issubclass(kind, np.ndarray):
                return NotImplemented  # an object that has its own way with NumPy's functions
        if function in functions.DESCRIPTIVE:
            return functions.DESCRIPTIVE[function](*args, **kwargs)
        return functions.call_function(function, args, kwargs)

    def __apply_op__(self, op: Op, operands: Sequence[Any], params: Any) -> Any:
        return apply(op, operands, params)

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        concrete = self._concrete()
        if concrete is not None:
            return np.asarray(concrete, dtype)
        raise operands.made_plain()

    # -- conversions -----------------------------------------------------------------

    def _concrete(self) -> Any:
        """Return the plain value where no gradient can be lost: integers and booleans."""
        if self.dtype.kind in "biu" and not isinstance(self.value, (Traced, Abstract)):
            return self.value
        return None

    def __float__(self) -> float:
        concrete = self._concrete()
        if concrete is not None:
            return float(concrete)
        raise operands.lossy(
            "float()",
            "the value itself; NumPy's functions instead of math's (np.exp, not math.exp); "
            "np.stack([...]), or np.zeros_like(x, shape=...) of a traced x, instead of filling a "
            "plain array",
        )

    def __int__(self) -> int:
        concrete = self._concrete()
        if concrete is None and not isinstance(known(self), WholeFloat):
            raise operands.lossy("int()", "the value itself, or a // b for a whole number")
        return int(known(self))

    def __complex__(self) -> complex:
        raise operands.lossy("complex()", "the value itself, or x + 1j * y")

    def __round__(self, digits: int | None = None) -> Any:
        return np.round(self, digits or 0)

    def __index__(self) -> int:
        value = known(self)
        if isinstance(value, WholeFloat):
            return int(value)
        concrete = self._concrete()
        if concrete is None:
            raise ConversionError(
                "A traced value cannot be used as an index or a count: only whole numbers "
                "whose value is known can.",
                where=location(),
                instead="an integer that is not traced, such as len(x) or x.shape[0]",
            )
        return int(concrete.__index__())

    def __bool__(self) -> bool:
        value = self.value
        if isinstance(value, Abstract):
            raise BranchError(
                "A branch depends on a value, and only shapes are known here.",
                where=location(),
                instead="np.where(condition, a, b), np.maximum or np.clip, "
                "which choose without branching",
            )
        taken = bool(value)
        self._trace.branch(self, taken)
        return taken

    # -- methods of arrays -----------------------------------------------------------

    @property
    def T(self) -> Any:  # noqa: N802  # NumPy's name
        """The transpose."""
        return np.transpose(self)

    @property
    def mT(self) -> Any:  # noqa: N802  # NumPy's name
        """The transpose of the last two axes."""
        return np.swapaxes(self, -1, -2)

    @property
    def itemsize(self) -> int:
        """Bytes of an element."""
        return self.dtype.itemsize

    @property
    def nbytes(self) -> int:
        """Bytes of all elements."""
        return self.size * self.dtype.itemsize

    @property
    def real(self) -> Any:
        """The real part."""
        return methods.part(self, "real") if self.dtype.kind == "c" else self

    @property
    def imag(self) -> Any:
        """The imaginary part."""
        return methods.part(self, "imag")

    def __getattr__(self, name: str) -> Any:
        method = methods.METHODS.get(name)
        if method is None:
            return methods.refuse_attribute(name)
        return methods.bound(method, self, name)

    def __getitem__(self, key: Any) -> Any:
        return indexing.getitem(self, key)

    # -- writing ---------------------------------------------------------------------

    @property
    def is_mutable(self) -> bool:
        """Whether in-place operators change the value itself, as they do for arrays."""
        return self.ndim > 0 or isinstance(methods.innermost(self), np.ndarray)

    def __setitem__(self, key: Any, value: Any) -> None:
        if value.__class__ is Traced and indexing.stands_already(value, self, key):
            return  # what Python writes after x[key] += 1
        self.become(indexing.setitem(self, key, value))

    def share_with(self, base: Traced, key: Any) -> None:
        """Note that this is a view: ``base[key]``, or some other one where key is None."""
        if base.link is None:
            base.link = Link(None, None)
        base.link.views.append(self)
        self.link = Link(base, key)

    def become(self, result: Traced) -> None:
        """Take over the value of `result`: all who hold this object see the change."""
        link = self.link
        if link is not None:
            outdate(link)
            if link.base is not None:
                if link.key is None:
                    raise refused("A reshaped or transposed view, or a real part, is written to.")
                link.base.become(indexing.setitem(link.base, link.key, result))
                link.base.link.views.append(self)
                self._trace = result._trace
        self.index, self.value = result.index, result.value


_FAMILIAR.add(Traced)
