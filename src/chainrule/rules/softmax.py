"""Softmax, its logarithm, and the logarithm of a sum of exponentials.

With p = softmax(z), the Jacobian of a row is diag(p) - p pᵀ, so that the gradient is
p · (g - sum(g · p)); that of log softmax is g - p · sum(g). These two are what simplification
recognises in a hand-written softmax. The logarithm of the sum has the gradient p.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.notation import Notation, keywords
from chainrule.op import Op, Sample, like
from chainrule.rules.axes import expanded
from chainrule.rules.infer import reducing

_SAMPLES = (
    Sample(((3, 4),), {"axis": (1,)}),
    Sample(((3, 4),), {"axis": (0,)}),
    Sample(((4,),), {"axis": (0,)}),
)


def _shifted(z: Any, axis: tuple[int, ...]) -> Any:
    """Move the greatest logit to 0, so that no exponential overflows."""
    return z - np.max(z, axis=axis, keepdims=True)


def _softmax(z: Any, axis: tuple[int, ...]) -> Any:
    e = np.exp(_shifted(z, axis))
    return e / np.sum(e, axis=axis, keepdims=True)


def _log_softmax(z: Any, axis: tuple[int, ...]) -> Any:
    shifted = _shifted(z, axis)
    return shifted - np.log(np.sum(np.exp(shifted), axis=axis, keepdims=True))


def _number(axis: tuple[int, ...]) -> Any:
    return axis[0] if len(axis) == 1 else axis


def _softmax_code(z: Any, axis: tuple[int, ...], out: str = "") -> str:
    a = _number(axis)
    return (
        f"{out} = np.exp({z} - np.max({z}, axis={a}, keepdims=True))\n"
        f"{out} = {out} / np.sum({out}, axis={a}, keepdims=True)"
    )


def _log_softmax_code(z: Any, axis: tuple[int, ...], out: str = "") -> str:
    a = _number(axis)
    return (
        f"{out} = {z} - np.max({z}, axis={a}, keepdims=True)\n"
        f"{out} = {out} - np.log(np.sum(np.exp({out}), axis={a}, keepdims=True))"
    )


def _softmax_into(out: str, z: str, axis: tuple[int, ...]) -> str:
    return (
        f"np.subtract({z}, np.maximum.reduce({z}, axis={axis}, keepdims=True), out={out})\n"
        f"np.exp({out}, out={out})\n"
        f"np.divide({out}, np.add.reduce({out}, axis={axis}, keepdims=True), out={out})"
    )


def _log_softmax_into(out: str, z: str, axis: tuple[int, ...]) -> str:
    return (
        f"np.subtract({z}, np.maximum.reduce({z}, axis={axis}, keepdims=True), out={out})\n"
        f"np.subtract({out}, np.log(np.add.reduce(np.exp({out}), axis={axis}, keepdims=True)), "
        f"out={out})"
    )


SOFTMAX = Op(
    name="softmax",
    forward=_softmax,
    vjp=(lambda g, out, z, axis: out * (g - np.sum(g * out, axis=axis, keepdims=True)),),
    notation=Notation(
        _softmax_code,
        lambda z, axis, out="": f"softmax({z})",
        lambda z, axis, out="": rf"\operatorname{{softmax}}\left({z}\right)",
        statement=True,
        jax=lambda z, axis, out="": f"jax.nn.softmax({z}, axis={_number(axis)})",
    ),
    reason="a probability rises with its own logit and falls with the others: "
    "the Jacobian of a row is diag(p) - p pᵀ",
    infer=like(0),
    into=_softmax_into,
    samples=_SAMPLES,
)

LOG_SOFTMAX = Op(
    name="log_softmax",
    forward=_log_softmax,
    vjp=(lambda g, out, z, axis: g - SOFTMAX(z, axis=axis) * np.sum(g, axis=axis, keepdims=True),),
    notation=Notation(
        _log_softmax_code,
        lambda z, axis, out="": f"log_softmax({z})",
        lambda z, axis, out="": rf"\operatorname{{log\_softmax}}\left({z}\right)",
        statement=True,
        jax=lambda z, axis, out="": f"jax.nn.log_softmax({z}, axis={_number(axis)})",
    ),
    reason="the logarithm of a probability rises one for one with its own logit, "
    "and falls with each logit by that logit's probability",
    infer=like(0),
    into=_log_softmax_into,
    samples=_SAMPLES,
)


def _log_sum_exp(a: Any, axis: tuple[int, ...], keepdims: bool) -> Any:
    top = np.max(a, axis=axis, keepdims=True)
    top = np.where(np.isfinite(top), top, np.zeros_like(top))
    total = top + np.log(np.sum(np.exp(a - top), axis=axis, keepdims=True))
    return total if keepdims else np.squeeze(total, axis)[()]


def _log_sum_exp_vjp(g: Any, out: Any, a: Any, axis: tuple[int, ...], keepdims: bool) -> Any:
    return expanded(g, axis, keepdims) * SOFTMAX(a, axis=axis)


LOG_SUM_EXP = Op(
    name="logsumexp",
    forward=_log_sum_exp,
    vjp=(_log_sum_exp_vjp,),
    notation=Notation(
        lambda a, axis, keepdims: (
            f"np.logaddexp.reduce({a}, axis={_number(axis)}{keywords(keepdims=keepdims)})"
        ),
        lambda a, axis, keepdims: f"logsumexp({a}{keywords(axis=axis, keepdims=keepdims)})",
        lambda a, axis, keepdims: rf"\ln \sum e^{{{a}}}",
        latex_level="product",
        jax=lambda a, axis, keepdims, out="": (
            f"jax.nn.logsumexp({a}, axis={_number(axis)}{keywords(keepdims=keepdims)})"
        ),
    ),
    reason="the logarithm of a sum of exponentials changes with each term's share of the sum",
    infer=reducing,
    samples=(
        Sample(((3, 4),), {"axis": (1,), "keepdims": False}),
        Sample(((3, 4),), {"axis": (0,), "keepdims": True}),
        Sample(((2, 3, 4),), {"axis": (0, 2), "keepdims": False}),
    ),
)

TABLE = (SOFTMAX, LOG_SOFTMAX, LOG_SUM_EXP)
