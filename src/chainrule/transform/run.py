"""One run of a function on a tape, and the way back from it."""

from __future__ import annotations

import cmath
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from chainrule.arguments import (
    Wrt,
    bound,
    complex_output,
    differentiable,
    name_of,
    resolve_wrt,
)
from chainrule.backward import backpropagate
from chainrule.careful import Guard, plain
from chainrule.errors import ArgumentError, DtypeError
from chainrule.nonfinite import located
from chainrule.op import shape_of
from chainrule.structure import map_leaves, paired
from chainrule.trace import Tape, Traced, WholeTape, location, tracing
from chainrule.trace.memory import are_light

Function = Callable[..., Any]


_NUMBERS = (float, int, complex, np.ndarray, np.generic, Traced)


class Run:
    """One run of a function on a tape, ready to be differentiated.

    Attributes
    ----------
    value : number, array or structure of them
        What the function returned, untraced.
    """

    __slots__ = ("_call", "_keys", "_output", "_tape", "_values", "value")

    def __init__(
        self, f: Function, wrt: Wrt, args: tuple[Any, ...], kwargs: dict[str, Any],
        kind: type[Tape] = Tape,
    ) -> None:  # fmt: skip
        self._call = (f, wrt, args, kwargs)
        with tracing(kind) as tape:
            self._tape = tape
            traced = self._traced_by_position()
            args, kwargs = self._traced_by_name() if traced is None else (traced, kwargs)
            if not tape.records:
                raise ArgumentError(
                    f"There is no number in wrt={wrt!r} of {name_of(f)} to differentiate by.",
                    expected="a number, an array, or a structure of them",
                )
            self._keys = range(len(tape.records))
            try:
                self._output = f(*args, **kwargs)
            except TypeError:
                bound(f, self._call[2], self._call[3])  # tells it better where they do not fit
                raise
        output = self._output
        if output.__class__ is Traced and output._trace is tape:  # nearly always
            self.value = output.value
        else:
            self.value = map_leaves(self._untraced, output, "")

    def _traced_by_position(self) -> tuple[Any, ...] | None:
        """Trace the arguments without a look at the signature, where that is enough.

        It is not enough for names, nor for an error, which needs the argument's name.
        """
        _, wrt, args, _ = self._call
        positions = (wrt,) if isinstance(wrt, (int, str)) else wrt
        if len(set(positions)) != len(positions):
            return None
        traced = list(args)
        self._values = []
        for i in positions:
            if not isinstance(i, int) or not 0 <= i < len(args):
                return None
            self._values.append(args[i])
            try:
                traced[i] = self._traced(args[i], "")
            except DtypeError:
                return None
        return tuple(traced) if self._values else None

    def _traced_by_name(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        f, wrt, args, kwargs = self._call
        self._tape.records.clear()
        arguments = bound(f, args, kwargs)
        given = arguments.arguments
        names = resolve_wrt(f, list(given), wrt)
        self._values = [given[name] for name in names]
        given.update({name: self._traced(given[name], name) for name in names})
        return arguments.args, arguments.kwargs

    def _traced(self, value: Any, path: str) -> Any:
        def visit(leaf: Any, path: str) -> Any:
            number = differentiable(leaf, path)
            return leaf if number is None else self._tape.input(number)

        if _is_plain(value):
            return self._tape.input(value)
        return map_leaves(visit, value, path)

    def _is_mine(self, value: Any) -> bool:
        return value.__class__ is Traced and value._trace is self._tape

    def _untraced(self, leaf: Any, path: str) -> Any:
        return leaf.value if self._is_mine(leaf) else leaf

    def scalar_output(self) -> None:
        """Refuse an output that is not one number."""
        f = self._call[0]
        if isinstance(self.value, _NUMBERS) and shape_of(self.value) == ():
            if self.value.__class__ is not float and np.iscomplexobj(self.value):
                raise complex_output(f, self.value)
            return
        got = (
            f"an array of shape {shape_of(self.value)}"
            if hasattr(self.value, "shape")
            else f"{type(self.value).__name__}"
        )
        raise ArgumentError(
            f"{name_of(f)} does not return a single number, so it has no gradient by itself.",
            expected="one number, such as a loss",
            got=got,
            where=location_of(f),
            instead="return x.item() of it"
            if np.prod(shape_of(self.value), dtype=int) == 1 and hasattr(self.value, "shape")
            else "return np.sum(...) or np.mean(...) of it, or use cr.vjp "
            "(cr.explain(..., upstream=...)) with an upstream gradient, or cr.jacobian",
        )

    def gradients(self, upstream: Any) -> list[Any]:
        """Return the gradient of each wrt argument in the structure of the argument."""
        records = self._tape.records
        self._check_finite((self.value,))
        seeds: dict[int, Any] = {}
        if self._is_mine(self._output):  # nearly always
            seeds[self._output.index] = upstream
        else:
            for _, leaf, g in paired(self._output, upstream, "The upstream gradient"):
                if self._is_mine(leaf):
                    before = seeds.get(leaf.index)
                    seeds[leaf.index] = g if before is None else before + g
        finished: list[Any] | None = None
        try:
            found = backpropagate(records, seeds, self._keys) if seeds else {}
        except (ZeroDivisionError, OverflowError):
            pass  # Python's numbers raise where arrays turn infinite
        else:
            finished = self._finished(found, seeds)
        if finished is None or not _all_finite(finished):
            if are_light(records):  # care asks for more than the way back reads
                return Run(*self._call, kind=WholeTape).gradients(upstream)
            finished = self._finished(self._with_care(seeds), seeds)
            self._check_finite(finished)
        remaining = iter(finished)

        def visit(leaf: Any, path: str) -> Any:
            return None if differentiable(leaf, path) is None else next(remaining)

        return [
            next(remaining) if _is_plain(value) else map_leaves(visit, value, "")
            for value in self._values
        ]

    def _finished(self, found: dict[int, Any], seeds: dict[int, Any]) -> list[Any]:
        """Return the gradients in the type of their leaves, in memory of their own."""
        records = self._tape.records
        seen = set(map(id, seeds.values()))  # the caller's own arrays
        return [_finished(found.get(i), records[i][4], seen) for i in self._keys]

    def one_array_each(self) -> None:
        """Refuse an argument and an output that are not one number or array."""
        f = self._call[0]
        if not isinstance(self.value, _NUMBERS):
            raise ArgumentError(
                f"{name_of(f)} does not return a number or an array.",
                expected="one number or one array",
                got=type(self.value).__name__,
                where=location_of(f),
            )
        (by,) = self._values
        if not isinstance(by, _NUMBERS):
            raise ArgumentError(
                f"All derivatives of {name_of(f)} are asked for by a structure of arrays.",
                expected="one number or one array as the argument",
                got=type(by).__name__,
                instead="cr.vjp, or an array that holds all of them",
            )

    def derivative(self, unit: Any) -> Any:
        """Return the derivative of the part of an array that `unit` picks, for one argument.

        Complex results of real numbers have a real and an imaginary derivative; of complex
        numbers they have one if they are holomorphic, and are refused otherwise.
        """
        found = self.gradients(unit)[0]
        if not np.iscomplexobj(self.value):
            return found
        other = self.gradients(-1j * unit)[0]
        if not np.iscomplexobj(self._values[0]):
            return found + 1j * other
        name, concrete = name_of(self._call[0]), not isinstance(found, Traced)
        if concrete and not np.allclose(other, -1j * found, rtol=1e-6, atol=1e-9):
            raise ArgumentError(
                f"{name} is not holomorphic: it has no single complex derivative.",
                where=location_of(self._call[0]),
                instead="the real and the imaginary part of its argument as two arguments",
            )
        return found

    def _with_care(self, seeds: dict[int, Any]) -> dict[int, Any]:
        """Derive a gradient that has turned out not to be finite once more."""
        records = self._tape.records
        with np.errstate(all="ignore"):
            return backpropagate(records, seeds, self._keys, guard=Guard(records, seeds))

    def _check_finite(self, values: Iterable[Any]) -> None:
        if not _all_finite(values):
            self._refuse_non_finite()

    def _refuse_non_finite(self) -> None:
        f, wrt, args, kwargs = self._call
        error = located(f, wrt, args, kwargs)
        if error is not None:
            raise error


def location_of(f: Function) -> Any:
    """Return the line on which a function is defined, where that is known."""
    return location(code=getattr(f, "__code__", None))


def _is_plain(value: Any) -> bool:
    """Whether a value is a float or an array of floats, at first sight."""
    return value.__class__ is float or (value.__class__ is np.ndarray and value.dtype.kind == "f")


def _all_finite(values: Iterable[Any]) -> bool:
    arrays: list[Any] = []
    for value in values:
        if value.__class__ is Traced:
            value = plain(value)
        if isinstance(value, np.ndarray):
            arrays.append(value.ravel())
        elif isinstance(value, _NUMBERS) and not cmath.isfinite(value):
            return False
    if sum(flat.size for flat in arrays) < _FEW:
        return all(cmath.isfinite(v) for flat in arrays for v in flat.tolist())
    with np.errstate(all="ignore"):
        # The squared length of finite numbers is finite but for overflow, and cheapest to test.
        return all(cmath.isfinite(v.dot(v)) or bool(np.isfinite(v).all()) for v in arrays)


#: So few numbers are looked at one by one faster than all together.
_FEW = 24


def _finished(gradient: Any, leaf: Any, seen: set[int]) -> Any:
    """Give a gradient the type of its leaf, in memory of its own."""
    if leaf.__class__ is Traced or gradient.__class__ is Traced:
        return leaf * 0.0 if gradient is None else gradient
    if isinstance(leaf, (float, complex)) and not isinstance(leaf, np.generic):
        if leaf.__class__ is complex:
            return 0j if gradient is None else complex(gradient)
        return 0.0 if gradient is None else float(gradient.real)
    if gradient is None:
        return np.zeros(leaf.shape, leaf.dtype)[()]
    if leaf.dtype.kind == "f" and gradient.__class__ is not float and gradient.dtype.kind == "c":
        gradient = gradient.real
    if not isinstance(gradient, np.ndarray):
        return leaf.dtype.type(gradient)
    if isinstance(leaf, np.generic):
        return leaf.dtype.type(gradient[()])
    if gradient.dtype != leaf.dtype:
        return gradient.astype(leaf.dtype)
    if gradient.base is not None or id(gradient) in seen:
        return gradient.copy()
    seen.add(id(gradient))
    return gradient


def ones_like(value: Any) -> Any:
    """Return the upstream gradient 1 of a number, or of each element of an array."""
    shape = shape_of(value)
    if shape:
        return np.ones(shape, value.dtype)
    return value.dtype.type(1) if hasattr(value, "dtype") else 1.0
