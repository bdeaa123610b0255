"""The methods of arrays."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.errors import ChainruleError, DtypeError, UnsupportedAttributeError, UnsupportedError
from chainrule.rules import TABLE
from chainrule.rules.operands import is_traced
from chainrule.trace.indexing import linked
from chainrule.trace.source import location


def _reshape(array: Any, *shape: Any, **kwargs: Any) -> Any:
    return np.reshape(array, shape[0] if len(shape) == 1 else shape, **kwargs)


def _transpose(array: Any, *axes: Any) -> Any:
    if not axes or axes[0] is None:
        return np.transpose(array)
    return np.transpose(array, axes[0] if len(axes) == 1 and np.ndim(axes[0]) else axes)


def _conjugate(array: Any) -> Any:
    return np.conjugate(array) if array.dtype.kind == "c" else array  # itself, in NumPy too


def _astype(array: Any, dtype: Any, copy: bool = True) -> Any:
    wanted = np.dtype(dtype)
    if wanted.kind not in "biufc":
        raise DtypeError(
            f"A traced array cannot become one of {wanted}.",
            expected="a type of numbers",
            got=str(wanted),
            where=location(),
        )
    if not copy and wanted == array.dtype:
        return array
    return TABLE["astype"](array, dtype=wanted)


def _round(array: Any, decimals: int = 0) -> Any:
    return np.round(array, decimals)


def _in_place(function: Any) -> Callable[..., Any]:
    """Return a method that writes the result of a function into its own array."""

    def method(array: Any, *args: Any, **kwargs: Any) -> None:
        array[...] = function(array, *args, **kwargs)

    return method


def part(array: Any, name: str) -> Any:
    """Return the real or the imaginary part: of a complex array a view, as NumPy's is."""
    result = TABLE[name](array)
    return linked(result, array) if array.dtype.kind == "c" else result


def innermost(array: Any) -> Any:
    """Return the value that a traced one stands for in the outermost trace."""
    value = array.value
    while is_traced(value):
        value = value.value
    return value


def bound(method: Callable[..., Any], array: Any, name: str) -> Callable[..., Any]:
    """Return a method of one array; arguments that it does not take are refused."""

    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            return method(array, *args, **kwargs)
        except TypeError as error:
            if isinstance(error, ChainruleError) or "argument" not in str(error):
                raise
            raise UnsupportedError(
                f"The method {name} of a traced array does not take these arguments: {error}.",
                where=location(),
                instead=f"the arguments that change the result alone, or np.{name}",
            ) from None

    return call


def formatted(array: Any, specification: str) -> str:
    """Write the value that a traced one stands for: what is printed carries no gradient."""
    return format(innermost(array), specification)


def _item(array: Any, *index: Any) -> Any:
    if len(index) == 1 and isinstance(index[0], tuple):
        (index,) = index
    if len(index) == 1:  # counted through all axes
        return np.reshape(array, (-1,))[index[0]]
    return array[index] if index else np.reshape(array, ())


def _fill(array: Any, value: Any) -> None:
    array[...] = value


METHODS: dict[str, Callable[..., Any]] = {
    **{
        name: getattr(np, name)
        for name in (
            "sum", "prod", "mean", "max", "min", "var", "std", "any", "all", "argmax", "argmin",
            "cumsum", "cumprod", "clip", "dot", "ravel", "squeeze", "swapaxes", "repeat", "take",
            "trace", "diagonal", "copy", "argsort", "argpartition",
            "searchsorted", "nonzero",
        )
    },
    "reshape": _reshape,
    "flatten": lambda array, order="C": np.copy(np.ravel(array, order)),
    "transpose": _transpose,
    "astype": _astype,
    "conj": _conjugate,
    "conjugate": _conjugate,
    "round": _round,
    "compress": lambda array, condition, axis=None: np.compress(condition, array, axis),
    "item": _item,
    "sort": _in_place(lambda array, axis=-1, **kwargs: np.sort(array, axis, **kwargs)),
    "partition": _in_place(lambda array, kth, axis=-1: np.partition(array, kth, axis)),
    "fill": _fill,
}  # fmt: skip


def refuse_attribute(name: str) -> Any:
    """Refuse an attribute that traced values do not have."""
    if name.startswith("__"):
        raise AttributeError(name)
    hints = {
        "tolist": "the value itself",
        "flat": "x.ravel()",
    }
    raise UnsupportedAttributeError(
        f"A traced array has no {name!r} that a gradient could pass through.",
        where=location(),
        instead=hints.get(name, "a NumPy function that does the same"),
    )
