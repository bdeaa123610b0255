"""NumPy's types in code over JAX.

JAX joins int64 and float32 to float32, NumPy to float64; JAX keeps the result of ``exp`` of a
Python number as weak as the number. Where the types of a row's operands leave room for that, JAX
is asked for the type of the result (it computes nothing), and operands or results are converted
until it is NumPy's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np

from chainrule.graph import Node
from chainrule.notation import Notation, Written
from chainrule.op import Abstract
from chainrule.rules import TABLE

_REAL = (np.dtype(np.float32), np.dtype(np.float64))
#: What a row may need above it: JAX has it under the same name.
_IN_SCIPY = ("from scipy import special",)
_WEAK_ONES = {"b": True, "i": 1, "f": 1.0, "c": 1j}


class RefusedError(Exception):
    """JAX has no counterpart of an operation, or one that gives other numbers."""

    def __init__(self, node: Node, why: str) -> None:
        super().__init__(why)
        self.node = node
        self.why = why


def over_jax(written: Written) -> Written:
    """Exchange NumPy's name for that of ``jax.numpy``."""
    return Written(re.sub(r"\bnp\.", "jnp.", written.string), written.level)


def in_jax(
    notation: Notation, operands: Sequence[Written], params: Mapping[str, Any], out: str = "out"
) -> Written:
    """Write an operation over ``jax.numpy``; where it is statements, they assign `out`."""
    named = notation.jax is not None or notation.statement
    return over_jax(notation.write("jax", operands, {**params, "out": out} if named else params))


def is_statement(notation: Notation, written: Written) -> bool:
    """Whether what was written, with ``out`` for a name, are statements."""
    return notation.statement if notation.jax is None else written.string.startswith("out = ")


@dataclass(frozen=True)
class Operand:
    """What an operand is written as, and what JAX knows of it: its kind, or a literal's text."""

    written: Written
    struct: Any = None
    value: str | None = None


@dataclass(frozen=True)
class Fitted:
    """Operands as they are to be written, the kind of the result, and the type to convert it to."""

    operands: list[Written]
    struct: Any
    dtype: np.dtype[Any] | None = None


class TypeKeeper:
    """Tells how to write operations so that their results have NumPy's types.

    Parameters
    ----------
    sizes : mapping
        Values of the names that may stand among the parameters.
    """

    def __init__(self, sizes: dict[str, Any]) -> None:
        self.jax: Any = import_module("jax")
        special = import_module("jax.scipy.special")
        self.names = {"jax": self.jax, "jnp": self.jax.numpy, "special": special, **sizes}
        self.seen: dict[Any, Any] = {}

    def known(self, written: Written, abstract: Abstract) -> Operand:
        """Return an operand of which the kind is known."""
        return Operand(written, self.struct(abstract))

    def struct(self, abstract: Abstract) -> Any:
        """Return a kind as JAX has it."""
        shape = tuple(map(int, abstract.shape))
        return self.jax.ShapeDtypeStruct(shape, abstract.dtype, weak_type=abstract.weak)

    def fitted(self, node: Node, operands: Sequence[Operand]) -> Fitted:
        """Tell how to write an operation.

        Raises
        ------
        RefusedError
            When it cannot be written, or JAX does not take it.
        """
        if node.op.notation.jax == "":
            raise RefusedError(node, "JAX has none that gives the same numbers")
        if node.op is not TABLE.get(node.op.name) and node.op.notation.requires != _IN_SCIPY:
            raise RefusedError(node, "it brings NumPy code of its own")
        written = [o.written for o in operands]
        if _is_plain(node, operands):
            return Fitted(written, self.struct(node.abstract))
        reason = ""
        fallback: Fitted | None = None
        for casts in self._casts(node, operands):
            shown = [
                converted(w, c, i) for w, c, i in zip(written, casts, node.inputs, strict=True)
            ]
            try:
                struct = self._result(node, operands, casts)
            except Exception as error:  # JAX raises whatever suits it at what it does not take
                reason = reason or str(error).partition("\n")[0]
                continue
            if struct.shape != tuple(map(int, node.shape)):
                reason = f"JAX gives shape {struct.shape}"
                continue
            same = struct.dtype == node.abstract.dtype
            if same and struct.weak_type <= node.abstract.weak:
                return Fitted(shown, struct)
            if fallback is None or (same and fallback.struct.dtype != node.abstract.dtype):
                fallback = Fitted(shown, struct)
        if fallback is None:
            raise RefusedError(node, reason)
        strong = Abstract(node.shape, node.abstract.dtype)
        return Fitted(fallback.operands, self.struct(strong), strong.dtype)

    def _casts(
        self, node: Node, operands: Sequence[Operand]
    ) -> Iterator[tuple[np.dtype[Any] | None, ...]]:
        """Yield types to convert the operands to, the likeliest first."""
        kinds = [i.abstract for i in node.inputs]
        none = (None,) * len(kinds)
        if node.op.name == "setitem":  # NumPy converts what is written, whatever it is
            yield (None, _to(kinds[0].dtype, kinds[1], "biufc"), *none[2:])
        common = self._common(kinds)
        promoted = tuple(_to(common, kind, "iufc") for kind in kinds)
        if node.op.elementwise and any(promoted) and common != self._jax_common(kinds):
            yield promoted
        yield none
        yield promoted
        yield tuple(_to(common, kind, "fc") for kind in kinds)
        if node.abstract.dtype.kind in "fc":
            yield tuple(_to(node.abstract.dtype, kind, "biufc") for kind in kinds)

    @staticmethod
    def _common(kinds: Sequence[Abstract]) -> np.dtype[Any]:
        ones: list[Any] = [_WEAK_ONES[k.dtype.kind] if k.weak else k.dtype for k in kinds]
        dtype: np.dtype[Any] = np.result_type(*ones) if ones else np.dtype(float)
        return dtype

    def _jax_common(self, kinds: Sequence[Abstract]) -> np.dtype[Any]:
        jnp = self.names["jnp"]
        ones = [_WEAK_ONES[k.dtype.kind] if k.weak else k.dtype for k in kinds]
        dtype: np.dtype[Any] = np.dtype(jnp.result_type(*ones))
        return dtype

    def _result(self, node: Node, operands: Sequence[Operand], casts: Sequence[Any]) -> Any:
        """Ask JAX what the result of an operation is, with its operands by other names."""
        names = [f"x{i}_" if o.value is None else o.value for i, o in enumerate(operands)]
        given = [n for n, o in zip(names, operands, strict=True) if o.value is None]
        structs = [o.struct for o in operands if o.value is None]
        shown = [
            converted(Written(n, o.written.level if o.value else "atom"), c, i)
            for n, o, c, i in zip(names, operands, casts, node.inputs, strict=True)
        ]
        written = in_jax(node.op.notation, shown, node.params)
        body = f"{written}" if is_statement(node.op.notation, written) else f"out = {written}"
        lines = [*body.splitlines(), "return out"]
        text = f"def f({', '.join(given)}):\n" + "\n".join(f"    {line}" for line in lines)
        key = (text, *((s.shape, s.dtype, s.weak_type) for s in structs))
        if key not in self.seen:
            namespace = dict(self.names)
            exec(compile(text, "<types of JAX>", "exec"), namespace)
            self.seen[key] = self.jax.eval_shape(namespace["f"], *structs)
        return self.seen[key]


def _is_plain(node: Node, operands: Sequence[Operand]) -> bool:
    """Whether both libraries surely agree: arithmetic among arrays of one floating type."""
    if not node.op.elementwise or node.op.vjp is None or node.abstract.dtype not in _REAL:
        return False
    if node.op.notation.requires or node.op.notation.jax is not None:
        return False
    arrays = [i.abstract for i in node.inputs if not i.abstract.weak]
    weak = [i.abstract for i in node.inputs if i.abstract.weak]
    return (
        bool(arrays)
        and all(a.dtype == node.abstract.dtype for a in arrays)
        and all(a.dtype.kind in "if" for a in weak)
        and all(o.struct is None or not o.struct.weak_type for o in operands)
    )


def _to(dtype: np.dtype[Any], kind: Abstract, kinds: str) -> np.dtype[Any] | None:
    """Return the type to convert an operand to; None where it may stay what it is."""
    stays = kind.weak or kind.dtype == dtype or kind.dtype.kind not in kinds
    return None if stays else dtype


def converted(written: Written, dtype: np.dtype[Any] | None, node: Node) -> Written:
    """Write the conversion of a node's value to a type; None for none."""
    if dtype is None:
        return written
    if _is_number(written.string):
        return Written(f"jnp.{dtype.name}({written})")
    if not node.shape:  # it may be a number of Python's, such as a size, which has no methods
        return Written(f"jnp.asarray({written}, jnp.{dtype.name})")
    return Written(f"{written:atom}.astype(jnp.{dtype.name})")


def _is_number(text: str) -> bool:
    """Whether a text is a plain number, which has no methods in JAX."""
    return text.lstrip("-(")[:1].isdigit()
