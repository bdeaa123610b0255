"""Gradients and updates, layer by layer: too small, too large, or none at all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from chainrule.nn.health.finding import Finding, listed
from chainrule.nn.health.thresholds import (
    EXPLODING,
    LARGE_GRADIENT,
    LARGE_UPDATE,
    SMALL_UPDATE,
    VANISHING,
)

#: Layer -> its measures.
Layers = Mapping[str, Mapping[str, Any]]


def norm(arrays: Sequence[Any]) -> float:
    """Return the norm of all numbers together, in double precision."""
    with np.errstate(over="ignore"):
        return float(np.sqrt(sum(np.sum(np.square(np.asarray(a, float))) for a in arrays)))


def gradient_findings(layers: Layers) -> list[Finding]:
    """Return what is to be said of the gradients.

    Parameters
    ----------
    layers : mapping of str to dict
        Measures of the layers, in order: those with parameters have ``"gradient_norm"``.
    """
    norms = {
        name: layer["gradient_norm"]
        for name, layer in layers.items()
        if layer.get("gradient_norm") is not None
    }
    if not norms:
        return []
    if not all(np.isfinite(v) for v in norms.values()):
        return [_not_finite(norms)]
    findings = [*_without(norms)]
    total = norm(list(norms.values()))
    along = _along(layers)
    if len(along) > 1:
        (first, a), (last, b) = along[0], along[-1]
        if 0 < a < VANISHING * b:
            findings.append(_vanishing(first, last, a / b, along))
        elif b > 0 and a > EXPLODING * b:
            findings.append(_growing(first, last, a / b))
    if total > LARGE_GRADIENT:
        largest = max(norms, key=lambda name: norms[name])
        findings.append(_large(total, largest, norms[largest]))
    return findings


def _along(layers: Layers) -> list[tuple[str, float]]:
    """Return the gradient of each layer's results; of each parameter where there are no layers."""
    results = [
        (name, layer["result_gradient_norm"])
        for name, layer in layers.items()
        if layer.get("result_gradient_norm") is not None and layer.get("parameters")
    ]
    if not results:
        results = [
            (name, layer["gradient_norm"] / np.sqrt(layer["parameters"]))
            for name, layer in layers.items()
            if layer.get("gradient_norm") is not None and layer.get("parameters")
        ]
    return [(name, value) for name, value in results if np.isfinite(value)]


def _not_finite(norms: Mapping[str, float]) -> Finding:
    bad = [name for name, value in norms.items() if not np.isfinite(value)]
    return Finding(
        "exploding", bad[0], f"The gradient of {listed(bad)} is not finite.",
        "inputs and targets scaled to about 1; smaller initial weights; a smaller learning rate",
        "severe", {"layers": len(bad)},
    )  # fmt: skip


def _without(norms: Mapping[str, float]) -> list[Finding]:
    none = [name for name, value in norms.items() if value == 0]
    if not none or len(none) == len(norms):
        return []
    return [
        Finding(
            "no_gradient", none[0],
            f"No gradient reaches {listed(none)}: {'its' if len(none) == 1 else 'their'} "
            "parameters do not change, while those of other layers do.",
            "look for dead units, a step function, or zeros behind it; He or Glorot "
            "initialisation",
            "severe", {"layers": len(none)},
        )
    ]  # fmt: skip


def _vanishing(first: str, last: str, ratio: float, along: Sequence[Any]) -> Finding:
    return Finding(
        "vanishing", first,
        f"The gradient vanishes on the way back through {len(along)} layers: at {first} it is "
        f"{ratio:.1e} of what it is at {last}.",
        "ReLU with He initialisation in the place of sigmoids; LayerNorm or BatchNorm; fewer "
        "layers; connections past layers",
        "severe", {"ratio": ratio},
    )  # fmt: skip


def _growing(first: str, last: str, ratio: float) -> Finding:
    return Finding(
        "exploding", first,
        f"The gradient grows on the way back: at {first} it is {ratio:.1e} times what it is at "
        f"{last}.",
        "smaller initial weights (He, Glorot); LayerNorm or BatchNorm; clip_norm=1.0 in the "
        "optimizer",
        "severe", {"ratio": ratio},
    )  # fmt: skip


def _large(total: float, layer: str, most: float) -> Finding:
    return Finding(
        "exploding", layer,
        f"The gradient is large: its norm is {total:.3g}, and {most:.3g} in {layer}.",
        "inputs and targets scaled to about 1; a smaller learning rate; clip_norm=1.0 in the "
        "optimizer",
        "warning", {"norm": total},
    )  # fmt: skip


def update_findings(layers: Layers, rate: float | None) -> list[Finding]:
    """Return what is to be said of how far one step takes the weights.

    Parameters
    ----------
    layers : mapping of str to dict
        ``"update_ratio"`` of each that has weights other than 0.
    rate : float or None
        The learning rate, where it is a number.
    """
    ratios = {
        name: layer["update_ratio"]
        for name, layer in layers.items()
        if layer.get("update_ratio") is not None and layer.get("gradient_norm")
    }
    findings = []
    large = {name: r for name, r in ratios.items() if r > LARGE_UPDATE}
    small = {name: r for name, r in ratios.items() if r < SMALL_UPDATE}
    if large:
        worst = max(large, key=lambda name: large[name])
        findings.append(
            Finding(
                "update_large", worst,
                f"One step changes the weights of {worst} by {large[worst]:.2g} of their size"
                f"{_others(large, worst)}; about 0.001 is usual.",
                f"a smaller learning rate{_rate(rate, 0.003 / large[worst])}",
                "severe" if large[worst] > 1 else "warning", {"ratio": large[worst]},
            )
        )  # fmt: skip
    if small and len(small) == len(ratios):
        most = max(small, key=lambda name: small[name])
        findings.append(
            Finding(
                "update_small", most,
                f"One step changes no layer's weights by more than {small[most]:.2g} of their "
                f"size ({most}); about 0.001 is usual. Near a minimum that is as it should be.",
                f"a larger learning rate{_rate(rate, 1e-3 / small[most] if small[most] else 1)}, "
                "if the loss is still to fall",
                "note", {"ratio": small[most]},
            )
        )  # fmt: skip
    return findings


def _others(found: Mapping[str, float], but: str) -> str:
    others = [f"{name} {ratio:.2g}" for name, ratio in found.items() if name != but]
    return f" ({listed(others, 4)})" if others else ""


def _rate(rate: float | None, factor: float) -> str:
    return "" if rate is None else f", such as {rate * factor:.0e} instead of {rate:g}"


def rate_of(optimizer: Any) -> float | None:
    """Return the learning rate of an optimizer, where it is a single number."""
    rate = getattr(optimizer, "lr", None)
    return float(rate) if isinstance(rate, (int, float)) else None
