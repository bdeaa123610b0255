"""Why a number became infinite or NaN, most likely, and what helps."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.graph import Node
from chainrule.nn.health.finding import counted
from chainrule.nn.health.origin import Origin, told

#: Size of a weight from which on it has grown by training, whatever it was before.
_LARGE_WEIGHT = 1e6
#: Factor by which weights have to have grown since the start to be what is to blame.
_GROWN = 30.0
#: Size of a row over that of the middle one, and of all of x, that are out of the ordinary.
_OUTLIER, _LARGE_INPUT = 100.0, 1e3
#: How far back from a logarithm or a quotient an exponential is looked for.
_BEHIND = 12

_GROWING = frozenset(("exp", "exp2", "expm1", "sinh", "cosh"))
_LOGARITHMS = frozenset(("log", "log2", "log10", "log1p"))
_QUOTIENTS = frozenset(("divide", "reciprocal"))


@dataclass(frozen=True)
class Cause:
    """A likely cause.

    Attributes
    ----------
    kind : str
        ``"data"``, ``"weights"``, ``"learning_rate"``, ``"log_of_zero"``, ``"overflow"``,
        ``"division_by_zero"``, ``"domain"``, ``"slope"``, ``"outlier"``, ``"not_scaled"`` or
        ``"unknown"``.
    text, remedy : str
    """

    kind: str
    text: str
    remedy: str


@dataclass(frozen=True)
class Evidence:
    """What the causes are judged by.

    Attributes
    ----------
    phase : {"forward", "backward", "update"}
    origin : Origin or None
    weights : dict of str to (float, float or None)
        Layer -> largest weight, and the largest at the start where that is known.
    steps : int or None
        How many steps there were since the start.
    rate : float or None
        The learning rate.
    largest_x : float
        Largest number in the batch.
    outlier : str
        What is to be said of a row far larger than the others; else empty.
    largest_gradient : float or None
        In the update.
    """

    phase: str
    origin: Origin | None
    weights: Mapping[str, tuple[float, float | None]]
    steps: int | None = None
    rate: float | None = None
    largest_x: float = 1.0
    outlier: str = ""
    largest_gradient: float | None = None


def causes(evidence: Evidence) -> list[Cause]:
    """Return likely causes, the likeliest first; at least one."""
    found = [*_weights(evidence), *_operation(evidence)]
    if evidence.outlier:
        text = evidence.outlier
        found.append(Cause("outlier", text, "clip such numbers, or leave the row out"))
    elif evidence.largest_x > _LARGE_INPUT:
        found.append(
            Cause(
                "not_scaled", f"The inputs are not scaled: up to {told(evidence.largest_x)}.",
                "(x - x.mean(axis=0)) / x.std(axis=0), or scikit-learn's StandardScaler",
            )
        )  # fmt: skip
    return found or [
        Cause(
            "unknown", "Finite numbers were too large for their type.",
            _smaller(evidence.rate) + "; inputs and targets scaled to about 1",
        )
    ]  # fmt: skip


def _smaller(rate: float | None) -> str:
    if rate is None:
        return "a smaller learning rate"
    return f"a smaller learning rate, such as {rate / 10:g} instead of {rate:g}"


def _weights(evidence: Evidence) -> Iterator[Cause]:
    """Weights that have grown: the learning rate is too large."""
    if not evidence.weights:
        return
    layer = max(evidence.weights, key=lambda name: evidence.weights[name][0])
    now, start = evidence.weights[layer]
    grown = start is not None and start > 0 and now > _GROWN * start and now > 1
    if not grown and (start is not None or now < _LARGE_WEIGHT):
        if evidence.phase == "update":
            size = evidence.largest_gradient
            shown = "" if size is None else f" The largest gradient was {told(size)}."
            yield Cause(
                "learning_rate", f"The step was too large for the type of the weights.{shown}",
                f"{_smaller(evidence.rate)}; clip_norm=1.0 in the optimizer; targets scaled to "
                "about 1",
            )  # fmt: skip
        return
    steps = f" in {counted(evidence.steps, 'step')}" if evidence.steps else ""
    since = f"grew from {told(start)} to {told(now)}{steps}" if grown and start else ""
    text = f"The weights of {layer} {since or f'are as large as {told(now)}'}: they diverge."
    yield Cause(
        "learning_rate", text,
        f"{_smaller(evidence.rate)}; clip_norm=1.0 in the optimizer; inputs and targets scaled to "
        "about 1",
    )  # fmt: skip


def _operation(evidence: Evidence) -> Iterator[Cause]:
    origin = evidence.origin
    if origin is None or evidence.phase == "update":
        return
    node, operands = origin.node, list(origin.numbers.values())
    name = node.op.name
    if evidence.phase == "backward":
        yield from _slope(origin)
        return
    if name in _LOGARITHMS:
        yield _logarithm(node, operands[0] + (name == "log1p"))
    elif name in _GROWING:
        limit = np.log(np.finfo(node.abstract.dtype).max)
        yield Cause(
            "overflow",
            f"{name}({told(operands[0])}) is beyond what {node.abstract.dtype} holds; so is all "
            f"above {name}({limit:.0f}).",
            "subtract the largest number first, as in a softmax; np.clip before it; np.logaddexp "
            "or log-sum-exp in the place of a logarithm of a sum",
        )  # fmt: skip
    elif name in _QUOTIENTS and operands[-1] == 0:
        yield _division(node)
    elif name in ("sqrt", "arcsin", "arccos", "arctanh", "arccosh", "power") and np.isnan(
        origin.result
    ):
        yield Cause(
            "domain", f"{name} is not defined at {told(operands[0])}.",
            "np.maximum or np.clip before it, which keeps it where it is defined",
        )  # fmt: skip


def _logarithm(node: Node, at: float) -> Cause:
    if at < 0:
        return Cause(
            "domain", f"The logarithm of a negative number, {told(at)}, is not defined.",
            "np.maximum before it, or another loss",
        )  # fmt: skip
    if _is_behind(node, _GROWING | {"softmax", "tanh"}):
        return Cause(
            "log_of_zero",
            "A probability was so small that it was rounded to 0, and its logarithm was taken.",
            'the loss of the logits: no Softmax or Sigmoid at the end, and loss="cross_entropy" or '
            '"binary_cross_entropy", which never take the logarithm of a rounded number',
        )  # fmt: skip
    return Cause(
        "log_of_zero",
        "The logarithm of 0 was taken.",
        "np.maximum(..., 1e-12) before it, or np.log1p where what counts is 1 + x",
    )


def _division(node: Node) -> Cause:
    divisor = node.inputs[-1]
    spread = _is_behind(divisor, {"sqrt", "var", "std"}) or divisor.op.name in ("sqrt", "std")
    return Cause(
        "division_by_zero",
        "A divisor is 0" + (": a spread of numbers that are all the same." if spread else "."),
        "a small number beside it: np.sqrt(variance + 1e-5)" if spread
        else "a small number added to the divisor, or np.where around the division",
    )  # fmt: skip


def _slope(origin: Origin) -> Iterator[Cause]:
    local = origin.numbers.get("local", 0.0)
    if np.isfinite(local):
        return
    at = [v for k, v in origin.numbers.items() if k not in ("upstream", "local")]
    place = f" at {told(at[0])}" if at else ""
    yield Cause(
        "slope",
        f"The derivative of {origin.node.op.name}{place} is {told(local)}, though its value is "
        "finite.",
        "a small number added before it, as in np.sqrt(x + 1e-12); np.maximum(x, 1e-12)",
    )


def _is_behind(node: Node, names: Any) -> bool:
    """Whether a value is computed by such an operation, within some steps."""
    level = [*node.inputs]
    for _ in range(_BEHIND):
        if any(n.op.name in names for n in level):
            return True
        level = list(dict.fromkeys(i for n in level for i in n.inputs))
    return False
