"""All derivatives of an array, as one array."""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np

from chainrule.arguments import name_of
from chainrule.calling import public
from chainrule.errors import ArgumentError
from chainrule.op import shape_of
from chainrule.transform.gradient import grad
from chainrule.transform.run import Function, Run, ones_like


@public
def jacobian(f: Function, wrt: int | str = 0) -> Function:
    """Return a function that gives all derivatives of an array-valued `f`.

    Parameters
    ----------
    f : callable
        Returning a number or an array. Of complex numbers, it has to be holomorphic.
    wrt : int or str
        One argument, a number or an array.

    Returns
    -------
    callable
        Its result has the shape of the output followed by the shape of the argument.

    Examples
    --------
    >>> import numpy as np, chainrule as cr
    >>> cr.jacobian(lambda x: x**2)(np.array([1.0, 3.0]))
    array([[2., 0.],
           [0., 6.]])
    """

    @functools.wraps(f)
    def derivatives(*args: Any, **kwargs: Any) -> Any:
        run = Run(f, wrt, args, kwargs)
        run.one_array_each()
        shape = shape_of(run.value)
        if shape == ():
            return run.derivative(ones_like(run.value))
        size = math.prod(shape)
        units = np.eye(size, dtype=run.value.dtype).reshape(size, *shape)
        rows = [run.derivative(unit) for unit in units]
        if not rows:
            raise ArgumentError(
                f"{name_of(f)} returned an empty array, which has no derivatives.",
                got=f"shape {shape}",
            )
        stacked = np.stack(rows)
        return np.reshape(stacked, (*shape, *np.shape(stacked)[1:]))

    return derivatives


@public
def hessian(f: Function, wrt: int | str = 0) -> Function:
    """Return a function that gives the second derivatives of `f`.

    Parameters
    ----------
    f : callable
        Returning one number.
    wrt : int or str
        One argument, a number or an array.

    Examples
    --------
    >>> import numpy as np, chainrule as cr
    >>> cr.hessian(lambda x: x[0] ** 2 * x[1])(np.array([1.0, 3.0]))
    array([[6., 2.],
           [2., 0.]])
    """
    return jacobian(grad(f, wrt), wrt)
