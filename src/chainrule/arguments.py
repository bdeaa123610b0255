"""Which arguments to differentiate with respect to, and what a gradient can be taken of."""

from __future__ import annotations

import copy
import difflib
import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np

from chainrule.calling import misfit
from chainrule.errors import ArgumentError, DtypeError
from chainrule.structure import leaves
from chainrule.trace import Traced, WholeFloat, location, refuse_subclass

Function = TypeVar("Function", bound=Callable[..., Any])
#: A position, a name, or several of them.
Wrt = int | str | Sequence[int | str]


def signature_of(f: Callable[..., Any]) -> inspect.Signature | None:
    """Return the signature of a function, or None for built-in ones that hide it."""
    if isinstance(f, np.ufunc):  # its signature lists `out` and its like, which nobody gives
        return None
    try:
        return inspect.signature(f)
    except (TypeError, ValueError):
        return None


def with_signature(f: Function, parameters: Sequence[inspect.Parameter]) -> Function:
    """Let a function say that it has other parameters than it is written with; returns it."""
    signature = inspect.Signature(parameters)
    f.__signature__ = signature  # type: ignore[attr-defined]  # inspect.signature reads it
    return f


#: What objects call the output that they keep instead of returning it.
RESULTS = ("output", "outputs", "out", "y", "a", "loss", "value", "probs")


def is_layer(value: Any) -> bool:
    """Whether a value is no function, and has a method ``forward`` that is one."""
    return not callable(value) and callable(getattr(value, "forward", None))


def forward_of(layer: Any) -> Callable[..., Any]:
    """Return a layer's forward pass as a function of the layer and of its inputs.

    What it does not return it has kept, as ``self.output``. The layer itself keeps nothing of it.
    """

    @functools.wraps(type(layer).forward)
    def forward(self: Any, *inputs: Any, **named: Any) -> Any:
        values = (leaf for _, leaf in leaves(self) if hasattr(leaf, "dtype"))
        own = copy.deepcopy(self, {id(value): value for value in values})
        returned = type(layer).forward(own, *inputs, **named)
        kept = (getattr(own, name) for name in RESULTS if hasattr(own, name))
        return next(kept, None) if returned is None else returned

    return forward


def name_of(f: Callable[..., Any]) -> str:
    """Return what to call a function in messages."""
    return getattr(f, "__name__", None) or type(f).__name__


def bound(
    f: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> inspect.BoundArguments:
    """Bind arguments to a function's parameters, defaults included.

    Raises
    ------
    CallError
        When they do not fit.
    """
    signature = signature_of(f)
    if signature is None:
        names = [f"x{i}" for i in range(len(args))]
        parameters = [inspect.Parameter(n, inspect.Parameter.POSITIONAL_OR_KEYWORD) for n in names]
        signature = inspect.Signature(parameters)
    try:
        arguments = signature.bind(*args, **kwargs)
    except TypeError as error:
        raise misfit(name_of(f), signature, args, kwargs) or error from None
    if not (getattr(f, "__module__", None) or "").startswith("numpy"):
        arguments.apply_defaults()  # NumPy's own stand for what is not given, not for values
    return arguments


def resolve_wrt(f: Callable[..., Any], names: Sequence[str], wrt: Wrt) -> tuple[str, ...]:
    """Return the names of the arguments to differentiate with respect to.

    Raises
    ------
    ArgumentError
        When there is no such argument; the nearest name is suggested.
    """
    keys = (wrt,) if isinstance(wrt, (int, str)) else tuple(wrt)
    if not keys:
        raise ArgumentError(
            "wrt is empty: there is nothing to differentiate with respect to.",
            expected=f"some of {', '.join(names)}",
        )
    found = []
    for key in keys:
        if isinstance(key, str):
            if key not in names:
                close = difflib.get_close_matches(key, names, 1) or list(names[:1])
                raise ArgumentError(
                    f"{name_of(f)} has no argument {key!r} to differentiate with respect to.",
                    expected=f"one of {', '.join(names)}" if names else "a function of arguments",
                    got=repr(key),
                    instead=f"wrt={close[0]!r}" if close else None,
                )
            found.append(key)
        else:
            if not -len(names) <= key < len(names):
                raise ArgumentError(
                    f"{name_of(f)} has no argument number {key}.",
                    expected=f"0 to {len(names) - 1}: {', '.join(names)}",
                    got=f"wrt={key}",
                )
            found.append(names[key])
    twice = [name for name in found if found.count(name) > 1]
    if twice:
        raise ArgumentError(
            f"wrt names the argument {twice[0]} of {name_of(f)} twice.",
            expected="each argument once",
            got=f"wrt={wrt!r}",
        )
    return tuple(found)


def differentiable(leaf: Any, path: str) -> Any:
    """Return a leaf as a real or complex value that can carry a gradient.

    Python ints count as the floats that a beginner means; None and strings pass through.

    Raises
    ------
    DtypeError
        For integer, boolean and object arrays.
    """
    if isinstance(leaf, (float, complex)):
        return leaf
    if isinstance(leaf, int) and not isinstance(leaf, bool):
        return WholeFloat(leaf)
    if isinstance(leaf, (np.ndarray, np.generic, Traced)):
        refuse_subclass(leaf, path)
        if leaf.dtype.kind in "fc":
            return leaf
        kinds = {"i": "integers", "u": "integers", "b": "booleans"}
        kind = kinds.get(leaf.dtype.kind, f"{leaf.dtype} values")
        raise DtypeError(
            f"{path} holds {kind}, which have no gradient.",
            expected="a floating-point array, or Python numbers",
            got=f"an array of {leaf.dtype}, shape {leaf.shape}",
            instead=f"{path}.astype(float), or leave {path} out of wrt",
        )
    return None


def complex_output(f: Callable[..., Any], value: Any) -> ArgumentError:
    """Return the error for an output that has a gradient for each of its two parts."""
    return ArgumentError(
        f"{name_of(f)} returns complex numbers, which have no single gradient.",
        expected="a real output, such as a loss",
        got=repr(value)[:80],
        where=location(code=getattr(f, "__code__", None)),
        instead="np.real(...), np.abs(...) or np.abs(...) ** 2 of it; cr.jacobian for a "
        "complex derivative",
    )
