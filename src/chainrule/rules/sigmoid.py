"""The sigmoid, or logistic function, and the log-likelihood of labels under it.

With p = sigmoid(z), the derivative of p is p · (1 - p), and that of the log-likelihood
y · log(p) + (1 - y) · log(1 - p) is y - p. Simplification recognises both in hand-written code.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.notation import Notation
from chainrule.op import Op, Sample
from chainrule.rules.elementwise import PAIRS


def _sigmoid(z: Any) -> Any:
    with np.errstate(over="ignore"):  # 1 / inf is the 0 that is meant
        return 1 / (1 + np.exp(-z))


def _sigmoid_into(out: str, z: str) -> str:
    return (
        f"np.negative({z}, out={out})\n"
        f"np.exp({out}, out={out})\n"
        f"np.add({out}, 1, out={out})\n"
        f"np.divide(1, {out}, out={out})"
    )


SIGMOID = Op(
    name="sigmoid",
    forward=_sigmoid,
    vjp=(lambda g, out, z: g * (out * (1 - out)),),
    notation=Notation(
        "{out} = 1 / (1 + np.exp(-{0:unary}))",
        "sigmoid({0})",
        r"\sigma\left({0}\right)",
        statement=True,
        loop="",
        jax="jax.nn.sigmoid({0})",
    ),
    reason="the derivative of a sigmoid is its value times 1 minus its value: at most 1/4",
    composition=lambda z: 1 / (1 + np.exp(-z)),
    elementwise=True,
    entire=True,
    into=_sigmoid_into,
    samples=(Sample(((3, 4),)), Sample(((),))),
)


def _log_likelihood(y: Any, z: Any) -> Any:
    return y * z - np.logaddexp(0.0, z)


LOG_LIKELIHOOD = Op(
    name="log_likelihood",
    forward=_log_likelihood,
    vjp=(lambda g, out, y, z: g * z, lambda g, out, y, z: g * (y - SIGMOID(z))),
    notation=Notation(
        "{out} = {0:product} * {1:unary!} - np.logaddexp(0, {1})",
        "log_likelihood({0}, {1})",
        r"\operatorname{{log\_likelihood}}\left({0}, {1}\right)",
        statement=True,
        loop="",
    ),
    reason="with p = sigmoid(z), y · log(p) + (1 - y) · log(1 - p) changes with z by y - p",
    composition=_log_likelihood,
    elementwise=True,
    samples=PAIRS,
)

TABLE = (SIGMOID, LOG_LIKELIHOOD)
