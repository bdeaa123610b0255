"""``explain``: from a function and its arguments to a Solution."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from chainrule.arguments import Wrt, bound, complex_output, forward_of, is_layer, name_of
from chainrule.calling import public
from chainrule.errors import ArgumentError
from chainrule.explaining.derivation import derive
from chainrule.graph import Node
from chainrule.graphing import Recording, record
from chainrule.nonfinite import non_finite_gradient, non_finite_input
from chainrule.solution import Solution
from chainrule.trace import location


@public
def explain(
    f: Callable[..., Any],
    /,
    *args: Any,
    wrt: Wrt | None = None,
    upstream: Any = None,
    simplify: bool = True,
    **kwargs: Any,
) -> Solution:
    """Run a function forward, derive its backward pass, and show every number of both.

    Parameters
    ----------
    f : callable or object
        A forward pass in plain NumPy; or an object whose method ``forward`` is one, such as a
        layer, whose arrays then are arguments too: ``self.weights``.
    *args, **kwargs
        Its arguments: numbers, lists, arrays, and nested dicts, lists, tuples and
        dataclasses of them.
    wrt : int, str, sequence of them, or None
        What to differentiate with respect to, by position or name; None stands for
        every argument that can carry a gradient.
    upstream : number or array, optional
        Gradient of what follows with respect to the output. An output that is an array
        needs it; that of a single number is 1 unless given.
    simplify : bool
        Take softmax and the logarithm of softmax as one operation each, so that
        cross-entropy's gradient is (p - y)/N; False takes every operation as written.

    Returns
    -------
    Solution

    Raises
    ------
    ArgumentError, DtypeError, ShapeError, TraceError, NonFiniteError
        With the line of `f`, and what to write instead.

    Examples
    --------
    >>> import chainrule as cr
    >>> def neuron(x, w, b):
    ...     z = w * x + b
    ...     y = max(z, 0)
    ...     return y
    >>> s = cr.explain(neuron, 2.0, 3.0, 1.0)
    >>> s.value, s.grads
    (7.0, {'x': 3.0, 'w': 2.0, 'b': 1.0})
    """
    if is_layer(f):
        f, args = forward_of(f), (f, *args)
    elif not callable(f):
        raise _no_function(f)
    with np.errstate(all="ignore"):
        recording = record(f, args, kwargs, wrt)
        bad = non_finite_input(recording)
        if bad is not None:
            raise bad
        if not recording.wrt_inputs():
            raise ArgumentError(
                f"{name_of(f)} has no argument that can carry a gradient.",
                expected="a floating-point number or array among its arguments",
                got=", ".join(recording.values) or "no arguments",
            )
        _check_upstream(f, recording.graph.output, upstream)
        derivation = derive(recording, upstream, simplify)
        error = non_finite_gradient(derivation.joint, recording.suspect)
    if error is not None:
        raise error

    def again(values: Mapping[str, Any], upstream: Any = upstream) -> Solution:
        call = bound(f, args, kwargs)
        call.arguments.update(values)
        options = {"wrt": recording.wrt, "upstream": upstream, "simplify": simplify}
        return explain(f, *call.args, **options, **call.kwargs)

    return Solution(derivation, f, again)


def solution_of(recording: Recording, upstream: Any = None) -> Solution:
    """Return the worked solution of a function that has been recorded."""
    with np.errstate(all="ignore"):
        derivation = derive(recording, upstream)

    def again(values: Mapping[str, Any], **_: Any) -> Solution:
        raise ArgumentError(
            "The function cannot be run again from here.", instead="cr.explain(f, ...).step(lr)"
        )

    return Solution(derivation, again, again)


def _no_function(f: Any) -> ArgumentError:
    formula = isinstance(f, str)
    return ArgumentError(
        "There is no function to explain.",
        expected="a function of numbers and arrays, or an object with a method forward",
        got=repr(f)[:80],
        instead=f'chainrule explain "{f}" --at NAME=VALUE, on the command line'
        if formula
        else "the function itself, without calling it: explain(f, x)",
    )


def _check_upstream(f: Callable[..., Any], output: Node, upstream: Any) -> None:
    if upstream is None and output.abstract.dtype.kind == "c":
        raise complex_output(f, output.value)
    if upstream is None and output.shape != ():
        raise ArgumentError(
            f"{name_of(f)} returns an array, so its gradient depends on what follows.",
            expected=f"upstream: an array of shape {output.shape}",
            got="no upstream",
            where=output.where or location(code=getattr(f, "__code__", None)),
            instead=f"explain(..., upstream=np.ones({output.shape})), "
            "or return a single number such as np.sum(...)",
        )
    if upstream is not None and np.shape(upstream) != output.shape:
        raise ArgumentError(
            "The upstream gradient does not have the shape of the output.",
            expected=f"shape {output.shape}",
            got=f"shape {np.shape(upstream)}",
        )
