"""Reductions over axes: sums, products, means, extremes, counts.

A tie in ``max`` or ``min`` shares the gradient evenly among the elements that are equal
(an ``initial`` value is one of them). A product changes with one factor by the product of
the others, which is what its rule computes: it needs no quotient, and is right at zeros.

``initial``, and the mask of a mean, are second operands. Elsewhere ``where=`` replaces what
it leaves out by the value that changes nothing.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from chainrule.notation import Notation, keywords
from chainrule.op import Abstract, Fold, Op, Sample
from chainrule.rules.axes import Axis, all_axes, expanded, normal_axis
from chainrule.rules.calls import operator_name
from chainrule.rules.infer import reducing
from chainrule.rules.operands import as_array, cast, masked, refuse_out
from chainrule.rules.scan import OTHERS, PRODUCT, TOTAL

#: What np.sum calls in the end, without its detours.
_add_reduce: Any = np.add.reduce


def _bound(a: Any, rest: tuple[Any, ...], axis: Any, out: Any, keepdims: Any) -> Any:
    refuse_out(out)
    axes = None if axis is None else normal_axis(axis, np.ndim(a))
    return (a, *rest), {"axis": axes, "keepdims": bool(keepdims)}


def _accumulating(neutral: int) -> Any:
    """Binder of ``np.sum`` and its like, of which `neutral` is the value of no elements."""

    def bind(
        a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: bool = False,
        initial: Any = None, where: Any = True,
    ) -> Any:  # fmt: skip
        if dtype is not None or where is not True:
            a = masked(cast(a, dtype), where, neutral)
        return _bound(a, () if initial is None else (initial,), axis, out, keepdims)

    return bind


def _bind_extreme(
    a: Any, axis: Any = None, out: Any = None, keepdims: bool = False,
    initial: Any = None, where: Any = True,
) -> Any:  # fmt: skip
    if where is not True and initial is None:
        raise ValueError("an extreme has no identity: with where= it needs an initial value")
    a = masked(a, where, initial)
    return _bound(a, () if initial is None else (initial,), axis, out, keepdims)


def _bind_mean(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: bool = False,
    *, where: Any = True,
) -> Any:  # fmt: skip
    if where is not True:
        masked(a, where, 0)  # refuses a mask that is larger than the array
    return _bound(cast(a, dtype), () if where is True else (where,), axis, out, keepdims)


def _bind_truth(absent: bool) -> Any:
    def bind(
        a: Any, axis: Any = None, out: Any = None, keepdims: bool = False, *, where: Any = True
    ) -> Any:
        return _bound(masked(a, where, absent), (), axis, out, keepdims)

    return bind


def _bind_count(a: Any, axis: Any = None, *, keepdims: bool = False) -> Any:
    return _bound(a, (), axis, None, keepdims)


def _notation(name: str, sign: str, keyword: str) -> Notation:
    def plain(prefix: str) -> Any:
        def write(a: Any, *rest: Any, axis: Axis, keepdims: bool) -> str:
            extra = "".join(f", {keyword}={r}" for r in rest)
            return f"{prefix}{name}({a}{keywords(axis=axis, keepdims=keepdims)}{extra})"

        return write

    def latex(a: Any, *rest: Any, axis: Axis, keepdims: bool) -> str:
        below = [rf"\text{{{keyword}}}\ {r}" for r in rest]
        if axis is not None:
            below.insert(0, rf"\text{{axis {', '.join(map(str, axis))}}}")
        return (f"{sign}_{{{', '.join(below)}}}" if below else sign) + f" {a:power}"

    return Notation(plain("np."), plain(""), latex, latex_level="product")


def _subscripts(shapes: Sequence[tuple[int, ...]], axis: Axis, keepdims: bool) -> str | None:
    if len(shapes) > 1:
        return None
    letters = "ijklmnopq"[: len(shapes[0])]
    axes = all_axes(axis, len(letters))
    return f"{letters}->{''.join(c for i, c in enumerate(letters) if i not in axes)}"


def _extreme_vjp(g: Any, out: Any, a: Any, *initial: Any, axis: Axis, keepdims: bool) -> Any:
    ties = a == expanded(out, axis, keepdims)
    count = np.sum(ties, axis=axis, keepdims=True)
    for value in initial:
        # Where the initial value is the extreme alone, no element ties.
        count = np.maximum(count + (expanded(out, axis, keepdims) == value), 1)
    # A quotient of whole numbers is a double, whatever is differentiated.
    return expanded(g, axis, keepdims) * cast(ties / count, as_array(a).dtype)


def _initial_vjp(g: Any, out: Any, a: Any, initial: Any, axis: Axis, keepdims: bool) -> Any:
    ties = np.sum(a == expanded(out, axis, keepdims), axis=axis, keepdims=keepdims)
    # In another precision it may differ from itself: where no element is the extreme, it is.
    tied = (out == initial) | (ties == 0)
    return g * cast(tied / (ties + tied), as_array(a).dtype)


def _mean_vjp(g: Any, out: Any, a: Any, *where: Any, axis: Axis, keepdims: bool) -> Any:
    if not where:
        return expanded(g, axis, keepdims) / _count(a, out, axis)
    counted = where[0] * np.ones_like(a)
    return expanded(g, axis, keepdims) * (counted / np.sum(counted, axis=axis, keepdims=True))


def _prod_vjp(g: Any, out: Any, a: Any, *initial: Any, axis: Axis, keepdims: bool) -> Any:
    product = expanded(g, axis, keepdims)
    for value in initial:
        product = product * value
    if axis is None and np.ndim(a) > 1:
        others = OTHERS(np.reshape(a, (-1,)), axis=0)
        return product * np.reshape(others, np.shape(a))
    # Over several axes one after the other, each on the products of those before.
    for k in reversed(all_axes(axis, np.ndim(a))):
        product = product * OTHERS(a, axis=k)
        a = np.prod(a, axis=k, keepdims=True)
    return product


def _count(a: Any, out: Any, axis: Axis) -> Any:
    """How many elements go into one: a traced number, so that it follows the batch."""
    if axis is None:
        return np.size(a)
    return functools.reduce(operator.mul, [np.size(a, i) for i in axis]) if axis else 1


def _axis_samples(shape: tuple[int, ...] = (3, 4)) -> tuple[Sample, ...]:
    return (
        Sample((shape,), {"axis": None, "keepdims": False}),
        Sample((shape,), {"axis": (0,), "keepdims": False}),
        Sample((shape,), {"axis": (1,), "keepdims": True}),
        Sample(((2, 3, 4),), {"axis": (0, 2), "keepdims": False}),
    )


def _mean(a: Any, *where: Any, axis: Axis, keepdims: bool) -> Any:
    if where:
        return np.mean(a, axis=axis, keepdims=keepdims, where=where[0])
    if type(a) is float:
        return a
    total = _add_reduce(a, axis=axis, keepdims=keepdims)
    return total / (np.size(a) // (np.size(total) or 1))


def _reduction(
    name: str,
    forward: Any,
    vjp: Any,
    reason: str,
    sign: str,
    functions: tuple[Any, ...],
    bind: Any,
    subscripts: Any = None,
    keyword: str = "initial",
    samples: tuple[Sample, ...] = (),
    fold: Fold | None = None,
    composition: Any = None,
) -> Op:
    return Op(
        name=name,
        forward=forward,
        vjp=vjp,
        notation=_notation(name, sign, keyword),
        reason=reason,
        numpy=functions,
        bind=bind,
        infer=reducing,
        subscripts=subscripts,
        fold=fold,
        composition=composition,
        samples=_axis_samples() + samples,
    )


def _reduce(ufunc: Any) -> Any:
    reduce = ufunc.reduce

    def forward(a: Any, *initial: Any, axis: Axis, keepdims: bool) -> Any:
        if initial:
            return reduce(a, axis=axis, keepdims=keepdims, initial=initial[0])
        return reduce(a, axis=axis, keepdims=keepdims)

    return forward


def _with_initial(function: Any, joined: Any) -> Any:
    """Compose a reduction that has an initial value of one that has none."""

    def composition(a: Any, initial: Any, axis: Axis, keepdims: bool) -> Any:
        return joined(function(a, axis=axis, keepdims=keepdims), initial)

    return composition


def _mean_of_some(a: Any, where: Any, axis: Axis, keepdims: bool) -> Any:
    total = np.sum(np.where(where, a, 0), axis=axis, keepdims=keepdims)
    return total / np.sum(np.where(where, np.ones_like(a), 0), axis=axis, keepdims=keepdims)


def _lowest(dtype: np.dtype[Any]) -> Any:
    return -np.inf if dtype.kind == "f" else False if dtype.kind == "b" else np.iinfo(dtype).min


def _highest(dtype: np.dtype[Any]) -> Any:
    return np.inf if dtype.kind == "f" else True if dtype.kind == "b" else np.iinfo(dtype).max


#: As in NumPy, a NaN is the extreme of whatever it is among.
_GREATEST = Fold(_lowest, "({1} if {1} > {0} or {1} != {1} else {0})")
_LEAST = Fold(_highest, "({1} if {1} < {0} or {1} != {1} else {0})")
#: A NaN gives way to any number.
_GREATEST_NUMBER = Fold(
    lambda dtype: np.nan if dtype.kind == "f" else _lowest(dtype),
    "({1} if {1} > {0} or {0} != {0} else {0})",
)
_LEAST_NUMBER = Fold(
    lambda dtype: np.nan if dtype.kind == "f" else _highest(dtype),
    "({1} if {1} < {0} or {0} != {0} else {0})",
)


def _counting(function: Any, bind: Any, kind: str, sign: str, fold: Fold) -> Op:
    return _reduction(
        function.__name__,
        lambda a, axis, keepdims: function(a, axis=axis, keepdims=keepdims),
        None,
        f"a {kind} does not change where it does not jump",
        operator_name(sign),
        (function,),
        bind,
        fold=fold,
    )


def _extreme(name: str, ufunc: Any, what: str, functions: tuple[Any, ...], fold: Fold) -> Op:
    return _reduction(
        name,
        _reduce(ufunc),
        lambda *args, **params: (
            lambda i: _initial_vjp(*args, **params) if i else _extreme_vjp(*args, **params)
        ),
        f"{name} passes the gradient to the {what} element (ties share it) and none to the others",
        rf"\{name}" if name in ("max", "min") else operator_name(name),
        functions,
        _bind_extreme,
        samples=(Sample(((3, 4), 0.5), {"axis": (1,), "keepdims": False}),),
        fold=fold,
        composition=_with_initial(functions[0], ufunc),
    )


def _size_infer(op: Op, operands: Sequence[Any], params: Mapping[str, Any]) -> Abstract:
    return Abstract((), np.dtype(np.int64), weak=True)


def _size_code(a: Any, axis: int | None) -> str:
    return f"{a:atom}.size" if axis is None else f"{a:atom}.shape[{axis}]"


def _size_latex(a: Any, axis: int | None) -> str:
    return rf"\left|{a}\right|" if axis is None else rf"\left|{a}\right|_{{{axis}}}"


TABLE = (
    _reduction(
        "sum",
        _reduce(np.add),
        lambda g, out, a, *initial, axis, keepdims: (
            lambda i: g if i else expanded(g, axis, keepdims)
        ),
        "a sum changes one for one with each of its terms",
        r"\sum",
        (np.sum,),
        _accumulating(0),
        _subscripts,
        fold=TOTAL,
        composition=_with_initial(np.sum, np.add),
    ),
    _reduction(
        "prod",
        _reduce(np.multiply),
        lambda g, out, a, *initial, axis, keepdims: (
            lambda i: (
                g * np.prod(a, axis=axis, keepdims=keepdims)
                if i
                else _prod_vjp(g, out, a, *initial, axis=axis, keepdims=keepdims)
            )
        ),
        "a product changes with each of its factors by the product of the others",
        r"\prod",
        (np.prod,),
        _accumulating(1),
        samples=(
            Sample(
                (np.array([[1.5, 0.0, -2.0], [0.0, 0.5, 0.0]]),), {"axis": (1,), "keepdims": False}
            ),
            Sample(((3, 4), 0.5), {"axis": (0,), "keepdims": True}),
        ),
        fold=PRODUCT,
        composition=_with_initial(np.prod, np.multiply),
    ),
    _reduction(
        "mean",
        _mean,
        (_mean_vjp,),
        "a mean changes by 1/count with each of its terms",
        operator_name("mean"),
        (np.mean,),
        _bind_mean,
        keyword="where",
        samples=(
            Sample(
                ((2, 3), np.array([[True, False, True], [True, True, True]])),
                {"axis": (0,), "keepdims": False},
            ),
        ),
        fold=replace(TOTAL, mean=True),
        composition=_mean_of_some,
    ),
    _extreme("max", np.maximum, "greatest", (np.max, np.amax), _GREATEST),
    _extreme("min", np.minimum, "smallest", (np.min, np.amin), _LEAST),
    _extreme("nanmax", np.fmax, "greatest", (np.nanmax,), _GREATEST_NUMBER),
    _extreme("nanmin", np.fmin, "smallest", (np.nanmin,), _LEAST_NUMBER),
    _counting(
        np.any,
        _bind_truth(False),
        "truth value",
        "any",
        Fold(lambda dtype: False, "{0} or {1} != 0", of_truth=True),
    ),
    _counting(
        np.all,
        _bind_truth(True),
        "truth value",
        "all",
        Fold(lambda dtype: True, "{0} and {1} != 0", of_truth=True),
    ),
    _counting(
        np.count_nonzero,
        _bind_count,
        "count",
        "count",
        Fold(lambda dtype: 0, "{0} + (1 if {1} != 0 else 0)", of_truth=True),
    ),
    Op(
        name="size",
        forward=lambda a, axis: np.size(a, axis),
        vjp=None,
        notation=Notation(_size_code, _size_code, _size_latex),
        reason="a count does not change with the values that are counted",
        numpy=(np.size,),
        bind=lambda a, axis=None: ((a,), {"axis": axis}),
        infer=_size_infer,
        shape_only=(0,),
        samples=(Sample(((3, 4),), {"axis": None}), Sample(((3, 4),), {"axis": 1})),
    ),
)
