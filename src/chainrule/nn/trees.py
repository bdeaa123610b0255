"""Nested containers of arrays, taken leaf by leaf side by side."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.errors import ArgumentError, DtypeError, ShapeError
from chainrule.structure import leaves, map_leaves

#: Arrays in dicts, lists, tuples, dataclasses: parameters, gradients, an optimizer's state.
Tree = Any


def mapped(f: Callable[..., Any], tree: Tree, *others: Tree) -> Tree:
    """Return a structure of what `f` makes of the leaves at each place.

    Raises
    ------
    ArgumentError, ShapeError
        When the structures have different places, or arrays of different shapes there.

    Examples
    --------
    >>> mapped(lambda a, b: a + b, {"w": 1.0, "b": 2.0}, {"b": 20.0, "w": 10.0})
    {'w': 11.0, 'b': 22.0}
    """
    for other in others:
        check_alike(tree, other)
    found = [dict(leaves(other)) for other in others]
    return map_leaves(lambda leaf, path: f(leaf, *(each[path] for each in found)), tree, "")


def zeros_like(tree: Tree) -> Tree:
    """Return zeros in the structure, shapes and types of another one."""
    return mapped(np.zeros_like, tree)


def check_alike(
    tree: Tree, other: Tree, what: str = "Parameters, gradients and state of an optimizer"
) -> None:
    """Refuse a structure that is not the same, or has arrays of other shapes.

    Raises
    ------
    ArgumentError, ShapeError
    """
    mine, theirs = dict(leaves(tree)), dict(leaves(other))
    if mine.keys() != theirs.keys():
        raise ArgumentError(
            f"{what} do not have the structure that they should have.",
            expected=", ".join(mine) or "nothing in it",
            got=", ".join(theirs) or "nothing in it",
        )
    for path, leaf in mine.items():
        if np.shape(leaf) != np.shape(theirs[path]):
            raise ShapeError(
                f"{what} do not have the shapes that they should have"
                + (f", at {path}." if path else "."),
                expected=str(np.shape(leaf)),
                got=str(np.shape(theirs[path])),
            )


def float_type(tree: Tree) -> np.dtype[Any]:
    """Return the type that holds all of the parameters' numbers, single precision at least.

    Raises
    ------
    DtypeError
        When there is something that is no real floating-point number.
    """
    dtypes = [np.dtype(np.float32)]
    for path, leaf in leaves(tree, "params"):
        dtype = leaf.dtype if hasattr(leaf, "dtype") else np.asarray(leaf).dtype
        if dtype.kind != "f":
            raise DtypeError(
                "Only real floating-point numbers can be trained.",
                expected=f"{path} of float32 or float64",
                got=str(dtype),
                instead=f"np.asarray({path}, dtype=float)",
            )
        dtypes.append(dtype)
    return np.result_type(*dtypes)


def cast(number: Any, array: Any) -> Any:
    """Return a number in the type of an array that it is to meet.

    Otherwise a double, such as a count of steps, would make doubles of single precision.
    """
    if not hasattr(number, "dtype") or not hasattr(array, "dtype") or number.dtype == array.dtype:
        return number
    return number.astype(array.dtype)
