"""Data that make training hard: not scaled, constant, with rare classes, or plainly wrong."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule.errors import ChainruleError
from chainrule.nn.health.finding import Finding, counted, listed
from chainrule.nn.health.thresholds import (
    COLUMN_ROWS,
    EXTREME_IMBALANCE,
    HUGE_COLUMN,
    IMBALANCE,
    LARGE_COLUMN,
    LOGIT_ROWS,
    SMALL_INPUTS,
    UNSEEN_COLUMN,
    WORSE_THAN_GUESSING,
)
from chainrule.nn.losses import LOSSES, Loss, found_loss, original
from chainrule.nn.targets import check_targets

_SCALE = "(x - x.mean(axis=0)) / x.std(axis=0), or scikit-learn's StandardScaler"


def spread_rows(count: int, most: int) -> np.ndarray:
    """Return the places of at most so many rows, evenly spread over all: always the same ones."""
    if count <= most:
        return np.arange(count)
    return np.linspace(0, count - 1, most).astype(np.intp)


def input_findings(x: np.ndarray, names: Sequence[str] = ()) -> list[Finding]:
    """Return what is to be said of the inputs, column by column.

    Parameters
    ----------
    x : array, shape (n, ...)
        With finite numbers.
    names : sequence of str
        Of the columns, where they have any.
    """
    columns = np.asarray(x[spread_rows(len(x), COLUMN_ROWS)], float).reshape(
        min(len(x), COLUMN_ROWS), -1
    )
    if len(columns) < 2:
        return []
    with np.errstate(over="ignore", invalid="ignore"):
        mean, spread = columns.mean(axis=0), columns.std(axis=0)
        size = np.sqrt(np.mean(np.square(columns), axis=0))
    constant = np.max(columns, axis=0) == np.min(columns, axis=0)

    def told(places: np.ndarray) -> str:
        shown = [
            f"{names[k] if k < len(names) else k} (mean {mean[k]:.3g}, spread {spread[k]:.3g})"
            for k in places[:4]
        ]
        more = f" and {len(places) - 4} more" if len(places) > 4 else ""
        return f"{'column' if len(places) == 1 else 'columns'} {', '.join(shown)}{more}"

    findings = []
    by_size = np.argsort(-size, kind="stable")
    large = by_size[size[by_size] > LARGE_COLUMN]
    if len(large):
        findings.append(_large(told(large), large, float(size[large[0]])))
    elif size.max() and np.sqrt(np.mean(size**2)) < SMALL_INPUTS:
        findings.append(_small(float(np.sqrt(np.mean(size**2)))))
    moving = np.flatnonzero(~constant)
    if len(moving):
        middle = float(np.median(spread[moving]))
        unseen = moving[spread[moving] < UNSEEN_COLUMN * middle]
        if len(unseen):
            findings.append(_unseen(told(unseen), unseen, middle))
    if constant.any():
        findings.append(_constant(np.flatnonzero(constant), len(constant), names))
    return findings


def _places(found: np.ndarray) -> tuple[int, ...]:
    return tuple(int(k) for k in found)


def _large(shown: str, found: np.ndarray, most: float) -> Finding:
    return Finding(
        "not_scaled", "x", f"The inputs are not scaled: {shown}; about 0 and 1 are usual.",
        _SCALE, "warning" if most > HUGE_COLUMN else "note",
        {"columns": len(found), "largest": most}, _places(found),
    )  # fmt: skip


def _small(size: float) -> Finding:
    return Finding(
        "not_scaled", "x", f"The inputs are tiny: {size:.2g} on average; about 1 is usual.", _SCALE,
        "warning", {"largest": size},
    )  # fmt: skip


def _unseen(shown: str, found: np.ndarray, middle: float) -> Finding:
    return Finding(
        "not_scaled", "x",
        f"The network hardly sees {shown}: the middle column has a spread of {middle:.3g}.",
        f"columns of one scale: {_SCALE}", "note", {"columns": len(found), "middle": middle},
        _places(found),
    )  # fmt: skip


def _constant(found: np.ndarray, every: int, names: Sequence[str]) -> Finding:
    known = [names[k] if k < len(names) else int(k) for k in found]
    return Finding(
        "constant", "x",
        f"{len(found)} of {counted(every, 'column')} of x {'is' if len(found) == 1 else 'are'} "
        f"constant ({listed(known)}) and {'tells' if len(found) == 1 else 'tell'} nothing.",
        "leave such columns out; mind that their spread of 0 is no divisor",
        "severe" if len(found) == every else "note", {"columns": len(found)}, _places(found),
    )  # fmt: skip


def non_finite(array: np.ndarray, name: str) -> tuple[np.ndarray, Finding | None]:
    """Return which rows are finite, and a finding on those that are not."""
    finite = np.isfinite(array) if array.dtype.kind in "fc" else np.ones(array.shape, bool)
    rows: np.ndarray = np.all(finite.reshape(len(array), -1), axis=1)
    bad = int((~rows).sum())
    if not bad:
        return rows, None
    place = tuple(map(int, np.argwhere(~finite)[0]))
    column = f", column {', '.join(map(str, place[1:]))}" if len(place) > 1 else ""
    return rows, Finding(
        "not_finite", name,
        f"{name} holds {array[place]} in row {place[0]}{column}; {counted(bad, 'row')} of "
        f"{len(array):,} {'holds' if bad == 1 else 'hold'} a NaN or an infinity.",
        "leave such rows out, or fill them: np.nan_to_num, or scikit-learn's SimpleImputer",
        "severe", {"rows": bad}, tuple(map(int, np.flatnonzero(~rows)[:100])),
    )  # fmt: skip


# -- targets ---------------------------------------------------------------------------


def target_findings(loss: Any, shape: tuple[int, ...], y: np.ndarray) -> list[Finding]:
    """Return what is to be said of the targets: those that cannot be, and rare classes.

    Parameters
    ----------
    loss : str or callable
    shape : tuple of int
        Of the predictions for all rows.
    y : array
    """
    try:
        check_targets(loss, shape, y)
    except ChainruleError as error:
        got = f" Expected: {error.expected}; got: {error.got}." if error.expected else ""
        instead = error.instead or f"targets as the loss takes them: {error.expected}"
        return [Finding("targets", "y", f"{error.what}{got}", instead, "severe")]
    name = name_of_loss(loss)
    if y.ndim == 1 and name in ("cross_entropy", "binary_cross_entropy", "hinge"):
        return _classes(y, shape[1] if name == "cross_entropy" else 2)
    return []


def _classes(y: np.ndarray, every: int) -> list[Finding]:
    labels, counts = np.unique(y, return_counts=True)
    if len(labels) > max(every, 2):  # probabilities rather than labels
        return []
    findings = []
    if len(labels) == 1:
        text = f"All {counted(len(y), 'row')} of y belong to one class, {labels[0]}."
        return [Finding("one_class", "y", text, "data of all classes", "severe")]
    if len(labels) < every:
        absent = [k for k in range(every) if k not in labels]
        text = f"{len(absent)} of {every} classes do not occur in y: {listed(absent)}."
        findings.append(
            Finding(
                "absent_classes", "y", text, "data of all classes, or a last layer with fewer "
                "units", "note", {"classes": len(absent)}, tuple(absent),
            )
        )  # fmt: skip
    most, fewest = int(np.argmax(counts)), int(np.argmin(counts))
    ratio = counts[most] / counts[fewest]
    if ratio >= IMBALANCE:
        findings.append(
            Finding(
                "imbalance", "y",
                f"Class {labels[most]} has {counted(int(counts[most]), 'row')}, class "
                f"{labels[fewest]} only {int(counts[fewest]):,}: {ratio:.0f} times as many. Always "
                f"saying {labels[most]} is right in {counts[most] / len(y):.1%} of the rows.",
                "fit(..., class_weights='balanced'); a measure for each class beside accuracy; "
                "more data of rare classes",
                "warning" if ratio >= EXTREME_IMBALANCE else "note", {"ratio": float(ratio)},
            )
        )  # fmt: skip
    return findings


# -- the loss --------------------------------------------------------------------------


def name_of_loss(loss: str | Loss) -> str | None:
    """Return the name of a loss, or None for one of the user's own."""
    known = original(found_loss(loss))
    return next((name for name, each in LOSSES.items() if each is known), None)


def guess(loss: Any, prediction: np.ndarray, y: np.ndarray) -> tuple[float, str] | None:
    """Return the loss of the best that can be said without looking at x, and what that is.

    Parameters
    ----------
    loss : str or callable
    prediction : array, shape (n, ...)
    y : array

    Returns
    -------
    tuple of float and str, or None
        None for a loss of the user's own.

    Examples
    --------
    >>> loss, what = guess("cross_entropy", np.zeros((2, 3)), np.array([0, 2]))
    >>> round(loss, 3), what
    (1.099, 'all 3 classes alike, log 3')
    """
    name = name_of_loss(loss)
    if name is None:
        return None
    function = found_loss(loss)
    said = {
        "cross_entropy": f"all {prediction.shape[-1]} classes alike, log {prediction.shape[-1]}",
        "binary_cross_entropy": "0.5 always, log 2",
        "hinge": "0 always",
    }
    if name in said:
        return float(function(np.zeros_like(prediction), y)), said[name]
    target = np.asarray(y, prediction.dtype).reshape(prediction.shape)
    found = []
    for middle, called in (
        (np.mean, "the mean of y always"),
        (np.median, "the median of y always"),
    ):
        best = np.broadcast_to(middle(target, axis=0), prediction.shape)
        found.append((float(function(best, y)), called))
    return min(found)


#: Losses that take logits -> the layer whose results are none.
_OF_LOGITS = {"cross_entropy": "Softmax", "binary_cross_entropy": "Sigmoid"}


def takes_logits(loss: Any) -> bool:
    """Whether a loss makes probabilities of what it is given."""
    return name_of_loss(loss) in _OF_LOGITS


def logit_findings(loss: Any, prediction: np.ndarray) -> list[Finding]:
    """Return what is to be said of predictions that are probabilities where logits are taken."""
    name = name_of_loss(loss)
    p = np.asarray(prediction, float)
    if len(p) < 2 or not np.all((p >= 0) & (p <= 1)):  # also where one is not finite
        return []
    if name == "cross_entropy" and np.allclose(p.sum(axis=-1), 1.0, atol=1e-3):
        least = np.log(np.e + p.shape[-1] - 1) - 1
        seen = "each row of the predictions sums to 1"
    elif name == "binary_cross_entropy" and len(p) >= LOGIT_ROWS:
        least = np.log1p(np.exp(-1.0))
        seen = "all predictions lie between 0 and 1"
    else:
        return []
    return [
        Finding(
            "not_logits", "loss",
            f"The loss {name} takes logits, and {seen}: they are probabilities already. So it "
            f"cannot fall below {least:.3g}, however good they are.",
            f"no {_OF_LOGITS[name]} at the end of the model; where probabilities are wanted, take "
            "it of what predict gives",
            "warning", {"least": float(least)},
        )
    ]  # fmt: skip


def loss_findings(value: float, guessed: tuple[float, str] | None) -> list[Finding]:
    """Return what is to be said of a loss beside that of guessing."""
    if not np.isfinite(value):
        return [
            Finding(
                "not_finite", "loss", f"The loss is {value}.",
                "inputs scaled to about 1; smaller initial weights; a loss that takes logits",
                "severe",
            )
        ]  # fmt: skip
    if guessed is None or value <= WORSE_THAN_GUESSING * guessed[0]:
        return []
    if guessed[0] == 0:
        return []  # nothing to be learned: all targets are the same
    return [
        Finding(
            "worse_than_guessing", "loss",
            f"The loss is {value:.4g}, {value / guessed[0]:.3g} times that of guessing "
            f"({guessed[0]:.4g}: {guessed[1]}).",
            "inputs scaled to mean 0 and spread 1, and targets, too, where they are numbers; "
            "smaller initial weights of the last layer; a smaller learning rate if it has been "
            "trained",
            "warning", {"loss": value, "guess": guessed[0]},
        )
    ]  # fmt: skip
