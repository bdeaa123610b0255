"""NumPy's functions, methods and indexing, turned into operations of the rules table.

What has neither a row nor a composition is refused here, with the user's line.
"""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from chainrule.errors import BranchError, MutationError, UnsupportedAttributeError, UnsupportedError
from chainrule.op import Abstract, Op, UnsupportedArgumentError
from chainrule.rules import BY_FUNCTION, BY_METHOD, COMPOSED, TABLE, special
from chainrule.rules.index import Slot, is_basic
from chainrule.rules.refused import reason
from chainrule.trace.source import location

#: Functions that ask for the shape or the type alone.
DESCRIPTIVE: dict[Any, Callable[..., Any]] = {
    np.shape: lambda a: a.shape,
    np.ndim: lambda a: a.ndim,
    np.iscomplexobj: lambda a: a.dtype.kind == "c",
    np.isrealobj: lambda a: a.dtype.kind != "c",
    np.result_type: lambda *args: np.result_type(
        *(a.dtype if hasattr(a, "__apply_op__") else a for a in args)
    ),
}

#: Functions whose dtype is that in which they compute.
_ACCUMULATING = {np.sum, np.mean, np.prod, np.cumsum, np.cumprod, np.var, np.std, np.trace}

#: Keywords that change nothing when they have these values.
_NEUTRAL = {"out": None, "dtype": None, "where": True, "order": "K", "subok": True, "initial": None}


def is_traced(value: Any) -> bool:
    """Whether a value stands for an array in some trace."""
    return hasattr(value, "__apply_op__")


def call_ufunc(ufunc: Any, method: str, inputs: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Apply a ufunc of which at least one argument is traced."""
    if not all(map(is_known, inputs)):
        return NotImplemented  # an object that has its own way with NumPy's functions
    out = kwargs.pop("out", None)
    target = out[0] if isinstance(out, tuple) and len(out) == 1 else out
    if method == "at":
        return _add_at(ufunc, *inputs)
    result = _ufunc_result(ufunc, method, inputs, _telling(kwargs))
    return result if target is None else _written(ufunc, target, result)


def _ufunc_result(ufunc: Any, method: str, inputs: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    if method == "__call__":
        row = row_of(ufunc)
        if "dtype" in kwargs:
            inputs = tuple(_cast(ufunc, a, kwargs["dtype"]) for a in inputs)
            kwargs = {k: v for k, v in kwargs.items() if k != "dtype"}
        if row is None or row.bind is not None:
            return call_function(ufunc, inputs, kwargs)
        if kwargs:
            raise _unsupported_keyword(ufunc, next(iter(kwargs)))
        return row(*in_order(row, inputs))
    if method == "outer":
        first, second = (from_list(a) if isinstance(a, (list, tuple)) else a for a in inputs)
        tail = (1,) * np.ndim(second)
        return ufunc(np.reshape(first, (*np.shape(first), *tail)), second, **kwargs)
    function = BY_METHOD.get((ufunc, method))
    if function is None:
        raise _unsupported(ufunc, f".{method}")
    kwargs = {"axis": 0, **kwargs}
    if function in COMPOSED or function in BY_FUNCTION:
        return call_function(function, inputs, kwargs)
    return _composed(function, inputs, kwargs)


def _cast(function: Any, array: Any, dtype: Any) -> Any:
    """Compute in the precision asked for; another kind of number is refused."""
    wanted = np.dtype(dtype)
    if wanted.kind not in "fc" or (wanted.kind == "f" and np.iscomplexobj(array)):
        raise _unsupported_keyword(function, "dtype")
    if not is_traced(array):
        return np.asarray(array, wanted)[()] if not isinstance(array, (list, tuple)) else array
    return array if array.dtype == wanted else array.astype(wanted)


def _written(function: Any, target: Any, result: Any) -> Any:
    """Write a result into the array that `out` names, if that is a traced one."""
    if isinstance(target, tuple) or not is_traced(target) or not target.is_mutable:
        raise MutationError(
            f"{full_name(function)} cannot write a traced result into a plain array.",
            where=location(),
            instead="a = a + b in place of a += b or out=a, or np.zeros_like(x) of a traced x "
            "as the array to write into",
        )
    target[...] = result
    return target


def _add_at(ufunc: Any, array: Any, key: Any, *values: Any) -> None:
    """Add at places in place; a place that is named twice gets both."""
    if ufunc not in (np.add, np.subtract):
        raise _unsupported(ufunc, ".at")
    if not is_traced(array):
        raise MutationError(
            f"np.{ufunc.__name__}.at cannot write a traced value into a plain array.",
            where=location(),
            instead="np.zeros_like(x) of a traced x as the array to write into",
        )
    fixed, positions = _split_key(key)
    value = from_list(values[0]) if isinstance(values[0], (list, tuple)) else values[0]
    picked = np.shape(TABLE["getitem"](np.zeros(array.shape), *map(_plain, positions), key=fixed))
    added = TABLE["scatter"](array, np.broadcast_to(value, picked), *positions, key=fixed)
    array.become(ufunc(array, added))


def _plain(positions: Any) -> Any:
    return np.zeros(positions.shape, positions.dtype) if is_traced(positions) else positions


def is_known(value: Any) -> bool:
    """Whether a value is one that operations take: no object with a NumPy of its own."""
    return isinstance(value, _KNOWN) or is_traced(value)


#: What may stand beside a traced value in a NumPy function.
_KNOWN = (float, int, complex, np.ndarray, np.generic, list, tuple, range, str, type(None), slice)


def full_name(function: Any) -> str:
    """Return what a function is called in code: ``np.linalg.inv``.

    Examples
    --------
    >>> full_name(np.linalg.inv), full_name(np.add)
    ('np.linalg.inv', 'np.add')
    """
    module = getattr(function, "__module__", None) or "numpy"
    name = getattr(function, "__name__", str(function))
    return f"{module.replace('numpy', 'np', 1)}.{name}"


def _telling(kwargs: dict[str, Any]) -> dict[str, Any]:
    """Leave out the keywords that change nothing."""
    if not kwargs:
        return kwargs
    return {k: v for k, v in kwargs.items() if k not in _NEUTRAL or v is not _NEUTRAL[k]}


def row_of(function: Any) -> Op | None:
    """Return the row of one of NumPy's functions, or of SciPy's special functions."""
    return BY_FUNCTION.get(function) or special.found(function)


def plain_row(function: Any) -> Op | None:
    """Return the row of a NumPy function whose arguments are the row's operands as they are."""
    row = row_of(function)
    return row if row is None or row.bind is None else None


def in_order(row: Op, arguments: Sequence[Any]) -> Sequence[Any]:
    """Return arguments as the operands of a row: lists as arrays, a constant last."""
    operands = [from_list(a) if isinstance(a, (list, tuple)) else a for a in arguments]
    if row.constant_last and is_traced(operands[1]) and not is_traced(operands[0]):
        operands.reverse()
    return operands


def call_function(function: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    """Apply a NumPy function of which at least one argument is traced."""
    if function in DESCRIPTIVE:
        return DESCRIPTIVE[function](*args, **kwargs)
    out = kwargs.get("out")
    if out is not None:
        kwargs = {k: v for k, v in kwargs.items() if k != "out"}
        return _written(function, out, call_function(function, args, kwargs))
    kwargs = _telling(kwargs)
    if "dtype" in kwargs and function in _ACCUMULATING and args:
        dtype = kwargs["dtype"]
        kwargs = {k: v for k, v in kwargs.items() if k != "dtype"}
        args = (_cast(function, args[0], dtype), *args[1:])
    if function is np.where and len(args) == 1:
        function = np.nonzero  # what NumPy makes of it, too
    row = row_of(function)
    composition = COMPOSED.get(function)
    if row is not None and row.bind is None:
        if kwargs:
            raise _unsupported_keyword(function, next(iter(kwargs)))
        return row(*in_order(row, args))
    target = composition if row is None else row.bind
    if target is None:
        raise _unsupported(function)
    try:
        if row is None:
            return _composed(target, args, kwargs)
        operands, params = target(*args, **kwargs)
    except UnsupportedArgumentError as error:
        raise _unsupported_keyword(function, str(error)) from None
    except TypeError:
        _check_arguments(function, target, args, kwargs)
        raise
    result = row(*operands, **params)
    return linked(result, operands[0]) if row.view else result


def _composed(composition: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    """Call a composition: its parts are no lines of the user's, only its result is."""
    traced = [a for a in (*args, *kwargs.values()) if is_traced(a)]
    ends = [a._trace.compose() for a in traced[:1]]
    result = None
    try:
        result = composition(*args, **kwargs)
    finally:
        for end in ends:
            end(result)
    return result


def _check_arguments(function: Any, target: Any, args: Sequence[Any], kwargs: Any) -> None:
    """Refuse arguments that the target does not take; asked once the call has failed."""
    signature = inspect.signature(target)
    try:
        signature.bind(*args, **kwargs)
    except TypeError as error:
        unknown = [k for k in kwargs if k not in signature.parameters]
        if unknown:
            raise _unsupported_keyword(function, unknown[0]) from None
        raise UnsupportedError(
            f"{full_name(function)} cannot be traced with these arguments: {error}.",
            where=location(),
        ) from None


def _unsupported(function: Any, method: str = "") -> UnsupportedError:
    name = full_name(function)
    known_reason = None if method else reason(name)
    if known_reason is not None:
        return UnsupportedError(
            f"{name} {known_reason.why}, so no gradient can pass through it.",
            where=location(),
            instead=known_reason.instead or None,
        )
    known = sorted({full_name(f) for f in (*BY_FUNCTION, *COMPOSED)})
    close = difflib.get_close_matches(name, known, 3, cutoff=0.75)
    return UnsupportedError(
        f"{name}{method} has no rule, so no gradient can pass through it.",
        expected="a NumPy function with a rule",
        got=f"{name}{method}",
        where=location(),
        instead=f"perhaps {', '.join(close)}" if close else
        "other NumPy functions that amount to the same",
    )  # fmt: skip


def _unsupported_keyword(function: Any, keyword: str) -> UnsupportedError:
    return UnsupportedError(
        f"{full_name(function)} cannot be traced with the argument {keyword!r}.",
        where=location(),
        instead=f"the call without {keyword!r}, and what it does as an operation of its own",
    )


def from_list(values: Sequence[Any]) -> Any:
    """Make one array of a list; of one that holds traced values, by stacking."""
    if any(is_traced(v) or isinstance(v, (list, tuple)) for v in values):
        parts = [from_list(v) if isinstance(v, (list, tuple)) else v for v in values]
        return np.stack(parts) if any(map(is_traced, parts)) else np.array(parts)
    return np.array(values)


# -- views -----------------------------------------------------------------------------


def linked(result: Any, base: Any, key: Any = None) -> Any:
    """Remember that an array shares its memory with the one it was made from."""
    if is_traced(result) and is_traced(base) and result.ndim:
        result.share_with(base, key)
    return result


# -- indexing --------------------------------------------------------------------------


def _split_key(key: Any) -> tuple[tuple[Any, ...], list[Any]]:
    """Part a key into what is fixed and the arrays of positions."""
    fixed: list[Any] = []
    positions: list[Any] = []
    for k in key if isinstance(key, tuple) else (key,):
        if isinstance(k, (slice, range)) or k is None or k is Ellipsis:
            fixed.append(k)
        elif isinstance(k, (np.ndarray, list)) or (
            is_traced(k) and (k.shape or k.dtype.kind in "iu")
        ):
            array = np.array([int(i) for i in k]) if isinstance(k, list) and k and not isinstance(
                k[0], (bool, list)) else k  # fmt: skip
            fixed.append(Slot(len(positions)))
            positions.append(np.asarray(array) if isinstance(array, list) else array)
        elif isinstance(k, (bool, np.bool_)):
            raise UnsupportedError(
                "A single truth value cannot be used as an index of a traced array.",
                where=location(),
                instead="np.where(condition, a, b)",
            )
        else:
            fixed.append(k.__index__())
    return tuple(fixed), [_numbered(p) for p in positions]


def _numbered(positions: Any) -> Any:
    """Return positions as an operand may have them: integers or truth values."""
    if positions.dtype.kind not in "biu":
        raise IndexError("arrays used as indices must be of integer or boolean type")
    return positions


def getitem(array: Any, key: Any) -> Any:
    """Read elements of a traced array."""
    fixed, positions = _split_key(key)
    for p in positions:
        if p.dtype.kind == "b" and isinstance(getattr(p, "value", None), Abstract):
            raise BranchError(
                "How many elements a mask picks depends on its values, "
                "and only shapes are known here.",
                where=location(),
                instead="np.where(mask, x, 0.0), which keeps the shape",
            )
    result = TABLE["getitem"](array, *positions, key=fixed)
    if is_basic(fixed):
        return linked(result, array, fixed)
    if not any(isinstance(k, range) for k in fixed) and all(np.ndim(p) == 0 for p in positions):
        return linked(result, array)  # a view too, at a place that is known by value alone
    return result


def setitem(array: Any, key: Any, value: Any) -> Any:
    """Return a traced array with elements replaced."""
    fixed, positions = _split_key(key)
    value = from_list(value) if isinstance(value, (list, tuple)) else value
    return TABLE["setitem"](array, value, *positions, key=fixed)


# -- methods ---------------------------------------------------------------------------


def _reshape(array: Any, *shape: Any, **kwargs: Any) -> Any:
    return np.reshape(array, shape[0] if len(shape) == 1 else shape, **kwargs)


def _transpose(array: Any, *axes: Any) -> Any:
    if not axes or axes[0] is None:
        return np.transpose(array)
    return np.transpose(array, axes[0] if len(axes) == 1 and np.ndim(axes[0]) else axes)


def _conjugate(array: Any) -> Any:
    return np.conjugate(array) if array.dtype.kind == "c" else array  # itself, in NumPy too


def _astype(array: Any, dtype: Any, copy: bool = True) -> Any:
    if not copy and np.dtype(dtype) == array.dtype:
        return array
    return TABLE["astype"](array, dtype=np.dtype(dtype))


def _round(array: Any, decimals: int = 0) -> Any:
    return np.round(array, decimals)


def _in_place(function: Any) -> Callable[..., Any]:
    """Return a method that writes the result of a function into its own array."""

    def method(array: Any, *args: Any, **kwargs: Any) -> None:
        array[...] = function(array, *args, **kwargs)

    return method


def _item(array: Any, *index: int) -> Any:
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
