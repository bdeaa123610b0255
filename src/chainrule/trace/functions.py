"""NumPy's functions, turned into operations of the rules table.

What has neither a row nor a composition is refused here, with the user's line.
"""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from chainrule.errors import ConversionError, MutationError, UnsupportedError
from chainrule.op import Abstract, Op, UnsupportedArgumentError
from chainrule.rules import BY_FUNCTION, BY_METHOD, COMPOSED, TABLE, special
from chainrule.rules.operands import is_traced
from chainrule.rules.refused import reason
from chainrule.trace.base import composed
from chainrule.trace.counts import with_counts
from chainrule.trace.indexing import linked, split_key
from chainrule.trace.methods import innermost
from chainrule.trace.operands import from_list, is_known
from chainrule.trace.source import location


def _typed(value: Any) -> Any:
    """Return what says the type of an operand: a Python number, whose precision gives way."""
    if not is_traced(value):
        return value
    plain = innermost(value)
    if isinstance(plain, Abstract):
        return plain.stand_in() if plain.weak else plain.dtype
    return plain if isinstance(plain, (float, int, complex)) else plain.dtype


#: Functions that ask for the shape or the type alone, as rules do all the time.
DESCRIPTIVE: dict[Any, Callable[..., Any]] = {
    np.shape: lambda a: a.shape,
    np.ndim: lambda a: a.ndim,
    np.iscomplexobj: lambda a: a.dtype.kind == "c",
    np.isrealobj: lambda a: a.dtype.kind != "c",
    np.result_type: lambda *args: np.result_type(*map(_typed, args)),
}

#: Functions whose dtype is that in which they compute.
_ACCUMULATING = {np.sum, np.mean, np.prod, np.cumsum, np.cumprod, np.var, np.std, np.trace}

#: Keywords that change nothing when they have these values.
_NEUTRAL = {"out": None, "dtype": None, "where": True, "initial": None}
#: The same of ufuncs, to which the order of memory is all one.
_NEUTRAL_OF_UFUNCS = {**_NEUTRAL, "order": "K", "subok": True, "casting": "same_kind"}


def call_ufunc(ufunc: Any, method: str, inputs: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Apply a ufunc of which at least one argument is traced."""
    if not all(map(is_known, inputs)):
        return NotImplemented  # an object that has its own way with NumPy's functions
    out = kwargs.pop("out", None)
    target = out[0] if isinstance(out, tuple) and len(out) == 1 else out
    if method == "at":
        return _add_at(ufunc, *inputs)
    result = _ufunc_result(ufunc, method, inputs, _telling(kwargs, _NEUTRAL_OF_UFUNCS))
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
    return composed(function, inputs, kwargs)


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
    fixed, positions = split_key(key)
    value = from_list(values[0]) if isinstance(values[0], (list, tuple)) else values[0]
    picked = np.shape(TABLE["getitem"](np.zeros(array.shape), *map(_plain, positions), key=fixed))
    added = TABLE["scatter"](array, np.broadcast_to(value, picked), *positions, key=fixed)
    array.become(ufunc(array, added))


def _plain(positions: Any) -> Any:
    return np.zeros(positions.shape, positions.dtype) if is_traced(positions) else positions


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


def _telling(kwargs: dict[str, Any], neutral: dict[str, Any] = _NEUTRAL) -> dict[str, Any]:
    """Leave out the keywords that change nothing."""
    if not kwargs:
        return kwargs
    return {k: v for k, v in kwargs.items() if k not in neutral or v is not neutral[k]}


def row_of(function: Any) -> Op | None:
    """Return the row of one of NumPy's functions, or of SciPy's special functions."""
    return BY_FUNCTION.get(function) or special.found(function)


#: NumPy function -> its row, where the arguments are the row's operands as they are.
PLAIN_ROWS = {f: row for f, row in BY_FUNCTION.items() if row.bind is None}


def in_order(row: Op, arguments: Sequence[Any]) -> Sequence[Any]:
    """Return arguments as the operands of a row: lists as arrays, a constant last."""
    operands = [from_list(a) if isinstance(a, (list, tuple)) else a for a in arguments]
    if row.constant_last and is_traced(operands[1]) and not is_traced(operands[0]):
        operands.reverse()
    return operands


def call_function(function: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    """Apply a NumPy function of which at least one argument is traced."""
    try:
        return _called(function, args, kwargs)
    except (ConversionError, TypeError, IndexError, RecursionError):
        counted = with_counts(function, args, kwargs)
        if counted is None:
            raise
    return _called(function, *counted)


def _called(function: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    if kwargs:
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
    if row is None:
        return _without_row(function, args, kwargs)
    if row.bind is None:
        if kwargs:
            raise _unsupported_keyword(function, next(iter(kwargs)))
        return row(*in_order(row, args))
    try:
        operands, params = row.bind(*args, **kwargs)
    except UnsupportedArgumentError as error:
        raise _unsupported_keyword(function, str(error)) from None
    except UnsupportedError as error:
        raise error.at(location()) from None
    except TypeError:
        _check_arguments(function, row.bind, args, kwargs)
        raise
    result = row(*operands, **params)
    return linked(result, operands[0]) if row.view else result


def _without_row(function: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    composition = COMPOSED.get(function)
    if composition is None:
        raise _unsupported(function)
    try:
        return composed(composition, args, kwargs)
    except UnsupportedArgumentError as error:
        raise _unsupported_keyword(function, str(error)) from None
    except UnsupportedError as error:
        raise error.at(location()) from None
    except TypeError:
        _check_arguments(function, composition, args, kwargs)
        raise


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
