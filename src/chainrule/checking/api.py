"""``check``: from any form of a hand-written backward pass to a report."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import Any

from chainrule.arguments import name_of
from chainrule.calling import no_such, public
from chainrule.checking.examining import examine, report_of
from chainrule.checking.functions import Functions
from chainrule.checking.objects import Layer
from chainrule.checking.report import Report
from chainrule.checking.stack import examine_stack
from chainrule.checking.subject import ForwardError
from chainrule.checking.table import examine_table
from chainrule.errors import ArgumentError


@public
def check(
    forward: Any,
    /,
    *args: Any,
    gradients: Mapping[str, Any] | None = None,
    upstream: Any = None,
    y_true: Any = None,
    **kwargs: Any,
) -> Report:
    """Check a hand-written backward pass: is it right, and which line is wrong first if not.

    Parameters
    ----------
    forward : callable, object, list of objects, or class
        What is checked, in one of these forms:

        - ``check(forward, backward, *inputs)``: two functions. `forward` returns an output, or
          an output and a cache. Each parameter of `backward` is handed the input or the value
          of the same name, the cache, or the upstream gradient. It returns the gradients in
          the order of the inputs, or by name.
        - ``check(layer, inputs)``: an object with ``forward(inputs)`` and
          ``backward(dvalues)``, which returns the gradients or leaves them in attributes such as
          ``dinputs`` and ``dweights``. A loss has ``backward(dvalues, y_true)``.
        - ``check([layer, activation, loss], inputs, y_true=y)``: a stack of such objects.
        - ``check(f, *inputs, gradients={"dz": ..., "w": ...})``: numbers worked out by hand, as
          exact as they are written.
        - ``check(Function, *inputs)``: a subclass of ``torch.autograd.Function``.
    *args, **kwargs
        As above.
    gradients : mapping, optional
        Name of an input or of a value on the way, with or without a ``d`` -> gradient.
    upstream : number or array, optional
        Gradient of what follows with respect to the output. Unless given, random numbers for
        an array, since ones would hide mistakes.
    y_true : array, optional
        Labels, for a loss.

    Returns
    -------
    Report
        With ``ok``, ``first_wrong`` and ``findings``; it shows itself.

    Raises
    ------
    ArgumentError
        When it is not clear what is to be checked. Whatever the pass itself does wrong is a
        finding.

    Examples
    --------
    >>> import numpy as np, chainrule as cr
    >>> def forward(x, w):
    ...     return np.tanh(x @ w)
    >>> def backward(dy, x, w):
    ...     dz = dy * (1 - np.tanh(x @ w))
    ...     return dz @ w.T, x.T @ dz
    >>> report = cr.check(forward, backward, np.ones((2, 3)), np.full((3, 2), 0.1))
    >>> report.ok, report.first_wrong.name
    (False, 'dz')
    """
    try:
        return _checked(forward, args, kwargs, gradients, upstream, y_true)
    except ForwardError as failed:
        return report_of(failed.error, forward)


def _checked(
    forward: Any,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    gradients: Mapping[str, Any] | None,
    upstream: Any,
    y_true: Any,
) -> Report:
    if gradients is not None:
        return examine_table(forward, args, kwargs, gradients, upstream)
    is_pair = bool(args) and callable(args[0]) and not hasattr(forward, "backward")
    if kwargs and not is_pair:
        handed_on = "those of a forward function alone are handed on to it"
        raise no_such("check", (), kwargs, "none by name", instead=handed_on)
    if isinstance(forward, (list, tuple)):
        return examine_stack(forward, args, upstream, y_true)
    if _is_torch_function(forward):
        from chainrule.checking.torch_function import TorchFunction

        return examine(TorchFunction(forward, args, upstream))
    if hasattr(forward, "backward") or (hasattr(forward, "forward") and not is_pair):
        return examine(Layer(forward, args, upstream, y_true))
    if not callable(forward):
        raise ArgumentError(
            "There is nothing to check.",
            expected="a function and its backward function, or an object with both",
            got=type(forward).__name__,
        )
    if not args or not callable(args[0]):
        raise ArgumentError(
            f"There is no backward pass to hold {name_of(forward)} against.",
            expected="cr.check(forward, backward, *inputs), or gradients={...}",
            got=f"{name_of(forward)} and {len(args)} inputs",
        )
    backward: Callable[..., Any] = args[0]
    owner = getattr(forward, "__self__", None)
    if owner is not None and owner is getattr(backward, "__self__", None):
        names = forward.__name__, backward.__name__
        return examine(Layer(owner, args[1:], upstream, y_true, methods=names))
    if y_true is not None:
        kwargs["y_true"] = y_true
    return examine(Functions(forward, backward, args[1:], kwargs, upstream))


def _is_torch_function(value: Any) -> bool:
    torch = sys.modules.get("torch")
    return (
        torch is not None and isinstance(value, type) and issubclass(value, torch.autograd.Function)
    )
