"""What was found, as text, as HTML and as numbers."""

from __future__ import annotations

import html
import math
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from chainrule.calling import public
from chainrule.nn.health.finding import SEVERITIES, Finding

#: Key of a measure, and what its column is headed.
_COLUMNS = (
    ("weight_norm", "weights"),
    ("gradient_norm", "gradient"),
    ("update_ratio", "update/weights"),
    ("activation_mean", "mean"),
    ("activation_std", "spread"),
    ("dead_share", "dead"),
    ("saturated_share", "saturated"),
)
_WIDTH = 96


@public
@dataclass(frozen=True)
class Health:
    """How a model is, on given data; made by :func:`health`.

    Attributes
    ----------
    findings : tuple of Finding
        The worst first.
    layers : dict of str to dict
        Measures of each layer: ``"parameters"`` (how many), ``"weight_norm"``,
        ``"gradient_norm"``, ``"update_ratio"`` (one step over the weights), ``"activation_mean"``,
        ``"activation_std"``, ``"result_gradient_norm"``, ``"dead_share"``, ``"saturated_share"``,
        ``"units"``; None for what there is not.
    rows : int
        How many rows were looked at.
    every : int
        How many there are.
    loss : float or None
    looked_at : tuple of str
        What was looked for.
    notes : tuple of str
        What could not be looked at, and why.
    """

    findings: tuple[Finding, ...]
    layers: Mapping[str, Mapping[str, Any]]
    rows: int
    every: int
    loss: float | None
    looked_at: tuple[str, ...]
    notes: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether there is nothing worse than a note."""
        return all(f.severity == "note" for f in self.findings)

    def of(self, kind: str) -> list[Finding]:
        """Return the findings of one kind.

        Parameters
        ----------
        kind : str
        """
        return [f for f in self.findings if f.kind == kind]

    def to_dict(self) -> dict[str, Any]:
        """Return it as numbers, strings and lists, which JSON can hold.

        Returns
        -------
        dict
        """
        return {
            "ok": self.ok,
            "findings": [f.to_dict() for f in self.findings],
            "layers": {name: dict(layer) for name, layer in self.layers.items()},
            "rows": self.rows,
            "every": self.every,
            "loss": self.loss,
            "looked_at": list(self.looked_at),
            "notes": list(self.notes),
        }

    def text(self) -> str:
        """Return it as plain text: the layers as a table, then what was found.

        Returns
        -------
        str
        """
        sampled = "" if self.rows == self.every else f" of {self.every:,}, evenly spread"
        loss = "" if self.loss is None else f"; loss {self.loss:.4g}"
        lines = [f"Health on {self.rows:,} rows{sampled}{loss}", ""]
        lines += [f"  {line}" for line in _table(self.layers)]
        if self.findings:
            lines += ["", self._summary()]
            for finding in self.findings:
                lines += ["", *_wrapped(f"{finding.severity + ':':<9}{finding.text}", 9)]
                lines += _wrapped(f"         remedies: {finding.remedy}", 19)
        else:
            lines += ["", "Nothing found."]
        lines += ["", *_wrapped(f"Looked at: {', '.join(self.looked_at)}.", 2)]
        for note in self.notes:
            lines += _wrapped(note, 2)
        return "\n".join(lines)

    def _summary(self) -> str:
        counts = {s: sum(f.severity == s for f in self.findings) for s in SEVERITIES}
        shown = [
            f"{n} {s}" + ("s" if s != "severe" and n > 1 else "") for s, n in counts.items() if n
        ]
        return f"Found: {', '.join(shown)}."

    __str__ = __repr__ = text

    def _repr_html_(self) -> str:
        head = "".join(f"<th>{html.escape(title)}</th>" for _, title in _COLUMNS)
        rows = "".join(
            f"<tr><th>{html.escape(name)}</th>"
            + "".join(f"<td>{_number(layer.get(key), key)}</td>" for key, _ in _COLUMNS)
            + "</tr>"
            for name, layer in self.layers.items()
        )
        found = "".join(
            f"<li><b>{f.severity}</b>: {html.escape(f.text)}<br>Usual remedies: "
            f"{html.escape(f.remedy)}.</li>"
            for f in self.findings
        )
        said = f"<ul>{found}</ul>" if found else "<p>Nothing found.</p>"
        return f"<table><tr><th>layer</th>{head}</tr>{rows}</table>{said}"


def _table(layers: Mapping[str, Mapping[str, Any]]) -> list[str]:
    shown = [(k, t) for k, t in _COLUMNS if any(v.get(k) is not None for v in layers.values())]
    rows = [["layer", *(title for _, title in shown)]]
    rows += [[name, *(_number(v.get(k), k) for k, _ in shown)] for name, v in layers.items()]
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return [
        "  ".join(
            cell.ljust(width) if i == 0 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def _number(value: Any, key: str) -> str:
    if value is None:
        return "-"
    if key.endswith("_share"):
        return f"{value:.0%}"
    return f"{value:.3g}" if math.isfinite(value) else str(value)


def _wrapped(text: str, indent: int) -> list[str]:
    return textwrap.wrap(
        text, _WIDTH, subsequent_indent=" " * indent, break_long_words=False,
        break_on_hyphens=False, drop_whitespace=True, replace_whitespace=False,
    )  # fmt: skip


def worst_first(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """Return findings by severity, and otherwise in the order in which they were made."""
    return tuple(sorted(findings, key=lambda f: SEVERITIES.index(f.severity)))
