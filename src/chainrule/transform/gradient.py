"""Gradients of functions, as functions."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.arguments import Wrt
from chainrule.calling import public
from chainrule.errors import ArgumentError
from chainrule.op import shape_of
from chainrule.structure import paired
from chainrule.trace import inside_abstract_trace
from chainrule.transform.graphed import graphed
from chainrule.transform.run import Function, Run, ones_like


@public
def value_and_grad(f: Function, wrt: Wrt = 0) -> Function:
    """Return a function that gives the value of `f` and its gradient.

    Parameters
    ----------
    f : callable
        Written in plain NumPy, returning one number.
    wrt : int, str, or sequence of them
        Which argument to differentiate with respect to, by position or name.

    Returns
    -------
    callable
        With the arguments of `f`; returns ``(value, gradient)``. The gradient has the
        structure of the argument; several arguments give a tuple of gradients.

    Raises
    ------
    ArgumentError
        When `f` does not return a single number, or has no such argument.
    DtypeError
        When an integer or boolean array is asked for a gradient.
    NonFiniteError
        When a NaN or an infinity arises; names the first operation and line.

    Examples
    --------
    >>> import chainrule as cr
    >>> cr.value_and_grad(lambda w, x: (w * x - 1.0) ** 2)(3.0, 2.0)
    (25.0, 20.0)
    """

    @functools.wraps(f)
    def differentiated(*args: Any, **kwargs: Any) -> Any:
        found = graphed(f, wrt, args, kwargs) if inside_abstract_trace() else None
        if found is None:
            run = Run(f, wrt, args, kwargs)
            run.scalar_output()
            found = run.value, run.gradients(ones_like(run.value))
        value, gradients = found
        return value, gradients[0] if isinstance(wrt, (int, str)) else tuple(gradients)

    return differentiated


@public
def grad(f: Function, wrt: Wrt = 0) -> Function:
    """Return a function that gives the gradient of `f`.

    See :func:`value_and_grad` for parameters and errors.

    Examples
    --------
    >>> import numpy as np, chainrule as cr
    >>> cr.grad(lambda w: np.sum(w**2))(np.array([1.0, -2.0]))
    array([ 2., -4.])
    """
    both = value_and_grad(f, wrt)

    @functools.wraps(f)
    def gradient(*args: Any, **kwargs: Any) -> Any:
        return both(*args, **kwargs)[1]

    return gradient


@public
def vjp(f: Function, /, *args: Any, **kwargs: Any) -> tuple[Any, Callable[[Any], tuple[Any, ...]]]:
    """Run `f` forward, and return its value with a function that runs it backward.

    Parameters
    ----------
    f : callable
    *args, **kwargs
        Its arguments; positional ones are differentiated.

    Returns
    -------
    value
        What `f` returns.
    pullback : callable
        Takes an upstream gradient of the shape of the value; returns a tuple of
        gradients, one a positional argument.

    Examples
    --------
    >>> import numpy as np, chainrule as cr
    >>> y, pullback = cr.vjp(lambda x: x**2, np.array([1.0, 3.0]))
    >>> pullback(np.array([1.0, 10.0]))
    (array([ 2., 60.]),)
    """
    run = Run(f, tuple(range(len(args))), args, kwargs)

    def pullback(upstream: Any) -> tuple[Any, ...]:
        for _, value, g in paired(run.value, upstream, "The upstream gradient"):
            _check_upstream(value, g)
        return tuple(run.gradients(upstream))

    return run.value, pullback


def _check_upstream(value: Any, upstream: Any) -> None:
    if not hasattr(value, "dtype") and not isinstance(value, (float, int, complex)):
        return  # nothing to differentiate
    if shape_of(upstream) != shape_of(value):
        raise ArgumentError(
            "The upstream gradient does not have the shape of the output.",
            expected=f"shape {shape_of(value)}",
            got=f"shape {shape_of(upstream)}",
        )
    if np.iscomplexobj(upstream) and not np.iscomplexobj(value):
        raise ArgumentError(
            "The upstream gradient of a real output is complex.",
            expected="real numbers",
            got=f"{upstream!r}"[:80],
        )


@public
def elementwise_grad(f: Function, wrt: int | str = 0) -> Function:
    """Return a function that gives the derivative of each output by its own input.

    Parameters
    ----------
    f : callable
        Of which each output element depends on the element of the argument at its place
        alone, as for an activation function. Where it depends on more, the result is the
        gradient of the sum of all outputs.
    wrt : int or str
        One argument, a number or an array.

    Returns
    -------
    callable
        Its result has the shape of the argument.

    Examples
    --------
    >>> import numpy as np, chainrule as cr
    >>> cr.elementwise_grad(np.square)(np.array([1.0, 3.0]))
    array([2., 6.])
    """

    @functools.wraps(f)
    def derivative(*args: Any, **kwargs: Any) -> Any:
        run = Run(f, wrt, args, kwargs)
        run.one_array_each()
        return run.derivative(ones_like(run.value))

    return derivative
