"""Penalties: one number that says how large parameters are, to be added to a loss."""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from chainrule.calling import public
from chainrule.errors import ArgumentError


@public
def l1(params: Any, *, of: str | Sequence[str] | None = "W") -> Any:
    """Sum of |w| over parameters, to be added to a loss with a factor.

    Parameters
    ----------
    params : nested dicts (or lists, tuples) of arrays
    of : str, sequence of str, or None
        Keys of the parameters that count; None for all.

    Returns
    -------
    scalar

    Raises
    ------
    ArgumentError
        When there are no such parameters.

    Examples
    --------
    >>> params = {"dense1": {"W": np.array([[1.0, -2.0]]), "b": np.array([5.0, 5.0])}}
    >>> l1(params), l1(params, of=None)
    (np.float64(3.0), np.float64(13.0))
    """
    return _total(lambda w: np.sum(np.abs(w)), params, of)


@public
def l2(params: Any, *, of: str | Sequence[str] | None = "W") -> Any:
    """Sum of w² over parameters, to be added to a loss with a factor; its gradient is 2w.

    Parameters
    ----------
    params, of
        As for :func:`l1`.

    Returns
    -------
    scalar

    Examples
    --------
    >>> params = {"dense1": {"W": np.array([[1.0, -2.0]]), "b": np.array([5.0, 5.0])}}
    >>> l2(params), l2(params, of=("W", "b"))
    (np.float64(5.0), np.float64(55.0))
    """
    return _total(lambda w: np.sum(w**2), params, of)


def _total(penalty: Callable[[Any], Any], params: Any, of: str | Sequence[str] | None) -> Any:
    """Sum a penalty over the parameters with certain keys."""
    keys = None if of is None else {of} if isinstance(of, str) else set(of)
    found = [penalty(leaf) for leaf in _chosen(params, keys, keys is None)]
    if not found:
        raise ArgumentError(
            "There is no parameter to take a penalty of.",
            expected="nested dicts with arrays under " + " or ".join(map(repr, sorted(keys or ())))
            if keys else "nested dicts with arrays in them",
            got=f"{type(params).__name__}"
            + (f" with {', '.join(map(repr, params))}" if isinstance(params, dict) else ""),
            instead="of=None for all parameters",
        )  # fmt: skip
    return functools.reduce(operator.add, found)


def _chosen(value: Any, keys: set[str] | None, inside: bool) -> Iterator[Any]:
    """Yield the leaves below any of the keys; of None, all."""
    if isinstance(value, dict):
        for key, part in value.items():
            yield from _chosen(part, keys, inside or (keys is not None and key in keys))
    elif isinstance(value, (list, tuple)):
        for part in value:
            yield from _chosen(part, keys, inside)
    elif inside:
        yield value
