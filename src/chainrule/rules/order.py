"""Operations that put elements in order, find their places, or pick along an axis.

Sorting moves elements: each gradient goes back to where its element came from. Where
elements are equal, they count as ordered as they stand (a stable sort), so that a tie is
given to the element that comes first; that holds for ``sort``, and for the ``median`` and
the quantiles of :mod:`chainrule.rules.quantiles`. Places are integers: no derivative.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from chainrule.notation import Notation, keywords
from chainrule.op import Abstract, Infer, Op, Sample, UnsupportedArgumentError, shape_of, stand_in
from chainrule.rules.axes import line, one_axis, reduced
from chainrule.rules.calls import by_keyword, operator_name
from chainrule.rules.index import SCATTER, Slot
from chainrule.rules.infer import array_like
from chainrule.rules.operands import as_array, flat_or_along, refuse_out

_INTEGERS = np.dtype(np.intp)
_STILL = "a place does not change where it does not jump"


def _flattened(a: Any, axis: Any) -> tuple[Any, int]:
    """Return an array and the axis of it that is meant: None stands for all elements.

    The axis is counted from the end, so that the last one, NumPy's default, is the same for
    all arrays and need not be written.
    """
    a, number = flat_or_along(a, axis)
    return a, number - np.ndim(a)


def _axis(axis: int) -> str:
    return keywords(axis=None if axis == -1 else axis)


def _places(position: int) -> Infer:
    return lambda op, operands, params: Abstract(shape_of(operands[position]), _INTEGERS)


def _placing(
    function: Any, bind: Any, infer: Infer, samples: tuple[Sample, ...], forward: Any = None,
    notation: Notation | None = None, composition: Any = None,
) -> Op:  # fmt: skip
    """Make the row of a function that answers with places."""
    return Op(
        name=function.__name__,
        forward=forward or function,
        vjp=None,
        notation=notation or by_keyword(function.__name__),
        reason=_STILL,
        numpy=(function,),
        bind=bind,
        infer=infer,
        samples=samples,
        composition=composition,
    )


# -- places ----------------------------------------------------------------------------


def _kind(kind: Any, order: Any, stable: Any) -> dict[str, Any]:
    if order is not None:
        raise UnsupportedArgumentError("order")
    if stable is not None and kind is not None:
        raise ValueError("`kind` and `stable` parameters can't be provided at the same time.")
    return {"kind": "stable" if stable else kind}


def _bind_argsort(
    a: Any, axis: Any = -1, kind: Any = None, order: Any = None, *, stable: Any = None
) -> Any:
    a, axis = _flattened(a, axis)
    return (a,), {"axis": axis, **_kind(kind, order, stable)}


def _numbers(kth: Any) -> Any:
    return int(kth) if np.ndim(kth) == 0 else tuple(int(k) for k in kth)


def _bind_argpartition(
    a: Any, kth: Any, axis: Any = -1, kind: str = "introselect", order: Any = None
) -> Any:
    if order is not None:
        raise UnsupportedArgumentError("order")
    a, axis = _flattened(a, axis)
    return (a,), {"kth": _numbers(kth), "axis": axis}


def _bind_searchsorted(a: Any, v: Any, side: str = "left", sorter: Any = None) -> Any:
    operands = (a, v) if sorter is None else (a, v, sorter)
    return tuple(map(as_array, operands)), {"side": side}


def _searchsorted(a: Any, v: Any, *sorter: Any, side: Any) -> Any:
    return np.searchsorted(a, v, side, sorter[0] if sorter else None)


def _searchsorted_code(a: Any, v: Any, *sorter: Any, side: str) -> str:
    extra = "".join(f", sorter={s}" for s in sorter)
    return f"np.searchsorted({a}, {v}, {side!r}{extra})"


def _bind_argument(a: Any, axis: Any = None, out: Any = None, *, keepdims: bool = False) -> Any:
    refuse_out(out)
    params = {"axis": None if axis is None else one_axis(axis, np.ndim(a)), "keepdims": keepdims}
    return (a,), params


def _argument_infer(op: Op, operands: Sequence[Any], params: Mapping[str, Any]) -> Abstract:
    axis = None if params["axis"] is None else (params["axis"],)
    return Abstract(reduced(shape_of(operands[0]), axis, params["keepdims"]), _INTEGERS)


def _first_place(extreme: Any) -> Any:
    """Compose a search for an extreme, or a NaN: the least of the places where it stands."""

    def composition(a: Any, axis: int | None, keepdims: bool) -> Any:
        if axis is None:
            place = composition(np.reshape(a, (-1,)), 0, False)
            return np.reshape(place, (1,) * np.ndim(a)) if keepdims else place
        found = (a == extreme(a, axis=axis, keepdims=True)) | (a != a)
        length = np.shape(a)[axis]
        count = np.reshape(np.arange(length), line(axis, np.ndim(a)))
        return np.min(np.where(found, count, length), axis=axis, keepdims=keepdims)

    return composition


def _extreme_place(function: Any, extreme: Any = None) -> Op:
    name = function.__name__
    return _placing(
        function,
        _bind_argument,
        _argument_infer,
        (Sample(((3, 4),), {"axis": 1, "keepdims": False}),),
        notation=Notation(
            lambda a, axis, keepdims: f"np.{name}({a}{keywords(axis=axis, keepdims=keepdims)})",
            lambda a, axis, keepdims: f"{name}({a}{keywords(axis=axis)})",
            lambda a, axis, keepdims: rf"{operator_name(name)}\left({a}\right)",
        ),
        composition=None if extreme is None else _first_place(extreme),
    )


def _bind_lexsort(keys: Any, axis: int = -1) -> Any:
    parts = tuple(keys)
    return parts, {"axis": one_axis(axis, np.ndim(parts[0]))}


# -- picking along an axis -------------------------------------------------------------


def along_key(shape: tuple[int, ...], indices: Any, axis: int) -> tuple[tuple[Slot, ...], Any]:
    """Return the key, and its arrays of positions, that picks ``indices`` along an axis."""
    ndim = len(shape)
    positions = [
        indices if k == axis else np.arange(n).reshape((-1,) + (1,) * (ndim - 1 - k))
        for k, n in enumerate(shape)
    ]
    return tuple(Slot(k) for k in range(ndim)), positions


def _bind_along(arr: Any, indices: Any, axis: Any = -1) -> Any:
    arr, axis = _flattened(arr, axis)
    if np.ndim(arr) != np.ndim(indices):
        raise ValueError("`indices` and `arr` must have the same number of dimensions")
    return (arr, indices), {"axis": axis}


def _along_infer(op: Op, operands: Sequence[Any], params: Mapping[str, Any]) -> Abstract:
    a, indices = (stand_in(o) for o in operands)
    if isinstance(operands[1], Abstract):
        indices = np.zeros_like(indices)  # in range whatever the positions will be
    return Abstract.of(op.forward(a, indices, **params))


def _along_vjp(g: Any, out: Any, a: Any, indices: Any, axis: int) -> Any:
    key, positions = along_key(np.shape(a), indices, axis % np.ndim(a))
    return SCATTER(a, g, *positions, key=key)


# -- elements in order -----------------------------------------------------------------


def unsorted(g: Any, a: Any, axis: int) -> Any:
    """Move what stands in the order of `a` sorted back to where its elements stand."""
    ranks = np.argsort(np.argsort(a, axis=axis, kind="stable"), axis=axis)
    return g[ranks] if np.ndim(a) == 1 else np.take_along_axis(g, ranks, axis=axis)


def _bind_sort(
    a: Any, axis: Any = -1, kind: Any = None, order: Any = None, *, stable: Any = None
) -> Any:
    _kind(kind, order, stable)  # by which way they are sorted makes no difference to numbers
    a, axis = _flattened(a, axis)
    return (a,), {"axis": axis}


def _running(extreme: Any) -> Op:
    """Row that finds, for each place, where the extreme of all elements up to it stands."""

    def places(a: Any, axis: int) -> Any:
        best = extreme.accumulate(a, axis=axis)
        count = np.arange(np.shape(a)[axis]).reshape(-1, *(1,) * (-axis - 1))
        # It stands where it changes: the first of equal elements stays.
        changes = np.diff(best, axis=axis, prepend=np.nan) != 0
        return np.maximum.accumulate(np.where(changes, count, 0), axis=axis)

    name = extreme.__name__

    def code(a: Any, axis: int) -> str:
        best = f"np.{name}.accumulate({a}, axis={axis})"
        tail = ", 1" * (-axis - 1)
        count = f"np.arange({a:atom}.shape[{axis}])" + (f".reshape(-1{tail})" if tail else "")
        changes = f"np.diff({best}, axis={axis}, prepend=np.nan) != 0"
        return f"np.maximum.accumulate(np.where({changes}, {count}, 0), axis={axis})"

    return Op(
        name=f"running_{name}_place",
        forward=places,
        vjp=None,
        reason=_STILL,
        infer=_places(0),
        samples=(Sample(((5,),), {"axis": -1}), Sample(((4, 3),), {"axis": -2})),
        notation=Notation(
            code,
            lambda a, axis: f"place of the running {name[:3]}({a}, axis={axis})",
            lambda a, axis: rf"\operatorname{{arg{name[:3]}}}_{{\le i}} {a:power}",
        ),
    )


RUNNING_MAXIMUM, RUNNING_MINIMUM = _running(np.maximum), _running(np.minimum)


def accumulated(row: Op) -> Any:
    """Return the function that ``np.maximum.accumulate`` is: the extreme of all so far."""

    def function(array: Any, axis: int = 0) -> Any:
        axis = one_axis(axis, np.ndim(array)) - np.ndim(array)
        return np.take_along_axis(array, row(array, axis=axis), axis)

    return function


TABLE = (
    RUNNING_MAXIMUM,
    RUNNING_MINIMUM,
    _extreme_place(np.argmax, np.max),
    _extreme_place(np.argmin, np.min),
    _extreme_place(np.nanargmax),
    _extreme_place(np.nanargmin),
    _placing(
        np.argsort,
        _bind_argsort,
        _places(0),
        (
            Sample(((3, 4),), {"axis": -1, "kind": None}),
            Sample(((5, 2),), {"axis": -2, "kind": "stable"}),
        ),
        notation=Notation(
            lambda a, axis, kind: f"np.argsort({a}{_axis(axis)}{keywords(kind=kind)})",
            lambda a, axis, kind: f"argsort({a}{_axis(axis)})",
            lambda a, axis, kind: rf"\operatorname{{argsort}}\left({a}\right)",
            jax=lambda a, axis, kind, out="": f"np.argsort({a}{_axis(axis)})",  # always stable
        ),
    ),
    _placing(
        np.argpartition,
        _bind_argpartition,
        _places(0),
        (Sample(((3, 4),), {"kth": 2, "axis": -1}),),
        # JAX leaves the elements of a part in another order than NumPy.
        notation=replace(by_keyword("argpartition"), jax=""),
    ),
    _placing(
        np.searchsorted,
        _bind_searchsorted,
        _places(1),
        (Sample((np.array([-1.0, 0.0, 1.0]), (4,)), {"side": "left"}),),
        _searchsorted,
        Notation(
            _searchsorted_code,
            lambda a, v, *sorter, side: f"searchsorted({a}, {v})",
            lambda a, v, *sorter, side: rf"\operatorname{{searchsorted}}\left({a}, {v}\right)",
        ),
    ),
    _placing(
        np.digitize,
        lambda x, bins, right=False: ((x, bins), {"right": bool(right)}),
        _places(0),
        (Sample(((4,), np.array([-1.0, 0.0, 1.0])), {"right": False}),),
    ),
    _placing(
        np.lexsort,
        _bind_lexsort,
        _places(0),
        (Sample(((4,), (4,)), {"axis": 0}),),
        lambda *keys, axis: np.lexsort(keys, axis=axis),
        Notation(
            lambda *keys, axis: f"np.lexsort(({', '.join(map(str, keys))},), axis={axis})",
            lambda *keys, axis: f"lexsort({', '.join(map(str, keys))})",
            lambda *keys, axis: (
                rf"\operatorname{{lexsort}}\left({', '.join(map(str, keys))}\right)"
            ),
        ),
    ),
    Op(
        name="take_along_axis",
        forward=lambda a, indices, axis: np.take_along_axis(a, indices, axis=axis),
        vjp=(_along_vjp, None),
        notation=Notation(
            lambda a, indices, axis: f"np.take_along_axis({a}, {indices}, axis={axis})",
            lambda a, indices, axis: f"{a} at {indices} along axis {axis}",
            lambda a, indices, axis: f"{{{a:atom}}}_{{[{indices}]}}",
        ),
        reason="picking passes each gradient back to the element that was picked",
        numpy=(np.take_along_axis,),
        bind=_bind_along,
        infer=_along_infer,
        samples=(
            Sample(((3, 4), np.array([[0, 3], [1, 1], [2, 0]])), {"axis": -1}),
            Sample(((3, 4), np.array([[0, 2, 1, 1]])), {"axis": -2}),
            Sample(((5,), np.array([4, 0, 4])), {"axis": -1}),
        ),
    ),
    Op(
        name="sort",
        forward=lambda a, axis: np.sort(a, axis=axis),
        vjp=(lambda g, out, a, axis: unsorted(g, a, axis),),
        notation=Notation(
            lambda a, axis: f"np.sort({a}{_axis(axis)})",
            lambda a, axis: f"sort({a}{_axis(axis)})",
            lambda a, axis: rf"\operatorname{{sort}}\left({a}\right)",
        ),
        reason="sorting moves elements: each gradient goes back to where its element came from",
        numpy=(np.sort,),
        bind=_bind_sort,
        infer=array_like(0),
        samples=(Sample(((5,),), {"axis": -1}), Sample(((3, 4),), {"axis": -2})),
    ),
)
