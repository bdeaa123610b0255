"""Functions that bring their own derivative, and values that have none."""

from __future__ import annotations

import ast
import functools
import inspect
import textwrap
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from chainrule.calling import public
from chainrule.errors import ArgumentError
from chainrule.notation import Notation, call
from chainrule.op import Abstract, Op, shape_of, stand_in
from chainrule.rules import TABLE
from chainrule.structure import map_leaves
from chainrule.trace import WholeFloat, location
from chainrule.trace.operands import from_list


@public
def custom(
    f: Callable[..., Any] | None = None,
    /,
    *,
    vjp: Callable[..., Any],
    text: str | None = None,
    latex: str | None = None,
    reason: str | None = None,
    elementwise: bool = False,
) -> Any:
    """Give a function a derivative of its own: it becomes one operation.

    Parameters
    ----------
    f : callable
        Takes numbers and arrays by position, and what is not to be differentiated by
        keyword; returns a number or an array. It need not be NumPy that can be traced.
        Left out, `custom` is a decorator.
    vjp : callable
        ``vjp(g, out, *args, **kwargs)``: the upstream gradient `g`, what `f` returned, and
        the arguments of `f`. Returns the gradient of each positional argument, in its
        shape: one alone, or a tuple; None for an argument without derivative. Written in
        plain NumPy, it can be explained and differentiated again.
    text, latex : str, optional
        The formula, with ``{0}``, ``{1}``, ... for the arguments; the name of `f` and its
        arguments unless given.
    reason : str, optional
        One sentence on the derivative, for the explanation.
    elementwise : bool
        Each element of the result depends on the elements at its place alone, so that the
        explanation can show the local derivative by itself.

    Returns
    -------
    callable
        With the signature of `f`.

    Raises
    ------
    ArgumentError
        When `vjp` gives another number of gradients than there are arguments, or one of
        another shape; raised on the way back.

    Examples
    --------
    >>> import numpy as np, chainrule as cr
    >>> @cr.custom(vjp=lambda g, y, x: g * (1 - y**2), elementwise=True)
    ... def squash(x):
    ...     return np.tanh(x)
    >>> float(cr.grad(squash)(0.0))
    1.0
    """
    if f is None:
        return functools.partial(
            custom, vjp=vjp, text=text, latex=latex, reason=reason, elementwise=elementwise
        )
    forward = f
    name = getattr(f, "__name__", type(f).__name__)
    if not name.isidentifier():  # a lambda
        name = "custom"
    rules: dict[int, Op] = {}

    def rule(arity: int) -> Op:
        # How many arguments there are is known only when it is called.
        if arity not in rules:
            rules[arity] = Op(
                name=name,
                forward=_checked(forward, name),
                vjp=_products(name, vjp),
                notation=_notation(forward, name, arity, text, latex),
                reason=reason or f"{name} brings its own derivative",
                infer=_infer,
                elementwise=elementwise,
            )
        return rules[arity]

    @functools.wraps(f)
    def function(*args: Any, **kwargs: Any) -> Any:
        operands = [from_list(a) if isinstance(a, (list, tuple)) else a for a in args]
        params = {key: _fixed(name, key, value) for key, value in kwargs.items()}
        return rule(len(args))(*operands, **params)

    return function


@public
def constant(x: Any) -> Any:
    """Return a value through which no gradient passes.

    Parameters
    ----------
    x : number, array, or nested structure of them

    Examples
    --------
    >>> import chainrule as cr
    >>> cr.grad(lambda x: x * cr.constant(x))(3.0)
    3.0
    """
    return map_leaves(lambda leaf, path: TABLE["constant"](leaf), x, "")


def _checked(f: Callable[..., Any], name: str) -> Callable[..., Any]:
    """Return the function, refusing a result that is not one number or array."""

    @functools.wraps(f)
    def forward(*args: Any, **kwargs: Any) -> Any:
        out = f(*args, **kwargs)
        if isinstance(out, (float, int, complex, np.ndarray, np.generic)):
            return out
        raise ArgumentError(
            f"{name} brings its own derivative, and has to return one number or array.",
            expected="a number or an array",
            got=type(out).__name__,
            where=location(code=getattr(f, "__code__", None)),
            instead="a function for each result",
        )

    return forward


def _fixed(name: str, key: str, value: Any) -> Any:
    """Return a keyword argument as a plain value: nothing is differentiated by it."""
    if not hasattr(value, "__apply_op__"):
        return value
    plain = value.value
    if isinstance(plain, WholeFloat):
        return int(plain)
    if isinstance(plain, (int, np.generic, np.ndarray)) and value.dtype.kind in "biu":
        return plain
    raise ArgumentError(
        f"{name} takes {key!r} by keyword, by which it cannot be differentiated.",
        expected="a plain value",
        got="a traced one",
        where=location(),
        instead=f"{key} by position, with a gradient or None for it in the vjp",
    )


def _products(name: str, vjp: Callable[..., Any]) -> Callable[..., Any]:
    """Return the rule: the user's vjp, with its results looked at before they are used."""

    def products(g: Any, out: Any, *operands: Any, **params: Any) -> Callable[[int], Any]:
        given = vjp(g, out, *operands, **params)
        gradients = tuple(given) if isinstance(given, (tuple, list)) else (given,)
        where = location(code=getattr(vjp, "__code__", None))
        if len(gradients) != len(operands):
            raise ArgumentError(
                f"The vjp of {name} has to give one gradient for each argument.",
                expected=f"{len(operands)} gradients",
                got=f"{len(gradients)}",
                where=where,
                instead="None for an argument without derivative",
            )
        for i, (gradient, operand) in enumerate(zip(gradients, operands, strict=True)):
            if gradient is not None and shape_of(gradient) != shape_of(operand):
                raise ArgumentError(
                    f"The vjp of {name} gave a gradient of another shape than argument {i} has.",
                    expected=f"shape {shape_of(operand)}",
                    got=f"shape {shape_of(gradient)}",
                    where=where,
                    instead="np.sum over the axes along which the argument was repeated",
                )
        return lambda position: gradients[position]

    return products


def _infer(op: Op, operands: Sequence[Any], params: Mapping[str, Any]) -> Abstract:
    with np.errstate(all="ignore"):
        return Abstract.of(op.forward(*(stand_in(o) for o in operands), **params))


def _notation(
    f: Callable[..., Any], name: str, arity: int, text: str | None, latex: str | None
) -> Notation:
    plain = call(name, arity=arity)

    def code(*operands: Any, **params: Any) -> str:
        given = [*map(str, operands), *(f"{k}={_literal(v)}" for k, v in params.items())]
        return f"{name}({', '.join(given)})"

    return Notation(
        code,
        text or code,
        latex or plain.latex,
        "atom" if text is None and latex is None else "any",
        requires=_source(f),
    )


def _literal(value: Any) -> str:
    if isinstance(value, np.ndarray):
        return f"np.array({value.tolist()!r}, np.{value.dtype.name})"
    return repr(value.item() if isinstance(value, np.generic) else value)


def _source(f: Callable[..., Any]) -> tuple[str, ...]:
    """Return the definition of a function as source, without its decorators."""
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(f)))
    except (OSError, TypeError, SyntaxError):
        return ()
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            node.decorator_list = []
            return (ast.unparse(node),)
    return ()
