"""Derivatives along a direction: Jacobian times vector, Hessian times vector.

Both are made of gradients. The backward pass maps an upstream gradient u to Jᵀu, and is
linear in it; its own backward pass therefore maps a vector v to Jv. So forward-mode
derivatives need no rules of their own. (The construction is known as the double-backward
trick; J. Townsend described it in "A new trick for calculating Jacobian vector products",
2017.)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule.arguments import name_of
from chainrule.calling import public
from chainrule.errors import ArgumentError
from chainrule.op import shape_of
from chainrule.structure import leaves, map_leaves, paired
from chainrule.transform.gradient import grad
from chainrule.transform.run import Function, Run, ones_like


@public
def jvp(f: Function, args: Sequence[Any], tangents: Sequence[Any], /, **kwargs: Any) -> Any:
    """Run `f`, and return its value with its derivative along a direction.

    Parameters
    ----------
    f : callable
    args : sequence
        Its positional arguments.
    tangents : sequence
        The direction: for each argument its change, of the same structure and shapes, or
        None for an argument that stays as it is.
    **kwargs
        Keyword arguments of `f`, which stay as they are.

    Returns
    -------
    value
        What `f` returns.
    tangent
        Its change: the Jacobian times the direction, in the structure of the value.

    Raises
    ------
    ArgumentError
        When a tangent does not have the shape of its argument.

    Examples
    --------
    >>> import numpy as np, chainrule as cr
    >>> cr.jvp(lambda x: x**2, (np.array([1.0, 3.0]),), (np.array([1.0, 10.0]),))
    (array([1., 9.]), array([ 2., 60.]))
    """
    moving, directions = _moving(f, args, tangents)
    if not moving:
        value = f(*args, **kwargs)
        return value, map_leaves(lambda leaf, path: _still(leaf), value, "")
    run = Run(f, moving, tuple(args), kwargs)
    outputs = [leaf for _, leaf in leaves(run.value) if _is_inexact(leaf)]

    def along(upstreams: list[Any]) -> Any:
        given = iter(upstreams)
        upstream = map_leaves(
            lambda leaf, path: next(given) if _is_inexact(leaf) else None, run.value, ""
        )
        return _inner(run.gradients(upstream), directions)

    found = iter(grad(along)([ones_like(leaf) for leaf in outputs]) if outputs else ())
    tangent = map_leaves(
        lambda leaf, path: next(found) if _is_inexact(leaf) else _still(leaf), run.value, ""
    )
    return run.value, tangent


def _is_inexact(leaf: Any) -> bool:
    if hasattr(leaf, "dtype"):
        return bool(leaf.dtype.kind in "fc")
    return isinstance(leaf, (float, complex))


def _still(leaf: Any) -> Any:
    """Return the change of what does not change: 0, or None for what is no number."""
    if hasattr(leaf, "dtype") or isinstance(leaf, (float, int, complex)):
        return np.zeros_like(leaf)
    return None


@public
def hvp(f: Function, args: Sequence[Any], tangents: Sequence[Any], /, **kwargs: Any) -> Any:
    """Return the Hessian of `f` times a direction, without the Hessian.

    Parameters
    ----------
    f : callable
        Returning one number.
    args, tangents, **kwargs
        As for :func:`jvp`.

    Returns
    -------
    tuple
        The change of the gradient along the direction, one entry an argument; None for an
        argument that stays as it is.

    Examples
    --------
    >>> import numpy as np, chainrule as cr
    >>> cr.hvp(lambda x: x[0] ** 2 * x[1], (np.array([1.0, 3.0]),), (np.array([1.0, 0.0]),))
    (array([6., 2.]),)
    """
    moving, directions = _moving(f, args, tangents)
    if not moving:
        return (None,) * len(args)
    gradient = grad(f, moving)

    def along(*moved: Any) -> Any:
        return _inner(gradient(*moved, **kwargs), directions)

    found = dict(zip(moving, grad(along, moving)(*args), strict=True))
    return tuple(found.get(i) for i in range(len(args)))


def _moving(
    f: Function, args: Sequence[Any], tangents: Sequence[Any]
) -> tuple[tuple[int, ...], list[Any]]:
    """Return the positions of the arguments that move, and how."""
    if not isinstance(args, (tuple, list)) or not isinstance(tangents, (tuple, list)):
        raise ArgumentError(
            f"The arguments of {name_of(f)} and their tangents have to be given as tuples.",
            expected="(x, y), (dx, dy)",
            got=f"{type(args).__name__}, {type(tangents).__name__}",
            instead="(x,) for a single argument",
        )
    if len(args) != len(tangents):
        raise ArgumentError(
            f"There has to be one tangent for each argument of {name_of(f)}.",
            expected=f"{len(args)} tangents",
            got=f"{len(tangents)}",
            instead="None for an argument that stays as it is",
        )
    moving = tuple(i for i, tangent in enumerate(tangents) if tangent is not None)
    for i in moving:
        for _, value, tangent in paired(args[i], tangents[i], "The tangent"):
            _check_tangent(value, tangent)
    return moving, [tangents[i] for i in moving]


def _check_tangent(value: Any, tangent: Any) -> None:
    if shape_of(tangent) != shape_of(value):
        raise ArgumentError(
            "A tangent does not have the shape of its argument.",
            expected=f"shape {shape_of(value)}",
            got=f"shape {shape_of(tangent)}",
        )


def _inner(gradients: Any, directions: Any) -> Any:
    """Real part of the sum of the products of two structures of the same form."""
    terms = [
        np.sum(gradient * direction)
        for _, gradient, direction in paired(list(gradients), list(directions), "The tangent")
        if gradient is not None
    ]
    total = sum(terms)
    return np.real(total) if np.iscomplexobj(total) else total
