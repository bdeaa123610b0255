"""Operations of buffered NumPy code as expressions, and their operands."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from chainrule.emit import forms
from chainrule.emit.bindings import Bindings, dtype_name, dtype_of, factor, size_key
from chainrule.graph import Node
from chainrule.notation import Written
from chainrule.rules import TABLE
from chainrule.rules.index import Slot

_ENDS = ("start", "stop", "step")
_PYTHON: dict[str, type] = {"i": int, "f": float, "c": complex}


class Expressions(Bindings):
    """Writes results that go into no array."""

    def operands(self, node: Node, names: Mapping[Node, str] | None = None) -> list[str]:
        """Write the operands: numbers that stay are arrays of the type that is computed with."""
        found = {**self.names, **names} if names else self.names
        form = self.plan.forms.get(node) or forms.form_of(node)
        if form is None or form.ufunc is None:
            return [found[i] for i in node.inputs]
        kinds = tuple(
            (i.abstract.dtype, _PYTHON.get(i.abstract.dtype.kind) if i.abstract.weak else None)
            for i in node.inputs
        )
        loop = (
            forms.loop_dtypes(form.ufunc, kinds[: form.ufunc.nin])
            if len(kinds) == form.ufunc.nin
            else None
        )
        written = []
        for position, operand in enumerate(node.inputs):
            name = found[operand]
            if operand in self.plan.static and not operand.shape:
                dtype: Any = operand.abstract.dtype
                if operand.abstract.weak:
                    dtype = loop[position] if loop is not None and position < len(loop) else None
                if dtype is not None and _fits(operand, dtype):
                    name = self._number(operand, name, dtype)
            written.append(name)
        return written

    def _number(self, node: Node, name: str, dtype: np.dtype[Any]) -> str:
        """Return the name of an array of one number: NumPy takes it in faster than the number."""
        stem = f"c_{_word(name)}" if not name.isidentifier() else f"{name}_"
        return self.fix(
            0, f"np.array({name}, np.{dtype_name(dtype)})", stem, ("number", name, dtype)
        )

    def expression(self, node: Node, fixed: bool = False) -> str:
        """Write a result as an expression."""
        op, dims = node.op, self.kernel.dims
        if op is TABLE["size"]:
            axis = node.params["axis"]
            shape = dims[node.inputs[0]]
            sizes = shape if axis is None else (shape[axis],)
            return " * ".join(map(factor, sizes)) or "1"
        names = [
            f"np.empty({self.dims(i)}, {dtype_of(i)})"
            if fixed and k in op.shape_only and self.stage.get(i, 2) > 0
            else self.names[i]
            for k, i in enumerate(node.inputs)
        ]
        if op is TABLE["getitem"]:
            taken = self._taken_rows(node, names)
            return taken or f"{names[0]}[{self._key(node.params['key'], names[1:])}]"
        if op is TABLE["broadcast_to"] and node.inputs[0].shape:
            return f"np.broadcast_to({names[0]}, {self.dims(node)})"
        if op.view and node.inputs[0].shape:
            return op.notation.write("code", map(Written, names), node.params).string
        if not node.shape and not node.abstract.weak:
            number_ = self._scalar(node, names)
            if number_ is not None:
                return number_
        function = op.forward
        public = getattr(np, getattr(function, "__name__", ""), None)
        if public is function:
            called = f"np.{function.__name__}"
        elif isinstance(function, np.ufunc):  # SciPy's, whose rows are called special.erf
            called = op.name
        else:
            called = self.constant(op.name, function)
        given = [*names, *(f"{key}={self._literal(v)}" for key, v in node.params.items())]
        return f"{called}({', '.join(given)})"

    def _scalar(self, node: Node, names: Sequence[str]) -> str | None:
        """Write a single number by operators, or as a reduction, where the row computes it so."""
        op = node.op
        if op.elementwise and forms.ufunc_of(op) is not None and not node.params:
            if isinstance(op.forward, np.ufunc) or op.notation.level == "atom":
                return None
            return op.notation.write("code", map(Written, names), node.params).string
        if len(node.inputs) != 1 or not node.inputs[0].shape or node.params.get("keepdims"):
            return None
        (a,) = node.inputs
        if op in forms.REDUCED and a.abstract.dtype == node.abstract.dtype:
            return f"np.{forms.REDUCED[op].__name__}.reduce({names[0]}, axis=None)"
        if op.fold is not None and op.fold.mean and a.abstract.dtype.kind in "fc":
            return f"np.add.reduce({names[0]}, axis=None) / {names[0]}.size"
        return None

    def _taken_rows(self, node: Node, names: Sequence[str]) -> str | None:
        """Write rows that are picked by whole numbers as `take`, which is the faster way."""
        key = node.params["key"]
        if len(key) == 1 and isinstance(key[0], Slot) and node.inputs[0].shape:
            positions = node.inputs[1 + key[0].position]
            kind = positions.abstract.dtype
            if positions.shape and kind.kind in "iu" and np.can_cast(kind, np.intp):
                return f"{names[0]}.take({names[1 + key[0].position]}, axis=0)"
        return None

    def _key(self, key: Sequence[Any], positions: Sequence[str]) -> str:
        def part(k: Any) -> str:
            if isinstance(k, Slot):
                return positions[k.position]
            if k is Ellipsis:
                return "..."
            if isinstance(k, slice):
                ends = ["" if v is None else str(v) for v in (k.start, k.stop)]
                return ":".join(ends if k.step is None else [*ends, str(k.step)])
            if hasattr(k, "stop"):
                places = (k.start, k.stop, k.step)
                arange = f"np.arange({', '.join(map(str, places))})"
                return self.fix(0, arange, "places", ("arange", *map(size_key, places)))
            return str(k)

        if not key:
            return "()"
        return ", ".join(map(part, key)) + ("," if len(key) == 1 and key[0] is None else "")

    def _literal(self, value: Any) -> str:
        if value is None or isinstance(value, (bool, int, str)):
            return repr(value)
        if isinstance(value, float) and math.isfinite(value):
            return repr(value)
        if type(value) is tuple:
            parts = [self._literal(v) for v in value]
            return f"({', '.join(parts)}{',' if len(parts) == 1 else ''})"
        if isinstance(value, slice):
            return f"slice({', '.join(self._literal(getattr(value, k)) for k in _ENDS)})"
        if isinstance(value, range) or type(value).__name__ == "Steps":
            return f"range({', '.join(self._literal(getattr(value, k)) for k in _ENDS)})"
        return self.constant("given_value", value)


def _word(written: str) -> str:
    """Return a number as a part of a name: ``-0.5`` becomes ``minus_0_5``."""
    written = written.strip("()")
    return written.replace("-", "minus_").replace(".", "_").replace("np_", "").replace("+", "")


def _fits(node: Node, dtype: np.dtype[Any]) -> bool:
    """Whether a number is the same as an array of a type, as far as that type goes."""
    if node.value is None or not node.abstract.weak:
        return True
    if dtype.kind in "iu":
        return type(node.value) is int and np.iinfo(dtype).min <= node.value <= np.iinfo(dtype).max
    with np.errstate(all="ignore"):
        return bool(np.isfinite(np.array(node.value, dtype)) == np.isfinite(node.value))
