"""Histograms, layer by layer: weights, and what comes out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule.calling import public
from chainrule.errors import ArgumentError
from chainrule.nn.health.finding import Finding, listed
from chainrule.nn.health.probe import layer_of, readable
from chainrule.plots.looking import looked, require_params
from chainrule.plotting import ALARM, COLOURS, grid_or_new, named, tidy
from chainrule.structure import leaves

_BINS = 40
_LINES = ("-", "--", ":", "-.")


@public
def weights(model: Any, axes: Any = None, *, layers: Sequence[str] | None = None) -> Any:
    """Draw a histogram of each layer's parameters.

    Parameters
    ----------
    model : Model
    axes : sequence of matplotlib axes, optional
        One for each layer; made unless given.
    layers : sequence of str, optional
        The layers to draw; all unless given.

    Returns
    -------
    array of matplotlib axes

    Raises
    ------
    ArgumentError
        When the model has no parameters yet, or no such layer.
    MissingExtraError

    Examples
    --------
    >>> from chainrule import nn
    >>> model = nn.Sequential(nn.Dense(4), nn.ReLU(), nn.Dense(2))
    >>> model.initialise((3,))
    >>> [ax.get_title(loc="left") for ax in weights(model)]
    ['dense1', 'dense2']
    """
    require_params(model)
    groups: dict[str, dict[str, np.ndarray]] = {}
    for path, leaf in leaves(model.params):
        name = readable(path)
        groups.setdefault(layer_of(name), {})[name.rpartition(".")[2]] = np.asarray(leaf)
    shown = _chosen(groups, layers)
    panels = grid_or_new(axes, len(shown))
    for ax, name in zip(panels, shown, strict=True):
        edges = _edges(np.concatenate([np.ravel(values) for values in groups[name].values()]))
        for k, (part, values) in enumerate(groups[name].items()):
            shape = "×".join(map(str, values.shape)) or "1"
            _histogram(ax, values, COLOURS[k % len(COLOURS)], f"{part}  {shape}", k, edges)
        _finish(ax, name, "weight", "share of weights")
        ax.legend(frameon=False, fontsize=8)
    return panels


@public
def activations(
    model: Any, X: Any, axes: Any = None, *, layers: Sequence[str] | None = None
) -> Any:
    """Draw a histogram of what each layer gives; dead and saturated units are named.

    Parameters
    ----------
    model : Model
    X : array, shape (n, ...)
        512 rows are looked at, at most.
    axes : sequence of matplotlib axes, optional
        One for each layer; made unless given.
    layers : sequence of str, optional
        The layers to draw; all unless given.

    Returns
    -------
    array of matplotlib axes

    Raises
    ------
    ArgumentError, DtypeError, ShapeError
        When the model has no parameters yet, no such layer, or does not take `X`.
    MissingExtraError

    Examples
    --------
    >>> from chainrule import nn
    >>> model = nn.Sequential(nn.Dense(4), nn.ReLU(), nn.Dense(2))
    >>> model.initialise((3,))
    >>> model.params["dense1"]["b"][2] = -100
    >>> axes = activations(model, np.random.default_rng(0).normal(size=(50, 3)))
    >>> axes[1].texts[0].get_text()
    '1 of 4 units dead: 2'
    """
    run, found = looked(model, X)
    results = {name: result.value for name, (_, result) in run.results.items()}
    results = results or {"prediction": run.prediction.value}
    shown = _chosen(results, layers)
    panels = grid_or_new(axes, len(shown))
    for ax, name in zip(panels, shown, strict=True):
        _histogram(ax, results[name], COLOURS[0], "", 0, _edges(np.ravel(results[name])))
        _finish(ax, name, f"activation on {found.rows} rows", "share of activations")
        own = name if run.results else None
        _name_units(ax, [f for f in found.findings if own is None or f.layer == own])
    return panels


def _chosen(known: Any, layers: Sequence[str] | None) -> list[str]:
    asked = list(known) if layers is None else [layers] if isinstance(layers, str) else list(layers)
    missing = [name for name in asked if name not in known]
    if missing or not asked:
        raise ArgumentError(
            f"There is no layer {missing[0]!r} to draw." if missing else "No layers are chosen.",
            expected=f"among {listed(list(known))}", got=repr(layers),
        )  # fmt: skip
    return asked


def _edges(values: np.ndarray) -> np.ndarray:
    """Return edges of bins that hold all finite numbers, the same for all parts of a layer."""
    finite = values[np.isfinite(values)].astype(float)
    low, high = (finite.min(), finite.max()) if finite.size else (0.0, 1.0)
    if high - low <= 1e-9 * max(abs(low), abs(high)):
        room = 0.5 * max(abs(low), 1.0)
        low, high = low - room, high + room
    return np.linspace(low, high, int(min(_BINS, max(9, np.sqrt(finite.size)))) + 1)


def _histogram(ax: Any, array: Any, colour: str, label: str, k: int, edges: np.ndarray) -> None:
    values = np.asarray(array, float).ravel()
    finite = values[np.isfinite(values)]
    if len(finite) < len(values):
        label = f"{label}  ({len(values) - len(finite)} not finite)".strip()
    if not finite.size:
        ax.plot([], [], color=colour, label=label)
        return
    share = np.full(finite.shape, 1 / len(finite))
    # Outlines over a pale filling: several can be told apart, in print as well.
    ax.hist(
        finite, edges, weights=share, histtype="stepfilled", facecolor=(colour, 0.22),
        edgecolor=colour, linestyle=_LINES[k % len(_LINES)], linewidth=1.4, label=label,
    )  # fmt: skip


def _finish(ax: Any, name: str, across: str, up: str) -> None:
    ax.set_title(named([name])[0], loc="left", fontsize=10.5)
    ax.set(xlabel=across, ylabel=up)
    ax.xaxis.label.set_fontsize(9)
    ax.yaxis.label.set_fontsize(9)
    ax.tick_params(labelsize=8)
    ax.yaxis.set_major_formatter(lambda share, _: f"{share:.3g}")
    ax.locator_params(axis="both", nbins=5)
    ax.margins(y=0.3)
    tidy(ax)


def _name_units(ax: Any, findings: list[Finding]) -> None:
    lines = []
    for finding in findings:
        if finding.kind in ("dead", "saturated"):
            count, every = len(finding.units), int(finding.numbers["units"])
            units = listed(finding.units, 3)
            lines.append(f"{count} of {every} units {finding.kind}: {units}")
        elif finding.kind == "flat":
            lines.append("derivative 0 everywhere")
    if lines:
        ax.text(
            0.98, 0.98, "\n".join(lines), transform=ax.transAxes, horizontalalignment="right",
            verticalalignment="top", fontsize=8, color=ALARM, fontweight="bold",
        )  # fmt: skip
