"""Arithmetic that is written down for LLVM where compiled code calls for it.

numba takes many times as long for a line as LLVM does. What all programs call is therefore written
down here: the operators of a `Value` write instructions, so that it still reads as arithmetic.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir

#: Multiplying and adding may be one instruction; else what is written is what is computed.
_FLAGS = ("contract",)
I32, I64 = ir.IntType(32), ir.IntType(64)
_FLOAT, _DOUBLE = ir.FloatType(), ir.DoubleType()


class Value:
    """A number, or a condition, of code that is being written down."""

    # Comparing gives instructions and no answer, as with arrays: so it cannot be a key.
    __hash__ = None  # type: ignore[assignment]  # object has one

    def __init__(self, builder: Any, value: Any) -> None:
        self.builder = builder
        self.value = value

    @property
    def is_float(self) -> bool:
        """Whether it is a number in floating point."""
        return self.value.type in (_FLOAT, _DOUBLE)

    def constant(self, number: Any) -> Value:
        """Return a number of the same type."""
        return Value(self.builder, ir.Constant(self.value.type, number))

    def _operand(self, other: Any) -> Any:
        return other.value if isinstance(other, Value) else self.constant(other).value

    def _write(self, floating: str, whole: str, other: Any) -> Value:
        if self.is_float:
            write = getattr(self.builder, floating)
            return Value(self.builder, write(self.value, self._operand(other), flags=_FLAGS))
        return Value(self.builder, getattr(self.builder, whole)(self.value, self._operand(other)))

    def _compare(self, sign: str, other: Any) -> Value:
        """Compare; nothing but ``!=`` is true of a NaN."""
        if not self.is_float:
            compare = self.builder.icmp_signed
        else:
            compare = self.builder.fcmp_unordered if sign == "!=" else self.builder.fcmp_ordered
        return Value(self.builder, compare(sign, self.value, self._operand(other)))

    def __add__(self, other: Any) -> Value:
        return self._write("fadd", "add", other)

    def __sub__(self, other: Any) -> Value:
        return self._write("fsub", "sub", other)

    def __mul__(self, other: Any) -> Value:
        return self._write("fmul", "mul", other)

    def __truediv__(self, other: Any) -> Value:
        """Divide; whole numbers towards 0."""
        return self._write("fdiv", "sdiv", other)

    def __lshift__(self, bits: int) -> Value:
        return Value(self.builder, self.builder.shl(self.value, self._operand(bits)))

    def __rshift__(self, bits: int) -> Value:
        return Value(self.builder, self.builder.ashr(self.value, self._operand(bits)))

    def __or__(self, other: Value) -> Value:
        return Value(self.builder, self.builder.or_(self.value, other.value))

    def __lt__(self, other: Any) -> Value:
        return self._compare("<", other)

    def __le__(self, other: Any) -> Value:
        return self._compare("<=", other)

    def __gt__(self, other: Any) -> Value:
        return self._compare(">", other)

    def __ge__(self, other: Any) -> Value:
        return self._compare(">=", other)

    def __eq__(self, other: Any) -> Value:  # type: ignore[override]  # object's is a bool
        return self._compare("==", other)

    def __ne__(self, other: Any) -> Value:  # type: ignore[override]  # object's is a bool
        return self._compare("!=", other)

    def where(self, yes: Any, no: Any) -> Value:
        """Return one of two values, by this condition; one of them may be a plain number."""
        kind = yes if isinstance(yes, Value) else no
        chosen = [v if isinstance(v, Value) else kind.constant(v) for v in (yes, no)]
        return Value(self.builder, self.builder.select(self.value, *(v.value for v in chosen)))

    def whole(self) -> Value:
        """Return a float as a whole number of as many bits."""
        kind = I32 if self.value.type == _FLOAT else I64
        return Value(self.builder, self.builder.fptosi(self.value, kind))

    def floating(self) -> Value:
        """Return a whole number as a float of as many bits."""
        kind = _FLOAT if self.value.type == I32 else _DOUBLE
        return Value(self.builder, self.builder.sitofp(self.value, kind))

    def reinterpreted(self) -> Value:
        """Take the bits of a float for a whole number, or the other way round."""
        kinds = {_FLOAT: I32, _DOUBLE: I64, I32: _FLOAT, I64: _DOUBLE}
        kind = next(new for old, new in kinds.items() if old == self.value.type)
        return Value(self.builder, self.builder.bitcast(self.value, kind))
