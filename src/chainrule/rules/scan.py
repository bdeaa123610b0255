"""Operations along an axis in which each result goes on from the one before.

The derivative of a running product is a running sum with weights, ``s[k] = g[k] + a[k + 1] ·
s[k + 1]``, run backwards: a linear recurrence, whose own derivative is a linear recurrence
again, the other way round. So no rule divides by a factor, zeros among the factors are
nothing special, and all orders cost as much as the function itself. (It is the adjoint of
a recurrence; see Griewank and Walther, "Evaluating Derivatives" (2008), section 3.2.)
"""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.notation import Notation, keywords
from chainrule.op import Abstract, Fold, Op, Sample, UnsupportedArgumentError, shape_of, stand_in
from chainrule.rules.axes import along, one_axis
from chainrule.rules.calls import operator_name
from chainrule.rules.infer import array_like, of_first, ones_for
from chainrule.rules.operands import cast, flat, is_traced, refuse_out

TOTAL = Fold(lambda dtype: 0, "{0} + {1}")
PRODUCT = Fold(lambda dtype: 1, "{0} * {1}")


def _shifted(filler: Any, a: Any, axis: int, back: bool = False) -> Any:
    """Move elements by one place along an axis, with ones or zeros moving in."""
    first = filler(a[along(axis, slice(0, 1))])
    if back:
        return np.concatenate([a[along(axis, slice(1, None))], first], axis=axis)
    return np.concatenate([first, a[along(axis, slice(None, -1))]], axis=axis)


# -- linear recurrences ----------------------------------------------------------------


def _recurrence(a: Any, b: Any, axis: int, reverse: bool) -> Any:
    out = np.array(b, np.result_type(a, b))
    results, factors = np.moveaxis(out, axis, 0), np.moveaxis(a, axis, 0)
    if reverse:
        for k in range(len(results) - 1, 0, -1):
            results[k - 1] += factors[k] * results[k]
    else:
        for k in range(1, len(results)):
            results[k] += factors[k] * results[k - 1]
    return out


def _factor_vjp(g: Any, out: Any, a: Any, b: Any, axis: int, reverse: bool) -> Any:
    total = RECURRENCE(a, g, axis=axis, reverse=not reverse)
    if reverse:
        return _shifted(np.zeros_like, total, axis) * out
    return total * _shifted(np.zeros_like, out, axis)


def _recurrence_code(a: Any, b: Any, axis: int, reverse: bool, out: str = "") -> str:
    lead = ":, " * axis
    moved = f"np.moveaxis({a}, {axis}, 0)" if axis else f"{a:atom}"
    if reverse:
        loop, here, near = f"enumerate({moved}[:0:-1], 2)", "-_k", "1 - _k"
    else:
        loop, here, near = f"enumerate({moved}[1:], 1)", "_k", "_k - 1"
    return (
        f"{out} = np.array({b}, np.result_type({a}, {b}))\nfor _k, _factor in {loop}:\n"
        f"    {out}[{lead}{here}] += _factor * {out}[{lead}{near}]"
    )


def _recurrence_in_jax(a: Any, b: Any, axis: int, reverse: bool, out: str = "") -> str:
    """Write it as a scan: the factors and the sum of two stretches make those of both."""
    joined = "lambda p, q: (p[0] * q[0], q[0] * p[1] + q[1])"
    factors = f"np.roll({a}, -1, {axis})" if reverse else str(a)
    along = f"axis={axis}" + (", reverse=True" if reverse else "")
    return f"jax.lax.associative_scan({joined}, ({factors}, {b}), {along})[1]"


RECURRENCE: Op = Op(
    name="recurrence",
    forward=_recurrence,
    vjp=(
        _factor_vjp,
        lambda g, out, a, b, axis, reverse: RECURRENCE(a, g, axis=axis, reverse=not reverse),
    ),
    notation=Notation(
        _recurrence_code,
        lambda a, b, axis, reverse, out="": (
            f"running({b} + {a:power}·{'next' if reverse else 'previous'})"
        ),
        lambda a, b, axis, reverse, out="": (
            rf"\operatorname{{running}}\left({b} + {a:power} \cdot "
            rf"\text{{{'next' if reverse else 'previous'}}}\right)"
        ),
        level="any",
        latex_level="atom",
        statement=True,
        jax=_recurrence_in_jax,
    ),
    reason="the adjoint of a recurrence is a recurrence that runs the other way",
    infer=lambda op, operands, params: Abstract(
        shape_of(operands[1]), np.result_type(*(np.asarray(ones_for(o)) for o in operands))
    ),
    running=TOTAL,
    samples=(
        Sample(((5,), (5,)), {"axis": 0, "reverse": False}),
        Sample(((2, 4), (2, 4)), {"axis": 1, "reverse": True}),
        Sample((np.array([0.5, 0.0, -1.5, 0.0]), (4,)), {"axis": 0, "reverse": True}),
    ),
)


# -- the product of the others ---------------------------------------------------------


def _before(a: Any, axis: int) -> Any:
    return np.cumprod(_shifted(np.ones_like, a, axis), axis=axis)


def _after(a: Any, axis: int) -> Any:
    return np.flip(_before(np.flip(a, axis), axis), axis)


def _others_vjp(g: Any, out: Any, a: Any, axis: int) -> Any:
    """Differentiate before · after, each of them a running product."""
    before, after = _before(a, axis), _after(a, axis)
    later = _shifted(np.zeros_like, g * after, axis, back=True)
    earlier = np.flip(_shifted(np.zeros_like, g * before, axis), axis)
    later = RECURRENCE(a, later, axis=axis, reverse=True)
    earlier = RECURRENCE(np.flip(a, axis), earlier, axis=axis, reverse=True)
    return before * later + after * np.flip(earlier, axis)


def _others_code(a: Any, axis: int) -> str:
    if axis == 0:
        return f"np.array([np.prod(np.delete({a}, _i, 0), 0) for _i in range(len({a}))])"
    part = f"np.prod(np.delete({a}, _i, {axis}), {axis})"
    return f"np.stack([{part} for _i in range({a:atom}.shape[{axis}])], {axis})"


def _others_in_jax(a: Any, axis: int, out: str = "") -> str:
    """Write it as what stands before times what stands after: two running products."""
    lead = ":, " * axis

    def before(b: str) -> str:
        parts = f"[np.ones_like({a:atom}[{lead}:1]), {b}[{lead}:-1]]"
        return f"np.cumprod(np.concatenate({parts}, {axis}), {axis})"

    after = f"np.flip({before(f'np.flip({a}, {axis})')}, {axis})"
    return f"{out} = {before(f'{a:atom}')}\n{out} = {out} * {after}"


OTHERS = Op(
    name="product_of_others",
    forward=lambda a, axis: _before(a, axis) * _after(a, axis),
    vjp=(_others_vjp,),
    notation=Notation(
        _others_code,
        lambda a, axis: f"product of the others({a})",
        lambda a, axis: rf"\prod_{{\text{{others}}}} {a:power}",
        latex_level="product",
        jax=_others_in_jax,
    ),
    reason="a product of the others changes with each of them by the product of those that remain",
    infer=array_like(0),
    samples=(
        Sample(((4,),), {"axis": 0}),
        Sample(((2, 3),), {"axis": 1}),
        Sample((np.array([0.5, 0.0, -1.5, 0.0]),), {"axis": 0}),
        Sample((np.array([0.5, 0.0, -1.5, 2.0]),), {"axis": 0}),
    ),
)


# -- running sums, products and extremes -----------------------------------------------


def _bind(a: Any, axis: Any = None, dtype: Any = None, out: Any = None) -> Any:
    refuse_out(out)
    a = cast(a, dtype)
    if axis is None:
        a = flat(a)
    axis = one_axis(axis or 0, np.ndim(a))
    return (a,), {"axis": None if np.ndim(a) == 1 else axis}  # of one axis nobody speaks


def _running(
    name: str, function: Any, vjp: Any, reason: str, functions: tuple[Any, ...], running: Fold
) -> Op:
    code = f"np.{name}"
    return Op(
        name=name.replace(".", "_"),
        forward=lambda a, axis: function(a, axis=axis),
        vjp=(vjp,),
        notation=Notation(
            lambda a, axis: f"{code}({a}{keywords(axis=axis)})",
            lambda a, axis: f"{name}({a}{keywords(axis=axis)})",
            lambda a, axis: rf"{operator_name(name)}\left({a}\right)",
        ),
        reason=reason,
        numpy=functions,
        bind=_bind,
        infer=of_first,
        running=running,
        samples=(
            Sample(((4,),), {"axis": None}),
            Sample(((2, 3),), {"axis": 1}),
            Sample((np.array([0.5, 0.0, -1.5, 0.0]),), {"axis": None}),
        ),
    )


def _cumsum_vjp(g: Any, out: Any, a: Any, axis: int | None) -> Any:
    return np.flip(np.cumsum(np.flip(g, axis), axis=axis), axis)


def _cumprod_vjp(g: Any, out: Any, a: Any, axis: int | None) -> Any:
    later = RECURRENCE(a, g, axis=axis or 0, reverse=True)
    return _shifted(np.ones_like, out, axis or 0) * later


def _unwrap_forward(a: Any, discont: Any, axis: int, period: float) -> Any:
    return np.unwrap(a, discont, axis, period=period)


def _bind_unwrap(
    p: Any, discont: Any = None, axis: int = -1, *, period: float = 6.283185307179586
) -> Any:
    if is_traced(discont) or is_traced(period):
        raise UnsupportedArgumentError("period")
    return (p,), {"discont": discont, "axis": one_axis(axis, np.ndim(p)), "period": period}


TABLE = (
    _running(
        "cumsum",
        np.cumsum,
        _cumsum_vjp,
        "each term goes into its own sum and all later ones, whose gradients add up",
        (np.cumsum,),
        TOTAL,
    ),
    _running(
        "cumprod",
        np.cumprod,
        _cumprod_vjp,
        "each factor goes into its own product and all later ones, beside the other factors",
        (np.cumprod,),
        PRODUCT,
    ),
    RECURRENCE,
    OTHERS,
    Op(
        name="unwrap",
        forward=_unwrap_forward,
        vjp=(lambda g, out, a, discont, axis, period: g,),
        notation=Notation(
            lambda a, discont, axis, period: (
                f"np.unwrap({a}{keywords(discont=discont)}, axis={axis}, period={period!r})"
            ),
            "unwrap({0})",
            r"\operatorname{{unwrap}}\left({0}\right)",
        ),
        reason="whole periods are added, which do not change with the angles",
        numpy=(np.unwrap,),
        bind=_bind_unwrap,
        infer=lambda op, operands, params: Abstract(
            shape_of(operands[0]),
            np.result_type(np.asarray(stand_in(operands[0])).dtype, params["period"]),
        ),
        samples=(
            Sample(
                (np.array([[0.5, 3.0, -2.9], [6.0, 0.1, 3.0]]),),
                {"discont": None, "axis": 1, "period": 6.283185307179586},
            ),
        ),
    ),
)
