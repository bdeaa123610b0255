"""Convolution of two sequences.

A convolution is a product of polynomials, bilinear in both: the gradient of one operand is
the upstream gradient convolved with the other operand, backwards.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from chainrule.notation import Notation, keywords
from chainrule.op import Abstract, Op, Sample, UnsupportedArgumentError, shape_of
from chainrule.rules.infer import dtype_of
from chainrule.rules.operands import as_array


def _bind(a: Any, v: Any, mode: str = "full") -> Any:
    if mode not in ("full", "same", "valid"):
        raise UnsupportedArgumentError("mode")
    operands = tuple(np.reshape(o, (1,)) if np.ndim(o) == 0 else o for o in (a, v))
    if any(np.ndim(o) != 1 for o in operands):
        raise ValueError("object too deep for desired array")
    return tuple(map(as_array, operands)), {"mode": mode}


def _sizes(a: Any, v: Any, mode: str) -> tuple[int, int]:
    """How many places of the whole convolution are left out before the result, and its size."""
    short, long = sorted((shape_of(a)[0], shape_of(v)[0]))
    if mode == "full":
        return 0, long + short - 1
    return ((short - 1) // 2, long) if mode == "same" else (short - 1, long - short + 1)


def _whole(g: Any, a: Any, v: Any, mode: str) -> Any:
    """Put zeros in the place of what the mode leaves out."""
    if mode == "full":
        return g
    start, size = _sizes(a, v, mode)
    full = _sizes(a, v, "full")[1]
    return np.pad(g, (start, full - start - size))


def _rule(a: Any, v: Any, g: Any, mode: str, other: Any) -> Any:
    return np.convolve(_whole(g, a, v, mode), np.flip(other), mode="valid")


def _infer(op: Op, operands: Sequence[Any], params: Mapping[str, Any]) -> Abstract:
    a, v = operands
    if not shape_of(a)[0] or not shape_of(v)[0]:
        raise ValueError("a convolution needs two sequences that are not empty")
    return Abstract((_sizes(a, v, params["mode"])[1],), dtype_of(op, operands, params))


def _code(prefix: str) -> Any:
    def write(a: Any, v: Any, mode: str) -> str:
        return f"{prefix}convolve({a}, {v}{keywords(mode=None if mode == 'full' else mode)})"

    return write


TABLE = (
    Op(
        name="convolve",
        forward=lambda a, v, mode: np.convolve(a, v, mode),
        vjp=(
            lambda g, out, a, v, mode: _rule(a, v, g, mode, v),
            lambda g, out, a, v, mode: _rule(a, v, g, mode, a),
        ),
        notation=Notation(
            _code("np."),
            _code(""),
            lambda a, v, mode: f"{a:product} * {v:product}",
            "atom",
            "product",
        ),
        reason="each product of the sums changes with one factor by the other factor",
        numpy=(np.convolve,),
        bind=_bind,
        infer=_infer,
        samples=(
            Sample(((5,), (3,)), {"mode": "full"}),
            Sample(((4,), (2,)), {"mode": "same"}),
            Sample(((3,), (5,)), {"mode": "valid"}),
        ),
    ),
)
