"""Medians and quantiles: the ordered elements at one place, or between two.

Ties are given away as by a stable sort; see :mod:`chainrule.rules.order`. All of NumPy's
methods are those of R. J. Hyndman and Y. Fan, "Sample quantiles in statistical packages"
(The American Statistician 50, 1996): they differ in where a quantile lies between its
neighbours, and in nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from chainrule.notation import Notation, Written, keywords
from chainrule.op import Abstract, Op, Sample, UnsupportedArgumentError
from chainrule.rules.axes import all_axes, inverse, normal_axis
from chainrule.rules.calls import by_keyword
from chainrule.rules.infer import reducing
from chainrule.rules.operands import is_traced, refuse_out
from chainrule.rules.order import unsorted


def _shares(count: int, q: Any, method: Any) -> Any:
    """How much of each of `count` ordered elements goes into the quantiles q.

    Whatever the method, a quantile lies between two neighbours, at the place that is the
    same quantile of 0, 1, 2, ...
    """
    shares = np.zeros((*np.shape(q), count))
    if count == 0:
        return shares
    place = np.quantile(np.arange(float(count)), q, method=method)
    low = np.floor(place).astype(int)
    for each, first, fraction in zip(
        shares.reshape(-1, count), np.ravel(low), np.ravel(place - low), strict=True
    ):
        each[first] = 1 - fraction
        each[min(first + 1, count - 1)] += fraction
    return shares


def _quantile_vjp(
    g: Any, out: Any, a: Any, axis: Any, keepdims: bool, q: Any = 0.5, method: Any = "linear"
) -> Any:
    shape = np.shape(a)
    axes = all_axes(axis, len(shape))
    rest = tuple(k for k in range(len(shape)) if k not in axes)
    kept = tuple(shape[k] for k in rest)
    count = int(np.prod([shape[k] for k in axes], dtype=int))
    shares = _shares(count, q, method).astype(np.result_type(g))
    g = np.reshape(g, (-1, *kept) if np.ndim(q) else kept)
    if np.ndim(q):
        g = np.matmul(np.moveaxis(g, 0, -1), shares.reshape(-1, count))
    else:
        g = (np.expand_dims(g, -1) if kept else g) * shares
    order = rest + axes
    moved = a if order == tuple(range(len(shape))) else np.transpose(a, order)
    flat = moved if len(axes) == 1 else np.reshape(moved, (*kept, count))
    back = np.reshape(unsorted(g, flat, -1), np.shape(moved))
    return back if moved is a else np.transpose(back, inverse(order))


def _quantile_forward(a: Any, q: Any, axis: Any, keepdims: bool, method: Any) -> Any:
    return np.quantile(a, q, axis=axis, method=method, keepdims=keepdims)


def _quantile_infer(op: Op, operands: Sequence[Any], params: Mapping[str, Any]) -> Abstract:
    each = reducing(op, operands, params)
    return Abstract((*np.shape(params.get("q", 0.5)), *each.shape), each.dtype)


def _nested(q: Any) -> Any:
    return tuple(map(_nested, q)) if isinstance(q, list) else q


def _bind_quantile(
    a: Any, q: Any, axis: Any = None, out: Any = None, overwrite_input: bool = False,
    method: Any = "linear", keepdims: bool = False, *, weights: Any = None,
) -> Any:  # fmt: skip
    refuse_out(out)
    if weights is not None:
        raise UnsupportedArgumentError("weights")
    if is_traced(q) or not isinstance(method, str):
        raise UnsupportedArgumentError("q" if isinstance(method, str) else "method")
    # A Python number gives way to the precision of the array; all else is double.
    fixed = q if isinstance(q, (int, float)) else _nested(np.asarray(q).tolist())
    params = {"axis": normal_axis(axis, np.ndim(a)), "keepdims": bool(keepdims)}
    return (a,), {"q": fixed, **params, "method": method}


def _bind_median(
    a: Any, axis: Any = None, out: Any = None, overwrite_input: bool = False, keepdims: bool = False
) -> Any:
    refuse_out(out)
    return (a,), {"axis": normal_axis(axis, np.ndim(a)), "keepdims": bool(keepdims)}


def _quantile_code(prefix: str) -> Any:
    def write(a: Any, q: Any, axis: Any, keepdims: bool, method: str) -> str:
        chosen = None if method == "linear" else method
        extra = keywords(axis=axis, method=chosen, keepdims=keepdims)
        shown = q if isinstance(q, Written) else repr(q)
        return f"{prefix}quantile({a}, {shown}{extra})"

    return write


def _quantile_in_jax(a: Any, q: Any, out: str = "", **params: Any) -> str:
    if isinstance(q, tuple):
        q = Written(f"np.array({list(q)})")
    return str(_quantile_code("np.")(a, q, **params))


TABLE = (
    Op(
        name="median",
        forward=lambda a, axis, keepdims: np.median(a, axis=axis, keepdims=keepdims),
        vjp=(_quantile_vjp,),
        notation=by_keyword("median"),
        reason="a median changes with the element in the middle (half with each if there are two)",
        numpy=(np.median,),
        bind=_bind_median,
        infer=_quantile_infer,
        samples=(
            Sample(((5,),), {"axis": None, "keepdims": False}),
            Sample(((3, 4),), {"axis": (1,), "keepdims": True}),
        ),
    ),
    Op(
        name="quantile",
        forward=_quantile_forward,
        vjp=(_quantile_vjp,),
        notation=Notation(
            _quantile_code("np."),
            _quantile_code(""),
            lambda a, q, axis, keepdims, method: (
                rf"\operatorname{{quantile}}_{{{q}}}\left({a}\right)"
            ),
            jax=_quantile_in_jax,
        ),
        reason="a quantile changes with the two ordered elements that it lies between, by its "
        "distance from the other",
        numpy=(np.quantile,),
        bind=_bind_quantile,
        infer=_quantile_infer,
        samples=(
            Sample(((5,),), {"q": 0.3, "axis": None, "keepdims": False, "method": "linear"}),
            Sample(((3, 4),), {"q": 0.9, "axis": (0,), "keepdims": False, "method": "linear"}),
        ),
    ),
)
