"""One frame: what the page draws of a run, as JSON and numbers one after the other.

::

    4 bytes      length of the JSON, little endian
    JSON         {"step": 120, ..., "parts": [["weights", "f4", 114], ["surface", "u1", 4096], ...]}
    zeros        up to a multiple of 4 bytes
    numbers      the parts in this order: float32, then int16, then bytes
"""

from __future__ import annotations

import json
import math
import struct
from typing import Any

import numpy as np

from chainrule.lab.playground.training import Training
from chainrule.nn.layers import Dense

#: By how much, as a difference of logits, a class may lead before it makes no difference to see.
_LEAD = 8.0
#: Cells along an edge: of the surface, and of the small one of each unit.
SIDE, SMALL = 64, 16


def grid(side: int, reach: float) -> np.ndarray:
    """Return the centres of the cells of a square around 0, row by row from the top.

    Examples
    --------
    >>> grid(2, 1.0).tolist()
    [[-0.5, 0.5], [0.5, 0.5], [-0.5, -0.5], [0.5, -0.5]]
    """
    along = (np.arange(side) + 0.5) / side * 2 - 1
    across, up = np.meshgrid(along, along[::-1])
    return (reach * np.stack([across.ravel(), up.ravel()], axis=1)).astype(np.float32)


def described(training: Training) -> dict[str, Any]:
    """Return what does not change in a run: its samples and its layers.

    Parameters
    ----------
    training : Training

    Returns
    -------
    dict
    """
    points = training.points
    params = training.model.params
    layers = [
        {"name": name, "inputs": p["W"].shape[0], "units": p["W"].shape[1]}
        for name, p in params.items()
    ]
    return {
        "config": training.config.to_dict(),
        "points": {
            "x": [[float(str(v)) for v in row] for row in points.x],
            "labels": points.labels.tolist(),
            "trained": points.trained,
            "classes": list(points.classes),
            "axes": list(points.axes),
            "centre": list(points.centre),
            "spread": list(points.spread),
            "reach": points.reach,
        },
        "layers": layers,
        "parameters": sum(p.size for each in params.values() for p in each.values()),
        "batch": training.batch,
    }


class Camera:
    """Makes frames of a run.

    Parameters
    ----------
    training : Training
    """

    def __init__(self, training: Training) -> None:
        self._training = training
        self._large = grid(SIDE, training.points.reach)
        self._small = grid(SMALL, training.points.reach)
        self._health: dict[str, Any] = {}

    def look(self) -> None:
        """Look for units that learn nothing: takes longer than a frame, so that not each does."""
        report = self._training.health()
        owner = ""
        dead: dict[str, list[int]] = {}
        for name, layer in self._training.model.layers.items():
            owner = name if isinstance(layer, Dense) else owner
            for finding in report.findings:
                if finding.kind in ("dead", "saturated") and finding.layer == name:
                    dead.setdefault(owner, []).extend(finding.units)
        told = [f for f in report.findings if f.severity != "note"]
        self._health = {
            "dead": {name: sorted(set(units)) for name, units in dead.items()},
            "finding": f"{told[0].text} Usual remedies: {told[0].remedy}." if told else "",
        }

    def frame(self, **state: Any) -> bytes:
        """Return a frame.

        Parameters
        ----------
        **state
            What else the JSON is to say.
        """
        training = self._training
        with np.errstate(all="ignore"):
            loss, gradients = training.gradients()
            surface, lead = self._surface()
            parts = {
                "weights": flat(training.model.params),
                "gradients": flat(gradients),
                "curve": np.array(training.curve, np.float32).ravel(),
                "lead": lead,
                "surface": surface,
                "units": self._units(),
            }
            norms = {name: _number(math.sqrt(sum(float(np.sum(np.square(v, dtype=float)))
                     for v in each.values()))) for name, each in gradients.items()}  # fmt: skip
        last = training.scores()
        header = {
            "step": training.step,
            "epoch": round(training.epoch, 2),
            "batch_loss": _number(loss),
            "scores": [_number(v) for v in last],
            "norms": norms,
            "dead": {},
            "finding": "",
            "rows": training.rows(training.step, training.step + 1).tolist(),
            **self._health,
            **state,
            "side": SIDE,
            "small": SMALL,
            "parts": [[name, a.dtype.str[1:], a.size] for name, a in parts.items()],
        }
        text = json.dumps(header, allow_nan=False).encode()
        text += b" " * (-len(text) % 4)
        return b"".join(
            [struct.pack("<I", len(text)), text, *(a.tobytes() for a in parts.values())]
        )

    def _surface(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the probability of each class, and by how much it leads; of two, the second.

        A probability in 255 parts is enough to colour with, and not to see where two are equal.
        """
        logits = self._training.model.predict(self._large).astype(float)
        logits = np.nan_to_num(logits, posinf=1e300, neginf=-1e300)  # of a run that diverges
        logits -= logits.max(axis=1, keepdims=True)
        odds = np.exp(logits)
        shares = odds / odds.sum(axis=1, keepdims=True)
        planes = shares[:, 1:] if shares.shape[1] == 2 else shares
        if shares.shape[1] == 2:
            lead = logits[:, 1:] - logits[:, :1]
        else:
            best = np.sort(logits, axis=1)
            others = np.where(logits == best[:, -1:], best[:, -2:-1], best[:, -1:])
            lead = logits - others
        scaled = np.clip(np.nan_to_num(lead.T), -_LEAD, _LEAD) * (32_767 / _LEAD)
        return _bytes(255 * np.nan_to_num(planes.T)), np.rint(scaled).astype("<i2").ravel()

    def _units(self) -> np.ndarray:
        """Return what each hidden unit gives over the plane: 128 is 0, its greatest an end."""
        model = self._training.model
        x: Any = self._small
        seen: dict[str, np.ndarray] = {}
        owner = ""
        for name, layer in model.layers.items():
            x, _ = layer.apply(model.params.get(name, {}), {}, x)
            owner = name if isinstance(layer, Dense) else owner
            seen[owner] = x
        hidden = [values for name, values in seen.items() if name != owner]
        if not hidden:
            return np.empty(0, np.uint8)
        values = np.nan_to_num(np.concatenate([v.T for v in hidden])).astype(float)
        most = np.max(np.abs(values), axis=1, keepdims=True)
        scaled = values / np.where(most > 0, most, 1)
        return _bytes(128 + 127 * scaled)


def flat(params: Any) -> np.ndarray:
    """Return all weights, then all biases, of one layer after the other."""
    arrays = [v.ravel() for each in params.values() for v in (each["W"], each["b"])]
    return np.concatenate(arrays).astype(np.float32)


def _bytes(values: np.ndarray) -> np.ndarray:
    found: np.ndarray = np.rint(values).astype(np.uint8).ravel()
    return found


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None
