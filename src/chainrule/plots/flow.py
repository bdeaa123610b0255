"""Gradients on their way back: how large they are at each parameter."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.calling import public
from chainrule.errors import ArgumentError
from chainrule.nn.health.finding import Finding
from chainrule.nn.health.gradients import gradient_findings, norm
from chainrule.nn.health.probe import layer_of, readable
from chainrule.plots.looking import looked
from chainrule.plotting import ALARM, COLOURS, QUIET, axes_or_new, named, tidy, titled
from chainrule.solution import Solution
from chainrule.structure import leaves

_KINDS = ("exploding", "vanishing", "no_gradient")
#: Inches that a line of labels needs.
_LINE = 0.19


@public
def gradient_flow(
    what: Any, X: Any = None, y: Any = None, *, loss: Any = None, ax: Any = None
) -> Any:
    """Draw the mean and the largest size of each parameter's gradient, from the input on.

    Whether they vanish or explode is judged as by ``model.health``. The share of gradients that
    are exactly 0 stands beside each.

    Parameters
    ----------
    what : Model or Solution
    X, y : array
        Rows to take the loss of, for a model; 512 of them are looked at, at most.
    loss : str or callable, optional
        That of the last `fit` unless given.
    ax : matplotlib axes, optional

    Returns
    -------
    matplotlib axes

    Raises
    ------
    ArgumentError, DtypeError, ShapeError
        For a model without parameters, data that do not fit, or gradients that are not finite.
    MissingExtraError

    Examples
    --------
    >>> import chainrule as cr
    >>> ax = gradient_flow(cr.explain(lambda w, b: np.sum((w * 2 + b) ** 2), np.ones(3), 0.5))
    >>> [label.get_text() for label in ax.get_yticklabels()]
    ['w', 'b']
    """
    if isinstance(what, Solution):
        gradients, findings = _of_solution(what)
    else:
        gradients, findings = _of_model(what, X, y, loss)
    sizes = {name: np.abs(np.asarray(g, float)).ravel() for name, g in gradients.items()}
    sizes = {name: size for name, size in sizes.items() if size.size}
    if not sizes:
        raise ArgumentError("There are no gradients to draw.")
    bad = [name for name, size in sizes.items() if not np.all(np.isfinite(size))]
    if bad:
        raise ArgumentError(
            f"The gradient of {bad[0]} is not finite.", expected="finite gradients",
            instead="model.health(X, y), which says where that comes from",
        )  # fmt: skip
    height = max(3.2, 1.6 + 1.4 * _LINE * len(sizes))
    ax = axes_or_new(ax, (6.4, height))
    _draw(ax, sizes)
    _judge(ax, list(sizes), [f for f in findings if f.kind in _KINDS])
    return ax


def _of_solution(solution: Solution) -> tuple[dict[str, Any], list[Finding]]:
    gradients: dict[str, Any] = {}
    for name, tree in solution.grads.items():
        gradients |= {f"{name}{path}": leaf for path, leaf in leaves(tree) if leaf is not None}
    layers = {
        name: {"gradient_norm": norm([g]), "parameters": int(np.size(g))}
        for name, g in gradients.items()
    }
    return gradients, gradient_findings(layers)


def _of_model(model: Any, X: Any, y: Any, loss: Any) -> tuple[dict[str, Any], list[Finding]]:
    if X is None or y is None:
        raise ArgumentError(
            "The gradients of a model are those of its loss on data.",
            expected="gradient_flow(model, X, y)", got="no X" if X is None else "no y",
        )  # fmt: skip
    if loss is None and getattr(model, "params", None) is not None and model.loss is None:
        raise ArgumentError(
            "Which loss is not known: the model has not been trained.",
            instead='loss="cross_entropy", or another one',
        )
    run, found = looked(model, X, y, loss)
    wrong = found.of("targets")
    if run.loss is None:
        raise ArgumentError(
            wrong[0].text if wrong else "The loss cannot be taken of these data.",
            instead=wrong[0].remedy if wrong else None,
        )
    if not np.isfinite(run.loss.value):
        raise ArgumentError(
            "The loss is not finite, and neither are its gradients.", got=str(run.loss.value),
            instead="model.health(X, y), which says where that comes from",
        )  # fmt: skip
    backward = run.gradients()
    order = list(found.layers)
    paths = sorted(run.params, key=lambda path: order.index(layer_of(path)))
    gradients = {
        path: np.zeros(run.params[path].shape)
        if backward.get(run.params[path]) is None
        else backward[run.params[path]].value
        for path in paths
    }
    return gradients, list(found.findings)


def _draw(ax: Any, sizes: dict[str, np.ndarray]) -> None:
    places = np.arange(len(sizes))
    mean = np.array([size.mean() for size in sizes.values()])
    most = np.array([size.max() for size in sizes.values()])
    seen = most > 0
    ax.set_xscale("log")
    ax.hlines(places[seen], mean[seen], most[seen], color="#BBBBBB", linewidth=2, zorder=1)
    ax.plot(mean[seen], places[seen], "o", color=COLOURS[0], markersize=7, label="mean |gradient|")
    ax.plot(
        most[seen], places[seen], "D", markerfacecolor="none", markeredgecolor=COLOURS[1],
        markeredgewidth=1.6, markersize=6, label="largest",
    )  # fmt: skip
    if seen.any():
        ax.set_xlim(*_decades(mean[seen].min() / 1.6, most[seen].max() * 1.6))
        ax.xaxis.set_minor_formatter(lambda *_: "")
    step = _every(ax, len(sizes))
    for place, size in enumerate(sizes.values()):
        _mark_zeros(ax, place, float(np.mean(size == 0)), is_told=place % step == 0)
    ax.set_yticks(places[::step], named(list(sizes))[::step])
    ax.set_ylim(len(sizes) - 0.4, -0.6)
    ax.set_xlabel("size of the gradient")
    tidy(ax, "x")
    ax.legend(
        frameon=False, ncols=2, loc="upper left", bbox_to_anchor=(0, -0.62 / ax.bbox.height
        * ax.figure.dpi), fontsize=9, borderaxespad=0,
    )  # fmt: skip


def _decades(low: float, high: float) -> tuple[float, float]:
    """Return limits with two powers of ten at least between them, which are written there."""
    first, last = np.log10(low), np.log10(high)
    if np.floor(last) - np.ceil(first) < 1:
        first, last = np.floor(first), np.ceil(last)
    return float(10.0**first), float(10.0**last)


def _mark_zeros(ax: Any, place: int, share: float, is_told: bool) -> None:
    """Mark a row that is all 0, and write the share of gradients that are 0 beside it."""
    if not share:
        return
    everything = share == 1
    if everything:
        ax.plot(
            [0.01], [place], "X", color=ALARM, transform=ax.get_yaxis_transform(), markersize=8,
            label="_all zero",
        )  # fmt: skip
    if is_told:
        ax.annotate(
            "all 0" if everything else f"{max(share, 0.01):.0%} are 0",
            (1.01, place), xycoords=("axes fraction", "data"), verticalalignment="center",
            fontsize=8.5, color=ALARM if everything else QUIET,
            fontweight="bold" if everything else "normal", annotation_clip=False,
        )  # fmt: skip


def _every(ax: Any, rows: int) -> int:
    """Return that each so-manieth label has room."""
    room = max(1, int(ax.bbox.height / ax.figure.dpi / _LINE))
    return -(-rows // room)


def _judge(ax: Any, names: list[str], findings: list[Finding]) -> None:
    if not findings:
        titled(ax, "Gradients neither vanish nor explode on the way back")
        return
    titled(ax, findings[0].text, colour=ALARM)
    layers = {finding.layer for finding in findings}
    for label, place in zip(ax.get_yticklabels(), ax.get_yticks(), strict=True):
        name = names[round(place)]
        if name in layers or layer_of(readable(name)) in layers:
            label.set(color=ALARM, fontweight="bold")
